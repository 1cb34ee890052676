// retry_test.c - what is sent a second time, and what never is.
#include "rpc/adjust.h"
#include "rpc/client_internal.h"
#include "rpc/fake.h"

struct stage {
	struct fake a, b;
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *echo; // at both
};

static void open_stage(struct stage *stage, fake_fn a, fake_fn b,
                       const struct kp_function_policy *policy)
{
	char text[256];
	fake_open(&stage->a, a);
	fake_open(&stage->b, b);
	assert_int_equal(kp_client_open(&patient, &stage->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(stage->client, &stage->call), KP_OK);
	stage->echo = RpcTest_Echo_proxy(stage->client,
	                                 fake_object(text, sizeof(text), &stage->a, &stage->b));
	struct kp_proxy_options options = {.policies = policy, .policy_count = policy != NULL};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)stage->echo, &options), KP_OK);
}

static void close_stage(struct stage *stage)
{
	kp_call_close(stage->call);
	kp_client_close(stage->client);
	fake_close(&stage->a);
	fake_close(&stage->b);
	assert_int_equal(kp_mem_live(), 0);
}

static int sum_of(struct stage *stage, const int *a, const int *b)
{
	return fake_count(a) + fake_count(b);
}

static kp_err add(struct stage *stage)
{
	int32_t sum = 0;
	kp_err err = RpcTest_Echo_add(stage->echo, stage->call, 1, 2, &sum);
	if (err == KP_OK)
		assert_int_equal(sum, 42);
	return err;
}

static const struct kp_function_policy idempotent = {.is_idempotent = true};
static const struct kp_function_policy never = {.is_idempotent = true, .retries_max = -1};

// --- overload

static void a_refusal_for_overload_is_tried_elsewhere(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_overloaded, fake_right, NULL);
	for (int i = 0; i < 20; i++)
		assert_int_equal(add(&stage), KP_OK);
	assert_true(fake_count(&stage.a.requests) > 0);
	assert_int_equal(fake_count(&stage.b.requests), 20);
	close_stage(&stage);
}

static void when_all_are_overloaded_each_is_asked_once(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_overloaded, fake_overloaded, NULL);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
		assert_int_equal(kp_call_ret(stage.call), KP_RET_OVERLOAD);
		assert_int_equal(fake_count(&stage.a.requests), i);
		assert_int_equal(fake_count(&stage.b.requests), i);
	}
	close_stage(&stage);
}

static void who_forbids_retries_has_none(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_overloaded, fake_overloaded, &never);
	for (int i = 1; i <= 10; i++)
		assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 10);
	close_stage(&stage);
}

static void on_retried(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	*(int *)arg += err == KP_OK && result->ret == 42 ? 1 : 1000;
}

static void callbacks_hear_of_the_last_try_only(void **state)
{
	struct stage stage = {0};
	int heard = 0;
	open_stage(&stage, fake_overloaded, fake_right, NULL);
	for (int i = 0; i < 50; i++)
		assert_int_equal(RpcTest_Echo_add_async(stage.echo, 1, 2, on_retried, &heard),
		                 KP_OK);
	assert_int_equal(kp_client_drive(stage.client, 60000), KP_OK);
	assert_int_equal(heard, 50);
	close_stage(&stage);
}

// --- the application's answers

static bool says_no(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	fake_answer(packet, fake->user ? *(const int *)fake->user : 5, NULL, out);
	return true;
}

static void what_the_application_answers_is_never_asked_again(void **state)
{
	static const int rets[] = {
	        5,      KP_RET_DECODE, KP_RET_NOFUNC, KP_RET_NOSERVANT, KP_RET_UNKNOWN,
	        100000, INT32_MIN};
	for (size_t i = 0; i < sizeof(rets) / sizeof(*rets); i++) {
		struct stage stage = {.a = {.user = (void *)&rets[i]},
		                      .b = {.user = (void *)&rets[i]}};
		open_stage(&stage, says_no, says_no, &idempotent);
		assert_int_not_equal(add(&stage), KP_OK);
		assert_int_equal(kp_call_ret(stage.call), rets[i]);
		assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 1);
		close_stage(&stage);
	}
}

