// quick.h - requests and answers as they nearly always are: version 1, two-way, no message type,
// short names, empty maps.
//
// What such requests have in common need not be decoded again and again: it is compared as it lies.
// Anything else is left to kp_request_packet_decode, which understands all of it. Source: contract
// B.2.
#pragma once

#include "tars/packet.h"
#include "tars/wire.h"

enum {
	KP_QUICK_NAMES_MAX = 116, // of two names with their heads
};

// kp_quick_request is such a request; its two names are not taken apart.
struct kp_quick_request {
	struct kp_bytes names; // servant and function, encoded
	struct kp_bytes body;
	int32_t request_id;
	int32_t timeout_ms;
};

static inline uint32_t kp_quick_load32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t kp_quick_load64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

// kp_quick_int reads an integer of at most 32 bits with a short head; five bytes must be there.
// Returns what follows, or NULL for anything else.
static inline const uint8_t *kp_quick_int(const uint8_t *at, unsigned tag, int32_t *ret)
{
	unsigned type = *at ^ tag << 4;
	if (KP_LIKELY(type == KP_WIRE_INT16)) {
		*ret = (int16_t)kp_wire_get_u16(at + 1);
		return at + 3;
	}
	if (type == KP_WIRE_INT32) {
		*ret = (int32_t)kp_wire_get_u32(at + 1);
		return at + 5;
	}
	if (type == KP_WIRE_INT8) {
		*ret = kp_wire_get_i8(at + 1);
		return at + 2;
	}
	*ret = 0;
	return type == KP_WIRE_ZERO ? at + 1 : NULL;
}

// kp_quick_names finds the end of the two names, or NULL.
static inline const uint8_t *kp_quick_names(const uint8_t *at, const uint8_t *end)
{
	if (KP_UNLIKELY(*at != (5 << 4 | KP_WIRE_STRING1)))
		return NULL;
	const uint8_t *function = at + 2 + at[1];
	if (KP_UNLIKELY(end - function < 2 || *function != (6 << 4 | KP_WIRE_STRING1)))
		return NULL;
	return function + 2 + function[1];
}

// kp_quick_body reads a body of at most INT16_MAX bytes and what follows it up to the packet's end,
// or returns false.
static inline bool kp_quick_body(const uint8_t *at, const uint8_t *end,
                                 struct kp_quick_request *ret)
{
	enum {
		HEAD_MIN = 3,
		REST_MIN = 1 + 4, // the timeout and two empty maps
	};
	if (KP_UNLIKELY(end - at < HEAD_MIN + REST_MIN || at[0] != (7 << 4 | KP_WIRE_SIMPLE_LIST) ||
	                at[1] != KP_WIRE_INT8))
		return false;
	size_t len;
	if (KP_LIKELY(at[2] == KP_WIRE_INT16)) {
		len = kp_wire_get_u16(at + 3); // a negative one is too long as well
		at += 5;
	} else if (at[2] == KP_WIRE_INT8) {
		len = at[3]; // the same
		at += 4;
		if (len > INT8_MAX)
			return false;
	} else if (at[2] == KP_WIRE_ZERO) {
		len = 0;
		at += 3;
	} else {
		return false;
	}
	if (KP_UNLIKELY(len > INT16_MAX || (size_t)(end - at) < len + REST_MIN))
		return false;
	ret->body = (struct kp_bytes){at, len};
	// The maps' four bytes stand behind the timeout: there are five to read.
	at = kp_quick_int(at + len, 8, &ret->timeout_ms);
	static const uint8_t no_maps[4] = {9 << 4 | KP_WIRE_MAP, KP_WIRE_ZERO,
	                                   10 << 4 | KP_WIRE_MAP, KP_WIRE_ZERO};
	return KP_LIKELY(at && end - at == 4 && kp_quick_load32(at) == kp_quick_load32(no_maps));
}

