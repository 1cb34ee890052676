// controller.c - opening, starting and stopping; the tick; carrying out changes.
#include "control/controller_internal.h"

#include "base/try.h"
#include "control/routes.h"
#include "os/clock.h"
#include "os/file.h"
#include "rpc/server_internal.h"
#include "tars/endpoint.h"

#include <stdio.h>

enum {
	TICK_MS = 1000,
	STOP_GRACE_MS = 3000,
	NOTICES_MAX = 1000, // kept while the store cannot take them
};

static const char endpoint_default[] = "tcp -h 0.0.0.0 -p 17890 -t 60000";

struct controller *controller_of(const struct kp_call *call)
{
	return kp_call_user(call);
}

// --- what the registry says of the framework itself

static kp_err put_own_objects(struct controller *controller)
{
	static const struct {
		const char *server, *object;
	} rows[] = {
	        {"kipp.controller", "kipp.controller.AdminObj"},
	        {"kipp.controller", "kipp.controller.NodeObj"},
	        {"tars.tarsregistry", "tars.tarsregistry.QueryObj"},
	};
	const size_t count = sizeof(rows) / sizeof(*rows);
	struct route_list routes = {0};
	kp_err err = KP_OK;
	for (size_t i = 0; i < count && err == KP_OK; i++) {
		err = routes_of_endpoint(kp_str(rows[i].object),
		                         kp_str(controller_endpoint(controller)),
		                         kp_str(controller->host), kp_str(""), true, &routes);
		bool is_last = i + 1 == count || strcmp(rows[i].server, rows[i + 1].server) != 0;
		if (err != KP_OK || !is_last)
			continue;
		err = registry_put(&controller->registry, kp_str(rows[i].server), routes.all.ptr,
		                   routes.all.len);
		routes.all.len = 0;
	}
	kp_vec_fini(&routes.all);
	return err;
}

static kp_err put_agents(struct controller *controller)
{
	struct route_list routes = {0};
	kp_err err = KP_OK;
	size_t index = 0;
	void *value;
	while (err == KP_OK && kp_map_next(&controller->state.nodes, &index, NULL, &value)) {
		const struct node *node = value;
		err = routes_of_endpoint(kp_str("kipp.node.AgentObj"), kp_str(node->endpoint),
		                         kp_str(node->host), kp_str(node->name), node->is_alive,
		                         &routes);
	}
	if (err == KP_OK)
		err = registry_put(&controller->registry, kp_str("kipp.node"), routes.all.ptr,
		                   routes.all.len);
	kp_vec_fini(&routes.all);
	return err;
}

static kp_err refresh(struct controller *controller)
{
	KP_TRY(routes_refresh(&controller->state, &controller->registry));
	if (controller->state.has_new_nodes)
		KP_TRY(put_agents(controller));
	controller->state.has_new_nodes = false;
	return KP_OK;
}

// --- loading

static kp_err load(struct controller *controller, struct kp_why *why)
{
	state_fini(&controller->state);
	state_init(&controller->state);
	registry_fini(&controller->registry);
	controller->registry = (struct registry){0};
	KP_TRY(journal_load(&controller->journal, &controller->state, kp_clock_ns(), why));
	if (put_own_objects(controller) != KP_OK || refresh(controller) != KP_OK)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	return KP_OK;
}

kp_err controller_ready(struct controller *controller, struct kp_why *why)
{
	if (!controller->is_stale)
		return KP_OK;
	KP_TRY(load(controller, why));
	controller->is_stale = false;
	return KP_OK;
}

// --- news

void controller_wake_listeners(struct controller *controller)
{
	kp_wake_all(&controller->listeners);
}

static struct kipp_Event event_of(const struct notice *notice, int64_t now_ms)
{
	struct kipp_Event event;
	kipp_Event_init(&event);
	event.timeMs = now_ms;
	event.kind = kp_str(notice->kind);
	event.subject = kp_str(notice->subject);
	event.text = kp_str(notice->text);
	event.node = kp_str(notice->node);
	event.level = notice->level;
	return event;
}

