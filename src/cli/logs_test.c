// logs_test.c - the end of a log.
#include "cli/logs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const char *text, int64_t lines, const char *wanted)
{
	struct kp_str last = logs_last_lines(kp_str(text), lines);
	assert_int_equal(last.len, strlen(wanted));
	assert_memory_equal(last.ptr, wanted, last.len);
}

static void the_last_lines_are_whole_lines(void **state)
{
	expect("a\nb\nc\n", 0, "");
	expect("a\nb\nc\n", 1, "c\n");
	expect("a\nb\nc\n", 2, "b\nc\n");
	expect("a\nb\nc\n", 3, "a\nb\nc\n");
	expect("a\nb\nc\n", 99, "a\nb\nc\n");
}

static void a_line_without_its_end_counts(void **state)
{
	expect("a\nb", 1, "b");
	expect("a\nb", 2, "a\nb");
	expect("b", 1, "b");
}

static void empty_lines_count(void **state)
{
	expect("", 5, "");
	expect("\n", 1, "\n");
	expect("a\n\n", 1, "\n");
	expect("a\n\n", 2, "a\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_lines_are_whole_lines),
	        cmocka_unit_test(a_line_without_its_end_counts),
	        cmocka_unit_test(empty_lines_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
