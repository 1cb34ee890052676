// rpc_test.c - servers and clients of this library, talking over loopback.
#include "rpc/fixture.h"

// --- promises

static void a_call_is_answered(void **state)
{
	struct world world = open_world(1);
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 40, 2, &ret), KP_OK);
	assert_int_equal(ret, 42);
	struct kp_bytes response = {0};
	struct kp_bytes request = {(const uint8_t *)"hello", 5};
	assert_int_equal(RpcTest_Echo_echo(world.echo, world.call, request, &response, &ret),
	                 KP_OK);
	assert_true(kp_bytes_equal(request, response));
	assert_int_equal(RpcTest_Echo_ping(world.echo, world.call), KP_OK);
	close_world(&world);
}

static void bodies_of_every_size_come_back(void **state)
{
	struct world world = open_world(1);
	static const size_t sizes[] = {0,     1,     100,   127,   128,    4000,    32767,
	                               32768, 65000, 65536, 70000, 300000, 1 << 20, 9 << 20};
	uint8_t *data = kp_alloc(9 << 20);
	for (size_t i = 0; i < 9 << 20; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct kp_bytes response = {0};
		int32_t ret;
		assert_int_equal(RpcTest_Echo_echo(world.echo, world.call,
		                                   (struct kp_bytes){data, sizes[i]}, &response,
		                                   &ret),
		                 KP_OK);
		assert_int_equal(response.len, sizes[i]);
		assert_true(sizes[i] == 0 || memcmp(response.ptr, data, sizes[i]) == 0);
		kp_call_reset(world.call);
	}
	kp_free(data);
	close_world(&world);
}

static void errors_carry_code_and_reason(void **state)
{
	struct world world = open_world(1);
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_fail(world.echo, world.call, 77, kp_str("no money"), &ret),
	                 KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(world.call), 77);
	assert_true(kp_str_equal(kp_call_reason(world.call), kp_str("no money")));
	char object[256];
	snprintf(object, sizeof(object), "Test.EchoServer.OtherObj@%s",
	         kp_server_endpoint(world.server, 0));
	struct RpcTest_Echo *other = RpcTest_Echo_proxy(world.client, object);
	assert_int_equal(RpcTest_Echo_add(other, world.call, 1, 2, &ret), KP_ERR_NOSERVANT);
	assert_int_equal(kp_call_ret(world.call), -4);
	assert_true(kp_call_reason(world.call).len > 0);

	struct kp_request *request;
	struct kp_decoder in;
	assert_int_equal(kp_request_open((struct kp_proxy *)world.echo, world.call,
	                                 kp_str("nosuch"), &request),
	                 KP_OK);
	assert_int_equal(kp_request_wait(request, &in), KP_ERR_NOFUNC);
	assert_int_equal(kp_call_ret(world.call), -3);
	assert_int_equal(
	        kp_request_open((struct kp_proxy *)world.echo, world.call, kp_str("add"), &request),
	        KP_OK);
	assert_int_equal(kp_request_wait(request, &in), KP_ERR_SERVER);
	assert_int_equal(kp_call_ret(world.call), -1);
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret), KP_OK);
	close_world(&world);
}

static void a_timeout_ends_the_call_and_a_late_answer_hurts_nobody(void **state)
{
	struct world world = open_world(1);
	struct kp_str said;
	kp_call_set_timeout(world.call, 20);
	int64_t before_ns = kp_clock_ns();
	assert_int_equal(
	        RpcTest_Echo_sleepThenSay(world.echo, world.call, 60, kp_str("late"), &said),
	        KP_ERR_TIMEOUT);
	assert_true(kp_clock_ns() - before_ns >= 20 * KP_NS_PER_MS);
	kp_call_set_timeout(world.call, 0);
	for (int i = 0; i < 50; i++) {
		int32_t ret;
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, i, 1, &ret), KP_OK);
		assert_int_equal(ret, i + 1);
		usleep(2000);
	}
	close_world(&world);
}

