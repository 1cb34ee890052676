// struct.c - encoding, decoding and comparing structs, enums, vectors and maps.
#include "idl/emit/emit.h"

static bool is_container(const struct idl_type *type)
{
	return type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP;
}

void idl_emit_encode(struct idl_emitter *e, const char *indent, unsigned tag,
                     const struct idl_type *type, struct kp_str value)
{
	struct kp_str name = idl_type_name(type);
	if (is_container(type))
		kp_buf_printf(e->out, "%sencode_%.*s(out, %u, %.*s);\n", indent, KP_STR_ARG(name),
		              tag, KP_STR_ARG(value));
	else
		kp_buf_printf(e->out, "%s%.*s_encode(out, %u, %.*s);\n", indent, KP_STR_ARG(name),
		              tag, KP_STR_ARG(value));
}

void idl_emit_decode(struct idl_emitter *e, const struct idl_type *type, const char *in,
                     unsigned tag, bool required, struct kp_str address)
{
	struct kp_str name = idl_type_name(type);
	const char *need = required ? "KP_REQUIRED" : "KP_OPTIONAL";
	if (is_container(type))
		kp_buf_printf(e->out, "decode_%.*s(%s, %u, %s, %.*s)", KP_STR_ARG(name), in, tag,
		              need, KP_STR_ARG(address));
	else
		kp_buf_printf(e->out, "%.*s_decode(%s, %u, %s, %.*s)", KP_STR_ARG(name), in, tag,
		              need, KP_STR_ARG(address));
}

static void emit_prototype(struct idl_emitter *e, const struct idl_decl *decl, const char *result,
                           const char *verb, const char *const *params, const char *tail)
{
	struct idl_signature signature =
	        idl_signature_begin(e, "%s%.*s_%s", result, KP_STR_ARG(decl->c_name), verb);
	for (; *params; params++) {
		const char *type = decl->kind == IDL_ENUM ? "enum" : "struct";
		const char *mark = strchr(*params, '@'); // stands for the type
		if (mark)
			idl_signature_add(e, &signature, "%.*s%s %.*s%s", (int)(mark - *params),
			                  *params, type, KP_STR_ARG(decl->c_name), mark + 1);
		else
			idl_signature_add(e, &signature, "%s", *params);
	}
	idl_signature_end(&signature, tail);
}

static const char *const value_params[] = {"@ *value", NULL};
static const char *const encode_params[] = {"struct kp_buf *out", "unsigned tag", "const @ *value",
                                            NULL};
static const char *const encode_fields_params[] = {"struct kp_buf *out", "const @ *value", NULL};
static const char *const decode_params[] = {"struct kp_decoder *in", "unsigned tag",
                                            "enum kp_need need", "@ *ret", NULL};
static const char *const decode_fields_params[] = {"struct kp_decoder *in", "@ *ret", NULL};
static const char *const two_params[] = {"const @ *a", "const @ *b", NULL};
static const char *const print_params[] = {"const @ *value", "struct kp_buf *out", NULL};
static const char *const enum_params[] = {"@ value", NULL};
static const char *const enum_encode_params[] = {"struct kp_buf *out", "unsigned tag", "@ value",
                                                 NULL};

static void emit_enum_prototypes(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_printf(e->out, "\nextern const struct kp_enum_type %.*s_type;\n",
	              KP_STR_ARG(decl->c_name));
	kp_buf_printf(e->out, "// %.*s_name returns NULL for a number that has no name.\n",
	              KP_STR_ARG(decl->c_name));
	emit_prototype(e, decl, "const char *", "name", enum_params, ";");
	emit_prototype(e, decl, "void ", "encode", enum_encode_params, ";");
	emit_prototype(e, decl, "bool ", "decode", decode_params, ";");
}

static void emit_struct_prototypes(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_printf(e->out, "\nextern const struct kp_struct_type %.*s_type;\n",
	              KP_STR_ARG(decl->c_name));
	emit_prototype(e, decl, "void ", "init", value_params, ";");
	emit_prototype(e, decl, "void ", "encode", encode_params, ";");
	emit_prototype(e, decl, "bool ", "decode", decode_params, ";");
	emit_prototype(e, decl, "void ", "encode_fields", encode_fields_params, ";");
	emit_prototype(e, decl, "bool ", "decode_fields", decode_fields_params, ";");
	emit_prototype(e, decl, "bool ", "equal", two_params, ";");
	if (decl->key)
		emit_prototype(e, decl, "int ", "compare", two_params, ";");
	emit_prototype(e, decl, "void ", "print", print_params, ";");
}

