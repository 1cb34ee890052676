// histogram_test.c - quantiles are near the truth, and never below it.
#include "histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void buckets_are_in_the_order_of_their_values(void **state)
{
	(void)state;
	unsigned last = 0;
	for (int64_t value = 1; value < INT64_C(1) << 50; value += 1 + value / 200) {
		unsigned bucket = histogram_bucket(value);
		assert_in_range(bucket, last, last + 1);
		last = bucket;
	}
	assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(-5), 0);
	assert_int_equal(histogram_bucket(INT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void quantiles_are_within_two_percent(void **state)
{
	(void)state;
	static struct histogram histogram;
	for (int64_t value = 1; value <= 100000; value++)
		histogram_add(&histogram, value);
	assert_int_equal(histogram.count, 100000);
	assert_in_range(histogram_quantile(&histogram, 0.5), 50000, 51000);
	assert_in_range(histogram_quantile(&histogram, 0.99), 99000, 100000);
	assert_int_equal(histogram_quantile(&histogram, 1), 100000);
}

static void an_empty_histogram_says_zero(void **state)
{
	(void)state;
	static const struct histogram histogram;
	assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(buckets_are_in_the_order_of_their_values),
	        cmocka_unit_test(quantiles_are_within_two_percent),
	        cmocka_unit_test(an_empty_histogram_says_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
