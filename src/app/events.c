// events.c - what the server's guard does becomes log lines, and word to the agent: bans, adapters
// that stop taking calls and take them again.
#include "app/app_internal.h"

#include "interfaces/node.h"
#include "kipp/limits.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/wait.h"
#include "rpc/background.h"

#include <stdio.h>

enum {
	LOOK_MS = 50,
	ANSWER_MS = 1000,
	LINES_MAX = 10, // of one kind in a second
};

// teller is the fiber that tells.
struct teller {
	struct kp_app *app;
	struct kp_call *call;
	bool is_agent_old; // it does not know what we tell
	int64_t second_ns;
	int lines;
};

static void fill_info(const struct kp_app *app, const char *adapter, struct tars_ServerInfo *ret)
{
	tars_ServerInfo_init(ret);
	ret->application = app->application;
	ret->serverName = app->server_name;
	ret->pid = kp_proc_self();
	ret->adapter = kp_str(adapter);
}

// name_of names an adapter as the configuration does.
static const char *name_of(const struct kp_app *app, int adapter)
{
	for (size_t i = 0; i < app->adapters.len; i++)
		if (app->adapters.ptr[i].index == adapter)
			return app->adapters.ptr[i].name;
	return "";
}

static void tell_event(struct teller *teller, const struct kp_server_event *event)
{
	struct tars_ServerInfo info;
	int32_t ret;
	if (teller->is_agent_old || !teller->app->node)
		return;
	fill_info(teller->app, name_of(teller->app, event->adapter), &info);
	struct kp_str what = kp_str(event->kind == KP_EVENT_BAN ? "ban" : "held");
	kp_err err = tars_ServerF_reportEvent(teller->app->node, teller->call, &info, what, 1,
	                                      kp_str(event->text), &ret);
	teller->is_agent_old = err == KP_ERR_NOFUNC;
	kp_call_reset(teller->call);
}

// may_log keeps an attack from filling the log.
static bool may_log(struct teller *teller, int64_t now_ns)
{
	if (now_ns - teller->second_ns >= KP_NS_PER_S) {
		teller->second_ns = now_ns;
		teller->lines = 0;
	}
	return teller->lines++ < LINES_MAX;
}

static void set_state(struct kp_app *app, const struct kp_server_event *event)
{
	for (size_t i = 0; i < app->adapters.len; i++) {
		struct opened_adapter *adapter = &app->adapters.ptr[i];
		if (adapter->index != event->adapter)
			continue;
		adapter->is_suspended = event->kind == KP_EVENT_SUSPEND;
		adapter->is_told = false;
		snprintf(adapter->reason, sizeof(adapter->reason), "%s", event->text);
	}
}

static void take_events(struct teller *teller)
{
	struct kp_app *app = teller->app;
	struct kp_server_event event;
	while (kp_server_next_event(app->server, &event)) {
		bool is_ban = event.kind == KP_EVENT_BAN;
		bool is_state = event.kind == KP_EVENT_SUSPEND || event.kind == KP_EVENT_RESUME;
		if (is_state || may_log(teller, kp_clock_ns()))
			kp_app_log(app, event.kind == KP_EVENT_RESUME ? KP_LOG_INFO : KP_LOG_WARN,
			           "%s%s%s", is_ban ? "" : name_of(app, event.adapter),
			           is_ban ? "" : ": ", event.text);
		if (is_state)
			set_state(app, &event);
		else
			tell_event(teller, &event);
	}
}

// tell_states tells the agent what it has not heard, and again each second what still lasts: it may
// be another agent by then.
static void tell_states(struct teller *teller, bool is_due)
{
	struct kp_app *app = teller->app;
	for (size_t i = 0; i < app->adapters.len; i++) {
		struct opened_adapter *adapter = &app->adapters.ptr[i];
		struct tars_ServerInfo info;
		int32_t ret;
		if (adapter->is_told && !(adapter->is_suspended && is_due))
			continue;
		if (teller->is_agent_old || !app->node)
			return;
		fill_info(app, adapter->name, &info);
		bool is_suspended = adapter->is_suspended;
		kp_err err = tars_ServerF_reportAdapter(app->node, teller->call, &info,
		                                        kp_str(is_suspended ? adapter->reason : ""),
		                                        &ret);
		teller->is_agent_old = err == KP_ERR_NOFUNC;
		adapter->is_told = err == KP_OK && is_suspended == adapter->is_suspended;
		kp_call_reset(teller->call);
	}
}

static void tell_main(void *arg)
{
	struct teller teller = {.app = arg};
	struct kp_loop *loop = kp_loop_current();
	int64_t due_ns = 0;
	if (kp_call_open(teller.app->client, &teller.call) != KP_OK)
		return;
	kp_call_set_timeout(teller.call, ANSWER_MS);
	do {
		int64_t now_ns = kp_clock_ns();
		bool is_due = now_ns >= due_ns;
		if (is_due)
			due_ns = now_ns + KP_NS_PER_S;
		take_events(&teller);
		tell_states(&teller, is_due);
	} while (kp_sleep_until(loop, kp_clock_ns() + LOOK_MS * KP_NS_PER_MS) == KP_OK);
	kp_call_close(teller.call);
}

kp_err app_events_start(struct kp_app *app)
{
	for (size_t i = 0; i < app->adapters.len; i++)
		app->adapters.ptr[i].is_told = true; // nothing is suspended yet
	return kp_server_spawn(app->admin, tell_main, app);
}
