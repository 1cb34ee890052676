// explain.c - which endpoints an object has, and why each is handed out or not.
#include "control/controller_internal.h"

#include "base/text.h"
#include "base/try.h"
#include "os/clock.h"

#include <inttypes.h>

// explaining is one answer being gathered.
struct explaining {
	struct kp_call *call;
	const struct registry_object *known; // NULL: the registry has no endpoints of it
	struct kp_str servant;               // "PayObj"
	struct kipp_EndpointView *views;
	size_t count;
	size_t count_max;
};

// is_listed looks for an endpoint among those that the registry hands out: it decides, not we.
static bool is_listed(const struct registry_object *known, struct kp_str host, int64_t port)
{
	for (size_t i = 0; known && i < known->active_count; i++)
		if (known->endpoints[i].port == port &&
		    kp_str_equal(known->endpoints[i].host, host))
			return true;
	return false;
}

// word_after finds the word behind an option of an endpoint's text.
static struct kp_str word_after(struct kp_str endpoint, const char *option)
{
	struct kp_str word;
	bool is_next = false;
	while (kp_str_split_next(&endpoint, ' ', &word)) {
		if (is_next && word.len > 0)
			return word;
		is_next = is_next || kp_str_equal(word, kp_str(option));
	}
	return (struct kp_str){0};
}

static bool offers(const struct kipp_Adapter *adapter, struct kp_str servant)
{
	struct kp_str rest = adapter->servant, name;
	while (kp_str_split_next(&rest, ' ', &name))
		if (kp_str_equal(name, servant))
			return true;
	return false;
}

// why_of says in a sentence what keeps an instance from serving, or that nothing does.
static struct kp_str why_of(struct kp_call *call, const struct instance *instance,
                            const struct kipp_InstanceView *view)
{
	static const char *const words[] = {
	        [kipp_State_Pending] = "it is assigned, and nothing is done yet",
	        [kipp_State_Fetching] = "its package is on its way",
	        [kipp_State_Starting] = "it is starting",
	        [kipp_State_Active] = "it serves",
	        [kipp_State_Stopping] = "it is stopping and only finishes what it has begun",
	        [kipp_State_Stopped] = "it is stopped by wish",
	        [kipp_State_Backoff] = "it ended by itself and waits to be started again",
	        [kipp_State_Failed] = "it cannot run",
	};
	const struct kipp_Status *status = &view->status;
	if (instance->node && !instance->node->is_alive)
		return kp_call_format(call, "node %s is silent for %" PRId64 " s",
		                      instance->node->name,
		                      (kp_clock_wall_ms() - instance->node->seen_ms) / 1000);
	bool is_wished = instance->is_running && view->instance.server.isRunning;
	if (status->state == kipp_State_Active && !is_wished)
		return kp_str("it is to stop");
	const char *text = (size_t)status->state < sizeof(words) / sizeof(*words)
	                           ? words[status->state]
	                           : "its state is unknown";
	bool is_told = status->reason.len > 0 && status->state != kipp_State_Active &&
	               status->state != kipp_State_Stopped;
	return kp_call_format(call, "%s%s%.*s", text, is_told ? ": " : "",
	                      is_told ? (int)status->reason.len : 0,
	                      is_told ? status->reason.ptr : "");
}

static kp_err add(struct explaining *e, struct kipp_EndpointView view)
{
	if (e->count == e->count_max) {
		size_t max = e->count_max ? 2 * e->count_max : 16;
		struct kipp_EndpointView *more = kp_call_alloc(e->call, max * sizeof(*more));
		if (!more)
			return KP_ERR_NOMEM;
		if (e->count)
			memcpy(more, e->views, e->count * sizeof(*more));
		e->views = more;
		e->count_max = max;
	}
	e->views[e->count++] = view;
	return KP_OK;
}

