// frame.h - packets on a byte stream, each behind its length.
//
//     | u32 length, counts itself | packet ... |
//
// Source: contract B.1.
#pragma once

#include "tars/packet.h"
#include "tars/wire.h"

enum {
	KP_FRAME_SIZE_MIN = 5,
};

// kp_frame_find looks for a whole frame at the start of `bytes`; a frame of `size_max` bytes,
// length included, is the largest. *ret_frame is the packet without the length, *ret_size what the
// frame takes of `bytes`. AGAIN: not all of it is there yet; *ret_size is how many bytes there must
// be, as far as one can tell. DECODE: the length is impossible, LIMIT: it is over the limit; both
// end the stream.
static inline kp_err kp_frame_find(struct kp_bytes bytes, size_t size_max,
                                   struct kp_bytes *ret_frame, size_t *ret_size)
{
	if (KP_UNLIKELY(bytes.len < KP_FRAME_HEAD_SIZE)) {
		*ret_size = KP_FRAME_HEAD_SIZE;
		return KP_ERR_AGAIN;
	}
	size_t size = kp_wire_get_u32(bytes.ptr);
	if (KP_UNLIKELY(size < KP_FRAME_SIZE_MIN))
		return KP_ERR_DECODE;
	if (KP_UNLIKELY(size > size_max))
		return KP_ERR_LIMIT;
	*ret_size = size;
	if (bytes.len < size)
		return KP_ERR_AGAIN;
	ret_frame->ptr = bytes.ptr + KP_FRAME_HEAD_SIZE;
	ret_frame->len = size - KP_FRAME_HEAD_SIZE;
	return KP_OK;
}