struct asyncs {
	int answered;
	int wrong;
};

static void on_said(void *arg, kp_err err, const struct RpcTest_Echo_sleepThenSay_result *result)
{
	struct asyncs *asyncs = arg;
	asyncs->answered++;
	asyncs->wrong += err != KP_OK || !kp_str_equal(result->ret, kp_str("x"));
}

static void many_calls_share_a_connection_in_any_order(void **state)
{
	struct world world = open_world(2);
	struct asyncs asyncs = {0};
	for (int i = 0; i < 1000; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(world.echo, (i * 7) % 20,
		                                                 kp_str("x"), on_said, &asyncs),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(asyncs.answered, 1000);
	assert_int_equal(asyncs.wrong, 0);
	assert_int_equal(stats_of(&world).connections_accepted, 1);
	close_world(&world);
}

static void oneway_calls_arrive_and_are_not_answered(void **state)
{
	struct world world = open_world(1);
	__atomic_store_n(&pings, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 10; i++)
		assert_int_equal(RpcTest_Echo_ping_oneway(world.echo), KP_OK);
	wait_for(__atomic_load_n(&pings, __ATOMIC_RELAXED) == 10);
	wait_for(stats_of(&world).oneways == 11); // and the client's greeting
	assert_int_equal(stats_of(&world).answers, 0);
	close_world(&world);
}

static void handlers_call_each_other_without_blocking_the_loop(void **state)
{
	struct world world = open_world(1);
	struct kp_str path = {0};
	int32_t ret;
	assert_int_equal(
	        RpcTest_Echo_relay(world.echo, world.call, kp_str(world.object), 5, &path, &ret),
	        KP_OK);
	assert_true(kp_str_equal(path, kp_str("5-4-3-2-1-end")));
	close_world(&world);
}

struct caller {
	pthread_t thread;
	struct world *world;
	int wrong;
};

static void *call_often(void *arg)
{
	struct caller *caller = arg;
	struct kp_call *call;
	if (kp_call_open(caller->world->client, &call) != KP_OK)
		return NULL;
	for (int i = 0; i < 500; i++) {
		int32_t ret = 0;
		kp_err err = RpcTest_Echo_add(caller->world->echo, call, i, 1, &ret);
		caller->wrong += err != KP_OK || ret != i + 1;
	}
	kp_call_close(call);
	return NULL;
}

static void many_threads_may_use_one_client(void **state)
{
	struct world world = open_world(2);
	struct caller callers[6] = {0};
	for (int i = 0; i < 6; i++) {
		callers[i].world = &world;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]),
		                 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].wrong, 0);
	}
	close_world(&world);
}

static void stopping_delivers_the_answers_in_flight(void **state)
{
	struct world world = open_world(1);
	struct asyncs asyncs = {0};
	for (int i = 0; i < 100; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(world.echo, 0, kp_str("x"),
		                                                 on_said, &asyncs),
		                 KP_OK);
	while (stats_of(&world).requests < 50)
		assert_int_not_equal(kp_client_drive(world.client, 1), KP_ERR_STATE);
	kp_server_stop(world.server, 5000);
	(void)kp_client_drive(world.client, 5000);
	assert_int_equal(asyncs.answered, 100);
	assert_int_equal(asyncs.wrong, 0);
	close_world(&world);
}

