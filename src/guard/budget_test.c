// budget_test.c - retries are paid for.
#include "guard/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t second = 1000000000;

// drain asks until it is refused, and returns how often it was not.
static int drain(struct kp_budget *budget, int64_t now_ns)
{
	int granted = 0;
	while (kp_budget_take(budget, now_ns))
		granted++;
	return granted;
}

static void make_calls(struct kp_budget *budget, int count)
{
	for (int i = 0; i < count; i++)
		kp_budget_on_call(budget);
}

static void a_tenth_of_the_calls_may_be_sent_again(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, KP_BUDGET_PERCENT_DEFAULT, second);
	assert_int_equal(drain(&budget, second), KP_BUDGET_RESERVE);
	make_calls(&budget, 9);
	assert_int_equal(drain(&budget, second), 0);
	make_calls(&budget, 1); // the tenth
	assert_int_equal(drain(&budget, second), 1);
	make_calls(&budget, 5000);
	assert_int_equal(drain(&budget, second), 500);
}

static void time_alone_brings_a_few(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, KP_BUDGET_PERCENT_DEFAULT, second);
	drain(&budget, second);
	assert_int_equal(drain(&budget, 2 * second), KP_BUDGET_FLOOR);
	assert_int_equal(drain(&budget, 2 * second + second / 10), 1);
	assert_int_equal(drain(&budget, 1000000 * second), KP_BUDGET_RESERVE);
}

static void what_is_saved_up_has_a_limit(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, 100, second);
	make_calls(&budget, 3000000);
	assert_int_equal(drain(&budget, INT64_MAX / 2), KP_BUDGET_MAX);
	make_calls(&budget, 100000);
	assert_true(kp_budget_take(&budget, INT64_MAX / 2));
	for (int i = 0; i < 10; i++)
		kp_budget_give(&budget);
	assert_int_equal(drain(&budget, INT64_MAX / 2), KP_BUDGET_MAX);
}

static void time_does_not_take_what_calls_brought(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, 10, second);
	make_calls(&budget, 5000);
	assert_true(kp_budget_take(&budget, second)); // 599 are left
	assert_int_equal(drain(&budget, 60 * second), 599);
}

static void without_a_percentage_there_is_none(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, 0, second);
	make_calls(&budget, 1000);
	assert_int_equal(drain(&budget, 100 * second), 0);
	kp_budget_init(&budget, -5, second);
	assert_int_equal(drain(&budget, 100 * second), 0);
}

static void a_clock_that_stands_or_steps_back_grants_nothing(void **state)
{
	struct kp_budget budget;
	kp_budget_init(&budget, 10, 10 * second);
	drain(&budget, 10 * second);
	assert_int_equal(drain(&budget, 5 * second), 0);
	assert_int_equal(drain(&budget, 10 * second), 0);
	assert_int_equal(drain(&budget, 11 * second), KP_BUDGET_FLOOR);
}

// Over any run of calls and questions, no more is granted than the reserve, the share of the calls
// and the floor of the time together.
static void no_run_gets_more_than_it_paid_for(void **state)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		srand(seed);
		struct kp_budget budget;
		int64_t now_ns = second;
		int64_t calls = 0, granted = 0;
		kp_budget_init(&budget, 10, now_ns);
		for (int step = 0; step < 2000; step++) {
			int count = rand() % 50;
			make_calls(&budget, count);
			calls += count;
			now_ns += rand() % (second / 20);
			for (int asks = rand() % 20; asks > 0; asks--)
				granted += kp_budget_take(&budget, now_ns);
			int64_t paid = KP_BUDGET_RESERVE + calls / 10 +
			               (now_ns - second) * KP_BUDGET_FLOOR / second;
			if (granted > paid + 1)
				fail_msg("seed %u, step %d: %lld granted, %lld paid", seed, step,
				         (long long)granted, (long long)paid);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_tenth_of_the_calls_may_be_sent_again),
	        cmocka_unit_test(time_alone_brings_a_few),
	        cmocka_unit_test(what_is_saved_up_has_a_limit),
	        cmocka_unit_test(time_does_not_take_what_calls_brought),
	        cmocka_unit_test(without_a_percentage_there_is_none),
	        cmocka_unit_test(a_clock_that_stands_or_steps_back_grants_nothing),
	        cmocka_unit_test(no_run_gets_more_than_it_paid_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
