// balance_test.c - which of the servers that are well a call goes to, and how that is explained.
#include "rpc/shops_fixture.h"

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
