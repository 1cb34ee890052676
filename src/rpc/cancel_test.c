// cancel_test.c - when callers give up: deadlines that travel, cancels that reach downstream.
#include "rpc/fake.h"

#include <stdlib.h>

static struct {
	struct kp_client *client; // of the handlers
	const char *object;       // where they call
	int waits;                // atomic; handlers that wait
	int ends;                 // atomic; how many of them ended
	int outcome;              // atomic; of the last one
	int found;                // atomic
} under;

enum {
	CALL,
	SLEEP,
	FAN_OUT,
	COMPUTE,
	PRIORITY,
	TELL,
};

static int32_t fan_out(struct kp_call *call, struct RpcTest_Echo *echo)
{
	struct kp_request *requests[4] = {0};
	int32_t sum, cancelled = 0;
	for (int i = 0; i < 4; i++)
		if (begin_add(echo, call, 1, 2, &requests[i]) != KP_OK)
			return KP_ERR_NOMEM;
	__atomic_fetch_add(&under.waits, 1, __ATOMIC_SEQ_CST);
	(void)kp_join_all(call, requests, 4, 0, NULL);
	for (int i = 0; i < 4; i++)
		cancelled += end_int(requests[i], &sum) == KP_ERR_CANCELLED;
	return cancelled == 4 ? KP_ERR_CANCELLED : KP_OK;
}

static int32_t wait_here(struct kp_call *call, int32_t what)
{
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(under.client, under.object);
	int32_t sum = 0;
	if (what == FAN_OUT)
		return fan_out(call, echo);
	__atomic_fetch_add(&under.waits, 1, __ATOMIC_SEQ_CST);
	if (what == SLEEP)
		return (int32_t)kp_call_sleep(call, 60000);
	if (what == COMPUTE) {
		while (!kp_call_is_cancelled(call))
			usleep(500);
		return KP_ERR_CANCELLED;
	}
	return (int32_t)RpcTest_Echo_add(echo, call, 1, 2, &sum);
}

static int32_t wait_and_note(struct kp_call *call, int32_t what)
{
	int32_t outcome = wait_here(call, what);
	__atomic_store_n(&under.found, kp_call_is_cancelled(call), __ATOMIC_SEQ_CST);
	__atomic_store_n(&under.outcome, outcome, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&under.ends, 1, __ATOMIC_SEQ_CST);
	return outcome;
}

// house is a caller, a server whose handlers call, and the server that they call.
struct house {
	struct world world;
	struct fake below;
	char text[256];
};

static void open_house(struct house *house, int pool_threads, fake_fn below)
{
	house->below.says_hello = true;
	fake_open(&house->below, below);
	house->world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                        .pool_threads = pool_threads});
	under.client = house->world.inner;
	under.object = fake_object(house->text, sizeof(house->text), &house->below, NULL);
	under.waits = under.ends = under.found = 0;
	under.outcome = -1;
	hook = wait_and_note;
	// All connections are open and have said hello.
	int32_t sum;
	fake_fn fn = house->below.fn;
	fake_set(&house->below, fake_right);
	assert_int_equal(RpcTest_Echo_hook(house->world.echo, house->world.call, CALL, &sum),
	                 KP_OK);
	assert_int_equal(sum, KP_OK);
	fake_set(&house->below, fn);
	under.waits = under.ends = 0;
}

static void close_house(struct house *house)
{
	kp_call_close(house->world.call);
	kp_client_close(house->world.client);
	kp_server_close(house->world.server);
	kp_client_close(house->world.inner);
	fake_close(&house->below);
	assert_int_equal(kp_mem_live(), 0);
}

static struct kp_request *begin_hook(struct house *house, int what)
{
	struct kp_request *request = NULL;
	assert_int_equal(kp_request_open((struct kp_proxy *)house->world.echo, house->world.call,
	                                 kp_str("hook"), &request),
	                 KP_OK);
	kp_i32_encode(kp_request_body(request), 1, what);
	assert_int_equal(kp_request_begin(request, &request), KP_OK);
	return request;
}

// --- cancels

static void cancel_one(int what, int pool_threads, int cancels_below)
{
	struct house house = {0};
	open_house(&house, pool_threads, fake_silent);
	struct kp_request *request = begin_hook(&house, what);
	wait_for(fake_count(&under.waits) == 1);
	if (what == CALL || what == FAN_OUT)
		wait_for(fake_count(&house.below.requests) == 1 + (what == CALL ? 1 : 4));
	assert_int_equal(fake_count(&under.ends), 0);
	kp_request_cancel(request);
	wait_for(fake_count(&under.ends) == 1);
	assert_int_equal(fake_count(&under.outcome), KP_ERR_CANCELLED);
	assert_int_equal(fake_count(&under.found), true);
	wait_for(fake_count(&house.below.cancels) == cancels_below);
	assert_int_equal(stats_of(&house.world).cancelled, 1);
	// The next caller finds a call that is not cancelled.
	int32_t ret;
	fake_set(&house.below, fake_right);
	assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, CALL, &ret), KP_OK);
	assert_int_equal(ret, KP_OK);
	assert_int_equal(fake_count(&under.found), false);
	close_house(&house);
}

