// lex_test.c - what the lexer makes of text.
#include "idl/error.h"
#include "idl/lex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct fixture {
	struct kp_idl idl;
	struct idl_file file;
	struct idl_lexer lexer;
};

static void start(struct fixture *f, const char *text)
{
	*f = (struct fixture){.file = {.path = kp_str("t.tars"), .text = kp_str(text)}};
	f->lexer = (struct idl_lexer){&f->idl, &f->file, 0};
}

static void stop(struct fixture *f)
{
	kp_vec_fini(&f->idl.errors);
	kp_arena_fini(&f->idl.arena);
	assert_int_equal(kp_mem_live(), 0);
}

static void expect(struct fixture *f, enum idl_token_kind kind, const char *text)
{
	struct idl_token token = idl_lex(&f->lexer);
	assert_int_equal(token.kind, kind);
	assert_true(kp_str_equal(token.text, kp_str(text)));
}

static void lexer_tells_words_numbers_and_marks_apart(void **state)
{
	struct fixture f;
	start(&f, "module A::b_1{0 -12 0x1F 1.5 1e3 -2.5e-3 \"x\" } # include<>[](),;=:*");
	expect(&f, IDL_WORD, "module");
	expect(&f, IDL_WORD, "A");
	expect(&f, IDL_SCOPE, "::");
	expect(&f, IDL_WORD, "b_1");
	expect(&f, IDL_PUNCT, "{");
	expect(&f, IDL_INTEGER, "0");
	expect(&f, IDL_INTEGER, "-12");
	expect(&f, IDL_INTEGER, "0x1F");
	expect(&f, IDL_REAL, "1.5");
	expect(&f, IDL_REAL, "1e3");
	expect(&f, IDL_REAL, "-2.5e-3");
	expect(&f, IDL_STRING, "\"x\"");
	expect(&f, IDL_PUNCT, "}");
	expect(&f, IDL_INCLUDE, "# include");
	for (const char *mark = "<>[](),;=:*"; *mark; mark++)
		expect(&f, IDL_PUNCT, (char[]){*mark, '\0'});
	expect(&f, IDL_END, "");
	expect(&f, IDL_END, "");
	assert_int_equal(f.idl.error_count, 0);
	stop(&f);
}

static void lexer_reads_the_values_of_numbers(void **state)
{
	struct fixture f;
	start(&f, "-9223372036854775808 0xff 010 -0.5 1.5f 3 .5 -2. 5e-324 1e-999");
	assert_true(idl_lex(&f.lexer).integer == INT64_MIN);
	assert_int_equal(idl_lex(&f.lexer).integer, 255);
	assert_int_equal(idl_lex(&f.lexer).integer, 8);
	assert_true(idl_lex(&f.lexer).real == -0.5);
	assert_true(idl_lex(&f.lexer).real == 1.5);
	assert_true(idl_lex(&f.lexer).real == 3);
	assert_true(idl_lex(&f.lexer).real == 0.5);
	assert_true(idl_lex(&f.lexer).real == -2);
	assert_true(idl_lex(&f.lexer).real == 5e-324);
	assert_true(idl_lex(&f.lexer).real == 0);
	assert_int_equal(f.idl.error_count, 0);
	stop(&f);
}

static void lexer_resolves_escapes(void **state)
{
	struct fixture f;
	start(&f, "\"a\\\"b\\\\\\n\\t\\x41\\0z\" \"\" \"\\101\\377\\x9\\?\"");
	struct idl_token token = idl_lex(&f.lexer);
	assert_int_equal(token.string.len, 9);
	assert_memory_equal(token.string.ptr, "a\"b\\\n\tA\0z", 9);
	token = idl_lex(&f.lexer);
	assert_int_equal(token.kind, IDL_STRING);
	assert_int_equal(token.string.len, 0);
	token = idl_lex(&f.lexer);
	assert_int_equal(token.string.len, 4);
	assert_memory_equal(token.string.ptr, "A\xff\t?", 4);
	assert_int_equal(f.idl.error_count, 0);
	stop(&f);
}

static void lexer_skips_comments_and_hands_over_those_of_a_declaration(void **state)
{
	struct fixture f;
	start(&f, "// far\n\n// one\n// two\na // behind a\n/* no */ b\n// three\nc");
	struct idl_token token = idl_lex(&f.lexer);
	assert_true(kp_str_equal(token.comment, kp_str("// one\n// two")));
	token = idl_lex(&f.lexer);
	assert_true(kp_str_equal(token.remark, kp_str("// behind a")));
	assert_int_equal(token.comment.len, 0);
	token = idl_lex(&f.lexer);
	assert_true(kp_str_equal(token.comment, kp_str("// three")));
	assert_int_equal(token.remark.len, 0);
	stop(&f);
}

static void lexer_reports_what_is_no_token_and_goes_on(void **state)
{
	static const char *const bad[] = {"@ x",        "$ x",
	                                  ". x",        "\x01 x",
	                                  "\xc3\xa4 x", "12z x",
	                                  "1.2.3 x",    "0x x",
	                                  "- x",        "\"\n x",
	                                  "#define\nx", "/* x",
	                                  "\"\\q\" x",  "99999999999999999999 x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture f;
		start(&f, bad[i]);
		struct idl_token token;
		do
			token = idl_lex(&f.lexer);
		while (token.kind != IDL_END && token.kind != IDL_WORD);
		assert_int_equal(f.idl.error_count, 1);
		stop(&f);
	}
}

static void lexer_takes_any_bytes(void **state)
{
	for (int first = 0; first < 256; first++) {
		for (int second = 0; second < 256; second++) {
			char text[] = {(char)first, (char)second, '\0'};
			struct fixture f;
			start(&f, "");
			f.file.text = (struct kp_str){text, 2};
			for (int i = 0; i < 3; i++)
				idl_lex(&f.lexer);
			assert_int_equal(idl_lex(&f.lexer).kind, IDL_END);
			stop(&f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lexer_tells_words_numbers_and_marks_apart),
	        cmocka_unit_test(lexer_reads_the_values_of_numbers),
	        cmocka_unit_test(lexer_resolves_escapes),
	        cmocka_unit_test(lexer_skips_comments_and_hands_over_those_of_a_declaration),
	        cmocka_unit_test(lexer_reports_what_is_no_token_and_goes_on),
	        cmocka_unit_test(lexer_takes_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
