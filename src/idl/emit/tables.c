// tables.c - the description of types and functions as constant tables.
#include "idl/emit/emit.h"

static const char *const kind_names[] = {
        [KP_KIND_VOID] = "VOID",     [KP_KIND_BOOL] = "BOOL", [KP_KIND_I8] = "I8",
        [KP_KIND_I16] = "I16",       [KP_KIND_I32] = "I32",   [KP_KIND_I64] = "I64",
        [KP_KIND_U8] = "U8",         [KP_KIND_U16] = "U16",   [KP_KIND_U32] = "U32",
        [KP_KIND_F32] = "F32",       [KP_KIND_F64] = "F64",   [KP_KIND_STR] = "STR",
        [KP_KIND_BYTES] = "BYTES",   [KP_KIND_LIST] = "LIST", [KP_KIND_MAP] = "MAP",
        [KP_KIND_STRUCT] = "STRUCT", [KP_KIND_ENUM] = "ENUM",
};

static void emit_type(struct idl_emitter *e, const struct idl_type *type)
{
	struct kp_str name = idl_type_name(type);
	kp_buf_printf(e->out,
	              "static const struct kp_type type_%.*s = {\n        .kind = KP_KIND_%s,\n",
	              KP_STR_ARG(name), kind_names[type->kind]);
	if (type->kind != KP_KIND_VOID)
		kp_buf_printf(e->out, "        .size = sizeof(%.*s),\n",
		              KP_STR_ARG(idl_c_type(e->idl, type)));
	if (type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP)
		kp_buf_printf(e->out, "        .element = &type_%.*s,\n",
		              KP_STR_ARG(idl_type_name(type->element)));
	if (type->kind == KP_KIND_MAP)
		kp_buf_printf(e->out,
		              "        .key = &type_%.*s,\n        .entry_size = sizeof(struct "
		              "%.*s_entry),\n"
		              "        .value_offset = offsetof(struct %.*s_entry, value),\n",
		              KP_STR_ARG(idl_type_name(type->key)), KP_STR_ARG(name),
		              KP_STR_ARG(name));
	if (type->kind == KP_KIND_STRUCT)
		kp_buf_printf(e->out, "        .structure = &%.*s_type,\n", KP_STR_ARG(name));
	if (type->kind == KP_KIND_ENUM)
		kp_buf_printf(e->out, "        .enumeration = &%.*s_type,\n", KP_STR_ARG(name));
	kp_buf_append_str(e->out, kp_str("};\n"));
}

static void emit_enum_table(struct idl_emitter *e, const struct idl_decl *decl)
{
	struct kp_str name = decl->c_name;
	kp_buf_printf(e->out, "\nstatic const struct kp_enum_value values_%.*s[] = {\n",
	              KP_STR_ARG(name));
	for (const struct idl_enum_value *value = decl->values; value; value = value->next)
		kp_buf_printf(e->out, "        {\"%.*s\", %.*s},\n", KP_STR_ARG(value->name.text),
		              KP_STR_ARG(value->c_name));
	kp_buf_printf(e->out,
	              "};\n\nconst struct kp_enum_type %.*s_type = {\n        .name = \"%.*s\",\n"
	              "        .values = values_%.*s,\n"
	              "        .value_count = sizeof(values_%.*s) / sizeof(values_%.*s[0]),\n};\n",
	              KP_STR_ARG(name), KP_STR_ARG(decl->full_name), KP_STR_ARG(name),
	              KP_STR_ARG(name), KP_STR_ARG(name));
}

static void emit_field(struct idl_emitter *e, const struct idl_decl *decl,
                       const struct idl_field *field)
{
	struct kp_str text = kp_str("NULL");
	if (field->value.kind != IDL_VALUE_NONE)
		text = idl_c_literal(e->idl, field->value.literal);
	kp_buf_printf(e->out,
	              "        {\n                .name = \"%.*s\",\n                .type = "
	              "&type_%.*s,\n"
	              "                .tag = %" PRId64 ",\n                .required = %s,\n"
	              "                .offset = offsetof(struct %.*s, %.*s),\n                "
	              ".default_text = %.*s,\n"
	              "        },\n",
	              KP_STR_ARG(field->name.text), KP_STR_ARG(idl_type_name(field->type)),
	              field->tag, field->required ? "true" : "false", KP_STR_ARG(decl->c_name),
	              KP_STR_ARG(field->c_name), KP_STR_ARG(text));
}

