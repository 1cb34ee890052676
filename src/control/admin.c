// admin.c - kipp.controller.AdminObj: what people ask for.
#include "control/controller_internal.h"

#include "base/try.h"
#include "control/state/names.h"
#include "control/state/spec.h"
#include "kipp/version.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdio.h>

// find_used makes a set of the packages that servers have.
static kp_err find_used(const struct state *state, struct kp_map *ret)
{
	size_t index = 0;
	void *value;
	while (kp_map_next(&state->servers, &index, NULL, &value)) {
		const struct blob *bytes = &((const struct server *)value)->spec;
		struct kp_arena arena = {0};
		struct kipp_Server spec;
		kp_err err = spec_decode((struct kp_bytes){bytes->ptr, bytes->len}, &arena, &spec);
		if (err == KP_OK)
			err = kp_map_set(ret, spec.package, value);
		kp_arena_fini(&arena);
		KP_TRY(err);
	}
	return KP_OK;
}

static void clean_packages(struct controller *controller, struct kp_str hash)
{
	struct kp_map used = {0};
	if (controller_ready(controller, NULL) == KP_OK &&
	    find_used(&controller->state, &used) == KP_OK)
		packages_clean(&controller->packages, &used, hash);
	kp_map_fini(&used);
}

static kp_err put(struct kp_call *call, struct kp_str hash, int64_t offset, struct kp_bytes part,
                  int64_t *ret_stored, struct kp_why *why)
{
	struct controller *controller = controller_of(call);
	bool is_new;
	KP_TRY(packages_put(&controller->packages, hash, offset, part, ret_stored, &is_new, why));
	if (!is_new)
		return KP_OK;
	char text[100];
	snprintf(text, sizeof(text), "a package of %" PRId64 " bytes was stored", *ret_stored);
	controller_note(controller, "package.stored", hash, text);
	controller_settle(controller);
	clean_packages(controller, hash);
	return KP_OK;
}

static int32_t put_package(struct kp_call *call, struct kp_str hash, int64_t offset,
                           struct kp_bytes part, int64_t *ret_stored, struct kp_str *ret_why)
{
	struct kp_why why = {""};
	kp_err err = put(call, hash, offset, part, ret_stored, &why);
	return controller_answer(call, err, &why, ret_why);
}

static int32_t has_package(struct kp_call *call, struct kp_str hash, bool *ret_is_there)
{
	*ret_is_there = packages_has(&controller_of(call)->packages, hash);
	return hash_is_valid(hash) ? kipp_Outcome_Done : kipp_Outcome_Invalid;
}

// give_ids hands out the ids of a change: copies, because the change ends before the answer does.
static kp_err give_ids(struct kp_call *call, const struct change *change, struct kp_str_list *ret)
{
	size_t count = change->instances.len;
	struct kp_str *ids = kp_call_alloc(call, (count ? count : 1) * sizeof(*ids));
	if (!ids)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		ids[i] = kp_call_str(call, change->instances.ptr[i]);
		if (!ids[i].ptr)
			return KP_ERR_NOMEM;
	}
	*ret = (struct kp_str_list){count ? ids : NULL, count};
	return KP_OK;
}

static kp_err check_package(const struct controller *controller, struct kp_str hash,
                            struct kp_why *why)
{
	if (!hash_is_valid(hash) || packages_has(&controller->packages, hash))
		return KP_OK; // a hash that is none is refused with the rest of the description
	return kp_why_set(why, KP_ERR_NOTFOUND,
	                  "the package %.12s... is not stored here: upload it first", hash.ptr);
}

static kp_err deploy_planned(struct kp_call *call, const struct kipp_Server *spec,
                             struct change *change, struct kp_str_list *ret, struct kp_why *why)
{
	struct controller *controller = controller_of(call);
	KP_TRY(controller_ready(controller, why));
	KP_TRY(check_package(controller, spec->package, why));
	KP_TRY(plan_deploy(&controller->state, spec, change, why));
	KP_TRY(give_ids(call, change, ret));
	char text[160];
	snprintf(text, sizeof(text), "deployed with %" PRId32 " instances, version \"%.*s\"",
	         spec->instances, KP_STR_ARG(spec->version));
	return controller_carry_out(controller, change, kp_call_peer(call), "server.deployed", text,
	                            why);
}