void idl_emit_struct_prototypes(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_ENUM)
	emit_enum_prototypes(e, decl);
	IDL_EACH(e, decl, IDL_STRUCT)
	emit_struct_prototypes(e, decl);
}

static bool is_first_of_its_number(const struct idl_decl *decl, const struct idl_enum_value *value)
{
	for (const struct idl_enum_value *other = decl->values; other != value; other = other->next)
		if (other->number == value->number)
			return false;
	return true;
}

static void emit_enum_functions(struct idl_emitter *e, const struct idl_decl *decl)
{
	struct kp_buf *out = e->out;
	kp_buf_append_byte(out, '\n');
	emit_prototype(e, decl, "const char *", "name", enum_params, "");
	kp_buf_append_str(out, kp_str("{\n\tswitch ((int32_t)value) {\n"));
	for (const struct idl_enum_value *value = decl->values; value; value = value->next)
		if (is_first_of_its_number(decl, value))
			kp_buf_printf(out, "\tcase %.*s:\n\t\treturn \"%.*s\";\n",
			              KP_STR_ARG(value->c_name), KP_STR_ARG(value->name.text));
	kp_buf_append_str(out, kp_str("\t}\n\treturn NULL;\n}\n\n"));
	emit_prototype(e, decl, "void ", "encode", enum_encode_params, "");
	kp_buf_append_str(out, kp_str("{\n\tkp_i32_encode(out, tag, (int32_t)value);\n}\n\n"));
	emit_prototype(e, decl, "bool ", "decode", decode_params, "");
	kp_buf_printf(out,
	              "{\n\tint32_t value = 0;\n"
	              "\tif (!kp_i32_decode(in, tag, need, &value))\n\t\treturn false;\n"
	              "\t*ret = (enum %.*s)value;\n\treturn true;\n}\n",
	              KP_STR_ARG(decl->c_name));
}

static void emit_init(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_append_byte(e->out, '\n');
	emit_prototype(e, decl, "void ", "init", value_params, "");
	kp_buf_printf(e->out, "{\n\t*value = (struct %.*s){0};\n", KP_STR_ARG(decl->c_name));
	for (const struct idl_field *field = decl->fields; field; field = field->next) {
		if (field->type->kind == KP_KIND_STRUCT)
			kp_buf_printf(e->out, "\t%.*s_init(&value->%.*s);\n",
			              KP_STR_ARG(field->type->decl->c_name),
			              KP_STR_ARG(field->c_name));
		if (field->value.kind == IDL_VALUE_NONE)
			continue;
		struct kp_str text = idl_c_value(e->idl, field->type, &field->value);
		if (field->type->kind == KP_KIND_STR)
			kp_buf_printf(e->out, "\tvalue->%.*s = (struct kp_str){%.*s, %zu};\n",
			              KP_STR_ARG(field->c_name), KP_STR_ARG(text),
			              field->value.string.len);
		else
			kp_buf_printf(e->out, "\tvalue->%.*s = %.*s;\n", KP_STR_ARG(field->c_name),
			              KP_STR_ARG(text));
	}
	kp_buf_append_str(e->out, kp_str("}\n"));
}

enum {
	RUN_FIELDS_MAX = 24,
	PUT_SLACK = 8, // that a put may write beyond what it counts
};

// width_of is how many bytes a number may take behind its head, 0 for what is no number.
static size_t width_of(const struct idl_type *type)
{
	switch (type->kind) {
	case KP_KIND_BOOL:
	case KP_KIND_I8:
		return 1;
	case KP_KIND_I16:
	case KP_KIND_U8:
		return 2;
	case KP_KIND_I32:
	case KP_KIND_U16:
	case KP_KIND_ENUM:
	case KP_KIND_F32:
		return 4;
	case KP_KIND_I64:
	case KP_KIND_U32:
	case KP_KIND_F64:
		return 8;
	default:
		return 0;
	}
}