// --- the endpoint's fault

static void a_broken_connection_is_tried_elsewhere_if_that_does_no_harm(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_hangs_up, fake_right, &idempotent);
	for (int i = 0; i < 10; i++)
		assert_int_equal(add(&stage), KP_OK);
	assert_int_equal(fake_count(&stage.b.requests), 10);
	close_stage(&stage);
}

static void what_may_have_run_is_not_run_again_unasked(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_hangs_up, fake_hangs_up, NULL);
	assert_int_equal(add(&stage), KP_ERR_CLOSED);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 1);
	close_stage(&stage);
}

static void a_policy_is_for_its_function(void **state)
{
	struct stage stage = {0};
	const struct kp_function_policy policy = {.function = "echo", .is_idempotent = true};
	open_stage(&stage, fake_hangs_up, fake_hangs_up, &policy);
	struct kp_bytes back, none = {0};
	int32_t ret;
	assert_int_equal(add(&stage), KP_ERR_CLOSED);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 1);
	assert_int_equal(RpcTest_Echo_echo(stage.echo, stage.call, none, &back, &ret),
	                 KP_ERR_CLOSED);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 3);
	close_stage(&stage);
}

static void a_function_may_have_a_timeout_of_its_own(void **state)
{
	struct stage stage = {0};
	const struct kp_function_policy policy = {.function = "add", .timeout_ms = 20};
	open_stage(&stage, fake_silent, fake_silent, &policy);
	assert_int_equal(add(&stage), KP_ERR_TIMEOUT);
	assert_in_range(fake_count(&stage.a.timeout_ms) + fake_count(&stage.b.timeout_ms), 1, 20);
	close_stage(&stage);
}

static void the_configuration_goes_before_the_program(void **state)
{
	struct stage stage = {0};
	char text[256];
	struct kp_str object = kp_str("Test.EchoServer.EchoObj");
	const struct kp_function_policy eager = {.is_idempotent = true};
	struct kp_proxy_options calm = {.policies = &never, .policy_count = 1};
	struct kp_proxy_options bold = {.policies = &eager, .policy_count = 1};
	open_stage(&stage, fake_overloaded, fake_overloaded, &idempotent);
	assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 2);
	assert_int_equal(client_set_object(stage.client, object, &calm), KP_OK);
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)stage.echo, &bold), KP_OK);
	assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 3);
	// A proxy that is made later hears of it too.
	int32_t sum;
	fake_object(text, sizeof(text), &stage.b, &stage.a);
	assert_int_equal(
	        RpcTest_Echo_add(RpcTest_Echo_proxy(stage.client, text), stage.call, 1, 2, &sum),
	        KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 4);
	assert_int_equal(client_set_object(stage.client, object, &bold), KP_OK);
	assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 6);
	close_stage(&stage);
}

static void nonsense_in_a_policy_is_refused(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fake_right, NULL);
	const struct kp_function_policy wrong[] = {
	        {.function = ""}, {.timeout_ms = -1}, {.hedge_ms = -1}, {.hedge_ms = 5}};
	struct kp_proxy *proxy = (struct kp_proxy *)stage.echo;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct kp_proxy_options options = {.policies = &wrong[i], .policy_count = 1};
		assert_int_equal(kp_proxy_configure(proxy, &options), KP_ERR_INVALID);
	}
	struct kp_proxy_options fine = {0};
	kp_err err = KP_OK;
	int count = 0;
	while ((err = kp_proxy_configure(proxy, &fine)) == KP_OK)
		count++;
	assert_int_equal(err, KP_ERR_LIMIT);
	assert_int_equal(count, 999); // and one by open_stage
	assert_int_equal(add(&stage), KP_OK);
	close_stage(&stage);
}

// --- the budget

static void retries_end_with_the_budget(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_overloaded, fake_overloaded, NULL);
	int64_t begun_ns = kp_clock_ns();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(add(&stage), KP_ERR_OVERLOAD);
	int64_t seconds = (kp_clock_ns() - begun_ns) / KP_NS_PER_S + 1;
	int sent = sum_of(&stage, &stage.a.requests, &stage.b.requests);
	assert_true(sent >= 1000 + 100);
	assert_true(sent <= 1000 + 100 + 100 + seconds * 10);
	close_stage(&stage);
}

