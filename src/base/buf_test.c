// buf_test.c - what a buffer promises.
#include "kipp/buf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_content(const struct kp_buf *buf, const char *text)
{
	assert_int_equal(buf->len, strlen(text));
	assert_memory_equal(buf->data, text, buf->len);
}

static void buf_keeps_what_is_appended(void **state)
{
	struct kp_buf buf = {0};
	kp_buf_append(&buf, "ab", 2);
	kp_buf_append(&buf, NULL, 0);
	kp_buf_append_byte(&buf, 'c');
	kp_buf_append_str(&buf, kp_str("de"));
	kp_buf_append_str(&buf, (struct kp_str){0});
	kp_buf_printf(&buf, "%d%s", 7, "");
	kp_buf_printf(&buf, "%s", "");
	assert_content(&buf, "abcde7");
	assert_int_equal(buf.err, KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&buf), kp_str("abcde7")));
	assert_int_equal(kp_buf_bytes(&buf).len, 6);
	kp_buf_fini(&buf);
	assert_int_equal(kp_mem_live(), 0);
}

static void buf_of_zeros_is_empty(void **state)
{
	struct kp_buf buf = {0};
	kp_buf_append(&buf, NULL, 0);
	assert_int_equal(kp_buf_str(&buf).len, 0);
	assert_int_equal(kp_buf_bytes(&buf).len, 0);
	kp_buf_fini(&buf);
	kp_buf_fini(&buf);
	assert_int_equal(kp_mem_live(), 0);
}

static void buf_grows_and_keeps_its_content(void **state)
{
	struct kp_buf buf = {0};
	for (int i = 0; i < 100000; i++)
		kp_buf_append_byte(&buf, (uint8_t)(i % 251));
	assert_int_equal(buf.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], i % 251);
	assert_true(buf.cap < 2 * buf.len + 256);

	int64_t before = kp_mem_allocs();
	kp_buf_clear(&buf);
	for (int i = 0; i < 100000; i++)
		kp_buf_append_byte(&buf, 1);
	assert_int_equal(kp_mem_allocs(), before);
	kp_buf_fini(&buf);
}

static void buf_holds_its_limit_exactly(void **state)
{
	for (size_t limit = 1; limit < 1200; limit += 17) {
		struct kp_buf buf = {.len_max = limit};
		for (size_t i = 0; i < limit; i++)
			kp_buf_append_byte(&buf, 'x');
		assert_int_equal(buf.err, KP_OK);
		assert_int_equal(buf.len, limit);
		kp_buf_append_byte(&buf, 'x');
		assert_int_equal(buf.err, KP_ERR_LIMIT);
		assert_int_equal(buf.len, limit);
		kp_buf_fini(&buf);
		assert_int_equal(buf.len_max, limit);
	}
	struct kp_buf buf = {0};
	assert_null(kp_buf_reserve(&buf, SIZE_MAX));
	assert_int_equal(buf.err, KP_ERR_LIMIT);
	kp_buf_fini(&buf);
}

static void buf_prints_up_to_its_limit(void **state)
{
	struct kp_buf buf = {.len_max = 6};
	kp_buf_printf(&buf, "%s", "abc");
	kp_buf_printf(&buf, "%d", 123);
	assert_int_equal(buf.err, KP_OK);
	assert_content(&buf, "abc123");
	kp_buf_printf(&buf, "%s", "");
	assert_int_equal(buf.err, KP_OK);
	kp_buf_printf(&buf, "%s", "d");
	assert_int_equal(buf.err, KP_ERR_LIMIT);
	assert_content(&buf, "abc123");
	kp_buf_fini(&buf);
	assert_int_equal(kp_mem_live(), 0);
}

static void buf_remembers_its_first_error(void **state)
{
	struct kp_buf buf = {.len_max = 4};
	kp_buf_append(&buf, "abc", 3);
	kp_buf_append(&buf, "de", 2);
	assert_int_equal(buf.err, KP_ERR_LIMIT);
	kp_buf_append_byte(&buf, 'd'); // there would be room
	kp_buf_printf(&buf, "e");
	assert_null(kp_buf_reserve(&buf, 1));
	assert_false(kp_buf_grow(&buf, 1));
	assert_content(&buf, "abc");
	assert_int_equal(buf.err, KP_ERR_LIMIT);

	kp_buf_clear(&buf);
	assert_int_equal(buf.err, KP_OK);
	kp_buf_append_byte(&buf, 'd');
	assert_content(&buf, "d");
	kp_buf_fini(&buf);
}

static void buf_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf buf = {.len_max = 4096};
		for (int i = 0; i < 10; i++)
			kp_buf_printf(&buf, "%0256d", i);
		kp_buf_printf(&buf, "%01536d", 7); // fits exactly
		assert_int_equal(buf.err, fault ? KP_ERR_NOMEM : KP_OK);
		assert_true(fault || buf.len == 4096);
		assert_int_equal(buf.len % 256, 0); // whole pieces
		kp_buf_fini(&buf);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(buf_keeps_what_is_appended),
	        cmocka_unit_test(buf_of_zeros_is_empty),
	        cmocka_unit_test(buf_grows_and_keeps_its_content),
	        cmocka_unit_test(buf_holds_its_limit_exactly),
	        cmocka_unit_test(buf_prints_up_to_its_limit),
	        cmocka_unit_test(buf_remembers_its_first_error),
	        cmocka_unit_test(buf_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
