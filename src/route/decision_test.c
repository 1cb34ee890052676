// decision_test.c - a ring of decisions that others read while it is written.
#include "route/decision.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct kp_decision decision_of(uint64_t number)
{
	return (struct kp_decision){
	        .now_ns = (int64_t)number,
	        .route = (uint32_t)number,
	        .entry = (uint32_t)number * 3,
	        .listed = (uint16_t)number,
	        .sick = (uint16_t)(number * 5),
	        .left_out = (uint16_t)(number * 7),
	        .tried = (uint8_t)number,
	        .why = (uint8_t)(number % KP_CHOSEN_COUNT),
	};
}

static bool is_whole(const struct kp_decision *decision, uint64_t number)
{
	struct kp_decision wanted = decision_of(number);
	return decision->now_ns == wanted.now_ns && decision->route == wanted.route &&
	       decision->entry == wanted.entry && decision->listed == wanted.listed &&
	       decision->sick == wanted.sick && decision->left_out == wanted.left_out &&
	       decision->tried == wanted.tried && decision->why == wanted.why;
}

static void the_last_ones_are_kept(void **state)
{
	struct kp_decisions *decisions = kp_new(struct kp_decisions);
	struct kp_decision decision;
	assert_false(kp_decisions_get(decisions, 0, &decision));
	assert_false(kp_decisions_get(decisions, 1, &decision));
	enum {
		MADE = 3 * KP_DECISIONS_MAX + 5
	};
	for (uint64_t i = 1; i <= MADE; i++) {
		decision = decision_of(i);
		kp_decisions_push(decisions, &decision);
	}
	assert_int_equal(kp_decisions_count(decisions), MADE);
	for (uint64_t i = MADE; i > MADE - KP_DECISIONS_MAX; i--) {
		assert_true(kp_decisions_get(decisions, i, &decision));
		assert_true(is_whole(&decision, i));
	}
	assert_false(kp_decisions_get(decisions, MADE - KP_DECISIONS_MAX, &decision));
	assert_false(kp_decisions_get(decisions, MADE + 1, &decision));
	kp_free(decisions);
}

struct reading {
	struct kp_decisions *decisions;
	bool is_over; // atomic
	int torn;
	int whole;
};

static void *read_all(void *arg)
{
	struct reading *reading = arg;
	while (!__atomic_load_n(&reading->is_over, __ATOMIC_ACQUIRE) || reading->whole == 0) {
		uint64_t newest = kp_decisions_count(reading->decisions);
		for (uint64_t back = 0; back < KP_DECISIONS_MAX && back < newest; back++) {
			struct kp_decision decision;
			if (!kp_decisions_get(reading->decisions, newest - back, &decision))
				continue;
			if (is_whole(&decision, newest - back))
				reading->whole++;
			else
				reading->torn++;
		}
	}
	return NULL;
}

static void readers_of_other_threads_see_whole_records_or_none(void **state)
{
	struct reading reading = {.decisions = kp_new(struct kp_decisions)};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, read_all, &reading), 0);
	for (uint64_t i = 1; i <= 1000000; i++) {
		struct kp_decision decision = decision_of(i);
		kp_decisions_push(reading.decisions, &decision);
	}
	__atomic_store_n(&reading.is_over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(reading.torn, 0);
	assert_true(reading.whole > 0);
	kp_free(reading.decisions);
	assert_int_equal(kp_mem_live(), 0);
}

static void every_reason_has_a_text(void **state)
{
	for (int why = 0; why < KP_CHOSEN_COUNT; why++)
		assert_true(kp_chosen_text((enum kp_why_chosen)why)[0] != '?');
	assert_string_equal(kp_chosen_text(KP_CHOSEN_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_ones_are_kept),
	        cmocka_unit_test(readers_of_other_threads_see_whole_records_or_none),
	        cmocka_unit_test(every_reason_has_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
