// describe_value.c - values in memory, compared and printed by their description.
#include "kipp/describe.h"

#include "tars/describe.h"
#include "tars/json.h"

// untyped_list is what every list and map looks like in memory.
struct untyped_list {
	const uint8_t *ptr;
	size_t len;
};

#define LOAD(type, from)                             \
	({                                           \
		type loaded;                         \
		memcpy(&loaded, from, sizeof(type)); \
		loaded;                              \
	})

static int64_t load_integer(const struct kp_type *type, const void *from)
{
	switch (type->kind) {
	case KP_KIND_BOOL:
		return LOAD(bool, from);
	case KP_KIND_I8:
		return LOAD(int8_t, from);
	case KP_KIND_I16:
		return LOAD(int16_t, from);
	case KP_KIND_I64:
		return LOAD(int64_t, from);
	case KP_KIND_U8:
		return LOAD(uint8_t, from);
	case KP_KIND_U16:
		return LOAD(uint16_t, from);
	case KP_KIND_U32:
		return LOAD(uint32_t, from);
	default: // I32, ENUM
		return LOAD(int32_t, from);
	}
}

static double load_float(const struct kp_type *type, const void *from)
{
	return type->kind == KP_KIND_F32 ? (double)LOAD(float, from) : LOAD(double, from);
}

static bool is_list_equal(const struct kp_type *type, const void *a, const void *b)
{
	struct untyped_list left = LOAD(struct untyped_list, a);
	struct untyped_list right = LOAD(struct untyped_list, b);
	if (left.len != right.len)
		return false;
	bool is_map = type->kind == KP_KIND_MAP;
	size_t step = is_map ? type->entry_size : type->element->size;
	size_t offset = is_map ? type->value_offset : 0;
	for (size_t i = 0; i < left.len; i++) {
		const uint8_t *x = left.ptr + i * step, *y = right.ptr + i * step;
		if (is_map && !kp_value_equal(type->key, x, y))
			return false;
		if (!kp_value_equal(type->element, x + offset, y + offset))
			return false;
	}
	return true;
}

static bool is_struct_equal(const struct kp_struct_type *structure, const uint8_t *a,
                            const uint8_t *b)
{
	for (size_t i = 0; i < structure->field_count; i++) {
		const struct kp_field *field = &structure->fields[i];
		if (!kp_value_equal(field->type, a + field->offset, b + field->offset))
			return false;
	}
	return true;
}

// Not-a-number equals itself here: what was sent is what arrived.
static bool is_float_equal(double a, double b)
{
	return a == b || (a != a && b != b);
}

bool kp_value_equal(const struct kp_type *type, const void *a, const void *b)
{
	switch (type->kind) {
	case KP_KIND_VOID:
		return true;
	case KP_KIND_F32:
	case KP_KIND_F64:
		return is_float_equal(load_float(type, a), load_float(type, b));
	case KP_KIND_STR:
		return kp_str_equal(LOAD(struct kp_str, a), LOAD(struct kp_str, b));
	case KP_KIND_BYTES:
		return kp_bytes_equal(LOAD(struct kp_bytes, a), LOAD(struct kp_bytes, b));
	case KP_KIND_LIST:
	case KP_KIND_MAP:
		return is_list_equal(type, a, b);
	case KP_KIND_STRUCT:
		return is_struct_equal(type->structure, a, b);
	default:
		return load_integer(type, a) == load_integer(type, b);
	}
}

static void print_value(struct kp_json_writer *writer, const struct kp_type *type,
                        const void *value);

static void print_list(struct kp_json_writer *writer, const struct kp_type *type,
                       struct untyped_list list)
{
	kp_json_list_begin(writer);
	for (size_t i = 0; i < list.len; i++)
		print_value(writer, type->element, list.ptr + i * type->element->size);
	kp_json_list_end(writer);
}

// print_key prints a map's key as a text, whatever its type.
static void print_key(struct kp_json_writer *writer, const struct kp_type *type, const void *value)
{
	if (type->kind == KP_KIND_STR) {
		kp_json_key(writer, LOAD(struct kp_str, value));
		return;
	}
	struct kp_buf text = {0};
	struct kp_json_writer nested = kp_json_writer(&text, KP_JSON_LINE);
	print_value(&nested, type, value);
	struct kp_str name = kp_buf_str(&text);
	if (type->kind == KP_KIND_ENUM && name.len > 2 && name.ptr[0] == '"')
		name = kp_str_sub(name, 1, name.len - 1);
	kp_json_key(writer, name);
	if (text.err != KP_OK && writer->out->err == KP_OK)
		writer->out->err = text.err;
	kp_buf_fini(&text);
}

static void print_map(struct kp_json_writer *writer, const struct kp_type *type,
                      struct untyped_list map)
{
	kp_json_object_begin(writer);
	for (size_t i = 0; i < map.len; i++) {
		const uint8_t *entry = map.ptr + i * type->entry_size;
		print_key(writer, type->key, entry);
		print_value(writer, type->element, entry + type->value_offset);
	}
	kp_json_object_end(writer);
}

static void print_struct(struct kp_json_writer *writer, const struct kp_struct_type *structure,
                         const uint8_t *value)
{
	kp_json_object_begin(writer);
	for (size_t i = 0; i < structure->field_count; i++) {
		const struct kp_field *field = &structure->fields[i];
		kp_json_key(writer, kp_str(field->name));
		print_value(writer, field->type, value + field->offset);
	}
	kp_json_object_end(writer);
}

static void print_enum(struct kp_json_writer *writer, const struct kp_enum_type *enumeration,
                       int32_t value)
{
	const char *name = kp_enum_name(enumeration, value);
	if (name)
		kp_json_put_str(writer, kp_str(name));
	else
		kp_json_put_i64(writer, value);
}

static void print_value(struct kp_json_writer *writer, const struct kp_type *type,
                        const void *value)
{
	switch (type->kind) {
	case KP_KIND_VOID:
		kp_json_put_null(writer);
		break;
	case KP_KIND_BOOL:
		kp_json_put_bool(writer, LOAD(bool, value));
		break;
	case KP_KIND_F32:
		kp_json_put_f32(writer, LOAD(float, value));
		break;
	case KP_KIND_F64:
		kp_json_put_f64(writer, LOAD(double, value));
		break;
	case KP_KIND_STR:
		kp_json_put_str(writer, LOAD(struct kp_str, value));
		break;
	case KP_KIND_BYTES:
		kp_json_put_bytes(writer, LOAD(struct kp_bytes, value));
		break;
	case KP_KIND_LIST:
		print_list(writer, type, LOAD(struct untyped_list, value));
		break;
	case KP_KIND_MAP:
		print_map(writer, type, LOAD(struct untyped_list, value));
		break;
	case KP_KIND_STRUCT:
		print_struct(writer, type->structure, value);
		break;
	case KP_KIND_ENUM:
		print_enum(writer, type->enumeration, LOAD(int32_t, value));
		break;
	default:
		kp_json_put_i64(writer, load_integer(type, value));
	}
}

void kp_value_print(const struct kp_type *type, const void *value, struct kp_buf *out)
{
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_LINE);
	print_value(&writer, type, value);
}
