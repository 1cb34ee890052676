// link.c - talking to the controller: hearing what should be, saying what is.
#include "base/mem.h"
#include "kipp/version.h"
#include "node/agent_internal.h"
#include "os/clock.h"

#include <stdio.h>

enum {
	WATCH_WAIT_MS = 10000,
	REPORT_MS = 1000,
	RETRY_MIN_MS = 100,
	RETRY_MAX_MS = 2000,
	EVENTS_AT_ONCE = 100,
};

static int64_t after_ms(const struct agent *agent, int64_t duration_ms)
{
	return kp_clock_ns() + duration_ms * KP_NS_PER_MS;
}

static struct kipp_Cluster *controller_of(struct agent *agent)
{
	return kipp_Cluster_proxy(agent->client, agent->controller);
}

// --- hearing

static kp_err watch_once(struct agent *agent, struct kp_call *call)
{
	int64_t revision = 0;
	struct kipp_Instance_list instances = {0};
	struct kp_str cluster = {0};
	int32_t ret = 0;
	struct kipp_Cluster *controller = controller_of(agent);
	if (!controller)
		return KP_ERR_NOMEM;
	kp_call_set_timeout(call, WATCH_WAIT_MS + 5000);
	kp_err err = kipp_Cluster_watch(controller, call, kp_str(agent->name), agent->revision,
	                                WATCH_WAIT_MS, &revision, &instances, &cluster, &ret);
	if (err == KP_OK && !agent_obeys(agent, cluster))
		return KP_ERR_STATE;
	if (err == KP_OK && ret != kipp_Outcome_Done)
		err = KP_ERR_SERVER;
	if (err != KP_OK || revision == agent->revision || agent->is_stopping ||
	    !agent->is_accepted)
		return err;
	// On disk first: what we do from here on, the next agent must know to be wished for.
	if (assignment_write(agent, revision, instances) != KP_OK)
		agent_note(agent, "node.assignment", kp_str(agent->name), 2,
		           "what the controller said cannot be kept on disk");
	return agent_assign(agent, revision, instances);
}

void agent_watch_main(void *arg)
{
	struct agent *agent = arg;
	int64_t retry_ms = RETRY_MIN_MS;
	struct kp_call *call;
	if (kp_call_open(agent->client, &call) != KP_OK)
		return;
	while (!agent->is_stopping) {
		// Until a report is taken, somebody else may be this node.
		if (!agent->is_accepted) {
			if (kp_wait(agent->loop, &agent->changed, after_ms(agent, RETRY_MAX_MS)) ==
			    KP_ERR_CANCELLED)
				break;
			continue;
		}
		kp_err err = watch_once(agent, call);
		kp_call_reset(call);
		if (err == KP_OK) {
			retry_ms = RETRY_MIN_MS;
			continue;
		}
		agent->is_recognised = false; // who answers next may be another
		if (kp_sleep_until(agent->loop, after_ms(agent, retry_ms)) != KP_OK)
			break;
		retry_ms = retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : retry_ms * 2;
	}
	kp_call_close(call);
}

// --- saying

static void node_info(const struct agent *agent, struct kipp_NodeInfo *ret)
{
	kipp_NodeInfo_init(ret);
	ret->name = kp_str(agent->name);
	ret->host = kp_str(agent->host);
	ret->endpoint = kp_str(agent_endpoint(agent));
	ret->version = kp_str(KP_VERSION_TEXT);
}

static struct kipp_Status_list statuses_of(struct agent *agent, struct kp_arena *arena)
{
	struct kipp_Status_list list = {0};
	list.ptr = kp_arena_alloc_zero(arena, agent->instances.len + 1, sizeof(*list.ptr));
	for (size_t i = 0; list.ptr && i < agent->instances.len; i++)
		if (!agent->instances.ptr[i]->is_over)
			instance_status(agent->instances.ptr[i], arena, &list.ptr[list.len++]);
	return list;
}

// recognise asks who is there, without a word of our own: a stranger must not count on this node.
static kp_err recognise(struct agent *agent, struct kp_call *call)
{
	int64_t revision = 0;
	struct kipp_Instance_list instances = {0};
	struct kp_str cluster = {0};
	int32_t ret = 0;
	struct kipp_Cluster *controller = controller_of(agent);
	if (!controller)
		return KP_ERR_NOMEM;
	kp_call_set_timeout(call, 3000);
	kp_err err = kipp_Cluster_watch(controller, call, kp_str(agent->name), 0, 0, &revision,
	                                &instances, &cluster, &ret);
	if (err == KP_OK)
		(void)agent_obeys(agent, cluster);
	kp_call_reset(call);
	return err;
}

