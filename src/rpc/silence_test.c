// silence_test.c - connections on which nothing comes any more.
#include "rpc/fake.h"

// answer_second_connection leaves the first one without answers.
static bool answer_second_connection(struct fake *fake, const struct kp_request_packet *packet,
                                     struct kp_buf *out)
{
	if (fake_count(&fake->hellos) > 1)
		fake_answer_int(packet, 42, out);
	return true;
}

struct stage {
	struct fake fake;
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *echo;
};

static void open_stage(struct stage *stage, fake_fn fn)
{
	char object[128];
	fake_open(&stage->fake, fn);
	assert_int_equal(kp_client_open(&patient, &stage->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(stage->client, &stage->call), KP_OK);
	stage->echo = RpcTest_Echo_proxy(stage->client,
	                                 fake_object(object, sizeof(object), &stage->fake, NULL));
}

static void close_stage(struct stage *stage)
{
	kp_call_close(stage->call);
	kp_client_close(stage->client);
	fake_close(&stage->fake);
	assert_int_equal(kp_mem_live(), 0);
}

// lose_patience calls until a call is answered. It takes a second call after the silence; where the
// machine was held up meanwhile, that is no evidence, and it takes more.
static void lose_patience(struct stage *stage)
{
	int32_t sum = 0;
	int lost = 0;
	kp_call_set_timeout(stage->call, 1100);
	while (RpcTest_Echo_add(stage->echo, stage->call, 1, 2, &sum) == KP_ERR_TIMEOUT)
		assert_true(++lost < 30);
	assert_true(lost > 0);
	assert_int_equal(sum, 42);
	kp_call_set_timeout(stage->call, 0);
}

// Its peer may have forgotten it long ago, behind something that forgets connections; the server
// itself is well, and the only one there is.
static void a_connection_gone_silent_is_replaced_by_another(void **state)
{
	struct stage stage;
	open_stage(&stage, answer_second_connection);
	int32_t sum = 0;
	lose_patience(&stage);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(RpcTest_Echo_add(stage.echo, stage.call, 1, 2, &sum), KP_OK);
		assert_int_equal(sum, 42);
	}
	assert_int_equal(fake_count(&stage.fake.hellos), 2);
	wait_for(fake_count(&stage.fake.closed) == 1); // the silent one, with its last call
	close_stage(&stage);
}

struct adds {
	int all, right;
};

static void on_added(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct adds *adds = arg;
	adds->all++;
	adds->right += err == KP_OK && result->ret == 42;
}

static void what_is_in_flight_on_a_silent_connection_stays_there(void **state)
{
	struct stage stage;
	open_stage(&stage, answer_second_connection);
	struct adds adds = {0};
	int32_t sum = 0;
	assert_int_equal(RpcTest_Echo_add_async(stage.echo, 1, 2, on_added, &adds), KP_OK);
	// New calls open another one; the old one stays for the one that still waits there.
	lose_patience(&stage);
	assert_int_equal(RpcTest_Echo_add(stage.echo, stage.call, 1, 2, &sum), KP_OK);
	assert_int_equal(fake_count(&stage.fake.hellos), 2);
	assert_int_equal(fake_count(&stage.fake.closed), 0);
	assert_int_equal(adds.all, 0);
	close_stage(&stage);
	assert_int_equal(adds.all, 1); // cancelled by the client's end, not lost before
}

// --- frozen behind a last answer

// freezes_after_one answers its second call, then nothing any more.
static bool freezes_after_one(struct fake *fake, const struct kp_request_packet *packet,
                              struct kp_buf *out)
{
	return fake_count(&fake->requests) != 2 || fake_right(fake, packet, out);
}

enum {
	LONG_MS = 2000,
	SOON_MS = 250,
	HELD_MS = 200,
};

static bool has_passed_less(int64_t since_ns, int ms)
{
	return kp_clock_ns() - since_ns < ms * (int64_t)KP_NS_PER_MS;
}

// freeze has a call wait for a server that answers another one soon after, and then nothing.
// Returns whether it was soon, and the end in time, for a client that was held blames nobody.
static bool freeze(struct stage *stage)
{
	struct kp_request *stuck = NULL;
	int32_t sum;
	kp_call_set_timeout(stage->call, LONG_MS);
	int64_t begun_ns = kp_clock_ns();
	assert_int_equal(begin_add(stage->echo, stage->call, 1, 2, &stuck), KP_OK);
	assert_int_equal(RpcTest_Echo_add(stage->echo, stage->call, 1, 2, &sum), KP_OK);
	bool is_soon = has_passed_less(begun_ns, SOON_MS);
	if (is_soon)
		assert_int_equal(end_int(stuck, &sum), KP_ERR_TIMEOUT);
	else
		kp_request_cancel(stuck);
	return is_soon && has_passed_less(begun_ns, LONG_MS + HELD_MS);
}

// The answers that were under way when it froze came after the calls that wait were written; they
// do not hide the long silence that followed.
static void one_timeout_is_enough_to_leave_a_frozen_server(void **state)
{
	struct stage stage;
	struct fake well = {0};
	char object[256];
	for (bool is_soon = false; !is_soon;) { // or the machine stood still
		open_stage(&stage, freezes_after_one);
		fake_open(&well, fake_right);
		is_soon = freeze(&stage);
		struct RpcTest_Echo *both = RpcTest_Echo_proxy(
		        stage.client, fake_object(object, sizeof(object), &stage.fake, &well));
		int32_t sum;
		for (int i = 0; is_soon && i < 4; i++)
			assert_int_equal(RpcTest_Echo_add(both, stage.call, 1, 2, &sum), KP_OK);
		fake_close(&well);
		close_stage(&stage);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_connection_gone_silent_is_replaced_by_another),
	        cmocka_unit_test(what_is_in_flight_on_a_silent_connection_stays_there),
	        cmocka_unit_test(one_timeout_is_enough_to_leave_a_frozen_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