static void a_dead_server_is_told_at_once_and_found_again(void **state)
{
	struct world world = open_world(1);
	int port = port_of(&world);
	int32_t ret;
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 1, &ret), KP_OK);
	kp_server_close(world.server);
	// The first may still go out on the connection that is ending.
	kp_err err = RpcTest_Echo_add(world.echo, world.call, 1, 1, &ret);
	assert_true(err == KP_ERR_CONNECT || err == KP_ERR_CLOSED);
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 1, &ret), KP_ERR_CONNECT);
	assert_true(kp_call_reason(world.call).len > 0);

	char endpoint[128];
	int adapter;
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %d -t 60000", port);
	struct kp_server_options options = {.application = "Test", .server = "EchoServer"};
	assert_int_equal(kp_server_open(&options, &world.server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(world.server,
	                                  &(struct kp_adapter_options){.endpoint = endpoint},
	                                  &adapter, NULL),
	                 KP_OK);
	assert_int_equal(kp_server_serve(world.server, adapter, "EchoObj", &RpcTest_Echo_interface,
	                                 &ops, world.inner),
	                 KP_OK);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	wait_for(RpcTest_Echo_add(world.echo, world.call, 1, 1, &ret) == KP_OK);
	close_world(&world);
}

static void udp_carries_calls_too(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0 -t 60000"});
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 4, 5, &ret), KP_OK);
	assert_int_equal(ret, 9);
	struct kp_bytes response = {0};
	uint8_t data[1200] = {7};
	assert_int_equal(RpcTest_Echo_echo(world.echo, world.call,
	                                   (struct kp_bytes){data, sizeof(data)}, &response, &ret),
	                 KP_OK);
	assert_int_equal(response.len, sizeof(data));
	assert_int_equal(RpcTest_Echo_ping_oneway(world.echo), KP_OK);
	close_world(&world);
}

// --- hostile peers

static void expect_hang_up(int fd)
{
	char bytes[4096];
	struct pollfd ready = {fd, POLLIN, 0};
	size_t size;
	kp_err err;
	do {
		assert_int_equal(poll(&ready, 1, 20000), 1);
		err = kp_sock_read(fd, bytes, sizeof(bytes), &size);
	} while (err == KP_OK || err == KP_ERR_AGAIN);
	kp_sock_close(fd);
}

static void expect_well(struct world *world)
{
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 1, 2, &ret), KP_OK);
	assert_int_equal(ret, 3);
}

static void garbage_closes_only_its_own_connection(void **state)
{
	struct world world = open_world(1);
	expect_well(&world);
	int fd = dial(&world);
	send_all(fd, "\0\0\0\1", 4); // shorter than any frame
	expect_hang_up(fd);
	wait_for(stats_of(&world).closed_bad_frame == 1);
	fd = dial(&world);
	send_all(fd, "\x7f\0\0\0", 4); // larger than the limit
	expect_hang_up(fd);
	wait_for(stats_of(&world).closed_oversized == 1);
	fd = dial(&world);
	send_all(fd, "\0\0\0\x10garbagegarbage", 16); // a frame with no packet in it
	expect_hang_up(fd);
	wait_for(stats_of(&world).closed_bad_frame == 2);
	expect_well(&world);
	close_world(&world);
}

static void a_frame_byte_by_byte_is_a_frame(void **state)
{
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 10);
	int fd = dial(&world);
	for (size_t i = 0; i < frame.len; i++) {
		send_all(fd, frame.data + i, 1);
		if (i % 16 == 0)
			usleep(300);
	}
	char answer[256];
	size_t size = 0;
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_int_equal(kp_sock_read(fd, answer, sizeof(answer), &size), KP_OK);
	assert_true(size > 20);
	kp_sock_close(fd);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void a_peer_that_vanishes_is_counted_and_forgotten(void **state)
{
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 100000);
	for (int i = 0; i < 20; i++) {
		int fd = dial(&world);
		send_all(fd, frame.data, i % 2 ? frame.len : frame.len / 2);
		kp_sock_close(fd);
	}
	wait_for(stats_of(&world).connections_accepted == 20 &&
	         stats_of(&world).connections_open == 0);
	struct kp_adapter_stats stats = stats_of(&world);
	assert_int_equal(stats.closed_by_peer + stats.closed_reset, 20);
	expect_well(&world);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void a_slow_reader_is_bounded_and_then_closed(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 1000",
	                                        .backlog_size_max = 8 << 20});
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 500000);
	int fd = dial(&world);
	// Never read: the server stops reading from us once it has too much to tell us.
	size_t sent = 0;
	for (;;) {
		size_t now = 0;
		kp_err err = kp_sock_write(fd, frame.data + sent % frame.len,
		                           frame.len - sent % frame.len, &now);
		if (err == KP_OK) {
			sent += now;
			continue;
		}
		if (err != KP_ERR_AGAIN)
			break;
		struct pollfd ready = {fd, POLLOUT, 0};
		if (poll(&ready, 1, 300) == 0)
			break;
	}
	expect_well(&world);
	assert_true(sent < (size_t)64 << 20);
	wait_for(stats_of(&world).closed_slow_reader == 1);
	kp_sock_close(fd);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void an_idle_connection_is_closed(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 100"});
	int fd = dial(&world);
	expect_hang_up(fd);
	wait_for(stats_of(&world).closed_idle == 1);
	expect_well(&world);
	close_world(&world);
}

