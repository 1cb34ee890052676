// quick_answer.h - answers as they nearly always are: version 1, ret 0, a body, nothing else.
//
// Anything else, malformed ones among them, is left to kp_response_packet_decode. Source: contract
// B.3.
#pragma once

#include "tars/quick.h"

// kp_quick_answer_read reads such an answer and leaves in *ret what kp_response_packet_decode
// would, or returns false.
static inline bool kp_quick_answer_read(struct kp_bytes packet, struct kp_response_packet *ret)
{
	enum {
		SIZE_MIN = 3 + 5 + 4 + 5, // so far the heads may reach
	};
	static const uint8_t head[4] = {1 << 4 | KP_WIRE_INT8, KP_PACKET_TARS,
	                                2 << 4 | KP_WIRE_ZERO, 0};
	static const uint8_t mask[4] = {255, 255, 255, 0};
	static const uint8_t middle[4] = {4 << 4 | KP_WIRE_ZERO, 5 << 4 | KP_WIRE_ZERO,
	                                  6 << 4 | KP_WIRE_SIMPLE_LIST, KP_WIRE_INT8};
	const uint8_t *at = packet.ptr, *end = at + packet.len;
	if (KP_UNLIKELY(packet.len < SIZE_MIN))
		return false; // the slow way minds the end at every step
	uint32_t differs = kp_quick_load32(at) ^ kp_quick_load32(head);
	if (KP_UNLIKELY((differs & kp_quick_load32(mask)) != 0))
		return false;
	int32_t id;
	at = kp_quick_int(at + 3, 3, &id);
	if (KP_UNLIKELY(!at || kp_quick_load32(at) != kp_quick_load32(middle)))
		return false;
	at += sizeof(middle);
	int32_t len;
	at = kp_quick_int(at, 0, &len);
	if (KP_UNLIKELY(!at || len < 0 || end - at - 2 != len ||
	                end[-2] != (7 << 4 | KP_WIRE_MAP) || end[-1] != KP_WIRE_ZERO))
		return false;
	*ret = (struct kp_response_packet){
	        .version = KP_PACKET_TARS, .request_id = id, .body = {at, (size_t)len}};
	return true;
}
