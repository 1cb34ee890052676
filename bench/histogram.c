// histogram.c - how long things took, in buckets that are 1.6 % wide.
#include "histogram.h"

// bucket_last is the longest duration that falls into a bucket.
static int64_t bucket_last(unsigned bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_STEPS - 1;
	int64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return ((step + 1) << shift) - 1;
}

int64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
	double wanted = quantile * (double)histogram->count;
	uint64_t seen = 0;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram->buckets[bucket];
		if (seen > 0 && (double)seen >= wanted) {
			int64_t last = bucket_last(bucket);
			return last < histogram->max_ns ? last : histogram->max_ns;
		}
	}
	return histogram->max_ns;
}
