// adapters.c - which adapter of the configuration a servant listens on.
#include "app/app_internal.h"
#include "app/limits.h"

#include "base/text.h"
#include "base/try.h"

static const struct kp_conf_node *server_section(const struct kp_app *app)
{
	return app_config_section(app->config, KEY_OF_SERVER);
}

enum {
	DISPATCH_FIBER,
	DISPATCH_POOL,
};

enum {
	HTTP_ON,
	HTTP_OFF,
};

static int dispatch_of(const struct kp_conf_node *adapter)
{
	return app_config_word(adapter, KEY_OF_ADAPTER, "dispatch");
}

int app_loops(const struct kp_app *app)
{
	const struct kp_conf_node *section = server_section(app);
	const struct kp_conf_node *adapter = NULL;
	int loops = (int)app_config_number(section, KEY_OF_SERVER, "loops");
	if (app->options.threads > 0 || loops > 0)
		return app->options.threads > 0 ? app->options.threads : loops;
	while (section && (adapter = kp_conf_next(section, adapter, KP_CONF_SECTION))) {
		int threads = (int)app_config_number(adapter, KEY_OF_ADAPTER, "threads");
		if (dispatch_of(adapter) == DISPATCH_FIBER && threads > loops)
			loops = threads;
	}
	return loops > 0 ? loops : 1;
}

// offers tells whether the adapter's servant list, separated by blanks or commas, names the object.
static bool offers(const struct kp_app *app, const struct kp_conf_node *adapter,
                   struct kp_str object)
{
	struct kp_str rest = app_config_get(adapter, KEY_OF_ADAPTER, "servant");
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

// text_of copies a key's text; NULL: there is none.
static const char *text_of(const struct kp_app *app, const struct kp_conf_node *adapter,
                           const char *name)
{
	struct kp_str text = app_config_get(adapter, KEY_OF_ADAPTER, name);
	return text.len > 0 ? kp_arena_str(app->arena, text).ptr : NULL;
}

static kp_err listen_as_configured(struct kp_app *app, const struct kp_conf_node *adapter,
                                   int *ret_adapter, struct kp_why *why)
{
	struct kp_str endpoint = app_config_get(adapter, KEY_OF_ADAPTER, "endpoint");
	struct kp_adapter_options options = {
	        .name = kp_arena_str(app->arena, adapter->name).ptr,
	        .endpoint = kp_arena_str(app->arena, endpoint).ptr,
	        .allow = text_of(app, adapter, "allow"),
	        .deny = text_of(app, adapter, "deny"),
	        .queue_timeout_ms = (int)app_config_number(adapter, KEY_OF_ADAPTER, "queuetimeout"),
	        .no_http = app_config_word(adapter, KEY_OF_ADAPTER, "http") == HTTP_OFF,
	};
	options.access_key = text_of(app, adapter, "accesskey");
	options.secret_key = text_of(app, adapter, "secretkey");
	struct kp_tls_options tls;
	if (app_tls_of_adapter(app, adapter, &tls))
		options.tls = &tls;
	limits_of_config(adapter, &options.limits);
	options.connections_max = (int)options.limits.connections_max;
	options.queue_max = (int)options.limits.queue_max;
	if (dispatch_of(adapter) == DISPATCH_POOL)
		options.pool_threads = (int)app_config_number(adapter, KEY_OF_ADAPTER, "threads");
	if (!options.name || !options.endpoint)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
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
	struct opened_adapter opened = {.section = adapter, .index = *ret_adapter};
	opened.name = kp_arena_str(app->arena, adapter->name).ptr;
	return opened.name ? kp_vec_push(&app->adapters, opened) : KP_ERR_NOMEM;
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
