// json_read.c - a recursive descent over JSON text; strings without escapes stay views.
#include "base/map.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "tars/json.h"

enum {
	COMPARE_MAX = 16
}; // members of an object that are compared one by one for doubles

struct reader {
	const char *start;
	const char *at;
	const char *end;
	struct kp_arena *arena;
	struct kp_why *why;
	unsigned depth;
};

static kp_err fail(const struct reader *reader, const char *text)
{
	int line = 1;
	const char *line_start = reader->start;
	for (const char *c = reader->start; c < reader->at; c++) {
		if (*c != '\n')
			continue;
		line++;
		line_start = c + 1;
	}
	kp_why_set(reader->why, KP_ERR_INVALID, "line %d, column %d: %s", line,
	           (int)(reader->at - line_start) + 1, text);
	return KP_ERR_INVALID;
}

static bool skip(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
	                                    *reader->at == '\n' || *reader->at == '\r'))
		reader->at++;
}

static bool skip_digits(struct reader *reader)
{
	const char *start = reader->at;
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at > start;
}

static kp_err read_number(struct reader *reader, struct kp_json *json)
{
	const char *start = reader->at;
	skip(reader, '-');
	if (!skip(reader, '0') && !skip_digits(reader))
		return fail(reader, "expected a digit");
	if (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		return fail(reader, "a number does not start with 0");
	if (skip(reader, '.') && !skip_digits(reader))
		return fail(reader, "expected a digit after the point");
	if (skip(reader, 'e') || skip(reader, 'E')) {
		if (!skip(reader, '-'))
			skip(reader, '+');
		if (!skip_digits(reader))
			return fail(reader, "expected a digit in the exponent");
	}
	json->kind = KP_JSON_NUMBER;
	json->text = (struct kp_str){start, (size_t)(reader->at - start)};
	return KP_OK;
}

static kp_err read_hex4(struct reader *reader, uint32_t *ret)
{
	uint32_t code = 0;
	for (int i = 0; i < 4; i++, reader->at++) {
		char c = reader->at < reader->end ? *reader->at : '\0';
		uint32_t digit;
		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return fail(reader, "expected four hex digits after \\u");
		code = code << 4 | digit;
	}
	*ret = code;
	return KP_OK;
}

static kp_err read_unicode(struct reader *reader, char **to)
{
	uint32_t code;
	KP_TRY(read_hex4(reader, &code));
	if (code >= 0xdc00 && code < 0xe000)
		return fail(reader, "the second half of a surrogate pair stands alone");
	if (code >= 0xd800 && code < 0xdc00) {
		uint32_t low;
		if (!skip(reader, '\\') || !skip(reader, 'u'))
			return fail(reader, "the first half of a surrogate pair stands alone");
		KP_TRY(read_hex4(reader, &low));
		if (low < 0xdc00 || low >= 0xe000)
			return fail(reader, "the first half of a surrogate pair stands alone");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	*to += kp_utf8_put(code, *to);
	return KP_OK;
}

static kp_err read_escape(struct reader *reader, char **to)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	if (skip(reader, 'u'))
		return read_unicode(reader, to);
	const char *name = reader->at < reader->end && *reader->at ? strchr(names, *reader->at) : 0;
	if (!name)
		return fail(reader, "unknown escape");
	reader->at++;
	*(*to)++ = values[name - names];
	return KP_OK;
}

// find_quote checks the text up to the closing quote and counts its escapes.
static kp_err find_quote(struct reader *reader, const char **ret_quote, bool *ret_has_escape)
{
	const char *start = reader->at;
	*ret_has_escape = false;
	while (reader->at < reader->end && *reader->at != '"') {
		if ((unsigned char)*reader->at < 0x20)
			return fail(reader, "a control character in a string must be escaped");
		struct kp_str rest = {reader->at, (size_t)(reader->end - reader->at)};
		uint32_t code;
		size_t size = kp_utf8_next(rest, &code);
		if (size == 0)
			return fail(reader, "a string is not UTF-8");
		if (code == '\\') {
			*ret_has_escape = true;
			size = rest.len > 1 && (unsigned char)rest.ptr[1] < 0x80 ? 2 : 1;
		}
		reader->at += size;
	}
	if (reader->at >= reader->end) {
		reader->at = reader->end;
		return fail(reader, "a string is not closed");
	}
	*ret_quote = reader->at;
	reader->at = start;
	return KP_OK;
}

static kp_err read_string(struct reader *reader, struct kp_str *ret)
{
	reader->at++;
	const char *start = reader->at, *quote = start;
	bool has_escape;
	KP_TRY(find_quote(reader, &quote, &has_escape));
	*ret = (struct kp_str){start, (size_t)(quote - start)};
	if (has_escape) {
		char *text = kp_arena_alloc(reader->arena, ret->len);
		if (!text)
			return KP_ERR_NOMEM;
		char *to = text;
		while (reader->at < quote) {
			if (skip(reader, '\\'))
				KP_TRY(read_escape(reader, &to));
			else
				*to++ = *reader->at++;
		}
		*ret = (struct kp_str){text, (size_t)(to - text)};
	}
	reader->at = quote + 1;
	return KP_OK;
}

static kp_err read_word(struct reader *reader, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
		return fail(reader, "expected a value");
	reader->at += len;
	return KP_OK;
}

static kp_err read_value(struct reader *reader, struct kp_json *json);

static kp_err add_value(struct reader *reader, struct kp_json ***tail, struct kp_json **ret)
{
	struct kp_json *json = kp_arena_alloc_zero(reader->arena, 1, sizeof(*json));
	if (!json)
		return KP_ERR_NOMEM;
	**tail = json;
	*tail = &json->next;
	*ret = json;
	return KP_OK;
}

static kp_err read_list(struct reader *reader, struct kp_json *list)
{
	reader->at++;
	list->kind = KP_JSON_LIST;
	struct kp_json **tail = &list->first;
	skip_space(reader);
	if (skip(reader, ']'))
		return KP_OK;
	for (;;) {
		struct kp_json *json;
		KP_TRY(add_value(reader, &tail, &json));
		KP_TRY(read_value(reader, json));
		list->count++;
		skip_space(reader);
		if (skip(reader, ']'))
			return KP_OK;
		if (!skip(reader, ','))
			return fail(reader, "expected ',' or ']'");
	}
}

static bool has_double_slowly(const struct kp_json *object)
{
	for (const struct kp_json *a = object->first; a; a = a->next) {
		for (const struct kp_json *b = a->next; b; b = b->next)
			if (kp_str_equal(a->name, b->name))
				return true;
	}
	return false;
}

static kp_err has_double(const struct kp_json *object, bool *ret)
{
	if (object->count <= COMPARE_MAX) {
		*ret = has_double_slowly(object);
		return KP_OK;
	}
	kp_cleanup(kp_map_fini) struct kp_map names = {0};
	*ret = false;
	for (struct kp_json *json = object->first; json && !*ret; json = json->next) {
		*ret = kp_map_get(&names, json->name) != NULL;
		KP_TRY(kp_map_set(&names, json->name, json));
	}
	return KP_OK;
}

static kp_err read_member(struct reader *reader, struct kp_json *json)
{
	skip_space(reader);
	if (reader->at == reader->end || *reader->at != '"')
		return fail(reader, "expected a name in quotes");
	KP_TRY(read_string(reader, &json->name));
	skip_space(reader);
	if (!skip(reader, ':'))
		return fail(reader, "expected ':' after a name");
	return read_value(reader, json);
}

static kp_err read_object(struct reader *reader, struct kp_json *object)
{
	reader->at++;
	object->kind = KP_JSON_OBJECT;
	struct kp_json **tail = &object->first;
	skip_space(reader);
	if (skip(reader, '}'))
		return KP_OK;
	do {
		struct kp_json *json;
		KP_TRY(add_value(reader, &tail, &json));
		KP_TRY(read_member(reader, json));
		object->count++;
		skip_space(reader);
	} while (skip(reader, ','));
	bool has_two;
	KP_TRY(has_double(object, &has_two));
	if (has_two)
		return fail(reader, "an object has the same name twice");
	return skip(reader, '}') ? KP_OK : fail(reader, "expected ',' or '}'");
}

static kp_err read_nested(struct reader *reader, struct kp_json *json)
{
	if (reader->depth == KP_JSON_DEPTH_MAX)
		return fail(reader, "nested too deeply");
	reader->depth++;
	kp_err err = *reader->at == '[' ? read_list(reader, json) : read_object(reader, json);
	reader->depth--;
	return err;
}

static kp_err read_value(struct reader *reader, struct kp_json *json)
{
	skip_space(reader);
	char c = reader->at < reader->end ? *reader->at : '\0';
	switch (c) {
	case '{':
	case '[':
		return read_nested(reader, json);
	case '"':
		json->kind = KP_JSON_STRING;
		return read_string(reader, &json->text);
	case 't':
	case 'f':
		json->kind = KP_JSON_BOOL;
		json->boolean = c == 't';
		return read_word(reader, c == 't' ? "true" : "false");
	case 'n':
		json->kind = KP_JSON_NULL;
		return read_word(reader, "null");
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return read_number(reader, json);
		return fail(reader, "expected a value");
	}
}

kp_err kp_json_parse(struct kp_str text, struct kp_arena *arena, struct kp_json **ret,
                     struct kp_why *why)
{
	struct reader reader = {.start = text.len ? text.ptr : "", .arena = arena, .why = why};
	reader.at = reader.start;
	reader.end = reader.start + text.len;
	struct kp_json *json = kp_arena_alloc_zero(arena, 1, sizeof(*json));
	kp_err err = json ? read_value(&reader, json) : KP_ERR_NOMEM;
	if (err == KP_ERR_NOMEM)
		return kp_why_set(why, err, "out of memory");
	KP_TRY(err);
	skip_space(&reader);
	if (reader.at < reader.end)
		return fail(&reader, "something follows the value");
	*ret = json;
	return KP_OK;
}
