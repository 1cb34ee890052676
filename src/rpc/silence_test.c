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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_connection_gone_silent_is_replaced_by_another),
	        cmocka_unit_test(what_is_in_flight_on_a_silent_connection_stays_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
