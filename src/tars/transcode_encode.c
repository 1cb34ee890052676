// transcode_encode.c - a JSON tree to TARS bytes, by description.
#include "base/base64.h"
#include "base/text.h"
#include "base/try.h"
#include "tars/describe.h"
#include "tars/transcode.h"

#include <stdarg.h>
#include <stdio.h>

struct encoder {
	struct kp_buf *out;
	struct kp_arena *arena;
	struct kp_why *why;
	bool is_tolerant;
};

enum {
	NAMES_SIZE = 256, // of a list of names in a message
};

static kp_err fail(const struct encoder *encoder, const struct kp_path *path, const char *format,
                   ...) KP_PRINTF(3, 4);

static kp_err fail(const struct encoder *encoder, const struct kp_path *path, const char *format,
                   ...)
{
	char where[KP_PATH_SIZE], what[sizeof(encoder->why->text)];
	kp_path_print(path, where);
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	kp_why_set(encoder->why, KP_ERR_INVALID, "%s: %s", where, what);
	return KP_ERR_INVALID;
}

// fail_kind says that a value is not of the kind that the type wants.
static kp_err fail_kind(const struct encoder *encoder, const struct kp_path *path,
                        const char *wanted, const struct kp_json *json)
{
	if (json->kind == KP_JSON_NUMBER && json->text.len < 40)
		return fail(encoder, path, "expected %s, got %.*s", wanted, KP_STR_ARG(json->text));
	return fail(encoder, path, "expected %s, got %s", wanted, kp_json_kind_text(json->kind));
}

struct range {
	int64_t min;
	int64_t max;
};

static struct range range_of(enum kp_kind kind)
{
	switch (kind) {
	case KP_KIND_I8:
		return (struct range){INT8_MIN, INT8_MAX};
	case KP_KIND_I16:
		return (struct range){INT16_MIN, INT16_MAX};
	case KP_KIND_I64:
		return (struct range){INT64_MIN, INT64_MAX};
	case KP_KIND_U8:
		return (struct range){0, UINT8_MAX};
	case KP_KIND_U16:
		return (struct range){0, UINT16_MAX};
	case KP_KIND_U32:
		return (struct range){0, UINT32_MAX};
	default: // I32, ENUM
		return (struct range){INT32_MIN, INT32_MAX};
	}
}

// type_text names a type for a message.
static const char *type_text(const struct kp_type *type, char text[NAMES_SIZE])
{
	struct kp_buf out = {0};
	kp_type_print(type, &out);
	snprintf(text, NAMES_SIZE, "%.*s", KP_STR_ARG(kp_buf_str(&out)));
	kp_buf_fini(&out);
	return text;
}

static kp_err read_integer(const struct encoder *encoder, const struct kp_path *path,
                           const struct kp_type *type, const struct kp_json *json, int64_t *ret)
{
	struct range range = range_of(type->kind);
	kp_err err = kp_json_i64(json, range.min, range.max, ret);
	char name[NAMES_SIZE];
	if (err == KP_ERR_LIMIT)
		return fail(encoder, path, "%.*s is out of the range of %s, %lld to %lld",
		            json->text.len < 40 ? (int)json->text.len : 40, json->text.ptr,
		            type_text(type, name), (long long)range.min, (long long)range.max);
	if (err != KP_OK)
		return fail_kind(encoder, path,
		                 json->kind == KP_JSON_NUMBER ? "an integer" : "a number", json);
	return KP_OK;
}

static kp_err encode_integer(const struct encoder *encoder, const struct kp_path *path,
                             const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	int64_t value;
	KP_TRY(read_integer(encoder, path, type, json, &value));
	kp_i64_encode(encoder->out, tag, value); // every integer travels in its narrowest form
	return KP_OK;
}

static kp_err encode_float(const struct encoder *encoder, const struct kp_path *path,
                           const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	double f64 = 0;
	float f32 = 0;
	bool is_float = type->kind == KP_KIND_F32;
	kp_err err = is_float ? kp_json_f32(json, &f32) : kp_json_f64(json, &f64);
	if (err == KP_ERR_LIMIT)
		return fail(encoder, path, "the number is too large for a %s",
		            is_float ? "float" : "double");
	if (err == KP_ERR_NOMEM)
		return err;
	if (err != KP_OK)
		return fail_kind(encoder, path, "a number", json);
	if (is_float)
		kp_f32_encode(encoder->out, tag, f32);
	else
		kp_f64_encode(encoder->out, tag, f64);
	return KP_OK;
}

static kp_err encode_str(const struct encoder *encoder, const struct kp_path *path, unsigned tag,
                         const struct kp_json *json)
{
	if (json->kind != KP_JSON_STRING)
		return fail_kind(encoder, path, "a string", json);
	kp_str_encode(encoder->out, tag, json->text);
	return KP_OK;
}

