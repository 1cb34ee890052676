// app.h - a server program: its configuration, its servants, its life.
//
//     int main(int argc, char **argv)
//     {
//     	struct kp_app *app;
//     	if (kp_app_open(argc, argv, &app) != KP_OK)
//     		return 1;
//     	Demo_Hello_serve(app, "HelloObj", &hello_ops, NULL);
//     	return kp_app_run(app);
//     }
#pragma once

#include "kipp/client.h"
#include "kipp/server.h"

KP_BEGIN_DECLS

struct kp_app;

// kp_app_open reads the command line and the configuration file it names:
//     --config=FILE                    as the agent writes it (contract F)
//     --name App.Server, --endpoint 'tcp -h 127.0.0.1 -p 9001', --port P, --threads N, --locator
//     TEXT   without a platform
//     --version, --help
// On failure it prints one sentence on stderr. For --version and --help it prints and exits.
KP_API kp_err kp_app_open(int argc, char **argv, struct kp_app **ret);

// kp_app_serve offers a servant. `object` is its last name part ("HelloObj"). It listens on the
// adapter that the configuration gives it, or else on the one endpoint of the command line. A
// failure is remembered and told by run.
KP_API void kp_app_serve(struct kp_app *app, const char *object,
                         const struct kp_interface *interface, const void *ops, void *user);

// kp_app_run serves until SIGTERM, SIGINT or an admin command asks it to stop, drains, frees the
// app and returns the program's exit code.
KP_API int kp_app_run(struct kp_app *app);

// kp_app_stop asks kp_app_run to drain and return. From any thread or handler.
KP_API void kp_app_stop(struct kp_app *app);

// kp_app_client is the app's own client, which knows the platform's locator.
KP_API struct kp_client *kp_app_client(struct kp_app *app);

// kp_app_config finds a value of the configuration by its path, as
// "/tars/application/server<logLevel>"; an empty view with a NULL pointer when there is none. From
// any thread. After SIGHUP or tars.loadproperty it finds what the file says now; what it returned
// before stays valid.
KP_API struct kp_str kp_app_config(const struct kp_app *app, const char *path);

KP_API const char *kp_app_name(const struct kp_app *app); // "Demo.HelloServer"
KP_API const char *
kp_app_data_path(const struct kp_app *app); // where the server keeps its data; ends with '/'

// kp_on_command answers an admin command of the application's own. `rest` is what follows its name;
// the answer is a text of the call, for people. It runs beside the handlers, on a thread of the
// admin commands.
typedef struct kp_str (*kp_on_command)(struct kp_call *call, struct kp_str rest, void *user);

// kp_app_on_command adds an admin command, called by its first word: `kipp admin Demo.HelloServer
// flush now`. `help` is a line for tars.help, which lists it. Before kp_app_run; a name that begins
// with "tars." or "kipp." or that is there already is a failure that run tells.
KP_API void kp_app_on_command(struct kp_app *app, const char *name, kp_on_command on_command,
                              const char *help, void *user);

// kp_app_log writes one line "2026-01-02 03:04:05.678 INFO text" to stderr, which the agent keeps,
// if the level is on.
enum kp_log_level {
	KP_LOG_DEBUG,
	KP_LOG_INFO,
	KP_LOG_WARN,
	KP_LOG_ERROR
};
KP_API void kp_app_log(struct kp_app *app, enum kp_log_level level, const char *format, ...)
        KP_PRINTF(3, 4);

KP_END_DECLS
