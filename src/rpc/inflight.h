// inflight.h - the requests that wait for an answer, found by their ids.
//
// An id is a running number of 31 bits, and its low bits are the request's place in the table. So a
// late answer to a request that is gone finds nobody, until two thousand million calls later.
#pragma once

#include "kipp/err.h"

#include <stddef.h>
#include <stdint.h>

struct kp_request;

// All zero is an empty table.
struct inflight {
	struct kp_request **slots; // owned; NULL: free
	size_t cap;                // a power of two, or 0
	size_t count;
	int32_t last_id;
};

// inflight_add finds an id for a request. LIMIT: a million are in flight. NOMEM.
kp_err inflight_add(struct inflight *inflight, struct kp_request *request, int32_t *ret_id);
void inflight_remove(struct inflight *inflight, int32_t id);
// inflight_find returns who has an id's place, or NULL; whether the whole id is theirs is for the
// caller to see.
struct kp_request *inflight_find(const struct inflight *inflight, int32_t id);
void inflight_fini(struct inflight *inflight);