static kp_err add_adapter(struct explaining *e, struct kipp_EndpointView view,
                          const struct kipp_Adapter *adapter, bool is_up)
{
	int64_t port = 0;
	struct kp_str host = word_after(adapter->endpoint, "-h");
	(void)kp_str_i64(word_after(adapter->endpoint, "-p"), 0, 65535, &port);
	view.endpoint = adapter->endpoint;
	view.isListed = is_listed(e->known, host, port);
	if (adapter->suspended.len > 0)
		view.reason =
		        kp_call_format(e->call, "suspended: %.*s", KP_STR_ARG(adapter->suspended));
	bool is_good = is_up && adapter->suspended.len == 0;
	if (view.isListed && !is_good)
		view.reason = kp_call_format(e->call,
		                             "%.*s; listed all the same, for no other one "
		                             "serves",
		                             KP_STR_ARG(view.reason));
	return add(e, view);
}

static kp_err add_instance(struct explaining *e, const struct instance *instance)
{
	struct kipp_InstanceView what;
	KP_TRY(controller_view(e->call, instance, &what));
	struct kipp_EndpointView view;
	kipp_EndpointView_init(&view);
	view.instance = what.instance.id;
	view.node = what.node;
	view.state = what.status.state;
	view.reason = why_of(e->call, instance, &what);
	size_t before = e->count;
	for (size_t i = 0; i < what.status.adapters.len; i++)
		if (offers(&what.status.adapters.ptr[i], e->servant))
			KP_TRY(add_adapter(e, view, &what.status.adapters.ptr[i],
			                   instance_is_up(instance)));
	bool should_offer = false;
	for (size_t i = 0; i < what.instance.server.adapters.len; i++)
		should_offer =
		        should_offer || offers(&what.instance.server.adapters.ptr[i], e->servant);
	return e->count == before && should_offer ? add(e, view) : KP_OK;
}

// add_own lists an object of the platform itself, which no instance serves.
static kp_err add_own(struct explaining *e)
{
	for (size_t i = 0; i < e->known->count; i++) {
		const struct tars_EndpointF *at = &e->known->endpoints[i];
		struct kipp_EndpointView view;
		kipp_EndpointView_init(&view);
		view.node = at->nodeName;
		view.endpoint = kp_call_format(e->call, "tcp -h %.*s -p %d", KP_STR_ARG(at->host),
		                               at->port);
		view.isListed = i < e->known->active_count;
		view.state = kipp_State_Active;
		view.reason = kp_str("an object of the platform itself");
		KP_TRY(add(e, view));
	}
	return KP_OK;
}

static kp_err explain(struct explaining *e, struct kp_str object, struct kp_why *why)
{
	struct controller *controller = controller_of(e->call);
	KP_TRY(controller_ready(controller, why));
	size_t dot = object.ptr ? object.len : 0;
	while (dot > 0 && object.ptr[dot - 1] != '.')
		dot--;
	if (dot < 2 || dot == object.len)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "'%.*s' is not an object's name; it has three parts, as "
		                  "Demo.HelloServer.HelloObj",
		                  KP_STR_ARG(object));
	e->known = registry_find(&controller->registry, object);
	e->servant = kp_str_sub(object, dot, object.len);
	const struct server *server =
	        state_server(&controller->state, kp_str_sub(object, 0, dot - 1));
	for (size_t i = 0; server && i < server->instances.len; i++)
		KP_TRY(add_instance(e, server->instances.ptr[i]));
	if (!server && e->known)
		KP_TRY(add_own(e));
	if (e->count > 0)
		return KP_OK;
	if (!server)
		return kp_why_set(why, KP_ERR_NOTFOUND, "there is no server %.*s",
		                  (int)(dot ? dot - 1 : 0), object.ptr);
	return kp_why_set(why, KP_ERR_NOTFOUND, "no adapter of %s serves the object %.*s",
	                  server->name, KP_STR_ARG(e->servant));
}

int32_t controller_explain(struct kp_call *call, struct kp_str object,
                           struct kipp_EndpointView_list *ret_endpoints, bool *ret_is_held,
                           struct kp_str *ret_why)
{
	struct explaining e = {.call = call};
	struct kp_why why = {""};
	*ret_endpoints = (struct kipp_EndpointView_list){0};
	*ret_is_held = false;
	kp_err err = explain(&e, kp_str_sub(object, 0, kp_str_find(object, '#')), &why);
	if (err == KP_OK) {
		*ret_endpoints = (struct kipp_EndpointView_list){e.views, e.count};
		*ret_is_held = e.known && e.known->is_held;
	}
	return controller_answer(call, err, &why, ret_why);
}
