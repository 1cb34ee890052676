// keys_test.c - the table of configuration keys.
#include "app/keys.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_table_is_complete_and_without_doubles(void **state)
{
	size_t count;
	const struct key *rows = keys_rows(&count);
	for (size_t i = 0; i < count; i++) {
		const struct key *key = &rows[i];
		assert_ptr_equal(keys_find(key->section, kp_str(key->name)), key);
		if (i > 0)
			assert_true(rows[i - 1].section <= key->section);
		if (key->kind == KEY_FOREIGN)
			continue;
		assert_non_null(key->what);
		assert_false(kp_str_ends_with(kp_str(key->what), kp_str(".")));
		assert_true(key->kind == KEY_WORD || !key->words);
		if (key->kind != KEY_TEXT)
			assert_non_null(key->fallback);
		if (key->fallback)
			assert_int_equal(keys_check(key, kp_str(key->fallback), NULL), KP_OK);
	}
}

static void the_nearest_key_is_of_the_same_section(void **state)
{
	const struct key *key = keys_nearest(KEY_OF_ADAPTER, kp_str("maxcons"));
	assert_non_null(key);
	assert_string_equal(key->name, "maxconns");
	assert_null(keys_nearest(KEY_OF_APPLICATION, kp_str("maxcons")));
	assert_null(keys_nearest(KEY_OF_SERVER, kp_str("ledger")));
}

static void values_outside_a_key_s_bounds_are_refused(void **state)
{
	const struct key *threads = keys_find(KEY_OF_ADAPTER, kp_str("threads"));
	const struct key *dispatch = keys_find(KEY_OF_ADAPTER, kp_str("dispatch"));
	struct kp_why why;
	assert_int_equal(keys_check(threads, kp_str("0"), &why), KP_ERR_INVALID);
	assert_string_equal(why.text, "threads is a number from 1 to 256, not '0'");
	assert_int_equal(keys_check(threads, kp_str("257"), NULL), KP_ERR_INVALID);
	assert_int_equal(keys_check(threads, kp_str(" 256 "), NULL), KP_OK);
	assert_int_equal(keys_number(threads, kp_str(" 256 ")), 256);
	assert_int_equal(keys_number(threads, kp_str("")), 1);
	assert_int_equal(keys_check(dispatch, kp_str("thread"), &why), KP_ERR_INVALID);
	assert_string_equal(why.text, "dispatch is one of fiber pool, not 'thread'");
	assert_int_equal(keys_word(dispatch, kp_str("pool")), 1);
	assert_int_equal(keys_word(dispatch, kp_str("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_table_is_complete_and_without_doubles),
	        cmocka_unit_test(the_nearest_key_is_of_the_same_section),
	        cmocka_unit_test(values_outside_a_key_s_bounds_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
