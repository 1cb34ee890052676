// http_conn_test.c - connections of HTTP: how they are kept, bounded, drained, and told from
// others.
#include "rpc/http_fixture.h"

#include "kipp/push.h"

// --- connections

static void connections_are_kept_and_closed_as_the_client_wishes(void **state)
{
	static const struct {
		const char *text;
		bool is_kept;
	} rows[] = {
	        {LIVE, true},
	        {"GET /livez" HEAD "Connection: close\r\n\r\n", false},
	        {"GET /livez HTTP/1.0\r\n\r\n", false},
	        {"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
	};
	struct world world = open_world(1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = dial(&world);
		say(fd, rows[i].text);
		expect(fd, 200, "ok\n");
		if (rows[i].is_kept) {
			say(fd, ADD(1, 2));
			expect(fd, 200, "{\"tars_ret\":3}\n");
		} else {
			assert_true(has_hung_up(fd));
		}
		kp_sock_close(fd);
	}
	close_world(&world);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	say(fd, SLOW ADD(1, 2) "\r\n" SLOW "GET /nobody" HEAD "\r\n" ADD(3, 4));
	expect(fd, 200, "{\"tars_ret\":\"slow\"}\n");
	expect(fd, 200, "{\"tars_ret\":3}\n");
	expect(fd, 200, "{\"tars_ret\":\"slow\"}\n");
	expect(fd, 404, NULL);
	expect(fd, 200, "{\"tars_ret\":7}\n");
	kp_sock_close(fd);
	close_world(&world);
}

static void a_flood_behind_a_slow_call_waits_outside(void **state)
{
	enum {
		COUNT = 20000
	};
	struct world world = open_world(1);
	int fd = dial(&world);
	struct kp_buf flood = {0};
	kp_buf_append_str(&flood, kp_str(SLOW));
	for (int i = 0; i < COUNT; i++)
		kp_buf_append_str(&flood, kp_str(LIVE));
	size_t sent = 0;
	int answers = 0;
	struct reply reply;
	while (answers <= COUNT) {
		size_t now = 0;
		while (sent < flood.len &&
		       kp_sock_write(fd, flood.data + sent, flood.len - sent, &now) == KP_OK)
			sent += now;
		read_reply(fd, false, &reply);
		assert_int_equal(reply.status, 200);
		answers++;
	}
	kp_buf_fini(&flood);
	kp_sock_close(fd);
	close_world(&world);
}

static void a_byte_at_a_time_is_enough(void **state)
{
	static const char text[] = "POST /EchoObj/add" HEAD "Transfer-Encoding: chunked\r\n\r\n"
	                           "7\r\n{\"a\":1,\r\n6;x=y\r\n\"b\":2}\r\n0\r\nA: b\r\n\r\n";
	struct world world = open_world(1);
	int fd = dial(&world);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			send_all(fd, text + i, 1);
			usleep(50);
		}
		expect(fd, 200, "{\"tars_ret\":3}\n");
	}
	kp_sock_close(fd);
	close_world(&world);
}

