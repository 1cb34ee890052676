// types.c - the header's constants, enums, structs, vectors and maps.
#include "idl/emit/emit.h"

#include "base/text.h"

// Vectors and maps that kipp/types.h has.
static const char *const known_containers[] = {
        "kp_bool_list",  "kp_i16_list",    "kp_i32_list",    "kp_i64_list",    "kp_u8_list",
        "kp_u16_list",   "kp_u32_list",    "kp_f32_list",    "kp_f64_list",    "kp_str_list",
        "kp_bytes_list", "kp_str_str_map", "kp_str_i32_map", "kp_str_i64_map", "kp_i32_str_map",
};

static bool is_known(const struct idl_type *type)
{
	for (size_t i = 0; i < sizeof(known_containers) / sizeof(known_containers[0]); i++)
		if (kp_str_equal(type->c_name, kp_str(known_containers[i])))
			return true;
	return false;
}

static void emit_constants(struct idl_emitter *e)
{
	bool is_first = true;
	IDL_EACH(e, decl, IDL_CONST)
	{
		if (is_first)
			kp_buf_append_byte(e->out, '\n');
		is_first = false;
		idl_emit_comment(e, "", decl->comment);
		struct kp_str value = idl_c_value(e->idl, decl->type, &decl->value);
		bool is_negative = value.len && value.ptr[0] == '-';
		kp_buf_printf(e->out, is_negative ? "#define %.*s (%.*s)\n" : "#define %.*s %.*s\n",
		              KP_STR_ARG(decl->c_name), KP_STR_ARG(value));
	}
}

static void emit_enums(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_ENUM)
	{
		kp_buf_append_byte(e->out, '\n');
		idl_emit_comment(e, "", decl->comment);
		kp_buf_printf(e->out, "enum %.*s {\n", KP_STR_ARG(decl->c_name));
		for (const struct idl_enum_value *value = decl->values; value;
		     value = value->next) {
			idl_emit_comment(e, "\t", value->comment);
			kp_buf_printf(
			        e->out, "\t%.*s = %s%" PRId64 "%s,", KP_STR_ARG(value->c_name),
			        value->number == INT32_MIN ? "(" : "",
			        value->number == INT32_MIN ? value->number + 1 : value->number,
			        value->number == INT32_MIN ? " - 1)" : "");
			idl_emit_remark(e, value->remark);
		}
		kp_buf_append_str(e->out, kp_str("};\n"));
	}
}

enum visit {
	EMIT_NEW = 100, // above check's marks
	EMIT_DONE,
};

// is_complete tells whether C knows the size of a type at this point of the header.
static bool is_complete(const struct idl_emitter *e, const struct idl_type *type)
{
	return type->kind != KP_KIND_STRUCT || type->decl->file != e->file ||
	       type->decl->visit == EMIT_DONE;
}

static void emit_entry(struct idl_emitter *e, const struct idl_type *type)
{
	kp_buf_printf(e->out, "struct %.*s_entry {\n\t%.*s key;\n\t%.*s value;\n};\n",
	              KP_STR_ARG(type->c_name), KP_STR_ARG(idl_c_type(e->idl, type->key)),
	              KP_STR_ARG(idl_c_type(e->idl, type->element)));
}

static void emit_container(struct idl_emitter *e, struct idl_used *used)
{
	const struct idl_type *type = used->type;
	kp_buf_printf(e->out, "\n#ifndef KP_TYPE_%.*s\n#define KP_TYPE_%.*s\n",
	              KP_STR_ARG(type->c_name), KP_STR_ARG(type->c_name));
	if (type->kind == KP_KIND_LIST) {
		if (!is_complete(e, type->element))
			kp_buf_printf(e->out, "%.*s;\n",
			              KP_STR_ARG(idl_c_type(e->idl, type->element)));
		kp_buf_printf(e->out, "KP_LIST(%.*s, %.*s);\n", KP_STR_ARG(type->c_name),
		              KP_STR_ARG(idl_c_type(e->idl, type->element)));
	} else if (is_complete(e, type->key) && is_complete(e, type->element)) {
		kp_buf_printf(e->out, "KP_MAP(%.*s, %.*s, %.*s);\n", KP_STR_ARG(type->c_name),
		              KP_STR_ARG(idl_c_type(e->idl, type->key)),
		              KP_STR_ARG(idl_c_type(e->idl, type->element)));
	} else {
		kp_buf_printf(e->out,
		              "struct %.*s_entry;\nstruct %.*s {\n\tstruct %.*s_entry *ptr;\n"
		              "\tsize_t len;\n};\n",
		              KP_STR_ARG(type->c_name), KP_STR_ARG(type->c_name),
		              KP_STR_ARG(type->c_name));
		used->needs_entry = true;
	}
	kp_buf_append_str(e->out, kp_str("#endif\n"));
	used->is_defined = true;
}

// define_containers writes the vectors and maps inside a type that were not written yet.
static void define_containers(struct idl_emitter *e, const struct idl_type *type)
{
	if (type->kind != KP_KIND_LIST && type->kind != KP_KIND_MAP)
		return;
	define_containers(e, type->element);
	if (type->kind == KP_KIND_MAP)
		define_containers(e, type->key);
	for (struct idl_used *used = e->used; used; used = used->next)
		if (kp_str_equal(idl_type_name(used->type), type->c_name) && !used->is_defined &&
		    !is_known(type))
			emit_container(e, used);
}

static void emit_struct(struct idl_emitter *e, struct idl_decl *decl)
{
	if (decl->visit == EMIT_DONE || decl->file != e->file)
		return;
	for (const struct idl_field *field = decl->fields; field; field = field->next) {
		if (field->type->kind == KP_KIND_STRUCT)
			emit_struct(e, (struct idl_decl *)field->type->decl);
		define_containers(e, field->type);
	}
	kp_buf_append_byte(e->out, '\n');
	idl_emit_comment(e, "", decl->comment);
	kp_buf_printf(e->out, "struct %.*s {\n", KP_STR_ARG(decl->c_name));
	for (const struct idl_field *field = decl->fields; field; field = field->next) {
		idl_emit_comment(e, "\t", field->comment);
		kp_buf_printf(e->out, "\t%.*s %.*s;", KP_STR_ARG(idl_c_type(e->idl, field->type)),
		              KP_STR_ARG(field->c_name));
		idl_emit_remark(e, field->remark);
	}
	if (!decl->fields)
		kp_buf_append_str(e->out, kp_str("\tchar unused; // C has no empty structs\n"));
	kp_buf_append_str(e->out, kp_str("};\n"));
	decl->visit = EMIT_DONE;
}

void idl_emit_types(struct idl_emitter *e)
{
	for (struct idl_decl *decl = e->idl->decls; decl; decl = decl->next)
		decl->visit = EMIT_NEW;
	emit_constants(e);
	emit_enums(e);
	IDL_EACH(e, decl, IDL_STRUCT)
	emit_struct(e, decl);
	for (struct idl_used *used = e->used; used; used = used->next)
		define_containers(e, used->type);
	for (struct idl_used *used = e->used; used; used = used->next) {
		if (!used->needs_entry)
			continue;
		kp_buf_append_byte(e->out, '\n');
		emit_entry(e, used->type);
	}
}