static kp_err read_byte_list(const struct encoder *encoder, const struct kp_path *path,
                             const struct kp_json *json, struct kp_bytes *ret)
{
	uint8_t *data = kp_arena_alloc(encoder->arena, json->count);
	if (!data)
		return KP_ERR_NOMEM;
	struct kp_path part = {.up = path};
	for (const struct kp_json *item = json->first; item; item = item->next, part.index++) {
		int64_t value;
		if (kp_json_i64(item, INT8_MIN, UINT8_MAX, &value) != KP_OK)
			return fail_kind(encoder, &part, "a byte, 0 to 255", item);
		data[part.index] = (uint8_t)value;
	}
	*ret = (struct kp_bytes){data, json->count};
	return KP_OK;
}

static kp_err encode_bytes(const struct encoder *encoder, const struct kp_path *path, unsigned tag,
                           const struct kp_json *json)
{
	struct kp_bytes bytes = {0};
	if (json->kind == KP_JSON_LIST) {
		KP_TRY(read_byte_list(encoder, path, json, &bytes));
	} else if (json->kind == KP_JSON_STRING) {
		kp_err err = kp_base64_decode(json->text, encoder->arena, &bytes);
		if (err == KP_ERR_INVALID)
			return fail(encoder, path, "the string is not base64");
		KP_TRY(err);
	} else {
		return fail_kind(encoder, path, "a string of base64 or a list of bytes", json);
	}
	kp_bytes_encode(encoder->out, tag, bytes);
	return KP_OK;
}

// A joiner lists names in a message: "a, b, c".
struct joiner {
	char text[NAMES_SIZE];
	size_t len;
};

static void join(struct joiner *joiner, const char *name)
{
	size_t room = sizeof(joiner->text) - joiner->len;
	int len = snprintf(joiner->text + joiner->len, room, "%s%s", joiner->len ? ", " : "", name);
	if (len > 0)
		joiner->len += (size_t)len < room ? (size_t)len : room - 1;
}

static kp_err encode_enum(const struct encoder *encoder, const struct kp_path *path,
                          const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	if (json->kind == KP_JSON_NUMBER)
		return encode_integer(encoder, path, type, tag, json);
	if (json->kind != KP_JSON_STRING)
		return fail_kind(encoder, path, "the name of a value, or its number", json);
	const struct kp_enum_value *value = kp_enum_find(type->enumeration, json->text);
	if (!value) {
		struct joiner names = {0};
		for (size_t i = 0; i < type->enumeration->value_count; i++)
			join(&names, type->enumeration->values[i].name);
		return fail(encoder, path, "%s has no value \"%.*s\"; it has %s",
		            type->enumeration->name, KP_STR_ARG(json->text), names.text);
	}
	kp_i32_encode(encoder->out, tag, value->value);
	return KP_OK;
}

static kp_err encode_value(const struct encoder *encoder, const struct kp_path *path,
                           const struct kp_type *type, unsigned tag, const struct kp_json *json);

static kp_err encode_list(const struct encoder *encoder, const struct kp_path *path,
                          const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	if (json->kind != KP_JSON_LIST)
		return fail_kind(encoder, path, "a list", json);
	kp_list_begin(encoder->out, tag, json->count);
	struct kp_path part = {.up = path};
	for (const struct kp_json *item = json->first; item; item = item->next, part.index++)
		KP_TRY(encode_value(encoder, &part, type->element, 0, item));
	return KP_OK;
}

static bool is_integer(enum kp_kind kind)
{
	return kind >= KP_KIND_I8 && kind <= KP_KIND_U32;
}

// encode_name encodes the name of a member as the key of a map.
static kp_err encode_name(const struct encoder *encoder, const struct kp_path *path,
                          const struct kp_type *type, struct kp_str name)
{
	struct kp_json key = {.kind = KP_JSON_STRING, .text = name};
	int64_t number;
	bool is_number = kp_str_i64(name, INT64_MIN, INT64_MAX, &number) != KP_ERR_INVALID;
	if (is_number && (is_integer(type->kind) || type->kind == KP_KIND_ENUM))
		key.kind = KP_JSON_NUMBER;
	if (type->kind == KP_KIND_STR || type->kind == KP_KIND_ENUM || is_integer(type->kind))
		return encode_value(encoder, path, type, 0, &key);
	char text[NAMES_SIZE];
	return fail(encoder, path, "keys of type %s take a list of [key, value]",
	            type_text(type, text));
}

