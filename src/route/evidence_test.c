// evidence_test.c - when an endpoint is left alone, and when it gets another chance.
#include "route/evidence.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const int64_t ms = 1000000;

struct sick {
	struct kp_evidence_pool pool;
	struct kp_evidence evidence;
	struct kp_dice dice;
};

static struct sick *begin(struct sick *sick)
{
	*sick = (struct sick){.dice = {7}};
	sick->evidence.pool = &sick->pool;
	return sick;
}

static void note(struct sick *sick, enum kp_outcome outcome, int64_t now_ms)
{
	kp_evidence_note(&sick->evidence, outcome, now_ms * ms, &sick->dice);
}

static bool is_sick(const struct sick *sick)
{
	return kp_evidence_is_sick(&sick->evidence);
}

static void a_broken_connection_isolates_until_a_probe_is_answered(void **state)
{
	struct sick sick;
	begin(&sick);
	assert_false(kp_evidence_take_probe(&sick.evidence, 1));
	note(&sick, KP_OUTCOME_BROKEN, 1000);
	assert_true(is_sick(&sick));
	int64_t at_ns = kp_evidence_probe_at(&sick.evidence);
	assert_true(at_ns >= 1160 * ms && at_ns <= 1240 * ms);
	assert_false(kp_evidence_take_probe(&sick.evidence, at_ns - 1));
	assert_true(kp_evidence_take_probe(&sick.evidence, at_ns));
	assert_false(kp_evidence_take_probe(&sick.evidence, at_ns + 1));        // one at a time
	assert_true(kp_evidence_take_probe(&sick.evidence, at_ns + 3000 * ms)); // unless lost
	assert_true(is_sick(&sick));
	note(&sick, KP_OUTCOME_ANSWER, 5000); // an error is a sign of life
	assert_false(is_sick(&sick));
	assert_int_equal(sick.pool.changes >> 32, 2);
}

static void pauses_grow_to_a_limit_and_differ(void **state)
{
	struct sick sick;
	begin(&sick);
	int64_t now_ns = ms, first_ns = 0, last_ns = 0, longest_ns = 0;
	int different = 0;
	for (int i = 0; i < 20; i++) {
		kp_evidence_note(&sick.evidence, KP_OUTCOME_BROKEN, now_ns, &sick.dice);
		int64_t pause_ns = kp_evidence_probe_at(&sick.evidence) - now_ns;
		int64_t base_ns = 200 * ms << (i < 6 ? i : 6);
		base_ns = base_ns > 10000 * ms ? 10000 * ms : base_ns;
		assert_true(pause_ns >= base_ns * 4 / 5 && pause_ns <= base_ns * 6 / 5);
		different += i > 6 && pause_ns != last_ns;
		first_ns = first_ns ? first_ns : pause_ns;
		longest_ns = longest_ns > pause_ns ? longest_ns : pause_ns;
		last_ns = pause_ns;
		now_ns += pause_ns;
	}
	assert_true(longest_ns > 20 * first_ns);
	assert_true(different > 10);
}

static void one_that_recovers_and_falls_again_waits_longer_each_time(void **state)
{
	struct sick sick;
	begin(&sick);
	int64_t now = 1000, last = 0;
	for (int i = 0; i < 5; i++) {
		note(&sick, KP_OUTCOME_BROKEN, now);
		int64_t pause = kp_evidence_probe_at(&sick.evidence) / ms - now;
		assert_true(pause > last);
		last = pause;
		now += pause + 100;
		note(&sick, KP_OUTCOME_GOOD, now);
		now += 1000;
	}
	now += 31000; // long enough well, it begins anew
	note(&sick, KP_OUTCOME_BROKEN, now);
	assert_true(kp_evidence_probe_at(&sick.evidence) <= (now + 240) * ms);
}

static void one_late_answer_is_no_reason_three_in_a_row_are(void **state)
{
	struct sick sick;
	begin(&sick);
	for (int i = 0; i < 10; i++) {
		note(&sick, KP_OUTCOME_LATE, i);
		note(&sick, KP_OUTCOME_LATE, i);
		assert_false(is_sick(&sick));
		note(&sick, KP_OUTCOME_GOOD, i);
	}
	for (int i = 0; i < 3; i++)
		note(&sick, KP_OUTCOME_LATE, 20);
	assert_true(is_sick(&sick));
}