// publish makes events of the notices. When the store cannot take them they wait for the next time.
static void publish(struct controller *controller)
{
	struct state *state = &controller->state;
	if (state->notices.len == 0)
		return;
	struct kipp_Event *events = kp_alloc_zero(state->notices.len, sizeof(*events));
	int64_t now_ms = kp_clock_wall_ms();
	for (size_t i = 0; events && i < state->notices.len; i++)
		events[i] = event_of(&state->notices.ptr[i], now_ms);
	bool is_kept = events && journal_add_events(&controller->journal, events,
	                                            state->notices.len, NULL) == KP_OK;
	kp_free(events);
	if (is_kept || state->notices.len > NOTICES_MAX)
		state_clear_notices(state);
	if (is_kept)
		controller_wake_listeners(controller);
}

// What cannot be done for want of memory is done at the next tick: the servers stay marked as
// changed.
void controller_settle(struct controller *controller)
{
	const struct state *state = &controller->state;
	bool is_changed = !kp_list_is_empty(&state->changed) || state->has_new_nodes;
	if (is_changed)
		(void)refresh(controller);
	publish(controller);
	if (is_changed)
		controller_wake_listeners(controller);
}

void controller_note(struct controller *controller, const char *kind, struct kp_str subject,
                     const char *text)
{
	// An event that is lost for want of memory is better than an answer that is.
	(void)state_notice(&controller->state, kind, subject, kp_str(""), 0, "%s", text);
}

// --- changes

kp_err controller_carry_out(struct controller *controller, struct change *change, struct kp_str who,
                            const char *kind, const char *text, struct kp_why *why)
{
	if (change->steps.len == 0)
		return KP_OK;
	KP_TRY(journal_write(&controller->journal, change, who, kp_clock_wall_ms(), why));
	kp_err err = state_apply(&controller->state, change->steps.ptr, change->steps.len,
	                         kp_clock_ns());
	if (err == KP_OK)
		controller_note(controller, kind, change->subject, text);
	else
		controller->is_stale =
		        true; // it is in the store: the next call reads it from there
	controller_settle(controller);
	kp_wake_all(&controller->watchers);
	return KP_OK;
}

int64_t controller_deadline(int32_t wait_ms)
{
	int64_t bounded = wait_ms < 0 ? 0 : wait_ms > WAIT_MS_MAX ? WAIT_MS_MAX : wait_ms;
	return kp_clock_ns() + bounded * KP_NS_PER_MS;
}

// --- answers

enum kipp_Outcome controller_outcome(kp_err err)
{
	switch (err) {
	case KP_OK:
		return kipp_Outcome_Done;
	case KP_ERR_INVALID:
	case KP_ERR_LIMIT:
		return kipp_Outcome_Invalid;
	case KP_ERR_NOTFOUND:
		return kipp_Outcome_NotFound;
	case KP_ERR_DENIED:
		return kipp_Outcome_Denied;
	case KP_ERR_CONFLICT:
	case KP_ERR_EXISTS:
	case KP_ERR_STATE:
		return kipp_Outcome_Conflict;
	case KP_ERR_NOMEM:
	case KP_ERR_BUSY:
	case KP_ERR_TIMEOUT:
	case KP_ERR_CANCELLED:
		return kipp_Outcome_Unavailable;
	default:
		return kipp_Outcome_Failed;
	}
}

int32_t controller_answer(struct kp_call *call, kp_err err, const struct kp_why *why,
                          struct kp_str *ret_why)
{
	const char *text = why->text[0] ? why->text : kp_err_text(err);
	*ret_why = err == KP_OK ? kp_str("") : kp_call_str(call, kp_str(text));
	return controller_outcome(err);
}

// --- the tick

static void on_tick(struct kp_timer *timer)
{
	struct controller *controller = KP_CONTAINER(timer, struct controller, tick);
	int64_t now_ns = kp_clock_ns();
	if (controller_ready(controller, NULL) == KP_OK) {
		(void)state_tick(&controller->state, now_ns);
		(void)journal_save_statuses(&controller->journal, &controller->state, NULL);
		controller_settle(controller);
	}
	// Its place in the loop's heap was made when it first started.
	(void)kp_timer_start(controller->loop, timer, now_ns + TICK_MS * (int64_t)KP_NS_PER_MS);
}

static void on_start(struct kp_task *task)
{
	struct controller *controller = KP_CONTAINER(task, struct controller, start_task);
	controller->tick.on_timer = on_tick;
	on_tick(&controller->tick);
}

// --- life

