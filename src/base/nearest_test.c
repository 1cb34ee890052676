// nearest_test.c - what is suggested for a word that is not known.
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = {"deploy", "restart", "remove", "ps", "logs", "start", "stop"};

static const char *find(const char *word)
{
	return kp_nearest_find(word, words, sizeof(words) / sizeof(words[0]));
}

static void nearest_counts_the_letters_to_change(void **state)
{
	assert_int_equal(kp_nearest_distance("start", "start"), 0);
	assert_int_equal(kp_nearest_distance("strat", "start"), 1);
	assert_int_equal(kp_nearest_distance("", "abc"), 3);
	assert_int_equal(kp_nearest_distance("kitten", "sitting"), 3);
}

static void nearest_finds_what_was_meant(void **state)
{
	assert_string_equal(find("delpoy"), "deploy");
	assert_string_equal(find("dep"), "deploy");
	assert_string_equal(find("log"), "logs");
	assert_string_equal(find("pss"), "ps");
	assert_string_equal(find("stap"), "stop");
}

static void nearest_suggests_nothing_far(void **state)
{
	assert_null(find("xyzzy"));
	assert_null(find(""));
	assert_null(find("a-word-that-is-longer-than-thirty-two-letters"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nearest_counts_the_letters_to_change),
	        cmocka_unit_test(nearest_finds_what_was_meant),
	        cmocka_unit_test(nearest_suggests_nothing_far),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
