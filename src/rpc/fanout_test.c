// fanout_test.c - calls that are begun, joined, ended and cancelled.
#include "rpc/fake.h"

enum {
	MANY = 20,
};

// stage is a client of its own with two servers that do as they are told.
struct stage {
	struct fake a, b;
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *to_a, *to_b, *both;
};

static void open_stage(struct stage *stage, fake_fn a, fake_fn b)
{
	char text[256];
	fake_open(&stage->a, a);
	fake_open(&stage->b, b);
	assert_int_equal(kp_client_open(&patient, &stage->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(stage->client, &stage->call), KP_OK);
	stage->to_a =
	        RpcTest_Echo_proxy(stage->client, fake_object(text, sizeof(text), &stage->a, NULL));
	stage->to_b =
	        RpcTest_Echo_proxy(stage->client, fake_object(text, sizeof(text), &stage->b, NULL));
	stage->both = RpcTest_Echo_proxy(stage->client,
	                                 fake_object(text, sizeof(text), &stage->a, &stage->b));
}

static void close_stage(struct stage *stage)
{
	kp_call_close(stage->call);
	kp_client_close(stage->client);
	fake_close(&stage->a);
	fake_close(&stage->b);
	assert_int_equal(kp_mem_live(), 0);
}

// --- all

static void many_calls_are_under_way_at_once(void **state)
{
	struct world world = open_world(1);
	struct kp_request *requests[MANY] = {0};
	size_t bad = 0;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(begin_add(world.echo, world.call, i, 1000, &requests[i]), KP_OK);
	assert_int_equal(kp_join_all(world.call, requests, MANY, 0, &bad), KP_OK);
	assert_int_equal(bad, MANY);
	for (int i = MANY; i-- > 0;) {
		int32_t sum = 0;
		assert_int_equal(end_int(requests[i], &sum), KP_OK);
		assert_int_equal(sum, i + 1000);
	}
	close_world(&world);
}

static void an_end_waits_by_itself(void **state)
{
	struct world world = open_world(1);
	struct kp_request *requests[MANY] = {0};
	for (int i = 0; i < MANY; i++)
		assert_int_equal(begin_add(world.echo, world.call, i, 1, &requests[i]), KP_OK);
	for (int i = 0; i < MANY; i++) {
		int32_t sum = 0;
		assert_int_equal(end_int(requests[i], &sum), KP_OK);
		assert_int_equal(sum, i + 1);
	}
	close_world(&world);
}

static bool fails(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	struct kp_response_packet answer = {.version = KP_PACKET_TARS,
	                                    .request_id = packet->request_id,
	                                    .ret = 7,
	                                    .reason = kp_str("no luck")};
	return kp_response_packet_encode(out, &answer) == KP_OK;
}

static void all_tells_which_was_the_first_to_fail(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fails);
	struct kp_request *requests[3] = {0};
	size_t bad = 0;
	int32_t sum = 0;
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	assert_int_equal(begin_add(stage.to_b, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[2]), KP_OK);
	assert_int_equal(kp_join_all(stage.call, requests, 3, 0, &bad), KP_OK);
	assert_int_equal(bad, 1);
	assert_int_equal(end_int(requests[1], &sum), KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(stage.call), 7);
	assert_true(kp_str_equal(kp_call_reason(stage.call), kp_str("no luck")));
	assert_int_equal(end_int(requests[0], &sum), KP_OK);
	assert_int_equal(sum, 42);
	assert_int_equal(kp_call_ret(stage.call), 0);
	assert_int_equal(end_int(requests[2], &sum), KP_OK);
	close_stage(&stage);
}

static void nobody_to_wait_for_is_said(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fake_right);
	struct kp_request *none[2] = {NULL, NULL};
	assert_int_equal(kp_join_all(stage.call, none, 2, 0, NULL), KP_ERR_NOTFOUND);
	assert_int_equal(kp_join_any(stage.call, none, 2, 0, NULL), KP_ERR_NOTFOUND);
	assert_int_equal(kp_join_good(stage.call, none, 0, 0, NULL), KP_ERR_NOTFOUND);
	kp_request_cancel(NULL);
	close_stage(&stage);
}

