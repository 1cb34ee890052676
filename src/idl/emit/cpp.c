// cpp.c - the C++ header of one .tars file: its values.
//
// Everything is fully qualified, because a member may be called like its type.
#include "idl/emit/cpp.h"

#include "base/text.h"

struct kp_str idl_cpp_type(struct kp_idl *idl, const struct idl_type *type)
{
	switch (type->kind) {
	case KP_KIND_STR:
		return kp_str("std::string");
	case KP_KIND_BYTES:
		return kp_str("std::vector<char>");
	case KP_KIND_LIST: {
		struct kp_str element = idl_cpp_type(idl, type->element);
		return idl_format(idl, "std::vector<%.*s>", KP_STR_ARG(element));
	}
	case KP_KIND_MAP: {
		struct kp_str key = idl_cpp_type(idl, type->key);
		struct kp_str element = idl_cpp_type(idl, type->element);
		return idl_format(idl, "std::map<%.*s, %.*s>", KP_STR_ARG(key),
		                  KP_STR_ARG(element));
	}
	case KP_KIND_STRUCT:
	case KP_KIND_ENUM:
		return idl_format(idl, "::%.*s::%.*s",
		                  KP_STR_ARG(idl_c_word(idl, type->decl->module)),
		                  KP_STR_ARG(idl_c_word(idl, type->decl->name.text)));
	default:
		return idl_c_type(idl, type);
	}
}

void idl_cpp_module(struct idl_emitter *e, struct kp_str *current, struct kp_str module)
{
	if (kp_str_equal(*current, module))
		return;
	if (current->len)
		kp_buf_printf(e->out, "\n} // namespace %.*s\n",
		              KP_STR_ARG(idl_c_word(e->idl, *current)));
	if (module.len)
		kp_buf_printf(e->out, "\nnamespace %.*s\n{\n",
		              KP_STR_ARG(idl_c_word(e->idl, module)));
	*current = module;
}

bool idl_cpp_is_simple(const struct idl_type *type)
{
	return type->kind < KP_KIND_STR || type->kind == KP_KIND_ENUM;
}

struct kp_str idl_cpp_initial(const struct idl_type *type)
{
	if (type->kind == KP_KIND_BOOL)
		return kp_str(" = false");
	if (type->kind == KP_KIND_ENUM)
		return kp_str("{}");
	return kp_str(type->kind < KP_KIND_STR ? " = 0" : "");
}

// cpp_value returns a default or constant.
static struct kp_str cpp_value(struct kp_idl *idl, const struct idl_type *type,
                               const struct idl_value *value)
{
	if (type->kind != KP_KIND_ENUM)
		return idl_c_value(idl, type, value);
	struct kp_str name = idl_cpp_type(idl, type);
	if (value->enum_value && value->enum_decl == type->decl)
		return idl_format(idl, "%.*s::%.*s", KP_STR_ARG(name),
		                  KP_STR_ARG(idl_c_word(idl, value->enum_value->name.text)));
	return idl_format(idl, "static_cast<%.*s>(%" PRId64 ")", KP_STR_ARG(name), value->integer);
}

static void emit_constants(struct idl_emitter *e, struct kp_str *module)
{
	IDL_EACH(e, decl, IDL_CONST)
	{
		idl_cpp_module(e, module, decl->module);
		kp_buf_append_byte(e->out, '\n');
		idl_emit_comment(e, "", decl->comment);
		struct kp_str name = idl_c_word(e->idl, decl->name.text);
		struct kp_str value = cpp_value(e->idl, decl->type, &decl->value);
		if (decl->type->kind == KP_KIND_STR)
			kp_buf_printf(e->out,
			              "inline constexpr std::string_view %.*s(%.*s, %zu);\n",
			              KP_STR_ARG(name), KP_STR_ARG(value), decl->value.string.len);
		else
			kp_buf_printf(e->out, "inline constexpr %.*s %.*s = %.*s;\n",
			              KP_STR_ARG(idl_cpp_type(e->idl, decl->type)),
			              KP_STR_ARG(name), KP_STR_ARG(value));
	}
}

