// admin.c - the agent's side of a server: AdminObj, and word to the agent that we live.
//
// It has a thread of its own, so that a handler that holds a loop does not make the server look
// dead.
#include "app/command.h"

#include "base/text.h"
#include "base/try.h"
#include "interfaces/admin.h"
#include "interfaces/node.h"
#include "kipp/version.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/wait.h"
#include "rpc/background.h"

static const int64_t beat_ns = KP_NS_PER_S;

// --- commands: contract F.9

static void on_shutdown(struct kp_call *call)
{
	kp_app_stop(kp_call_user(call));
}

static int64_t on_get_pid(struct kp_call *call)
{
	return kp_proc_self();
}

static struct kp_str on_notify(struct kp_call *call, struct kp_str line)
{
	return command_run(call, kp_call_user(call), line);
}

static const struct tars_AdminF_ops ops = {
        .shutdown = on_shutdown,
        .notify = on_notify,
        .getPid = on_get_pid,
};

// --- heartbeats: contract F.8

static void beat(void *arg)
{
	struct kp_app *app = arg;
	struct kp_loop *loop = kp_loop_current();
	struct tars_ServerInfo info = {
	        .application = app->application,
	        .serverName = app->server_name,
	        .pid = kp_proc_self(),
	};
	(void)tars_ServerF_reportVersion_oneway(app->node, app->application, app->server_name,
	                                        kp_str("kipp " KP_VERSION_TEXT));
	do
		(void)tars_ServerF_keepAlive_oneway(app->node, &info);
	while (kp_sleep_until(loop, kp_clock_ns() + beat_ns) == KP_OK);
}

kp_err app_admin_open(struct kp_app *app, struct kp_why *why)
{
	KP_TRY(kp_server_open(&(struct kp_server_options){.threads = 1}, &app->admin, why));
	struct kp_str node = kp_app_config(app, "/tars/application/server<node>");
	if (node.len > 0) {
		struct kp_str text = kp_arena_str(app->arena, node);
		app->node = text.ptr ? tars_ServerF_proxy(app->client, text.ptr) : NULL;
		if (!app->node)
			return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	}
	struct kp_str local =
	        kp_arena_str(app->arena, kp_app_config(app, "/tars/application/server<local>"));
	if (local.len == 0)
		return KP_OK;
	int adapter;
	KP_TRY(kp_server_listen(app->admin, &(struct kp_adapter_options){.endpoint = local.ptr},
	                        &adapter, why));
	return kp_server_serve(app->admin, adapter, "AdminObj", &tars_AdminF_interface, &ops, app);
}

kp_err app_admin_start(struct kp_app *app)
{
	KP_TRY(kp_server_start(app->admin));
	KP_TRY(app_events_start(app));
	return app->node ? kp_server_spawn(app->admin, beat, app) : KP_OK;
}