static void a_cancel_wakes_a_handler_that_calls(void **state)
{
	cancel_one(CALL, 0, 1);
}

static void a_cancel_wakes_a_handler_that_sleeps(void **state)
{
	cancel_one(SLEEP, 0, 0);
}

static void a_cancel_ends_all_that_a_handler_has_begun(void **state)
{
	cancel_one(FAN_OUT, 0, 4);
}

static void a_cancel_wakes_a_thread_of_a_pool(void **state)
{
	cancel_one(CALL, 2, 1);
	cancel_one(SLEEP, 2, 0);
	cancel_one(FAN_OUT, 2, 4);
}

static void a_handler_that_computes_can_ask(void **state)
{
	cancel_one(COMPUTE, 1, 0);
}

static void what_waits_for_a_thread_is_not_begun_when_cancelled(void **state)
{
	struct house house = {0};
	open_house(&house, 1, fake_silent);
	struct kp_request *first = begin_hook(&house, SLEEP);
	wait_for(fake_count(&under.waits) == 1);
	struct kp_request *second = begin_hook(&house, SLEEP);
	wait_for(stats_of(&house.world).requests >= 4); // hello, the first call, these two
	kp_request_cancel(second);
	wait_for(stats_of(&house.world).cancelled == 1);
	kp_request_cancel(first);
	int32_t ret;
	fake_set(&house.below, fake_right);
	assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, CALL, &ret), KP_OK);
	assert_int_equal(fake_count(&under.waits), 2); // the second was never begun
	close_house(&house);
}

static void many_cancels_and_answers_cross_each_other(void **state)
{
	struct house house = {0};
	open_house(&house, 2, fake_right);
	for (int round = 0; round < 200; round++) {
		struct kp_request *requests[4] = {0};
		for (int i = 0; i < 4; i++)
			requests[i] = begin_hook(&house, CALL);
		(void)kp_join_any(house.world.call, requests, 4, 0, NULL);
		for (int i = 0; i < 4; i++)
			kp_request_cancel(requests[i]);
		kp_call_reset(house.world.call);
	}
	int32_t ret;
	assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, CALL, &ret), KP_OK);
	assert_int_equal(ret, KP_OK);
	close_house(&house);
}

static void a_cancel_for_nobody_changes_nothing(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	int fd = dial(&house.world);
	struct kp_buf out = {0};
	for (int32_t id = -3; id < 40; id++) {
		struct kp_request_packet cancel = {.version = KP_PACKET_TARS,
		                                   .packet_type = KP_PACKET_ONEWAY,
		                                   .request_id = id,
		                                   .servant = kp_str("Test.EchoServer.EchoObj"),
		                                   .function = kp_str("kipp_cancel")};
		assert_int_equal(kp_request_packet_encode(&out, &cancel), KP_OK);
	}
	encode_echo(&out, 7, 100);
	send_all(fd, out.data, out.len);
	kp_buf_fini(&out);
	uint8_t head[4];
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 60000), 1);
	assert_int_equal(read(fd, head, 4), 4);
	close(fd);
	assert_int_equal(stats_of(&house.world).cancelled, 0);
	close_house(&house);
}

// --- when a caller is gone

static void the_end_of_a_connection_cancels_its_calls(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_silent);
	struct kp_client *client;
	struct kp_call *call;
	assert_int_equal(kp_client_open(&patient, &client, NULL), KP_OK);
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, house.world.object);
	struct kp_request *request = NULL;
	assert_int_equal(kp_request_open((struct kp_proxy *)echo, call, kp_str("hook"), &request),
	                 KP_OK);
	kp_i32_encode(kp_request_body(request), 1, CALL);
	assert_int_equal(kp_request_begin(request, &request), KP_OK);
	while (fake_count(&house.below.requests) < 2)
		assert_int_equal(kp_client_listen(client, 1), KP_OK);
	kp_request_cancel(request);
	kp_call_close(call);
	kp_client_close(client); // whether the cancel or the end comes first
	wait_for(fake_count(&under.ends) == 1);
	assert_int_equal(fake_count(&under.outcome), KP_ERR_CANCELLED);
	wait_for(fake_count(&house.below.cancels) == 1);
	close_house(&house);
}

