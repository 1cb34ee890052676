// route_test.c - which servers calls go to: what a server does wrong, what only looks like it, and
// how that is explained.
#include "src/rpc/test_echo.h"

#include "base/mem.h"
#include "kipp/kipp.h"
#include "rpc/explain.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	SHOPS_MAX = 10,
	WAITING_MAX = 1000,
};

enum mood {
	GOOD,
	FAILING, // answers an error of the application's
	BUSY,    // answers -9
	SLOW,
};

struct shop {
	struct kp_server *server;
	int port;
	int id;
	enum mood mood; // atomic
	int calls;      // atomic
	struct kp_call *waiting[WAITING_MAX];
	int waiting_count; // atomic
};

struct world {
	struct shop shops[SHOPS_MAX];
	int count;
	struct kp_client *client;
	struct kp_call *call;
	char object[1024]; // with all endpoints
	struct RpcTest_Echo *echo;
};

static int32_t on_add(struct kp_call *call, int32_t a, int32_t b)
{
	struct shop *shop = kp_call_user(call);
	__atomic_fetch_add(&shop->calls, 1, __ATOMIC_RELAXED);
	switch (__atomic_load_n(&shop->mood, __ATOMIC_RELAXED)) {
	case FAILING:
		kp_call_fail(call, 7, "no");
		break;
	case BUSY:
		kp_call_fail(call, KP_RET_OVERLOAD, "busy");
		break;
	case SLOW:
		(void)kp_call_sleep(call, 20);
		break;
	case GOOD:
		break;
	}
	return shop->id;
}

// on_wait leaves the call for end_waits to answer.
static struct kp_str on_wait(struct kp_call *call, int32_t ms, struct kp_str text)
{
	struct shop *shop = kp_call_user(call);
	int count = __atomic_load_n(&shop->waiting_count, __ATOMIC_RELAXED);
	assert_true(count < WAITING_MAX);
	kp_call_defer(call);
	shop->waiting[count] = call;
	__atomic_store_n(&shop->waiting_count, count + 1, __ATOMIC_RELEASE);
	return text;
}

static const struct RpcTest_Echo_ops ops = {.add = on_add, .sleepThenSay = on_wait};

