// text.c - pieces of C text: types, values, literals, parameter lists.
#include "idl/emit/emit.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	COLUMN_MAX = 100,
	INDENT_MAX = 64, // a longer function name sends its parameters to the next line
};

struct kp_str idl_c_type(struct kp_idl *idl, const struct idl_type *type)
{
	static const char *const names[] = {
	        [KP_KIND_VOID] = "void",
	        [KP_KIND_BOOL] = "bool",
	        [KP_KIND_I8] = "int8_t",
	        [KP_KIND_I16] = "int16_t",
	        [KP_KIND_I32] = "int32_t",
	        [KP_KIND_I64] = "int64_t",
	        [KP_KIND_U8] = "uint8_t",
	        [KP_KIND_U16] = "uint16_t",
	        [KP_KIND_U32] = "uint32_t",
	        [KP_KIND_F32] = "float",
	        [KP_KIND_F64] = "double",
	        [KP_KIND_STR] = "struct kp_str",
	        [KP_KIND_BYTES] = "struct kp_bytes",
	};
	if (type->kind < KP_KIND_LIST)
		return kp_str(names[type->kind]);
	return idl_format(idl, "%s %.*s", type->kind == KP_KIND_ENUM ? "enum" : "struct",
	                  KP_STR_ARG(idl_type_name(type)));
}

static void append_literal_byte(struct kp_buf *out, char c)
{
	if (c == '"' || c == '\\' || c == '?')
		kp_buf_printf(out, "\\%c", c);
	else if (c == '\n')
		kp_buf_append_str(out, kp_str("\\n"));
	else if (c == '\t')
		kp_buf_append_str(out, kp_str("\\t"));
	else if ((unsigned char)c < ' ' || c == 0x7f)
		kp_buf_printf(out, "\\%03o", (unsigned)(unsigned char)c);
	else
		kp_buf_append_byte(out, (uint8_t)c);
}

struct kp_str idl_c_literal(struct kp_idl *idl, struct kp_str bytes)
{
	struct kp_buf text = {0};
	kp_buf_append_byte(&text, '"');
	for (size_t i = 0; i < bytes.len; i++)
		append_literal_byte(&text, bytes.ptr[i]);
	kp_buf_append_byte(&text, '"');
	if (text.err != KP_OK)
		idl->err = text.err;
	struct kp_str literal = idl_str(idl, kp_buf_str(&text));
	kp_buf_fini(&text);
	return literal;
}

static struct kp_str real_text(struct kp_idl *idl, double real, bool is_float)
{
	char text[64];
	snprintf(text, sizeof(text), is_float ? "%.9g" : "%.17g", real);
	const char *point = strpbrk(text, ".e") ? "" : ".0";
	return idl_format(idl, "%s%s%s", text, point, is_float ? "f" : "");
}

struct kp_str idl_c_value(struct kp_idl *idl, const struct idl_type *type,
                          const struct idl_value *value)
{
	int64_t integer = value->integer;
	switch (type->kind) {
	case KP_KIND_BOOL:
		return kp_str(integer ? "true" : "false");
	case KP_KIND_F32:
	case KP_KIND_F64:
		return real_text(idl, value->real, type->kind == KP_KIND_F32);
	case KP_KIND_STR:
		return idl_c_literal(idl, value->string);
	case KP_KIND_ENUM:
		if (value->enum_value)
			return value->enum_value->c_name;
		return idl_format(idl, "(enum %.*s)%" PRId64, KP_STR_ARG(type->decl->c_name),
		                  integer);
	case KP_KIND_I64:
		if (integer == INT64_MIN)
			return kp_str("INT64_MIN");
		return idl_format(idl, "INT64_C(%" PRId64 ")", integer);
	case KP_KIND_U32:
		return idl_format(idl, "%" PRId64 "u", integer);
	default:
		if (integer == INT32_MIN)
			return kp_str("INT32_MIN");
		return idl_format(idl, "%" PRId64, integer);
	}
}

