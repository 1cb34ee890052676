// check.c - resolves names and holds the tree to the rules of the language.
#include "idl/check.h"

#include "idl/error.h"
#include "idl/layout.h"
#include "idl/names.h"

// add_once reports a second thing of one name; `scope` is emptied by its owner.
static void add_once(struct kp_idl *idl, struct kp_map *scope, const struct idl_name *name,
                     const char *what)
{
	if (kp_map_get(scope, name->text))
		idl_error(idl, name->place, "there is a %s '%.*s' already", what,
		          KP_STR_ARG(name->text));
	else if (kp_map_set(scope, name->text, (void *)name) != KP_OK)
		idl->err = KP_ERR_NOMEM;
}

static void register_decl(struct kp_idl *idl, struct idl_decl *decl)
{
	struct kp_str module = decl->module, name = decl->name.text;
	decl->full_name = idl_format(idl, "%.*s::%.*s", KP_STR_ARG(module), KP_STR_ARG(name));
	decl->c_name = idl_format(idl, "%.*s_%.*s", KP_STR_ARG(module), KP_STR_ARG(name));
	if (idl->err != KP_OK)
		return;
	if (kp_map_get(&idl->names, decl->full_name)) {
		idl_error(idl, decl->name.place, "'%s' is defined twice", decl->full_name.ptr);
		return;
	}
	if (kp_map_set(&idl->names, decl->full_name, decl) != KP_OK)
		idl->err = KP_ERR_NOMEM;
}

static bool is_registered(const struct kp_idl *idl, const struct idl_decl *decl)
{
	return kp_map_get(&idl->names, decl->full_name) == decl;
}

// resolve finds what a type's name means; `allow_void` is for a function's result.
static bool resolve(struct kp_idl *idl, struct kp_str module, struct idl_type *type,
                    bool allow_void)
{
	if (type->kind == KP_KIND_LIST)
		return resolve(idl, module, type->element, false);
	if (type->kind == KP_KIND_MAP) {
		bool is_key = resolve(idl, module, type->key, false);
		if (is_key &&
		    (type->key->kind == KP_KIND_LIST || type->key->kind == KP_KIND_BYTES ||
		     type->key->kind == KP_KIND_MAP)) {
			idl_error(idl, type->key->name.place, "a %s cannot be the key of a map",
			          type->key->kind == KP_KIND_MAP ? "map" : "vector");
			is_key = false;
		}
		return resolve(idl, module, type->element, false) && is_key;
	}
	if (type->kind != KP_KIND_VOID)
		return true;
	if (!type->name.text.ptr) {
		if (!allow_void)
			idl_error(idl, type->name.place, "only a function's result can be void");
		return allow_void;
	}
	const struct idl_decl *decl = idl_find_decl(idl, module, type->name.text);
	if (!decl) {
		idl_error(idl, type->name.place, "unknown type '%.*s'",
		          KP_STR_ARG(type->name.text));
		return false;
	}
	if (decl->kind != IDL_STRUCT && decl->kind != IDL_ENUM) {
		idl_error(idl, type->name.place, "'%.*s' is %s, not a type",
		          KP_STR_ARG(type->name.text),
		          decl->kind == IDL_CONST ? "a constant" : "an interface");
		return false;
	}
	type->decl = decl;
	type->kind = decl->kind == IDL_STRUCT ? KP_KIND_STRUCT : KP_KIND_ENUM;
	return true;
}

static bool resolve_and_name(struct kp_idl *idl, struct kp_str module, struct idl_type *type,
                             bool allow_void)
{
	if (!resolve(idl, module, type, allow_void))
		return false;
	idl_name_type(idl, type);
	return true;
}

