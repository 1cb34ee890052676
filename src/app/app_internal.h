// app_internal.h - the inside of an app.
#pragma once

#include "app/config.h"
#include "base/vec.h"
#include "kipp/app.h"

struct options {
	const char *config;
	const char *name;
	const char *endpoint;
	const char *locator;
	int port;    // -1: not given
	int threads; // 0: not given
};

enum options_outcome {
	OPTIONS_RUN,
	OPTIONS_DONE,
	OPTIONS_BAD
};

// options_parse reads the command line; it prints what --version and --help ask for (DONE), or one
// sentence (BAD).
enum options_outcome options_parse(int argc, char **argv, struct options *ret);

// opened_adapter is an adapter of the configuration that listens.
struct opened_adapter {
	const struct kp_conf_node *section;
	const char *name; // of the section
	int index;
	bool is_suspended; // takes no calls now; this and what follows is the admin loop's
	bool is_told;      // and the agent knows
	char reason[192];
};

// own_command is an admin command of the application.
struct own_command {
	const char *name;
	const char *help;
	kp_on_command on_command;
	void *user;
};

struct kp_app {
	struct kp_arena *arena;    // owned; holds all texts here
	struct app_config *config; // owned; atomic, the agent's side replaces it
	struct options options;
	int64_t started_ns;
	struct kp_str application;
	struct kp_str server_name;
	const char *name;      // "Demo.HelloServer"
	const char *data_path; // ends with '/'
	int grace_ms;          // atomic
	struct kp_server *server;
	struct kp_client *client;
	struct kp_server
	        *admin; // the agent's side: admin commands and heartbeats, on a thread of its own
	struct tars_ServerF *node; // NULL: nobody to tell that we live
	KP_VEC(struct opened_adapter) adapters;
	KP_VEC(struct own_command) commands;
	int default_adapter; // of the command line; -1: none yet
	int log_level;       // atomic
	bool is_stopping;    // atomic; kp_app_stop has been called
	bool has_tls;        // certificates were read
	kp_err err;          // the first failure of kp_app_serve
	struct kp_why why;
};

// adapters.c: the adapters of the configuration
kp_err app_find_adapter(struct kp_app *app, const char *object, int *ret_adapter,
                        struct kp_why *why);
// app_loops is how many loops the configuration asks for.
int app_loops(const struct kp_app *app);

// tls.c
// app_tls_of_adapter and app_tls_of_client gather what the configuration says of TLS. False:
// nothing.
bool app_tls_of_adapter(struct kp_app *app, const struct kp_conf_node *adapter,
                        struct kp_tls_options *ret);
bool app_tls_of_client(struct kp_app *app, struct kp_tls_options *ret);
// app_tls_reload reads certificates and keys again; see kp_server_reload_tls.
kp_err app_tls_reload(struct kp_app *app, struct kp_why *why);

// admin.c
kp_err app_admin_open(struct kp_app *app, struct kp_why *why);
kp_err app_admin_start(struct kp_app *app);

// command_reload.c: app_reload has the configuration file read again, as tars.loadproperty does;
// what it does is logged. Any thread, once the app runs.
void app_reload(struct kp_app *app);

// events.c: app_events_start has the agent told of bans and of adapters that take no calls.
kp_err app_events_start(struct kp_app *app);

// log.c: a level is one of enum kp_log_level, or one more: nothing is logged.
bool app_log_level_parse(struct kp_str text, int *ret);
const char *app_log_level_name(int level);
