// registry.h - object name to endpoints, kept ready to be answered.
//
// A pure core behind tars.tarsregistry.QueryObj (contract E). Each server's routes are put as a
// whole; only its own objects are rebuilt. The share rule lives here: an object never loses its
// last endpoints only because nodes went silent; they stay listed until something better is known.
#pragma once

#include "base/map.h"
#include "interfaces/registry.h"

struct registry {
	struct kp_map objects; // owned struct registry_object, by name
	struct kp_map servers; // owned struct registry_server: which objects a server has
};

// route is one endpoint of one object. Views; registry_put copies.
struct route {
	struct kp_str object; // "Book.PaymentServer.PayObj"
	struct tars_EndpointF endpoint;
	bool is_up;  // serves, and its node is heard of
	bool was_up; // served when its node was last heard of, and should still
};

// registry_object is an object's endpoints, the active ones first.
struct registry_object {
	struct tars_EndpointF *endpoints; // owned, with all its texts
	size_t active_count;
	size_t count;
	bool is_held;        // the active ones are only the last known
	bool is_newly_held;  // so since the last put
	bool is_set_enabled; // some endpoint has a set
};

void registry_fini(struct registry *registry);

// registry_put replaces all objects of a server; no routes removes them. NOMEM is its only error;
// then the server has no objects, and is to be put again.
kp_err registry_put(struct registry *registry, struct kp_str server, const struct route *routes,
                    size_t count);

// registry_find returns NULL for an unknown object. A "#n" behind the name is ignored.
const struct registry_object *registry_find(const struct registry *registry, struct kp_str id);

// registry_answer is what a query returns. The lists are views of the registry, or in the arena.
struct registry_answer {
	int32_t ret; // 0, or -1 as the contract says
	struct tars_EndpointF_list active;
	struct tars_EndpointF_list inactive;
};

// registry_all answers findObjectById4Any, 4All and InSameGroup; without grouping they are the
// same.
struct registry_answer registry_all(const struct registry *registry, struct kp_str id);

// registry_in_station answers for a station. No station is known here, so it is always -1.
struct registry_answer registry_in_station(const struct registry *registry, struct kp_str id,
                                           struct kp_str station);

// registry_in_set answers for "name.area.group": that group, or all of the area for "*". A group
// without endpoints falls back to those of the area's group "*". An object without sets answers as
// registry_all does.
struct registry_answer registry_in_set(const struct registry *registry, struct kp_str id,
                                       struct kp_str set, struct kp_arena *arena);

// registry_nodes lists the nodes of the active endpoints, each once.
struct kp_str_list registry_nodes(const struct registry *registry, struct kp_str id,
                                  struct kp_arena *arena);

// registry_next_held walks the objects of a server that were put as held just now.
bool registry_next_held(const struct registry *registry, struct kp_str server, size_t *index,
                        struct kp_str *ret_object);
