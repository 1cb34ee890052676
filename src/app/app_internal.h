// app_internal.h - the inside of an app.
#pragma once

#include "base/vec.h"
#include "kipp/app.h"
#include "tars/conf.h"

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
	int index;
};

struct kp_app {
	struct kp_arena *arena; // owned; holds the configuration and all texts here
	struct kp_conf conf;
	struct options options;
	struct kp_str application;
	struct kp_str server_name;
	const char *name;      // "Demo.HelloServer"
	const char *data_path; // ends with '/'
	int grace_ms;
	struct kp_server *server;
	struct kp_client *client;
	struct kp_server
	        *admin; // the agent's side: admin commands and heartbeats, on a thread of its own
	struct tars_ServerF *node; // NULL: nobody to tell that we live
	KP_VEC(struct opened_adapter) adapters;
	int default_adapter; // of the command line; -1: none yet
	int log_level;       // atomic
	bool is_stopping;    // atomic; kp_app_stop has been called
	kp_err err;          // the first failure of kp_app_serve
	struct kp_why why;
};

// app_number reads a number of the configuration; without one it is `fallback`. INVALID: it is
// none, or out of bounds, said in `why` with file, line and key.
struct app_bounds {
	int min;
	int max;
	int fallback;
};
kp_err app_number(const struct kp_app *app, const struct kp_conf_node *key,
                  struct app_bounds bounds, int *ret, struct kp_why *why);

// adapters.c: the adapters of the configuration
kp_err app_find_adapter(struct kp_app *app, const char *object, int *ret_adapter,
                        struct kp_why *why);
kp_err app_threads(const struct kp_app *app, int *ret, struct kp_why *why);

// admin.c
kp_err app_admin_open(struct kp_app *app, struct kp_why *why);
kp_err app_admin_start(struct kp_app *app);

// log.c
bool app_log_level_parse(struct kp_str text, enum kp_log_level *ret);
const char *app_log_level_name(enum kp_log_level level);