static void without_a_budget_nothing_is_sent_again(void **state)
{
	struct stage stage = {0};
	char text[256];
	open_stage(&stage, fake_overloaded, fake_overloaded, &idempotent);
	struct kp_client_options options = patient;
	options.retry_percent = -1;
	struct kp_client *client;
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	struct RpcTest_Echo *echo =
	        RpcTest_Echo_proxy(client, fake_object(text, sizeof(text), &stage.a, &stage.b));
	int32_t sum;
	for (int i = 0; i < 10; i++)
		assert_int_equal(RpcTest_Echo_add(echo, stage.call, 1, 2, &sum), KP_ERR_OVERLOAD);
	assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 10);
	kp_client_close(client);
	close_stage(&stage);
}

// --- a retry is never retried

static struct stage *relayed;

static int32_t relay(struct kp_call *call, int32_t what)
{
	int32_t sum = 0;
	kp_err err = RpcTest_Echo_add(relayed->echo, call, 1, 2, &sum);
	if (err == KP_ERR_OVERLOAD)
		kp_call_fail(call, KP_RET_OVERLOAD, "busy below");
	return sum;
}

static void a_retry_is_never_retried(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_overloaded, fake_overloaded, NULL);
	relayed = &stage;
	hook = relay;
	struct world one = open_world(1), two = open_world(1);
	char text[512];
	snprintf(text, sizeof(text), "%s:%s", one.object, strchr(two.object, '@') + 1);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(one.client, text);
	int32_t ret;
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(RpcTest_Echo_hook(echo, one.call, 1, &ret), KP_ERR_OVERLOAD);
		// Two by the first try, one by its retry, and not four.
		assert_int_equal(sum_of(&stage, &stage.a.requests, &stage.b.requests), 3 * i);
	}
	kp_call_close(two.call);
	kp_client_close(two.client);
	kp_server_close(two.server);
	kp_client_close(two.inner);
	kp_call_close(one.call);
	kp_client_close(one.client);
	kp_server_close(one.server);
	kp_client_close(one.inner);
	close_stage(&stage);
}

// marks_retries answers that it is busy to whom is no retry.
static bool marks_retries(struct fake *fake, const struct kp_request_packet *packet,
                          struct kp_buf *out)
{
	if (strstr(fake->status, "r1"))
		fake_answer_int(packet, 42, out);
	else
		fake_answer(packet, KP_RET_QUEUE_TIMEOUT, NULL, out);
	return true;
}

static void a_retry_says_that_it_is_one(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, marks_retries, marks_retries, NULL);
	assert_int_equal(add(&stage), KP_OK);
	close_stage(&stage);
}

// --- hedges

static const struct kp_function_policy hedged = {.is_idempotent = true, .hedge_ms = 5};

static void a_second_copy_goes_where_the_first_did_not(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_silent, fake_right, &hedged);
	for (int i = 0; i < 20; i++)
		assert_int_equal(add(&stage), KP_OK);
	assert_int_equal(fake_count(&stage.b.requests), 20);
	close_stage(&stage);
}

// answers_late answers the call before the last one, so that every call hears two answers in the
// end.
static bool answers_late(struct fake *fake, const struct kp_request_packet *packet,
                         struct kp_buf *out)
{
	int32_t *held = fake->user;
	struct kp_request_packet former = {.request_id = *held};
	if (*held)
		fake_answer_int(&former, 41, out);
	*held = packet->request_id;
	return true;
}

static void a_hedges_loser_never_answers_twice(void **state)
{
	int32_t held = 0;
	struct stage stage = {.a = {.user = &held}};
	open_stage(&stage, answers_late, fake_right, &hedged);
	int heard = 0;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(RpcTest_Echo_add_async(stage.echo, 1, 2, on_retried, &heard),
		                 KP_OK);
		assert_int_equal(kp_client_drive(stage.client, 60000), KP_OK);
		assert_int_equal(heard, i + 1);
	}
	assert_int_equal(add(&stage), KP_OK);
	assert_int_equal(heard, 10);
	close_stage(&stage);
}

