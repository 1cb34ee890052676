// limiter_test.c - who is served when not all can be: a server in virtual time, offered too much.
#include "guard/limiter_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static const int64_t ms = 1000000;
static const int64_t second = 1000000000;
static struct sim sim;

// kinds of servers: workers (0: fibers of one loop) and the time of a request.
static const struct kind {
	int workers;
	int64_t service_us;
} kinds[] = {{4, 1000}, {1, 5000}, {16, 100000}, {0, 500}, {0, 1000}};
enum {
	KINDS = sizeof(kinds) / sizeof(*kinds)
};

static uint64_t print_seed(void)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	return seed;
}

static void begin(const struct kind *kind, uint64_t seed)
{
	sim_init(&sim, kind->workers, kind->service_us * 1000, seed);
}

// run lets a thousand requests, and at least two seconds, pass before it measures ten thousand.
static void run(const struct kind *kind)
{
	int workers = kind->workers ? kind->workers : 1;
	int64_t each_ns = kind->service_us * 1000 / workers;
	int64_t warm_ns = 1000 * each_ns > 2 * second ? 1000 * each_ns : 2 * second;
	sim_run(&sim, warm_ns, 10000 * each_ns);
}

static void nobody_is_refused_by_a_server_with_time_to_spare(void **state)
{
	uint64_t seed = print_seed();
	for (int i = 0; i < KINDS; i++) {
		begin(&kinds[i], seed);
		sim.is_fixed = true;
		for (uint32_t caller = 1; caller <= 10; caller++)
			sim_source_add(&sim, 0.05, 4, caller);
		run(&kinds[i]);
		for (int verdict = 0; verdict < KP_VERDICTS; verdict++)
			assert_int_equal(sim.limiter.stats.refused[verdict], 0);
	}
}

static void goodput_stays_under_two_four_and_ten_times_the_load(void **state)
{
	static const double loads[] = {1, 2, 4, 10};
	uint64_t seed = print_seed();
	for (int i = 0; i < KINDS; i++) {
		for (int j = 0; j < 4; j++) {
			begin(&kinds[i], seed);
			sim.is_fixed = true;
			for (uint32_t caller = 1; caller <= 10; caller++)
				sim_source_add(&sim, loads[j] / 10, 4, caller);
			run(&kinds[i]);
			double goodput = sim_goodput(&sim);
			print_message("%2d workers, %6.1f ms, load %4.1f: goodput %.3f, longest "
			              "wait %.1f ms\n",
			              kinds[i].workers, (double)kinds[i].service_us / 1000,
			              loads[j], goodput, (double)sim.wait_max_ns / 1e6);
			assert_true(goodput >= (j == 0 ? 0.85 : 0.95));
		}
	}
}

static void the_important_are_served_as_long_as_they_alone_fit(void **state)
{
	uint64_t seed = print_seed();
	for (int i = 0; i < KINDS; i++) {
		begin(&kinds[i], seed);
		struct sim_source *top = sim_source_add(&sim, 0.7, 6, 1);
		struct sim_source *plain = sim_source_add(&sim, 4, 4, 2);
		struct sim_source *low = sim_source_add(&sim, 5, 1, 3);
		run(&kinds[i]);
		print_message("served of priority 6: %.4f, 4: %.4f, 1: %.4f\n",
		              sim_served_share(top), sim_served_share(plain),
		              sim_served_share(low));
		assert_true(sim_served_share(top) >= 0.999);
		assert_true(sim_served_share(plain) >= 0.02);
		assert_true(sim_served_share(low) < 0.01);
	}
}

static void too_much_of_the_important_is_limited_as_well(void **state)
{
	begin(&kinds[0], print_seed());
	for (uint32_t caller = 1; caller <= 10; caller++)
		sim_source_add(&sim, 0.4, 7, caller);
	run(&kinds[0]);
	assert_true(sim.wait_max_ns < 500 * ms);
	assert_true(sim.limiter.stats.refused[KP_REFUSE_SHARE] +
	                    sim.limiter.stats.refused[KP_REFUSE_DELAY] >
	            1000);
}

