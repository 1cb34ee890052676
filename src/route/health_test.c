// health_test.c - when an endpoint is left alone, and when it gets another chance.
#include "route/pick.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const int64_t ms = 1000000;

static void a_broken_connection_isolates_until_a_probe_is_answered(void **state)
{
	struct kp_health health = {0};
	assert_false(kp_health_wants_probe(&health, 1));
	kp_health_on_broken(&health, 1000 * ms);
	assert_true(kp_health_is_isolated(&health));
	assert_false(kp_health_wants_probe(&health, 1199 * ms));
	assert_true(kp_health_wants_probe(&health, 1200 * ms));
	assert_false(kp_health_wants_probe(&health, 1201 * ms)); // one at a time
	assert_true(kp_health_wants_probe(&health, 4200 * ms));  // unless it is lost
	assert_true(kp_health_is_isolated(&health));
	kp_health_on_answer(&health);
	assert_false(kp_health_is_isolated(&health));
}

static void pauses_grow_to_a_limit(void **state)
{
	struct kp_health health = {0};
	int64_t now_ns = ms, last_ns = 0;
	for (int i = 0; i < 20; i++) {
		kp_health_on_broken(&health, now_ns);
		int64_t pause_ns = health.until_ns - now_ns;
		assert_true(pause_ns >= last_ns);
		assert_true(pause_ns <= 10000 * ms);
		last_ns = pause_ns;
		now_ns = health.until_ns;
	}
	assert_int_equal(last_ns, 10000 * ms);
}

static void one_timeout_is_no_reason_three_in_a_row_are(void **state)
{
	struct kp_health health = {0};
	for (int i = 0; i < 10; i++) {
		kp_health_on_timeout(&health, i * ms);
		kp_health_on_timeout(&health, i * ms);
		assert_false(kp_health_is_isolated(&health));
		kp_health_on_answer(&health);
	}
	for (int i = 0; i < 3; i++)
		kp_health_on_timeout(&health, i * ms);
	assert_true(kp_health_is_isolated(&health));
}

static void faults_of_calls_in_flight_count_once(void **state)
{
	struct kp_health health = {0};
	kp_health_on_broken(&health, 100 * ms);
	int64_t until_ns = health.until_ns;
	for (int i = 0; i < 50; i++)
		kp_health_on_broken(&health, 101 * ms);
	assert_int_equal(health.until_ns, until_ns);
}

// pick asks about the first `count` of `all`, of which the first `tried` were tried.
static size_t pick(struct kp_health *const *all, size_t count, size_t tried, size_t *cursor,
                   int64_t now_ns, size_t *probe)
{
	struct kp_pick_ask ask = {all, count, all, tried, now_ns};
	return kp_pick(&ask, cursor, probe);
}

static void picking_goes_round_and_avoids_the_sick(void **state)
{
	struct kp_health healths[3] = {0};
	struct kp_health *all[] = {&healths[0], &healths[1], &healths[2]};
	size_t cursor = 0, probe, picked[3] = {0};
	for (int i = 0; i < 300; i++) {
		picked[pick(all, 3, 0, &cursor, 1, &probe)]++;
		assert_int_equal(probe, 3);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(picked[i], 100);
	kp_health_on_broken(&healths[1], 10);
	int probes = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_not_equal(pick(all, 3, 0, &cursor, 10 + i * 10 * ms, &probe), 1);
		assert_true(probe == 3 || (probe == 1 && i >= 20));
		probes += probe == 1;
	}
	assert_int_equal(probes, 1);
}

static void when_all_are_sick_somebody_is_asked_all_the_same(void **state)
{
	struct kp_health healths[2] = {0};
	struct kp_health *all[] = {&healths[0], &healths[1]};
	size_t cursor = 0, probe;
	kp_health_on_broken(&healths[0], 10);
	kp_health_on_broken(&healths[1], 10);
	assert_true(pick(all, 2, 0, &cursor, 11, &probe) < 2);
	assert_int_equal(pick(all, 2, 2, &cursor, 11, &probe), 2);
	assert_int_equal(pick(all, 2, 1, &cursor, 11, &probe), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_broken_connection_isolates_until_a_probe_is_answered),
	        cmocka_unit_test(pauses_grow_to_a_limit),
	        cmocka_unit_test(one_timeout_is_no_reason_three_in_a_row_are),
	        cmocka_unit_test(faults_of_calls_in_flight_count_once),
	        cmocka_unit_test(picking_goes_round_and_avoids_the_sick),
	        cmocka_unit_test(when_all_are_sick_somebody_is_asked_all_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