static kp_err report_once(struct agent *agent, struct kp_call *call, struct kp_why *ret_why)
{
	struct kipp_NodeInfo node;
	struct kp_str why = {0};
	int32_t ret = 0;
	struct kipp_Cluster *controller = controller_of(agent);
	if (!controller)
		return KP_ERR_NOMEM;
	node_info(agent, &node);
	kp_call_set_timeout(call, 3000);
	agent->is_changed = false;
	kp_err err = kipp_Cluster_report(controller, call, &node, kp_str(agent->boot_id),
	                                 statuses_of(agent, kp_call_arena(call)), &why, &ret);
	if (err == KP_OK && ret != kipp_Outcome_Done)
		err = kp_why_set(ret_why, KP_ERR_SERVER, "the controller refuses this node: %.*s",
		                 KP_STR_ARG(why));
	bool was_accepted = agent->is_accepted;
	if (err == KP_OK || err == KP_ERR_SERVER)
		agent->is_accepted = err == KP_OK;
	if (agent->is_accepted && !was_accepted)
		kp_wake_all(&agent->changed);
	return err;
}

// say reports to the controller that is obeyed, once it is known to be that one.
static kp_err say(struct agent *agent, struct kp_call *call, struct kp_why *why)
{
	kp_err err = agent->is_recognised ? KP_OK : recognise(agent, call);
	if (err == KP_OK && agent->is_recognised)
		err = report_once(agent, call, why);
	if (err != KP_OK)
		agent->is_recognised = false;
	return err;
}

// send_events hands over the oldest events; those that no controller took are kept.
static kp_err send_events(struct agent *agent, struct kp_call *call)
{
	struct kipp_Event_list list = {0};
	struct kipp_Cluster *controller = controller_of(agent);
	int32_t ret = 0;
	size_t count = agent->events.len < EVENTS_AT_ONCE ? agent->events.len : EVENTS_AT_ONCE;
	if (count == 0)
		return KP_OK;
	list.ptr = kp_call_alloc(call, count * sizeof(*list.ptr));
	if (!controller || !list.ptr)
		return KP_ERR_NOMEM;
	for (; list.len < count; list.len++) {
		list.ptr[list.len] = agent->events.ptr[list.len].event;
		list.ptr[list.len].node = kp_str(agent->name);
	}
	int64_t first_ms = list.ptr[0].timeMs;
	const char *first_text = list.ptr[0].text.ptr;
	kp_err err = kipp_Cluster_addEvents(controller, call, list, &ret);
	if (err != KP_OK || ret != kipp_Outcome_Done)
		return err != KP_OK ? err : KP_ERR_SERVER;
	// Meanwhile the oldest may have been dropped for lack of room.
	if (agent->events.len >= count && agent->events.ptr[0].event.timeMs == first_ms &&
	    agent->events.ptr[0].event.text.ptr == first_text)
		agent_events_drop(agent, count);
	return KP_OK;
}

static void note_link(struct agent *agent, kp_err err, const struct kp_why *why)
{
	bool is_connected = err == KP_OK;
	bool is_news = agent->is_connected != is_connected || !agent->is_link_told;
	if (!is_news || err == KP_ERR_CANCELLED)
		return;
	agent->is_connected = is_connected;
	agent->is_link_told = true;
	char text[640];
	snprintf(text, sizeof(text), "%s%s; what runs goes on",
	         why->text[0] ? "" : "no controller answers: ",
	         why->text[0] ? why->text : kp_err_text(err));
	agent_note(agent, is_connected ? "node.connected" : "node.disconnected",
	           kp_str(agent->name), is_connected ? 0 : 1,
	           is_connected ? "the controller answers" : text);
}

void agent_report_main(void *arg)
{
	struct agent *agent = arg;
	struct kp_call *call;
	kp_err err = kp_call_open(agent->client, &call);
	if (err != KP_OK)
		return;
	while (err != KP_ERR_CANCELLED) {
		struct kp_why why = {0};
		err = say(agent, call, &why);
		note_link(agent, err, &why);
		if (err == KP_OK)
			err = send_events(agent, call);
		kp_call_reset(call);
		int64_t next_ns = after_ms(agent, REPORT_MS);
		// After a failure every change would only fail again: the clock alone counts.
		while (err != KP_ERR_CANCELLED && kp_clock_ns() < next_ns &&
		       (!agent->is_changed || err != KP_OK)) {
			if (kp_wait(agent->loop, &agent->changed, next_ns) == KP_ERR_CANCELLED)
				err = KP_ERR_CANCELLED;
		}
	}
	kp_call_close(call);
}
