// describe_build_test.c - the tables built at run time, and their limits; that they equal the
// generated ones is in test/golden/idl/tables_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "idl/open_test.h"

static struct kp_idl_description describe(struct kp_idl *idl, struct kp_arena *arena)
{
	struct kp_idl_description description = {0};
	assert_int_equal(kp_idl_describe(idl, arena, &description), KP_OK);
	return description;
}

static void tables_outlive_the_tree(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_idl *idl = test_good("module A { enum E { X = 4, Y }; const int N = 7;\n"
	                               "struct S { 1 optional E e = Y; 0 require int n = N; };\n"
	                               "interface I { map<string, S> f(E e, out vector<byte> b); "
	                               "void g(); }; };");
	struct kp_idl_description description = describe(idl, arena);
	kp_idl_close(idl);

	assert_int_equal(description.interface_count, 1);
	assert_int_equal(description.struct_count, 1);
	const struct kp_interface *interface = &description.interfaces[0];
	assert_string_equal(interface->name, "A::I");
	assert_int_equal(interface->function_count, 2);
	assert_null(interface->find);
	const struct kp_function *function = &interface->functions[0];
	assert_string_equal(function->name, "f");
	assert_null(function->dispatch);
	assert_int_equal(function->param_count, 2);
	assert_false(function->params[0].is_out);
	assert_string_equal(function->params[0].type->enumeration->values[1].name, "Y");
	assert_int_equal(function->params[0].type->enumeration->values[1].value, 5);
	assert_true(function->params[1].is_out);
	assert_int_equal(function->params[1].type->kind, KP_KIND_BYTES);
	assert_int_equal(function->result->kind, KP_KIND_MAP);
	assert_int_equal(function->result->value_offset, sizeof(struct kp_str));

	const struct kp_struct_type *structure = function->result->element->structure;
	assert_ptr_equal(structure, &description.structs[0]);
	assert_string_equal(structure->name, "A::S");
	assert_string_equal(structure->fields[0].name, "n");
	assert_string_equal(structure->fields[0].default_text, "7");
	assert_string_equal(structure->fields[1].default_text, "Y");
	assert_true(structure->fields[0].required && !structure->fields[1].required);
	assert_int_equal(interface->functions[1].result->kind, KP_KIND_VOID);
	kp_arena_free(arena);
	assert_int_equal(kp_mem_live(), 0);
}

static void what_is_included_is_described_too(void **state)
{
	static const struct test_file files[] = {
	        {"t.tars", "#include \"b.tars\"\nmodule A { interface I { B::T f(); }; };"},
	        {"b.tars",
	         "module B { struct T { 0 require int a; }; interface J { void g(); }; };"},
	        {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(test_open(files, &idl, &messages), KP_OK);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_idl_description description = describe(idl, arena);
	assert_int_equal(description.interface_count, 2);
	assert_string_equal(description.interfaces[0].name, "B::J");
	assert_string_equal(description.interfaces[1].name, "A::I");
	kp_idl_close(idl);
	kp_arena_free(arena);
	kp_buf_fini(&messages);
}

static void an_arena_that_is_too_small_is_told(void **state)
{
	struct kp_arena *arena = kp_arena_new(256);
	struct kp_idl *idl = test_good("module A { struct S { 0 require int a; 1 require int b; 2 "
	                               "require int c; 3 require int d; }; };");
	struct kp_idl_description description;
	assert_int_equal(kp_idl_describe(idl, arena, &description), KP_ERR_NOMEM);
	kp_idl_close(idl);
	kp_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tables_outlive_the_tree),
	        cmocka_unit_test(what_is_included_is_described_too),
	        cmocka_unit_test(an_arena_that_is_too_small_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