static void a_greedy_caller_leaves_the_others_their_share(void **state)
{
	uint64_t seed = print_seed();
	for (int i = 0; i < KINDS; i++) {
		begin(&kinds[i], seed);
		sim.is_fixed = true;
		for (uint32_t caller = 1; caller <= 9; caller++)
			sim_source_add(&sim, 0.07, 4, caller);
		struct sim_source *greedy = sim_source_add(&sim, 9, 4, 100);
		run(&kinds[i]);
		double least = 1, offered = 0, served = 0;
		for (int caller = 0; caller < 9; caller++) {
			const struct sim_source *source = &sim.sources[caller];
			least = sim_served_share(source) < least ? sim_served_share(source) : least;
			offered += (double)source->offered;
			served += (double)(source->offered - source->refused);
		}
		print_message("modest callers: %.4f served, the worst %.4f; the greedy one %.4f; "
		              "goodput %.3f\n",
		              served / offered, least, sim_served_share(greedy), sim_goodput(&sim));
		// Where all of them together ask for a hundred a second, chance alone is a tenth.
		assert_true(served / offered >= (kinds[i].service_us < 100000 ? 0.97 : 0.9));
		assert_true(least >= 0.85);
		assert_true(sim_goodput(&sim) >= 0.93);
	}
}

static void more_callers_than_slots_share_them(void **state)
{
	begin(&kinds[0], print_seed());
	for (int i = 0; i < SIM_SOURCES; i++)
		sim_source_add(&sim, 4.0 / SIM_SOURCES, 4, (uint32_t)(sim_dice(&sim) | 1));
	run(&kinds[0]);
	assert_true(sim_goodput(&sim) >= 0.95);
	for (int i = 0; i < SIM_SOURCES; i++)
		assert_true(sim.sources[i].offered - sim.sources[i].refused > 0);
}

static void refusals_of_a_loop_are_answered_soon(void **state)
{
	static const struct kind kind = {0, 200};
	begin(&kind, print_seed());
	for (uint32_t caller = 1; caller <= 10; caller++)
		sim_source_add(&sim, 0.4, 4, caller);
	sim_run(&sim, 2 * second, 4 * second);
	double slow = (double)sim.slow_refusals / (double)sim.refusals;
	print_message("refusals that took more than 5 ms: %.4f, the slowest %.1f ms\n", slow,
	              (double)sim.refusal_max_ns / 1e6);
	assert_true(slow < 0.01);
}

static void a_shadow_refuses_nothing_and_counts(void **state)
{
	begin(&kinds[0], print_seed());
	kp_limiter_set(&sim.limiter, &(struct kp_limiter_options){.workers = 4,
	                                                          .ceiling = SIM_QUEUE - 1,
	                                                          .is_shadow = true});
	sim_source_add(&sim, 2, 4, 1);
	sim_run(&sim, second, 2 * second);
	assert_int_equal(sim.sources[0].refused, 0);
	uint64_t shadowed = 0;
	for (int verdict = 0; verdict < KP_VERDICTS; verdict++) {
		assert_int_equal(sim.limiter.stats.refused[verdict], 0);
		shadowed += sim.limiter.stats.shadowed[verdict];
	}
	assert_true(shadowed > 1000);
}

static void it_calms_down_when_the_load_is_gone(void **state)
{
	begin(&kinds[0], print_seed());
	struct sim_source *flood = sim_source_add(&sim, 4, 4, 1);
	sim_source_add(&sim, 0.2, 4, 2);
	sim_run(&sim, second, second);
	assert_true(kp_limiter_is_choosing(&sim.limiter));
	flood->next_ns = INT64_MAX;
	sim.sources[1].refused = 0;
	sim_run(&sim, second, second);
	assert_false(kp_limiter_is_choosing(&sim.limiter));
	assert_int_equal(sim.sources[1].refused, 0);
}

// Traps.

static void ask_full(struct kp_limiter *limiter, int in_progress, int admitted, int *ret)
{
	*ret = 0;
	for (int i = 0; i < admitted; i++) {
		struct kp_limiter_ask ask = {.now_ns = second,
		                             .in_progress = in_progress + *ret,
		                             .priority = 4,
		                             .caller = 1,
		                             .knows_busy = true};
		if (kp_limiter_is_calm(limiter, ask.in_progress, 0) ||
		    kp_limiter_ask(limiter, &ask) == KP_ADMIT)
			++*ret;
	}
}

