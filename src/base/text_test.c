// text_test.c - what operations on text views promise.
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static void assert_str(struct kp_str str, const char *text)
{
	assert_int_equal(str.len, strlen(text));
	assert_true(kp_str_equal(str, kp_str(text)));
}

static void str_compares_by_bytes(void **state)
{
	static const char *const ordered[] = {"",  "a",    "a\x01", "aa",  "ab",
	                                      "b", "\x7f", "\x80",  "\xff"};
	for (size_t i = 0; i < 9; i++) {
		for (size_t k = 0; k < 9; k++) {
			int order = kp_str_compare(kp_str(ordered[i]), kp_str(ordered[k]));
			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
			assert_int_equal(kp_str_equal(kp_str(ordered[i]), kp_str(ordered[k])),
			                 i == k);
		}
	}
	assert_int_equal(kp_str_compare((struct kp_str){0}, kp_str("")), 0);
	assert_true(kp_str_equal((struct kp_str){0}, kp_str("")));
	assert_true(kp_str_equal(kp_str(NULL), (struct kp_str){0}));
}

static void str_trim_takes_blanks_off_both_ends(void **state)
{
	assert_str(kp_str_trim(kp_str(" \t\r\n\v\fa b \n")), "a b");
	assert_str(kp_str_trim(kp_str("   ")), "");
	assert_str(kp_str_trim(kp_str("")), "");
	assert_str(kp_str_trim((struct kp_str){0}), "");
	assert_str(kp_str_trim(kp_str("\xc2\xa0")), "\xc2\xa0");
}

static void str_knows_its_start_and_end(void **state)
{
	struct kp_str str = kp_str("kipp");
	assert_true(kp_str_starts_with(str, kp_str("ki")));
	assert_true(kp_str_starts_with(str, str));
	assert_true(kp_str_starts_with(str, (struct kp_str){0}));
	assert_false(kp_str_starts_with(str, kp_str("ip")));
	assert_false(kp_str_starts_with(str, kp_str("kipper")));
	assert_true(kp_str_ends_with(str, kp_str("pp")));
	assert_true(kp_str_ends_with(str, str));
	assert_true(kp_str_ends_with(str, kp_str("")));
	assert_false(kp_str_ends_with(str, kp_str("ip")));
	assert_false(kp_str_ends_with(str, kp_str("akipp")));
	assert_true(kp_str_starts_with((struct kp_str){0}, (struct kp_str){0}));
}

static void str_find_gives_the_first_or_the_end(void **state)
{
	assert_int_equal(kp_str_find(kp_str("a.b.c"), '.'), 1);
	assert_int_equal(kp_str_find(kp_str("abc"), '.'), 3);
	assert_int_equal(kp_str_find((struct kp_str){0}, '.'), 0);
	assert_int_equal(kp_str_find((struct kp_str){"a\0b", 3}, '\0'), 1);
}

static void assert_parts(struct kp_str rest, const char *parts)
{
	char text[64] = "";
	size_t len = 0;
	struct kp_str part;
	while (kp_str_split_next(&rest, ',', &part))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "<%.*s>", KP_STR_ARG(part));
	assert_string_equal(text, parts);
}

static void str_split_gives_every_part(void **state)
{
	assert_parts(kp_str("a,b,c"), "<a><b><c>");
	assert_parts(kp_str("abc"), "<abc>");
	assert_parts(kp_str(",a,"), "<><a><>");
	assert_parts(kp_str(",,"), "<><><>");
	assert_parts(kp_str(""), "<>");
	assert_parts((struct kp_str){0}, "");
}

static kp_err read(const char *text, int64_t *ret)
{
	return kp_str_i64(kp_str(text), INT64_MIN, INT64_MAX, ret);
}

static void str_i64_reads_every_number(void **state)
{
	static const int64_t edges[] = {
	        0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 10000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		int64_t value = i < 7 ? edges[i] : (int64_t)(seed ^ seed >> 29) >> i % 64;
		char text[32];
		int64_t ret;
		snprintf(text, sizeof(text), "%" PRId64, value);
		assert_int_equal(read(text, &ret), KP_OK);
		assert_true(ret == value);
	}
	int64_t ret;
	assert_int_equal(read("+7", &ret), KP_OK);
	assert_int_equal(ret, 7);
	assert_int_equal(read("-0", &ret), KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(read("0000000000000000000000000012", &ret), KP_OK);
	assert_int_equal(ret, 12);
}

static void str_i64_refuses_what_is_no_number(void **state)
{
	static const char *const texts[] = {"",    "-",   "+",   "a",
	                                    "1a",  " 1",  "1 ",  "--1",
	                                    "+-1", "1.0", "0x1", "99999999999999999999x"};
	int64_t ret = 42;
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(read(texts[i], &ret), KP_ERR_INVALID);
	assert_int_equal(kp_str_i64((struct kp_str){0}, 0, 1, &ret), KP_ERR_INVALID);
	assert_int_equal(ret, 42);
}

static void str_i64_holds_its_range(void **state)
{
	int64_t ret = 42;
	assert_int_equal(read("9223372036854775808", &ret), KP_ERR_LIMIT);
	assert_int_equal(read("-9223372036854775809", &ret), KP_ERR_LIMIT);
	assert_int_equal(read("18446744073709551617", &ret), KP_ERR_LIMIT);
	assert_int_equal(read("99999999999999999999999999999999", &ret), KP_ERR_LIMIT);
	assert_int_equal(kp_str_i64(kp_str("11"), 0, 10, &ret), KP_ERR_LIMIT);
	assert_int_equal(kp_str_i64(kp_str("-1"), 0, 10, &ret), KP_ERR_LIMIT);
	assert_int_equal(ret, 42);
	assert_int_equal(kp_str_i64(kp_str("10"), 0, 10, &ret), KP_OK);
	assert_int_equal(ret, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(str_compares_by_bytes),
	        cmocka_unit_test(str_trim_takes_blanks_off_both_ends),
	        cmocka_unit_test(str_knows_its_start_and_end),
	        cmocka_unit_test(str_find_gives_the_first_or_the_end),
	        cmocka_unit_test(str_split_gives_every_part),
	        cmocka_unit_test(str_i64_reads_every_number),
	        cmocka_unit_test(str_i64_refuses_what_is_no_number),
	        cmocka_unit_test(str_i64_holds_its_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