static void check_enum(struct kp_idl *idl, struct idl_decl *decl)
{
	struct kp_map scope = {0};
	int64_t next = 0;
	for (struct idl_enum_value *value = decl->values; value; value = value->next) {
		add_once(idl, &scope, &value->name, "value");
		if (value->has_number) {
			static const struct idl_type as_int = {.kind = KP_KIND_I32};
			struct idl_type own = {.kind = KP_KIND_ENUM, .decl = decl};
			bool is_name = value->number_value.kind == IDL_VALUE_NAME;
			idl_check_value(idl, decl->module, is_name ? &own : &as_int,
			                &value->number_value, "number");
			next = value->number_value.integer;
		}
		if (next > INT32_MAX || next < INT32_MIN) {
			if (!value->has_number)
				idl_error(idl, value->name.place,
				          "the number of '%.*s' does not fit into int",
				          KP_STR_ARG(value->name.text));
			next = 0;
		}
		value->number = next++;
		value->is_numbered = true;
	}
	kp_map_fini(&scope);
	if (!decl->values)
		idl_error(idl, decl->name.place, "an enum needs a value");
}

// check_fields returns whether every field has a tag of its own.
static bool check_fields(struct kp_idl *idl, struct idl_decl *decl)
{
	struct kp_map scope = {0};
	size_t tag_count = 0, field_count = 0;
	const struct idl_field *by_tag[IDL_TAG_MAX + 1] = {0};
	for (struct idl_field *field = decl->fields; field; field = field->next) {
		add_once(idl, &scope, &field->name, "field");
		if (field->tag < 0 || field->tag > IDL_TAG_MAX)
			idl_error(idl, field->place, "a tag is a number from 0 to %d", IDL_TAG_MAX);
		else if (by_tag[field->tag])
			idl_error(idl, field->place, "'%.*s' has tag %d already",
			          KP_STR_ARG(by_tag[field->tag]->name.text), (int)field->tag);
		else
			by_tag[field->tag] = field, tag_count++;
		field_count++;
		if (resolve_and_name(idl, decl->module, field->type, false) &&
		    field->value.kind != IDL_VALUE_NONE)
			idl_check_value(idl, decl->module, field->type, &field->value, "default");
	}
	kp_map_fini(&scope);
	return tag_count == field_count;
}

// sort_fields brings fields into the order in which they travel.
static void sort_fields(struct idl_decl *decl)
{
	struct idl_field *sorted = NULL;
	for (struct idl_field *field = decl->fields, *next; field; field = next) {
		next = field->next;
		struct idl_field **at = &sorted;
		while (*at && (*at)->tag <= field->tag)
			at = &(*at)->next;
		field->next = *at;
		*at = field;
	}
	decl->fields = sorted;
}

static void check_function(struct kp_idl *idl, const struct idl_decl *decl,
                           struct idl_function *function)
{
	struct kp_map scope = {0};
	resolve_and_name(idl, decl->module, function->result, true);
	for (struct idl_param *param = function->params; param; param = param->next) {
		add_once(idl, &scope, &param->name, "parameter");
		resolve_and_name(idl, decl->module, param->type, false);
	}
	if (function->param_count > IDL_PARAMS_MAX)
		idl_error(idl, function->name.place, "'%.*s' has %zu parameters; %d are allowed",
		          KP_STR_ARG(function->name.text), function->param_count, IDL_PARAMS_MAX);
	kp_map_fini(&scope);
}

static void check_interface(struct kp_idl *idl, struct idl_decl *decl)
{
	struct kp_map scope = {0};
	for (struct idl_function *function = decl->functions; function; function = function->next) {
		add_once(idl, &scope, &function->name, "function");
		check_function(idl, decl, function);
	}
	kp_map_fini(&scope);
}

static void check_const(struct kp_idl *idl, struct idl_decl *decl)
{
	if (resolve(idl, decl->module, decl->type, false))
		idl_check_value(idl, decl->module, decl->type, &decl->value, "constant");
}

static bool is_ordered(enum kp_kind kind)
{
	return kind < KP_KIND_BYTES || kind == KP_KIND_ENUM;
}

