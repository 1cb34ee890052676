// describe_build.c - the tree as the tables of describe.h, for tools that read a .tars file at run
// time.
#include "idl/layout.h"
#include "idl/names.h"

struct builder {
	const struct kp_idl *idl;
	struct kp_arena *arena; // where the tables go
	kp_err err;
	struct kp_map structs; // "Module::Name" to kp_struct_type
	struct kp_map enums;
	struct kp_map types; // "kp_str_list" to kp_type
};

static void *build_alloc(struct builder *b, size_t count, size_t size)
{
	void *ptr = b->err == KP_OK ? kp_arena_alloc_zero(b->arena, count, size) : NULL;
	if (!ptr)
		b->err = KP_ERR_NOMEM;
	return ptr;
}

static const char *build_text(struct builder *b, struct kp_str str)
{
	struct kp_str copy = kp_arena_str(b->arena, str);
	if (!copy.ptr)
		b->err = KP_ERR_NOMEM;
	return copy.ptr;
}

static void keep(struct builder *b, struct kp_map *map, struct kp_str name, void *value)
{
	if (b->err == KP_OK && kp_map_set(map, name, value) != KP_OK)
		b->err = KP_ERR_NOMEM;
}

static const struct kp_type *build_type(struct builder *b, const struct idl_type *type)
{
	struct kp_str name = idl_type_name(type);
	struct kp_type *built = kp_map_get(&b->types, name);
	if (built)
		return built;
	built = build_alloc(b, 1, sizeof(*built));
	if (!built)
		return NULL;
	keep(b, &b->types, name, built);
	built->kind = type->kind;
	built->size = idl_layout_of(type).size;
	if (type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP)
		built->element = build_type(b, type->element);
	if (type->kind == KP_KIND_MAP) {
		struct idl_layout entry = {0, 1};
		built->key = build_type(b, type->key);
		idl_layout_add(&entry, type->key);
		built->value_offset = idl_layout_add(&entry, type->element);
		idl_layout_end(&entry);
		built->entry_size = entry.size;
	}
	if (type->kind == KP_KIND_STRUCT)
		built->structure = kp_map_get(&b->structs, type->decl->full_name);
	if (type->kind == KP_KIND_ENUM)
		built->enumeration = kp_map_get(&b->enums, type->decl->full_name);
	return built;
}

static void build_enum(struct builder *b, const struct idl_decl *decl)
{
	struct kp_enum_type *type = build_alloc(b, 1, sizeof(*type));
	if (!type)
		return;
	size_t count = 0;
	for (const struct idl_enum_value *value = decl->values; value; value = value->next)
		count++;
	struct kp_enum_value *values = build_alloc(b, count, sizeof(*values));
	if (!values)
		return;
	size_t i = 0;
	for (const struct idl_enum_value *value = decl->values; value; value = value->next)
		values[i++] = (struct kp_enum_value){build_text(b, value->name.text),
		                                     (int32_t)value->number};
	*type = (struct kp_enum_type){build_text(b, decl->full_name), values, count};
	keep(b, &b->enums, decl->full_name, type);
}

static void build_fields(struct builder *b, const struct idl_decl *decl,
                         struct kp_struct_type *type)
{
	size_t count = 0;
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		count++;
	struct kp_field *fields = build_alloc(b, count, sizeof(*fields));
	if (!fields)
		return;
	struct idl_layout layout = {0, 1};
	size_t i = 0;
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		fields[i++] = (struct kp_field){
		        .name = build_text(b, field->name.text),
		        .type = build_type(b, field->type),
		        .tag = (uint8_t)field->tag,
		        .required = field->required,
		        .offset = idl_layout_add(&layout, field->type),
		        .default_text = field->value.kind == IDL_VALUE_NONE
		                                ? NULL
		                                : build_text(b, field->value.literal),
		};
	type->name = build_text(b, decl->full_name);
	type->fields = fields;
	type->field_count = count;
	type->size = decl->layout.size;
}

static void build_function(struct builder *b, const struct idl_function *function,
                           struct kp_function *ret)
{
	struct kp_param *params = build_alloc(b, function->param_count, sizeof(*params));
	if (!params)
		return;
	size_t i = 0;
	for (const struct idl_param *param = function->params; param; param = param->next)
		params[i++] = (struct kp_param){build_text(b, param->name.text),
		                                build_type(b, param->type), param->is_out};
	*ret = (struct kp_function){.name = build_text(b, function->name.text),
	                            .result = build_type(b, function->result),
	                            .params = params,
	                            .param_count = function->param_count};
}

static void build_interface(struct builder *b, const struct idl_decl *decl,
                            struct kp_interface *ret)
{
	size_t count = 0;
	for (const struct idl_function *f = decl->functions; f; f = f->next)
		count++;
	struct kp_function *functions = build_alloc(b, count, sizeof(*functions));
	if (!functions)
		return;
	size_t i = 0;
	for (const struct idl_function *f = decl->functions; f; f = f->next)
		build_function(b, f, &functions[i++]);
	*ret = (struct kp_interface){.name = build_text(b, decl->full_name),
	                             .functions = functions,
	                             .function_count = count};
}

static size_t count_decls(const struct kp_idl *idl, enum idl_decl_kind kind)
{
	size_t count = 0;
	for (const struct idl_decl *decl = idl->decls; decl; decl = decl->next)
		count += decl->kind == kind;
	return count;
}

static void build_all(struct builder *b, struct kp_idl_description *ret)
{
	ret->interface_count = count_decls(b->idl, IDL_INTERFACE);
	ret->struct_count = count_decls(b->idl, IDL_STRUCT);
	struct kp_interface *interfaces = build_alloc(b, ret->interface_count, sizeof(*interfaces));
	struct kp_struct_type *structs = build_alloc(b, ret->struct_count, sizeof(*structs));
	ret->interfaces = interfaces;
	ret->structs = structs;
	if (!interfaces || !structs)
		return;
	size_t i = 0;
	for (const struct idl_decl *decl = b->idl->decls; decl; decl = decl->next) {
		if (decl->kind == IDL_ENUM)
			build_enum(b, decl);
		else if (decl->kind == IDL_STRUCT)
			keep(b, &b->structs, decl->full_name, &structs[i++]);
	}
	i = 0;
	for (const struct idl_decl *decl = b->idl->decls; decl; decl = decl->next)
		if (decl->kind == IDL_STRUCT)
			build_fields(b, decl, &structs[i++]);
	i = 0;
	for (const struct idl_decl *decl = b->idl->decls; decl; decl = decl->next)
		if (decl->kind == IDL_INTERFACE)
			build_interface(b, decl, &interfaces[i++]);
}

kp_err kp_idl_describe(const struct kp_idl *idl, struct kp_arena *arena,
                       struct kp_idl_description *ret)
{
	struct builder builder = {.idl = idl, .arena = arena};
	struct kp_idl_description description = {0};
	build_all(&builder, &description);
	kp_map_fini(&builder.structs);
	kp_map_fini(&builder.enums);
	kp_map_fini(&builder.types);
	if (builder.err == KP_OK)
		*ret = description;
	return builder.err;
}