static void trap_a_burst_in_one_batch_does_not_pass_the_ceiling(void **state)
{
	struct kp_limiter limiter;
	int admitted;
	kp_limiter_init(&limiter, &(struct kp_limiter_options){.ceiling = 100, .loops = 2});
	ask_full(&limiter, 0, 1000, &admitted);
	assert_int_equal(admitted, 100);
	assert_int_equal(limiter.stats.refused[KP_REFUSE_CEILING], 900);
	ask_full(&limiter, 60, 1000, &admitted);
	assert_int_equal(admitted, 40);
}

static void the_ceiling_keeps_room_for_the_important(void **state)
{
	struct kp_limiter limiter;
	kp_limiter_init(&limiter, &(struct kp_limiter_options){.ceiling = 1600});
	int admitted;
	ask_full(&limiter, 0, 3000, &admitted);
	assert_int_equal(admitted, 1500);
	struct kp_limiter_ask ask = {.now_ns = second, .in_progress = 1599, .priority = 6};
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_ADMIT);
	ask.in_progress = 1600;
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_REFUSE_CEILING);
}

static void trap_old_sdk_clients_shed_rarely_and_in_clusters(void **state)
{
	begin(&kinds[0], print_seed());
	for (uint32_t caller = 1; caller <= 20; caller++)
		sim_source_add(&sim, 0.02, 4, caller)->is_old = true;
	sim_source_add(&sim, 4, 4, 100);
	run(&kinds[0]);
	int refused = 0;
	for (int i = 0; i < 20; i++) {
		const struct sim_source *old = &sim.sources[i];
		if (old->refused == 0)
			continue;
		refused++;
		// All that was refused was refused in a row, within the second of the one whose
		// turn it was.
		assert_true(old->last_refused_ns - old->first_refused_ns <= 10 * second);
	}
	print_message("%d of 20 old callers met a refusal in %.1f s\n", refused,
	              (double)(sim.end_ns - 1000000000) / 1e9);
	// At most one new victim in a second.
	assert_true(refused <= 1 + (sim.end_ns - second) / second);
	assert_true(sim_goodput(&sim) >= 0.95);
}

static void an_old_caller_that_is_chosen_is_refused_all_of_it(void **state)
{
	struct kp_limiter limiter;
	kp_limiter_init(&limiter,
	                &(struct kp_limiter_options){.workers = 1, .cluster_ns = 200 * ms});
	kp_limiter_note_service(&limiter, ms);
	struct kp_limiter_ask ask = {.now_ns = second, .waiting = 30, .delay_ns = 30 * ms};
	ask.caller = 7;
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_REFUSE_CLUSTER);
	for (int i = 0; i < 22; i++) {
		ask.now_ns += 9 * ms;
		ask.caller = 7;
		assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_REFUSE_CLUSTER);
		ask.caller = 8;
		assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_ADMIT);
	}
	// The next period may choose the next one.
	ask.now_ns = second + 201 * ms;
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_REFUSE_CLUSTER);
	ask.caller = 7;
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_ADMIT);
	// A delay that nobody would wait for spares nobody.
	ask.delay_ns = second;
	assert_int_equal(kp_limiter_ask(&limiter, &ask), KP_REFUSE_DELAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nobody_is_refused_by_a_server_with_time_to_spare),
	        cmocka_unit_test(goodput_stays_under_two_four_and_ten_times_the_load),
	        cmocka_unit_test(the_important_are_served_as_long_as_they_alone_fit),
	        cmocka_unit_test(too_much_of_the_important_is_limited_as_well),
	        cmocka_unit_test(a_greedy_caller_leaves_the_others_their_share),
	        cmocka_unit_test(more_callers_than_slots_share_them),
	        cmocka_unit_test(refusals_of_a_loop_are_answered_soon),
	        cmocka_unit_test(a_shadow_refuses_nothing_and_counts),
	        cmocka_unit_test(it_calms_down_when_the_load_is_gone),
	        cmocka_unit_test(trap_a_burst_in_one_batch_does_not_pass_the_ceiling),
	        cmocka_unit_test(the_ceiling_keeps_room_for_the_important),
	        cmocka_unit_test(trap_old_sdk_clients_shed_rarely_and_in_clusters),
	        cmocka_unit_test(an_old_caller_that_is_chosen_is_refused_all_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