static void faults_of_calls_in_flight_count_once(void **state)
{
	struct sick sick;
	begin(&sick);
	note(&sick, KP_OUTCOME_BROKEN, 100);
	int64_t at_ns = kp_evidence_probe_at(&sick.evidence);
	for (int i = 0; i < 50; i++)
		note(&sick, KP_OUTCOME_BROKEN, 101);
	assert_int_equal(kp_evidence_probe_at(&sick.evidence), at_ns);
	assert_int_equal(sick.pool.changes >> 32, 1);
}

// The table of design section 4, line by line.
static void only_the_endpoints_own_faults_isolate(void **state)
{
	static const struct {
		enum kp_outcome outcome;
		bool isolates, lowers;
	} lines[] = {
	        {KP_OUTCOME_GOOD, false, false},   {KP_OUTCOME_CALLER, false, false},
	        {KP_OUTCOME_ANSWER, false, false}, {KP_OUTCOME_OVERLOAD, false, true},
	        {KP_OUTCOME_BROKEN, true, false},  {KP_OUTCOME_LATE, true, false},
	        {KP_OUTCOME_GONE, false, false},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct sick sick;
		begin(&sick);
		for (int now = 1; now < 5000; now += 10)
			note(&sick, lines[i].outcome, now);
		assert_int_equal(is_sick(&sick), lines[i].isolates);
		assert_int_equal(kp_evidence_ease(&sick.evidence) < KP_EASE_FULL, lines[i].lowers);
	}
}

// Trap: any non-zero return counted as a sick server.
static void any_non_zero_return_counted_as_a_sick_server(void **state)
{
	struct sick sick;
	begin(&sick);
	for (int i = 0; i < 100000; i++)
		note(&sick, i % 2 ? KP_OUTCOME_ANSWER : KP_OUTCOME_CALLER, i);
	assert_false(is_sick(&sick));
	assert_int_equal(kp_evidence_ease(&sick.evidence), KP_EASE_FULL);
	assert_int_equal(sick.pool.changes, 0);
}

static void weights_follow_the_share_that_is_refused(void **state)
{
	struct sick sick;
	begin(&sick);
	for (int now = 0; now < 20000; now++)
		note(&sick, now % 10 < 4 ? KP_OUTCOME_OVERLOAD : KP_OUTCOME_GOOD, now);
	int ease = kp_evidence_ease(&sick.evidence);
	assert_true(ease > KP_EASE_FULL / 2 && ease < KP_EASE_FULL * 7 / 10);
	assert_false(is_sick(&sick));
	for (int now = 20000; now < 40000; now++)
		note(&sick, KP_OUTCOME_OVERLOAD, now);
	assert_int_equal(kp_evidence_ease(&sick.evidence), KP_EASE_MIN);
	for (int now = 40000; now < 80000; now++)
		note(&sick, KP_OUTCOME_GOOD, now);
	assert_int_equal(kp_evidence_ease(&sick.evidence), KP_EASE_FULL);
	assert_int_equal(sick.evidence.is_troubled, 0);
	// The weight moves at most once in a window, so that tables are not laid out all the time.
	assert_true(sick.pool.changes < 80000 / 200);
}

static void *fail_and_recover(void *arg)
{
	struct sick *sick = arg;
	struct kp_dice dice = {(uintptr_t)&dice};
	for (int i = 1; i < 20000; i++) {
		int64_t now_ns = i * ms;
		uint32_t roll = kp_dice_below(&dice, 8);
		kp_evidence_note(&sick->evidence, (enum kp_outcome)(roll % (KP_OUTCOME_GONE + 1)),
		                 now_ns, &dice);
		(void)kp_evidence_take_probe(&sick->evidence, now_ns);
	}
	return NULL;
}

// Whatever loops do at the same time, an endpoint that is sick can be healed by an answer.
static void threads_never_lose_an_isolation(void **state)
{
	struct sick sick;
	begin(&sick);
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fail_and_recover, &sick), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(!is_sick(&sick) || sick.evidence.is_troubled);
	note(&sick, KP_OUTCOME_GOOD, 100000);
	assert_false(is_sick(&sick));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_broken_connection_isolates_until_a_probe_is_answered),
	        cmocka_unit_test(pauses_grow_to_a_limit_and_differ),
	        cmocka_unit_test(one_that_recovers_and_falls_again_waits_longer_each_time),
	        cmocka_unit_test(one_late_answer_is_no_reason_three_in_a_row_are),
	        cmocka_unit_test(faults_of_calls_in_flight_count_once),
	        cmocka_unit_test(only_the_endpoints_own_faults_isolate),
	        cmocka_unit_test(any_non_zero_return_counted_as_a_sick_server),
	        cmocka_unit_test(weights_follow_the_share_that_is_refused),
	        cmocka_unit_test(threads_never_lose_an_isolation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
