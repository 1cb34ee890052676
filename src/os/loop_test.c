// loop_test.c - loops, timers, fibers and waiting.
#include "base/mem.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/sock.h"
#include "os/wait.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct kp_loop *new_loop(void)
{
	struct kp_loop *loop;
	assert_int_equal(kp_loop_new(&loop), KP_OK);
	return loop;
}

struct ticks {
	struct kp_timer timer;
	struct kp_loop *loop;
	int *order;
	int *order_len;
	int id;
	int last_id;
};

static void on_tick(struct kp_timer *timer)
{
	struct ticks *ticks = KP_CONTAINER(timer, struct ticks, timer);
	assert_true(kp_clock_ns() >= timer->deadline_ns);
	ticks->order[(*ticks->order_len)++] = ticks->id;
	if (ticks->id == ticks->last_id)
		kp_loop_stop(ticks->loop);
}

static void timers_fire_in_order_and_never_early(void **state)
{
	enum {
		COUNT = 50
	};
	struct kp_loop *loop = new_loop();
	struct ticks ticks[COUNT] = {0};
	int order[COUNT], order_len = 0;
	int64_t now_ns = kp_clock_ns();
	for (int i = 0; i < COUNT; i++) {
		int id = i * 37 % COUNT;
		ticks[id] = (struct ticks){
		        {.on_timer = on_tick}, loop, order, &order_len, id, COUNT - 1};
		assert_int_equal(kp_timer_start(loop, &ticks[id].timer, now_ns + (id + 1) * 100000),
		                 KP_OK);
	}
	for (int id = 1; id < COUNT - 1; id += 3)
		kp_timer_stop(&ticks[id].timer);
	kp_loop_run(loop);
	int seen = 0;
	for (int id = 0; id < COUNT; id++)
		if (id % 3 != 1 || id == COUNT - 1)
			assert_int_equal(order[seen++], id);
	assert_int_equal(seen, order_len);
	kp_loop_free(loop);
	assert_int_equal(kp_mem_live(), 0);
}

struct sleeper {
	struct kp_loop *loop;
	struct kp_wait_list *list;
	int *left;
	kp_err outcome;
	int64_t deadline_ns;
};

static void sleep_on_list(void *arg)
{
	struct sleeper *sleeper = arg;
	volatile char stack[8192];
	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = (char)i;
	sleeper->outcome = kp_wait(sleeper->loop, sleeper->list, sleeper->deadline_ns);
	for (size_t i = 0; i < sizeof(stack); i++)
		assert_int_equal(stack[i], (char)i);
	if (--*sleeper->left == 0)
		kp_loop_stop(sleeper->loop);
}

static void wake_list(void *arg)
{
	kp_wake_all(arg);
}

static void fibers_wait_and_are_woken_or_time_out(void **state)
{
	struct kp_loop *loop = new_loop();
	struct kp_wait_list woken, forgotten;
	kp_wait_list_init(&woken);
	kp_wait_list_init(&forgotten);
	int left = 3;
	struct sleeper sleepers[] = {
	        {loop, &woken, &left, KP_ERR_STATE, kp_clock_ns() + 60 * KP_NS_PER_S},
	        {loop, &forgotten, &left, KP_ERR_STATE, kp_clock_ns() + 2 * KP_NS_PER_MS},
	        {loop, &woken, &left, KP_ERR_STATE, kp_clock_ns() + 60 * KP_NS_PER_S},
	};
	for (int i = 0; i < 3; i++)
		assert_int_equal(kp_loop_spawn(loop, sleep_on_list, &sleepers[i]), KP_OK);
	assert_int_equal(kp_loop_spawn(loop, wake_list, &woken), KP_OK);
	kp_loop_run(loop);
	assert_int_equal(sleepers[0].outcome, KP_OK);
	assert_int_equal(sleepers[1].outcome, KP_ERR_TIMEOUT);
	assert_int_equal(sleepers[2].outcome, KP_OK);
	assert_int_equal(kp_loop_fibers(loop), 0);
	kp_loop_free(loop);
	assert_int_equal(kp_mem_live(), 0);
}

struct message {
	struct kp_task task;
	struct kp_loop *loop;
	int *sum;
	int value;
};

static void on_message(struct kp_task *task)
{
	struct message *message = KP_CONTAINER(task, struct message, task);
	*message->sum += message->value;
	if (*message->sum == 4 * 1000)
		kp_loop_stop(message->loop);
}

