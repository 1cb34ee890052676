// command.h - the commands that AdminObj takes: contract F.9.
//
// All of them run on fibers of the admin server's one loop, so what they share needs no locks.
#pragma once

#include "app/app_internal.h"

struct app_command {
	const char *name;
	struct kp_str (*run)(struct kp_call *call, struct kp_app *app, struct kp_str rest);
	const char *what; // for people
};

// command_run runs a line and returns its answer, a text of the call; an unknown name is one
// sentence.
struct kp_str command_run(struct kp_call *call, struct kp_app *app, struct kp_str line);

// command_text copies what was printed into the call, and frees the buffer.
struct kp_str command_text(struct kp_call *call, struct kp_buf *text);

// command_view.c: what a server looks like from inside.
struct kp_str command_view_status(struct kp_call *call, struct kp_app *app, struct kp_str rest);
struct kp_str command_connection(struct kp_call *call, struct kp_app *app, struct kp_str rest);
struct kp_str command_resource(struct kp_call *call, struct kp_app *app, struct kp_str rest);
struct kp_str command_bid(struct kp_call *call, struct kp_app *app, struct kp_str rest);

// command_limits.c: kipp.limits, kipp.explain.
struct kp_str command_limits(struct kp_call *call, struct kp_app *app, struct kp_str rest);
struct kp_str command_explain(struct kp_call *call, struct kp_app *app, struct kp_str rest);

// command_reload.c: the configuration file, read again.
struct kp_str command_load_property(struct kp_call *call, struct kp_app *app, struct kp_str rest);
struct kp_str command_reload_locator(struct kp_call *call, struct kp_app *app, struct kp_str rest);

// command_file.c: a file that the platform has for this server.
struct kp_str command_load_config(struct kp_call *call, struct kp_app *app, struct kp_str rest);
