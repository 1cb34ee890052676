// route_test.c - what a server does wrong, and what only looks like it.
#include "rpc/shops_fixture.h"

// --- the innocent

struct answers {
	int all, right;
};

static void on_said(void *arg, kp_err err, const struct RpcTest_Echo_sleepThenSay_result *result)
{
	struct answers *answers = arg;
	answers->all++;
	answers->right += err == KP_ERR_SERVER; // as end_waits answers
}

// begin_waits has `count` calls wait in their handlers.
static void begin_waits(struct world *world, int count, struct answers *answers)
{
	int waiting = 0;
	for (int i = 0; i < count; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(world->echo, 0, kp_str("x"),
		                                                 on_said, answers),
		                 KP_OK);
	while (waiting < count) {
		(void)kp_client_drive(world->client, 1);
		waiting = 0;
		for (int i = 0; i < world->count; i++)
			waiting +=
			        __atomic_load_n(&world->shops[i].waiting_count, __ATOMIC_ACQUIRE);
	}
}

static void end_waits(struct world *world)
{
	for (int i = 0; i < world->count; i++) {
		struct shop *shop = &world->shops[i];
		int count = __atomic_load_n(&shop->waiting_count, __ATOMIC_ACQUIRE);
		for (int w = 0; w < count; w++) {
			kp_call_fail(shop->waiting[w], 5, "at last");
			kp_call_done(shop->waiting[w]);
		}
	}
	assert_int_equal(kp_client_drive(world->client, 60000), KP_OK);
}

static void forty_in_flight_survive_an_error_answered_and_the_server_keeps_its_share(void **state)
{
	struct world world;
	struct answers answers = {0};
	int counts[SHOPS_MAX], id;
	open_world(&world, 2);
	begin_waits(&world, 40, &answers);
	set_mood(&world, 0, FAILING);
	int failed = 0;
	for (int i = 0; i < 2; i++)
		failed += ask(&world, world.echo, &id) != KP_OK;
	assert_int_equal(failed, 1);
	set_mood(&world, 0, GOOD);
	assert_int_equal(count_calls(&world, world.echo, 40, counts), 0);
	assert_int_equal(counts[0], 20);
	assert_int_equal(counts[1], 20);
	end_waits(&world);
	assert_int_equal(answers.all, 40);
	assert_int_equal(answers.right, 40);
	close_world(&world);
}

// Trap: any non-zero return counted as a sick server.
static void any_non_zero_return_counted_as_a_sick_server(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 2);
	set_mood(&world, 0, FAILING);
	assert_int_equal(count_calls(&world, world.echo, 400, counts), 200);
	assert_int_equal(counts[0], 200);
	assert_int_equal(counts[1], 200);
	assert_true(is_explained(&world, world.object, "health 2"));
	close_world(&world);
}

// Trap: isolation that closes a connection and loses the innocent calls in flight. Three calls in a
// row that are late, while others are answered, isolate a server; what waits there is not lost.
static void isolation_that_closes_a_connection_and_loses_the_innocent_calls_in_flight(void **state)
{
	struct world world;
	struct answers answers = {0};
	char object[1024];
	int id;
	open_world(&world, 2);
	begin_waits(&world, 20, &answers);
	object_of(&world, 0, 1, "", object);
	struct RpcTest_Echo *first = RpcTest_Echo_proxy(world.client, object);
	const struct kp_function_policy hasty[] = {{.function = "sleepThenSay", .timeout_ms = 300}};
	assert_int_equal(kp_proxy_configure(
	                         (struct kp_proxy *)first,
	                         &(struct kp_proxy_options){.policies = hasty, .policy_count = 1}),
	                 KP_OK);
	for (int tries = 0; !is_explained(&world, world.object, "dropped by health"); tries++) {
		struct answers late = {0};
		assert_true(tries < 50);
		for (int i = 0; i < 3; i++)
			assert_int_equal(RpcTest_Echo_sleepThenSay_async(first, 0, kp_str("y"),
			                                                 on_said, &late),
			                 KP_OK);
		assert_int_equal(ask(&world, first, &id), KP_OK); // the connection is not silent
		while (late.all < 3)
			(void)kp_client_drive(world.client, 10);
		assert_int_equal(late.right, 0);
		int counts[SHOPS_MAX]; // has the table take note
		assert_int_equal(count_calls(&world, world.echo, 1, counts), 0);
	}
	end_waits(&world);
	assert_int_equal(answers.all, 20);
	assert_int_equal(answers.right, 20);
	close_world(&world);
}

static void on_added(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct answers *answers = arg;
	answers->all++;
	answers->right += err == KP_OK;
}