static void check_key(struct kp_idl *idl, struct idl_decl *key)
{
	struct idl_decl *decl = idl_find_decl(idl, key->module, key->name.text);
	if (!decl || decl->kind != IDL_STRUCT) {
		idl_error(idl, key->name.place, "there is no struct '%.*s'",
		          KP_STR_ARG(key->name.text));
		return;
	}
	if (decl->key)
		idl_error(idl, key->name.place, "'%s' has a key already", decl->full_name.ptr);
	for (struct idl_key_part *part = key->key; part; part = part->next) {
		for (const struct idl_field *field = decl->fields; field; field = field->next)
			if (kp_str_equal(field->name.text, part->name.text))
				part->field = field;
		if (!part->field)
			idl_error(idl, part->name.place, "'%s' has no field '%.*s'",
			          decl->full_name.ptr, KP_STR_ARG(part->name.text));
		else if (!is_ordered(part->field->type->kind))
			idl_error(idl, part->name.place,
			          "a vector, map or struct cannot be part of a key");
	}
	decl->key = key->key;
}

enum visit {
	VISIT_NEW,
	VISIT_OPEN,
	VISIT_DONE,
};

// measure adds up a struct whose inner structs are measured.
static void measure(struct kp_idl *idl, struct idl_decl *decl)
{
	struct idl_layout layout = {0, 1};
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		if (layout.size <= IDL_STRUCT_SIZE_MAX)
			idl_layout_add(&layout, field->type);
	idl_layout_end(&layout);
	if (layout.size > IDL_STRUCT_SIZE_MAX) {
		idl_error(idl, decl->name.place, "'%.*s' is larger than %d bytes",
		          KP_STR_ARG(decl->name.text), IDL_STRUCT_SIZE_MAX);
		layout = (struct idl_layout){1, 1};
	}
	decl->layout = layout;
}

// check_containment looks for a struct that holds itself by value, and measures the others. Returns
// false when the nesting is deeper than any decoder follows.
static bool check_containment(struct kp_idl *idl, struct idl_decl *decl, int depth)
{
	if (decl->visit == VISIT_DONE)
		return true;
	if (depth > KP_DEPTH_MAX) {
		idl_error(idl, decl->name.place, "structs are nested more than %d deep",
		          KP_DEPTH_MAX);
		return false;
	}
	decl->visit = VISIT_OPEN;
	for (struct idl_field *field = decl->fields; field; field = field->next) {
		if (field->type->kind != KP_KIND_STRUCT)
			continue;
		struct idl_decl *inner = (struct idl_decl *)field->type->decl;
		if (inner->visit == VISIT_OPEN)
			idl_error(idl, field->type->name.place,
			          "'%s' cannot contain itself, only a vector or map of itself",
			          inner->full_name.ptr);
		else if (!check_containment(idl, inner, depth + 1))
			return false;
	}
	decl->visit = VISIT_DONE;
	measure(idl, decl);
	return true;
}

static void check_decl(struct kp_idl *idl, struct idl_decl *decl)
{
	switch (decl->kind) {
	case IDL_STRUCT:
		if (check_fields(idl, decl))
			sort_fields(decl);
		break;
	case IDL_INTERFACE:
		check_interface(idl, decl);
		break;
	case IDL_KEY:
		check_key(idl, decl);
		break;
	case IDL_ENUM:
	case IDL_CONST:
		break;
	}
}

void idl_check(struct kp_idl *idl)
{
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		if (decl->kind != IDL_KEY)
			register_decl(idl, decl);
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		if (decl->kind == IDL_ENUM)
			check_enum(idl, decl);
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		if (decl->kind == IDL_CONST)
			check_const(idl, decl);
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		check_decl(idl, decl);
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		if (decl->kind == IDL_STRUCT && !check_containment(idl, decl, 1))
			break;
	struct kp_map seen = {0};
	for (struct idl_decl *decl = idl->decls; decl && idl->err == KP_OK; decl = decl->next)
		if (decl->kind != IDL_KEY && is_registered(idl, decl))
			idl_name_decl(idl, decl, &seen);
	kp_map_fini(&seen);
}
