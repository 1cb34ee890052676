// due_test.c - deadlines in lines behave as timers do.
#include "rpc/due.h"

#include "base/mem.h"
#include "os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	MANY = 2000,
};

struct item {
	struct due due;
	int64_t at_ns;
	int fired;
	bool is_stopped;
};

static struct {
	struct kp_loop *loop;
	struct due_table table;
	struct item *items;
	int left; // that are to fire
	int early;
	int again; // items that start themselves once more
} yard;

static void on_item(struct kp_timer *timer)
{
	struct item *item = KP_CONTAINER(timer, struct item, due.timer);
	item->fired++;
	yard.early += kp_clock_ns() < item->at_ns;
	yard.left--;
	if (yard.again > 0) {
		yard.again--;
		yard.left++;
		item->at_ns = kp_clock_ns() + KP_NS_PER_MS;
		assert_int_equal(due_start(&yard.table, &item->due, item->at_ns), KP_OK);
	}
}

static void open_yard(int again)
{
	yard.left = yard.early = 0;
	yard.again = again;
	assert_int_equal(kp_loop_new(&yard.loop), KP_OK);
	due_table_init(&yard.table, yard.loop);
	yard.items = kp_alloc_zero(MANY, sizeof(struct item));
}

static void close_yard(void)
{
	due_table_fini(&yard.table);
	kp_loop_free(yard.loop);
	kp_free(yard.items);
	assert_int_equal(kp_mem_live(), 0);
}

static void start(struct item *item, int64_t at_ns)
{
	item->at_ns = at_ns;
	item->due.timer.on_timer = on_item;
	assert_int_equal(due_start(&yard.table, &item->due, at_ns), KP_OK);
	yard.left++;
}

static void run_all(void)
{
	while (yard.left > 0)
		kp_loop_run_once(yard.loop);
	assert_int_equal(yard.early, 0);
}

static void each_fires_once_and_not_too_early(void **state)
{
	open_yard(50);
	srand(7);
	int64_t now_ns = kp_clock_ns();
	for (int i = 0; i < MANY; i++)
		start(&yard.items[i], now_ns + rand() % (20 * KP_NS_PER_MS));
	run_all();
	int fired = 0;
	for (int i = 0; i < MANY; i++)
		fired += yard.items[i].fired;
	assert_int_equal(fired, MANY + 50);
	close_yard();
}

static void what_is_stopped_does_not_fire(void **state)
{
	open_yard(0);
	srand(8);
	int64_t now_ns = kp_clock_ns();
	for (int i = 0; i < MANY; i++)
		start(&yard.items[i], now_ns + rand() % (20 * KP_NS_PER_MS));
	for (int i = 0; i < MANY; i += 2) {
		yard.items[i].is_stopped = true;
		yard.left--;
		due_stop(&yard.items[i].due);
		due_stop(&yard.items[i].due); // once more does nothing
	}
	run_all();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(yard.items[i].fired, !yard.items[i].is_stopped);
	close_yard();
}

// A line whose timer stands at a far time must hear of a nearer one.
static void a_short_one_after_long_ones_is_in_time(void **state)
{
	open_yard(0);
	int64_t far_ns = kp_clock_ns() + 3600 * (int64_t)KP_NS_PER_S;
	start(&yard.items[0], far_ns);
	due_stop(&yard.items[0].due); // an empty line, with its timer still set
	yard.left--;
	start(&yard.items[1], kp_clock_ns() + KP_NS_PER_MS);
	run_all();
	for (int i = 2; i < 12; i++) { // all lines begin far away
		start(&yard.items[i], far_ns - i);
		yard.left--;
	}
	start(&yard.items[12], kp_clock_ns() + KP_NS_PER_MS);
	run_all();
	assert_int_equal(yard.items[1].fired + yard.items[12].fired, 2);
	for (int i = 2; i < 12; i++)
		due_stop(&yard.items[i].due);
	close_yard();
}

static void equal_timeouts_need_no_heap(void **state)
{
	open_yard(0);
	int64_t now_ns = kp_clock_ns();
	start(&yard.items[0], now_ns + KP_NS_PER_MS);
	uint64_t before = kp_mem_live();
	for (int i = 1; i < MANY; i++)
		start(&yard.items[i], now_ns + KP_NS_PER_MS + i);
	assert_int_equal(kp_mem_live(), before); // one timer in the heap for all
	run_all();
	close_yard();
}

static void a_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
	open_yard(0);
	int64_t far_ns = kp_clock_ns() + 3600 * (int64_t)KP_NS_PER_S;
	int started = 0;
	for (int i = 0; i < 100; i++) {
		struct item *item = &yard.items[i];
		item->due.timer.on_timer = on_item;
		kp_mem_fail_at(1);
		kp_err err = due_start(&yard.table, &item->due, far_ns - i);
		kp_mem_fail_at(0);
		assert_true(err == KP_OK || err == KP_ERR_NOMEM);
		item->is_stopped = err != KP_OK;
		started += err == KP_OK;
		assert_true(err == KP_OK || (item->due.timer.place == 0 && !item->due.link.next));
	}
	assert_true(started < 100);
	for (int i = 0; i < 100; i++)
		due_stop(&yard.items[i].due);
	close_yard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_fires_once_and_not_too_early),
	        cmocka_unit_test(what_is_stopped_does_not_fire),
	        cmocka_unit_test(a_short_one_after_long_ones_is_in_time),
	        cmocka_unit_test(equal_timeouts_need_no_heap),
	        cmocka_unit_test(a_lack_of_memory_is_told_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
