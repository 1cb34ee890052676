// fuzz_tup.c - any bytes as attributes of TUP, and as bodies to make attributes of.
#include "base/assert.h"
#include "base/mem.h"
#include "tars/describe_sample.h"
#include "tars/tup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A body that came of attributes gives attributes that give it again.
static void check_body(const struct kp_function *function, enum kp_tup_side side, int version,
                       struct kp_bytes body)
{
	struct kp_buf attributes = {0}, again = {0};
	kp_assert(kp_tup_from_body(function, side, version, body, &attributes) == KP_OK);
	kp_assert(kp_tup_to_body(function, side, version, kp_buf_bytes(&attributes), NULL,
	                         &again) == KP_OK);
	kp_assert(kp_bytes_equal(kp_buf_bytes(&again), body));
	kp_buf_fini(&attributes);
	kp_buf_fini(&again);
}

static void check(const struct kp_function *function, enum kp_tup_side side, int version,
                  struct kp_bytes bytes)
{
	struct kp_buf out = {0};
	struct kp_arena *arena = kp_arena_new(0);
	kp_err err = kp_tup_to_body(function, side, version, bytes, arena, &out);
	if (err == KP_OK)
		check_body(function, side, version, kp_buf_bytes(&out));
	else
		kp_assert(out.len == 0 && (err == KP_ERR_DECODE || err == KP_ERR_LIMIT));
	err = kp_tup_from_body(function, side, version, bytes, &out);
	kp_assert(err == KP_OK || err == KP_ERR_DECODE || err == KP_ERR_LIMIT);
	kp_buf_fini(&out);
	kp_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_bytes bytes = {data, size};
	for (size_t i = 0; i < sample.function_count; i++)
		for (int version = KP_PACKET_TUP2; version <= KP_PACKET_TUP3; version++) {
			check(&sample.functions[i], KP_TUP_REQUEST, version, bytes);
			check(&sample.functions[i], KP_TUP_ANSWER, version, bytes);
		}
	kp_assert(kp_mem_live() == 0);
	return 0;
}
