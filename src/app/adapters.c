// adapters.c - which adapter of the configuration a servant listens on.
#include "app/app_internal.h"

#include "base/text.h"
#include "base/try.h"

static const struct kp_conf_node *server_section(const struct kp_app *app)
{
	return kp_conf_find(&app->conf, kp_str("/tars/application/server"));
}

static struct kp_str value_of(const struct kp_conf_node *section, const char *key)
{
	const struct kp_conf_node *node = kp_conf_member(section, KP_CONF_KEY, kp_str(key));
	return node ? node->value : (struct kp_str){0};
}

kp_err app_number(const struct kp_app *app, const struct kp_conf_node *key,
                  struct app_bounds bounds, int *ret, struct kp_why *why)
{
	struct kp_str text = key ? kp_str_trim(key->value) : (struct kp_str){0};
	int64_t number = bounds.fallback;
	if (text.len > 0 && kp_str_i64(text, bounds.min, bounds.max, &number) != KP_OK)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "%.200s:%u: %.*s is a number from %d to %d, not '%.60s'",
		                  app->options.config, key->line, KP_STR_ARG(key->name), bounds.min,
		                  bounds.max, kp_arena_str(app->arena, text).ptr);
	*ret = (int)number;
	return KP_OK;
}

static kp_err number_of(const struct kp_app *app, const struct kp_conf_node *section,
                        const char *key, struct app_bounds bounds, int *ret, struct kp_why *why)
{
	return app_number(app, kp_conf_member(section, KP_CONF_KEY, kp_str(key)), bounds, ret, why);
}

kp_err app_threads(const struct kp_app *app, int *ret, struct kp_why *why)
{
	int threads = 1;
	const struct kp_conf_node *section = server_section(app);
	const struct kp_conf_node *adapter = NULL;
	while (section && (adapter = kp_conf_next(section, adapter, KP_CONF_SECTION))) {
		int wanted = 1;
		KP_TRY(number_of(app, adapter, "threads", (struct app_bounds){1, 256, 1}, &wanted,
		                 why));
		if (wanted > threads)
			threads = wanted;
	}
	*ret = app->options.threads > 0 ? app->options.threads : threads;
	return KP_OK;
}

// offers tells whether the adapter's servant list, separated by blanks or commas, names the object.
static bool offers(const struct kp_app *app, const struct kp_conf_node *adapter,
                   struct kp_str object)
{
	struct kp_str rest = value_of(adapter, "servant");
	while (rest.len > 0) {
		size_t end = 0;
		while (end < rest.len && rest.ptr[end] != ' ' && rest.ptr[end] != ',')
			end++;
		struct kp_str name = kp_str_sub(rest, 0, end);
		rest = kp_str_sub(rest, end < rest.len ? end + 1 : end, rest.len);
		struct kp_str full =
		        kp_arena_format(app->arena, "%s.%.*s", app->name, KP_STR_ARG(object));
		if (kp_str_equal(name, object) || kp_str_equal(name, full))
			return true;
	}
	return false;
}

static kp_err listen_as_configured(struct kp_app *app, const struct kp_conf_node *adapter,
                                   int *ret_adapter, struct kp_why *why)
{
	static const struct app_bounds any = {0, INT32_MAX, 0}; // 0: the library's default
	struct kp_adapter_options options = {
	        .endpoint = kp_arena_str(app->arena, value_of(adapter, "endpoint")).ptr,
	};
	KP_TRY(number_of(app, adapter, "maxconns", any, &options.connections_max, why));
	KP_TRY(number_of(app, adapter, "queuecap", any, &options.queue_max, why));
	KP_TRY(number_of(app, adapter, "queuetimeout", any, &options.queue_timeout_ms, why));
	return kp_server_listen(app->server, &options, ret_adapter, why);
}

// open_configured opens an adapter for its first servant, and remembers it for the others.
static kp_err open_configured(struct kp_app *app, const struct kp_conf_node *adapter,
                              int *ret_adapter, struct kp_why *why)
{
	for (size_t i = 0; i < app->adapters.len; i++)
		if (app->adapters.ptr[i].section == adapter) {
			*ret_adapter = app->adapters.ptr[i].index;
			return KP_OK;
		}
	KP_TRY(listen_as_configured(app, adapter, ret_adapter, why));
	return kp_vec_push(&app->adapters, ((struct opened_adapter){adapter, *ret_adapter}));
}

static kp_err open_default(struct kp_app *app, int *ret_adapter, struct kp_why *why)
{
	if (app->default_adapter < 0) {
		const char *endpoint = app->options.endpoint;
		if (!endpoint)
			endpoint = kp_arena_format(app->arena, "tcp -h 127.0.0.1 -p %d -t 60000",
			                           app->options.port)
			                   .ptr;
		if (!endpoint)
			return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
		KP_TRY(kp_server_listen(app->server,
		                        &(struct kp_adapter_options){.endpoint = endpoint},
		                        &app->default_adapter, why));
	}
	*ret_adapter = app->default_adapter;
	return KP_OK;
}

kp_err app_find_adapter(struct kp_app *app, const char *object, int *ret_adapter,
                        struct kp_why *why)
{
	const struct kp_conf_node *section = server_section(app);
	const struct kp_conf_node *adapter = NULL;
	while (section && (adapter = kp_conf_next(section, adapter, KP_CONF_SECTION)))
		if (offers(app, adapter, kp_str(object)))
			return open_configured(app, adapter, ret_adapter, why);
	if (app->options.endpoint || app->options.port >= 0)
		return open_default(app, ret_adapter, why);
	if (app->options.config)
		return kp_why_set(
		        why, KP_ERR_NOTFOUND,
		        "%s has no adapter with the servant %s.%s; add one to its kipp.conf",
		        app->options.config, app->name, object);
	return kp_why_set(why, KP_ERR_INVALID,
	                  "where to listen is not said: give --port P, or --config=FILE");
}