static void a_plain_thread_joins_the_calls_of_one_client(void **state)
{
	struct stage stage = {0};
	struct kp_client *other;
	struct kp_request *requests[2] = {0};
	char text[256];
	int32_t sum = 0;
	open_stage(&stage, fake_right, fake_right);
	assert_int_equal(kp_client_open(&patient, &other, NULL), KP_OK);
	struct RpcTest_Echo *elsewhere =
	        RpcTest_Echo_proxy(other, fake_object(text, sizeof(text), &stage.a, NULL));
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	assert_int_equal(begin_add(elsewhere, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(kp_join_all(stage.call, requests, 2, 0, NULL), KP_ERR_STATE);
	for (int i = 0; i < 2; i++) { // each by itself is fine
		assert_int_equal(kp_join_all(stage.call, &requests[i], 1, 0, NULL), KP_OK);
		assert_int_equal(end_int(requests[i], &sum), KP_OK);
	}
	kp_client_close(other);
	close_stage(&stage);
}

// --- any

static void any_is_whoever_comes_first_and_then_the_next(void **state)
{
	struct world world = open_world(1);
	struct kp_request *requests[4] = {NULL};
	const int sleeps[4] = {-1, 60000, 1, 30};
	for (int i = 1; i < 4; i++)
		assert_int_equal(begin_sleep(world.echo, world.call, sleeps[i], &requests[i]),
		                 KP_OK);
	bool is_seen[4] = {false};
	for (int i = 0; i < 2; i++) {
		struct kp_decoder in;
		size_t first = 9;
		assert_int_equal(kp_join_any(world.call, requests, 4, 0, &first), KP_OK);
		assert_in_range(first, 2, 3);
		assert_int_equal(kp_request_end(requests[first], &in), KP_OK);
		requests[first] = NULL;
		is_seen[first] = true;
	}
	assert_true(is_seen[2] && is_seen[3]);
	kp_request_cancel(requests[1]);
	close_world(&world);
}

// --- the first good one

static void good_passes_over_those_that_fail(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fails, fake_right);
	struct kp_request *requests[3] = {0};
	size_t good = 9;
	int32_t sum = 0;
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	assert_int_equal(begin_add(stage.to_b, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[2]), KP_OK);
	assert_int_equal(kp_join_good(stage.call, requests, 3, 0, &good), KP_OK);
	assert_int_equal(good, 1);
	assert_int_equal(end_int(requests[1], &sum), KP_OK);
	kp_request_cancel(requests[0]);
	kp_request_cancel(requests[2]);
	close_stage(&stage);
}

static void when_none_is_good_the_last_one_says_why(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fails, fails);
	struct kp_request *requests[2] = {0};
	size_t last = 9;
	int32_t sum = 0;
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	assert_int_equal(begin_add(stage.to_b, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(kp_join_good(stage.call, requests, 2, 0, &last), KP_ERR_SERVER);
	assert_in_range(last, 0, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(end_int(requests[i], &sum), KP_ERR_SERVER);
	close_stage(&stage);
}

// --- one deadline

static void a_join_has_one_deadline_for_all(void **state)
{
	struct stage stage = {.a = {.says_hello = true}};
	open_stage(&stage, fake_silent, fake_right);
	struct kp_request *requests[3] = {0};
	int32_t sum = 0;
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	assert_int_equal(begin_add(stage.to_b, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[2]), KP_OK);
	size_t untouched = 9;
	assert_int_equal(kp_join_any(stage.call, &requests[1], 1, 0, NULL), KP_OK);
	assert_int_equal(kp_join_all(stage.call, requests, 3, 1, &untouched), KP_ERR_TIMEOUT);
	assert_int_equal(untouched, 9);
	assert_int_equal(end_int(requests[0], &sum), KP_ERR_TIMEOUT);
	assert_int_equal(end_int(requests[1], &sum), KP_OK);
	assert_int_equal(end_int(requests[2], &sum), KP_ERR_TIMEOUT);
	close_stage(&stage);
}

static void each_request_keeps_its_own_deadline(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_silent, fake_right);
	struct kp_request *requests[2] = {0};
	size_t bad = 9;
	int32_t sum = 0;
	kp_call_set_timeout(stage.call, 20);
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[0]), KP_OK);
	kp_call_set_timeout(stage.call, 60000);
	assert_int_equal(begin_add(stage.to_b, stage.call, 1, 2, &requests[1]), KP_OK);
	assert_int_equal(kp_join_all(stage.call, requests, 2, 0, &bad), KP_OK);
	assert_int_equal(bad, 0);
	assert_int_equal(end_int(requests[0], &sum), KP_ERR_TIMEOUT);
	assert_int_equal(end_int(requests[1], &sum), KP_OK);
	close_stage(&stage);
}

