// tup.c - attributes to tagged fields and back; values are copied as they lie, only heads change.
#include "tars/tup.h"

#include "base/try.h"
#include "tars/wire.h"

enum {
	SLOTS = KP_WIRE_TAG_MAX + 1, // the return value is slot 0
};

static void put_field(struct kp_buf *out, unsigned tag, const struct kp_wire_field *field)
{
	uint8_t *at = kp_buf_reserve(out, KP_WIRE_HEAD_MAX);
	if (!at)
		return;
	out->len += (size_t)(kp_wire_put_head(at, tag, field->type) - at);
	kp_buf_append(out, field->payload.ptr, field->payload.len);
}

// --- attributes to a body

// read_value reads the one field, with tag 0, that an attribute's bytes are.
static kp_err read_value(struct kp_bytes bytes, struct kp_wire_field *ret)
{
	struct kp_decoder in = kp_decoder(bytes, NULL);
	bool is_one = kp_wire_take_field(&in, ret) && ret->tag == 0 && kp_wire_left(&in) == 0;
	return in.err != KP_OK ? in.err : is_one ? KP_OK : KP_ERR_DECODE;
}

// find_slot returns the tag that an attribute has as a field, or -1.
static int find_slot(const struct kp_function *function, enum kp_tup_side side, struct kp_str name)
{
	bool is_answer = side == KP_TUP_ANSWER;
	if (is_answer && (name.len == 0 || kp_str_equal(name, kp_str("tars_ret"))))
		return function->result->kind == KP_KIND_VOID ? -1 : 0;
	for (size_t i = 0; i < function->param_count; i++)
		if (function->params[i].is_out == is_answer &&
		    kp_str_equal(kp_str(function->params[i].name), name))
			return (int)i + 1;
	return -1;
}

// read_attribute reads the value behind a name; in version 2 it is the first of the map's pairs.
static bool read_attribute(struct kp_decoder *in, int version, struct kp_bytes *ret)
{
	if (version != KP_PACKET_TUP2)
		return kp_bytes_decode(in, 1, KP_REQUIRED, ret);
	size_t count;
	if (!kp_map_enter(in, 1, KP_REQUIRED, &count))
		return false;
	struct kp_bytes each;
	struct kp_str type;
	*ret = (struct kp_bytes){0};
	for (size_t i = 0; i < count && in->err == KP_OK; i++)
		if (kp_str_decode(in, 0, KP_REQUIRED, &type) &&
		    kp_bytes_decode(in, 1, KP_REQUIRED, &each) && i == 0)
			*ret = each;
	kp_list_leave(in);
	return in->err == KP_OK;
}

static kp_err read_attributes(const struct kp_function *function, enum kp_tup_side side,
                              int version, struct kp_decoder *in, struct kp_bytes slots[SLOTS])
{
	size_t count = 0;
	if (!kp_map_enter(in, 0, KP_OPTIONAL, &count))
		return in->err;
	if (count > KP_TUP_ATTRIBUTES_MAX)
		return KP_ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		struct kp_str name;
		struct kp_bytes value;
		if (!kp_str_decode(in, 0, KP_REQUIRED, &name) ||
		    !read_attribute(in, version, &value))
			break;
		int slot = find_slot(function, side, name);
		if (slot >= 0 && slot < SLOTS && slots[slot].len == 0)
			slots[slot] = value;
	}
	kp_list_leave(in);
	return in->err;
}

static kp_err put_slots(const struct kp_bytes slots[SLOTS], struct kp_buf *out)
{
	for (unsigned tag = 0; tag < SLOTS; tag++) {
		struct kp_wire_field field;
		if (slots[tag].len == 0)
			continue;
		KP_TRY(read_value(slots[tag], &field));
		put_field(out, tag, &field);
	}
	return out->err;
}

kp_err kp_tup_to_body(const struct kp_function *function, enum kp_tup_side side, int version,
                      struct kp_bytes attributes, struct kp_arena *arena, struct kp_buf *out)
{
	struct kp_bytes slots[SLOTS] = {0};
	size_t len = out->len;
	struct kp_decoder in = kp_decoder(attributes, arena);
	KP_TRY(read_attributes(function, side, version, &in, slots));
	kp_err err = put_slots(slots, out);
	if (err != KP_OK)
		out->len = len;
	return err;
}

// --- a body to attributes

static const char *scalar_name(enum kp_kind kind)
{
	static const char *const names[] = {
	        [KP_KIND_BOOL] = "bool",        [KP_KIND_I8] = "char",    [KP_KIND_I16] = "short",
	        [KP_KIND_I32] = "int32",        [KP_KIND_I64] = "int64",  [KP_KIND_U8] = "short",
	        [KP_KIND_U16] = "int32",        [KP_KIND_U32] = "int64",  [KP_KIND_F32] = "float",
	        [KP_KIND_F64] = "double",       [KP_KIND_STR] = "string", [KP_KIND_ENUM] = "int32",
	        [KP_KIND_BYTES] = "list<char>",
	};
	return names[kind] ? names[kind] : "void";
}