static int32_t deploy(struct kp_call *call, const struct kipp_Server *spec,
                      struct kp_str_list *ret_instances, struct kp_str *ret_why)
{
	struct kp_why why = {""};
	struct change change = {0};
	*ret_instances = (struct kp_str_list){0};
	kp_err err = deploy_planned(call, spec, &change, ret_instances, &why);
	change_fini(&change);
	return controller_answer(call, err, &why, ret_why);
}

static kp_err remove_planned(struct kp_call *call, struct kp_str application, struct kp_str server,
                             struct change *change, struct kp_why *why)
{
	struct controller *controller = controller_of(call);
	KP_TRY(controller_ready(controller, why));
	KP_TRY(plan_remove(&controller->state, application, server, change, why));
	KP_TRY(controller_carry_out(controller, change, kp_call_peer(call), "server.removed",
	                            "removed with all its instances", why));
	// Its routes go with it; were memory short for that, the state is loaded anew.
	if (registry_put(&controller->registry, change->subject, NULL, 0) != KP_OK)
		controller->is_stale = true;
	return KP_OK;
}

static int32_t remove_server(struct kp_call *call, struct kp_str application, struct kp_str server,
                             struct kp_str *ret_why)
{
	struct kp_why why = {""};
	struct change change = {0};
	kp_err err = remove_planned(call, application, server, &change, &why);
	change_fini(&change);
	return controller_answer(call, err, &why, ret_why);
}

static kp_err run_planned(struct kp_call *call, enum plan_verb verb, struct kp_str target,
                          struct change *change, struct kp_str_list *ret, struct kp_why *why)
{
	static const struct {
		const char *kind, *text;
	} rows[] = {
	        [PLAN_START] = {"server.started", "is to run"},
	        [PLAN_STOP] = {"server.stopped", "is to stop"},
	        [PLAN_RESTART] = {"server.restarted", "is to restart"},
	};
	struct controller *controller = controller_of(call);
	KP_TRY(controller_ready(controller, why));
	KP_TRY(plan_run(&controller->state, verb, target, change, why));
	KP_TRY(give_ids(call, change, ret));
	return controller_carry_out(controller, change, kp_call_peer(call), rows[verb].kind,
	                            rows[verb].text, why);
}

static int32_t run(struct kp_call *call, enum plan_verb verb, struct kp_str target,
                   struct kp_str_list *ret_instances, struct kp_str *ret_why)
{
	struct kp_why why = {""};
	struct change change = {0};
	*ret_instances = (struct kp_str_list){0};
	kp_err err = run_planned(call, verb, target, &change, ret_instances, &why);
	change_fini(&change);
	return controller_answer(call, err, &why, ret_why);
}

static int32_t start(struct kp_call *call, struct kp_str target, struct kp_str_list *ret_instances,
                     struct kp_str *ret_why)
{
	return run(call, PLAN_START, target, ret_instances, ret_why);
}

static int32_t stop(struct kp_call *call, struct kp_str target, struct kp_str_list *ret_instances,
                    struct kp_str *ret_why)
{
	return run(call, PLAN_STOP, target, ret_instances, ret_why);
}

static int32_t restart(struct kp_call *call, struct kp_str target,
                       struct kp_str_list *ret_instances, struct kp_str *ret_why)
{
	return run(call, PLAN_RESTART, target, ret_instances, ret_why);
}

static kp_err view_all(struct kp_call *call, const struct instance_list *found,
                       struct kipp_InstanceView_list *ret)
{
	size_t count = found->all.len;
	struct kipp_InstanceView *all = kp_call_alloc(call, (count ? count : 1) * sizeof(*all));
	if (!all)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		KP_TRY(controller_view(call, found->all.ptr[i], &all[i]));
	*ret = (struct kipp_InstanceView_list){count ? all : NULL, count};
	return KP_OK;
}

