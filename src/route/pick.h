// pick.h - round robin over the endpoints that deserve calls. Pure.
#pragma once

#include "route/health.h"

#include <stddef.h>

// kp_pick chooses one of `count` > 0 endpoints: the next one whose health lets a call through; if
// none does, the next one all the same, for a call to a sick endpoint may succeed and one to nobody
// cannot. Those in `tried` are left out; if that is all of them it returns `count`.
size_t kp_pick(struct kp_health *const *healths, size_t count, struct kp_health *const *tried,
               size_t tried_count, size_t *cursor, int64_t now_ns);