// Whoever was asleep, or held by a handler, cannot say that the others were silent: the first
// call's time-out is looked at before the answers that have come since, and so are the others'
// then.
static void a_loop_that_was_held_is_no_witness(void **state)
{
	struct world world;
	struct answers answers = {0}, waits = {0};
	int counts[SHOPS_MAX];
	open_world(&world, 2);
	assert_int_equal(count_calls(&world, world.echo, 4, counts), 0);
	static const struct kp_function_policy hasty[] = {
	        {.function = "add", .timeout_ms = 100},
	        {.function = "sleepThenSay", .timeout_ms = 10}};
	const struct kp_proxy_options options = {.policies = hasty, .policy_count = 2};
	struct kp_proxy *proxy = (struct kp_proxy *)world.echo;
	assert_int_equal(kp_proxy_configure(proxy, &options), KP_OK);
	set_mood(&world, 0, SLOW);
	set_mood(&world, 1, SLOW);
	assert_int_equal(
	        RpcTest_Echo_sleepThenSay_async(world.echo, 0, kp_str("x"), on_said, &waits),
	        KP_OK);
	for (int i = 0; i < 6; i++)
		assert_int_equal(RpcTest_Echo_add_async(world.echo, 0, 0, on_added, &answers),
		                 KP_OK);
	(void)kp_client_drive(world.client, 1); // they are on their way
	usleep(1400000);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(answers.all + waits.all, 7);
	assert_int_equal(kp_proxy_configure(proxy, &(struct kp_proxy_options){0}), KP_OK);
	assert_int_equal(count_calls(&world, world.echo, 4, counts), 0);
	assert_int_equal(counts[0],
	                 2); // nobody was left out meanwhile, and no connection let go of
	for (int i = 0; i < 2; i++) {
		struct kp_adapter_stats stats;
		kp_server_stats(world.shops[i].server, 0, &stats);
		assert_int_equal(stats.connections_accepted, 1);
	}
	assert_true(is_explained(&world, world.object, "health 2"));
	assert_false(is_explained(&world, world.object, "kept by health"));
	set_mood(&world, 0, GOOD);
	set_mood(&world, 1, GOOD);
	end_waits(&world);
	close_world(&world);
}

// --- the busy

static void a_server_that_answers_minus_nine_keeps_being_called_with_lower_weight(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 2);
	set_mood(&world, 0, BUSY);
	count_calls(&world, world.echo, 20, counts);
	assert_true(counts[0] > 0);
	for (int tries = 0; !is_explained(&world, world.object, "busy, eased to 1"); tries++) {
		assert_true(tries < 5000);
		count_calls(&world, world.echo, 20, counts);
		usleep(5000);
	}
	count_calls(&world, world.echo, 400, counts);
	assert_true(counts[0] > 0 && counts[0] < counts[1] / 2);
	assert_true(is_explained(&world, world.object, "health 2"));
	set_mood(&world, 0, GOOD);
	for (int tries = 0; is_explained(&world, world.object, "busy"); tries++) {
		assert_true(tries < 5000);
		assert_int_equal(count_calls(&world, world.echo, 20, counts), 0);
		usleep(5000);
	}
	assert_int_equal(count_calls(&world, world.echo, 40, counts), 0);
	assert_int_equal(counts[0], 20);
	close_world(&world);
}

// --- the dead

// Trap: connection refused that waits out the whole connect timeout, which here is two minutes.
static void connection_refused_that_waits_out_the_whole_connect_timeout(void **state)
{
	struct world world;
	int id;
	open_world(&world, 1);
	close_shop(&world.shops[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&world, world.echo, &id), KP_ERR_CONNECT); // not TIMEOUT
	close_world(&world);
}

static void a_dead_server_of_ten_fails_nobody(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 10);
	close_shop(&world.shops[3]);
	assert_int_equal(count_calls(&world, world.echo, 300, counts), 0);
	assert_int_equal(counts[3], 0);
	assert_true(is_explained(&world, world.object, "health 9"));
	close_world(&world);
}

// visit makes some calls on a thread, with a loop of its own.
static void *visit(void *arg)
{
	struct world *world = arg;
	struct kp_call *call;
	intptr_t failed = 0;
	assert_int_equal(kp_call_open(world->client, &call), KP_OK);
	for (int i = 0; i < 20; i++) {
		int32_t id;
		failed += RpcTest_Echo_add(world->echo, call, 0, 0, &id) != KP_OK;
	}
	kp_call_close(call);
	if (is_explained(world, world->object, "(retry)"))
		failed += 1000;
	return (void *)failed;
}