// run_end finds where a run of numbers ends, which are encoded with one look at the buffer.
static const struct idl_field *run_end(const struct idl_field *field, size_t *ret_size)
{
	size_t size = PUT_SLACK;
	int count = 0;
	for (; field && count < RUN_FIELDS_MAX && width_of(field->type); field = field->next) {
		size += (field->tag > 14 ? 2 : 1) + width_of(field->type);
		count++;
	}
	*ret_size = size;
	return field;
}

static bool is_flat(const struct idl_decl *decl, size_t *ret_size)
{
	return decl->fields && !run_end(decl->fields, ret_size);
}

static void emit_puts(struct idl_emitter *e, const char *indent, const struct idl_field *field,
                      const struct idl_field *end)
{
	for (; field != end; field = field->next) {
		bool is_enum = field->type->kind == KP_KIND_ENUM;
		struct kp_str name = is_enum ? kp_str("kp_i32") : idl_type_name(field->type);
		kp_buf_printf(e->out, "%sat = %.*s_put(at, %u, %svalue->%.*s);\n", indent,
		              KP_STR_ARG(name), (unsigned)field->tag, is_enum ? "(int32_t)" : "",
		              KP_STR_ARG(field->c_name));
	}
}

static void emit_run_begin(struct idl_emitter *e, const char *indent, size_t size)
{
	kp_buf_printf(e->out,
	              "%suint8_t spare[%zu];\n"
	              "%suint8_t *start = kp_run_begin(out, spare, sizeof(spare));\n",
	              indent, size, indent);
}

// emit_put writes the function that puts all fields of a struct that has nothing but numbers.
static void emit_put(struct idl_emitter *e, const struct idl_decl *decl)
{
	struct idl_signature signature =
	        idl_signature_begin(e, "static inline uint8_t *put_%.*s", KP_STR_ARG(decl->c_name));
	idl_signature_add(e, &signature, "uint8_t *at");
	idl_signature_add(e, &signature, "const struct %.*s *value", KP_STR_ARG(decl->c_name));
	idl_signature_end(&signature, "");
	kp_buf_append_str(e->out, kp_str("{\n"));
	emit_puts(e, "\t", decl->fields, NULL);
	kp_buf_append_str(e->out, kp_str("\treturn at;\n}\n\n"));
}

static void emit_flat_encode(struct idl_emitter *e, const struct idl_decl *decl, size_t size)
{
	emit_prototype(e, decl, "void ", "encode_fields", encode_fields_params, "");
	kp_buf_append_str(e->out, kp_str("{\n"));
	emit_run_begin(e, "\t", size);
	kp_buf_printf(e->out, "\tkp_run_end(out, spare, start, put_%.*s(start, value));\n}\n\n",
	              KP_STR_ARG(decl->c_name));
	emit_prototype(e, decl, "void ", "encode", encode_params, "");
	kp_buf_printf(e->out,
	              "{\n\tif (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX)) {\n"
	              "\t\tkp_struct_begin(out, tag);\n\t\t%.*s_encode_fields(out, value);\n"
	              "\t\tkp_struct_end(out);\n\t\treturn;\n\t}\n",
	              KP_STR_ARG(decl->c_name));
	emit_run_begin(e, "\t", size + 2);
	kp_buf_printf(e->out,
	              "\tuint8_t *at = put_%.*s(kp_struct_begin_put(start, tag), value);\n"
	              "\tkp_run_end(out, spare, start, kp_struct_end_put(at));\n}\n",
	              KP_STR_ARG(decl->c_name));
}

// emit_fields encodes runs of numbers at once and everything else alone.
static void emit_fields(struct idl_emitter *e, const struct idl_decl *decl)
{
	const struct idl_field *field = decl->fields;
	while (field) {
		size_t size;
		const struct idl_field *end = run_end(field, &size);
		if (end != field && end != field->next) {
			kp_buf_append_str(e->out, kp_str("\t{\n"));
			emit_run_begin(e, "\t\t", size);
			kp_buf_append_str(e->out, kp_str("\t\tuint8_t *at = start;\n"));
			emit_puts(e, "\t\t", field, end);
			kp_buf_append_str(e->out,
			                  kp_str("\t\tkp_run_end(out, spare, start, at);\n\t}\n"));
			field = end;
			continue;
		}
		const char *address = field->type->kind == KP_KIND_STRUCT ? "&" : "";
		idl_emit_encode(
		        e, "\t", (unsigned)field->tag, field->type,
		        idl_format(e->idl, "%svalue->%.*s", address, KP_STR_ARG(field->c_name)));
		field = field->next;
	}
}

