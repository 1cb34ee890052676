// wheel_test.c - turns in proportion to weights.
#include "route/wheel.h"

#include "base/mem.h"
#include "route/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum {
	SHARES_MAX = 300
};

static uint64_t seed_of_today(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static void lay(struct kp_wheel *wheel, const uint32_t *weights, size_t count, uint32_t start)
{
	assert_int_equal(kp_wheel_grow(wheel, count), KP_OK);
	kp_wheel_begin(wheel);
	for (size_t i = 0; i < count; i++)
		kp_wheel_add(wheel, (uint32_t)i, weights[i]);
	kp_wheel_end(wheel, start);
}

static void a_round_serves_everybody_by_weight_exactly(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	struct kp_wheel wheel = {0};
	for (int round = 0; round < 300; round++) {
		uint32_t weights[SHARES_MAX] = {0}, counts[SHARES_MAX] = {0};
		size_t count = 1 + kp_dice_below(&dice, SHARES_MAX);
		for (size_t i = 0; i < count; i++)
			weights[i] = kp_dice_below(&dice, 101);
		weights[0] = weights[0] ? weights[0] : 1;
		lay(&wheel, weights, count, (uint32_t)kp_dice_roll(&dice));
		for (uint32_t turn = 0; turn < wheel.total; turn++)
			counts[kp_wheel_turn(&wheel)]++;
		for (size_t i = 0; i < count; i++)
			assert_int_equal((uint64_t)counts[i] * weights[0],
			                 (uint64_t)weights[i] * counts[0]);
	}
	kp_wheel_fini(&wheel);
	assert_int_equal(kp_mem_live(), 0);
}

// The spread of the turns: in any stretch, a share has nearly what is due to it.
static void turns_are_spread_smoothly_over_a_round(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	struct kp_wheel wheel = {0};
	double worst = 0;
	for (int round = 0; round < 100; round++) {
		uint32_t weights[SHARES_MAX] = {0}, counts[SHARES_MAX] = {0};
		size_t count = 2 + kp_dice_below(&dice, SHARES_MAX - 2);
		for (size_t i = 0; i < count; i++)
			weights[i] = 1 + kp_dice_below(&dice, 100);
		lay(&wheel, weights, count, (uint32_t)kp_dice_roll(&dice));
		uint32_t total = 0;
		for (size_t i = 0; i < count; i++)
			total += weights[i];
		for (uint32_t turn = 1; turn <= 3000; turn++) {
			uint32_t who = kp_wheel_turn(&wheel);
			counts[who]++;
			double due = (double)turn * weights[who] / total;
			double away = counts[who] - due;
			worst = away > worst ? away : worst;
			assert_true(away > -6 && away < 6);
		}
	}
	printf("at most %.2f turns ahead\n", worst);
	kp_wheel_fini(&wheel);
}

static void even_shares_take_turns_in_their_order(void **state)
{
	struct kp_wheel wheel = {0};
	const uint32_t weights[] = {70, 70, 70, 70, 70};
	lay(&wheel, weights, 5, 0);
	uint32_t last = kp_wheel_turn(&wheel);
	for (int i = 0; i < 20; i++) {
		uint32_t who = kp_wheel_turn(&wheel);
		assert_int_equal(who, (last + 1) % 5);
		last = who;
	}
	kp_wheel_fini(&wheel);
}

static void a_heavy_share_does_not_come_in_one_block(void **state)
{
	struct kp_wheel wheel = {0};
	const uint32_t weights[] = {5, 1, 1};
	char turns[15] = "";
	lay(&wheel, weights, 3, 0);
	for (int i = 0; i < 14; i++)
		turns[i] = (char)('a' + kp_wheel_turn(&wheel));
	assert_string_equal(turns, "aaacaabaaacaab");
	kp_wheel_fini(&wheel);
}

static void a_new_layout_goes_on_where_the_old_one_was(void **state)
{
	struct kp_wheel wheel = {0};
	uint32_t weights[100];
	for (int i = 0; i < 100; i++)
		weights[i] = 1;
	lay(&wheel, weights, 100, 0);
	for (int i = 0; i < 50; i++)
		kp_wheel_turn(&wheel);
	weights[99] = 0;
	lay(&wheel, weights, 100, 0);
	uint32_t who = kp_wheel_turn(&wheel);
	assert_true(who >= 48 && who <= 51);
	kp_wheel_fini(&wheel);
}

static void wheels_survive_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_wheel wheel = {0};
		kp_err err = kp_wheel_grow(&wheel, 10);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_wheel_fini(&wheel);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_round_serves_everybody_by_weight_exactly),
	        cmocka_unit_test(turns_are_spread_smoothly_over_a_round),
	        cmocka_unit_test(even_shares_take_turns_in_their_order),
	        cmocka_unit_test(a_heavy_share_does_not_come_in_one_block),
	        cmocka_unit_test(a_new_layout_goes_on_where_the_old_one_was),
	        cmocka_unit_test(wheels_survive_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