static void emit_enums(struct idl_emitter *e, struct kp_str *module)
{
	IDL_EACH(e, decl, IDL_ENUM)
	{
		idl_cpp_module(e, module, decl->module);
		kp_buf_append_byte(e->out, '\n');
		idl_emit_comment(e, "", decl->comment);
		struct kp_str name = idl_c_word(e->idl, decl->name.text);
		kp_buf_printf(e->out, "enum class %.*s : int32_t {\n", KP_STR_ARG(name));
		for (const struct idl_enum_value *value = decl->values; value;
		     value = value->next) {
			idl_emit_comment(e, "\t", value->comment);
			bool is_lowest = value->number == INT32_MIN;
			kp_buf_printf(e->out, "\t%.*s = ",
			              KP_STR_ARG(idl_c_word(e->idl, value->name.text)));
			kp_buf_printf(e->out, is_lowest ? "INT32_MIN," : "%" PRId64 ",",
			              value->number);
			idl_emit_remark(e, value->remark);
		}
		kp_buf_printf(e->out,
		              "};\n\n// name_of returns NULL for a number that has no name.\n"
		              "inline const char *name_of(%.*s value)\n{\n"
		              "\treturn kipp::detail::name_of(%.*s_type, "
		              "static_cast<int32_t>(value));\n}\n",
		              KP_STR_ARG(name), KP_STR_ARG(decl->c_name));
	}
}

enum visit {
	EMIT_NEW = 200, // above the marks of check and of the C emitter
	EMIT_DONE,
};

static void emit_struct(struct idl_emitter *e, struct idl_decl *decl, struct kp_str *module)
{
	if (decl->visit == EMIT_DONE || decl->file != e->file)
		return;
	decl->visit = EMIT_DONE;
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		if (field->type->kind == KP_KIND_STRUCT)
			emit_struct(e, (struct idl_decl *)field->type->decl, module);
	idl_cpp_module(e, module, decl->module);
	kp_buf_append_byte(e->out, '\n');
	idl_emit_comment(e, "", decl->comment);
	kp_buf_printf(e->out, "struct %.*s {\n", KP_STR_ARG(idl_c_word(e->idl, decl->name.text)));
	for (const struct idl_field *field = decl->fields; field; field = field->next) {
		idl_emit_comment(e, "\t", field->comment);
		struct kp_str type = idl_cpp_type(e->idl, field->type);
		kp_buf_printf(e->out, "\t%.*s %.*s", KP_STR_ARG(type), KP_STR_ARG(field->c_name));
		struct kp_str initial = idl_cpp_initial(field->type);
		if (field->value.kind != IDL_VALUE_NONE) {
			struct kp_str value = cpp_value(e->idl, field->type, &field->value);
			initial = field->type->kind == KP_KIND_STR
			                  ? idl_format(e->idl, " = std::string(%.*s, %zu)",
			                               KP_STR_ARG(value), field->value.string.len)
			                  : idl_format(e->idl, " = %.*s", KP_STR_ARG(value));
		}
		kp_buf_printf(e->out, "%.*s;", KP_STR_ARG(initial));
		idl_emit_remark(e, field->remark);
	}
	kp_buf_append_str(e->out, kp_str("};\n"));
}

static void emit_structs(struct idl_emitter *e, struct kp_str *module)
{
	for (struct idl_decl *decl = e->idl->decls; decl; decl = decl->next)
		decl->visit = EMIT_NEW;
	bool is_first = true;
	IDL_EACH(e, decl, IDL_STRUCT)
	{
		if (is_first || !kp_str_equal(*module, decl->module)) {
			idl_cpp_module(e, module, decl->module);
			kp_buf_append_byte(e->out, '\n');
		}
		is_first = false;
		kp_buf_printf(e->out, "struct %.*s;\n",
		              KP_STR_ARG(idl_c_word(e->idl, decl->name.text)));
	}
	IDL_EACH(e, decl, IDL_STRUCT)
	emit_struct(e, decl, module);
}