static void print_struct_name(const char *name, struct kp_buf *out)
{
	for (const char *at = name; *at; at++) {
		bool is_scope = at[0] == ':' && at[1] == ':';
		kp_buf_append_byte(out, is_scope ? '.' : (uint8_t)*at);
		at += is_scope;
	}
}

void kp_tup_type_print(const struct kp_type *type, struct kp_buf *out)
{
	switch (type->kind) {
	case KP_KIND_LIST:
		kp_buf_append_str(out, kp_str("list<"));
		kp_tup_type_print(type->element, out);
		break;
	case KP_KIND_MAP:
		kp_buf_append_str(out, kp_str("map<"));
		kp_tup_type_print(type->key, out);
		kp_buf_append_str(out, kp_str(","));
		kp_tup_type_print(type->element, out);
		break;
	case KP_KIND_STRUCT:
		print_struct_name(type->structure->name, out);
		return;
	default:
		kp_buf_append_str(out, kp_str(scalar_name(type->kind)));
		return;
	}
	kp_buf_append_str(out, kp_str(">"));
}

// attribute is one value on its way out.
struct attribute {
	const char *name;
	const struct kp_type *type;
	const struct kp_wire_field *field;
};

static void put_type_name(struct kp_buf *out, const struct kp_type *type)
{
	struct kp_buf name = {0};
	kp_tup_type_print(type, &name);
	kp_str_encode(out, 0, kp_buf_str(&name));
	if (name.err != KP_OK && out->err == KP_OK)
		out->err = name.err;
	kp_buf_fini(&name);
}

static void put_attribute(struct kp_buf *out, int version, const struct attribute *attribute)
{
	kp_str_encode(out, 0, kp_str(attribute->name));
	if (version == KP_PACKET_TUP2) {
		kp_map_begin(out, 1, 1);
		put_type_name(out, attribute->type);
	}
	// A simple list: its head, the head of its elements, how many, and they: the field.
	uint8_t *at = kp_buf_reserve(out, 2 * KP_WIRE_HEAD_MAX + KP_WIRE_COUNT_MAX);
	if (!at)
		return;
	uint8_t *end = kp_wire_put_head(at, 1, KP_WIRE_SIMPLE_LIST);
	end = kp_wire_put_head(end, 0, KP_WIRE_INT8);
	end = kp_wire_put_count(end, attribute->field->payload.len + 1);
	out->len += (size_t)(end - at);
	put_field(out, 0, attribute->field);
}

// find_attribute tells what a field is called. Its name is NULL if the function has no such part.
static struct attribute find_attribute(const struct kp_function *function, enum kp_tup_side side,
                                       const struct kp_wire_field *field)
{
	struct attribute attribute = {.field = field};
	bool is_answer = side == KP_TUP_ANSWER;
	size_t index = (size_t)field->tag - 1;
	if (field->tag == 0 && is_answer && function->result->kind != KP_KIND_VOID) {
		attribute.name = "";
		attribute.type = function->result;
	} else if (field->tag > 0 && index < function->param_count &&
	           function->params[index].is_out == is_answer) {
		attribute.name = function->params[index].name;
		attribute.type = function->params[index].type;
	}
	return attribute;
}

// walk puts the attributes, or, with out NULL, only counts them.
static kp_err walk(const struct kp_function *function, enum kp_tup_side side, int version,
                   struct kp_bytes body, struct kp_buf *out, size_t *ret_count)
{
	struct kp_decoder in = kp_decoder(body, NULL);
	struct kp_wire_field field;
	size_t count = 0;
	while (kp_wire_take_field(&in, &field)) {
		struct attribute attribute = find_attribute(function, side, &field);
		if (!attribute.name)
			continue;
		count += field.tag == 0 ? 2 : 1;
		if (out)
			put_attribute(out, version, &attribute);
		attribute.name = "tars_ret";
		if (out && field.tag == 0)
			put_attribute(out, version, &attribute);
	}
	*ret_count = count;
	return in.err != KP_OK ? in.err : kp_wire_left(&in) > 0 ? KP_ERR_DECODE : KP_OK;
}

kp_err kp_tup_from_body(const struct kp_function *function, enum kp_tup_side side, int version,
                        struct kp_bytes body, struct kp_buf *out)
{
	size_t count;
	KP_TRY(walk(function, side, version, body, NULL, &count));
	size_t len = out->len;
	kp_map_begin(out, 0, count);
	KP_TRY(walk(function, side, version, body, out, &count));
	if (out->err != KP_OK)
		out->len = len;
	return out->err;
}
