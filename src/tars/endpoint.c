// endpoint.c - endpoint and object texts, read and written.
#include "tars/endpoint.h"

#include "base/text.h"
#include "base/try.h"

#include <stdio.h>

enum {
	PROTOCOL_COUNT = 3,
	PROTOCOL_LEN = 3,
	QUOTE_MAX = 160, // of a text in a message
};

static const char *const protocol_names[PROTOCOL_COUNT] = {
        [KP_PROTOCOL_UDP] = "udp",
        [KP_PROTOCOL_TCP] = "tcp",
        [KP_PROTOCOL_SSL] = "ssl",
};

// An option that carries a number, and where it goes.
static const struct number_option {
	char letter;
	int32_t min, max;
	size_t offset; // of an int32_t in kp_endpoint
} number_options[] = {
        {'p', 0, 65535, offsetof(struct kp_endpoint, port)},
        {'t', 0, INT32_MAX, offsetof(struct kp_endpoint, timeout_ms)},
        {'g', INT32_MIN, INT32_MAX, offsetof(struct kp_endpoint, grid)},
        {'q', 0, INT32_MAX, offsetof(struct kp_endpoint, qos)},
        {'w', -1, 100, offsetof(struct kp_endpoint, weight)},
        {'v', 0, 1, offsetof(struct kp_endpoint, weight_type)},
        {'e', 0, 1, offsetof(struct kp_endpoint, auth)},
};

// The text being read and the word at hand.
struct reader {
	struct kp_str text;
	size_t next; // index behind the word
	struct kp_str word;
	struct kp_why *why;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
	return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

static bool is_host_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || (c && strchr(".-_:%[]*/", c));
}

static bool is_set_char(char c)
{
	return c > ' ' && c < 0x7f && c != ':' && c != '@'; // also where char is unsigned
}

static bool consists_of(struct kp_str str, bool (*is_fine)(char c))
{
	for (size_t i = 0; str.ptr && i < str.len; i++)
		if (!is_fine(str.ptr[i]))
			return false;
	return true;
}

// find_protocol reads the protocol at the start of a text; -1 when there is none.
static int find_protocol(struct kp_str text)
{
	if (text.len < PROTOCOL_LEN ||
	    (text.len > PROTOCOL_LEN && !is_blank(text.ptr[PROTOCOL_LEN])))
		return -1;
	for (int i = 0; i < PROTOCOL_COUNT; i++) {
		const char *name = protocol_names[i];
		if (to_lower(text.ptr[0]) == name[0] && to_lower(text.ptr[1]) == name[1] &&
		    to_lower(text.ptr[2]) == name[2])
			return i;
	}
	return -1;
}

static bool next_word(struct reader *in)
{
	while (in->next < in->text.len && is_blank(in->text.ptr[in->next]))
		in->next++;
	size_t start = in->next;
	while (in->next < in->text.len && !is_blank(in->text.ptr[in->next]))
		in->next++;
	in->word = kp_str_sub(in->text, start, in->next);
	return in->word.len > 0;
}

static size_t column(const struct reader *in)
{
	return in->next - in->word.len + 1;
}

static struct kp_str quote(struct kp_str text)
{
	return kp_str_sub(text, 0, text.len < QUOTE_MAX ? text.len : QUOTE_MAX);
}

// fail says what was expected instead of the word at hand.
static kp_err fail(const struct reader *in, const char *expected)
{
	struct kp_str text = quote(in->text), word = quote(in->word);
	if (in->word.len == 0)
		kp_why_set(in->why, KP_ERR_INVALID, "endpoint \"%.*s\": expected %s, found its end",
		           KP_STR_ARG(text), expected);
	else
		kp_why_set(in->why, KP_ERR_INVALID,
		           "endpoint \"%.*s\": expected %s, found \"%.*s\" at column %zu",
		           KP_STR_ARG(text), expected, KP_STR_ARG(word), column(in));
	return KP_ERR_INVALID;
}

static bool is_option(struct kp_str word)
{
	return word.len == 2 && word.ptr[0] == '-' && is_letter(word.ptr[1]);
}

