// quick_write.h - usual requests, written in one go: version 1, no message type, short names, empty
// maps.
//
// The bytes are those of kp_request_packet_encode, to which everything else is left. Source:
// contract B.2.
#pragma once

#include "tars/packet.h"
#include "tars/wire.h"

enum {
	KP_QUICK_NAME_MAX = 255,
	KP_QUICK_BODY_MAX = INT16_MAX,
	// Of all but the names and the body: length, version, types, heads, numbers, maps.
	KP_QUICK_REST_MAX = 4 + 2 + 2 + 1 + 5 + 2 + 2 + 2 + 3 + 5 + 4,
};

// kp_quick_put_int writes a number that is not negative in the narrowest form.
static inline uint8_t *kp_quick_put_int(uint8_t *at, unsigned tag, int32_t value)
{
	if (KP_LIKELY(value > INT16_MAX)) {
		*at = (uint8_t)(tag << 4 | KP_WIRE_INT32);
		return kp_wire_put_u32(at + 1, (uint32_t)value);
	}
	if (value > INT8_MAX) {
		*at = (uint8_t)(tag << 4 | KP_WIRE_INT16);
		return kp_wire_put_u16(at + 1, (uint16_t)value);
	}
	if (value == 0) {
		*at = (uint8_t)(tag << 4 | KP_WIRE_ZERO);
		return at + 1;
	}
	at[0] = (uint8_t)(tag << 4 | KP_WIRE_INT8);
	at[1] = (uint8_t)value;
	return at + 2;
}

// kp_quick_copy copies a short text without a call, the last eight bytes together.
static inline void kp_quick_copy(uint8_t *to, const char *from, size_t len)
{
	if (KP_UNLIKELY(len < 8)) {
		for (size_t i = 0; i < len; i++)
			to[i] = (uint8_t)from[i];
		return;
	}
	for (size_t at = 0; at + 8 < len; at += 8)
		memcpy(to + at, from + at, 8);
	memcpy(to + len - 8, from + len - 8, 8);
}

static inline uint8_t *kp_quick_put_name(uint8_t *at, unsigned tag, struct kp_str name)
{
	at[0] = (uint8_t)(tag << 4 | KP_WIRE_STRING1);
	at[1] = (uint8_t)name.len;
	kp_quick_copy(at + 2, name.ptr, name.len);
	return at + 2 + name.len;
}

// kp_quick_request_write appends a two-way request, or returns false when it is not of this kind or
// there is no memory for it: then nothing was written. Message type, context and status of the
// packet are taken as empty; id and timeout are not negative.
static inline bool kp_quick_request_write(struct kp_buf *out,
                                          const struct kp_request_packet *packet)
{
	size_t body_len = packet->body.len;
	size_t names_len = packet->servant.len + packet->function.len;
	if (KP_UNLIKELY(packet->servant.len > KP_QUICK_NAME_MAX ||
	                packet->function.len > KP_QUICK_NAME_MAX || body_len > KP_QUICK_BODY_MAX))
		return false;
	uint8_t *start = kp_buf_reserve(out, KP_QUICK_REST_MAX + names_len + body_len);
	if (KP_UNLIKELY(!start || out->len_max != 0))
		return false;
	static const uint8_t head[4] = {1 << 4 | KP_WIRE_INT8, KP_PACKET_TARS,
	                                2 << 4 | KP_WIRE_ZERO, 3 << 4 | KP_WIRE_ZERO};
	static const uint8_t no_maps[4] = {9 << 4 | KP_WIRE_MAP, KP_WIRE_ZERO,
	                                   10 << 4 | KP_WIRE_MAP, KP_WIRE_ZERO};
	memcpy(start + KP_FRAME_HEAD_SIZE, head, sizeof(head));
	uint8_t *at = start + KP_FRAME_HEAD_SIZE + sizeof(head);
	at = kp_quick_put_int(at, 4, packet->request_id);
	at = kp_quick_put_name(at, 5, packet->servant);
	at = kp_quick_put_name(at, 6, packet->function);
	*at++ = 7 << 4 | KP_WIRE_SIMPLE_LIST;
	*at++ = KP_WIRE_INT8;
	at = kp_quick_put_int(at, 0, (int32_t)body_len);
	if (KP_LIKELY(body_len > 0))
		memcpy(at, packet->body.ptr, body_len);
	at = kp_quick_put_int(at + body_len, 8, packet->timeout_ms);
	memcpy(at, no_maps, sizeof(no_maps));
	size_t size = (size_t)(at + sizeof(no_maps) - start);
	kp_wire_put_u32(start, (uint32_t)size);
	out->len += size;
	return true;
}