static void *post_many(void *arg)
{
	struct message *messages = arg;
	for (int i = 0; i < 1000; i++)
		kp_loop_post(messages[i].loop, &messages[i].task);
	return NULL;
}

static void messages_of_many_threads_all_arrive(void **state)
{
	static struct message messages[4][1000];
	struct kp_loop *loop = new_loop();
	pthread_t threads[4];
	int sum = 0;
	for (int t = 0; t < 4; t++) {
		for (int i = 0; i < 1000; i++)
			messages[t][i] = (struct message){{.run = on_message}, loop, &sum, 1};
		pthread_create(&threads[t], NULL, post_many, messages[t]);
	}
	kp_loop_run(loop);
	for (int t = 0; t < 4; t++)
		pthread_join(threads[t], NULL);
	assert_int_equal(sum, 4000);
	kp_loop_free(loop);
}

enum {
	ROUNDS = 2000,
	POSTERS = 3,
};

// relay is one loop after another, each freed as soon as it has heard of every poster.
static struct {
	struct kp_loop *loops[ROUNDS]; // atomic
	struct message messages[POSTERS][ROUNDS];
} relay;

static void on_last_message(struct kp_task *task)
{
	struct message *message = KP_CONTAINER(task, struct message, task);
	if (++*message->sum == POSTERS)
		kp_loop_stop(message->loop);
}

static void *post_to_each(void *arg)
{
	struct message *messages = arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct kp_loop *loop;
		while (!(loop = __atomic_load_n(&relay.loops[i], __ATOMIC_ACQUIRE)))
			sched_yield();
		kp_loop_post(loop, &messages[i].task);
	}
	return NULL;
}

static void a_loop_may_go_once_all_messages_have_come(void **state)
{
	pthread_t threads[POSTERS];
	for (int t = 0; t < POSTERS; t++)
		pthread_create(&threads[t], NULL, post_to_each, relay.messages[t]);
	for (int i = 0; i < ROUNDS; i++) {
		struct kp_loop *loop = new_loop();
		int sum = 0;
		for (int t = 0; t < POSTERS; t++)
			relay.messages[t][i] =
			        (struct message){{.run = on_last_message}, loop, &sum, 1};
		__atomic_store_n(&relay.loops[i], loop, __ATOMIC_RELEASE);
		kp_loop_run(loop);
		kp_loop_free(loop);
	}
	for (int t = 0; t < POSTERS; t++)
		pthread_join(threads[t], NULL);
}

static void count_up(void *arg)
{
	++*(int *)arg;
}

static void a_fiber_that_never_waits_costs_no_allocation(void **state)
{
	struct kp_loop *loop = new_loop();
	int count = 0;
	assert_int_equal(kp_loop_enter(loop, count_up, &count), KP_OK);
	int64_t before = kp_mem_allocs();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(kp_loop_enter(loop, count_up, &count), KP_OK);
	assert_int_equal(count, 1001);
	assert_int_equal(kp_mem_allocs(), before);
	kp_loop_free(loop);
}

struct reader {
	struct kp_loop *loop;
	struct kp_watch *watch;
	int fd;
	char got;
};

static void on_readable(void *arg, unsigned events)
{
	struct reader *reader = arg;
	assert_int_equal(events, KP_READABLE);
	size_t size;
	char byte;
	assert_int_equal(kp_sock_read(reader->fd, &byte, 1, &size), KP_OK);
	reader->got = byte;
	kp_watch_free(reader->watch);
	kp_loop_stop(reader->loop);
}

static void a_watch_may_be_freed_in_its_own_callback(void **state)
{
	struct kp_loop *loop = new_loop();
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct reader reader = {.loop = loop, .fd = fds[0]};
	assert_int_equal(
	        kp_watch_new(loop, fds[0], KP_READABLE, on_readable, &reader, &reader.watch),
	        KP_OK);
	size_t size;
	assert_int_equal(kp_sock_write(fds[1], "x", 1, &size), KP_OK);
	kp_loop_run(loop);
	assert_int_equal(reader.got, 'x');
	close(fds[0]);
	close(fds[1]);
	kp_loop_free(loop);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_loop_survives_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_loop *loop = NULL;
		int count = 0;
		if (kp_loop_new(&loop) == KP_OK)
			(void)kp_loop_enter(loop, count_up, &count);
		kp_loop_free(loop);
		assert_int_equal(kp_mem_live(), 0);
	}
}

struct again {
	struct kp_deferred deferred;
	struct kp_timer timer;
	struct kp_loop *loop;
	int runs;
};

