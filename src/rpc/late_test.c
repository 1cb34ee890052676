// late_test.c - answers that come later, and handlers on a pool's threads.
#include "rpc/fixture.h"

#include "kipp/stub.h"
#include "os/fiber.h"
#include "os/thread.h"
#include "rpc/server_internal.h"

// --- answers that come later

static struct {
	pthread_mutex_t lock;
	struct kp_call *calls[256];
	int count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int kept_count(void)
{
	pthread_mutex_lock(&kept.lock);
	int count = kept.count;
	pthread_mutex_unlock(&kept.lock);
	return count;
}

static int32_t keep(struct kp_call *call, int32_t what)
{
	kp_call_defer(call);
	pthread_mutex_lock(&kept.lock);
	kept.calls[kept.count++] = call;
	pthread_mutex_unlock(&kept.lock);
	return -1; // ignored
}

static struct kp_call *take_kept(void)
{
	pthread_mutex_lock(&kept.lock);
	struct kp_call *call = kept.count > 0 ? kept.calls[--kept.count] : NULL;
	pthread_mutex_unlock(&kept.lock);
	return call;
}

static void answer_int(struct kp_call *call, int32_t value)
{
	struct kp_buf *out = kp_call_answer_late(call);
	if (out)
		kp_i32_encode(out, 0, value);
	kp_call_done(call);
}

struct counted {
	int good;
	int other;
	int32_t sum;
};

static void on_hooked(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	struct counted *counted = arg;
	counted->good += err == KP_OK;
	counted->other += err != KP_OK;
	if (err == KP_OK)
		counted->sum += result->ret;
}

static void *answer_all(void *arg)
{
	int *count = arg;
	for (int done = 0; done < *count;) {
		struct kp_call *call = take_kept();
		if (!call) {
			usleep(100);
			continue;
		}
		answer_int(call, 7);
		done++;
	}
	return NULL;
}

static void deferred_calls_are_answered_from_any_thread(void **state)
{
	int count = 200;
	hook = keep;
	struct world world = open_world(2);
	struct counted counted = {0};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, answer_all, &count), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(RpcTest_Echo_hook_async(world.echo, i, on_hooked, &counted),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	pthread_join(thread, NULL);
	assert_int_equal(counted.good, count);
	assert_int_equal(counted.sum, 7 * count);
	assert_int_equal(stats_of(&world).answers, count);
	close_world(&world);
}

static int32_t answer_before_returning(struct kp_call *call, int32_t what)
{
	kp_call_defer(call);
	answer_int(call, what + 1);
	return 0;
}

static void a_deferred_call_may_be_done_before_its_handler_returns(void **state)
{
	hook = answer_before_returning;
	struct world world = open_world(1);
	for (int i = 0; i < 100; i++) {
		int32_t ret = 0;
		assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, i, &ret), KP_OK);
		assert_int_equal(ret, i + 1);
	}
	close_world(&world);
}

static int32_t fail_later(struct kp_call *call, int32_t what)
{
	kp_call_defer(call);
	if (what != 0)
		kp_call_fail(call, what, "number %d", what);
	kp_call_done(call);
	return 0;
}

static void a_deferred_call_may_fail_and_must_not_stay_silent(void **state)
{
	hook = fail_later;
	struct world world = open_world(1);
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 42, &ret), KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(world.call), 42);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 0, &ret), KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(world.call), KP_RET_UNKNOWN);
	close_world(&world);
}

static void a_deferred_oneway_call_ends_without_an_answer(void **state)
{
	hook = answer_before_returning;
	struct world world = open_world(1);
	assert_int_equal(RpcTest_Echo_hook_oneway(world.echo, 1), KP_OK);
	wait_for(stats_of(&world).oneways == 2); // with the client's greeting
	assert_int_equal(stats_of(&world).answers, 0);
	close_world(&world);
}

static void a_deferred_answer_whose_caller_is_gone_is_dropped(void **state)
{
	hook = keep;
	struct world world = open_world(1);
	struct kp_client *client;
	assert_int_equal(kp_client_open(&patient, &client, NULL), KP_OK);
	struct counted counted = {0};
	assert_int_equal(RpcTest_Echo_hook_async(RpcTest_Echo_proxy(client, world.object), 1,
	                                         on_hooked, &counted),
	                 KP_OK);
	assert_int_equal(kp_client_drive(client, 20), KP_ERR_TIMEOUT);
	wait_for(kept_count() == 1);
	kp_client_close(client);
	assert_int_equal(counted.other, 1);
	wait_for(stats_of(&world).connections_open == 0);
	answer_int(take_kept(), 1);
	close_world(&world);
}