static void emit_struct_prototypes(struct idl_emitter *e, struct kp_str *module)
{
	IDL_EACH(e, decl, IDL_STRUCT)
	{
		idl_cpp_module(e, module, decl->module);
		struct kp_str name = idl_c_word(e->idl, decl->name.text);
		static const char *const operators[] = {"==", "!=", "<"};
		kp_buf_append_byte(e->out, '\n');
		for (size_t i = 0; i < 3; i++)
			kp_buf_printf(e->out,
			              "inline bool operator%s(const %.*s &a, const %.*s &b);\n",
			              operators[i], KP_STR_ARG(name), KP_STR_ARG(name));
		kp_buf_printf(e->out,
		              "inline void encode_fields(struct kp_buf *out, const %.*s &value);\n"
		              "inline void decode_fields(kipp::reader &in, %.*s &ret);\n",
		              KP_STR_ARG(name), KP_STR_ARG(name));
	}
}

static void emit_less(struct idl_emitter *e, struct kp_str name)
{
	kp_buf_printf(e->out, "\tif (a.%.*s != b.%.*s)\n\t\treturn a.%.*s < b.%.*s;\n",
	              KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name));
}

static void emit_operators(struct idl_emitter *e, const struct idl_decl *decl, struct kp_str name)
{
	const char *a = decl->fields ? " &a" : " &", *b = decl->fields ? " &b" : " &";
	kp_buf_printf(e->out, "\ninline bool operator==(const %.*s%s, const %.*s%s)\n{\n\treturn ",
	              KP_STR_ARG(name), a, KP_STR_ARG(name), b);
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		kp_buf_printf(e->out, "%sa.%.*s == b.%.*s",
		              field == decl->fields ? "" : " &&\n\t       ",
		              KP_STR_ARG(field->c_name), KP_STR_ARG(field->c_name));
	kp_buf_append_str(e->out, kp_str(decl->fields ? ";\n}\n" : "true;\n}\n"));
	kp_buf_printf(e->out,
	              "\ninline bool operator!=(const %.*s &a, const %.*s &b)\n{\n"
	              "\treturn !(a == b);\n}\n",
	              KP_STR_ARG(name), KP_STR_ARG(name));
	kp_buf_printf(e->out, "\ninline bool operator<(const %.*s%s, const %.*s%s)\n{\n",
	              KP_STR_ARG(name), a, KP_STR_ARG(name), b);
	for (const struct idl_key_part *part = decl->key; part; part = part->next)
		emit_less(e, part->field->c_name);
	for (const struct idl_field *field = decl->key ? NULL : decl->fields; field;
	     field = field->next)
		emit_less(e, field->c_name);
	kp_buf_append_str(e->out, kp_str("\treturn false;\n}\n"));
}

static void emit_codec(struct idl_emitter *e, const struct idl_decl *decl, struct kp_str name)
{
	bool is_empty = !decl->fields;
	kp_buf_printf(e->out, "\ninline void encode_fields(struct kp_buf *%s, const %.*s &%s)\n{\n",
	              is_empty ? "" : "out", KP_STR_ARG(name), is_empty ? "" : "value");
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		kp_buf_printf(e->out, "\tkipp::encode(out, %" PRId64 ", value.%.*s);\n", field->tag,
		              KP_STR_ARG(field->c_name));
	kp_buf_printf(e->out, "}\n\ninline void decode_fields(kipp::reader &%s, %.*s &%s)\n{\n",
	              is_empty ? "" : "in", KP_STR_ARG(name), is_empty ? "" : "ret");
	for (const struct idl_field *field = decl->fields; field; field = field->next)
		kp_buf_printf(e->out, "\tkipp::decode(in, %" PRId64 ", %s, ret.%.*s);\n",
		              field->tag, field->required ? "KP_REQUIRED" : "KP_OPTIONAL",
		              KP_STR_ARG(field->c_name));
	kp_buf_append_str(e->out, kp_str("}\n"));
}