static void open_shop(struct shop *shop)
{
	int adapter;
	const struct kp_server_options options = {.application = "Test", .server = "EchoServer"};
	const struct kp_adapter_options where = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"};
	assert_int_equal(kp_server_open(&options, &shop->server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(shop->server, &where, &adapter, NULL), KP_OK);
	assert_int_equal(kp_server_serve(shop->server, adapter, "EchoObj", &RpcTest_Echo_interface,
	                                 &ops, shop),
	                 KP_OK);
	assert_int_equal(kp_server_start(shop->server), KP_OK);
	assert_int_equal(
	        sscanf(strstr(kp_server_endpoint(shop->server, 0), "-p "), "-p %d", &shop->port),
	        1);
}

// object_of writes an object with some of the endpoints, each with `options`.
static void object_of(const struct world *world, int from, int to, const char *options,
                      char text[1024])
{
	size_t len = (size_t)sprintf(text, "Test.EchoServer.EchoObj@");
	for (int i = from; i < to; i++)
		len += (size_t)sprintf(text + len, "%stcp -h 127.0.0.1 -p %d%s",
		                       i > from ? ":" : "", world->shops[i].port, options);
}

static void open_client(struct world *world)
{
	// A test waits for what happens, however slow the machine is.
	const struct kp_client_options patient = {.timeout_ms = 60000,
	                                          .connect_timeout_ms = 120000};
	assert_int_equal(kp_client_open(&patient, &world->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(world->client, &world->call), KP_OK);
	object_of(world, 0, world->count, "", world->object);
	world->echo = RpcTest_Echo_proxy(world->client, world->object);
}

static void open_world(struct world *world, int count)
{
	*world = (struct world){.count = count};
	for (int i = 0; i < count; i++) {
		world->shops[i].id = i;
		open_shop(&world->shops[i]);
	}
	open_client(world);
}

static void close_shop(struct shop *shop)
{
	kp_server_close(shop->server);
	shop->server = NULL;
}

static void close_world(struct world *world)
{
	kp_call_close(world->call);
	kp_client_close(world->client);
	for (int i = 0; i < world->count; i++)
		close_shop(&world->shops[i]);
	assert_int_equal(kp_mem_live(), 0);
}

static void set_mood(struct world *world, int i, enum mood mood)
{
	__atomic_store_n(&world->shops[i].mood, mood, __ATOMIC_RELAXED);
}

static int calls_of(const struct world *world, int i)
{
	return __atomic_load_n(&world->shops[i].calls, __ATOMIC_RELAXED);
}

static kp_err ask(struct world *world, struct RpcTest_Echo *echo, int *ret_id)
{
	int32_t id = -1;
	kp_err err = RpcTest_Echo_add(echo, world->call, 0, 0, &id);
	kp_call_reset(world->call);
	*ret_id = id;
	return err;
}

// count_calls makes calls and counts who was asked; returns how many failed.
static int count_calls(struct world *world, struct RpcTest_Echo *echo, int count,
                       int counts[SHOPS_MAX])
{
	int before[SHOPS_MAX], failed = 0, id;
	for (int i = 0; i < world->count; i++)
		before[i] = calls_of(world, i);
	for (int i = 0; i < count; i++)
		failed += ask(world, echo, &id) != KP_OK;
	for (int i = 0; i < world->count; i++)
		counts[i] = calls_of(world, i) - before[i];
	return failed;
}

static bool is_explained(struct world *world, const char *object, const char *text)
{
	struct kp_buf out = {0};
	assert_int_equal(kp_client_explain(world->client, object, &out), KP_OK);
	bool is_there = memmem(out.data, out.len, text, strlen(text)) != NULL;
	kp_buf_fini(&out);
	return is_there;
}

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

// --- keys, weights, subsets

static int order_of_ports(const void *a, const void *b)
{
	char texts[2][16];
	snprintf(texts[0], sizeof(texts[0]), "%d", (*(const struct shop *const *)a)->port);
	snprintf(texts[1], sizeof(texts[1]), "%d", (*(const struct shop *const *)b)->port);
	return strcmp(texts[0], texts[1]);
}

static void a_hash_is_a_place_in_the_list_as_tars_orders_it(void **state)
{
	struct world world;
	int id;
	open_world(&world, 5);
	const struct shop *ordered[5];
	for (int i = 0; i < 5; i++)
		ordered[i] = &world.shops[i];
	qsort(ordered, 5, sizeof(*ordered), order_of_ports);
	for (uint32_t hash = 0; hash < 50; hash++) {
		kp_call_set_hash(world.call, hash * 7);
		assert_int_equal(ask(&world, world.echo, &id), KP_OK);
		assert_int_equal(id, ordered[hash * 7 % 5]->id);
	}
	close_world(&world);
}

// Trap: consistent hash by host only. All of these servers have one host.
static void consistent_hash_by_host_only(void **state)
{
	struct world world;
	int counts[SHOPS_MAX] = {0};
	open_world(&world, 5);
	for (int key = 0; key < 100; key++) {
		char text[16];
		int first = -1, id;
		snprintf(text, sizeof(text), "user-%d", key);
		for (int i = 0; i < 3; i++) {
			kp_call_set_key(world.call, kp_str(text));
			assert_int_equal(ask(&world, world.echo, &id), KP_OK);
			assert_true(first < 0 || id == first);
			first = id;
		}
		counts[first]++;
	}
	for (int i = 0; i < 5; i++)
		assert_true(counts[i] > 0);
	kp_call_set_key(world.call, kp_str("")); // and without one in turn again
	assert_int_equal(count_calls(&world, world.echo, 10, counts), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(counts[i], 2);
	close_world(&world);
}

static void weights_are_followed_and_zero_is_none(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	char object[512];
	open_world(&world, 3);
	snprintf(object, sizeof(object),
	         "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d -w 20 -v 1:"
	         "tcp -h 127.0.0.1 -p %d -w 10 -v 1:tcp -h 127.0.0.1 -p %d -w 0 -v 1",
	         world.shops[0].port, world.shops[1].port, world.shops[2].port);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(world.client, object);
	assert_int_equal(count_calls(&world, echo, 60, counts), 0);
	assert_int_equal(counts[0], 40);
	assert_int_equal(counts[1], 20);
	assert_int_equal(counts[2], 0);
	assert_true(is_explained(&world, object, "its weight is 0"));
	close_world(&world);
}

static void a_subset_is_all_that_is_called(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 6);
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)world.echo,
	                                    &(struct kp_proxy_options){.subset_size = 2}),
	                 KP_OK);
	assert_int_equal(count_calls(&world, world.echo, 40, counts), 0);
	int members = 0;
	for (int i = 0; i < 6; i++) {
		assert_true(counts[i] == 0 || counts[i] == 20);
		members += counts[i] > 0;
	}
	assert_int_equal(members, 2);
	close_world(&world);
}

static void the_slower_server_gets_fewer_calls(void **state)
{
	struct world world;
	int counts[SHOPS_MAX];
	open_world(&world, 2);
	set_mood(&world, 1, SLOW);
	assert_int_equal(kp_proxy_configure(
	                         (struct kp_proxy *)world.echo,
	                         &(struct kp_proxy_options){.balancer = KP_BALANCE_LEAST_LATENCY}),
	                 KP_OK);
	assert_int_equal(count_calls(&world, world.echo, 300, counts), 0);
	assert_true(counts[1] < counts[0] / 2);
	close_world(&world);
}

