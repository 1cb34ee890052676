// place.c - fewest of the server first, then fewest at all, then by name.
#include "control/state/place.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
	const struct place_row *left = a, *right = b;
	return strcmp(left->node->name, right->node->name);
}

kp_err place_init(struct place *place, const struct state *state)
{
	*place = (struct place){0};
	size_t index = 0;
	void *value;
	while (kp_map_next(&state->nodes, &index, NULL, &value)) {
		struct node *node = value;
		struct place_row row = {node, 0, node->instances.len};
		if (node->is_alive && kp_vec_push(&place->rows, row) != KP_OK) {
			place_fini(place);
			return KP_ERR_NOMEM;
		}
	}
	if (place->rows.len)
		qsort(place->rows.ptr, place->rows.len, sizeof(*place->rows.ptr), by_name);
	return KP_OK;
}

void place_fini(struct place *place)
{
	kp_vec_fini(&place->rows);
}

void place_server(struct place *place, const struct server *server)
{
	for (size_t i = 0; i < place->rows.len; i++)
		place->rows.ptr[i].same = 0;
	if (!server)
		return;
	for (size_t i = 0; i < server->instances.len; i++)
		for (size_t j = 0; j < place->rows.len; j++)
			if (server->instances.ptr[i]->node == place->rows.ptr[j].node)
				place->rows.ptr[j].same++;
}

struct node *place_next(struct place *place)
{
	struct place_row *best = NULL;
	for (size_t i = 0; i < place->rows.len; i++) {
		struct place_row *row = &place->rows.ptr[i];
		if (!best || row->same < best->same ||
		    (row->same == best->same && row->total < best->total))
			best = row;
	}
	if (!best)
		return NULL;
	best->same++;
	best->total++;
	return best->node;
}
