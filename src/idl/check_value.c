// check_value.c - defaults and constants against their types.
#include "idl/check.h"
#include "idl/error.h"

#include <float.h>

static const struct {
	const char *name;
	int64_t min, max;
} integer_types[] = {
        [KP_KIND_I8] = {"byte", INT8_MIN, INT8_MAX},
        [KP_KIND_I16] = {"short", INT16_MIN, INT16_MAX},
        [KP_KIND_I32] = {"int", INT32_MIN, INT32_MAX},
        [KP_KIND_I64] = {"long", INT64_MIN, INT64_MAX},
        [KP_KIND_U8] = {"unsigned byte", 0, UINT8_MAX},
        [KP_KIND_U16] = {"unsigned short", 0, UINT16_MAX},
        [KP_KIND_U32] = {"unsigned int", 0, UINT32_MAX},
        [KP_KIND_ENUM] = {"enum", INT32_MIN, INT32_MAX},
};

static const struct idl_enum_value *find_in_enum(const struct idl_decl *decl, struct kp_str name)
{
	for (const struct idl_enum_value *value = decl->values; value; value = value->next)
		if (value->is_numbered && kp_str_equal(value->name.text, name))
			return value;
	return NULL;
}

static bool use_enum_value(const struct idl_decl *decl, struct kp_str name, struct idl_value *value)
{
	const struct idl_enum_value *found = find_in_enum(decl, name);
	if (!found)
		return false;
	value->enum_value = found;
	value->enum_decl = decl;
	value->integer = found->number;
	value->real = (double)found->number;
	return true;
}

// split_name cuts "A::B::c" into "A::B" and "c".
static struct kp_str split_name(struct kp_str name, struct kp_str *ret_last)
{
	size_t at = name.len;
	while (at > 0 && name.ptr[at - 1] != ':')
		at--;
	*ret_last = kp_str_sub(name, at, name.len);
	return kp_str_sub(name, 0, at > 1 ? at - 2 : 0);
}

// use_name looks for an enum's value: in the type's own enum, in an enum that is named, in any enum
// of the module; then for a constant.
static bool use_name(struct kp_idl *idl, struct kp_str module, const struct idl_type *type,
                     struct idl_value *value)
{
	struct kp_str last, scope = split_name(value->text, &last);
	if (type && type->kind == KP_KIND_ENUM &&
	    (scope.len == 0 || kp_str_equal(scope, type->decl->module)) &&
	    use_enum_value(type->decl, last, value))
		return true;
	const struct idl_decl *named = scope.len ? idl_find_decl(idl, module, scope) : NULL;
	if (named && named->kind == IDL_ENUM)
		return use_enum_value(named, last, value);
	const struct idl_decl *constant = idl_find_decl(idl, module, value->text);
	if (constant && constant->kind == IDL_CONST && constant->value.kind != IDL_VALUE_NAME) {
		struct idl_value written = *value;
		*value = constant->value;
		if (!value->literal.ptr)
			value->literal = value->text;
		value->text = written.text;
		value->place = written.place;
		return true;
	}
	for (const struct idl_decl *decl = idl->decls; decl; decl = decl->next)
		if (decl->kind == IDL_ENUM &&
		    kp_str_equal(decl->module, scope.len ? scope : module) &&
		    use_enum_value(decl, last, value))
			return true;
	return false;
}

static const char *kind_text(enum kp_kind kind)
{
	switch (kind) {
	case KP_KIND_BOOL:
		return "bool";
	case KP_KIND_F32:
		return "float";
	case KP_KIND_F64:
		return "double";
	case KP_KIND_STR:
		return "string";
	case KP_KIND_MAP:
		return "map";
	case KP_KIND_STRUCT:
		return "struct";
	case KP_KIND_BYTES:
	case KP_KIND_LIST:
		return "vector";
	default:
		return integer_types[kind].name;
	}
}

static void check_integer(struct kp_idl *idl, enum kp_kind kind, const struct idl_value *value,
                          const char *what)
{
	if (value->integer < integer_types[kind].min || value->integer > integer_types[kind].max)
		idl_error(idl, value->place, "the %s %.*s does not fit into %s", what,
		          KP_STR_ARG(value->text), kind_text(kind));
}