static void a_raw_peer_that_hangs_up_cancels_too(void **state)
{
	struct house house = {0};
	open_house(&house, 2, fake_silent);
	int fd = dial(&house.world);
	struct kp_buf out = {0}, body = {0};
	kp_i32_encode(&body, 1, CALL);
	for (int i = 1; i <= 2; i++) { // the second is one-way: its sender may go
		struct kp_request_packet packet = {.version = KP_PACKET_TARS,
		                                   .packet_type = i == 2 ? KP_PACKET_ONEWAY
		                                                         : KP_PACKET_NORMAL,
		                                   .request_id = i,
		                                   .servant = kp_str("Test.EchoServer.EchoObj"),
		                                   .function = kp_str("hook"),
		                                   .body = kp_buf_bytes(&body)};
		assert_int_equal(kp_request_packet_encode(&out, &packet), KP_OK);
	}
	send_all(fd, out.data, out.len);
	kp_buf_fini(&out);
	kp_buf_fini(&body);
	wait_for(fake_count(&house.below.requests) == 3);
	close(fd);
	wait_for(fake_count(&under.ends) == 1);
	assert_int_equal(fake_count(&under.outcome), KP_ERR_CANCELLED);
	wait_for(fake_count(&house.below.cancels) == 1);
	assert_int_equal(stats_of(&house.world).cancelled, 1);
	assert_int_equal(fake_count(&under.ends), 1);
	fake_close(&house.below); // ends the other one
	wait_for(fake_count(&under.ends) == 2);
	fake_open(&house.below, fake_right);
	close_house(&house);
}

// --- what a handler forgets

static int32_t forget(struct kp_call *call, int32_t what)
{
	(void)what;
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(under.client, under.object);
	struct kp_request *requests[3] = {0};
	int32_t wrong = 0;
	for (int i = 0; i < 3; i++)
		wrong += begin_add(echo, call, 1, 2, &requests[i]) != KP_OK;
	return wrong; // and none of them ended
}

static void what_a_handler_forgets_to_end_is_cancelled(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_silent);
	hook = forget;
	int32_t wrong;
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, 0, &wrong),
		                 KP_OK);
		assert_int_equal(wrong, 0);
		wait_for(fake_count(&house.below.cancels) == 3 * i);
	}
	close_house(&house);
}

// --- deadlines

static int64_t left_us(const struct fake *fake)
{
	const char *at = strchr(fake->status, 'd');
	return at ? strtoll(at + 1, NULL, 10) : -1;
}

static void a_deadline_shrinks_at_every_hop(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	int32_t ret;
	kp_call_set_timeout(house.world.call, 30000);
	assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, CALL, &ret), KP_OK);
	assert_in_range(left_us(&house.below), 1, 30000000 - 1);
	assert_in_range(fake_count(&house.below.timeout_ms), 1, 30000);
	kp_call_set_timeout(house.world.call, 20000);
	assert_int_equal(RpcTest_Echo_hook(house.world.echo, house.world.call, CALL, &ret), KP_OK);
	assert_in_range(left_us(&house.below), 1, 20000000 - 1);
	close_house(&house);
}

static void a_call_of_nobody_says_nothing(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(house.world.client, under.object);
	int32_t sum;
	assert_int_equal(RpcTest_Echo_add(echo, house.world.call, 1, 2, &sum), KP_OK);
	assert_string_equal(house.below.status, "");
	assert_in_range(fake_count(&house.below.timeout_ms), 1, 60000);
	close_house(&house);
}

// --- what a raw caller says in the status

static bool computes_first; // until its deadline has passed

