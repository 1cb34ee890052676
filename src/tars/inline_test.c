// inline_test.c - the short ways of the codec say and read what the long ways do.
#include "kipp/inline.h"

#include "base/arena.h"
#include "base/mem.h"
#include "tars/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
	TAIL = 16, // bytes behind a field, so that the short way dares to read it
};

// numbers_do calls `check` with every power of two, its neighbours, and their negatives.
static void numbers_do(void (*check)(int64_t value))
{
	check(0);
	for (int bit = 0; bit < 63; bit++) {
		int64_t power = (int64_t)((uint64_t)1 << bit);
		for (int64_t value = power - 1; value <= power + 1; value++) {
			check(value);
			check(-value);
		}
	}
	check(INT64_MAX);
	check(INT64_MIN);
}

static void expect_same_bytes(int64_t value, unsigned tag, unsigned type_max)
{
	uint8_t expected[KP_WIRE_NUMBER_SIZE], bytes[KP_WIRE_NUMBER_SIZE];
	size_t size = (size_t)(kp_wire_put_int(expected, tag, value) - expected);
	assert_int_equal(kp_int_put(bytes, tag, value, type_max) - bytes, size);
	assert_memory_equal(bytes, expected, size);
}

static void check_put(int64_t value)
{
	static const unsigned tags[] = {0, 14, 15, 255};
	for (size_t i = 0; i < 4; i++) {
		expect_same_bytes(value, tags[i], KP_WIRE_INT64);
		if (value == (int32_t)value)
			expect_same_bytes(value, tags[i], KP_WIRE_INT32);
		if (value == (int16_t)value)
			expect_same_bytes(value, tags[i], KP_WIRE_INT16);
		if (value == (int8_t)value)
			expect_same_bytes(value, tags[i], KP_WIRE_INT8);
	}
}

static void numbers_take_their_narrowest_form(void **state)
{
	numbers_do(check_put);
}

#define EXPECT_BOTH_WAYS(name, type, bytes, size)                                               \
	do {                                                                                    \
		type slow = 0, quick = 0;                                                       \
		struct kp_decoder at_end = kp_decoder((struct kp_bytes){bytes, size}, NULL);    \
		struct kp_decoder before =                                                      \
		        kp_decoder((struct kp_bytes){bytes, (size) + TAIL}, NULL);              \
		bool is_read = kp_##name##_decode_slow(&at_end, 1, KP_REQUIRED, &slow);         \
		assert_int_equal(kp_##name##_decode(&before, 1, KP_REQUIRED, &quick), is_read); \
		assert_true(quick == slow);                                                     \
		assert_int_equal(before.err, at_end.err);                                       \
		if (is_read)                                                                    \
			assert_ptr_equal(before.ptr, at_end.ptr);                               \
	} while (0)

static void check_get(int64_t value)
{
	uint8_t bytes[KP_WIRE_NUMBER_SIZE + TAIL] = {0};
	size_t size = (size_t)(kp_wire_put_int(bytes, 1, value) - bytes);
	EXPECT_BOTH_WAYS(bool, bool, bytes, size);
	EXPECT_BOTH_WAYS(i8, int8_t, bytes, size);
	EXPECT_BOTH_WAYS(i16, int16_t, bytes, size);
	EXPECT_BOTH_WAYS(i32, int32_t, bytes, size);
	EXPECT_BOTH_WAYS(i64, int64_t, bytes, size);
	EXPECT_BOTH_WAYS(u8, uint8_t, bytes, size);
	EXPECT_BOTH_WAYS(u16, uint16_t, bytes, size);
	EXPECT_BOTH_WAYS(u32, uint32_t, bytes, size);
	EXPECT_BOTH_WAYS(f32, float, bytes, size);
	EXPECT_BOTH_WAYS(f64, double, bytes, size);
}

static void numbers_are_read_alike_in_the_middle_and_at_the_end(void **state)
{
	numbers_do(check_get);
}

static uint8_t *put_five(uint8_t *at)
{
	at = kp_i32_put(at, 0, 70000);
	at = kp_bool_put(at, 1, true);
	at = kp_f64_put(at, 2, 0.5);
	at = kp_i64_put(at, 3, 0);
	return kp_u32_put(at, 200, UINT32_MAX);
}

static void encode_five(struct kp_buf *out)
{
	kp_i32_encode(out, 0, 70000);
	kp_bool_encode(out, 1, true);
	kp_f64_encode(out, 2, 0.5);
	kp_i64_encode(out, 3, 0);
	kp_u32_encode(out, 200, UINT32_MAX);
}

static void run_five(struct kp_buf *out)
{
	uint8_t spare[48];
	uint8_t *start = kp_run_begin(out, spare, sizeof(spare));
	kp_run_end(out, spare, start, put_five(start));
}

// A run asks for more room than it uses; the limit is for what it uses.
static void a_run_fits_up_to_the_last_byte(void **state)
{
	struct kp_buf whole = {0};
	encode_five(&whole);
	for (size_t limit = 1; limit < whole.len + 64; limit++) {
		struct kp_buf out = {.len_max = limit};
		run_five(&out);
		assert_int_equal(out.err, limit < whole.len ? KP_ERR_LIMIT : KP_OK);
		if (limit >= whole.len) {
			assert_int_equal(out.len, whole.len);
			assert_memory_equal(out.data, whole.data, whole.len);
		}
		kp_buf_fini(&out);
	}
	kp_buf_fini(&whole);
}

static void numbers_fit_up_to_the_last_byte(void **state)
{
	for (size_t limit = 1; limit < 64; limit++) {
		struct kp_buf out = {.len_max = limit};
		kp_i64_encode(&out, 3, 0);
		assert_int_equal(out.err, KP_OK);
		kp_i64_encode(&out, 4, INT64_MAX);
		assert_int_equal(out.err, limit < 10 ? KP_ERR_LIMIT : KP_OK);
		kp_buf_fini(&out);
	}
}

static void a_run_leaves_a_failed_buffer_alone(void **state)
{
	struct kp_buf out = {0};
	encode_five(&out);
	size_t len = out.len;
	out.err = KP_ERR_ENCODE;
	run_five(&out);
	assert_int_equal(out.len, len);
	assert_int_equal(out.err, KP_ERR_ENCODE);
	kp_buf_fini(&out);
}

static void runs_follow_one_another(void **state)
{
	struct kp_buf expected = {0}, out = {0};
	for (int i = 0; i < 1000; i++) {
		encode_five(&expected);
		run_five(&out);
	}
	assert_int_equal(out.len, expected.len);
	assert_memory_equal(out.data, expected.data, out.len);
	kp_buf_fini(&expected);
	kp_buf_fini(&out);
}

static void every_allocation_may_fail(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf out = {0};
		run_five(&out);
		run_five(&out);
		assert_int_equal(out.err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&out);
		assert_int_equal(kp_mem_live(), 0);
	}
}

