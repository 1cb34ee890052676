// pick.h - round robin over the endpoints that deserve calls. Pure.
#pragma once

#include "route/health.h"

#include <stddef.h>

// kp_pick chooses one of `count` > 0 endpoints: the next one whose health lets a call through; if
// none does, the next one all the same, for a call to a sick endpoint may succeed and one to nobody
// cannot. `stride` is the distance between the health structs in memory. `is_tried` may be NULL, or
// marks with true those to leave out; if all are left out it returns `count`.
size_t kp_pick(struct kp_health *first, size_t count, size_t stride, const bool *is_tried,
               size_t *cursor, int64_t now_ns);
