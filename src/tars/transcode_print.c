// transcode_print.c - TARS bytes to JSON text, by description.
#include "base/try.h"
#include "tars/describe.h"
#include "tars/transcode.h"

#include <inttypes.h>
#include <stdio.h>

struct printer {
	struct kp_decoder in;
	struct kp_json_writer writer;
	struct kp_why *why;
	const struct kp_json_form *form;
	bool has_failed;
};

// note_failure says, once, where the decoder found its first error.
static void note_failure(struct printer *printer, const struct kp_path *path)
{
	if (printer->in.err == KP_OK || printer->has_failed)
		return;
	printer->has_failed = true;
	char where[KP_PATH_SIZE];
	kp_path_print(path, where);
	if (printer->in.err == KP_ERR_NOMEM)
		kp_why_set(printer->why, KP_ERR_NOMEM, "%s", kp_err_text(KP_ERR_NOMEM));
	else if (printer->in.err == KP_ERR_LIMIT)
		kp_why_set(printer->why, KP_ERR_DECODE, "%s: nested too deeply", where);
	else
		kp_why_set(printer->why, KP_ERR_DECODE, "%s: missing or malformed", where);
}

static bool print_integer(struct printer *printer, const struct kp_type *type, unsigned tag,
                          enum kp_need need)
{
	struct kp_decoder *in = &printer->in;
	struct kp_json_writer *writer = &printer->writer;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	bool is_there;
	switch (type->kind) {
	case KP_KIND_I8:
		if ((is_there = kp_i8_decode(in, tag, need, &i8)))
			kp_json_put_i64(writer, i8);
		return is_there;
	case KP_KIND_I16:
		if ((is_there = kp_i16_decode(in, tag, need, &i16)))
			kp_json_put_i64(writer, i16);
		return is_there;
	case KP_KIND_I32:
		if ((is_there = kp_i32_decode(in, tag, need, &i32)))
			kp_json_put_i64(writer, i32);
		return is_there;
	case KP_KIND_U8:
		if ((is_there = kp_u8_decode(in, tag, need, &u8)))
			kp_json_put_i64(writer, u8);
		return is_there;
	case KP_KIND_U16:
		if ((is_there = kp_u16_decode(in, tag, need, &u16)))
			kp_json_put_i64(writer, u16);
		return is_there;
	case KP_KIND_U32:
		if ((is_there = kp_u32_decode(in, tag, need, &u32)))
			kp_json_put_i64(writer, u32);
		return is_there;
	default:
		if ((is_there = kp_i64_decode(in, tag, need, &i64)))
			kp_json_put_i64(writer, i64);
		return is_there;
	}
}

static void put_bytes(struct printer *printer, struct kp_bytes bytes)
{
	if (!printer->form->is_plain) {
		kp_json_put_bytes(&printer->writer, bytes);
		return;
	}
	kp_json_list_begin(&printer->writer);
	for (size_t i = 0; i < bytes.len; i++)
		kp_json_put_i64(&printer->writer, bytes.ptr[i]);
	kp_json_list_end(&printer->writer);
}

static bool print_scalar(struct printer *printer, const struct kp_type *type, unsigned tag,
                         enum kp_need need)
{
	struct kp_decoder *in = &printer->in;
	struct kp_json_writer *writer = &printer->writer;
	bool boolean;
	float f32;
	double f64;
	struct kp_str str;
	struct kp_bytes bytes;
	bool is_there;
	switch (type->kind) {
	case KP_KIND_BOOL:
		if ((is_there = kp_bool_decode(in, tag, need, &boolean)))
			kp_json_put_bool(writer, boolean);
		return is_there;
	case KP_KIND_F32:
		if ((is_there = kp_f32_decode(in, tag, need, &f32)))
			kp_json_put_f32(writer, f32);
		return is_there;
	case KP_KIND_F64:
		if ((is_there = kp_f64_decode(in, tag, need, &f64)))
			kp_json_put_f64(writer, f64);
		return is_there;
	case KP_KIND_STR:
		if ((is_there = kp_str_decode(in, tag, need, &str)))
			kp_json_put_str(writer, str);
		return is_there;
	case KP_KIND_BYTES:
		if ((is_there = kp_bytes_decode(in, tag, need, &bytes)))
			put_bytes(printer, bytes);
		return is_there;
	default:
		return print_integer(printer, type, tag, need);
	}
}

static const char *enum_name(const struct printer *printer, const struct kp_enum_type *enumeration,
                             int64_t value)
{
	bool is_named = !printer->form->is_plain && value == (int32_t)value;
	return is_named ? kp_enum_name(enumeration, (int32_t)value) : NULL;
}

static void put_enum(struct printer *printer, const struct kp_enum_type *enumeration, int32_t value)
{
	const char *name = enum_name(printer, enumeration, value);
	if (name)
		kp_json_put_str(&printer->writer, kp_str(name));
	else
		kp_json_put_i64(&printer->writer, value);
}

