// inflight.c - a table of requests whose places follow from their ids.
#include "rpc/inflight.h"

#include "base/mem.h"
#include "base/try.h"
#include "rpc/client_internal.h"

enum {
	CAP_MIN = 64,
	CAP_MAX = 1 << 21, // half of it is used
	ID_MAX = INT32_MAX - 1,
};

static size_t place_of(const struct inflight *inflight, int32_t id)
{
	return (size_t)id & (inflight->cap - 1);
}

// grow doubles the table: ids that differ in their low bits still do with one bit more.
static kp_err grow(struct inflight *inflight)
{
	size_t cap = inflight->cap ? inflight->cap * 2 : CAP_MIN;
	if (cap > CAP_MAX)
		return KP_ERR_LIMIT;
	struct kp_request **slots = kp_alloc_zero(cap, sizeof(struct kp_request *));
	if (!slots)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < inflight->cap; i++)
		if (inflight->slots[i])
			slots[(size_t)inflight->slots[i]->id & (cap - 1)] = inflight->slots[i];
	kp_free(inflight->slots);
	inflight->slots = slots;
	inflight->cap = cap;
	return KP_OK;
}

kp_err inflight_add(struct inflight *inflight, struct kp_request *request, int32_t *ret_id)
{
	if (inflight->count >= inflight->cap / 2)
		KP_TRY(grow(inflight));
	int32_t id = inflight->last_id;
	do
		id = id < ID_MAX ? id + 1 : 1;
	while (inflight->slots[place_of(inflight, id)]);
	inflight->slots[place_of(inflight, id)] = request;
	inflight->last_id = id;
	inflight->count++;
	*ret_id = id;
	return KP_OK;
}

void inflight_remove(struct inflight *inflight, int32_t id)
{
	inflight->slots[place_of(inflight, id)] = NULL;
	inflight->count--;
}

struct kp_request *inflight_find(const struct inflight *inflight, int32_t id)
{
	return inflight->cap ? inflight->slots[place_of(inflight, id)] : NULL;
}

void inflight_fini(struct inflight *inflight)
{
	kp_free(inflight->slots);
	*inflight = (struct inflight){0};
}
