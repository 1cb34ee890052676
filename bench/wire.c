// wire.c - the two packets that the load generator needs, by hand.
#include "wire.h"

#include <endian.h>
#include <string.h>

enum {
	FRAME_SIZE_MAX = 64 * 1024 * 1024,
};

static void put_be32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, 4);
}

static uint32_t get_be32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return be32toh(value);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

// put_len writes a length as an integer with tag 0, in its narrowest form.
static uint8_t *put_len(uint8_t *at, size_t len)
{
	if (len == 0) {
		*at++ = 0x0c;
	} else if (len <= INT8_MAX) {
		*at++ = 0x00;
		*at++ = (uint8_t)len;
	} else if (len <= INT16_MAX) {
		*at++ = 0x01;
		*at++ = (uint8_t)(len >> 8);
		*at++ = (uint8_t)len;
	} else {
		*at++ = 0x02;
		put_be32(at, (uint32_t)len);
		at += 4;
	}
	return at;
}

static size_t len_size(size_t len)
{
	return len == 0 ? 1 : len <= INT8_MAX ? 2 : len <= INT16_MAX ? 3 : 5;
}

size_t wire_request_encode(uint8_t *frame, const uint8_t *bytes, size_t len, size_t *ret_id_offset,
                           size_t *ret_bytes_offset)
{
	// Version 1, packet type 0, message type 0, and the id in its widest form.
	static const uint8_t head[] = {0x10, 1, 0x2c, 0x3c, 0x42, 0, 0, 0, 0};
	static const char servant[] = "Demo.EchoServer.EchoObj";
	// Timeout 3000 ms, no context, no status.
	static const uint8_t tail[] = {0x81, 0x0b, 0xb8, 0x98, 0x0c, 0xa8, 0x0c};

	uint8_t *at = frame + 4;
	*ret_id_offset = 4 + sizeof(head) - 4;
	at = put_bytes(at, head, sizeof(head));
	*at++ = 0x56;
	*at++ = sizeof(servant) - 1;
	at = put_bytes(at, servant, sizeof(servant) - 1);
	at = put_bytes(at,
	               "\x66\x04"
	               "echo",
	               6);

	at = put_bytes(at, "\x7d\x00", 2);
	at = put_len(at, 2 + len_size(len) + len);
	at = put_bytes(at, "\x1d\x00", 2);
	at = put_len(at, len);
	*ret_bytes_offset = (size_t)(at - frame);
	at = put_bytes(at, bytes, len);

	at = put_bytes(at, tail, sizeof(tail));
	put_be32(frame, (uint32_t)(at - frame));
	return (size_t)(at - frame);
}

void wire_set_id(uint8_t *frame, size_t id_offset, uint32_t id)
{
	put_be32(frame + id_offset, id);
}

kp_err wire_frame_size(const uint8_t *bytes, size_t len, size_t *ret)
{
	if (len < 4) {
		*ret = 0;
		return KP_OK;
	}
	size_t size = get_be32(bytes);
	if (size < 5 || size > FRAME_SIZE_MAX)
		return KP_ERR_DECODE;
	*ret = size;
	return KP_OK;
}

// A cursor over one level of fields; `at` is NULL after an error.
struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static const uint8_t *take(struct cursor *in, size_t size)
{
	if (!in->at || (size_t)(in->end - in->at) < size) {
		in->at = NULL;
		return NULL;
	}
	const uint8_t *taken = in->at;
	in->at += size;
	return taken;
}

// take_int reads the integer with `tag` that must come next; after an error it is 0.
static int32_t take_int(struct cursor *in, unsigned tag)
{
	const uint8_t *head = take(in, 1);
	if (head && *head >> 4 == tag) {
		const uint8_t *value;
		switch (*head & 15) {
		case 12:
			return 0;
		case 0:
			value = take(in, 1);
			return value ? (int8_t)value[0] : 0;
		case 1:
			value = take(in, 2);
			return value ? (int16_t)(value[0] << 8 | value[1]) : 0;
		case 2:
			value = take(in, 4);
			return value ? (int32_t)get_be32(value) : 0;
		default:
			break;
		}
	}
	in->at = NULL;
	return 0;
}

// take_bytes reads the vector<byte> with `tag` that must come next.
static const uint8_t *take_bytes(struct cursor *in, unsigned tag, size_t *ret_len)
{
	const uint8_t *head = take(in, 2);
	*ret_len = 0;
	if (!head || head[0] != (tag << 4 | 13) || head[1] != 0) {
		in->at = NULL;
		return NULL;
	}
	int32_t len = take_int(in, 0);
	const uint8_t *bytes = take(in, len < 0 ? SIZE_MAX : (size_t)len);
	*ret_len = bytes ? (size_t)len : 0;
	return bytes;
}

kp_err wire_answer_decode(const uint8_t *frame, size_t size, struct wire_answer *ret)
{
	struct cursor in = {frame + 4, frame + size};
	struct wire_answer answer = {0};
	int32_t version = take_int(&in, 1);
	int32_t packet_type = take_int(&in, 2);
	answer.id = take_int(&in, 3);
	take_int(&in, 4);
	answer.code = take_int(&in, 5);
	size_t body_len;
	const uint8_t *body = take_bytes(&in, 6, &body_len);
	if (!body || version != 1 || packet_type != 0)
		return KP_ERR_DECODE;
	if (answer.code == 0) {
		struct cursor fields = {body, body + body_len};
		answer.result = take_int(&fields, 0);
		answer.bytes = take_bytes(&fields, 2, &answer.len);
		if (!answer.bytes || fields.at != fields.end)
			return KP_ERR_DECODE;
	}
	const uint8_t *status = take(&in, 1);
	if (!status || *status != 0x78)
		return KP_ERR_DECODE;
	*ret = answer;
	return KP_OK;
}