static bool print_enum(struct printer *printer, const struct kp_enum_type *enumeration,
                       unsigned tag, enum kp_need need)
{
	int32_t value;
	if (!kp_i32_decode(&printer->in, tag, need, &value))
		return false;
	put_enum(printer, enumeration, value);
	return true;
}

static bool print_value(struct printer *printer, const struct kp_path *path,
                        const struct kp_type *type, unsigned tag, enum kp_need need);

static bool print_list(struct printer *printer, const struct kp_path *path,
                       const struct kp_type *type, unsigned tag, enum kp_need need)
{
	size_t count;
	if (!kp_list_enter(&printer->in, tag, need, &count))
		return false;
	kp_json_list_begin(&printer->writer);
	struct kp_path part = {.up = path};
	for (; part.index < count && printer->in.err == KP_OK; part.index++)
		print_value(printer, &part, type->element, 0, KP_REQUIRED);
	kp_json_list_end(&printer->writer);
	kp_list_leave(&printer->in);
	return true;
}

// print_key prints a map's key as the name of a member. Returns false on error.
static bool print_key(struct printer *printer, const struct kp_path *path,
                      const struct kp_type *type)
{
	struct kp_str name = {0};
	char number[24];
	int64_t value = 0;
	if (type->kind == KP_KIND_STR) {
		kp_str_decode(&printer->in, 0, KP_REQUIRED, &name);
	} else {
		kp_i64_decode(&printer->in, 0, KP_REQUIRED, &value);
		snprintf(number, sizeof(number), "%" PRId64, value);
		name = kp_str(number);
	}
	if (type->kind == KP_KIND_ENUM) {
		const char *text = enum_name(printer, type->enumeration, value);
		name = text ? kp_str(text) : name;
	}
	note_failure(printer, path);
	if (printer->in.err != KP_OK)
		return false;
	kp_json_key(&printer->writer, name);
	return true;
}

static bool may_be_name(enum kp_kind kind)
{
	return kind == KP_KIND_STR || kind == KP_KIND_ENUM ||
	       (kind >= KP_KIND_I8 && kind <= KP_KIND_U32);
}

static void print_pair(struct printer *printer, const struct kp_path *path,
                       const struct kp_type *type)
{
	kp_json_list_begin(&printer->writer);
	print_value(printer, path, type->key, 0, KP_REQUIRED);
	print_value(printer, path, type->element, 1, KP_REQUIRED);
	kp_json_list_end(&printer->writer);
}

static bool print_map(struct printer *printer, const struct kp_path *path,
                      const struct kp_type *type, unsigned tag, enum kp_need need)
{
	size_t count;
	struct kp_json_writer *writer = &printer->writer;
	if (!kp_map_enter(&printer->in, tag, need, &count))
		return false;
	bool is_object = may_be_name(type->key->kind);
	if (is_object)
		kp_json_object_begin(writer);
	else
		kp_json_list_begin(writer);
	struct kp_path part = {.up = path};
	for (; part.index < count && printer->in.err == KP_OK; part.index++) {
		if (!is_object)
			print_pair(printer, &part, type);
		else if (print_key(printer, &part, type->key))
			print_value(printer, &part, type->element, 1, KP_REQUIRED);
	}
	if (is_object)
		kp_json_object_end(writer);
	else
		kp_json_list_end(writer);
	kp_list_leave(&printer->in);
	return true;
}

// print_default_enum prints a default, which is a name or, if the enum has none for it, a number.
static void print_default_enum(struct printer *printer, const struct kp_enum_type *enumeration,
                               const struct kp_json *json)
{
	const struct kp_enum_value *value =
	        json->kind == KP_JSON_STRING ? kp_enum_find(enumeration, json->text) : NULL;
	if (value)
		put_enum(printer, enumeration, value->value);
	else
		kp_json_put(&printer->writer, json);
}

// print_absent prints what an optional field is when it did not travel.
static void print_absent(struct printer *printer, const struct kp_field *field)
{
	struct kp_json_writer *writer = &printer->writer;
	struct kp_json *json;
	kp_err err = kp_default_parse(field, printer->in.arena, &json);
	if (err == KP_ERR_NOMEM && printer->in.err == KP_OK)
		printer->in.err = err;
	if (err == KP_OK && field->type->kind == KP_KIND_ENUM) {
		print_default_enum(printer, field->type->enumeration, json);
		return;
	}
	if (err == KP_OK) {
		kp_json_put(writer, json);
		return;
	}
	switch (field->type->kind) {
	case KP_KIND_VOID:
	case KP_KIND_STRUCT:
		kp_json_put_null(writer);
		break;
	case KP_KIND_BOOL:
		kp_json_put_bool(writer, false);
		break;
	case KP_KIND_STR:
		kp_json_put_str(writer, kp_str(""));
		break;
	case KP_KIND_BYTES:
		put_bytes(printer, (struct kp_bytes){0});
		break;
	case KP_KIND_LIST:
		kp_json_list_begin(writer);
		kp_json_list_end(writer);
		break;
	case KP_KIND_MAP:
		if (may_be_name(field->type->key->kind)) {
			kp_json_object_begin(writer);
			kp_json_object_end(writer);
		} else {
			kp_json_list_begin(writer);
			kp_json_list_end(writer);
		}
		break;
	case KP_KIND_ENUM:
		put_enum(printer, field->type->enumeration, 0);
		break;
	default:
		kp_json_put_i64(writer, 0);
	}
}

