// parse_test.c - the tree that the parser builds, and how it goes on after an error.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "idl/open_test.h"

static bool is(struct kp_str str, const char *text)
{
	return kp_str_equal(str, kp_str(text));
}

static void parser_reads_a_struct(void **state)
{
	struct kp_idl *idl = test_good("module A { // about S\n"
	                               "};\n"
	                               "module A {\n// about S\nstruct S { 0 require int a = 5;\n"
	                               "3 optional map<string, vector<long>> b; // about b\n"
	                               "4 optional int c[8]; 5 optional byte d[]; } };");
	const struct idl_decl *decl = idl->decls;
	assert_int_equal(decl->kind, IDL_STRUCT);
	assert_true(is(decl->full_name, "A::S"));
	assert_true(is(decl->c_name, "A_S"));
	assert_true(is(decl->comment, "// about S"));
	const struct idl_field *field = decl->fields;
	assert_true(field->required && field->tag == 0 && field->type->kind == KP_KIND_I32);
	assert_true(field->value.kind == IDL_VALUE_INTEGER && field->value.integer == 5);
	field = field->next;
	assert_true(!field->required && field->tag == 3 && is(field->name.text, "b"));
	assert_true(is(field->type->c_name, "kp_str_i64_list_map"));
	assert_true(is(field->remark, "// about b"));
	field = field->next;
	assert_true(is(field->type->c_name, "kp_i32_list"));
	field = field->next;
	assert_int_equal(field->type->kind, KP_KIND_BYTES);
	assert_null(field->next);
	assert_null(decl->next);
	kp_idl_close(idl);
}

static void parser_reads_an_interface(void **state)
{
	struct kp_idl *idl =
	        test_good("module A { enum E { X }; interface I {\n"
	                  "void a(); int b(routekey string k, out ::A::E e, vector<E> l); }; };");
	const struct idl_decl *decl = idl->decls->next;
	const struct idl_function *function = decl->functions;
	assert_int_equal(function->result->kind, KP_KIND_VOID);
	assert_int_equal(function->param_count, 0);
	function = function->next;
	assert_int_equal(function->param_count, 3);
	const struct idl_param *param = function->params;
	assert_true(!param->is_out && param->tag == 1);
	param = param->next;
	assert_true(param->is_out && param->tag == 2 && param->type->kind == KP_KIND_ENUM);
	assert_true(is(param->next->type->c_name, "A_E_list"));
	kp_idl_close(idl);
}

static void parser_takes_the_old_forms_of_lists_and_words_as_functions(void **state)
{
	struct kp_idl *idl =
	        test_good("module A { struct S { 0 require int a[4]; 1 require string b[]; "
	                  "2 require long *c; 3 require byte d[2]; 4 require string e:8; "
	                  "5 require vector<int>:3 f; };\n"
	                  "interface I { void key(byte *a); int out(out int optional_); }; };");
	static const char *const types[] = {"kp_i32_list", "kp_str_list", "kp_i64_list",
	                                    NULL,          NULL,          "kp_i32_list"};
	const struct idl_field *field = idl->decls->fields;
	for (size_t i = 0; i < 6; i++, field = field->next)
		assert_true(kp_str_equal(field->type->c_name, kp_str(types[i])));
	const struct idl_function *function = idl->decls->next->functions;
	assert_true(is(function->name.text, "key") && is(function->next->name.text, "out"));
	assert_int_equal(function->params->type->kind, KP_KIND_BYTES);
	kp_idl_close(idl);
}

static void parser_needs_no_semicolon_behind_a_brace(void **state)
{
	kp_idl_close(test_good("module A { enum E { X, } struct S { 0 require E e; } interface I { "
	                       "void f(); } const int C = 1; key[S, e]; }"));
	kp_idl_close(test_good("module A { enum E { X }; struct S { }; }; module B { }"));
	kp_idl_close(test_good(""));
	kp_idl_close(test_good("// nothing"));
}

static void parser_shows_where_a_semicolon_is_missing(void **state)
{
	test_bad(
	        "module A { struct S {\n\t0 require int a\n\t1 require int b;\n\t2 require x c;\n};"
	        " const int C = 1 };",
	        "t.tars:2:17: expected ';' here\n"
	        "\t0 require int a\n"
	        "\t               ^\n"
	        "t.tars:4:12: unknown type 'x'\n"
	        "\t2 require x c;\n"
	        "\t          ^\n"
	        "t.tars:5:19: expected ';' here\n"
	        "}; const int C = 1 };\n"
	        "                  ^\n");
}