static void deferred_calls_work_over_udp(void **state)
{
	int count = 1;
	hook = keep;
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0"});
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, answer_all, &count), 0);
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 1, &ret), KP_OK);
	assert_int_equal(ret, 7);
	pthread_join(thread, NULL);
	close_world(&world);
}

static void *stop_server(void *arg)
{
	kp_server_stop(arg, 60000);
	return NULL;
}

static void a_stopping_server_waits_for_what_is_deferred(void **state)
{
	hook = keep;
	struct world world = open_world(1);
	struct counted counted = {0};
	assert_int_equal(RpcTest_Echo_hook_async(world.echo, 1, on_hooked, &counted), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 20), KP_ERR_TIMEOUT);
	wait_for(kept_count() == 1);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_server, world.server), 0);
	answer_int(take_kept(), 9);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.sum, 9);
	pthread_join(thread, NULL);
	close_world(&world);
}

// --- pools

static const struct kp_adapter_options pooled = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
                                                 .pool_threads = 2};

static pthread_barrier_t both;

static int32_t meet(struct kp_call *call, int32_t what)
{
	assert_null(kp_fiber_current());
	pthread_barrier_wait(&both);
	return what;
}

static void handlers_of_a_pool_may_block(void **state)
{
	hook = meet;
	pthread_barrier_init(&both, NULL, 2);
	struct world world = open_world_with(1, &pooled);
	struct counted counted = {0};
	for (int i = 0; i < 20; i++)
		assert_int_equal(RpcTest_Echo_hook_async(world.echo, i, on_hooked, &counted),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.good, 20);
	assert_int_equal(counted.sum, 190);
	close_world(&world);
	pthread_barrier_destroy(&both);
}

static void a_pool_answers_like_a_fiber(void **state)
{
	struct world world = open_world_with(1, &pooled);
	struct kp_bytes body = {(const uint8_t *)"some bytes", 10}, back;
	int32_t ret;
	struct kp_str text;
	assert_int_equal(RpcTest_Echo_echo(world.echo, world.call, body, &back, &ret), KP_OK);
	assert_int_equal(back.len, 10);
	assert_memory_equal(back.ptr, body.ptr, 10);
	assert_int_equal(RpcTest_Echo_fail(world.echo, world.call, 5, kp_str("five"), &ret),
	                 KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(world.call), 5);
	assert_true(kp_str_equal(kp_call_reason(world.call), kp_str("five")));
	assert_int_equal(RpcTest_Echo_sleepThenSay(world.echo, world.call, 1, kp_str("x"), &text),
	                 KP_OK);
	assert_int_equal(
	        RpcTest_Echo_relay(world.echo, world.call, kp_str(world.object), 1, &text, &ret),
	        KP_OK);
	assert_true(kp_str_equal(text, kp_str("1-end")));
	close_world(&world);
}

static struct {
	pthread_mutex_t lock;
	int entered; // atomic
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int32_t pass_the_gate(struct kp_call *call, int32_t what)
{
	__atomic_fetch_add(&gate.entered, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&gate.lock);
	pthread_mutex_unlock(&gate.lock);
	return what;
}

static int entered(void)
{
	return __atomic_load_n(&gate.entered, __ATOMIC_RELAXED);
}

static void close_gate(void)
{
	hook = pass_the_gate;
	__atomic_store_n(&gate.entered, 0, __ATOMIC_RELAXED);
	pthread_mutex_lock(&gate.lock);
}

static void send_hooks(struct world *world, struct counted *counted, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(RpcTest_Echo_hook_async(world->echo, 1, on_hooked, counted),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world->client, 1), KP_ERR_TIMEOUT);
}

static void over_the_ceiling_a_pool_refuses_at_once(void **state)
{
	struct kp_adapter_options options = pooled;
	options.queue_max = 6;
	struct world world = open_world_with(1, &options);
	struct counted counted = {0};
	close_gate();
	send_hooks(&world, &counted, 6);
	wait_for(entered() == 2);
	int32_t ret;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 1, &ret), KP_ERR_OVERLOAD);
	assert_int_equal(kp_call_ret(world.call), KP_RET_OVERLOAD);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.good, 6);
	assert_int_equal(stats_of(&world).refused_overload, 1);
	close_world(&world);
}

