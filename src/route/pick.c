// pick.c - round robin.
#include "route/pick.h"

static bool is_tried(const struct kp_health *health, struct kp_health *const *tried,
                     size_t tried_count)
{
	for (size_t i = 0; i < tried_count; i++)
		if (tried[i] == health)
			return true;
	return false;
}

size_t kp_pick(struct kp_health *const *healths, size_t count, struct kp_health *const *tried,
               size_t tried_count, size_t *cursor, int64_t now_ns)
{
	size_t fallback = count;
	size_t index = count > 0 ? *cursor % count : 0;
	for (size_t seen = 0; seen < count; seen++, index = index + 1 == count ? 0 : index + 1) {
		if (is_tried(healths[index], tried, tried_count))
			continue;
		if (kp_health_may_call(healths[index], now_ns)) {
			*cursor = index + 1;
			return index;
		}
		if (fallback == count)
			fallback = index;
	}
	*cursor = fallback + 1;
	return fallback;
}
