// json_write.c - JSON text, one value after the other.
#include "base/base64.h"
#include "base/utf8.h"
#include "tars/json.h"
#include "tars/number.h"

#include <inttypes.h>
#include <math.h>

static void start_line(struct kp_json_writer *writer)
{
	kp_buf_append_byte(writer->out, '\n');
	for (unsigned i = 0; i < writer->depth; i++)
		kp_buf_append(writer->out, "  ", 2);
}

// start_item puts what separates a value, or a key with its value, from what stands before.
static void start_item(struct kp_json_writer *writer)
{
	if (writer->has_key) {
		writer->has_key = false;
		return;
	}
	if (writer->has_value)
		kp_buf_append_byte(writer->out, ',');
	if (writer->depth > 0 && writer->style == KP_JSON_PRETTY)
		start_line(writer);
	else if (writer->has_value && writer->style == KP_JSON_LINE)
		kp_buf_append_byte(writer->out, ' ');
	writer->has_value = true;
}

static void begin(struct kp_json_writer *writer, char c)
{
	start_item(writer);
	kp_buf_append_byte(writer->out, (uint8_t)c);
	writer->depth++;
	writer->has_value = false;
}

static void end(struct kp_json_writer *writer, char c)
{
	writer->depth--;
	if (writer->has_value && writer->style == KP_JSON_PRETTY)
		start_line(writer);
	kp_buf_append_byte(writer->out, (uint8_t)c);
	writer->has_value = true;
}

void kp_json_object_begin(struct kp_json_writer *writer)
{
	begin(writer, '{');
}

void kp_json_object_end(struct kp_json_writer *writer)
{
	end(writer, '}');
}

void kp_json_list_begin(struct kp_json_writer *writer)
{
	begin(writer, '[');
}

void kp_json_list_end(struct kp_json_writer *writer)
{
	end(writer, ']');
}

static void append_escaped(struct kp_buf *out, uint32_t code)
{
	static const char names[] = "\"\\bfnrt";
	static const char values[] = "\"\\\b\f\n\r\t";
	const char *at = code ? strchr(values, (int)code) : NULL;
	if (at)
		kp_buf_printf(out, "\\%c", names[at - values]);
	else
		kp_buf_printf(out, "\\u%04x", code);
}

static void append_quoted(struct kp_buf *out, struct kp_str text)
{
	kp_buf_append_byte(out, '"');
	for (size_t i = 0, plain = 0; i <= text.len;) {
		uint32_t code = 0;
		size_t size = kp_utf8_next(kp_str_sub(text, i, text.len), &code);
		bool is_plain =
		        size > 0 && code >= 0x20 && code != '"' && code != '\\' && code != 0x7f;
		if (is_plain) {
			i += size;
			continue;
		}
		kp_buf_append_str(out, kp_str_sub(text, plain, i));
		if (i == text.len)
			break;
		if (size > 0)
			append_escaped(out, code);
		else
			kp_buf_append(out, "\xef\xbf\xbd", 3);
		i += size ? size : 1;
		plain = i;
	}
	kp_buf_append_byte(out, '"');
}

void kp_json_key(struct kp_json_writer *writer, struct kp_str name)
{
	start_item(writer);
	append_quoted(writer->out, name);
	kp_buf_append_byte(writer->out, ':');
	if (writer->style != KP_JSON_COMPACT)
		kp_buf_append_byte(writer->out, ' ');
	writer->has_key = true;
}

void kp_json_put_str(struct kp_json_writer *writer, struct kp_str text)
{
	start_item(writer);
	append_quoted(writer->out, text);
}

void kp_json_put_bytes(struct kp_json_writer *writer, struct kp_bytes bytes)
{
	start_item(writer);
	kp_buf_append_byte(writer->out, '"');
	kp_base64_encode(bytes, writer->out);
	kp_buf_append_byte(writer->out, '"');
}

void kp_json_put_i64(struct kp_json_writer *writer, int64_t value)
{
	start_item(writer);
	kp_buf_printf(writer->out, "%" PRId64, value);
}

static bool put_unusual(struct kp_json_writer *writer, double value)
{
	if (isfinite(value))
		return false;
	kp_json_put_str(writer, kp_str(isnan(value) ? "NaN"
	                               : value > 0  ? "Infinity"
	                                            : "-Infinity"));
	return true;
}

void kp_json_put_f64(struct kp_json_writer *writer, double value)
{
	if (put_unusual(writer, value))
		return;
	char text[KP_NUMBER_SIZE];
	kp_number_format_f64(value, text);
	start_item(writer);
	kp_buf_append_str(writer->out, kp_str(text));
}

void kp_json_put_f32(struct kp_json_writer *writer, float value)
{
	if (put_unusual(writer, (double)value))
		return;
	char text[KP_NUMBER_SIZE];
	kp_number_format_f32(value, text);
	start_item(writer);
	kp_buf_append_str(writer->out, kp_str(text));
}

void kp_json_put_bool(struct kp_json_writer *writer, bool value)
{
	start_item(writer);
	kp_buf_append_str(writer->out, kp_str(value ? "true" : "false"));
}

void kp_json_put_null(struct kp_json_writer *writer)
{
	start_item(writer);
	kp_buf_append_str(writer->out, kp_str("null"));
}

static void put_nested(struct kp_json_writer *writer, const struct kp_json *json)
{
	bool is_object = json->kind == KP_JSON_OBJECT;
	begin(writer, is_object ? '{' : '[');
	for (const struct kp_json *item = json->first; item; item = item->next) {
		if (is_object)
			kp_json_key(writer, item->name);
		kp_json_put(writer, item);
	}
	end(writer, is_object ? '}' : ']');
}

void kp_json_put(struct kp_json_writer *writer, const struct kp_json *json)
{
	switch (json->kind) {
	case KP_JSON_NULL:
		kp_json_put_null(writer);
		break;
	case KP_JSON_BOOL:
		kp_json_put_bool(writer, json->boolean);
		break;
	case KP_JSON_NUMBER:
		start_item(writer);
		kp_buf_append_str(writer->out, json->text);
		break;
	case KP_JSON_STRING:
		kp_json_put_str(writer, json->text);
		break;
	case KP_JSON_LIST:
	case KP_JSON_OBJECT:
		put_nested(writer, json);
		break;
	}
}