static kp_err encode_pair(const struct encoder *encoder, const struct kp_path *path,
                          const struct kp_type *type, const struct kp_json *pair)
{
	if (pair->kind != KP_JSON_LIST || pair->count != 2)
		return fail(encoder, path, "expected a pair, [key, value]");
	struct kp_path part = {.up = path};
	KP_TRY(encode_value(encoder, &part, type->key, 0, pair->first));
	part.index = 1;
	return encode_value(encoder, &part, type->element, 1, pair->first->next);
}

static kp_err encode_map(const struct encoder *encoder, const struct kp_path *path,
                         const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	if (json->kind != KP_JSON_LIST && json->kind != KP_JSON_OBJECT)
		return fail_kind(encoder, path, "an object or a list of pairs", json);
	kp_map_begin(encoder->out, tag, json->count);
	struct kp_path part = {.up = path, .is_key = true};
	for (const struct kp_json *item = json->first; item; item = item->next, part.index++) {
		if (json->kind == KP_JSON_LIST) {
			KP_TRY(encode_pair(encoder, &part, type, item));
			continue;
		}
		part.name = item->name;
		KP_TRY(encode_name(encoder, &part, type->key, item->name));
		KP_TRY(encode_value(encoder, &part, type->element, 1, item));
	}
	return KP_OK;
}

static const struct kp_field *find_field(const struct kp_struct_type *structure, struct kp_str name)
{
	for (size_t i = 0; i < structure->field_count; i++)
		if (kp_str_equal(kp_str(structure->fields[i].name), name))
			return &structure->fields[i];
	return NULL;
}

static kp_err check_fields(const struct encoder *encoder, const struct kp_path *path,
                           const struct kp_struct_type *structure, const struct kp_json *json)
{
	for (const struct kp_json *member = json->first; member; member = member->next) {
		if (encoder->is_tolerant || find_field(structure, member->name))
			continue;
		struct joiner names = {0};
		for (size_t i = 0; i < structure->field_count; i++)
			join(&names, structure->fields[i].name);
		return fail(encoder, path, "%s has no field \"%.*s\"; it has %s", structure->name,
		            KP_STR_ARG(member->name), names.len ? names.text : "none");
	}
	return KP_OK;
}

static kp_err encode_default(const struct encoder *encoder, const struct kp_path *path,
                             const struct kp_field *field)
{
	if (!field->required)
		return KP_OK;
	struct kp_json *json;
	kp_err err = kp_default_parse(field, encoder->arena, &json);
	char text[NAMES_SIZE];
	if (err == KP_ERR_NOMEM)
		return err;
	if (err != KP_OK)
		return fail(encoder, path, "missing, a %s is required",
		            type_text(field->type, text));
	return encode_value(encoder, path, field->type, field->tag, json);
}

static kp_err encode_struct(const struct encoder *encoder, const struct kp_path *path,
                            const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	const struct kp_struct_type *structure = type->structure;
	if (json->kind != KP_JSON_OBJECT)
		return fail_kind(encoder, path, "an object", json);
	KP_TRY(check_fields(encoder, path, structure, json));
	kp_struct_begin(encoder->out, tag);
	struct kp_field_walk walk;
	kp_field_walk_start(&walk, structure);
	for (const struct kp_field *field; (field = kp_field_next(&walk));) {
		struct kp_path part = {.up = path, .name = kp_str(field->name)};
		const struct kp_json *member = kp_json_find(json, part.name);
		if (member && member->kind != KP_JSON_NULL)
			KP_TRY(encode_value(encoder, &part, field->type, field->tag, member));
		else
			KP_TRY(encode_default(encoder, &part, field));
	}
	kp_struct_end(encoder->out);
	return KP_OK;
}

static kp_err encode_value(const struct encoder *encoder, const struct kp_path *path,
                           const struct kp_type *type, unsigned tag, const struct kp_json *json)
{
	switch (type->kind) {
	case KP_KIND_VOID:
		return KP_OK;
	case KP_KIND_BOOL:
		if (json->kind != KP_JSON_BOOL)
			return fail_kind(encoder, path, "true or false", json);
		kp_bool_encode(encoder->out, tag, json->boolean);
		return KP_OK;
	case KP_KIND_F32:
	case KP_KIND_F64:
		return encode_float(encoder, path, type, tag, json);
	case KP_KIND_STR:
		return encode_str(encoder, path, tag, json);
	case KP_KIND_BYTES:
		return encode_bytes(encoder, path, tag, json);
	case KP_KIND_LIST:
		return encode_list(encoder, path, type, tag, json);
	case KP_KIND_MAP:
		return encode_map(encoder, path, type, tag, json);
	case KP_KIND_STRUCT:
		return encode_struct(encoder, path, type, tag, json);
	case KP_KIND_ENUM:
		return encode_enum(encoder, path, type, tag, json);
	default:
		return encode_integer(encoder, path, type, tag, json);
	}
}

