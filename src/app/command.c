// command.c - the table of admin commands, and the short ones.
#include "app/command.h"

#include "base/nearest.h"
#include "base/text.h"
#include "base/try.h"
#include "kipp/version.h"

#include <stdio.h>

struct kp_str command_text(struct kp_call *call, struct kp_buf *text)
{
	struct kp_str copy =
	        text->err == KP_OK ? kp_call_str(call, kp_buf_str(text)) : (struct kp_str){0};
	kp_buf_fini(text);
	return copy.ptr ? copy : kp_str("out of memory");
}

static struct kp_str view_version(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	return kp_str("kipp " KP_VERSION_TEXT);
}

static struct kp_str set_log_level(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	int level;
	if (!app_log_level_parse(rest, &level))
		return kp_call_format(call, "'%.*s' is none of DEBUG INFO WARN ERROR NONE",
		                      KP_STR_ARG(rest));
	__atomic_store_n(&app->log_level, level, __ATOMIC_RELAXED);
	return kp_call_format(call, "set log level [%s] ok", app_log_level_name(level));
}

// --- what TARS's own servers do and Kipp's have no use for

static struct kp_str set_dyeing(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	return kp_str("nothing is dyed: a server of Kipp writes no dyed log; to follow one call, "
	              "'kipp call' shows its answer and kipp.explain where calls go");
}

static struct kp_str close_cout(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	return kp_str("nothing to close: what the server prints is its log, which the agent keeps");
}

static struct kp_str close_core(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	return kp_str("core files are the machine's business: the server keeps the limit that the "
	              "agent was started with (ulimit -c)");
}

static struct kp_str enable_day_log(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	return kp_str("there are no day logs: the server has one log, which the agent keeps and "
	              "rolls");
}

// --- the table

static struct kp_str help(struct kp_call *call, struct kp_app *app, struct kp_str rest);

static const struct app_command commands[] = {
        {"tars.help", help, "this list"},
        {"tars.viewstatus", command_view_status, "adapters, counters, limits, what is in progress"},
        {"tars.connection", command_connection,
         "[N]: the connections, at most N (100): peer, caller, age, calls, bytes"},
        {"tars.setloglevel", set_log_level, "LEVEL: DEBUG, INFO, WARN, ERROR or NONE"},
        {"tars.loadproperty", command_load_property,
         "read the server's configuration file again and apply what can change while it runs"},
        {"tars.loadconfig", command_load_config,
         "FILE: fetch a configuration file from the platform"},
        {"kipp.limits", command_limits,
         "[[ADAPTER] LIMIT VALUE]: the limits of the adapters; or change one, of all adapters or "
         "of "
         "the one with that number; VALUE is a number, none or default"},
        {"kipp.explain", command_explain, "OBJECT: why this server's calls go where they go"},
        {"tars.reloadlocator", command_reload_locator,
         "read where the registry is from the configuration file again"},
        {"tars.resource", command_resource, "pid, memory, threads, descriptors, uptime"},
        {"tars.bid", command_bid, "which program runs"},
        {"tars.viewversion", view_version, "the version of Kipp"},
        {"tars.setdyeing", set_dyeing, NULL},
        {"tars.closecout", close_cout, NULL},
        {"tars.closecore", close_core, NULL},
        {"tars.enabledaylog", enable_day_log, NULL},
};
enum {
	COMMAND_COUNT = sizeof(commands) / sizeof(*commands)
};

static struct kp_str help(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_buf text = {0};
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (commands[i].what)
			kp_buf_printf(&text, "%s: %s\n", commands[i].name, commands[i].what);
	for (size_t i = 0; i < app->commands.len; i++)
		kp_buf_printf(&text, "%s: %s\n", app->commands.ptr[i].name,
		              app->commands.ptr[i].help);
	return command_text(call, &text);
}

static const struct own_command *find_own(const struct kp_app *app, struct kp_str name)
{
	for (size_t i = 0; i < app->commands.len; i++)
		if (kp_str_equal(name, kp_str(app->commands.ptr[i].name)))
			return &app->commands.ptr[i];
	return NULL;
}

static const char *find_near(const struct kp_app *app, const char *name)
{
	const char *names[COMMAND_COUNT];
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	const char *near = kp_nearest_find(name, names, COMMAND_COUNT);
	for (size_t i = 0; !near && i < app->commands.len; i++)
		if (kp_nearest_is_close(name, app->commands.ptr[i].name))
			near = app->commands.ptr[i].name;
	return near;
}

static struct kp_str unknown(struct kp_call *call, const struct kp_app *app, struct kp_str name)
{
	char word[40];
	snprintf(word, sizeof(word), "%.*s", KP_STR_ARG(name));
	const char *near = name.len > 0 ? find_near(app, word) : NULL;
	if (near)
		return kp_call_format(call, "there is no command '%.*s'; did you mean '%s'?",
		                      KP_STR_ARG(name), near);
	return kp_call_format(call, "there is no command '%.*s'; tars.help lists them",
	                      KP_STR_ARG(name));
}

struct kp_str command_run(struct kp_call *call, struct kp_app *app, struct kp_str line)
{
	line = kp_str_trim(line);
	size_t end = kp_str_find(line, ' ');
	struct kp_str name = kp_str_sub(line, 0, end);
	struct kp_str rest = kp_str_trim(kp_str_sub(line, end, line.len));
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (kp_str_equal(name, kp_str(commands[i].name)))
			return commands[i].run(call, app, rest);
	const struct own_command *own = find_own(app, name);
	return own ? own->on_command(call, rest, own->user) : unknown(call, app, name);
}

// --- the application's own

static bool is_word(struct kp_str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] == 127)
			return false;
	return name.len > 0;
}

static kp_err add_command(struct kp_app *app, const char *name, kp_on_command on_command,
                          const char *what, void *user)
{
	struct kp_str word = kp_str(name);
	if (!is_word(word) || kp_str_starts_with(word, kp_str("tars.")) ||
	    kp_str_starts_with(word, kp_str("kipp.")))
		return kp_why_set(&app->why, KP_ERR_INVALID,
		                  "the command '%s' is not one word, or begins with tars. or kipp.",
		                  name);
	if (find_own(app, word))
		return kp_why_set(&app->why, KP_ERR_EXISTS, "the command '%s' is there twice",
		                  name);
	struct own_command own = {
	        .name = kp_arena_str(app->arena, word).ptr,
	        .help = kp_arena_str(app->arena, kp_str(what ? what : "")).ptr,
	        .on_command = on_command,
	        .user = user,
	};
	if (!own.name || !own.help || kp_vec_push(&app->commands, own) != KP_OK)
		return kp_why_set(&app->why, KP_ERR_NOMEM, "out of memory");
	return KP_OK;
}

void kp_app_on_command(struct kp_app *app, const char *name, kp_on_command on_command,
                       const char *what, void *user)
{
	if (app->err == KP_OK)
		app->err = add_command(app, name, on_command, what, user);
}
