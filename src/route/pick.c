// pick.c - round robin.
#include "route/pick.h"

static bool is_tried(const struct kp_pick_ask *ask, const struct kp_health *health)
{
	for (size_t i = 0; i < ask->tried_count; i++)
		if (ask->tried[i] == health)
			return true;
	return false;
}

size_t kp_pick(const struct kp_pick_ask *ask, size_t *cursor, size_t *ret_probe)
{
	size_t count = ask->count;
	size_t fallback = count;
	size_t index = count > 0 ? *cursor % count : 0;
	*ret_probe = count;
	for (size_t seen = 0; seen < count; seen++, index = index + 1 == count ? 0 : index + 1) {
		struct kp_health *health = ask->healths[index];
		if (!kp_health_is_isolated(health) && !is_tried(ask, health)) {
			*cursor = index + 1;
			return index;
		}
		if (*ret_probe == count && kp_health_wants_probe(health, ask->now_ns))
			*ret_probe = index;
		if (fallback == count && !is_tried(ask, health))
			fallback = index;
	}
	*cursor = fallback + 1;
	return fallback;
}