static void what_waited_too_long_in_the_queue_is_not_begun(void **state)
{
	struct kp_adapter_options options = pooled;
	options.queue_timeout_ms = 500;
	struct world world = open_world_with(1, &options);
	struct counted counted = {0};
	close_gate();
	send_hooks(&world, &counted, 5);
	wait_for(entered() == 2 && stats_of(&world).requests == 6); // with the client's greeting
	kp_thread_sleep_until(kp_clock_ns() + 600 * KP_NS_PER_MS);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.good, 2);
	assert_int_equal(counted.other, 3);
	assert_int_equal(entered(), 2);
	kp_server_stop(world.server, 60000);
	// Those are nothing that the server can do, or ever more would be let in to wait in vain.
	// The third is the greeting.
	assert_int_equal(world.server->loops[0].adapters[0].limiter.finished, 3);
	close_world(&world);
}

static void work_whose_deadline_passed_in_the_queue_is_not_begun(void **state)
{
	struct world world = open_world_with(1, &pooled);
	struct counted counted = {0};
	close_gate();
	send_hooks(&world, &counted, 2);
	wait_for(entered() == 2);
	int32_t ret;
	kp_call_set_timeout(world.call, 5);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 1, &ret), KP_ERR_TIMEOUT);
	wait_for(stats_of(&world).requests == 4); // with the client's greeting
	kp_thread_sleep_until(kp_clock_ns() + 50 * KP_NS_PER_MS);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	kp_server_stop(world.server, 60000);
	assert_int_equal(entered(), 2);
	close_world(&world);
}

static void a_pool_that_is_stopped_ends_its_queue(void **state)
{
	struct world world = open_world_with(1, &pooled);
	struct counted counted = {0};
	close_gate();
	send_hooks(&world, &counted, 10);
	wait_for(entered() == 2 && stats_of(&world).requests == 11);
	pthread_t thread;
	assert_int_equal(
	        pthread_create(&thread, NULL, (void *(*)(void *))stop_server, world.server), 0);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.good, 10); // the grace was long enough for all
	pthread_join(thread, NULL);
	close_world(&world);
}

// The other loop has nobody and is done at once; that is no reason to give up what this one's
// callers wait for.
static void a_loop_that_ends_first_leaves_the_queue_of_others(void **state)
{
	struct world world = open_world_with(2, &pooled);
	struct counted counted = {0};
	close_gate();
	send_hooks(&world, &counted, 10);
	wait_for(entered() == 2 && stats_of(&world).requests == 11);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_server, world.server), 0);
	assert_int_equal(kp_client_drive(world.client, 100), KP_ERR_TIMEOUT);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(counted.good, 10);
	pthread_join(thread, NULL);
	close_world(&world);
}

// What one caller's request failed of is nothing that the next one's answer may carry.
static void an_answer_brings_no_reason_of_an_earlier_failure(void **state)
{
	struct world world = open_world_with(1, &pooled);
	int32_t ret = 0;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(
		        RpcTest_Echo_fail(world.echo, world.call, 5, kp_str("a secret"), &ret),
		        KP_ERR_SERVER);
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret), KP_OK);
		assert_int_equal(ret, 3);
		assert_int_equal(kp_call_reason(world.call).len, 0);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(deferred_calls_are_answered_from_any_thread),
	        cmocka_unit_test(a_deferred_call_may_be_done_before_its_handler_returns),
	        cmocka_unit_test(a_deferred_call_may_fail_and_must_not_stay_silent),
	        cmocka_unit_test(a_deferred_oneway_call_ends_without_an_answer),
	        cmocka_unit_test(a_deferred_answer_whose_caller_is_gone_is_dropped),
	        cmocka_unit_test(deferred_calls_work_over_udp),
	        cmocka_unit_test(a_stopping_server_waits_for_what_is_deferred),
	        cmocka_unit_test(handlers_of_a_pool_may_block),
	        cmocka_unit_test(a_pool_answers_like_a_fiber),
	        cmocka_unit_test(over_the_ceiling_a_pool_refuses_at_once),
	        cmocka_unit_test(what_waited_too_long_in_the_queue_is_not_begun),
	        cmocka_unit_test(work_whose_deadline_passed_in_the_queue_is_not_begun),
	        cmocka_unit_test(a_pool_that_is_stopped_ends_its_queue),
	        cmocka_unit_test(a_loop_that_ends_first_leaves_the_queue_of_others),
	        cmocka_unit_test(an_answer_brings_no_reason_of_an_earlier_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
