// conf_parse.c - the text of a configuration to its tree, a line at a time.
#include "base/text.h"
#include "base/try.h"
#include "tars/conf_tree.h"

#include <stdio.h>

struct reader {
	struct kp_conf *conf;
	struct kp_conf_node *section; // at hand
	struct kp_str line;
	unsigned number; // of the line
	// lines that opened the sections at hand
	unsigned opened[KP_CONF_DEPTH_MAX + 1];
	struct kp_why *why;
};

static KP_PRINTF(3, 4) kp_err fail(const struct reader *in, const char *at, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size_t column = (size_t)(at - in->line.ptr) + 1;
	kp_why_set(in->why, KP_ERR_INVALID, "%u:%zu: %s", in->number, column, text);
	return KP_ERR_INVALID;
}

static kp_err too_deep(const struct reader *in)
{
	return kp_why_set(in->why, KP_ERR_LIMIT, "%u:1: sections are nested more than %d deep",
	                  in->number, KP_CONF_DEPTH_MAX);
}

// QUOTE cuts a text for a message.
#define QUOTE(str) (int)((str).len < 64 ? (str).len : 64), (str).ptr

static const char *const tag_expected[] = {"a section's name after '<'",
                                           "a section's name after '</'"};

// read_tag finds the name between < or </ and >, which must be all there is on the line.
static kp_err read_tag(const struct reader *in, struct kp_str text, bool closes, struct kp_str *ret)
{
	size_t start = closes ? 2 : 1, end = kp_str_find(text, '>');
	if (end == text.len)
		return fail(in, text.ptr + text.len, "expected '>' at the end of the tag");
	struct kp_str behind = kp_str_trim(kp_str_sub(text, end + 1, text.len));
	if (behind.len > 0)
		return fail(in, behind.ptr,
		            "expected one tag or key to a line, found more behind '>'");
	struct kp_str name = kp_str_trim(kp_str_sub(text, start, end));
	if (name.len == 0)
		return fail(in, text.ptr + start, "expected %s", tag_expected[closes]);
	if (name.ptr[name.len - 1] == '/')
		return fail(in, name.ptr + name.len - 1,
		            "expected <%.*s> and </%.*s>, as not every reader knows a tag that "
		            "closes itself",
		            QUOTE(kp_str_sub(name, 0, name.len - 1)),
		            QUOTE(kp_str_sub(name, 0, name.len - 1)));
	for (size_t i = 0; i < name.len; i++)
		if (strchr(" \t</", name.ptr[i]))
			return fail(in, name.ptr + i, "expected %s without '%c'",
			            tag_expected[closes], name.ptr[i]);
	*ret = name;
	return KP_OK;
}

static kp_err open_section(struct reader *in, struct kp_str text)
{
	struct kp_str name = {0};
	KP_TRY(read_tag(in, text, false, &name));
	struct kp_conf_node *section;
	kp_err err = kp_conf_add(in->conf, in->section, KP_CONF_SECTION, name, &section);
	if (err == KP_ERR_LIMIT)
		return too_deep(in);
	KP_TRY(err);
	if (section->line == 0)
		section->line = in->number;
	in->section = section;
	in->opened[section->depth] = in->number;
	return KP_OK;
}

static kp_err close_section(struct reader *in, struct kp_str text)
{
	struct kp_str name = {0};
	KP_TRY(read_tag(in, text, true, &name));
	struct kp_conf_node *section = in->section;
	if (!section->parent)
		return fail(in, text.ptr, "found </%.*s>, but no section is open", QUOTE(name));
	if (!kp_str_equal(section->name, name))
		return fail(in, text.ptr, "expected </%.*s> for the one of line %u, found </%.*s>",
		            QUOTE(section->name), in->opened[section->depth], QUOTE(name));
	in->section = section->parent;
	return KP_OK;
}

static char unescape(char c)
{
	switch (c) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '\\':
	case '=':
		return c;
	default:
		return '\0';
	}
}

// read_text resolves escapes; what has none stays a view.
static kp_err read_text(const struct reader *in, struct kp_str text, struct kp_str *ret)
{
	if (kp_str_find(text, '\\') == text.len) {
		*ret = text;
		return KP_OK;
	}
	char *to = kp_arena_alloc(in->conf->arena, text.len);
	if (!to)
		return KP_ERR_NOMEM;
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '\\') {
			c = i + 1 < text.len ? unescape(text.ptr[i + 1]) : '\0';
			if (c == '\0')
				return fail(in, text.ptr + i,
				            "expected one of \\\\ \\r \\n \\t \\= , write a "
				            "backslash as \\\\");
			i++;
		}
		to[len++] = c;
	}
	*ret = (struct kp_str){to, len};
	return KP_OK;
}

static kp_err read_key(struct reader *in, struct kp_str text)
{
	size_t split = kp_str_find(text, '=');
	struct kp_str name = {0}, value = {0};
	KP_TRY(read_text(in, kp_str_trim(kp_str_sub(text, 0, split)), &name));
	if (name.len == 0)
		return fail(in, text.ptr, "expected a key before '='");
	if (split < text.len) {
		struct kp_str behind = kp_str_sub(text, split + 1, text.len);
		KP_TRY(read_text(in, kp_str_trim(behind), &value));
	}
	struct kp_conf_node *key;
	KP_TRY(kp_conf_add(in->conf, in->section, KP_CONF_KEY, name, &key));
	key->value = value.len ? value : kp_str("");
	if (key->line == 0)
		key->line = in->number;
	return KP_OK;
}

static kp_err read_line(struct reader *in)
{
	for (size_t i = 0; i < in->line.len; i++) {
		unsigned char c = (unsigned char)in->line.ptr[i];
		bool is_line_end = c == '\r' && i + 1 == in->line.len;
		if ((c < ' ' && c != '\t' && !is_line_end) || c == 0x7f)
			return fail(in, in->line.ptr + i, "expected text, found the byte 0x%02x",
			            c);
	}
	struct kp_str text = kp_str_trim(in->line);
	if (text.len == 0 || text.ptr[0] == '#')
		return KP_OK;
	if (text.ptr[0] != '<')
		return read_key(in, text);
	if (text.len > 1 && text.ptr[1] == '/')
		return close_section(in, text);
	return open_section(in, text);
}

kp_err kp_conf_parse(struct kp_conf *conf, struct kp_str text, struct kp_why *why)
{
	static const struct kp_str byte_order_mark = KP_STR("\xef\xbb\xbf");
	if (text.len > KP_CONF_SIZE_MAX)
		return kp_why_set(why, KP_ERR_LIMIT, "1:1: the text is larger than %d bytes",
		                  KP_CONF_SIZE_MAX);
	if (kp_str_starts_with(text, byte_order_mark))
		text = kp_str_sub(text, byte_order_mark.len, text.len);
	struct kp_str rest = kp_arena_str(conf->arena, text);
	if (!rest.ptr)
		return KP_ERR_NOMEM;
	struct reader in = {.conf = conf, .section = &conf->root, .why = why};
	while (kp_str_split_next(&rest, '\n', &in.line)) {
		in.number++;
		KP_TRY(read_line(&in));
	}
	if (in.section->parent)
		return fail(&in, in.line.ptr + in.line.len,
		            "expected </%.*s> for the one of line %u, found the end of the text",
		            QUOTE(in.section->name), in.opened[in.section->depth]);
	return KP_OK;
}
