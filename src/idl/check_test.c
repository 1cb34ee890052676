// check_test.c - the rules of the language; the texts of its errors are in test/golden/idl/bad.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "idl/open_test.h"

static const struct idl_decl *find(const struct kp_idl *idl, const char *name)
{
	const struct idl_decl *decl = idl_find_decl(idl, (struct kp_str){0}, kp_str(name));
	assert_non_null(decl);
	return decl;
}

static void fields_are_ordered_by_their_tags(void **state)
{
	struct kp_idl *idl = test_good("module A { struct S { 255 require int c; 0 require int a; "
	                               "14 require int b; }; };");
	const struct idl_field *field = find(idl, "A::S")->fields;
	assert_int_equal(field->tag, 0);
	assert_int_equal(field->next->tag, 14);
	assert_int_equal(field->next->next->tag, 255);
	kp_idl_close(idl);
}

static void enum_values_count_on(void **state)
{
	struct kp_idl *idl = test_good("module A { enum E { A, B, C = 10, D, E = -2147483648, F, "
	                               "G = C, H = 0x7fffffff }; };");
	static const int64_t numbers[] = {0, 1, 10, 11, INT32_MIN, INT32_MIN + 1, 10, INT32_MAX};
	const struct idl_enum_value *value = find(idl, "A::E")->values;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++, value = value->next)
		assert_int_equal(value->number, numbers[i]);
	assert_null(value);
	kp_idl_close(idl);
}

static void names_are_found_inside_out(void **state)
{
	struct kp_idl *idl = test_good(
	        "module A { struct T { 0 require int a; }; };\n"
	        "module B { struct S { 0 require T t; 1 require A::T u; 2 require ::A::T v; "
	        "};\nstruct T { 0 require string b; }; };");
	const struct idl_field *field = find(idl, "B::S")->fields;
	assert_ptr_equal(field->type->decl, find(idl, "B::T"));
	assert_ptr_equal(field->next->type->decl, find(idl, "A::T"));
	kp_idl_close(idl);
}

static void defaults_may_be_names(void **state)
{
	struct kp_idl *idl = test_good(
	        "module A { const int N = 7; const string S = \"x\"; enum E { X = 3, Y }; };\n"
	        "module B { enum F { X = 9 }; const int M = A::N; struct T {\n"
	        "0 optional int a = A::N; 1 optional string b = A::S; 2 optional A::E c = X;\n"
	        "3 optional A::E d = A::Y; 4 optional A::E e = A::E::Y; 5 optional int f = X;\n"
	        "6 optional bool g = 1; 7 optional double h = M; 8 optional A::E i = 3; }; };");
	static const char *const literals[] = {"7", "\"x\"", "X", "Y", "Y", "9", "true", "7", "3"};
	const struct idl_field *field = find(idl, "B::T")->fields;
	for (size_t i = 0; i < 9; i++, field = field->next)
		assert_true(kp_str_equal(field->value.literal, kp_str(literals[i])));
	kp_idl_close(idl);
}

static void a_struct_may_hold_vectors_and_maps_of_itself(void **state)
{
	kp_idl_close(test_good("module A { struct S { 0 optional vector<S> a; 1 optional "
	                       "map<string, S> b; 2 optional vector<vector<S>> c; }; };"));
}