// kp_quick_request_read takes a packet apart, or returns false for one that is not of this kind,
// malformed ones among them.
static inline bool kp_quick_request_read(struct kp_bytes packet, struct kp_quick_request *ret)
{
	enum {
		SIZE_MIN = 24, // no request is shorter
	};
	static const uint8_t head[4] = {1 << 4 | KP_WIRE_INT8, KP_PACKET_TARS,
	                                2 << 4 | KP_WIRE_ZERO, 3 << 4 | KP_WIRE_ZERO};
	const uint8_t *at = packet.ptr, *end = at + packet.len;
	if (KP_UNLIKELY(packet.len < SIZE_MIN || kp_quick_load32(at) != kp_quick_load32(head)))
		return false;
	at = kp_quick_int(at + 4, 4, &ret->request_id);
	if (KP_UNLIKELY(!at))
		return false;
	const uint8_t *names = at;
	at = kp_quick_names(at, end);
	if (KP_UNLIKELY(!at))
		return false;
	ret->names = (struct kp_bytes){names, (size_t)(at - names)};
	return kp_quick_body(at, end, ret);
}

// kp_quick_equal compares encoded names, of which there are at least eight bytes.
static inline bool kp_quick_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t at = 0;
	for (; at + 8 < len; at += 8)
		if (kp_quick_load64(a + at) != kp_quick_load64(b + at))
			return false;
	return kp_quick_load64(a + len - 8) == kp_quick_load64(b + len - 8);
}

// kp_quick_response_begin is kp_response_begin for an answer to such a request, when there is room
// in a good buffer; else it returns false and does nothing.
static inline bool kp_quick_response_begin(struct kp_buf *out, struct kp_response_mark *mark,
                                           int32_t request_id)
{
	enum {
		ROOM = 4 + 3 + 5 + 4 + 3,
		COUNT_SIZE = 3,
	};
	static const uint8_t head[4] = {1 << 4 | KP_WIRE_INT8, KP_PACKET_TARS,
	                                2 << 4 | KP_WIRE_ZERO, 3 << 4 | KP_WIRE_ZERO};
	static const uint8_t middle[4] = {4 << 4 | KP_WIRE_ZERO, 5 << 4 | KP_WIRE_ZERO,
	                                  6 << 4 | KP_WIRE_SIMPLE_LIST, KP_WIRE_INT8};
	if (KP_UNLIKELY(out->err != KP_OK || out->cap - out->len < ROOM))
		return false;
	uint8_t *start = out->data + out->len;
	memcpy(start + KP_FRAME_HEAD_SIZE, head, sizeof(head));
	uint8_t *at = kp_wire_put_int(start + KP_FRAME_HEAD_SIZE + 3, 3, request_id);
	memcpy(at, middle, sizeof(middle));
	mark->start = out->len;
	mark->err = KP_OK;
	mark->body = out->len = (size_t)(at + sizeof(middle) + COUNT_SIZE - out->data);
	return true;
}

// kp_quick_response_end is kp_response_end for a body of 128 to INT16_MAX bytes without maps; else
// it returns false and does nothing.
static inline bool kp_quick_response_end(struct kp_buf *out, const struct kp_response_mark *mark)
{
	static const uint8_t no_map[2] = {7 << 4 | KP_WIRE_MAP, KP_WIRE_ZERO};
	size_t size = out->len - mark->body;
	if (KP_UNLIKELY(size - (INT8_MAX + 1) > INT16_MAX - (INT8_MAX + 1) || out->err != KP_OK ||
	                out->cap - out->len < sizeof(no_map)))
		return false;
	uint8_t *count = out->data + mark->body - 3;
	count[0] = KP_WIRE_INT16;
	kp_wire_put_u16(count + 1, (uint16_t)size);
	memcpy(out->data + out->len, no_map, sizeof(no_map));
	out->len += sizeof(no_map);
	kp_wire_put_u32(out->data + mark->start, (uint32_t)(out->len - mark->start));
	return true;
}
