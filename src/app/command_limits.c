// command_limits.c - kipp.limits and kipp.explain: what is granted to callers, and where calls go.
#include "app/command.h"
#include "app/limits.h"

#include "base/text.h"
#include "rpc/explain.h"

enum {
	WORDS_MAX = 4,
};

static size_t split(struct kp_str text, struct kp_str words[WORDS_MAX])
{
	size_t count = 0;
	struct kp_str word;
	while (count < WORDS_MAX && kp_str_split_next(&text, ' ', &word))
		if (word.len > 0)
			words[count++] = word;
	return count;
}

static int adapter_count(const struct kp_app *app)
{
	int count = 0;
	while (kp_server_endpoint(app->server, count))
		count++;
	return count;
}

static bool parse_value(struct kp_str word, int64_t *ret)
{
	if (kp_str_equal(word, kp_str("none")))
		*ret = -1;
	else if (kp_str_equal(word, kp_str("default")))
		*ret = 0;
	else
		return kp_str_i64(word, -1, INT64_C(1) << 53, ret) == KP_OK;
	return true;
}

static struct kp_str show(struct kp_call *call, const struct kp_app *app)
{
	struct kp_buf text = {0};
	for (int i = 0; i < adapter_count(app); i++) {
		kp_buf_printf(&text, "adapter %d: %s\n", i, kp_server_endpoint(app->server, i));
		limits_print(app, i, "  ", true, &text);
	}
	return command_text(call, &text);
}

static struct kp_str change(struct kp_call *call, struct kp_app *app, int first, int last,
                            struct kp_str name, struct kp_str word, int64_t value)
{
	struct kp_why why = {""};
	struct kp_buf text = {0};
	for (int i = first; i <= last; i++) {
		if (limits_set(app, i, name, value, &why) != KP_OK) {
			kp_buf_fini(&text);
			return kp_call_format(call, "%s", why.text);
		}
		kp_buf_printf(&text, "adapter %d: %.*s is %.*s now\n", i, KP_STR_ARG(name),
		              KP_STR_ARG(word));
	}
	return command_text(call, &text);
}

struct kp_str command_limits(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_str words[WORDS_MAX];
	size_t count = split(rest, words);
	int64_t adapter = -1, value;
	if (count == 0)
		return show(call, app);
	if (count == 3 && kp_str_i64(words[0], 0, adapter_count(app) - 1, &adapter) != KP_OK)
		return kp_call_format(call, "there is no adapter '%.*s'; kipp.limits lists them",
		                      KP_STR_ARG(words[0]));
	if (count != 2 && count != 3)
		return kp_str("write kipp.limits, or kipp.limits [ADAPTER] LIMIT VALUE");
	if (!parse_value(words[count - 1], &value))
		return kp_call_format(call, "'%.*s' is no limit: write a number, none or default",
		                      KP_STR_ARG(words[count - 1]));
	int first = adapter < 0 ? 0 : (int)adapter;
	int last = adapter < 0 ? adapter_count(app) - 1 : (int)adapter;
	return change(call, app, first, last, words[count - 2], words[count - 1], value);
}

struct kp_str command_explain(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_buf text = {0};
	struct kp_str object = kp_call_str(call, rest);
	if (object.len == 0)
		return kp_str("write kipp.explain OBJECT, as Demo.HelloServer.HelloObj");
	kp_err err = kp_client_explain(app->client, object.ptr, &text);
	if (err == KP_OK)
		return command_text(call, &text);
	kp_buf_fini(&text);
	if (err == KP_ERR_NOTFOUND)
		return kp_call_format(call, "this server has not called %s", object.ptr);
	return kp_call_format(call, "%s cannot be explained: %s", object.ptr, kp_err_text(err));
}