static kp_err read_number(const struct reader *in, const struct number_option *option,
                          struct kp_endpoint *ret)
{
	int64_t value;
	if (kp_str_i64(in->word, option->min, option->max, &value) != KP_OK) {
		char expected[80];
		snprintf(expected, sizeof(expected), "a number from %d to %d after -%c",
		         option->min, option->max, option->letter);
		return fail(in, expected);
	}
	*(int32_t *)((char *)ret + option->offset) = (int32_t)value;
	return KP_OK;
}

static kp_err read_host(const struct reader *in, char letter, struct kp_str *ret)
{
	if (in->word.len == 0 || is_option(in->word) || !consists_of(in->word, is_host_char))
		return fail(in, letter == 'h' ? "a host after -h" : "an address after -b");
	*ret = kp_str_equal(in->word, kp_str("*")) ? kp_str("0.0.0.0") : in->word;
	return KP_OK;
}

static kp_err read_value(const struct reader *in, char letter, struct kp_endpoint *ret)
{
	for (size_t i = 0; i < sizeof(number_options) / sizeof(*number_options); i++)
		if (number_options[i].letter == letter)
			return read_number(in, &number_options[i], ret);
	if (letter == 'h')
		return read_host(in, letter, &ret->host);
	if (letter == 'b')
		return read_host(in, letter, &ret->bind);
	if (letter != 's')
		return KP_OK;
	if (in->word.len == 0 || is_option(in->word) || !consists_of(in->word, is_set_char))
		return fail(in, "a set's name after -s");
	ret->set_id = in->word;
	return KP_OK;
}

// read_options reads options and their values; an unknown one may do without a value.
static kp_err read_options(struct reader *in, struct kp_endpoint *ret)
{
	bool has_word = next_word(in);
	while (has_word) {
		if (!is_option(in->word))
			return fail(in, "an option such as -p");
		char letter = to_lower(in->word.ptr[1]);
		has_word = next_word(in);
		bool has_value = has_word && !is_option(in->word);
		if (has_value || strchr("hptgqwvesb", letter))
			KP_TRY(read_value(in, letter, ret));
		if (has_value)
			has_word = next_word(in);
	}
	return KP_OK;
}

kp_err kp_endpoint_parse(struct kp_str text, struct kp_endpoint *ret, struct kp_why *why)
{
	struct reader in = {.text = kp_str_trim(text), .why = why};
	next_word(&in);
	int protocol = find_protocol(in.word);
	if (protocol < 0)
		return fail(&in, "tcp, udp or ssl");
	struct kp_endpoint endpoint = {.protocol = (enum kp_protocol)protocol,
	                               .host = kp_str("127.0.0.1"),
	                               .port = -1,
	                               .timeout_ms = KP_ENDPOINT_TIMEOUT_MS,
	                               .weight = -1};
	KP_TRY(read_options(&in, &endpoint));
	if (endpoint.port < 0) {
		in.word = (struct kp_str){0};
		return fail(&in, "a port, as in -p 9001");
	}
	if (endpoint.weight_type != 0 && endpoint.weight < 0)
		endpoint.weight = 100;
	*ret = endpoint;
	return KP_OK;
}

kp_err kp_endpoint_next(struct kp_str *rest, struct kp_endpoint *ret, struct kp_why *why)
{
	struct kp_str text = kp_str_trim(*rest);
	if (text.len == 0)
		return KP_ERR_NOTFOUND;
	size_t end = text.len, next = text.len;
	for (size_t i = 0; i < text.len && end == text.len; i++) {
		if (text.ptr[i] != ':')
			continue;
		struct kp_str behind = kp_str_trim(kp_str_sub(text, i + 1, text.len));
		if (find_protocol(behind) < 0)
			continue;
		end = i;
		next = i + 1;
	}
	KP_TRY(kp_endpoint_parse(kp_str_sub(text, 0, end), ret, why));
	*rest = kp_str_sub(text, next, text.len);
	return KP_OK;
}

bool kp_endpoint_is_text(struct kp_str text)
{
	return find_protocol(kp_str_trim(text)) >= 0;
}

const char *kp_protocol_name(enum kp_protocol protocol)
{
	return protocol_names[protocol];
}