// What one loop has found out spares the others: they never go to the dead server.
static void evidence_is_pooled_over_all_loops(void **state)
{
	struct world world;
	open_world(&world, 2);
	close_shop(&world.shops[1]);
	pthread_t thread;
	void *failed;
	assert_int_equal(pthread_create(&thread, NULL, visit, &world), 0);
	pthread_join(thread, &failed);
	assert_int_equal((intptr_t)failed, 1000); // this one had to go elsewhere once
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pthread_create(&thread, NULL, visit, &world), 0);
		pthread_join(thread, &failed);
		assert_int_equal((intptr_t)failed, 0);
	}
	close_world(&world);
}

enum {
	CALLERS = 30,
	CALLS = 10, // of each, fewer than an explanation tells
};

struct callers {
	struct world *world;
	pthread_barrier_t all_have_called, told;
	int failed; // atomic
};

static void *call_seldom(void *arg)
{
	struct callers *callers = arg;
	struct kp_call *call;
	assert_int_equal(kp_call_open(callers->world->client, &call), KP_OK);
	for (int i = 0; i < CALLS; i++) {
		int32_t id;
		if (RpcTest_Echo_add(callers->world->echo, call, 0, 0, &id) != KP_OK)
			__atomic_fetch_add(&callers->failed, 1, __ATOMIC_RELAXED);
		usleep(20000);
	}
	kp_call_close(call);
	pthread_barrier_wait(&callers->all_have_called);
	pthread_barrier_wait(&callers->told);
	return NULL;
}

static int count_text(const struct kp_buf *in, const char *text)
{
	int count = 0;
	const char *at = (const char *)in->data, *end = at + in->len;
	for (; (at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL; at++)
		count++;
	return count;
}

// Each by itself would find the dead one of ten out anew.
static void many_that_seldom_call_hardly_notice_a_dead_server(void **state)
{
	struct world world;
	struct kp_buf out = {0};
	pthread_t threads[CALLERS];
	open_world(&world, 10);
	close_shop(&world.shops[4]);
	struct callers callers = {.world = &world};
	pthread_barrier_init(&callers.all_have_called, NULL, CALLERS + 1);
	pthread_barrier_init(&callers.told, NULL, CALLERS + 1);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_seldom, &callers), 0);
	pthread_barrier_wait(&callers.all_have_called);
	assert_int_equal(kp_client_explain(world.client, world.object, &out), KP_OK);
	pthread_barrier_wait(&callers.told);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(callers.failed, 0);
	assert_int_equal(count_text(&out, "as a thread's own loop"), CALLERS);
	printf("%d of %d calls went to it\n", count_text(&out, "(retry)"), CALLERS * CALLS);
	assert_true(count_text(&out, "(retry)") < CALLERS / 2);
	kp_buf_fini(&out);
	pthread_barrier_destroy(&callers.all_have_called);
	pthread_barrier_destroy(&callers.told);
	close_world(&world);
}

static void as_many_are_isolated_as_is_allowed(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 4);
	struct kp_proxy *proxy = (struct kp_proxy *)world.echo;
	for (int i = 0; i < 3; i++)
		close_shop(&world.shops[i]);
	assert_int_equal(count_calls(&world, world.echo, 40, counts), 0);
	assert_true(is_explained(&world, world.object, "health 2"));
	assert_true(is_explained(&world, world.object, "sick, kept by health"));
	const struct kp_proxy_options none = {.isolated_share_max = -1};
	assert_int_equal(kp_proxy_configure(proxy, &none), KP_OK);
	assert_int_equal(count_calls(&world, world.echo, 8, counts), 0);
	assert_true(is_explained(&world, world.object, "health 4"));
	const struct kp_proxy_options most = {.isolated_share_max = 100};
	assert_int_equal(kp_proxy_configure(proxy, &most), KP_OK);
	assert_int_equal(count_calls(&world, world.echo, 8, counts), 0);
	assert_true(is_explained(&world, world.object, "health 1"));
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(
	                forty_in_flight_survive_an_error_answered_and_the_server_keeps_its_share),
	        cmocka_unit_test(any_non_zero_return_counted_as_a_sick_server),
	        cmocka_unit_test(
	                isolation_that_closes_a_connection_and_loses_the_innocent_calls_in_flight),
	        cmocka_unit_test(
	                a_server_that_answers_minus_nine_keeps_being_called_with_lower_weight),
	        cmocka_unit_test(a_loop_that_was_held_is_no_witness),
	        cmocka_unit_test(connection_refused_that_waits_out_the_whole_connect_timeout),
	        cmocka_unit_test(a_dead_server_of_ten_fails_nobody),
	        cmocka_unit_test(evidence_is_pooled_over_all_loops),
	        cmocka_unit_test(many_that_seldom_call_hardly_notice_a_dead_server),
	        cmocka_unit_test(as_many_are_isolated_as_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
