// ring.c - laying out a ring.
#include "route/ring.h"

#include "base/hash.h"
#include "base/mem.h"

enum {
	SHIFT_MAX = 31,      // at least two parts
	POINTS_PER_PART = 4, // few enough to walk, so that the parts stay in the cache
};

void kp_ring_fini(struct kp_ring *ring)
{
	kp_free(ring->points);
	kp_free(ring->starts);
	*ring = (struct kp_ring){0};
}

static uint32_t place_of(uint64_t hash, uint32_t nth)
{
	const uint64_t seed[] = {hash, nth};
	return (uint32_t)(kp_hash(seed, sizeof(seed), 0) >> 32);
}

// order sorts the few points of one part.
static void order(struct kp_ring_point *points, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct kp_ring_point point = points[i];
		size_t to = i;
		for (; to > 0 && (points[to - 1].at > point.at || (points[to - 1].at == point.at &&
		                                                   points[to - 1].who > point.who));
		     to--)
			points[to] = points[to - 1];
		points[to] = point;
	}
}

// lay puts the points into their parts: counted first, then placed.
static void lay(struct kp_ring *ring, const struct kp_ring_member *members, size_t count)
{
	size_t parts = (size_t)1 << (32 - ring->shift);
	for (size_t i = 0; i < count; i++)
		for (uint32_t n = 0; n < members[i].points; n++)
			ring->starts[(place_of(members[i].hash, n) >> ring->shift) + 1]++;
	for (size_t part = 0; part < parts; part++)
		ring->starts[part + 1] += ring->starts[part];
	for (size_t i = 0; i < count; i++)
		for (uint32_t n = 0; n < members[i].points; n++) {
			uint32_t at = place_of(members[i].hash, n);
			uint32_t index = --ring->starts[(at >> ring->shift) + 1];
			ring->points[index] = (struct kp_ring_point){at, (uint32_t)i};
		}
	// Each start was counted down from its part's end: they stand one place too far.
	for (size_t part = 0; part < parts; part++)
		ring->starts[part] = ring->starts[part + 1];
	ring->starts[parts] = (uint32_t)ring->count;
	for (size_t part = 0; part < parts; part++)
		order(ring->points + ring->starts[part],
		      ring->starts[part + 1] - ring->starts[part]);
}

kp_err kp_ring_build(struct kp_ring *ring, const struct kp_ring_member *members, size_t count)
{
	kp_ring_fini(ring);
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += members[i].points;
	if (total == 0)
		return KP_OK;
	int shift = SHIFT_MAX;
	while (shift > 0 && ((size_t)POINTS_PER_PART << (32 - shift)) < total)
		shift--;
	ring->points = kp_alloc(total * sizeof(*ring->points));
	ring->starts = kp_alloc_zero(((size_t)1 << (32 - shift)) + 1, sizeof(*ring->starts));
	if (!ring->points || !ring->starts) {
		kp_ring_fini(ring);
		return KP_ERR_NOMEM;
	}
	ring->count = total;
	ring->shift = shift;
	lay(ring, members, count);
	return KP_OK;
}