static void run_again(struct kp_deferred *deferred)
{
	struct again *again = KP_CONTAINER(deferred, struct again, deferred);
	again->runs++;
	kp_loop_defer(again->loop, deferred);
}

static void stop_again(struct kp_timer *timer)
{
	struct again *again = KP_CONTAINER(timer, struct again, timer);
	kp_loop_undefer(&again->deferred);
	kp_loop_stop(again->loop);
}

static void work_that_defers_itself_starves_nobody(void **state)
{
	struct kp_loop *loop = new_loop();
	struct again again = {{.run = run_again}, {.on_timer = stop_again}, loop, 0};
	assert_int_equal(kp_timer_start(loop, &again.timer, kp_clock_ns() + KP_NS_PER_MS), KP_OK);
	kp_loop_defer(loop, &again.deferred);
	kp_loop_run(loop);
	assert_true(again.runs > 1);
	kp_loop_free(loop);
	assert_int_equal(kp_mem_live(), 0);
}

static void outside_a_batch_time_goes_on(void **state)
{
	struct kp_loop *loop = new_loop();
	int64_t before_ns = kp_loop_now(loop);
	usleep(1000);
	assert_true(kp_loop_now(loop) > before_ns);
	kp_loop_free(loop);
}

static void suspend_once(void *arg)
{
	*(struct kp_fiber **)arg = kp_fiber_current();
	kp_fiber_suspend();
}

static void fibers_over_the_limit_are_refused_until_one_ends(void **state)
{
	struct kp_fiber_pool *pool = kp_fiber_pool_new(1, 2);
	struct kp_fiber *fibers[3] = {0};
	assert_int_equal(kp_fiber_run(pool, suspend_once, &fibers[0]), KP_OK);
	assert_int_equal(kp_fiber_run(pool, suspend_once, &fibers[1]), KP_OK);
	assert_int_equal(kp_fiber_run(pool, suspend_once, &fibers[2]), KP_ERR_LIMIT);
	assert_null(fibers[2]);
	kp_fiber_resume(fibers[0]);
	assert_int_equal(kp_fiber_run(pool, suspend_once, &fibers[2]), KP_OK);
	kp_fiber_resume(fibers[1]);
	kp_fiber_resume(fibers[2]);
	assert_int_equal(kp_fiber_pool_live(pool), 0);
	kp_fiber_pool_free(pool);
	assert_int_equal(kp_mem_live(), 0);
}

static void addresses_are_read_and_written(void **state)
{
	struct kp_address address;
	char text[KP_ADDRESS_TEXT_MAX];
	assert_int_equal(kp_address_parse("127.0.0.1", 80, &address), KP_OK);
	kp_address_format(&address, text);
	assert_string_equal(text, "127.0.0.1:80");
	assert_int_equal(kp_address_parse("::1", 8080, &address), KP_OK);
	kp_address_format(&address, text);
	assert_string_equal(text, "[::1]:8080");
	assert_int_equal(kp_address_port(&address), 8080);
	assert_int_equal(kp_address_parse("*", 1, &address), KP_OK);
	assert_int_equal(kp_address_parse("no such host", 1, &address), KP_ERR_INVALID);
	assert_int_equal(kp_address_resolve("localhost", 7, &address), KP_OK);
	assert_int_equal(kp_address_port(&address), 7);
	kp_address_format(&address, text);
	assert_string_equal(text, "127.0.0.1:7"); // also where ::1 comes first
}

static void a_port_in_use_is_said_so(void **state)
{
	struct kp_address address;
	int first, second;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &first), KP_OK);
	assert_int_equal(kp_sock_local(first, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &second), KP_ERR_BUSY);
	kp_sock_close(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(timers_fire_in_order_and_never_early),
	        cmocka_unit_test(fibers_wait_and_are_woken_or_time_out),
	        cmocka_unit_test(messages_of_many_threads_all_arrive),
	        cmocka_unit_test(a_loop_may_go_once_all_messages_have_come),
	        cmocka_unit_test(a_fiber_that_never_waits_costs_no_allocation),
	        cmocka_unit_test(a_watch_may_be_freed_in_its_own_callback),
	        cmocka_unit_test(a_loop_survives_running_out_of_memory),
	        cmocka_unit_test(work_that_defers_itself_starves_nobody),
	        cmocka_unit_test(outside_a_batch_time_goes_on),
	        cmocka_unit_test(fibers_over_the_limit_are_refused_until_one_ends),
	        cmocka_unit_test(addresses_are_read_and_written),
	        cmocka_unit_test(a_port_in_use_is_said_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
