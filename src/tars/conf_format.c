// conf_format.c - the tree of a configuration to a text that four parsers read alike.
//
// One of them is an XML tokenizer and one resolves escapes, so what is special to either is
// refused.
#include "base/text.h"
#include "base/try.h"
#include "tars/conf.h"

enum {
	INDENT = 2,
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

// bad_section returns what is wrong with a section's name, or NULL.
static const char *bad_section(struct kp_str name)
{
	if (name.len == 0 || !is_letter(name.ptr[0]))
		return "does not begin with a letter";
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return "has something other than letters, digits, '.', '-' and '_' in it";
	return NULL;
}

static const char *bad_text(struct kp_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < ' ' || c == 0x7f)
			return "has a control character in it";
		if (strchr("&<>\\", c))
			return "has one of & < > \\ in it";
	}
	if (kp_str_trim(text).len != text.len)
		return "begins or ends with a blank";
	return NULL;
}

static const char *bad_key(struct kp_str name)
{
	if (name.len == 0)
		return "is empty";
	if (name.ptr[0] == '#')
		return "begins with '#'";
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '=')
			return "has '=' in it";
		if ((unsigned char)name.ptr[i] >= 0x80)
			return "has something other than ASCII in it";
	}
	return bad_text(name);
}

// is_utf8 is asked of values only: an XML tokenizer gives up at anything else.
static bool is_utf8(struct kp_str text)
{
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.ptr[i];
		size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		static const uint32_t code_min[] = {0, 0x80, 0x800, 0x10000};
		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || text.len - i <= more)
			return false;
		uint32_t code = more ? c & (0x3f >> more) : c;
		for (size_t k = 1; k <= more; k++) {
			unsigned char tail = (unsigned char)text.ptr[i + k];
			if ((tail & 0xc0) != 0x80)
				return false;
			code = code << 6 | (tail & 0x3f);
		}
		if (code < code_min[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
		    code == 0xfffe || code == 0xffff)
			return false;
		i += 1 + more;
	}
	return true;
}

static void append_indent(struct kp_buf *out, const struct kp_conf_node *node)
{
	for (unsigned i = 0; i < (node->depth - 1) * INDENT; i++)
		kp_buf_append_byte(out, ' ');
}

static kp_err refuse(const struct kp_conf_node *node, const char *what, const char *reason,
                     struct kp_why *why)
{
	struct kp_str name = kp_str_sub(node->name, 0, node->name.len < 80 ? node->name.len : 80);
	return kp_why_set(why, KP_ERR_ENCODE, "the %s \"%.*s\" %s, which not every reader takes",
	                  what, KP_STR_ARG(name), reason);
}

static kp_err format_key(const struct kp_conf_node *key, struct kp_buf *out, struct kp_why *why)
{
	const char *reason = bad_key(key->name);
	if (reason)
		return refuse(key, "key", reason, why);
	reason = bad_text(key->value);
	if (!reason && !is_utf8(key->value))
		reason = "is not UTF-8";
	if (reason)
		return refuse(key, "value of", reason, why);
	append_indent(out, key);
	kp_buf_append_str(out, key->name);
	kp_buf_append_byte(out, '=');
	kp_buf_append_str(out, key->value);
	kp_buf_append_byte(out, '\n');
	return KP_OK;
}

static void append_tag(const struct kp_conf_node *section, const char *open, struct kp_buf *out)
{
	append_indent(out, section);
	kp_buf_append_str(out, kp_str(open));
	kp_buf_append_str(out, section->name);
	kp_buf_append_str(out, kp_str(">\n"));
}

// format_members recurses at most KP_CONF_DEPTH_MAX levels.
static kp_err format_members(const struct kp_conf_node *section, struct kp_buf *out,
                             struct kp_why *why)
{
	for (const struct kp_conf_node *node = section->first; node; node = node->next) {
		if (node->kind == KP_CONF_KEY) {
			KP_TRY(format_key(node, out, why));
			continue;
		}
		const char *reason = bad_section(node->name);
		if (reason)
			return refuse(node, "section", reason, why);
		append_tag(node, "<", out);
		KP_TRY(format_members(node, out, why));
		append_tag(node, "</", out);
	}
	return out->err;
}

kp_err kp_conf_format(const struct kp_conf *conf, struct kp_buf *out, struct kp_why *why)
{
	return format_members(&conf->root, out, why);
}
