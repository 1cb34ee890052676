// spread_test.c - connections over loops, by what the loops have to do.
#include "rpc/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <time.h>

#include <cmocka.h>

enum {
	LOOPS = 4,
	CONNS = 400,
};

static void idle_connections_are_dealt_out_evenly(void **state)
{
	struct spread_load loads[LOOPS] = {{0}};
	for (size_t i = 0; i < CONNS; i++)
		loads[spread_pick(loads, LOOPS, i)].connections++;
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(loads[i].connections, CONNS / LOOPS);
}

static void equals_take_turns(void **state)
{
	struct spread_load loads[LOOPS] = {{0}};
	for (size_t turn = 0; turn < 2 * LOOPS; turn++)
		assert_int_equal(spread_pick(loads, LOOPS, turn), turn % LOOPS);
}

static void a_busy_loop_gets_fewer(void **state)
{
	struct spread_load loads[2] = {{1, 90000}, {1, 10000}};
	for (size_t i = 0; i < 98; i++)
		loads[spread_pick(loads, 2, i)].connections++;
	assert_in_range(loads[0].connections, 5, 20);
	assert_int_equal(loads[0].connections + loads[1].connections, 100);
}

// conn is one of a simulated server's, with what it calls in a second.
struct conn {
	size_t loop;
	uint64_t rate;
	bool is_open;
};

static void count_loads(const struct conn *conns, struct spread_load *loads)
{
	for (size_t i = 0; i < LOOPS; i++)
		loads[i] = (struct spread_load){0};
	for (size_t i = 0; i < CONNS; i++) {
		if (!conns[i].is_open)
			continue;
		loads[conns[i].loop].connections++;
		loads[conns[i].loop].calls += conns[i].rate;
	}
}

// Eight clients stay and do nearly all the calls, among many that come, say little, and go.
static void a_long_lived_few_do_not_pile_up(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct conn conns[CONNS] = {{0}};
	struct spread_load loads[LOOPS];
	for (size_t step = 0; step < 20000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t which = (size_t)(seed >> 33) % CONNS;
		bool is_heavy = which < 8;
		struct conn *conn = &conns[which];
		count_loads(conns, loads);
		if (!conn->is_open)
			*conn = (struct conn){spread_pick(loads, LOOPS, step),
			                      is_heavy ? 10000 : 10, true};
		else if (!is_heavy)
			conn->is_open = false;
	}
	count_loads(conns, loads);
	for (int i = 0; i < LOOPS; i++) {
		assert_in_range(loads[i].calls, 10000, 40000 + 10 * CONNS);
		assert_true(loads[i].connections > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(idle_connections_are_dealt_out_evenly),
	        cmocka_unit_test(equals_take_turns),
	        cmocka_unit_test(a_busy_loop_gets_fewer),
	        cmocka_unit_test(a_long_lived_few_do_not_pile_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