static void a_body_is_sent_after_it_is_asked_for(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	say(fd, "POST /EchoObj/add" HEAD "Content-Length: 13\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, 100, NULL);
	say(fd, "{\"a\":1,\"b\":2}");
	expect(fd, 200, "{\"tars_ret\":3}\n");
	kp_sock_close(fd);
	close_world(&world);
}

static void what_is_too_large_is_refused_before_it_is_there(void **state)
{
	struct kp_adapter_options options = tcp();
	options.frame_size_max = 1000;
	struct world world = open_world_with(1, &options);
	static const char *const rows[] = {
	        "POST /EchoObj/add" HEAD "Content-Length: 1001\r\n\r\n",
	        "POST /EchoObj/add" HEAD "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
	        "POST /EchoObj/add" HEAD "Transfer-Encoding: chunked\r\n\r\n3e9\r\n",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = dial(&world);
		say(fd, rows[i]);
		expect(fd, 413, NULL);
		send_all(fd, options.endpoint, 20); // is not read as anything
		assert_true(has_hung_up(fd));
		kp_sock_close(fd);
	}
	close_world(&world);
}

static void headers_have_a_largest_size_and_no_rubbish(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	say(fd, "GET / HTTP/1.1\r\n");
	for (int i = 0; i <= KP_HTTP_HEAD_SIZE_MAX / 50; i++)
		say(fd, "A: 0123456789012345678901234567890123456789012345678901234567\r\n");
	expect(fd, 431, NULL);
	assert_true(has_hung_up(fd));
	kp_sock_close(fd);
	fd = dial(&world);
	say(fd, "POST /EchoObj/add" HEAD "Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n"
	        "0\r\n\r\n" LIVE);
	expect(fd, 400, NULL);
	assert_true(has_hung_up(fd)); // what follows is nobody's request
	kp_sock_close(fd);
	wait_for(stats_of(&world).closed_bad_frame == 2);
	close_world(&world);
}

static void slow_requests_are_given_up(void **state)
{
	static const char *const rows[] = {
	        "G",
	        "GET / HTTP/1.1\r\nHost: x\r\n",
	        "POST /EchoObj/add" HEAD "Content-Length: 13\r\n\r\n{",
	        "POST /EchoObj/add" HEAD "Transfer-Encoding: chunked\r\n\r\n1",
	};
	struct kp_adapter_options options = tcp();
	options.http_timeout_ms = 30;
	struct world world = open_world_with(1, &options);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = dial(&world);
		say(fd, rows[i]);
		expect(fd, 408, NULL);
		assert_true(has_hung_up(fd));
		kp_sock_close(fd);
	}
	wait_for(stats_of(&world).closed_silent == 4);
	int fd = dial(&world); // but a slow call is not a slow request
	say(fd, SLOW);
	expect(fd, 200, NULL);
	kp_sock_close(fd);
	close_world(&world);
}

static void idle_connections_are_closed(void **state)
{
	struct kp_adapter_options options = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 100"};
	struct world world = open_world_with(1, &options);
	int fd = dial(&world);
	say(fd, LIVE);
	expect(fd, 200, "ok\n");
	assert_true(has_hung_up(fd));
	wait_for(stats_of(&world).closed_idle == 1);
	kp_sock_close(fd);
	close_world(&world);
}

// --- with all that a server does

static void overload_is_told_and_when_to_come_again(void **state)
{
	struct kp_adapter_options options = tcp();
	options.queue_max = 1;
	struct world world = open_world_with(1, &options);
	struct reply reply;
	hook = wait_to_be_cancelled;
	cancelled = 0;
	int fd = dial(&world);
	say(fd, "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}");
	wait_for(stats_of(&world).requests == 1);
	post(&world, "add", "", "{\"a\":1,\"b\":2}", &reply);
	assert_int_equal(reply.status, 503);
	assert_string_equal(header(&reply, "Retry-After"), "1");
	assert_body_has(&reply, "\"iRet\":-9");
	kp_sock_close(fd);
	wait_for(__atomic_load_n(&cancelled, __ATOMIC_SEQ_CST) == 1);
	close_world(&world);
}

static void handlers_run_on_a_pool(void **state)
{
	struct kp_adapter_options options = tcp();
	options.pool_threads = 2;
	struct world world = open_world_with(1, &options);
	int fd = dial(&world);
	say(fd, SLOW ADD(1, 2));
	expect(fd, 200, "{\"tars_ret\":\"slow\"}\n");
	expect(fd, 200, "{\"tars_ret\":3}\n");
	kp_sock_close(fd);
	close_world(&world);
}

static struct kp_call *kept;

static int32_t keep(struct kp_call *call, int32_t what)
{
	kp_call_defer(call);
	__atomic_store_n(&kept, call, __ATOMIC_SEQ_CST);
	return 0;
}

static struct kp_call *wait_for_kept(void)
{
	wait_for(__atomic_load_n(&kept, __ATOMIC_SEQ_CST));
	struct kp_call *call = kept;
	kept = NULL;
	return call;
}

static void answers_may_come_late_and_from_elsewhere(void **state)
{
	struct world world = open_world(1);
	hook = keep;
	int fd = dial(&world);
	say(fd, "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}" ADD(1, 2));
	RpcTest_Echo_hook_answer(wait_for_kept(), 8);
	expect(fd, 200, "{\"tars_ret\":8}\n");
	expect(fd, 200, "{\"tars_ret\":3}\n");
	say(fd, "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}");
	struct kp_call *call = wait_for_kept();
	kp_call_fail(call, 5, "late");
	kp_call_done(call);
	expect(fd, 500, NULL);
	say(fd, "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}");
	call = wait_for_kept();
	kp_sock_close(fd); // nobody is there any more
	wait_for(stats_of(&world).connections_open == 0);
	RpcTest_Echo_hook_answer(call, 8);
	close_world(&world);
}