static void emit_encode_functions(struct idl_emitter *e, const struct idl_decl *decl)
{
	size_t size;
	kp_buf_append_byte(e->out, '\n');
	if (is_flat(decl, &size)) {
		emit_put(e, decl);
		emit_flat_encode(e, decl, size);
		return;
	}
	emit_prototype(e, decl, "void ", "encode_fields", encode_fields_params, "");
	kp_buf_append_str(e->out, kp_str("{\n"));
	if (!decl->fields)
		kp_buf_append_str(e->out, kp_str("\t(void)out;\n\t(void)value;\n"));
	emit_fields(e, decl);
	kp_buf_append_str(e->out, kp_str("}\n\n"));
	emit_prototype(e, decl, "void ", "encode", encode_params, "");
	kp_buf_printf(e->out,
	              "{\n\tkp_struct_begin(out, tag);\n\t%.*s_encode_fields(out, value);\n"
	              "\tkp_struct_end(out);\n}\n",
	              KP_STR_ARG(decl->c_name));
}

static void emit_decode_functions(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_append_byte(e->out, '\n');
	emit_prototype(e, decl, "bool ", "decode_fields", decode_fields_params, "");
	kp_buf_append_str(e->out, kp_str("{\n"));
	if (!decl->fields)
		kp_buf_append_str(e->out, kp_str("\t(void)ret;\n"));
	for (const struct idl_field *field = decl->fields; field; field = field->next) {
		kp_buf_append_byte(e->out, '\t');
		idl_emit_decode(e, field->type, "in", (unsigned)field->tag, field->required,
		                idl_format(e->idl, "&ret->%.*s", KP_STR_ARG(field->c_name)));
		kp_buf_append_str(e->out, kp_str(";\n"));
	}
	kp_buf_append_str(e->out, kp_str("\treturn in->err == KP_OK;\n}\n\n"));
	emit_prototype(e, decl, "bool ", "decode", decode_params, "");
	kp_buf_printf(e->out,
	              "{\n\tif (!kp_struct_enter(in, tag, need))\n\t\treturn false;\n"
	              "\t%.*s_init(ret);\n\t%.*s_decode_fields(in, ret);\n"
	              "\tkp_struct_leave(in);\n\treturn in->err == KP_OK;\n}\n",
	              KP_STR_ARG(decl->c_name), KP_STR_ARG(decl->c_name));
}

static void emit_compare(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_append_byte(e->out, '\n');
	emit_prototype(e, decl, "int ", "compare", two_params, "");
	kp_buf_append_str(e->out, kp_str("{\n"));
	for (const struct idl_key_part *part = decl->key; part; part = part->next) {
		struct kp_str name = part->field->c_name;
		enum kp_kind kind = part->field->type->kind;
		if (kind == KP_KIND_STR)
			kp_buf_printf(e->out,
			              "\tif (!kp_str_equal(a->%.*s, b->%.*s))\n"
			              "\t\treturn kp_str_compare(a->%.*s, b->%.*s) < 0 ? -1 : 1;\n",
			              KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name),
			              KP_STR_ARG(name));
		else
			kp_buf_printf(e->out,
			              "\tif (a->%.*s != b->%.*s)\n"
			              "\t\treturn a->%.*s < b->%.*s ? -1 : 1;\n",
			              KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name),
			              KP_STR_ARG(name));
	}
	kp_buf_append_str(e->out, kp_str("\treturn 0;\n}\n"));
}

static void emit_equal_and_print(struct idl_emitter *e, const struct idl_decl *decl)
{
	kp_buf_append_byte(e->out, '\n');
	emit_prototype(e, decl, "bool ", "equal", two_params, "");
	kp_buf_printf(e->out, "{\n\treturn kp_value_equal(&type_%.*s, a, b);\n}\n",
	              KP_STR_ARG(decl->c_name));
	if (decl->key)
		emit_compare(e, decl);
	kp_buf_append_byte(e->out, '\n');
	emit_prototype(e, decl, "void ", "print", print_params, "");
	kp_buf_printf(e->out, "{\n\tkp_value_print(&type_%.*s, value, out);\n}\n",
	              KP_STR_ARG(decl->c_name));
}