// Every length of a text, so that both ends of each way of copying are met.
static void texts_of_every_length_are_copied_whole(void **state)
{
	char text[300];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (size_t len = 0; len <= sizeof(text); len++) {
		struct kp_buf out = {0};
		kp_buf_reserve(&out, 1024);
		kp_str_encode(&out, 1, (struct kp_str){text, len});
		struct kp_str back = {0};
		struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), NULL);
		assert_true(kp_str_decode(&in, 1, KP_REQUIRED, &back));
		assert_ptr_equal(in.ptr, in.end);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.ptr, text, len);
		kp_buf_fini(&out);
	}
}

static void a_text_is_never_longer_than_its_bytes(void **state)
{
	uint8_t bytes[] = {0x16, 5, 'h', 'e', 'l', 'l', 'o'};
	for (size_t size = 0; size < sizeof(bytes); size++) {
		struct kp_str text = {0};
		struct kp_decoder in = kp_decoder((struct kp_bytes){bytes, size}, NULL);
		assert_false(kp_str_decode(&in, 1, KP_REQUIRED, &text));
		assert_int_equal(in.err, KP_ERR_DECODE);
	}
}

static void structs_nest_as_deep_as_they_may(void **state)
{
	uint8_t bytes[KP_DEPTH_MAX + 1];
	memset(bytes, KP_WIRE_STRUCT_BEGIN, sizeof(bytes));
	struct kp_decoder in = kp_decoder((struct kp_bytes){bytes, sizeof(bytes)}, NULL);
	for (int depth = 0; depth < KP_DEPTH_MAX; depth++)
		assert_true(kp_struct_enter(&in, 0, KP_REQUIRED));
	assert_false(kp_struct_enter(&in, 0, KP_REQUIRED));
	assert_int_equal(in.err, KP_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers_take_their_narrowest_form),
	        cmocka_unit_test(numbers_are_read_alike_in_the_middle_and_at_the_end),
	        cmocka_unit_test(a_run_fits_up_to_the_last_byte),
	        cmocka_unit_test(numbers_fit_up_to_the_last_byte),
	        cmocka_unit_test(a_run_leaves_a_failed_buffer_alone),
	        cmocka_unit_test(runs_follow_one_another),
	        cmocka_unit_test(every_allocation_may_fail),
	        cmocka_unit_test(texts_of_every_length_are_copied_whole),
	        cmocka_unit_test(a_text_is_never_longer_than_its_bytes),
	        cmocka_unit_test(structs_nest_as_deep_as_they_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