static void parser_finds_all_errors_of_a_text(void **state)
{
	test_bad("module A {\n  struct S { 0 need int a; };\n  interface I { f(); };\n  junk;\n"
	         "  enum { X };\n  struct T { 0 require int int; };\n};",
	         "t.tars:2:16: expected 'require' or 'optional', found 'need'\n"
	         "  struct S { 0 need int a; };\n"
	         "               ^\n"
	         "t.tars:3:18: expected the name of a function, found '('\n"
	         "  interface I { f(); };\n"
	         "                 ^\n"
	         "t.tars:4:3: expected struct, enum, const, key, interface or '}', found 'junk'\n"
	         "  junk;\n"
	         "  ^\n"
	         "t.tars:5:8: expected the name of an enum, found '{'\n"
	         "  enum { X };\n"
	         "       ^\n"
	         "t.tars:6:28: 'int' is a word of the language, not the name of a field\n"
	         "  struct T { 0 require int int; };\n"
	         "                           ^\n");
}

static void parser_bounds_the_depth_of_types(void **state)
{
	struct kp_buf text = {0};
	kp_buf_append_str(&text, kp_str("module A { struct S { 0 require "));
	for (int i = 0; i < 100000; i++)
		kp_buf_append_str(&text, kp_str("vector<"));
	kp_buf_append_byte(&text, '\0');
	struct test_file files[] = {{"t.tars", (const char *)text.data}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_non_null(strstr((const char *)messages.data, "nested more than 32 deep"));
	kp_buf_fini(&messages);
	kp_buf_fini(&text);
	assert_int_equal(kp_mem_live(), 0);
}

static void parser_bounds_the_length_of_names(void **state)
{
	char name[IDL_NAME_SIZE_MAX + 2];
	memset(name, 'x', sizeof(name));
	name[IDL_NAME_SIZE_MAX] = '\0';
	char text[2048];
	snprintf(text, sizeof(text), "module %s { struct %s {}; interface I { %s f(); }; };", name,
	         name, name);
	struct kp_idl *good = test_good(text);
	struct kp_buf cpp = {0};
	assert_int_equal(kp_idl_emit_cpp(good, "t", &cpp), KP_OK); // which makes longer ones
	kp_buf_fini(&cpp);
	kp_idl_close(good);
	name[IDL_NAME_SIZE_MAX] = 'x';
	name[IDL_NAME_SIZE_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "module %s { struct A {}; };", name);
	struct test_file files[] = {{"t.tars", text}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_non_null(strstr((const char *)messages.data, "a name has at most 128 letters"));
	kp_buf_fini(&messages);
}

static void parser_bounds_the_parts_of_names(void **state)
{
	struct kp_buf text = {0};
	kp_buf_append_str(&text, kp_str("module A { struct S { 0 require A"));
	for (int i = 0; i < 100000; i++)
		kp_buf_append_str(&text, kp_str("::A"));
	kp_buf_append_str(&text, kp_str(" a; }; };"));
	kp_buf_append_byte(&text, '\0');
	struct test_file files[] = {{"t.tars", (const char *)text.data}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_non_null(strstr((const char *)messages.data, "a name has at most 3 parts"));
	kp_buf_fini(&messages);
	kp_buf_fini(&text);
	assert_int_equal(kp_mem_live(), 0);
}

static const char whole[] =
        "#include \"b.tars\"\nmodule A { enum E { X = -1, Y }; const string N = \"n\\t\";\n"
        "struct S { 0 require map<string, vector<B::T>> a; 1 optional E e = X; };\n"
        "key[S, e]; interface I { S f(unsigned int a, out S b); }; };";

static void parser_survives_every_truncation_and_every_missing_byte(void **state)
{
	size_t len = strlen(whole);
	char text[sizeof(whole)];
	struct test_file files[] = {{"t.tars", text},
	                            {"b.tars", "module B { struct T { 0 require int x; }; };"},
	                            {NULL, NULL}};
	for (size_t i = 0; i <= 2 * len; i++) {
		memcpy(text, whole, sizeof(whole));
		if (i <= len)
			text[i] = '\0';
		else
			memmove(text + i - len - 1, text + i - len, 2 * len - i + 1);
		struct kp_buf messages = {0};
		struct kp_idl *idl = NULL;
		kp_err err = test_open(files, &idl, &messages);
		assert_int_equal(err == KP_OK, idl != NULL);
		assert_int_equal(err == KP_OK, messages.len == 1);
		kp_idl_close(idl);
		kp_buf_fini(&messages);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parser_reads_a_struct),
	        cmocka_unit_test(parser_reads_an_interface),
	        cmocka_unit_test(parser_takes_the_old_forms_of_lists_and_words_as_functions),
	        cmocka_unit_test(parser_needs_no_semicolon_behind_a_brace),
	        cmocka_unit_test(parser_shows_where_a_semicolon_is_missing),
	        cmocka_unit_test(parser_finds_all_errors_of_a_text),
	        cmocka_unit_test(parser_bounds_the_depth_of_types),
	        cmocka_unit_test(parser_bounds_the_length_of_names),
	        cmocka_unit_test(parser_bounds_the_parts_of_names),
	        cmocka_unit_test(parser_survives_every_truncation_and_every_missing_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