static void the_loser_is_called_off(void **state)
{
	struct stage stage = {.a = {.says_hello = true}, .b = {.says_hello = true}};
	open_stage(&stage, fake_right, fake_right, &hedged);
	while (!fake_count(&stage.a.requests) || !fake_count(&stage.b.requests))
		assert_int_equal(add(&stage), KP_OK); // both have said hello
	fake_set(&stage.a, fake_silent);
	while (fake_count(&stage.a.cancels) == 0)
		assert_int_equal(add(&stage), KP_OK);
	assert_int_equal(fake_count(&stage.b.cancels), 0);
	close_stage(&stage);
}

static void a_bad_first_answer_waits_for_the_hedge(void **state)
{
	struct stage stage = {0};
	// Both are silent at first; the hedge has gone out when both have a request.
	open_stage(&stage, fake_silent, fake_silent, &hedged);
	int32_t sum;
	struct kp_request *request = NULL;
	assert_int_equal(begin_add(stage.echo, stage.call, 1, 2, &request), KP_OK);
	while (sum_of(&stage, &stage.a.requests, &stage.b.requests) < 2)
		assert_int_equal(kp_client_listen(stage.client, 1), KP_OK);
	// One breaks: the other one still counts, and is the last chance.
	fake_close(&stage.a);
	assert_int_equal(kp_client_listen(stage.client, 20), KP_OK);
	fake_close(&stage.b);
	assert_int_equal(end_int(request, &sum), KP_ERR_CLOSED);
	fake_open(&stage.a, fake_right);
	fake_open(&stage.b, fake_right);
	close_stage(&stage);
}

static void a_hedged_call_that_nobody_answers_ends_once(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_silent, fake_silent, &hedged);
	kp_call_set_timeout(stage.call, 60);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(add(&stage), KP_ERR_TIMEOUT);
	close_stage(&stage);
}

static void hedges_are_paid_for(void **state)
{
	struct stage stage = {0};
	const struct kp_function_policy policy = {.is_idempotent = true, .hedge_ms = 1};
	open_stage(&stage, fake_silent, fake_silent, &policy);
	struct kp_request *requests[300] = {0};
	for (int i = 0; i < 300; i++)
		assert_int_equal(begin_add(stage.echo, stage.call, 1, 2, &requests[i]), KP_OK);
	int64_t begun_ns = kp_clock_ns();
	while (sum_of(&stage, &stage.a.requests, &stage.b.requests) < 400)
		assert_int_equal(kp_client_listen(stage.client, 5), KP_OK);
	assert_int_equal(kp_client_listen(stage.client, 20), KP_OK);
	int64_t seconds = (kp_clock_ns() - begun_ns) / KP_NS_PER_S + 2;
	assert_true(sum_of(&stage, &stage.a.requests, &stage.b.requests) <=
	            300 + 100 + 30 + seconds * 10);
	for (int i = 0; i < 300; i++)
		kp_request_cancel(requests[i]);
	close_stage(&stage);
}

// What both copies' servers are to be told breaks their connections: the end of the call goes on.
static void a_hedged_call_ends_once_though_its_connections_break(void **state)
{
	struct stage stage = {0};
	struct kp_request *request = NULL;
	stage.a.says_hello = stage.b.says_hello = true;
	open_stage(&stage, fake_silent, fake_silent, &hedged);
	assert_int_equal(begin_add(stage.echo, stage.call, 1, 2, &request), KP_OK);
	while (fake_count(&stage.a.requests) == 0 || fake_count(&stage.b.requests) == 0 ||
	       !request || !request->conn->is_kipp || !request->other->conn->is_kipp)
		assert_int_equal(kp_client_listen(stage.client, 1), KP_OK);
	struct client_conn *conns[2] = {request->conn, request->other->conn};
	for (int i = 0; i < 2; i++) {
		shutdown(conns[i]->conn.fd, SHUT_WR);
		conns[i]->conn.backlog_size_max = 0;
	}
	kp_request_cancel(request);
	close_stage(&stage);
}

// --- where both copies go

// hole is a port where connections never open: the queue of those that wait is full.
struct hole {
	int listener;
	int port;
	int fds[8];
};

