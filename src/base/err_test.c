// err_test.c - what outcomes promise.
#include "kipp/err.h"

#include "base/try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void err_has_a_name_and_a_text(void **state)
{
	int expected = 0; // numbers are stable and without a gap
#define CHECK(number, name, text)                               \
	assert_int_equal(number, expected++);                   \
	assert_string_equal(kp_err_name(KP_ERR_##name), #name); \
	assert_string_equal(kp_err_text(KP_ERR_##name), text);  \
	assert_true(strlen(text) > 0);
	KP_ERR_MAP(CHECK)
#undef CHECK
	assert_string_equal(kp_err_name((kp_err)9999), "UNKNOWN");
	assert_string_equal(kp_err_text((kp_err)-1), "unknown error");
}

static void why_keeps_a_sentence_and_returns_the_error(void **state)
{
	struct kp_why why;
	assert_int_equal(kp_why_set(&why, KP_ERR_BUSY, "port %d", 7), KP_ERR_BUSY);
	assert_string_equal(why.text, "port 7");
	assert_int_equal(kp_why_set(NULL, KP_ERR_IO, "port %d", 7), KP_ERR_IO);
}

static void why_cuts_what_is_too_long(void **state)
{
	struct kp_why why;
	kp_why_set(&why, KP_ERR_IO, "%01000d", 1);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

static kp_err tried(kp_err err, int *ret_count)
{
	KP_TRY(err);
	++*ret_count;
	return KP_OK;
}

static void try_hands_an_error_up(void **state)
{
	int count = 0;
	assert_int_equal(tried(KP_ERR_IO, &count), KP_ERR_IO);
	assert_int_equal(count, 0);
	assert_int_equal(tried(KP_OK, &count), KP_OK);
	assert_int_equal(count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(err_has_a_name_and_a_text),
	        cmocka_unit_test(why_keeps_a_sentence_and_returns_the_error),
	        cmocka_unit_test(why_cuts_what_is_too_long),
	        cmocka_unit_test(try_hands_an_error_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
