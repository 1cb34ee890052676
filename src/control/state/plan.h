// plan.h - turns wishes into changes: deploy, remove, start, stop, restart, and where instances go.
//
// Planning reads the state and never moves it. A change without steps means that all is as wished
// already. Instances are spread: a new one goes to the node with the fewest instances of its
// server, then to the one with the fewest at all, then by name. One whose node is alive never
// moves.
#pragma once

#include "control/state/state.h"

// plan_deploy wants `spec` to be. An empty package keeps the one that the server has. INVALID and
// `why` name the field that is wrong.
kp_err plan_deploy(const struct state *state, const struct kipp_Server *spec, struct change *ret,
                   struct kp_why *why);

// plan_remove wants a server and all its instances gone. NOTFOUND.
kp_err plan_remove(const struct state *state, struct kp_str application, struct kp_str server,
                   struct change *ret, struct kp_why *why);

enum plan_verb {
	PLAN_START,
	PLAN_STOP,
	PLAN_RESTART,
};

// plan_run starts, stops or restarts what `target` names. NOTFOUND: nothing has that name.
kp_err plan_run(const struct state *state, enum plan_verb verb, struct kp_str target,
                struct change *ret, struct kp_why *why);

// plan_node makes a node known, or its new address.
kp_err plan_node(const struct state *state, const struct kipp_NodeInfo *info, struct change *ret,
                 struct kp_why *why);

// plan_place finds nodes for the instances that have none.
kp_err plan_place(const struct state *state, struct change *ret);

// plan_find lists the instances that `target` names, in the order of server and number.
struct instance_list {
	KP_VEC(struct instance *) all;
};
kp_err plan_find(const struct state *state, struct kp_str target, struct instance_list *ret,
                 struct kp_why *why);
void instance_list_fini(struct instance_list *list);