static void open_hole(struct hole *hole)
{
	struct kp_address address;
	hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(bind(hole->listener, (struct sockaddr *)&address.storage, address.len), 0);
	assert_int_equal(listen(hole->listener, 0), 0);
	assert_int_equal(kp_sock_local(hole->listener, &address), KP_OK);
	hole->port = kp_address_port(&address);
	for (int i = 0; i < 8; i++)
		assert_int_equal(kp_sock_connect(&address, false, &hole->fds[i]), KP_OK);
}

static void close_hole(struct hole *hole)
{
	for (int i = 0; i < 8; i++)
		kp_sock_close(hole->fds[i]);
	close(hole->listener);
}

// Both copies wait for connections that never open, and then only one place is left.
static void a_call_and_its_hedge_never_meet(void **state)
{
	enum {
		ROUNDS = 12
	};
	struct fake last = {0};
	struct hole holes[2];
	char object[256];
	fake_open(&last, fake_silent);
	open_hole(&holes[0]);
	open_hole(&holes[1]);
	snprintf(object, sizeof(object),
	         "A.B.C@tcp -h 127.0.0.1 -p %d:tcp -h 127.0.0.1 -p %d:tcp -h 127.0.0.1 -p %d",
	         last.port, holes[0].port, holes[1].port);
	for (int round = 1; round <= ROUNDS; round++) { // they start anywhere
		const struct kp_client_options hasty = {.timeout_ms = 200,
		                                        .connect_timeout_ms = 60};
		const struct kp_function_policy policy = {.is_idempotent = true, .hedge_ms = 10};
		struct kp_client *client;
		struct kp_call *call;
		int32_t sum;
		assert_int_equal(kp_client_open(&hasty, &client, NULL), KP_OK);
		assert_int_equal(kp_call_open(client, &call), KP_OK);
		struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, object);
		assert_int_equal(kp_proxy_configure((struct kp_proxy *)echo,
		                                    &(struct kp_proxy_options){.policies = &policy,
		                                                               .policy_count = 1}),
		                 KP_OK);
		assert_int_equal(RpcTest_Echo_add(echo, call, 1, 2, &sum), KP_ERR_TIMEOUT);
		assert_in_range(fake_count(&last.requests), 0, round);
		kp_call_close(call);
		kp_client_close(client);
	}
	close_hole(&holes[0]);
	close_hole(&holes[1]);
	fake_close(&last);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_refusal_for_overload_is_tried_elsewhere),
	        cmocka_unit_test(when_all_are_overloaded_each_is_asked_once),
	        cmocka_unit_test(who_forbids_retries_has_none),
	        cmocka_unit_test(callbacks_hear_of_the_last_try_only),
	        cmocka_unit_test(what_the_application_answers_is_never_asked_again),
	        cmocka_unit_test(a_broken_connection_is_tried_elsewhere_if_that_does_no_harm),
	        cmocka_unit_test(what_may_have_run_is_not_run_again_unasked),
	        cmocka_unit_test(a_policy_is_for_its_function),
	        cmocka_unit_test(a_function_may_have_a_timeout_of_its_own),
	        cmocka_unit_test(the_configuration_goes_before_the_program),
	        cmocka_unit_test(nonsense_in_a_policy_is_refused),
	        cmocka_unit_test(retries_end_with_the_budget),
	        cmocka_unit_test(without_a_budget_nothing_is_sent_again),
	        cmocka_unit_test(a_retry_is_never_retried),
	        cmocka_unit_test(a_retry_says_that_it_is_one),
	        cmocka_unit_test(a_second_copy_goes_where_the_first_did_not),
	        cmocka_unit_test(a_hedges_loser_never_answers_twice),
	        cmocka_unit_test(the_loser_is_called_off),
	        cmocka_unit_test(a_bad_first_answer_waits_for_the_hedge),
	        cmocka_unit_test(a_hedged_call_that_nobody_answers_ends_once),
	        cmocka_unit_test(hedges_are_paid_for),
	        cmocka_unit_test(a_call_and_its_hedge_never_meet),
	        cmocka_unit_test(a_hedged_call_ends_once_though_its_connections_break),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
