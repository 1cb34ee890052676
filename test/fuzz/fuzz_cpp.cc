// fuzz_cpp.cc - any bytes as C++ values of every type, which give the same bytes from then on.
#include "everything.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode_value(struct kp_bytes bytes, All::Containers &ret)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_decoder in = kp_decoder(bytes, arena);
	kipp::reader reader(&in, 16 << 20);
	bool is_there = kipp::decode(reader, 0, KP_REQUIRED, ret);
	if (is_there != (in.err == KP_OK))
		abort();
	kp_arena_free(arena);
	return is_there;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	All::Containers value, again;
	if (!decode_value({data, size}, value))
		return 0;
	kipp::detail::bytes first, second;
	kipp::encode(&first.buf, 0, value);
	if (first.buf.err != KP_OK || !decode_value(kp_buf_bytes(&first.buf), again))
		abort();
	kipp::encode(&second.buf, 0, again);
	if (!kp_bytes_equal(kp_buf_bytes(&first.buf), kp_buf_bytes(&second.buf)))
		abort();
	return 0;
}