// quote writes a string as a .tars file may, with the escapes that every reader knows.
static struct kp_str quote(struct kp_idl *idl, struct kp_str string)
{
	struct kp_buf text = {0};
	kp_buf_append_byte(&text, '"');
	for (size_t i = 0; i < string.len; i++) {
		unsigned char c = (unsigned char)string.ptr[i];
		if (c == '"' || c == '\\')
			kp_buf_printf(&text, "\\%c", c);
		else if (c == '\n' || c == '\t')
			kp_buf_append_str(&text, kp_str(c == '\n' ? "\\n" : "\\t"));
		else if (c < ' ' || c == 0x7f)
			kp_buf_printf(&text, "\\x%02x", c);
		else
			kp_buf_append_byte(&text, c);
	}
	kp_buf_append_byte(&text, '"');
	if (text.err != KP_OK)
		idl->err = text.err;
	struct kp_str copy = idl_str(idl, kp_buf_str(&text));
	kp_buf_fini(&text);
	return copy;
}

// literal_of returns the text that stands in a description: names of constants are replaced by what
// they mean.
static struct kp_str literal_of(struct kp_idl *idl, const struct idl_type *type,
                                const struct idl_value *value)
{
	if (type->kind == KP_KIND_BOOL)
		return kp_str(value->integer ? "true" : "false");
	if (type->kind == KP_KIND_ENUM)
		return value->enum_value ? value->enum_value->name.text : value->text;
	if (type->kind == KP_KIND_STR)
		return quote(idl, value->string);
	if (value->enum_value)
		return idl_format(idl, "%" PRId64, value->integer);
	return value->literal.ptr ? value->literal : value->text;
}

void idl_check_value(struct kp_idl *idl, struct kp_str module, const struct idl_type *type,
                     struct idl_value *value, const char *what)
{
	enum kp_kind kind = type->kind;
	if (kind == KP_KIND_LIST || kind == KP_KIND_BYTES || kind == KP_KIND_MAP ||
	    kind == KP_KIND_STRUCT) {
		idl_error(idl, value->place, "there is no %s of a %s", what, kind_text(kind));
		return;
	}
	if (value->kind == IDL_VALUE_NAME && !use_name(idl, module, type, value)) {
		idl_error(idl, value->place, "unknown name '%.*s'", KP_STR_ARG(value->text));
		return;
	}
	if (kind == KP_KIND_F32 && (value->real > FLT_MAX || value->real < -FLT_MAX))
		idl_error(idl, value->place, "the %s %.*s does not fit into float", what,
		          KP_STR_ARG(value->text));
	value->literal = literal_of(idl, type, value);
	bool is_integer = value->kind == IDL_VALUE_INTEGER || value->kind == IDL_VALUE_NAME;
	bool fits = is_integer;
	if (kind == KP_KIND_BOOL)
		fits = value->kind == IDL_VALUE_BOOL ||
		       (is_integer && (value->integer == 0 || value->integer == 1));
	else if (kind == KP_KIND_F32 || kind == KP_KIND_F64)
		fits = is_integer || value->kind == IDL_VALUE_REAL;
	else if (kind == KP_KIND_STR)
		fits = value->kind == IDL_VALUE_STRING;
	else if (kind == KP_KIND_ENUM && value->kind == IDL_VALUE_NAME)
		fits = value->enum_decl == type->decl;
	if (!fits && kind == KP_KIND_ENUM)
		idl_error(idl, value->place, "the %s %.*s is no value of %s", what,
		          KP_STR_ARG(value->text), type->decl->full_name.ptr);
	else if (!fits)
		idl_error(idl, value->place, "the %s %.*s is not of type %s", what,
		          KP_STR_ARG(value->text), kind_text(kind));
	else if (is_integer && kind != KP_KIND_BOOL && kind != KP_KIND_F32 && kind != KP_KIND_F64)
		check_integer(idl, kind, value, what);
}
