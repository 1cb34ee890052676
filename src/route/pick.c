// pick.c - round robin.
#include "route/pick.h"

static struct kp_health *health_at(struct kp_health *first, size_t stride, size_t index)
{
	return (struct kp_health *)((char *)first + index * stride);
}

size_t kp_pick(struct kp_health *first, size_t count, size_t stride, const bool *is_tried,
               size_t *cursor, int64_t now_ns)
{
	size_t fallback = count;
	size_t index = *cursor < count ? *cursor : 0;
	for (size_t seen = 0; seen < count; seen++, index = index + 1 == count ? 0 : index + 1) {
		if (is_tried && is_tried[index])
			continue;
		if (kp_health_may_call(health_at(first, stride, index), now_ns)) {
			*cursor = index + 1;
			return index;
		}
		if (fallback == count)
			fallback = index;
	}
	*cursor = fallback + 1;
	return fallback;
}