static int32_t list_instances(struct kp_call *call, struct kp_str target,
                              struct kipp_InstanceView_list *ret)
{
	struct controller *controller = controller_of(call);
	struct instance_list found = {0};
	*ret = (struct kipp_InstanceView_list){0};
	kp_err err = controller_ready(controller, NULL);
	if (err == KP_OK)
		err = plan_find(&controller->state, target, &found, NULL);
	if (err == KP_OK)
		err = view_all(call, &found, ret);
	instance_list_fini(&found);
	return controller_outcome(err);
}

static struct kipp_NodeInfo view_node(const struct node *node)
{
	struct kipp_NodeInfo info;
	kipp_NodeInfo_init(&info);
	info.name = kp_str(node->name);
	info.host = kp_str(node->host);
	info.endpoint = kp_str(node->endpoint);
	info.version = kp_str(node->version);
	info.isAlive = node->is_alive;
	info.seenMs = node->seen_ms;
	return info;
}

static int32_t list_nodes(struct kp_call *call, struct kipp_NodeInfo_list *ret)
{
	struct controller *controller = controller_of(call);
	*ret = (struct kipp_NodeInfo_list){0};
	if (controller_ready(controller, NULL) != KP_OK)
		return kipp_Outcome_Unavailable;
	const struct kp_map *nodes = &controller->state.nodes;
	struct kipp_NodeInfo *all = kp_call_alloc(call, (nodes->len + 1) * sizeof(*all));
	if (!all)
		return kipp_Outcome_Unavailable;
	size_t index = 0, count = 0;
	void *value;
	while (kp_map_next(nodes, &index, NULL, &value)) {
		struct kipp_NodeInfo info = view_node(value);
		size_t at = count++;
		for (; at > 0 && kp_str_compare(all[at - 1].name, info.name) > 0; at--)
			all[at] = all[at - 1];
		all[at] = info;
	}
	*ret = (struct kipp_NodeInfo_list){count ? all : NULL, count};
	return kipp_Outcome_Done;
}

// wait_for_events returns early, without events, when an instance's state changed: whoever watches
// events watches instances too.
static kp_err wait_for_events(struct controller *controller, int64_t after, int32_t wait_ms)
{
	if (controller->journal.event_number > after || wait_ms <= 0)
		return KP_OK;
	kp_err err =
	        kp_wait(kp_loop_current(), &controller->listeners, controller_deadline(wait_ms));
	return err == KP_ERR_TIMEOUT ? KP_OK : err;
}

static int32_t list_events(struct kp_call *call, int64_t after, int32_t wait_ms,
                           struct kipp_Event_list *ret)
{
	struct controller *controller = controller_of(call);
	*ret = (struct kipp_Event_list){0};
	kp_err err = KP_OK;
	if (after < 0) {
		int64_t count = after < -EVENTS_LISTED ? EVENTS_LISTED : -after;
		after = controller->journal.event_number - count;
	} else {
		if (after > controller->journal.event_number)
			after = 0; // a number of another store's, or of one that was put back
		err = wait_for_events(controller, after, wait_ms);
	}
	if (err == KP_OK)
		err = journal_list_events(&controller->journal, after, EVENTS_LISTED,
		                          kp_call_arena(call), ret, NULL);
	return controller_outcome(err);
}

static int32_t version(struct kp_call *call, struct kp_str *ret)
{
	*ret = kp_str(KP_VERSION_TEXT);
	return kipp_Outcome_Done;
}

const struct kipp_Admin_ops admin_ops = {
        .putPackage = put_package,
        .hasPackage = has_package,
        .deploy = deploy,
        .remove = remove_server,
        .start = start,
        .stop = stop,
        .restart = restart,
        .listInstances = list_instances,
        .listNodes = list_nodes,
        .listEvents = list_events,
        .version = version,
        .explain = controller_explain,
};
