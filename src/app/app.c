// app.c - a server program's life.
#include "app/app_internal.h"
#include "app/objects.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/clock.h"
#include "os/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

// --- opening

static const struct app_config *config_of(const struct kp_app *app)
{
	return __atomic_load_n(&app->config, __ATOMIC_ACQUIRE);
}

struct kp_str kp_app_config(const struct kp_app *app, const char *path)
{
	struct kp_str value = {0};
	kp_conf_get(&config_of(app)->conf, path, &value);
	return value;
}

static void doubt(void *arg, const char *sentence)
{
	kp_app_log(arg, KP_LOG_WARN, "%s", sentence);
}

static kp_err read_config(struct kp_app *app, struct kp_why *why)
{
	KP_TRY(app_config_read(app->options.config, &app->config, why));
	const struct kp_conf_node *server = app_config_section(app->config, KEY_OF_SERVER);
	(void)app_log_level_parse(app_config_get(server, KEY_OF_SERVER, "logLevel"),
	                          &app->log_level);
	app->grace_ms = (int)app_config_number(server, KEY_OF_SERVER, "deactivating-timeout");
	app_config_doubts(app->config, doubt, app);
	return KP_OK;
}

static bool has_dot(struct kp_str text)
{
	return kp_str_find(text, '.') < text.len;
}

static kp_err find_name(struct kp_app *app, struct kp_why *why)
{
	app->application = kp_app_config(app, "/tars/application/server<app>");
	app->server_name = kp_app_config(app, "/tars/application/server<server>");
	if (app->options.name) {
		struct kp_str name = kp_str(app->options.name);
		size_t dot = kp_str_find(name, '.');
		if (dot == 0 || dot + 1 >= name.len || has_dot(kp_str_sub(name, dot + 1, name.len)))
			return kp_why_set(why, KP_ERR_INVALID, "--name is App.Server, not '%s'",
			                  app->options.name);
		app->application = kp_str_sub(name, 0, dot);
		app->server_name = kp_str_sub(name, dot + 1, name.len);
	}
	if (app->application.len == 0 || app->server_name.len == 0)
		return kp_why_set(
		        why, KP_ERR_INVALID,
		        "who this is is not said: give --name App.Server, or --config=FILE");
	app->application = kp_arena_str(app->arena, app->application);
	app->server_name = kp_arena_str(app->arena, app->server_name);
	app->name = kp_arena_format(app->arena, "%.*s.%.*s", KP_STR_ARG(app->application),
	                            KP_STR_ARG(app->server_name))
	                    .ptr;
	struct kp_str path = kp_app_config(app, "/tars/application/server<datapath>");
	bool has_slash = kp_str_ends_with(path, kp_str("/"));
	app->data_path = path.len == 0 ? "./"
	                               : kp_arena_format(app->arena, "%.*s%s", KP_STR_ARG(path),
	                                                 has_slash ? "" : "/")
	                                         .ptr;
	return app->application.ptr && app->server_name.ptr && app->name && app->data_path
	               ? KP_OK
	               : kp_why_set(why, KP_ERR_NOMEM, "out of memory");
}

static const char *set_of(const struct kp_app *app)
{
	struct kp_str enabled = kp_str_trim(kp_app_config(app, "/tars/application<enableset>"));
	if (!kp_str_equal(enabled, kp_str("y")) && !kp_str_equal(enabled, kp_str("Y")))
		return NULL;
	return kp_arena_str(app->arena,
	                    kp_str_trim(kp_app_config(app, "/tars/application<setdivision>")))
	        .ptr;
}

static kp_err open_client(struct kp_app *app, struct kp_why *why)
{
	const char *locator = app->options.locator;
	if (!locator)
		locator = kp_arena_str(app->arena,
		                       kp_app_config(app, "/tars/application/client<locator>"))
		                  .ptr;
	const struct kp_conf_node *section = app_config_section(app->config, KEY_OF_CLIENT);
	struct kp_client_options options = {
	        .locator = locator,
	        .caller = app->name,
	        .set = set_of(app),
	        .timeout_ms = (int)app_config_number(section, KEY_OF_CLIENT, "sync-invoke-timeout"),
	        .connect_timeout_ms =
	                (int)app_config_number(section, KEY_OF_CLIENT, "connect-timeout"),
	        .refresh_interval_ms =
	                (int)app_config_number(section, KEY_OF_CLIENT, "refresh-endpoint-interval"),
	};
	int percent = (int)app_config_number(section, KEY_OF_CLIENT, "retry-percent");
	options.retry_percent = percent > 0 ? percent : -1;
	struct kp_tls_options tls;
	if (app_tls_of_client(app, &tls))
		options.tls = &tls;
	KP_TRY(kp_client_open(&options, &app->client, why));
	return objects_configure_all(app, why);
}