static void connections_over_the_limit_are_refused(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                        .connections_max = 3});
	expect_well(&world);
	int fds[4];
	for (int i = 0; i < 4; i++)
		fds[i] = dial(&world);
	wait_for(stats_of(&world).connections_refused == 2);
	expect_well(&world);
	for (int i = 0; i < 4; i++)
		kp_sock_close(fds[i]);
	close_world(&world);
}

static void requests_over_the_limit_are_refused_at_once(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                        .queue_max = 10});
	struct asyncs asyncs = {0};
	for (int i = 0; i < 30; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(world.echo, 100, kp_str("x"),
		                                                 on_said, &asyncs),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(asyncs.answered, 30);
	assert_int_equal(asyncs.wrong, 20);
	assert_int_equal(stats_of(&world).refused_overload, 20);
	close_world(&world);
}

// call_once makes a client, one call with it, and an end to both.
static kp_err call_once(const char *object)
{
	struct kp_client *client = NULL;
	struct kp_call *call = NULL;
	int32_t ret = 0;
	kp_err err = kp_client_open(&(struct kp_client_options){0}, &client, NULL);
	if (err == KP_OK)
		err = kp_call_open(client, &call);
	if (err == KP_OK)
		err = RpcTest_Echo_add(RpcTest_Echo_proxy(client, object), call, 1, 2, &ret);
	kp_call_close(call);
	kp_client_close(client);
	assert_true(err != KP_OK || ret == 3);
	return err;
}

static void calls_survive_running_out_of_memory(void **state)
{
	struct world world = open_world(1);
	for (int fault = 0; kp_fault_next(&fault);) {
		kp_err err = call_once(world.object);
		if (!kp_mem_has_failed())
			assert_int_equal(err, KP_OK);
	}
	close_world(&world);
}

// The server's allocations fail one after the other, on its own thread, while connections come and
// go.
static void a_server_survives_running_out_of_memory(void **state)
{
	struct world world = open_world(1);
	static uint8_t large[200000];
	for (int nth = 1; nth <= 12; nth++) {
		// The allocation that fails may be one for this very answer.
		(void)RpcTest_Echo_failAllocation(world.echo, world.call, nth);
		for (int i = 0; i < 3; i++) {
			struct kp_client *client;
			struct kp_call *call;
			struct kp_bytes response = {0};
			int32_t ret = 0;
			assert_int_equal(
			        kp_client_open(&(struct kp_client_options){0}, &client, NULL),
			        KP_OK);
			assert_int_equal(kp_call_open(client, &call), KP_OK);
			struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, world.object);
			kp_err err = RpcTest_Echo_echo(echo, call,
			                               (struct kp_bytes){large, sizeof(large)},
			                               &response, &ret);
			assert_true(err != KP_OK || response.len == sizeof(large));
			kp_call_close(call);
			kp_client_close(client);
		}
		kp_call_set_timeout(world.call, 1000);
		int32_t sum = 0;
		if (RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum) != KP_OK)
			assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum),
			                 KP_OK);
		assert_int_equal(sum, 3);
		kp_call_reset(world.call);
	}
	assert_int_equal(RpcTest_Echo_failAllocation(world.echo, world.call, 0), KP_OK);
	close_world(&world);
}

