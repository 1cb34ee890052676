// utf8_test.c - what reading UTF-8 promises.
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void utf8_reads_every_code_it_puts(void **state)
{
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		if (code == 0xd800)
			code = 0xe000;
		char text[4];
		size_t size = kp_utf8_put(code, text);
		uint32_t again;
		if (kp_utf8_next((struct kp_str){text, size}, &again) != size || again != code)
			fail_msg("U+%x", code);
		if (kp_utf8_next((struct kp_str){text, size - 1}, &again) != 0)
			fail_msg("U+%x, cut", code);
	}
}

static void utf8_takes_exactly_the_well_formed(void **state)
{
	// Of all pairs and of the edges of longer ones, by the table of the Unicode standard.
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char text[2] = {(char)a, (char)b};
			bool is_good = (a < 0x80 && b < 0x80) ||
			               (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf);
			assert_int_equal(kp_utf8_is_valid((struct kp_str){text, 2}), is_good);

			char three[3] = {(char)a, (char)b, (char)0x80};
			unsigned low = a == 0xe0 ? 0xa0 : 0x80, high = a == 0xed ? 0x9f : 0xbf;
			is_good = (a >= 0xe0 && a <= 0xef && b >= low && b <= high) ||
			          (a < 0x80 && b >= 0xc2 && b <= 0xdf);
			assert_int_equal(kp_utf8_is_valid((struct kp_str){three, 3}), is_good);

			char four[4] = {(char)a, (char)b, (char)0x80, (char)0xbf};
			low = a == 0xf0 ? 0x90 : 0x80, high = a == 0xf4 ? 0x8f : 0xbf;
			is_good = (a >= 0xf0 && a <= 0xf4 && b >= low && b <= high) ||
			          (a < 0x80 && b >= 0xe0 && b <= 0xef && b != 0xe0);
			assert_int_equal(kp_utf8_is_valid((struct kp_str){four, 4}), is_good);
		}
	}
	assert_true(kp_utf8_is_valid((struct kp_str){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(utf8_reads_every_code_it_puts),
	        cmocka_unit_test(utf8_takes_exactly_the_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