// --- cancelling

static void our_servers_are_told_of_a_cancel(void **state)
{
	struct stage stage = {.a = {.says_hello = true}};
	open_stage(&stage, fake_silent, fake_right);
	struct kp_request *request = NULL;
	fake_set(&stage.a, fake_right);
	int32_t sum = 0;
	assert_int_equal(RpcTest_Echo_add(stage.to_a, stage.call, 1, 2, &sum), KP_OK);
	assert_int_equal(fake_count(&stage.a.hellos), 1);
	assert_string_equal(stage.a.hello, "v1");
	fake_set(&stage.a, fake_silent);
	assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &request), KP_OK);
	wait_for(fake_count(&stage.a.requests) == 2);
	kp_request_cancel(request);
	wait_for(fake_count(&stage.a.cancels) == 1);
	assert_int_equal(fake_count(&stage.a.cancelled), fake_count(&stage.a.last_id));
	close_stage(&stage);
}

static void other_servers_are_not(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fake_right);
	struct kp_request *request = NULL;
	int32_t sum = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &request), KP_OK);
		kp_request_cancel(request);
		assert_int_equal(RpcTest_Echo_add(stage.to_a, stage.call, 1, 2, &sum), KP_OK);
	}
	assert_int_equal(fake_count(&stage.a.hellos), 1);
	assert_int_equal(fake_count(&stage.a.cancels), 0);
	close_stage(&stage);
}

// --- in a handler

enum {
	ALL,
	ANY,
	DEADLINE,
	CANCEL,
};

static const char *hook_object;

static int32_t fan_out(struct kp_call *call, int32_t what)
{
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(kp_call_user(call), hook_object);
	struct kp_request *requests[MANY] = {0};
	size_t index = 0;
	int32_t sum = 0, all = 0;
	for (int i = 0; i < MANY; i++) {
		int ms = what == ALL || i == 7 ? 1 : 60000;
		kp_err err = what == ALL ? begin_add(echo, call, i, 1, &requests[i])
		                         : begin_sleep(echo, call, ms, &requests[i]);
		if (err != KP_OK)
			return -1;
	}
	kp_err err = what == ALL        ? kp_join_all(call, requests, MANY, 0, &index)
	             : what == ANY      ? kp_join_any(call, requests, MANY, 0, &index)
	             : what == DEADLINE ? kp_join_all(call, requests, MANY, 20, &index)
	                                : KP_OK;
	for (int i = 0; i < MANY; i++) {
		struct kp_decoder in;
		if (what == ALL)
			all += end_int(requests[i], &sum) == KP_OK ? sum : 1000000;
		else if (what == DEADLINE)
			all += kp_request_end(requests[i], &in) == KP_ERR_TIMEOUT;
		else
			kp_request_cancel(requests[i]);
	}
	return what == ANY ? (int32_t)index : err == KP_ERR_TIMEOUT ? -all : all;
}

static void a_handler_fans_out(void **state)
{
	struct world world = open_world(2);
	hook = fan_out;
	hook_object = world.object;
	int32_t ret;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, ALL, &ret), KP_OK);
	assert_int_equal(ret, MANY * (MANY - 1) / 2 + MANY);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, ANY, &ret), KP_OK);
	assert_int_equal(ret, 7);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, DEADLINE, &ret), KP_OK);
	assert_in_range(-ret, MANY - 1, MANY); // the short one may have made it
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, CANCEL, &ret), KP_OK);
	assert_int_equal(ret, 0);
	close_world(&world);
}

static struct kp_client *hook_client;
static int hook_state; // atomic

