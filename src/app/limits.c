// limits.c - the limits of adapters: from the configuration, shown, and changed while they count.
#include "app/limits.h"

#include "base/nearest.h"
#include "base/text.h"
#include "base/try.h"

#include <inttypes.h>
#include <stdio.h>

// TARS calls two of them otherwise.
static const struct {
	const char *tars;
	const char *name;
} aliases[] = {
        {"maxconns", "connections_max"},
        {"queuecap", "queue_max"},
};

static struct kp_str own_name(struct kp_str name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (kp_str_equal(name, kp_str(aliases[i].tars)))
			return kp_str(aliases[i].name);
	return name;
}

static void read_one(const struct kp_conf_node *adapter, const char *key, int64_t *ret)
{
	const struct kp_conf_node *node =
	        adapter ? kp_conf_member(adapter, KP_CONF_KEY, kp_str(key)) : NULL;
	if (node && kp_str_trim(node->value).len > 0)
		*ret = app_config_number(adapter, KEY_OF_ADAPTER, key);
}

void limits_of_config(const struct kp_conf_node *adapter, struct kp_limits *ret)
{
	struct kp_limits limits = {0};
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		read_one(adapter, aliases[i].tars,
		         kp_limits_field(&limits, kp_str(aliases[i].name)));
	const char *const *names = kp_limits_names();
	for (size_t i = 0; names[i]; i++)
		read_one(adapter, names[i], kp_limits_field(&limits, kp_str(names[i])));
	*ret = limits;
}

void limits_print(const struct kp_app *app, int adapter, const char *prefix, bool has_text,
                  struct kp_buf *text)
{
	static const char *const texts[] = {
#define LIMIT_TEXT(field, normal, what) what,
	        KP_LIMIT_MAP(LIMIT_TEXT)
#undef LIMIT_TEXT
	};
	struct kp_limits limits;
	if (kp_server_limits(app->server, adapter, &limits) != KP_OK)
		return;
	const char *const *names = kp_limits_names();
	for (size_t i = 0; names[i]; i++) {
		int64_t value = *kp_limits_field(&limits, kp_str(names[i]));
		kp_buf_printf(text, "%s%s: ", prefix, names[i]);
		if (value < 0)
			kp_buf_printf(text, "none");
		else
			kp_buf_printf(text, "%" PRId64, value);
		kp_buf_printf(text, "%s%s\n", has_text ? "  # " : "", has_text ? texts[i] : "");
	}
}

static const char *nearest(struct kp_str name)
{
	char word[64];
	size_t count = 0;
	const char *const *names = kp_limits_names();
	while (names[count])
		count++;
	snprintf(word, sizeof(word), "%.*s", KP_STR_ARG(name));
	return kp_nearest_find(word, names, count);
}

kp_err limits_set(struct kp_app *app, int adapter, struct kp_str name, int64_t value,
                  struct kp_why *why)
{
	struct kp_limits limits;
	int64_t *field = kp_limits_field(&limits, own_name(name));
	const char *near = field ? NULL : nearest(name);
	if (!field)
		return kp_why_set(why, KP_ERR_INVALID, "there is no limit '%.*s'%s%s%s",
		                  KP_STR_ARG(name), near ? "; did you mean '" : "",
		                  near ? near : "", near ? "'?" : "");
	kp_err err = kp_server_limits(app->server, adapter, &limits);
	if (err == KP_OK) {
		*field = value;
		kp_limits_fill(&limits);
		err = kp_server_set_limits(app->server, adapter, &limits);
	}
	return err == KP_OK ? KP_OK
	                    : kp_why_set(why, err, "adapter %d: %s", adapter, kp_err_text(err));
}

kp_err limits_change(struct kp_app *app, struct kp_str section, struct kp_str name, int64_t value,
                     struct kp_why *why)
{
	for (size_t i = 0; i < app->adapters.len; i++)
		if (kp_str_equal(app->adapters.ptr[i].section->name, section))
			return limits_set(app, app->adapters.ptr[i].index, name, value, why);
	return kp_why_set(why, KP_ERR_STATE, "the adapter serves nothing");
}
