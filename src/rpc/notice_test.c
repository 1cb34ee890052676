// notice_test.c - what servers send without having been asked, at the client.
#include "rpc/fake.h"

#include <stdlib.h>

struct heard {
	int count;
	int ret;
	char function[64];
	char body[64];
	char reason[64];
	struct RpcTest_Echo *echo; // called back from inside the callback, if set
	struct kp_call *call;
	kp_err err;
};

static void on_push(void *user, const struct kp_pushed *pushed)
{
	struct heard *heard = user;
	heard->count++;
	heard->ret = pushed->ret;
	snprintf(heard->function, sizeof(heard->function), "%.*s", KP_STR_ARG(pushed->function));
	snprintf(heard->reason, sizeof(heard->reason), "%.*s", KP_STR_ARG(pushed->reason));
	int32_t sum;
	if (heard->echo) // while it waits, the views must stay
		heard->err = RpcTest_Echo_add(heard->echo, heard->call, 1, 2, &sum);
	snprintf(heard->body, sizeof(heard->body), "%.*s", (int)pushed->body.len,
	         (const char *)pushed->body.ptr);
}

static void push(struct kp_buf *out, const char *function, const char *body)
{
	struct kp_buf pairs = {0};
	kp_packet_pair_encode(&pairs, kp_str("TARS_FUNC"), kp_str(function ? function : ""));
	struct kp_response_packet packet = {
	        .version = KP_PACKET_TARS,
	        .ret = 3,
	        .body = {(const uint8_t *)body, strlen(body)},
	        .status = {kp_buf_bytes(&pairs), function != NULL},
	        .reason = kp_str("why"),
	};
	assert_int_equal(kp_response_packet_encode(out, &packet), KP_OK);
	kp_buf_fini(&pairs);
}

// pushes_first pushes two messages before it answers.
static bool pushes_first(struct fake *fake, const struct kp_request_packet *packet,
                         struct kp_buf *out)
{
	push(out, "news", "one");
	push(out, NULL, "two");
	fake_answer_int(packet, 42, out);
	return true;
}

struct stage {
	struct fake fake;
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *echo;
	struct heard heard;
};

static void open_stage(struct stage *stage, fake_fn fn)
{
	char text[256];
	fake_open(&stage->fake, fn);
	assert_int_equal(kp_client_open(&patient, &stage->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(stage->client, &stage->call), KP_OK);
	stage->echo = RpcTest_Echo_proxy(stage->client,
	                                 fake_object(text, sizeof(text), &stage->fake, NULL));
}

static void close_stage(struct stage *stage)
{
	kp_call_close(stage->call);
	kp_client_close(stage->client);
	fake_close(&stage->fake);
	assert_int_equal(kp_mem_live(), 0);
}

static void add(struct stage *stage)
{
	int32_t sum;
	assert_int_equal(RpcTest_Echo_add(stage->echo, stage->call, 1, 2, &sum), KP_OK);
	assert_int_equal(sum, 42);
}

static void pushes_go_to_who_asked_for_them(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, pushes_first);
	kp_proxy_on_push((struct kp_proxy *)stage.echo, on_push, &stage.heard);
	add(&stage);
	assert_int_equal(stage.heard.count, 2);
	assert_int_equal(stage.heard.ret, 3);
	assert_string_equal(stage.heard.function, "");
	assert_string_equal(stage.heard.body, "two");
	assert_string_equal(stage.heard.reason, "why");
	assert_int_equal(kp_client_pushes_dropped(stage.client), 0);
	close_stage(&stage);
}

static void pushes_for_nobody_are_counted_and_dropped(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, pushes_first);
	add(&stage);
	assert_int_equal(kp_client_pushes_dropped(stage.client), 2);
	close_stage(&stage);
}

