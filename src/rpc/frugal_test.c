// frugal_test.c - what calls cost once everything has found its size: no allocation, on either
// side.
#include "rpc/fake.h"

enum {
	WIDTH = 32,
};

struct flow {
	struct RpcTest_Echo *echo;
	int left;
	int wrong;
};

static void on_echo_again(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct flow *flow = arg;
	flow->wrong += err != KP_OK || result->ret != 3;
	if (flow->left-- > 0)
		flow->wrong +=
		        RpcTest_Echo_add_async(flow->echo, 1, 2, on_echo_again, flow) != KP_OK;
}

static void flow_async(struct world *world, int count)
{
	struct flow flow = {.echo = world->echo, .left = count};
	for (int i = 0; i < WIDTH; i++)
		on_echo_again(&flow, KP_OK, &(struct RpcTest_Echo_add_result){.ret = 3});
	assert_int_equal(kp_client_drive(world->client, 60000), KP_OK);
	assert_int_equal(flow.wrong, 0);
}

// expect_settled repeats a load until a round of it has allocated nothing: what is kept for reuse
// grows with the largest burst, which the other threads decide.
static void expect_settled(struct world *world, void (*load)(struct world *world, int count),
                           int count)
{
	int64_t before, after;
	int rounds = 0;
	do {
		before = kp_mem_allocs();
		load(world, count);
		after = kp_mem_allocs();
	} while (after != before && ++rounds < 50);
	assert_int_equal(after, before);
}

static void asynchronous_calls_allocate_nothing(void **state)
{
	struct world world = open_world(1);
	expect_settled(&world, flow_async, 3000);
	close_world(&world);
}

static void call_plainly(struct world *world, int count)
{
	for (int i = 0; i < count; i++) {
		int32_t sum;
		assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 1, 2, &sum), KP_OK);
		kp_call_reset(world->call);
	}
}

static void calls_of_a_plain_thread_allocate_nothing(void **state)
{
	struct world world = open_world(1);
	expect_settled(&world, call_plainly, 300);
	close_world(&world);
}

static const char *frugal_object;

// call_from_handler makes as many calls from inside a handler, on its fiber, half of them begun and
// joined.
static int32_t call_from_handler(struct kp_call *call, int32_t count)
{
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(kp_call_user(call), frugal_object);
	int32_t sum, wrong = 0;
	for (int32_t i = 0; i < count; i++) {
		struct kp_request *requests[4];
		wrong += RpcTest_Echo_add(echo, call, 1, 2, &sum) != KP_OK;
		for (int k = 0; k < 4; k++)
			wrong += begin_add(echo, call, 1, 2, &requests[k]) != KP_OK;
		wrong += kp_join_all(call, requests, 4, 10000, NULL) != KP_OK;
		for (int k = 0; k < 4; k++)
			wrong += end_int(requests[k], &sum) != KP_OK;
		kp_call_reset(call);
	}
	return wrong;
}

static void call_hook(struct world *world, int count)
{
	int32_t wrong = -1;
	assert_int_equal(RpcTest_Echo_hook(world->echo, world->call, count, &wrong), KP_OK);
	assert_int_equal(wrong, 0);
	kp_call_reset(world->call);
}

static void calls_of_a_handler_allocate_nothing(void **state)
{
	struct world world = open_world(1);
	hook = call_from_handler;
	frugal_object = world.object;
	expect_settled(&world, call_hook, 100);
	close_world(&world);
}

static void tell(struct world *world, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(RpcTest_Echo_ping_oneway(world->echo), KP_OK);
}

static void oneway_calls_allocate_nothing(void **state)
{
	struct world world = open_world(1);
	expect_settled(&world, tell, 300);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(asynchronous_calls_allocate_nothing),
	        cmocka_unit_test(calls_of_a_plain_thread_allocate_nothing),
	        cmocka_unit_test(calls_of_a_handler_allocate_nothing),
	        cmocka_unit_test(oneway_calls_allocate_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