// append_comment copies one line of a comment. Nothing at its end may make C join the next line to
// it: neither a backslash nor its trigraph.
static void append_comment(struct kp_buf *out, struct kp_str line)
{
	for (size_t i = 0; i < line.len; i++) {
		bool is_control = (unsigned char)line.ptr[i] < ' ' && line.ptr[i] != '\t';
		kp_buf_append_byte(out, is_control ? ' ' : (uint8_t)line.ptr[i]);
	}
	if (kp_str_ends_with(line, kp_str("\\")) || kp_str_ends_with(line, kp_str("?\?/")))
		kp_buf_append_str(out, kp_str(" ."));
}

void idl_emit_comment(struct idl_emitter *e, const char *indent, struct kp_str comment)
{
	struct kp_str line;
	while (kp_str_split_next(&comment, '\n', &line)) {
		kp_buf_append_str(e->out, kp_str(indent));
		append_comment(e->out, kp_str_trim(line));
		kp_buf_append_byte(e->out, '\n');
	}
}

void idl_emit_remark(struct idl_emitter *e, struct kp_str remark)
{
	remark = kp_str_trim(remark);
	if (remark.len)
		kp_buf_append_byte(e->out, ' ');
	append_comment(e->out, remark);
	kp_buf_append_byte(e->out, '\n');
}

struct idl_signature idl_signature_begin(struct idl_emitter *e, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(&e->idl->arena, format, args);
	va_end(args);
	if (!text.ptr) {
		e->idl->err = KP_ERR_NOMEM;
		text = kp_str("");
	}
	kp_buf_append_str(e->out, text);
	kp_buf_append_byte(e->out, '(');
	struct idl_signature signature = {.out = e->out};
	signature.tabs = text.ptr[0] == '\t' ? "\t" : "";
	signature.indent = text.len + 1 - strlen(signature.tabs);
	if (signature.indent > INDENT_MAX) {
		signature.indent = 8;
		kp_buf_printf(e->out, "\n%s%*s", signature.tabs, (int)signature.indent, "");
	}
	signature.column = signature.indent + 8 * strlen(signature.tabs);
	return signature;
}

// separate puts a comma behind the last parameter, and a line break where `len` more would not fit.
static void separate(struct idl_signature *signature, size_t len)
{
	if (!signature->has_params)
		return;
	if (signature->column + 2 + len + 2 <= COLUMN_MAX) {
		kp_buf_append_str(signature->out, kp_str(", "));
		signature->column += 2;
		return;
	}
	kp_buf_printf(signature->out, ",\n%s%*s", signature->tabs, (int)signature->indent, "");
	signature->column = signature->indent + 8 * strlen(signature->tabs);
}

void idl_signature_add(struct idl_emitter *e, struct idl_signature *signature, const char *format,
                       ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(&e->idl->arena, format, args);
	va_end(args);
	if (!text.ptr)
		e->idl->err = KP_ERR_NOMEM;
	separate(signature, text.len);
	kp_buf_append_str(e->out, text);
	signature->column += text.len;
	signature->has_params = true;
}

void idl_signature_add_value(struct idl_emitter *e, struct idl_signature *signature,
                             const struct idl_type *type, struct kp_str name)
{
	bool is_struct = type->kind == KP_KIND_STRUCT;
	idl_signature_add(e, signature, "%s%.*s %s%.*s", is_struct ? "const " : "",
	                  KP_STR_ARG(idl_c_type(e->idl, type)), is_struct ? "*" : "",
	                  KP_STR_ARG(name));
}

void idl_signature_add_ins(struct idl_emitter *e, struct idl_signature *signature,
                           const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			idl_signature_add_value(e, signature, param->type, param->c_name);
}

void idl_signature_end(struct idl_signature *signature, const char *tail)
{
	kp_buf_printf(signature->out, ")%s\n", tail);
}