// join_params lists the in parameters and returns how many there are.
static size_t join_params(const struct kp_function *function, struct joiner *names)
{
	size_t count = 0;
	for (size_t i = 0; i < function->param_count; i++) {
		if (function->params[i].is_out)
			continue;
		join(names, function->params[i].name);
		count++;
	}
	return count;
}

static kp_err refuse_name(const struct encoder *encoder, const struct kp_function *function,
                          struct kp_str name, bool is_out)
{
	struct joiner names = {0};
	join_params(function, &names);
	return kp_why_set(encoder->why, KP_ERR_INVALID, "%s \"%.*s\"; %s takes %s",
	                  is_out ? "not to be given, an out parameter:" : "unknown parameter",
	                  KP_STR_ARG(name), function->name, names.len ? names.text : "none");
}

static kp_err check_names(const struct encoder *encoder, const struct kp_function *function,
                          const struct kp_json *json)
{
	for (const struct kp_json *member = json->first; member; member = member->next) {
		const struct kp_param *found = NULL;
		for (size_t i = 0; i < function->param_count && !found; i++)
			if (kp_str_equal(kp_str(function->params[i].name), member->name))
				found = &function->params[i];
		if ((!found || found->is_out) && !encoder->is_tolerant)
			return refuse_name(encoder, function, member->name, found != NULL);
	}
	return KP_OK;
}

static kp_err refuse_count(const struct encoder *encoder, const struct kp_function *function,
                           size_t wanted, size_t got)
{
	struct joiner names = {0};
	join_params(function, &names);
	return kp_why_set(encoder->why, KP_ERR_INVALID, "%s takes %zu value%s%s%s%s, got %zu",
	                  function->name, wanted, wanted == 1 ? "" : "s", wanted ? " (" : "",
	                  names.text, wanted ? ")" : "", got);
}

static kp_err check_args(const struct encoder *encoder, const struct kp_function *function,
                         const struct kp_json *json)
{
	struct joiner names = {0};
	size_t count = join_params(function, &names);
	if (json->kind == KP_JSON_OBJECT)
		return check_names(encoder, function, json);
	if (json->kind != KP_JSON_LIST)
		return kp_why_set(encoder->why, KP_ERR_INVALID,
		                  "expected an object of parameters, got %s",
		                  kp_json_kind_text(json->kind));
	return json->count == count ? KP_OK : refuse_count(encoder, function, count, json->count);
}

static kp_err refuse_missing(const struct encoder *encoder, const struct kp_function *function,
                             const struct kp_param *param)
{
	char text[NAMES_SIZE];
	return kp_why_set(encoder->why, KP_ERR_INVALID, "missing parameter '%s' (%s) of %s",
	                  param->name, type_text(param->type, text), function->name);
}

static kp_err encode_args(const struct encoder *encoder, const struct kp_function *function,
                          const struct kp_json *json)
{
	KP_TRY(check_args(encoder, function, json));
	const struct kp_json *next = json->first;
	for (size_t i = 0; i < function->param_count; i++) {
		const struct kp_param *param = &function->params[i];
		if (param->is_out)
			continue;
		struct kp_path path = {.name = kp_str(param->name)};
		const struct kp_json *value = kp_json_find(json, path.name);
		if (json->kind == KP_JSON_LIST) {
			value = next;
			next = next->next;
		}
		if (!value)
			return refuse_missing(encoder, function, param);
		KP_TRY(encode_value(encoder, &path, param->type, (unsigned)i + 1, value));
	}
	return encoder->out->err;
}

kp_err kp_json_to_args_form(const struct kp_function *function, const struct kp_json_form *form,
                            struct kp_str json, struct kp_buf *out, struct kp_arena *arena,
                            struct kp_why *why)
{
	struct kp_json *tree;
	if (kp_str_trim(json).len == 0)
		json = kp_str("{}");
	KP_TRY(kp_json_parse(json, arena, &tree, why));
	struct encoder encoder = {out, arena, why, form->is_tolerant};
	size_t len = out->len;
	kp_err err = encode_args(&encoder, function, tree);
	if (err == KP_OK)
		return KP_OK;
	out->len = len;
	return err == KP_ERR_INVALID ? err : kp_why_set(why, err, "%s", kp_err_text(err));
}

kp_err kp_json_to_args(const struct kp_function *function, struct kp_str json, struct kp_buf *out,
                       struct kp_arena *arena, struct kp_why *why)
{
	return kp_json_to_args_form(function, &(struct kp_json_form){0}, json, out, arena, why);
}
