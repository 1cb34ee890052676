// transcode.c - what both directions share: paths and defaults.
#include "tars/transcode.h"

#include "base/text.h"
#include "base/try.h"
#include "tars/describe.h"
#include "tars/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const struct kp_json_form kp_json_form_http = {.result = "tars_ret"};
const struct kp_json_form kp_json_form_packet = {
        .result = "tars_ret", .is_plain = true, .is_tolerant = true};

static size_t print_part(const struct kp_path *path, char *text, size_t at)
{
	if (path->up)
		at = print_part(path->up, text, at);
	size_t room = KP_PATH_SIZE - at;
	int len;
	if (!path->name.ptr)
		len = snprintf(text + at, room, "[%zu]", path->index);
	else if (path->is_key)
		len = snprintf(text + at, room, "[\"%.*s\"]", KP_STR_ARG(path->name));
	else
		len = snprintf(text + at, room, "%s%.*s", path->up ? "." : "",
		               KP_STR_ARG(path->name));
	if (len < 0)
		return at;
	return (size_t)len < room ? at + (size_t)len : KP_PATH_SIZE - 1;
}

void kp_path_print(const struct kp_path *path, char text[KP_PATH_SIZE])
{
	text[0] = '\0';
	print_part(path, text, 0);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// unescape reads what follows a backslash, as the .tars compiler does, and returns its size; what
// it does not know stays as it is.
static size_t unescape(struct kp_str rest, char *ret)
{
	static const char names[] = "ntr0\"'\\abfv", values[] = "\n\t\r\0\"'\\\a\b\f\v";
	const char *at = rest.len > 0 && rest.ptr[0] ? strchr(names, rest.ptr[0]) : NULL;
	int high = rest.len > 2 && rest.ptr[0] == 'x' ? hex_digit(rest.ptr[1]) : -1;
	int low = high >= 0 ? hex_digit(rest.ptr[2]) : -1;
	*ret = at ? values[at - names] : low >= 0 ? (char)(high * 16 + low) : '\\';
	return at ? 1 : low >= 0 ? 3 : 0;
}

static kp_err read_text(struct kp_str text, struct kp_arena *arena, struct kp_json *json)
{
	if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		text = kp_str_sub(text, 1, text.len - 1);
	char *copy = kp_arena_alloc(arena, text.len);
	if (!copy)
		return KP_ERR_NOMEM;
	size_t len = 0;
	for (size_t i = 0; i < text.len; len++) {
		copy[len] = text.ptr[i++];
		if (copy[len] == '\\')
			i += unescape(kp_str_sub(text, i, text.len), &copy[len]);
	}
	json->text = (struct kp_str){copy, len};
	return KP_OK;
}

static kp_err read_integer(struct kp_str text, struct kp_arena *arena, struct kp_json *json)
{
	int64_t value;
	kp_err err = kp_str_i64(text, INT64_MIN, INT64_MAX, &value);
	if (err != KP_OK) { // hexadecimal, perhaps
		char copy[KP_NUMBER_SIZE], *end;
		if (text.len == 0 || text.len >= sizeof(copy))
			return KP_ERR_INVALID;
		memcpy(copy, text.ptr, text.len);
		copy[text.len] = '\0';
		value = strtoll(copy, &end, 0);
		if (*end != '\0')
			return KP_ERR_INVALID;
	}
	json->kind = KP_JSON_NUMBER;
	json->text = kp_arena_format(arena, "%" PRId64, value);
	return json->text.ptr ? KP_OK : KP_ERR_NOMEM;
}

static kp_err read_float(struct kp_str text, struct kp_arena *arena, struct kp_json *json)
{
	double value;
	if (text.len > 0 && (text.ptr[text.len - 1] | 0x20) == 'f')
		text.len--;
	KP_TRY(kp_number_f64(text, &value));
	char number[KP_NUMBER_SIZE];
	kp_number_format_f64(value, number);
	json->kind = KP_JSON_NUMBER;
	json->text = kp_arena_str(arena, kp_str(number));
	return json->text.ptr ? KP_OK : KP_ERR_NOMEM;
}

static kp_err read_enum(const struct kp_enum_type *enumeration, struct kp_str text,
                        struct kp_arena *arena, struct kp_json *json)
{
	const struct kp_enum_value *value = kp_enum_find(enumeration, text);
	if (!value)
		return read_integer(text, arena, json);
	json->kind = KP_JSON_STRING;
	json->text = kp_str(value->name);
	return KP_OK;
}

static kp_err read_default(const struct kp_type *type, struct kp_str text, struct kp_arena *arena,
                           struct kp_json *json)
{
	switch (type->kind) {
	case KP_KIND_BOOL:
		json->kind = KP_JSON_BOOL;
		json->boolean = kp_str_equal(text, kp_str("true"));
		return json->boolean || kp_str_equal(text, kp_str("false")) ? KP_OK
		                                                            : KP_ERR_INVALID;
	case KP_KIND_STR:
		json->kind = KP_JSON_STRING;
		return read_text(text, arena, json);
	case KP_KIND_ENUM:
		return read_enum(type->enumeration, text, arena, json);
	case KP_KIND_F32:
	case KP_KIND_F64:
		return read_float(text, arena, json);
	case KP_KIND_VOID:
	case KP_KIND_BYTES:
	case KP_KIND_LIST:
	case KP_KIND_MAP:
	case KP_KIND_STRUCT:
		return KP_ERR_INVALID;
	default:
		return read_integer(text, arena, json);
	}
}

kp_err kp_default_parse(const struct kp_field *field, struct kp_arena *arena, struct kp_json **ret)
{
	if (!field->default_text)
		return KP_ERR_INVALID;
	struct kp_json *json = kp_arena_alloc_zero(arena, 1, sizeof(*json));
	if (!json)
		return KP_ERR_NOMEM;
	KP_TRY(read_default(field->type, kp_str_trim(kp_str(field->default_text)), arena, json));
	*ret = json;
	return KP_OK;
}
