// describe.c - looking things up in a description, and the list of the types it uses.
#include "tars/describe.h"

#include "base/try.h"

int kp_interface_find(const struct kp_interface *interface, struct kp_str name)
{
	if (interface->find)
		return interface->find(name);
	for (size_t i = 0; i < interface->function_count; i++)
		if (kp_str_equal(kp_str(interface->functions[i].name), name))
			return (int)i;
	return -1;
}

const struct kp_enum_value *kp_enum_find(const struct kp_enum_type *enumeration, struct kp_str name)
{
	for (size_t i = name.len; i > 0; i--) {
		if (name.ptr[i - 1] != ':')
			continue;
		name = kp_str_sub(name, i, name.len);
		break;
	}
	for (size_t i = 0; i < enumeration->value_count; i++)
		if (kp_str_equal(kp_str(enumeration->values[i].name), name))
			return &enumeration->values[i];
	return NULL;
}

const char *kp_enum_name(const struct kp_enum_type *enumeration, int32_t value)
{
	for (size_t i = 0; i < enumeration->value_count; i++)
		if (enumeration->values[i].value == value)
			return enumeration->values[i].name;
	return NULL;
}

void kp_field_walk_start(struct kp_field_walk *walk, const struct kp_struct_type *structure)
{
	walk->fields = structure->fields;
	memset(walk->left, 0, sizeof(walk->left));
	for (size_t i = 0; i < structure->field_count && i <= UINT8_MAX; i++) {
		uint8_t tag = structure->fields[i].tag;
		walk->left[tag / 64] |= 1ull << tag % 64;
		walk->index[tag] = (uint8_t)i;
	}
}

const struct kp_field *kp_field_next(struct kp_field_walk *walk)
{
	for (unsigned i = 0; i < 4; i++) {
		if (walk->left[i] == 0)
			continue;
		unsigned tag = 64 * i + (unsigned)__builtin_ctzll(walk->left[i]);
		walk->left[i] &= walk->left[i] - 1;
		return &walk->fields[walk->index[tag]];
	}
	return NULL;
}

static kp_err add_struct(struct kp_type_table *table, const struct kp_struct_type *structure)
{
	for (size_t i = 0; i < table->structs.len; i++)
		if (table->structs.ptr[i] == structure)
			return KP_OK;
	return kp_vec_push(&table->structs, structure);
}

static kp_err add_enum(struct kp_type_table *table, const struct kp_enum_type *enumeration)
{
	for (size_t i = 0; i < table->enums.len; i++)
		if (table->enums.ptr[i] == enumeration)
			return KP_OK;
	return kp_vec_push(&table->enums, enumeration);
}

static kp_err add_type(struct kp_type_table *table, const struct kp_type *type)
{
	if (type->kind == KP_KIND_STRUCT)
		return add_struct(table, type->structure);
	if (type->kind == KP_KIND_ENUM)
		return add_enum(table, type->enumeration);
	if (type->kind == KP_KIND_MAP)
		KP_TRY(add_type(table, type->key));
	if (type->kind == KP_KIND_MAP || type->kind == KP_KIND_LIST)
		return add_type(table, type->element);
	return KP_OK;
}

static kp_err add_function(struct kp_type_table *table, const struct kp_function *function)
{
	KP_TRY(add_type(table, function->result));
	for (size_t i = 0; i < function->param_count; i++)
		KP_TRY(add_type(table, function->params[i].type));
	return KP_OK;
}

kp_err kp_type_table_collect(struct kp_type_table *table, const struct kp_interface *interface)
{
	for (size_t i = 0; i < interface->function_count; i++)
		KP_TRY(add_function(table, &interface->functions[i]));
	// A struct's fields may add structs behind it.
	for (size_t i = 0; i < table->structs.len; i++) {
		const struct kp_struct_type *structure = table->structs.ptr[i];
		for (size_t k = 0; k < structure->field_count; k++)
			KP_TRY(add_type(table, structure->fields[k].type));
	}
	return KP_OK;
}

void kp_type_table_fini(struct kp_type_table *table)
{
	kp_vec_fini(&table->enums);
	kp_vec_fini(&table->structs);
}