static bool print_struct(struct printer *printer, const struct kp_path *path,
                         const struct kp_struct_type *structure, unsigned tag, enum kp_need need)
{
	if (!kp_struct_enter(&printer->in, tag, need))
		return false;
	kp_json_object_begin(&printer->writer);
	struct kp_field_walk walk;
	kp_field_walk_start(&walk, structure);
	const struct kp_field *field;
	while (printer->in.err == KP_OK && (field = kp_field_next(&walk))) {
		struct kp_path part = {.up = path, .name = kp_str(field->name)};
		kp_json_key(&printer->writer, part.name);
		if (!print_value(printer, &part, field->type, field->tag,
		                 field->required ? KP_REQUIRED : KP_OPTIONAL))
			print_absent(printer, field);
	}
	kp_json_object_end(&printer->writer);
	kp_struct_leave(&printer->in);
	return true;
}

// print_value decodes and prints the field `tag`. Returns false, having printed nothing, when it is
// not there.
static bool print_value(struct printer *printer, const struct kp_path *path,
                        const struct kp_type *type, unsigned tag, enum kp_need need)
{
	bool is_there;
	switch (type->kind) {
	case KP_KIND_LIST:
		is_there = print_list(printer, path, type, tag, need);
		break;
	case KP_KIND_MAP:
		is_there = print_map(printer, path, type, tag, need);
		break;
	case KP_KIND_STRUCT:
		is_there = print_struct(printer, path, type->structure, tag, need);
		break;
	case KP_KIND_ENUM:
		is_there = print_enum(printer, type->enumeration, tag, need);
		break;
	default:
		is_there = print_scalar(printer, type, tag, need);
	}
	note_failure(printer, path);
	return is_there;
}

static void print_member(struct printer *printer, const char *name, const struct kp_type *type,
                         unsigned tag)
{
	struct kp_path path = {.name = kp_str(name)};
	kp_json_key(&printer->writer, path.name);
	print_value(printer, &path, type, tag, KP_REQUIRED);
}

static kp_err print_body(struct printer *printer, const struct kp_function *function,
                         bool is_answer)
{
	kp_json_object_begin(&printer->writer);
	if (is_answer && function->result->kind != KP_KIND_VOID)
		print_member(printer, printer->form->result ? printer->form->result : "return",
		             function->result, 0);
	for (size_t i = 0; i < function->param_count && printer->in.err == KP_OK; i++) {
		const struct kp_param *param = &function->params[i];
		if (param->is_out == is_answer)
			print_member(printer, param->name, param->type, (unsigned)i + 1);
	}
	kp_json_object_end(&printer->writer);
	kp_err err = kp_decoder_skip_rest(&printer->in);
	if (err != KP_OK && !printer->has_failed)
		kp_why_set(printer->why, err, "what follows the last parameter is malformed");
	return err == KP_ERR_LIMIT ? KP_ERR_DECODE : err;
}

static kp_err print(struct printer *printer, const struct kp_function *function, bool is_answer)
{
	struct kp_buf *out = printer->writer.out;
	size_t len = out->len;
	kp_err err = print_body(printer, function, is_answer);
	if (err != KP_OK) {
		out->len = len;
		return err;
	}
	return out->err == KP_OK ? KP_OK
	                         : kp_why_set(printer->why, out->err, "%s", kp_err_text(out->err));
}

static const struct kp_json_form for_people;

kp_err kp_args_to_json(const struct kp_function *function, struct kp_bytes body,
                       enum kp_json_style style, struct kp_buf *out, struct kp_arena *arena,
                       struct kp_why *why)
{
	struct printer printer = {kp_decoder(body, arena), kp_json_writer(out, style), why,
	                          &for_people, false};
	return print(&printer, function, true);
}

kp_err kp_args_to_json_form(const struct kp_function *function, const struct kp_json_form *form,
                            struct kp_bytes body, struct kp_buf *out, struct kp_arena *arena,
                            struct kp_why *why)
{
	struct printer printer = {kp_decoder(body, arena), kp_json_writer(out, KP_JSON_COMPACT),
	                          why, form, false};
	return print(&printer, function, true);
}

kp_err kp_request_to_json(const struct kp_function *function, struct kp_bytes body,
                          enum kp_json_style style, struct kp_buf *out, struct kp_arena *arena,
                          struct kp_why *why)
{
	struct printer printer = {kp_decoder(body, arena), kp_json_writer(out, style), why,
	                          &for_people, false};
	return print(&printer, function, false);
}