static int32_t look_at_deadline(struct kp_call *call, int32_t what)
{
	(void)what;
	int32_t sum;
	while (computes_first && !kp_call_is_cancelled(call))
		usleep(500);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(under.client, under.object);
	kp_err err = RpcTest_Echo_add(echo, call, 1, 2, &sum);
	__atomic_store_n(&under.outcome, err, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&under.ends, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void send_status(struct house *house, int fd, const char *status, int timeout_ms)
{
	struct kp_buf out = {0}, body = {0}, pairs = {0};
	kp_i32_encode(&body, 1, CALL);
	kp_packet_pair_encode(&pairs, kp_str("KIPP"), kp_str(status));
	struct kp_request_packet packet = {.version = KP_PACKET_TARS,
	                                   .request_id = 1,
	                                   .servant = kp_str("Test.EchoServer.EchoObj"),
	                                   .function = kp_str("hook"),
	                                   .timeout_ms = timeout_ms,
	                                   .status = {kp_buf_bytes(&pairs), 1},
	                                   .body = kp_buf_bytes(&body)};
	assert_int_equal(kp_request_packet_encode(&out, &packet), KP_OK);
	int ends = fake_count(&under.ends);
	send_all(fd, out.data, out.len);
	wait_for(fake_count(&under.ends) == ends + 1);
	kp_buf_fini(&out);
	kp_buf_fini(&body);
	kp_buf_fini(&pairs);
}

static void what_a_request_brings_is_passed_on(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	hook = look_at_deadline;
	int fd = dial(&house.world);
	send_status(&house, fd, "d5000000,p6", 60000);
	assert_int_equal(fake_count(&under.outcome), KP_OK);
	assert_in_range(left_us(&house.below), 1, 5000000);
	assert_non_null(strstr(house.below.status, "p6"));
	assert_in_range(fake_count(&house.below.timeout_ms), 1, 5000);
	send_status(&house, fd, "p0", 0); // no deadline at all
	assert_string_equal(house.below.status, "p0");
	send_status(&house, fd, "", 1000);
	assert_null(strstr(house.below.status, "p"));
	send_status(&house, fd, "p4,z9,,d,dx", 0); // the default, and what nobody knows
	assert_string_equal(house.below.status, "");
	close(fd);
	close_house(&house);
}

static void a_call_whose_deadline_is_over_is_not_sent(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	hook = look_at_deadline;
	int fd = dial(&house.world);
	int before = fake_count(&house.below.requests);
	computes_first = true;
	send_status(&house, fd, "d300000", 60000);
	computes_first = false;
	assert_int_equal(fake_count(&under.outcome), KP_ERR_TIMEOUT);
	assert_int_equal(fake_count(&house.below.requests), before);
	close(fd);
	close_house(&house);
}

static void a_scope_sets_its_priority(void **state)
{
	struct house house = {0};
	open_house(&house, 0, fake_right);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(house.world.client, under.object);
	static const struct {
		int priority;
		const char *status;
	} cases[] = {{7, "p7"}, {0, "p0"}, {4, ""}, {99, "p7"}, {-5, "p0"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t sum;
		kp_call_set_priority(house.world.call, cases[i].priority);
		assert_int_equal(RpcTest_Echo_add(echo, house.world.call, 1, 2, &sum), KP_OK);
		assert_string_equal(house.below.status, cases[i].status);
	}
	close_house(&house);
}

static void a_hello_names_the_caller(void **state)
{
	struct fake fake = {.says_hello = true};
	fake_open(&fake, fake_right);
	struct kp_client_options options = patient;
	options.caller = "Book.OrderServer";
	struct kp_client *client;
	struct kp_call *call;
	char text[256];
	int32_t sum;
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	struct RpcTest_Echo *echo =
	        RpcTest_Echo_proxy(client, fake_object(text, sizeof(text), &fake, NULL));
	assert_int_equal(RpcTest_Echo_add(echo, call, 1, 2, &sum), KP_OK);
	assert_int_equal(fake_count(&fake.hellos), 1);
	assert_string_equal(fake.hello, "v1,cBook.OrderServer");
	kp_call_close(call);
	kp_client_close(client);
	fake_close(&fake);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_cancel_wakes_a_handler_that_calls),
	        cmocka_unit_test(a_cancel_wakes_a_handler_that_sleeps),
	        cmocka_unit_test(a_cancel_ends_all_that_a_handler_has_begun),
	        cmocka_unit_test(a_cancel_wakes_a_thread_of_a_pool),
	        cmocka_unit_test(a_handler_that_computes_can_ask),
	        cmocka_unit_test(what_waits_for_a_thread_is_not_begun_when_cancelled),
	        cmocka_unit_test(many_cancels_and_answers_cross_each_other),
	        cmocka_unit_test(a_cancel_for_nobody_changes_nothing),
	        cmocka_unit_test(the_end_of_a_connection_cancels_its_calls),
	        cmocka_unit_test(a_raw_peer_that_hangs_up_cancels_too),
	        cmocka_unit_test(what_a_handler_forgets_to_end_is_cancelled),
	        cmocka_unit_test(a_deadline_shrinks_at_every_hop),
	        cmocka_unit_test(a_call_of_nobody_says_nothing),
	        cmocka_unit_test(what_a_request_brings_is_passed_on),
	        cmocka_unit_test(a_call_whose_deadline_is_over_is_not_sent),
	        cmocka_unit_test(a_scope_sets_its_priority),
	        cmocka_unit_test(a_hello_names_the_caller),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