static void emit_struct_table(struct idl_emitter *e, const struct idl_decl *decl)
{
	struct kp_str name = decl->c_name;
	size_t count = 0;
	if (decl->fields)
		kp_buf_printf(e->out, "\nstatic const struct kp_field fields_%.*s[] = {\n",
		              KP_STR_ARG(name));
	for (const struct idl_field *field = decl->fields; field; field = field->next, count++)
		emit_field(e, decl, field);
	if (decl->fields)
		kp_buf_append_str(e->out, kp_str("};\n"));
	kp_buf_printf(e->out,
	              "\nconst struct kp_struct_type %.*s_type = {\n        .name = \"%.*s\",\n",
	              KP_STR_ARG(name), KP_STR_ARG(decl->full_name));
	if (decl->fields)
		kp_buf_printf(e->out, "        .fields = fields_%.*s,\n", KP_STR_ARG(name));
	kp_buf_printf(e->out,
	              "        .field_count = %zu,\n        .size = sizeof(struct %.*s),\n};\n",
	              count, KP_STR_ARG(name));
}

void idl_emit_tables(struct idl_emitter *e)
{
	for (const struct idl_used *used = e->used; used; used = used->next) {
		kp_buf_append_byte(e->out, '\n');
		emit_type(e, used->type);
	}
	IDL_EACH(e, decl, IDL_ENUM)
	emit_enum_table(e, decl);
	IDL_EACH(e, decl, IDL_STRUCT)
	emit_struct_table(e, decl);
}

static void emit_params(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_printf(e->out, "\nstatic const struct kp_param params_%.*s[] = {\n",
	              KP_STR_ARG(function->c_name));
	for (const struct idl_param *param = function->params; param; param = param->next)
		kp_buf_printf(e->out, "        {\"%.*s\", &type_%.*s, %s},\n",
		              KP_STR_ARG(param->name.text), KP_STR_ARG(idl_type_name(param->type)),
		              param->is_out ? "true" : "false");
	kp_buf_append_str(e->out, kp_str("};\n"));
}

static void emit_function(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_printf(e->out,
	              "        {\n                .name = \"%.*s\",\n                .result = "
	              "&type_%.*s,\n",
	              KP_STR_ARG(function->name.text), KP_STR_ARG(idl_type_name(function->result)));
	if (function->params)
		kp_buf_printf(e->out, "                .params = params_%.*s,\n",
		              KP_STR_ARG(function->c_name));
	kp_buf_printf(e->out,
	              "                .param_count = %zu,\n                .dispatch = "
	              "dispatch_%.*s,\n        },\n",
	              function->param_count, KP_STR_ARG(function->c_name));
}

// emit_find writes a switch on the length, so that a name costs one comparison of text, or few.
static void emit_find(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_printf(e->out, "\nstatic int find_%.*s(struct kp_str name)\n{\n",
	              KP_STR_ARG(decl->c_name));
	size_t len_max = 0;
	for (const struct idl_function *f = decl->functions; f; f = f->next)
		len_max = f->name.text.len > len_max ? f->name.text.len : len_max;
	if (decl->functions)
		kp_buf_append_str(e->out, kp_str("\tswitch (name.len) {\n"));
	for (size_t len = 1; len <= len_max; len++) {
		bool is_first = true;
		int index = 0;
		for (const struct idl_function *f = decl->functions; f; f = f->next, index++) {
			if (f->name.text.len != len)
				continue;
			if (is_first)
				kp_buf_printf(e->out, "\tcase %zu:\n", len);
			is_first = false;
			kp_buf_printf(e->out,
			              "\t\tif (memcmp(name.ptr, \"%.*s\", %zu) == 0)\n"
			              "\t\t\treturn %d;\n",
			              KP_STR_ARG(f->name.text), len, index);
		}
		if (!is_first)
			kp_buf_append_str(e->out, kp_str("\t\tbreak;\n"));
	}
	kp_buf_printf(e->out, "%s\treturn -1;\n}\n", decl->functions ? "\t}\n" : "\t(void)name;\n");
}

static void emit_interface(struct idl_emitter *e, const struct idl_decl *decl)
{
	struct kp_str name = decl->c_name;
	size_t count = 0;
	for (const struct idl_function *f = decl->functions; f; f = f->next, count++)
		if (f->params)
			emit_params(e, f);
	if (count > 0)
		kp_buf_printf(e->out, "\nstatic const struct kp_function functions_%.*s[] = {\n",
		              KP_STR_ARG(name));
	for (const struct idl_function *f = decl->functions; f; f = f->next)
		emit_function(e, f);
	if (count > 0)
		kp_buf_append_str(e->out, kp_str("};\n"));
	emit_find(e, decl);
	kp_buf_printf(e->out,
	              "\nconst struct kp_interface %.*s_interface = {\n        .name = \"%.*s\",\n",
	              KP_STR_ARG(name), KP_STR_ARG(decl->full_name));
	if (count > 0)
		kp_buf_printf(e->out, "        .functions = functions_%.*s,\n", KP_STR_ARG(name));
	kp_buf_printf(e->out, "        .function_count = %zu,\n        .find = find_%.*s,\n};\n",
	              count, KP_STR_ARG(name));
}

void idl_emit_interface_tables(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	emit_interface(e, decl);
}