static void wrong_options_are_refused(void **state)
{
	struct world world;
	open_world(&world, 1);
	static const struct kp_proxy_options wrong[] = {
	        {.balancer = (enum kp_balancer)77},
	        {.balancer = (enum kp_balancer) - 1},
	        {.subset_size = -1},
	        {.slow_start_ms = -1},
	        {.isolated_share_max = 101},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(kp_proxy_configure((struct kp_proxy *)world.echo, &wrong[i]),
		                 KP_ERR_INVALID);
	close_world(&world);
}

// --- explanations

static void nobody_explains_what_was_never_called(void **state)
{
	struct world world;
	struct kp_buf out = {0};
	int id;
	open_world(&world, 1);
	assert_int_equal(kp_client_explain(world.client, world.object, &out), KP_ERR_NOTFOUND);
	assert_int_equal(ask(&world, world.echo, &id), KP_OK);
	assert_int_equal(kp_client_explain(world.client, "Test.EchoServer.EchoObj", &out), KP_OK);
	assert_true(memmem(out.data, out.len, "its turn", 8) != NULL);
	kp_buf_fini(&out);
	close_world(&world);
}

struct asking {
	struct world *world;
	bool is_over; // atomic
	int explained;
};

static void *keep_asking(void *arg)
{
	struct asking *asking = arg;
	while (!__atomic_load_n(&asking->is_over, __ATOMIC_RELAXED)) {
		struct kp_buf out = {0};
		asking->explained += kp_client_explain(asking->world->client, asking->world->object,
		                                       &out) == KP_OK;
		kp_buf_fini(&out);
	}
	return NULL;
}

static void explaining_disturbs_nobody(void **state)
{
	struct world world;
	int counts[SHOPS_MAX], id;
	open_world(&world, 3);
	close_shop(&world.shops[2]);
	assert_int_equal(ask(&world, world.echo, &id), KP_OK);
	struct asking asking = {.world = &world};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, keep_asking, &asking), 0);
	for (int i = 1; i <= 20; i++) {
		const struct kp_proxy_options options = {.subset_size = i % 3};
		assert_int_equal(kp_proxy_configure((struct kp_proxy *)world.echo, &options),
		                 KP_OK);
		assert_int_equal(count_calls(&world, world.echo, 50, counts), 0);
	}
	__atomic_store_n(&asking.is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(asking.explained > 0);
	close_world(&world);
}

static void routes_survive_running_out_of_memory(void **state)
{
	struct world world;
	open_world(&world, 3);
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_client *client = NULL;
		struct kp_call *call = NULL;
		struct kp_buf out = {0};
		int32_t id;
		kp_err err = kp_client_open(&(struct kp_client_options){0}, &client, NULL);
		if (err == KP_OK)
			err = kp_call_open(client, &call);
		struct RpcTest_Echo *echo =
		        err == KP_OK ? RpcTest_Echo_proxy(client, world.object) : NULL;
		if (echo)
			(void)kp_proxy_configure(
			        (struct kp_proxy *)echo,
			        &(struct kp_proxy_options){.balancer = KP_BALANCE_CONSISTENT_HASH});
		if (echo) {
			kp_call_set_key(call, kp_str("k"));
			err = RpcTest_Echo_add(echo, call, 0, 0, &id);
			(void)kp_client_explain(client, world.object, &out);
		}
		kp_buf_fini(&out);
		kp_call_close(call);
		kp_client_close(client);
		if (!kp_mem_has_failed())
			assert_int_equal(err, KP_OK);
	}
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
	        cmocka_unit_test(connection_refused_that_waits_out_the_whole_connect_timeout),
	        cmocka_unit_test(a_dead_server_of_ten_fails_nobody),
	        cmocka_unit_test(evidence_is_pooled_over_all_loops),
	        cmocka_unit_test(as_many_are_isolated_as_is_allowed),
	        cmocka_unit_test(a_hash_is_a_place_in_the_list_as_tars_orders_it),
	        cmocka_unit_test(consistent_hash_by_host_only),
	        cmocka_unit_test(weights_are_followed_and_zero_is_none),
	        cmocka_unit_test(a_subset_is_all_that_is_called),
	        cmocka_unit_test(the_slower_server_gets_fewer_calls),
	        cmocka_unit_test(wrong_options_are_refused),
	        cmocka_unit_test(nobody_explains_what_was_never_called),
	        cmocka_unit_test(explaining_disturbs_nobody),
	        cmocka_unit_test(routes_survive_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
