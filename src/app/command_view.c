// command_view.c - what a server looks like from inside: tars.viewstatus, connection, resource.
#include "app/command.h"
#include "app/limits.h"

#include "base/mem.h"
#include "base/text.h"
#include "kipp/version.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "rpc/inspect.h"

#include <inttypes.h>

enum {
	SHOWN_DEFAULT = 100,
	SHOWN_MAX = 10000,
	LOOK_MS = 1000,
};

// print_duration says how long, in the largest unit that is not 0 and the next one.
static void print_duration(struct kp_buf *text, int64_t duration_ns)
{
	int64_t seconds = duration_ns / KP_NS_PER_S;
	if (seconds >= 86400)
		kp_buf_printf(text, "%" PRId64 "d%" PRId64 "h", seconds / 86400,
		              seconds / 3600 % 24);
	else if (seconds >= 3600)
		kp_buf_printf(text, "%" PRId64 "h%" PRId64 "m", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		kp_buf_printf(text, "%" PRId64 "m%" PRId64 "s", seconds / 60, seconds % 60);
	else
		kp_buf_printf(text, "%" PRId64 "s", seconds);
}

static void print_head(struct kp_buf *text, const struct kp_app *app)
{
	kp_buf_printf(text,
	              "server: %s\nversion: kipp " KP_VERSION_TEXT "\npid: %d\nuptime: ", app->name,
	              kp_proc_self());
	print_duration(text, kp_clock_ns() - app->started_ns);
	kp_buf_printf(text, "\nlog level: %s\nloops: %d\n",
	              app_log_level_name(__atomic_load_n(&app->log_level, __ATOMIC_RELAXED)),
	              kp_server_loops(app->server));
}

// counter is one number of an adapter's statistics.
struct counter {
	const char *name;
	size_t offset;
};
#define COUNTER(name, member)                                   \
	{                                                       \
		name, offsetof(struct kp_adapter_stats, member) \
	}

static const struct counter counters[] = {
        COUNTER("requests", requests),
        COUNTER("answers", answers),
        COUNTER("one-way", oneways),
        COUNTER("refused by overload", refused_overload),
        COUNTER("connections accepted", connections_accepted),
        COUNTER("connections refused", connections_refused),
        COUNTER("closed by the peer", closed_by_peer),
        COUNTER("closed, idle", closed_idle),
        COUNTER("closed, bad frame", closed_bad_frame),
        COUNTER("closed, frame too large", closed_oversized),
        COUNTER("closed, did not read", closed_slow_reader),
        COUNTER("closed, reset", closed_reset),
        COUNTER("datagrams dropped", datagrams_dropped),
        COUNTER("bytes in", bytes_in),
        COUNTER("bytes out", bytes_out),
};

// print_counters leaves out what never happened.
static void print_counters(struct kp_buf *text, const struct kp_adapter_stats *stats)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		const char *at = (const char *)stats + counters[i].offset;
		uint64_t value = *(const uint64_t *)(const void *)at;
		if (value > 0)
			kp_buf_printf(text, "  %s: %" PRIu64 "\n", counters[i].name, value);
	}
}

static void print_adapter(struct kp_buf *text, const struct kp_app *app, int index)
{
	struct kp_adapter_stats stats;
	kp_server_stats(app->server, index, &stats);
	kp_buf_printf(text, "adapter %d: %s\n", index, kp_server_endpoint(app->server, index));
	kp_buf_printf(text, "  connections: %" PRIu64 "\n  in progress or waiting: %d\n",
	              stats.connections_open, kp_server_calls(app->server, index));
	limits_print(app, index, "  limit ", false, text);
	print_counters(text, &stats);
}

struct kp_str command_view_status(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_buf text = {0};
	print_head(&text, app);
	for (int i = 0; kp_server_endpoint(app->server, i); i++)
		print_adapter(&text, app, i);
	return command_text(call, &text);
}

// --- tars.connection

static void print_connection(struct kp_buf *text, const struct kp_conn_view *view)
{
	char peer[KP_ADDRESS_TEXT_MAX];
	kp_address_format(&view->peer, peer);
	kp_buf_printf(text, "adapter %d: %s%s%s, open ", view->adapter, peer,
	              view->caller[0] ? " " : "", view->caller);
	print_duration(text, view->age_ns);
	kp_buf_printf(text, ", silent ");
	print_duration(text, view->silent_ns);
	kp_buf_printf(text,
	              ", %" PRIu64 " calls, %d in progress, %" PRIu64 " bytes in, %" PRIu64 " out",
	              view->requests, view->calls, view->bytes_in, view->bytes_out);
	if (view->bytes_waiting > 0)
		kp_buf_printf(text, ", %zu wait to be read", view->bytes_waiting);
	kp_buf_append_byte(text, '\n');
}

struct kp_str command_connection(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	int64_t count = SHOWN_DEFAULT;
	struct kp_conn_views views = {0};
	struct kp_buf text = {0};
	if (rest.len > 0 && kp_str_i64(rest, 1, SHOWN_MAX, &count) != KP_OK)
		return kp_call_format(call, "'%.*s' is no number of connections from 1 to %d",
		                      KP_STR_ARG(rest), SHOWN_MAX);
	kp_err err = kp_server_inspect(app->server, (size_t)count, LOOK_MS, &views);
	if (err != KP_OK)
		return kp_call_format(call, "the connections cannot be listed: %s",
		                      kp_err_text(err));
	kp_buf_printf(&text, "connections: %zu\n", views.count + views.left_out);
	for (size_t i = 0; i < views.count; i++)
		print_connection(&text, &views.ptr[i]);
	if (views.left_out > 0)
		kp_buf_printf(&text, "and %zu more\n", views.left_out);
	if (views.silent_loops > 0)
		kp_buf_printf(&text,
		              "%d of %d loops did not answer within %d ms: a handler holds them\n",
		              views.silent_loops, kp_server_loops(app->server), LOOK_MS);
	kp_conn_views_fini(&views);
	return command_text(call, &text);
}

// --- tars.resource, tars.bid

struct kp_str command_resource(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_proc_usage usage;
	struct kp_buf text = {0};
	kp_err err = kp_proc_usage(kp_proc_self(), &usage);
	if (err != KP_OK)
		return kp_call_format(call, "what the process uses cannot be read: %s",
		                      kp_err_text(err));
	kp_buf_printf(&text,
	              "pid: %d\nresident memory: %" PRId64 " bytes\nthreads: %d\n"
	              "descriptors: %d\nuptime: ",
	              kp_proc_self(), usage.resident_size, usage.threads, usage.descriptors);
	print_duration(&text, kp_clock_ns() - app->started_ns);
	kp_buf_append_byte(&text, '\n');
	return command_text(call, &text);
}

struct kp_str command_bid(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	char *program = NULL;
	if (kp_file_read_link("/proc/self/exe", &program) != KP_OK)
		return kp_call_format(call, "$%s, kipp " KP_VERSION_TEXT "$", app->name);
	struct kp_str text = kp_call_format(call, "$%s, kipp " KP_VERSION_TEXT "$ program %s",
	                                    app->name, program);
	kp_free(program);
	return text;
}