static kp_err open_server(struct kp_app *app, struct kp_why *why)
{
	return kp_server_open(
	        &(struct kp_server_options){
	                .threads = app_loops(app),
	                .application = app->application.ptr,
	                .server = app->server_name.ptr,
	        },
	        &app->server, why);
}

static kp_err open_parts(struct kp_app *app, struct kp_why *why)
{
	KP_TRY(read_config(app, why));
	KP_TRY(find_name(app, why));
	KP_TRY(open_client(app, why));
	KP_TRY(open_server(app, why));
	return app_admin_open(app, why);
}

static void app_free(struct kp_app *app)
{
	if (!app)
		return;
	kp_server_close(app->admin);
	kp_server_close(app->server);
	kp_client_close(app->client);
	kp_vec_fini(&app->adapters);
	kp_vec_fini(&app->commands);
	app_config_free(app->config);
	kp_arena_free(app->arena);
	kp_free(app);
}

static struct kp_app *app_new(const struct options *options)
{
	struct kp_app *app = kp_new(struct kp_app);
	if (!app)
		return NULL;
	app->options = *options;
	app->default_adapter = -1;
	app->log_level = KP_LOG_INFO;
	app->arena = kp_arena_new(0);
	if (!app->arena) {
		kp_free(app);
		return NULL;
	}
	app->started_ns = kp_clock_ns();
	return app;
}

kp_err kp_app_open(int argc, char **argv, struct kp_app **ret)
{
	struct options options;
	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_DONE:
		exit(0);
	case OPTIONS_BAD:
		return KP_ERR_INVALID;
	case OPTIONS_RUN:
		break;
	}
	kp_signals_block();
	struct kp_why why = {"out of memory"};
	struct kp_app *app = app_new(&options);
	kp_err err = app ? open_parts(app, &why) : KP_ERR_NOMEM;
	if (err != KP_OK) {
		fprintf(stderr, "%s: %s\n", argv[0], why.text);
		app_free(app);
		return err;
	}
	*ret = app;
	return KP_OK;
}

// --- serving

void kp_app_serve(struct kp_app *app, const char *object, const struct kp_interface *interface,
                  const void *ops, void *user)
{
	if (app->err != KP_OK)
		return;
	int adapter;
	app->err = app_find_adapter(app, object, &adapter, &app->why);
	if (app->err != KP_OK)
		return;
	app->err = kp_server_serve(app->server, adapter, object, interface, ops, user);
	if (app->err != KP_OK)
		kp_why_set(&app->why, app->err, "servant %s: %s", object, kp_err_text(app->err));
}

static void say_where(const struct kp_app *app)
{
	if (app->options.config)
		return;
	for (int i = 0; kp_server_endpoint(app->server, i); i++)
		printf("%s listening on %s\n", app->name, kp_server_endpoint(app->server, i));
	fflush(stdout);
}

static kp_err start(struct kp_app *app)
{
	if (app->err != KP_OK)
		return app->err;
	app->err = kp_server_start(app->server);
	if (app->err == KP_OK)
		app->err = app_admin_start(app);
	if (app->err != KP_OK)
		kp_why_set(&app->why, app->err, "cannot start: %s", kp_err_text(app->err));
	return app->err;
}

int kp_app_run(struct kp_app *app)
{
	kp_err err = start(app);
	if (err == KP_OK) {
		say_where(app);
		while (kp_signals_wait() == SIGHUP &&
		       !__atomic_load_n(&app->is_stopping, __ATOMIC_ACQUIRE))
			app_reload(app);
		kp_signals_release();
		kp_server_stop(app->server, __atomic_load_n(&app->grace_ms, __ATOMIC_RELAXED));
	} else {
		fprintf(stderr, "%s: %s\n", app->name, app->why.text);
	}
	app_free(app);
	return err == KP_OK ? 0 : 1;
}

void kp_app_stop(struct kp_app *app)
{
	// Not SIGTERM: a second one, while we drain, would end us at once.
	__atomic_store_n(&app->is_stopping, true, __ATOMIC_RELEASE);
	kp_signals_raise(SIGHUP);
}

struct kp_client *kp_app_client(struct kp_app *app)
{
	return app->client;
}

const char *kp_app_name(const struct kp_app *app)
{
	return app->name;
}

const char *kp_app_data_path(const struct kp_app *app)
{
	return app->data_path;
}