static void datagrams_that_are_no_frames_are_dropped(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0 -t 60000"});
	struct kp_address address;
	int fd;
	size_t size;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(&world), &address), KP_OK);
	assert_int_equal(kp_sock_connect(&address, true, &fd), KP_OK);
	static const struct kp_str bad[] = {
	        {"x", 1}, {"\0\0\0\1", 4}, {"\0\0\0\6xy", 6}, {"\0\0\0\6xyz", 7}};
	for (int i = 0; i < 4; i++)
		assert_int_equal(kp_sock_write(fd, bad[i].ptr, bad[i].len, &size), KP_OK);
	wait_for(stats_of(&world).datagrams_dropped == 4);
	expect_well(&world);
	kp_sock_close(fd);
	close_world(&world);
}

static void the_limit_on_requests_is_of_all_loops_together(void **state)
{
	struct world world = open_world_with(
	        2, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                        .queue_max = 10});
	struct kp_client *other;
	assert_int_equal(kp_client_open(&patient, &other, NULL), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(other, world.object);
	struct asyncs asyncs = {0};
	// Each client's connection is on a loop of its own; the first fills the queue for both.
	for (int i = 0; i < 10; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(world.echo, 2000, kp_str("x"),
		                                                 on_said, &asyncs),
		                 KP_OK);
	while (stats_of(&world).requests < 11) // and the greeting
		assert_int_not_equal(kp_client_drive(world.client, 1), KP_ERR_STATE);
	struct asyncs others = {0};
	for (int i = 0; i < 20; i++)
		assert_int_equal(
		        RpcTest_Echo_sleepThenSay_async(echo, 0, kp_str("x"), on_said, &others),
		        KP_OK);
	assert_int_equal(kp_client_drive(other, 60000), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(asyncs.answered, 10);
	assert_int_equal(others.answered, 20);
	assert_int_equal(asyncs.wrong + others.wrong, stats_of(&world).refused_overload);
	assert_true(others.wrong > 0);
	kp_client_close(other);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_call_is_answered),
	        cmocka_unit_test(bodies_of_every_size_come_back),
	        cmocka_unit_test(errors_carry_code_and_reason),
	        cmocka_unit_test(a_timeout_ends_the_call_and_a_late_answer_hurts_nobody),
	        cmocka_unit_test(many_calls_share_a_connection_in_any_order),
	        cmocka_unit_test(oneway_calls_arrive_and_are_not_answered),
	        cmocka_unit_test(handlers_call_each_other_without_blocking_the_loop),
	        cmocka_unit_test(many_threads_may_use_one_client),
	        cmocka_unit_test(stopping_delivers_the_answers_in_flight),
	        cmocka_unit_test(a_dead_server_is_told_at_once_and_found_again),
	        cmocka_unit_test(udp_carries_calls_too),
	        cmocka_unit_test(garbage_closes_only_its_own_connection),
	        cmocka_unit_test(a_frame_byte_by_byte_is_a_frame),
	        cmocka_unit_test(a_peer_that_vanishes_is_counted_and_forgotten),
	        cmocka_unit_test(a_slow_reader_is_bounded_and_then_closed),
	        cmocka_unit_test(an_idle_connection_is_closed),
	        cmocka_unit_test(connections_over_the_limit_are_refused),
	        cmocka_unit_test(requests_over_the_limit_are_refused_at_once),
	        cmocka_unit_test(the_limit_on_requests_is_of_all_loops_together),
	        cmocka_unit_test(calls_survive_running_out_of_memory),
	        cmocka_unit_test(a_server_survives_running_out_of_memory),
	        cmocka_unit_test(datagrams_that_are_no_frames_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