// is_readable tells whether a host stays in one piece within a list of endpoints.
static bool is_readable(struct kp_str host)
{
	if (!consists_of(host, is_host_char) || kp_str_equal(host, kp_str("*")))
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] == ':' && find_protocol(kp_str_sub(host, i + 1, host.len)) >= 0)
			return false;
	return host.len != 2 || !is_option(host);
}

static void format_number(struct kp_buf *out, char letter, int32_t value, int32_t unset)
{
	if (value != unset)
		kp_buf_printf(out, " -%c %d", letter, value);
}

kp_err kp_endpoint_format(const struct kp_endpoint *endpoint, struct kp_buf *out)
{
	if (endpoint->host.len == 0 || !is_readable(endpoint->host) ||
	    !is_readable(endpoint->bind) || !consists_of(endpoint->set_id, is_set_char) ||
	    is_option(endpoint->set_id))
		return KP_ERR_ENCODE;
	kp_buf_printf(out, "%s -h %.*s -p %d -t %d", kp_protocol_name(endpoint->protocol),
	              KP_STR_ARG(endpoint->host), endpoint->port, endpoint->timeout_ms);
	format_number(out, 'g', endpoint->grid, 0);
	format_number(out, 'q', endpoint->qos, 0);
	format_number(out, 'w', endpoint->weight, -1);
	format_number(out, 'v', endpoint->weight_type, 0);
	format_number(out, 'e', endpoint->auth, 0);
	if (endpoint->bind.len)
		kp_buf_printf(out, " -b %.*s", KP_STR_ARG(endpoint->bind));
	if (endpoint->set_id.len)
		kp_buf_printf(out, " -s %.*s", KP_STR_ARG(endpoint->set_id));
	return out->err;
}

bool kp_endpoint_equal(const struct kp_endpoint *a, const struct kp_endpoint *b)
{
	return a->protocol == b->protocol && kp_str_equal(a->host, b->host) && a->port == b->port &&
	       a->timeout_ms == b->timeout_ms && a->grid == b->grid && a->qos == b->qos &&
	       a->weight == b->weight && a->weight_type == b->weight_type && a->auth == b->auth &&
	       kp_str_equal(a->set_id, b->set_id) && kp_str_equal(a->bind, b->bind);
}

static bool is_name_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && c != ':' && c != '@' && c != '#';
}

static kp_err fail_object(struct kp_str text, struct kp_why *why, const char *reason)
{
	return kp_why_set(why, KP_ERR_INVALID, "object \"%.*s\": %s", KP_STR_ARG(quote(text)),
	                  reason);
}

kp_err kp_object_parse(struct kp_str text, struct kp_object *ret, struct kp_why *why)
{
	text = kp_str_trim(text);
	size_t at = kp_str_find(text, '@');
	struct kp_object object = {.name = kp_str_trim(kp_str_sub(text, 0, at))};
	size_t hash = kp_str_find(object.name, '#');
	if (hash < object.name.len) {
		int64_t group;
		struct kp_str number = kp_str_sub(object.name, hash + 1, object.name.len);
		if (kp_str_i64(number, 0, INT32_MAX, &group) != KP_OK)
			return fail_object(text, why, "expected a number after '#'");
		object.group = (int32_t)group;
		object.name = kp_str_sub(object.name, 0, hash);
	}
	if (object.name.len == 0)
		return fail_object(text, why, "expected a name such as App.Server.Obj");
	if (!consists_of(object.name, is_name_char))
		return fail_object(text, why, "its name has a blank or a colon in it");
	if (at < text.len) {
		object.endpoints = kp_str_sub(text, at + 1, text.len);
		struct kp_str rest = object.endpoints;
		struct kp_endpoint endpoint;
		kp_err err = kp_endpoint_next(&rest, &endpoint, why);
		if (err == KP_ERR_NOTFOUND)
			return fail_object(text, why, "expected an endpoint after '@'");
		while (err == KP_OK)
			err = kp_endpoint_next(&rest, &endpoint, why);
		if (err != KP_ERR_NOTFOUND)
			return err;
	}
	*ret = object;
	return KP_OK;
}
