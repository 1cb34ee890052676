// view.c - the state as people and agents are shown it.
#include "control/controller_internal.h"

#include "base/try.h"
#include "control/state/spec.h"

kp_err controller_instance(struct kp_call *call, const struct instance *instance,
                           struct kipp_Instance *ret)
{
	const struct blob *spec = &instance->server->spec;
	kipp_Instance_init(ret);
	ret->id = kp_str(instance->id);
	ret->number = instance->number;
	ret->isRunning = instance->is_running;
	ret->restartCount = instance->restart_count;
	return spec_decode((struct kp_bytes){spec->ptr, spec->len}, kp_call_arena(call),
	                   &ret->server);
}

static kp_err fill_status(struct kp_call *call, const struct instance *instance,
                          struct kipp_Status *ret)
{
	kipp_Status_init(ret);
	ret->id = kp_str(instance->id);
	ret->state = kipp_State_Pending;
	if (instance->status.len == 0) {
		ret->reason = instance->node ? kp_str("its node has not said anything of it yet")
		                             : kp_str("no node is there to run it");
		return KP_OK;
	}
	struct kp_decoder in = kp_decoder(
	        (struct kp_bytes){instance->status.ptr, instance->status.len}, kp_call_arena(call));
	if (kipp_Status_decode(&in, 0, KP_REQUIRED, ret))
		return KP_OK;
	return in.err;
}

static bool can_be_lost(enum kipp_State state)
{
	return state != kipp_State_Stopped && state != kipp_State_Failed;
}

kp_err controller_view(struct kp_call *call, const struct instance *instance,
                       struct kipp_InstanceView *ret)
{
	kipp_InstanceView_init(ret);
	KP_TRY(controller_instance(call, instance, &ret->instance));
	KP_TRY(fill_status(call, instance, &ret->status));
	const struct node *node = instance->node;
	if (!node)
		return KP_OK;
	ret->node = kp_str(node->name);
	ret->agent = kp_str(node->endpoint);
	if (node->is_alive || !can_be_lost(ret->status.state))
		return KP_OK;
	ret->status.state = kipp_State_Lost;
	ret->status.reason = kp_call_format(call, "node %s is silent", node->name);
	return KP_OK;
}
