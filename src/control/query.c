// query.c - tars.tarsregistry.QueryObj: finding endpoints by name, answered from memory.
//
// Each answer echoes the request's context, because one SDK forgets its node's name otherwise
// (contract, rule 0.5). Functions of the paid edition answer as the reference does: subscriptions
// are accepted and do nothing, and a lock is never given, since two holders would be worse than
// none.
#include "control/controller_internal.h"

#include "rpc/call_internal.h"

static void echo_context(struct kp_call *call)
{
	struct kp_str key, value;
	size_t cursor = 0;
	while (kp_packet_map_next(&call->in.packet.context, &cursor, &key, &value))
		(void)kp_call_answer_context(call, key, value);
}

// registry_of is what every function starts with. A state that cannot be loaded answers from what
// the registry knew before.
static struct registry *registry_of(struct kp_call *call)
{
	struct controller *controller = controller_of(call);
	(void)controller_ready(controller, NULL);
	echo_context(call);
	return &controller->registry;
}

static int32_t give(struct registry_answer answer, struct tars_EndpointF_list *active,
                    struct tars_EndpointF_list *inactive)
{
	*active = answer.active;
	*inactive = answer.inactive;
	return answer.ret;
}

static struct tars_EndpointF_list find(struct kp_call *call, struct kp_str id)
{
	return registry_all(registry_of(call), id).active;
}

static int32_t find_all(struct kp_call *call, struct kp_str id, struct tars_EndpointF_list *active,
                        struct tars_EndpointF_list *inactive)
{
	return give(registry_all(registry_of(call), id), active, inactive);
}

static int32_t find_in_station(struct kp_call *call, struct kp_str id, struct kp_str station,
                               struct tars_EndpointF_list *active,
                               struct tars_EndpointF_list *inactive)
{
	return give(registry_in_station(registry_of(call), id, station), active, inactive);
}

static int32_t find_in_set(struct kp_call *call, struct kp_str id, struct kp_str set,
                           struct tars_EndpointF_list *active, struct tars_EndpointF_list *inactive)
{
	return give(registry_in_set(registry_of(call), id, set, kp_call_arena(call)), active,
	            inactive);
}

static int32_t find_nodes(struct kp_call *call, struct kp_str id, struct kp_str_list *nodes)
{
	*nodes = registry_nodes(registry_of(call), id, kp_call_arena(call));
	return 0;
}

static int32_t register_change(struct kp_call *call, struct kp_str_str_map versions,
                               struct kp_str name)
{
	echo_context(call);
	return 0;
}

static int32_t register_query(struct kp_call *call, struct kp_str id, struct kp_str name)
{
	echo_context(call);
	return 0;
}

static int32_t get_locker(struct kp_call *call, const struct tars_GetMasterSlaveLock *ask)
{
	echo_context(call);
	return -1;
}

const struct tars_QueryF_ops query_ops = {
        .findObjectById = find,
        .findObjectById4Any = find_all,
        .findObjectById4All = find_all,
        .findObjectByIdInSameGroup = find_all,
        .findObjectByIdInSameStation = find_in_station,
        .findObjectByIdInSameSet = find_in_set,
        .findObjectNodeName = find_nodes,
        .registerChange = register_change,
        .registerQuery = register_query,
        .getLocker = get_locker,
};
