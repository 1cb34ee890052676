// fuzz_frame.c - any bytes as a stream of frames, at once and byte by byte.
#include "base/assert.h"
#include "tars/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SIZE_MAX_OF_FRAME = 256
};

// check_frame feeds a frame in growing pieces: it is found when all of it is there, not before.
static kp_err check_frame(struct kp_bytes stream, size_t *ret_size)
{
	struct kp_bytes whole = {0};
	size_t size = 0;
	kp_err err = kp_frame_find(stream, SIZE_MAX_OF_FRAME, &whole, &size);
	for (size_t len = 0; len <= stream.len && len <= SIZE_MAX_OF_FRAME; len++) {
		struct kp_bytes part = {0};
		size_t wanted = 0;
		kp_err each = kp_frame_find((struct kp_bytes){stream.ptr, len}, SIZE_MAX_OF_FRAME,
		                            &part, &wanted);
		if (each == KP_ERR_AGAIN) {
			kp_assert(wanted > len && wanted <= SIZE_MAX_OF_FRAME);
			continue;
		}
		kp_assert(each == err && len >= KP_FRAME_HEAD_SIZE);
		if (each != KP_OK)
			break;
		kp_assert(len >= size && wanted == size && part.ptr == whole.ptr &&
		          part.len == whole.len && part.ptr + part.len == stream.ptr + size);
	}
	if (err == KP_OK)
		*ret_size = size;
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_bytes stream = {data, size};
	size_t used = 0;
	while (check_frame(stream, &used) == KP_OK) {
		kp_assert(used >= KP_FRAME_SIZE_MIN && used <= stream.len);
		stream = (struct kp_bytes){stream.ptr + used, stream.len - used};
	}
	return 0;
}
