// pick.h - round robin over the endpoints that deserve calls. Pure.
#pragma once

#include "route/health.h"

#include <stddef.h>

struct kp_pick_ask {
	struct kp_health *const *healths;
	size_t count;                   // > 0
	struct kp_health *const *tried; // to be left out
	size_t tried_count;
	int64_t now_ns;
};

// kp_pick chooses an endpoint: the next one that is not isolated; if all are, the next one all the
// same, for a call to a sick endpoint may succeed and one to nobody cannot. If all were tried it
// returns `count`. *ret_probe is one that it passed and that is due to be probed, or `count`.
size_t kp_pick(const struct kp_pick_ask *ask, size_t *cursor, size_t *ret_probe);
