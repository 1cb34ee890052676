// ring.h - a consistent hash: a key belongs to the next point on a ring, and whoever leaves or
// comes moves only the keys of its own points.
//
// Points are made of host and port, so that two servers of one machine are two.
#pragma once

#include "kipp/err.h"

#include <stddef.h>
#include <stdint.h>

struct kp_ring_point {
	uint32_t at;
	uint32_t who;
};

// All zero is a ring without points.
struct kp_ring {
	struct kp_ring_point *points; // owned; in order
	uint32_t *starts;             // owned; the first point of each equal part of the ring
	size_t count;
	int shift; // from a place to its part
};

struct kp_ring_member {
	uint64_t hash;   // of host and port
	uint32_t points; // how many it has
};

// kp_ring_build lays out a new ring; `who` is a member's index. NOMEM leaves it without points.
kp_err kp_ring_build(struct kp_ring *ring, const struct kp_ring_member *members, size_t count);
void kp_ring_fini(struct kp_ring *ring);

// kp_ring_find returns the index of the point that a key belongs to, of at least one.
static inline size_t kp_ring_find(const struct kp_ring *ring, uint64_t key)
{
	uint32_t at = (uint32_t)(key >> 32);
	size_t index = ring->starts[at >> ring->shift];
	while (index < ring->count && ring->points[index].at < at)
		index++;
	return index < ring->count ? index : 0;
}
