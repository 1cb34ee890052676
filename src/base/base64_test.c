// base64_test.c - what bytes as text promise.
#include "base/base64.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <time.h>

#include <cmocka.h>

static void base64_is_that_of_the_standard(void **state)
{
	static const char *const rows[][2] = {
	        {"", ""},
	        {"f", "Zg=="},
	        {"fo", "Zm8="},
	        {"foo", "Zm9v"},
	        {"foob", "Zm9vYg=="},
	        {"fooba", "Zm9vYmE="},
	        {"foobar", "Zm9vYmFy"},
	        {"\xfb\xff\xfe", "+//+"},
	};
	struct kp_arena *arena = kp_arena_new(0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kp_str text = kp_str(rows[i][0]);
		struct kp_bytes bytes = {(const uint8_t *)text.ptr, text.len}, again;
		struct kp_buf out = {0};
		kp_base64_encode(bytes, &out);
		assert_true(kp_str_equal(kp_buf_str(&out), kp_str(rows[i][1])));
		assert_int_equal(kp_base64_decode(kp_buf_str(&out), arena, &again), KP_OK);
		assert_true(kp_bytes_equal(bytes, again));
		while (out.len > 0 && out.data[out.len - 1] == '=')
			out.len--;
		assert_int_equal(kp_base64_decode(kp_buf_str(&out), arena, &again), KP_OK);
		assert_true(kp_bytes_equal(bytes, again));
		kp_buf_fini(&out);
	}
	kp_arena_free(arena);
}

static void base64_refuses_what_it_never_writes(void **state)
{
	static const char *const texts[] = {
	        "A",   "AA=",  "A===", "=",    "====", "AAAA=",    "AB",
	        "AAB", "A A=", "A-A=", "A_A=", "AA\n", "Zg==Zg==", "AAA\xc3"};
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_bytes bytes;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(kp_base64_decode(kp_str(texts[i]), arena, &bytes), KP_ERR_INVALID);
	kp_arena_free(arena);
}

static void base64_brings_random_bytes_back(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct kp_arena *arena = kp_arena_new(0);
	uint8_t data[100];
	for (size_t len = 0; len < sizeof(data); len++) {
		for (size_t i = 0; i < len; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			data[i] = (uint8_t)(seed >> 56);
		}
		struct kp_buf out = {0};
		struct kp_bytes again;
		kp_base64_encode((struct kp_bytes){data, len}, &out);
		assert_int_equal(kp_base64_decode(kp_buf_str(&out), arena, &again), KP_OK);
		assert_true(kp_bytes_equal(again, (struct kp_bytes){data, len}));
		kp_buf_fini(&out);
	}
	kp_arena_free(arena);
	assert_int_equal(kp_mem_live(), 0);
}

static void base64_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_arena *arena = kp_arena_new(0);
		struct kp_bytes bytes;
		kp_err err = arena ? kp_base64_decode(kp_str("Zm9v"), arena, &bytes) : KP_ERR_NOMEM;
		assert_int_equal(err, fault ? KP_ERR_NOMEM : KP_OK);
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(base64_is_that_of_the_standard),
	        cmocka_unit_test(base64_refuses_what_it_never_writes),
	        cmocka_unit_test(base64_brings_random_bytes_back),
	        cmocka_unit_test(base64_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