static kp_err set_host(struct controller *controller, const struct controller_options *options)
{
	struct kp_endpoint endpoint;
	struct kp_str host = kp_str("127.0.0.1");
	if (options->host)
		host = kp_str(options->host);
	else if (kp_endpoint_parse(kp_str(controller_endpoint(controller)), &endpoint, NULL) ==
	                 KP_OK &&
	         !kp_str_equal(endpoint.host, kp_str("0.0.0.0")) &&
	         !kp_str_equal(endpoint.host, kp_str("::")))
		host = endpoint.host;
	controller->host = kp_strndup(host.ptr, host.len);
	return controller->host ? KP_OK : KP_ERR_NOMEM;
}

static kp_err open_server(struct controller *controller, const struct controller_options *options,
                          struct kp_why *why)
{
	const struct kp_server_options server = {
	        .threads = 1,
	        .application = "kipp",
	        .server = "controller",
	};
	const struct kp_adapter_options adapter = {
	        .name = "ControllerAdapter",
	        .endpoint = options->endpoint ? options->endpoint : endpoint_default,
	        .frame_size_max = PACKAGE_PART_MAX + (2 << 20),
	};
	KP_TRY(kp_server_open(&server, &controller->server, why));
	KP_TRY(kp_server_listen(controller->server, &adapter, &controller->adapter, why));
	const struct {
		const char *name;
		const struct kp_interface *interface;
		const void *ops;
	} servants[] = {
	        {"kipp.controller.AdminObj", &kipp_Admin_interface, &admin_ops},
	        {"kipp.controller.NodeObj", &kipp_Cluster_interface, &cluster_ops},
	        {"tars.tarsregistry.QueryObj", &tars_QueryF_interface, &query_ops},
	};
	for (size_t i = 0; i < sizeof(servants) / sizeof(*servants); i++)
		if (kp_server_serve(controller->server, controller->adapter, servants[i].name,
		                    servants[i].interface, servants[i].ops, controller) != KP_OK)
			return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	return KP_OK;
}

static kp_err open_all(struct controller *controller, const struct controller_options *options,
                       struct kp_why *why)
{
	KP_TRY(kp_file_make_dirs(options->data_dir, 0755, why));
	KP_TRY(journal_open(options->data_dir, &controller->journal, why));
	KP_TRY(packages_open(options->data_dir, &controller->packages, why));
	KP_TRY(open_server(controller, options, why));
	if (set_host(controller, options) != KP_OK)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	KP_TRY(load(controller, why));
	controller_note(controller, "controller.started", kp_str("controller"),
	                "the controller started");
	return KP_OK;
}

kp_err controller_open(const struct controller_options *options, struct controller **ret,
                       struct kp_why *why)
{
	struct controller *controller = kp_new(struct controller);
	if (!controller)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	state_init(&controller->state);
	kp_wait_list_init(&controller->watchers);
	kp_wait_list_init(&controller->listeners);
	kp_err err = open_all(controller, options, why);
	if (err != KP_OK) {
		controller_close(controller);
		return err;
	}
	*ret = controller;
	return KP_OK;
}

kp_err controller_start(struct controller *controller, struct kp_why *why)
{
	if (kp_server_start(controller->server) != KP_OK)
		return kp_why_set(why, KP_ERR_LIMIT, "the controller's thread cannot be started");
	controller->is_running = true;
	controller->loop = controller->server->loops[0].loop;
	controller->start_task.run = on_start;
	kp_loop_post(controller->loop, &controller->start_task);
	return KP_OK;
}

void controller_stop(struct controller *controller)
{
	if (!controller->is_running)
		return;
	kp_server_stop(controller->server, STOP_GRACE_MS);
	kp_timer_stop(&controller->tick);
	controller->is_running = false;
	if (controller->is_stale)
		return;
	(void)journal_save_statuses(&controller->journal, &controller->state, NULL);
	publish(controller);
}

void controller_close(struct controller *controller)
{
	if (!controller)
		return;
	controller_stop(controller);
	kp_server_close(controller->server);
	registry_fini(&controller->registry);
	state_fini(&controller->state);
	packages_close(&controller->packages);
	journal_close(&controller->journal);
	kp_free(controller->host);
	kp_free(controller);
}

const char *controller_endpoint(const struct controller *controller)
{
	return kp_server_endpoint(controller->server, controller->adapter);
}