static void deep_or_huge_structs_are_refused(void **state)
{
	struct kp_buf text = {0};
	kp_buf_append_str(&text, kp_str("module A {\n"));
	for (int i = 0; i < 10000; i++)
		kp_buf_printf(&text, "struct S%d { 0 require S%d a; };\n", i, i + 1);
	kp_buf_append_str(&text, kp_str("struct S10000 { 0 require int a; }; };"));
	kp_buf_append_byte(&text, '\0');
	struct test_file files[] = {{"t.tars", (const char *)text.data}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_non_null(
	        strstr((const char *)messages.data, "structs are nested more than 64 deep"));

	kp_buf_clear(&text);
	kp_buf_clear(&messages);
	kp_buf_append_str(&text, kp_str("module A {\n"));
	for (int i = 0; i < 60; i++)
		kp_buf_printf(&text, "struct S%d { 0 require S%d a; 1 require S%d b; };\n", i,
		              i + 1, i + 1);
	kp_buf_append_str(&text, kp_str("struct S60 { 0 require int a; }; };"));
	kp_buf_append_byte(&text, '\0');
	files[0].text = (const char *)text.data;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_non_null(strstr((const char *)messages.data, "is larger than 1048576 bytes"));
	kp_buf_fini(&text);
	kp_buf_fini(&messages);
	assert_int_equal(kp_mem_live(), 0);
}

static void the_largest_tag_and_the_longest_parameter_list_are_allowed(void **state)
{
	struct kp_buf text = {0};
	kp_buf_append_str(
	        &text, kp_str("module A { struct S { 255 require int a; }; interface I { void f("));
	for (int i = 1; i <= IDL_PARAMS_MAX; i++)
		kp_buf_printf(&text, "%sint p%d", i > 1 ? ", " : "", i);
	kp_buf_append_str(&text, kp_str("); }; };"));
	kp_buf_append_byte(&text, '\0');
	kp_idl_close(test_good((const char *)text.data));
	kp_buf_fini(&text);
}

static void names_clash_with_nothing_in_c(void **state)
{
	struct kp_idl *idl = test_good("module A { interface I { int f(int call, out int x, int "
	                               "ret_x, int register, int call_, "
	                               "out int ret, int kp_str, int _Bool, int ok); };\n"
	                               "enum E { type, encode, fine }; };");
	static const char *const names[] = {"call__", "x",       "ret_x_", "register_", "call_",
	                                    "ret_",   "kp_str_", "x_Bool", "ok"};
	size_t i = 0;
	for (const struct idl_param *param = find(idl, "A::I")->functions->params; param;
	     param = param->next)
		assert_true(kp_str_equal(param->c_name, kp_str(names[i++])));
	assert_int_equal(i, 9);
	const struct idl_enum_value *value = find(idl, "A::E")->values;
	assert_true(kp_str_equal(value->c_name, kp_str("A_E_type_")));
	kp_idl_close(idl);
}

static void included_files_are_searched_beside_and_then_in_the_path(void **state)
{
	static const struct test_file files[] = {
	        {"src/t.tars",
	         "#include \"b.tars\"\n#include \"./x/../c.tars\"\n#include \"d.tars\"\n"
	         "#include \"b.tars\"\n"
	         "module A { struct S { 0 require B::T b; 1 require C::T c; 2 require D::T "
	         "d; }; };"},
	        {"src/b.tars",
	         "#include \"c.tars\"\nmodule B { struct T { 0 require C::T a; }; };"},
	        {"b.tars", "not this one"},
	        {"lib/b.tars", "nor this one"},
	        {"src/c.tars", "module C { struct T { 0 require int a; }; };"},
	        {"more/lib/d.tars", "module D { struct T { 0 require int a; }; };"},
	        {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(test_open(files, &idl, &messages), KP_OK);
	kp_buf_clear(&messages);
	kp_idl_list_files(idl, &messages);
	kp_buf_append_byte(&messages, '\0');
	assert_string_equal((const char *)messages.data,
	                    " src/t.tars src/b.tars src/c.tars more/lib/d.tars");
	kp_idl_close(idl);
	kp_buf_fini(&messages);
}

static void a_missing_file_is_told(void **state)
{
	static const struct test_file files[] = {{NULL, NULL}};
	struct kp_idl_options options = {.read = test_read, .arg = (void *)files};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(kp_idl_open("gone.tars", &options, &idl, &messages), KP_ERR_NOTFOUND);
	assert_true(kp_str_equal(kp_buf_str(&messages),
	                         kp_str("gone.tars: cannot read this file: not found\n")));
	kp_buf_fini(&messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_are_ordered_by_their_tags),
	        cmocka_unit_test(enum_values_count_on),
	        cmocka_unit_test(names_are_found_inside_out),
	        cmocka_unit_test(defaults_may_be_names),
	        cmocka_unit_test(a_struct_may_hold_vectors_and_maps_of_itself),
	        cmocka_unit_test(deep_or_huge_structs_are_refused),
	        cmocka_unit_test(the_largest_tag_and_the_longest_parameter_list_are_allowed),
	        cmocka_unit_test(names_clash_with_nothing_in_c),
	        cmocka_unit_test(included_files_are_searched_beside_and_then_in_the_path),
	        cmocka_unit_test(a_missing_file_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