// hold_or_close: one handler holds a request that is under way, another closes its client.
static int32_t hold_or_close(struct kp_call *call, int32_t what)
{
	if (what == 1) {
		kp_client_close(hook_client);
		return 0;
	}
	struct kp_request *request = NULL;
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(hook_client, hook_object);
	if (begin_sleep(echo, call, 60000, &request) != KP_OK)
		return -1;
	__atomic_store_n(&hook_state, 1, __ATOMIC_SEQ_CST);
	(void)kp_join_any(call, &request, 1, 0, NULL);
	(void)kp_call_sleep(call, 20); // the other one waits for us
	struct kp_decoder in;
	return (int32_t)kp_request_end(request, &in);
}

static void on_held(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	*(int *)arg = err == KP_OK ? result->ret : -2;
}

static void a_client_is_not_closed_under_a_begun_request(void **state)
{
	struct world world = open_world(1);
	int held = -3;
	int32_t ret;
	hook = hold_or_close;
	hook_object = world.object;
	hook_state = 0;
	assert_int_equal(kp_client_open(&patient, &hook_client, NULL), KP_OK);
	assert_int_equal(RpcTest_Echo_hook_async(world.echo, 0, on_held, &held), KP_OK);
	while (fake_count(&hook_state) == 0)
		(void)kp_client_drive(world.client, 1);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 1, &ret), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(held, KP_ERR_CANCELLED);
	close_world(&world);
}

// --- when memory runs out

static void a_lack_of_memory_fails_a_call_alone(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fake_right);
	int32_t sum = 0;
	assert_int_equal(RpcTest_Echo_add(stage.both, stage.call, 1, 2, &sum), KP_OK);
	for (int nth = 1; nth < 12; nth++) {
		struct kp_request *requests[3] = {NULL};
		kp_mem_fail_at(nth);
		for (int i = 0; i < 3; i++)
			if (begin_add(stage.both, stage.call, 1, 2, &requests[i]) != KP_OK)
				requests[i] = NULL;
		kp_mem_fail_at(0);
		for (int i = 0; i < 3; i++)
			if (requests[i])
				assert_in_range(end_int(requests[i], &sum), KP_OK, KP_ERR_CLOSED);
		kp_call_reset(stage.call);
	}
	assert_int_equal(RpcTest_Echo_add(stage.both, stage.call, 1, 2, &sum), KP_OK);
	close_stage(&stage);
}

// --- context

// tells answers how many pairs the context had.
static bool tells(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	fake_answer_int(packet, (int)packet->context.count, out);
	return true;
}

// They are written when the connection is there, long after the last pair was set.
static void what_is_begun_has_the_context_of_that_moment(void **state)
{
	struct stage stage = {0};
	struct kp_request *requests[3] = {0};
	open_stage(&stage, tells, fake_right);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin_add(stage.to_a, stage.call, 1, 2, &requests[i]), KP_OK);
		assert_int_equal(kp_call_set_context(stage.call, kp_str("shard"), kp_str("x")),
		                 KP_OK);
	}
	for (int32_t i = 0; i < 3; i++) {
		int32_t count = -1;
		assert_int_equal(end_int(requests[i], &count), KP_OK);
		assert_int_equal(count, i);
	}
	close_stage(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(many_calls_are_under_way_at_once),
	        cmocka_unit_test(an_end_waits_by_itself),
	        cmocka_unit_test(all_tells_which_was_the_first_to_fail),
	        cmocka_unit_test(nobody_to_wait_for_is_said),
	        cmocka_unit_test(a_plain_thread_joins_the_calls_of_one_client),
	        cmocka_unit_test(any_is_whoever_comes_first_and_then_the_next),
	        cmocka_unit_test(good_passes_over_those_that_fail),
	        cmocka_unit_test(when_none_is_good_the_last_one_says_why),
	        cmocka_unit_test(a_join_has_one_deadline_for_all),
	        cmocka_unit_test(each_request_keeps_its_own_deadline),
	        cmocka_unit_test(our_servers_are_told_of_a_cancel),
	        cmocka_unit_test(other_servers_are_not),
	        cmocka_unit_test(a_handler_fans_out),
	        cmocka_unit_test(a_client_is_not_closed_under_a_begun_request),
	        cmocka_unit_test(a_lack_of_memory_fails_a_call_alone),
	        cmocka_unit_test(what_is_begun_has_the_context_of_that_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
