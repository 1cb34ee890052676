// cluster.c - kipp.controller.NodeObj: what agents say and ask.
#include "control/controller_internal.h"

#include "base/try.h"
#include "os/clock.h"

enum {
	EVENT_TEXT_MAX = 4096,
	BOOT_ID_MAX = 128,
};

static struct kp_str cut(struct kp_str text, size_t len_max)
{
	return text.len > len_max ? kp_str_sub(text, 0, len_max) : text;
}

static kp_err know_node(struct controller *controller, struct kp_call *call,
                        const struct kipp_NodeInfo *info, struct kp_why *why)
{
	struct change change = {0};
	bool is_known = state_node(&controller->state, info->name) != NULL;
	kp_err err = plan_node(&controller->state, info, &change, why);
	if (err == KP_OK)
		err = controller_carry_out(controller, &change, kp_call_peer(call),
		                           is_known ? "node.changed" : "node.joined",
		                           is_known ? "the node has a new address or version"
		                                    : "the node joined",
		                           why);
	change_fini(&change);
	return err;
}

static kp_err place_waiting(struct controller *controller, struct kp_call *call, struct kp_why *why)
{
	struct change change = {0};
	kp_err err = plan_place(&controller->state, &change);
	if (err == KP_OK) {
		change.subject = kp_str("instances");
		err = controller_carry_out(controller, &change, kp_call_peer(call),
		                           "instances.placed",
		                           "instances that waited for a node have one", why);
	}
	change_fini(&change);
	return err;
}

static kp_err take_report(struct controller *controller, struct kp_call *call,
                          const struct kipp_NodeInfo *node, struct kp_str boot_id,
                          struct kipp_Status_list statuses, struct kp_why *why)
{
	KP_TRY(controller_ready(controller, why));
	if (boot_id.len == 0 || boot_id.len > BOOT_ID_MAX)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "a report needs a boot id, of at most %d bytes", BOOT_ID_MAX);
	if (statuses.len > STATUSES_REPORTED)
		return kp_why_set(why, KP_ERR_INVALID, "%zu statuses are more than %d",
		                  statuses.len, STATUSES_REPORTED);
	if (state_refuse(&controller->state, node, boot_id)) {
		controller_settle(controller);
		return kp_why_set(why, KP_ERR_CONFLICT,
		                  "the agent at %s is the node %.*s already: start this one with "
		                  "another --node",
		                  state_node(&controller->state, node->name)->endpoint,
		                  KP_STR_ARG(node->name));
	}
	KP_TRY(know_node(controller, call, node, why));
	KP_TRY(controller_ready(controller, why));
	KP_TRY(state_report(&controller->state, node->name, boot_id, statuses.ptr, statuses.len,
	                    kp_clock_ns(), kp_clock_wall_ms()));
	controller_settle(controller);
	return place_waiting(controller, call, why);
}

static int32_t report(struct kp_call *call, const struct kipp_NodeInfo *node, struct kp_str boot_id,
                      struct kipp_Status_list statuses, struct kp_str *ret_why)
{
	struct kp_why why = {""};
	kp_err err = take_report(controller_of(call), call, node, boot_id, statuses, &why);
	return controller_answer(call, err, &why, ret_why);
}

// No node has revision 0, and one that is not known has nothing to run yet.
static int64_t revision_of(const struct controller *controller, struct kp_str name)
{
	const struct node *node = state_node(&controller->state, name);
	return node ? node_revision(node) : 0;
}

static kp_err list_instances(struct kp_call *call, const struct node *node,
                             struct kipp_Instance_list *ret)
{
	size_t count = node->instances.len;
	struct kipp_Instance *all = kp_call_alloc(call, (count ? count : 1) * sizeof(*all));
	if (!all)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		KP_TRY(controller_instance(call, node->instances.ptr[i], &all[i]));
	*ret = (struct kipp_Instance_list){count ? all : NULL, count};
	return KP_OK;
}

// The whole list is given at the end of the wait too, so that an answer never has to be told from
// "nothing is to run".
static int32_t watch(struct kp_call *call, struct kp_str name, int64_t revision, int32_t wait_ms,
                     int64_t *ret_revision, struct kipp_Instance_list *ret_instances,
                     struct kp_str *ret_cluster)
{
	struct controller *controller = controller_of(call);
	*ret_cluster = kp_str(controller->journal.cluster);
	const int64_t deadline_ns = controller_deadline(wait_ms);
	*ret_revision = revision;
	*ret_instances = (struct kipp_Instance_list){0};
	kp_err err = controller_ready(controller, NULL);
	while (err == KP_OK &&
	       (revision_of(controller, name) == revision || revision_of(controller, name) == 0)) {
		err = kp_wait(kp_loop_current(), &controller->watchers, deadline_ns);
		if (err == KP_OK)
			err = controller_ready(controller, NULL);
	}
	if (err != KP_OK && err != KP_ERR_TIMEOUT)
		return controller_outcome(err);
	const struct node *node = state_node(&controller->state, name);
	if (!node)
		return kipp_Outcome_NotFound;
	if (list_instances(call, node, ret_instances) != KP_OK)
		return kipp_Outcome_Unavailable;
	*ret_revision = node_revision(node);
	return kipp_Outcome_Done;
}

static kp_err read_package(struct kp_call *call, struct kp_str hash, int64_t offset,
                           struct kp_bytes *ret_part, int64_t *ret_size, struct kp_why *why)
{
	struct kp_buf out = {0};
	int64_t size = 0;
	kp_err err = packages_read(&controller_of(call)->packages, hash, offset, &out, &size, why);
	uint8_t *part = err == KP_OK && out.len ? kp_call_alloc(call, out.len) : NULL;
	if (part)
		memcpy(part, out.data, out.len);
	if (err == KP_OK && out.len && !part)
		err = KP_ERR_NOMEM;
	if (err == KP_OK) {
		*ret_part = (struct kp_bytes){part, out.len};
		*ret_size = size;
	}
	kp_buf_fini(&out);
	return err;
}

static int32_t get_package(struct kp_call *call, struct kp_str hash, int64_t offset,
                           struct kp_bytes *ret_part, int64_t *ret_size, struct kp_str *ret_why)
{
	struct kp_why why = {""};
	*ret_part = (struct kp_bytes){0};
	*ret_size = 0;
	kp_err err = read_package(call, hash, offset, ret_part, ret_size, &why);
	return controller_answer(call, err, &why, ret_why);
}

static int32_t add_events(struct kp_call *call, struct kipp_Event_list events)
{
	struct controller *controller = controller_of(call);
	if (events.len > EVENTS_ADDED)
		return kipp_Outcome_Invalid;
	for (size_t i = 0; i < events.len; i++) {
		struct kipp_Event *event = &events.ptr[i];
		event->kind = cut(event->kind, 64);
		event->subject = cut(event->subject, 256);
		event->node = cut(event->node, 256);
		event->text = cut(event->text, EVENT_TEXT_MAX);
	}
	kp_err err = journal_add_events(&controller->journal, events.ptr, events.len, NULL);
	if (err == KP_OK && events.len)
		controller_wake_listeners(controller);
	return controller_outcome(err);
}

const struct kipp_Cluster_ops cluster_ops = {
        .report = report,
        .watch = watch,
        .getPackage = get_package,
        .addEvents = add_events,
};
