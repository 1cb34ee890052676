// tables_test.c - the tables that the compiler builds at run time are those that it writes as C.
#include "everything.h"

#include "idl/files.h"
#include "idl/idl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void same_enum(const struct kp_enum_type *a, const struct kp_enum_type *b)
{
	same_text(a->name, b->name);
	assert_int_equal(a->value_count, b->value_count);
	for (size_t i = 0; i < a->value_count; i++) {
		same_text(a->values[i].name, b->values[i].name);
		assert_int_equal(a->values[i].value, b->values[i].value);
	}
}

// same_type goes into structs `depth` levels deep, because they may hold themselves.
static void same_type(const struct kp_type *a, const struct kp_type *b, int depth)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->entry_size, b->entry_size);
	assert_int_equal(a->value_offset, b->value_offset);
	assert_int_equal(!a->element, !b->element);
	assert_int_equal(!a->key, !b->key);
	if (a->element)
		same_type(a->element, b->element, depth);
	if (a->key)
		same_type(a->key, b->key, depth);
	if (a->kind == KP_KIND_ENUM)
		same_enum(a->enumeration, b->enumeration);
	if (a->kind != KP_KIND_STRUCT)
		return;
	const struct kp_struct_type *x = a->structure, *y = b->structure;
	same_text(x->name, y->name);
	assert_int_equal(x->size, y->size);
	assert_int_equal(x->field_count, y->field_count);
	for (size_t i = 0; i < x->field_count && depth > 0; i++) {
		same_text(x->fields[i].name, y->fields[i].name);
		same_text(x->fields[i].default_text, y->fields[i].default_text);
		assert_int_equal(x->fields[i].tag, y->fields[i].tag);
		assert_int_equal(x->fields[i].required, y->fields[i].required);
		assert_int_equal(x->fields[i].offset, y->fields[i].offset);
		same_type(x->fields[i].type, y->fields[i].type, depth - 1);
	}
}

static void same_interface(const struct kp_interface *a, const struct kp_interface *b)
{
	same_text(a->name, b->name);
	assert_int_equal(a->function_count, b->function_count);
	for (size_t i = 0; i < a->function_count; i++) {
		const struct kp_function *f = &a->functions[i], *g = &b->functions[i];
		same_text(f->name, g->name);
		same_type(f->result, g->result, 3);
		assert_int_equal(f->param_count, g->param_count);
		for (size_t p = 0; p < f->param_count; p++) {
			same_text(f->params[p].name, g->params[p].name);
			assert_int_equal(f->params[p].is_out, g->params[p].is_out);
			same_type(f->params[p].type, g->params[p].type, 3);
		}
	}
}

static kp_err read_golden(void *arg, const char *path, struct kp_buf *out)
{
	char full[4096];
	snprintf(full, sizeof(full), "%s/%s", GOLDEN_DIR, path);
	return idl_file_read(full, out);
}

static void built_tables_are_the_generated_ones(void **state)
{
	static const struct kp_struct_type *const structs[] = {
	        &Other_Point_type,  &Small_Nothing_type, &All_Scalars_type,
	        &All_Defaults_type, &All_Words_type,     &All_Containers_type,
	        &All_Tree_type,     &All_Leaf_type,      &All_Person_type,
	};
	struct kp_idl_options options = {.read = read_golden};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(kp_idl_open("everything.tars", &options, &idl, &messages), KP_OK);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_idl_description description;
	assert_int_equal(kp_idl_describe(idl, arena, &description), KP_OK);
	assert_int_equal(description.interface_count, 3);
	same_interface(&All_Nobody_interface, &description.interfaces[0]);
	same_interface(&All_Service_interface, &description.interfaces[1]);
	same_interface(&All_Twins_interface, &description.interfaces[2]);
	assert_int_equal(description.struct_count, sizeof(structs) / sizeof(structs[0]));
	for (size_t i = 0; i < description.struct_count; i++) {
		struct kp_type a = {.kind = KP_KIND_STRUCT, .structure = structs[i]};
		struct kp_type b = {.kind = KP_KIND_STRUCT, .structure = &description.structs[i]};
		same_type(&a, &b, 3);
	}
	kp_idl_close(idl);
	kp_arena_free(arena);
	kp_buf_fini(&messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(built_tables_are_the_generated_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