void idl_emit_struct_functions(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_ENUM)
	emit_enum_functions(e, decl);
	IDL_EACH(e, decl, IDL_STRUCT)
	{
		emit_init(e, decl);
		emit_encode_functions(e, decl);
		emit_decode_functions(e, decl);
		emit_equal_and_print(e, decl);
	}
}

static void emit_container_encode(struct idl_emitter *e, const struct idl_type *type)
{
	bool is_map = type->kind == KP_KIND_MAP;
	const char *what = is_map ? "map" : "list";
	struct kp_str name = type->c_name;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "static void encode_%.*s", KP_STR_ARG(name));
	idl_signature_add(e, &signature, "struct kp_buf *out");
	idl_signature_add(e, &signature, "unsigned tag");
	idl_signature_add(e, &signature, "struct %.*s %s", KP_STR_ARG(name), what);
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\tkp_%s_begin(out, tag, %s.len);\n"
	              "\tfor (size_t i = 0; i < %s.len; i++)%s\n",
	              what, what, what, is_map ? " {" : "");
	const char *address = type->element->kind == KP_KIND_STRUCT ? "&" : "";
	if (is_map) {
		idl_emit_encode(e, "\t\t", 0, type->key,
		                idl_format(e->idl, "%smap.ptr[i].key",
		                           type->key->kind == KP_KIND_STRUCT ? "&" : ""));
		idl_emit_encode(e, "\t\t", 1, type->element,
		                idl_format(e->idl, "%smap.ptr[i].value", address));
		kp_buf_append_str(e->out, kp_str("\t}\n"));
	} else {
		idl_emit_encode(e, "\t\t", 0, type->element,
		                idl_format(e->idl, "%slist.ptr[i]", address));
	}
	kp_buf_append_str(e->out, kp_str("}\n"));
}

static void emit_container_decode(struct idl_emitter *e, const struct idl_type *type)
{
	bool is_map = type->kind == KP_KIND_MAP;
	struct kp_str name = type->c_name;
	struct kp_str item = is_map ? idl_format(e->idl, "struct %.*s_entry", KP_STR_ARG(name))
	                            : idl_c_type(e->idl, type->element);
	const char *items = is_map ? "entries" : "items";
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "static bool decode_%.*s", KP_STR_ARG(name));
	idl_signature_add(e, &signature, "struct kp_decoder *in");
	idl_signature_add(e, &signature, "unsigned tag");
	idl_signature_add(e, &signature, "enum kp_need need");
	idl_signature_add(e, &signature, "struct %.*s *ret", KP_STR_ARG(name));
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\tsize_t count = 0;\n"
	              "\tif (!kp_%s_enter(in, tag, need, &count))\n\t\treturn false;\n",
	              is_map ? "map" : "list");
	const char *wrap = 2 * strlen(items) + item.len + 52 > 100 ? "\n\t        " : " ";
	kp_buf_printf(e->out, "\t%.*s *%s =%skp_decoder_alloc(in, count, sizeof(*%s));\n",
	              KP_STR_ARG(item), items, wrap, items);
	kp_buf_printf(e->out,
	              "\tfor (size_t i = 0; %s && i < count && in->err == KP_OK; i++)%s\n\t\t",
	              items, is_map ? " {" : "");
	if (is_map) {
		idl_emit_decode(e, type->key, "in", 0, true, kp_str("&entries[i].key"));
		kp_buf_append_str(e->out, kp_str(";\n\t\t"));
		idl_emit_decode(e, type->element, "in", 1, true, kp_str("&entries[i].value"));
		kp_buf_append_str(e->out, kp_str(";\n\t}\n"));
	} else {
		idl_emit_decode(e, type->element, "in", 0, true, kp_str("&items[i]"));
		kp_buf_append_str(e->out, kp_str(";\n"));
	}
	kp_buf_printf(e->out,
	              "\tkp_list_leave(in);\n\tif (in->err != KP_OK)\n\t\treturn false;\n"
	              "\tret->ptr = %s;\n\tret->len = count;\n\treturn true;\n}\n",
	              items);
}

void idl_emit_container_functions(struct idl_emitter *e)
{
	for (const struct idl_used *used = e->used; used; used = used->next) {
		if (!is_container(used->type))
			continue;
		emit_container_encode(e, used->type);
		emit_container_decode(e, used->type);
	}
}
