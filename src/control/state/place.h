// place.h - which node an instance goes to.
#pragma once

#include "control/state/state.h"

// place counts what the live nodes run while a plan adds to it.
struct place_row {
	struct node *node; // borrowed
	size_t same;       // instances of the server at hand
	size_t total;
};

struct place {
	KP_VEC(struct place_row) rows;
};

// place_init lists the nodes that are alive, by name. NOMEM is its only error.
kp_err place_init(struct place *place, const struct state *state);
void place_fini(struct place *place);

// place_server starts counting for one server.
void place_server(struct place *place, const struct server *server);
// place_next chooses a node for one more instance and counts it; NULL when no node is alive.
struct node *place_next(struct place *place);
