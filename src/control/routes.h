// routes.h - what the registry says of a server, from what its instances report.
#pragma once

#include "control/registry/registry.h"
#include "control/state/state.h"

struct route_list {
	KP_VEC(struct route) all;
};

// routes_of_server lists the endpoints of a server's instances. Texts live in the state or in the
// arena. An adapter that listens everywhere is reached at its node's host.
kp_err routes_of_server(const struct server *server, struct kp_arena *arena,
                        struct route_list *ret);

// routes_of_endpoint is one framework object at one endpoint; nothing if the text is not
// understood.
kp_err routes_of_endpoint(struct kp_str object, struct kp_str endpoint, struct kp_str host,
                          struct kp_str node, bool is_up, struct route_list *ret);

// routes_refresh brings the registry up to date with what changed in the state, and notes there
// which objects keep only their last known endpoints.
kp_err routes_refresh(struct state *state, struct registry *registry);
