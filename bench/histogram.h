// histogram.h - how long things took, in buckets that are 1.6 % wide.
//
// Values below 64 ns have their own bucket; above, every power of two is cut into 64. The sum of
// all buckets is exact, and so are the count and the maximum.
#pragma once

#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 64,
	HISTOGRAM_BUCKETS =
	        HISTOGRAM_STEPS * 36, // up to 2^41 ns, 36 minutes; longer counts as that
};

// All zero is a valid empty histogram.
struct histogram {
	uint64_t count;
	int64_t max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

// histogram_bucket is the bucket that a duration falls into.
static inline unsigned histogram_bucket(int64_t duration_ns)
{
	uint64_t value = duration_ns < 0 ? 0 : (uint64_t)duration_ns;
	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	unsigned shift = 57 - (unsigned)__builtin_clzll(value);
	unsigned bucket =
	        (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *histogram, int64_t duration_ns)
{
	histogram->count++;
	histogram->buckets[histogram_bucket(duration_ns)]++;
	if (duration_ns > histogram->max_ns)
		histogram->max_ns = duration_ns;
}

// histogram_quantile returns the duration that a share of `quantile` (0..1) of all values does not
// exceed: the upper end of that value's bucket, and never more than the maximum. 0 when empty.
int64_t histogram_quantile(const struct histogram *histogram, double quantile);