// emit_views writes the ways to the C struct, whose memory is an arena's, and back.
static void emit_views(struct idl_emitter *e, const struct idl_decl *decl, struct kp_str name)
{
	struct kp_str c_name = decl->c_name;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature = idl_signature_begin(e, "inline kp_err to_view");
	idl_signature_add(e, &signature, "const %.*s &value", KP_STR_ARG(name));
	idl_signature_add(e, &signature, "struct kp_arena *arena");
	idl_signature_add(e, &signature, "struct %.*s *ret", KP_STR_ARG(c_name));
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\treturn kipp::detail::to_view(value, arena, ret, %.*s_decode);\n}\n\n",
	              KP_STR_ARG(c_name));
	signature = idl_signature_begin(e, "inline kp_err from_view");
	idl_signature_add(e, &signature, "const struct %.*s *view", KP_STR_ARG(c_name));
	idl_signature_add(e, &signature, "%.*s &ret", KP_STR_ARG(name));
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\treturn kipp::detail::from_view(view, ret, %.*s_encode);\n}\n\n"
	              "inline std::string print(const %.*s &value)\n{\n",
	              KP_STR_ARG(c_name), KP_STR_ARG(name));
	signature = idl_signature_begin(e, "\treturn kipp::detail::print<struct %.*s>",
	                                KP_STR_ARG(c_name));
	idl_signature_add(e, &signature, "value");
	idl_signature_add(e, &signature, "%.*s_decode", KP_STR_ARG(c_name));
	idl_signature_add(e, &signature, "%.*s_print", KP_STR_ARG(c_name));
	idl_signature_end(&signature, ";");
	kp_buf_append_str(e->out, kp_str("}\n"));
}

static void emit_struct_functions(struct idl_emitter *e, struct kp_str *module)
{
	IDL_EACH(e, decl, IDL_STRUCT)
	{
		idl_cpp_module(e, module, decl->module);
		struct kp_str name = idl_c_word(e->idl, decl->name.text);
		emit_operators(e, decl, name);
		emit_codec(e, decl, name);
		emit_views(e, decl, name);
	}
}

static void emit_includes(struct idl_emitter *e)
{
	for (const struct idl_include *include = e->file->includes; include;
	     include = include->next) {
		struct kp_str path = include->path;
		if (kp_str_ends_with(path, kp_str(".tars")))
			path = kp_str_sub(path, 0, path.len - 5);
		kp_buf_printf(e->out, "#include \"%.*s.hpp\"\n", KP_STR_ARG(path));
	}
}

kp_err kp_idl_emit_cpp(struct kp_idl *idl, const char *stem, struct kp_buf *header)
{
	struct idl_emitter emitter = {.idl = idl, .file = idl->files, .stem = stem, .out = header};
	struct idl_emitter *e = &emitter;
	struct kp_str file = idl_base_name(e->file->path);
	kp_buf_printf(header,
	              "// %s.hpp - made from %.*s by kipp idl; edit that file instead.\n"
	              "#pragma once\n\n#include <kipp/kipp.hpp>\n\n#include \"%s.h\"\n",
	              stem, KP_STR_ARG(file), stem);
	emit_includes(e);
	struct kp_str module = {0};
	emit_constants(e, &module);
	emit_enums(e, &module);
	emit_structs(e, &module);
	emit_struct_prototypes(e, &module);
	emit_struct_functions(e, &module);
	idl_cpp_emit_interfaces(e, &module);
	idl_cpp_module(e, &module, (struct kp_str){0});
	return idl->err != KP_OK ? idl->err : header->err;
}