static void all_proxies_of_a_connection_hear_of_it(void **state)
{
	struct stage stage = {0};
	struct heard other = {0}, elsewhere = {0};
	char text[256];
	open_stage(&stage, pushes_first);
	struct kp_proxy *proxy = (struct kp_proxy *)stage.echo;
	snprintf(text, sizeof(text), "Test.EchoServer.OtherObj@tcp -h 127.0.0.1 -p %d",
	         stage.fake.port);
	struct RpcTest_Echo *second = RpcTest_Echo_proxy(stage.client, text);
	struct RpcTest_Echo *third =
	        RpcTest_Echo_proxy(stage.client, "A.B.C@tcp -h 127.0.0.1 -p 1");
	kp_proxy_on_push(proxy, on_push, &stage.heard);
	kp_proxy_on_push((struct kp_proxy *)second, on_push, &other);
	kp_proxy_on_push((struct kp_proxy *)third, on_push, &elsewhere);
	int32_t sum;
	assert_int_equal(RpcTest_Echo_add(third, stage.call, 1, 2, &sum), KP_ERR_CONNECT);
	assert_int_equal(RpcTest_Echo_add(second, stage.call, 1, 2, &sum), KP_OK);
	assert_int_equal(other.count, 2);
	add(&stage);
	assert_int_equal(other.count, 4);
	assert_int_equal(stage.heard.count, 2);
	assert_int_equal(elsewhere.count, 0);
	close_stage(&stage);
}

static void a_callback_may_call_and_its_views_stay(void **state)
{
	struct stage stage = {0};
	struct fake below = {0};
	char text[256];
	fake_open(&below, fake_right);
	open_stage(&stage, pushes_first);
	stage.heard.echo =
	        RpcTest_Echo_proxy(stage.client, fake_object(text, sizeof(text), &below, NULL));
	assert_int_equal(kp_call_open(stage.client, &stage.heard.call), KP_OK);
	kp_proxy_on_push((struct kp_proxy *)stage.echo, on_push, &stage.heard);
	add(&stage);
	while (stage.heard.body[0] != 't' || stage.heard.count < 2)
		assert_int_equal(kp_client_listen(stage.client, 1), KP_OK);
	assert_int_equal(stage.heard.err, KP_OK);
	kp_call_close(stage.heard.call);
	fake_close(&below);
	close_stage(&stage);
}

static bool goes(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	struct kp_response_packet notice = {.version = KP_PACKET_TARS,
	                                    .reason = kp_str("_reconnect_")};
	fake_answer_int(packet, 42, out);
	return kp_response_packet_encode(out, &notice) == KP_OK;
}

static void a_notice_of_going_is_no_push(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, goes);
	kp_proxy_on_push((struct kp_proxy *)stage.echo, on_push, &stage.heard);
	for (int i = 0; i < 3; i++)
		add(&stage);
	assert_int_equal(kp_client_listen(stage.client, 5), KP_OK);
	assert_int_equal(stage.heard.count, 0);
	assert_int_equal(kp_client_pushes_dropped(stage.client), 0);
	wait_for(fake_count(&stage.fake.hellos) == 3); // each time on a new connection
	close_stage(&stage);
}

// --- with a server of ours

static int32_t push_back(struct kp_call *call, int32_t what)
{
	struct kp_push *back;
	if (kp_push_open(call, &back) != KP_OK)
		return -1;
	kp_err err = KP_OK;
	for (int32_t i = 0; i < what && err == KP_OK; i++)
		err = kp_push_send(back, kp_str("tick"),
		                   (struct kp_bytes){(const uint8_t *)"x", 1});
	kp_push_close(back);
	return (int32_t)err;
}

static void a_server_of_ours_pushes_to_a_client_of_ours(void **state)
{
	struct world world = open_world(2);
	struct heard heard = {0};
	hook = push_back;
	kp_proxy_on_push((struct kp_proxy *)world.echo, on_push, &heard);
	int32_t ret;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 100, &ret), KP_OK);
	assert_int_equal(ret, KP_OK);
	while (heard.count < 100)
		assert_int_equal(kp_client_listen(world.client, 1), KP_OK);
	assert_int_equal(heard.count, 100);
	assert_string_equal(heard.function, "tick");
	assert_string_equal(heard.body, "x");
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pushes_go_to_who_asked_for_them),
	        cmocka_unit_test(pushes_for_nobody_are_counted_and_dropped),
	        cmocka_unit_test(all_proxies_of_a_connection_hear_of_it),
	        cmocka_unit_test(a_callback_may_call_and_its_views_stay),
	        cmocka_unit_test(a_notice_of_going_is_no_push),
	        cmocka_unit_test(a_server_of_ours_pushes_to_a_client_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