static void *stop_main(void *arg)
{
	kp_server_stop(((struct world *)arg)->server, 60000);
	return NULL;
}

static void a_server_that_ends_answers_what_it_has_begun_and_says_so(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	hook = keep;
	int busy = dial(&world), idle = dial(&world);
	say(idle, LIVE);
	expect(idle, 200, "ok\n");
	say(busy, "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}" LIVE);
	struct kp_call *call = wait_for_kept();
	pthread_t stopper;
	assert_int_equal(pthread_create(&stopper, NULL, stop_main, &world), 0);
	assert_true(has_hung_up(idle));
	RpcTest_Echo_hook_answer(call, 8);
	read_reply(busy, false, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(header(&reply, "Connection"), "close");
	assert_true(has_hung_up(busy));
	kp_sock_close(busy);
	kp_sock_close(idle);
	pthread_join(stopper, NULL);
	close_world(&world);
}

static int32_t try_to_push(struct kp_call *call, int32_t what)
{
	struct kp_push *push;
	return (int32_t)kp_push_open(call, &push);
}

static void nothing_is_pushed_into_http(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	hook = try_to_push;
	post(&world, "hook", "", "{\"what\":0}", &reply);
	char wanted[32];
	snprintf(wanted, sizeof(wanted), "{\"tars_ret\":%d}\n", (int)KP_ERR_UNSUPPORTED);
	assert_body(&reply, wanted);
	close_world(&world);
}

// --- the port's other tongues

static void a_port_may_speak_packets_only(void **state)
{
	struct kp_adapter_options options = tcp();
	options.no_http = true;
	struct world world = open_world_with(1, &options);
	int fd = dial(&world);
	say(fd, LIVE);
	assert_true(has_hung_up(fd));
	wait_for(stats_of(&world).closed_oversized == 1);
	kp_sock_close(fd);
	close_world(&world);
}

static void a_connection_that_began_with_packets_speaks_nothing_else(void **state)
{
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	char in[256];
	int fd = dial(&world);
	encode_echo(&frame, 1, 10);
	send_all(fd, frame.data, 1); // even in pieces
	send_all(fd, frame.data + 1, frame.len - 1);
	assert_true(read_more(fd, in, sizeof(in)) > 0);
	say(fd, LIVE);
	assert_true(has_hung_up(fd));
	kp_buf_fini(&frame);
	kp_sock_close(fd);
	close_world(&world);
}

static void a_server_survives_running_out_of_memory(void **state)
{
	static const char *const rows[] = {ADD(1, 2), LIVE, "GET /EchoObj" HEAD "\r\n",
	                                   SLOW ADD(1, 2)};
	struct world world = open_world(1);
	for (int nth = 1; nth < 80; nth++) {
		int fd = dial(&world);
		(void)RpcTest_Echo_failAllocation(world.echo, world.call, nth / 4 + 1);
		say(fd, rows[nth % 4]);
		char in[64];
		(void)read_more(fd, in, sizeof(in)); // an answer or the end: but something
		while (RpcTest_Echo_failAllocation(world.echo, world.call, 0) != KP_OK)
			continue;
		kp_sock_close(fd);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(connections_are_kept_and_closed_as_the_client_wishes),
	        cmocka_unit_test(pipelined_requests_are_answered_in_order),
	        cmocka_unit_test(a_flood_behind_a_slow_call_waits_outside),
	        cmocka_unit_test(a_byte_at_a_time_is_enough),
	        cmocka_unit_test(a_body_is_sent_after_it_is_asked_for),
	        cmocka_unit_test(what_is_too_large_is_refused_before_it_is_there),
	        cmocka_unit_test(headers_have_a_largest_size_and_no_rubbish),
	        cmocka_unit_test(slow_requests_are_given_up),
	        cmocka_unit_test(idle_connections_are_closed),
	        cmocka_unit_test(overload_is_told_and_when_to_come_again),
	        cmocka_unit_test(handlers_run_on_a_pool),
	        cmocka_unit_test(answers_may_come_late_and_from_elsewhere),
	        cmocka_unit_test(a_server_that_ends_answers_what_it_has_begun_and_says_so),
	        cmocka_unit_test(nothing_is_pushed_into_http),
	        cmocka_unit_test(a_port_may_speak_packets_only),
	        cmocka_unit_test(a_connection_that_began_with_packets_speaks_nothing_else),
	        cmocka_unit_test(a_server_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
