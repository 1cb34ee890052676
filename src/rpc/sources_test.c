// sources_test.c - hostile sources over loopback, and the good ones beside them.
#include "rpc/fixture.h"

#include <arpa/inet.h>

static const char *const here = "tcp -h 127.0.0.1 -p 0 -t 60000";

// dial_from connects from 127.0.0.`last`.
static int dial_from(const struct world *world, int last)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port_of(world))};
	own.sin_addr.s_addr = htonl(0x7f000000U + (unsigned)last);
	to.sin_addr.s_addr = htonl(0x7f000001U);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void expect_well(struct world *world)
{
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 1, 2, &ret), KP_OK);
	assert_int_equal(ret, 3);
}

static void expect_hang_up(int fd)
{
	char bytes[4096];
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		continue;
	close(fd);
}

static struct world open_limited(int threads, const struct kp_limits *limits)
{
	return open_world_with(threads,
	                       &(struct kp_adapter_options){.endpoint = here, .limits = *limits});
}

// expect_event waits for the next one.
static struct kp_server_event expect_event(struct world *world, enum kp_event_kind kind)
{
	struct kp_server_event event;
	wait_for(kp_server_next_event(world->server, &event));
	assert_int_equal(event.kind, kind);
	return event;
}

static void send_garbage(const struct world *world, int last, int times)
{
	for (int i = 0; i < times; i++) {
		int fd = dial_from(world, last);
		(void)!send(fd, "\0\0\0\x10garbagegarbage", 16, MSG_NOSIGNAL);
		expect_hang_up(fd);
	}
}

static void a_source_of_garbage_is_banned_and_the_others_are_not(void **state)
{
	struct world world = open_limited(2, &(struct kp_limits){.source_malformed_max = 4});
	expect_well(&world);
	int held = dial_from(&world, 9);
	send_garbage(&world, 9, 5);
	struct kp_server_event event = expect_event(&world, KP_EVENT_BAN);
	assert_string_equal(event.source, "127.0.0.9");
	expect_hang_up(held); // what a banned source has left open is closed
	expect_hang_up(dial_from(&world, 9));
	wait_for(stats_of(&world).connections_banned >= 1);
	wait_for(stats_of(&world).closed_banned == 1);
	expect_well(&world);
	close_world(&world);
}

static void garbage_beside_good_calls_bans_nobody(void **state)
{
	struct world world = open_limited(1, &(struct kp_limits){.source_malformed_max = 1});
	for (int i = 0; i < 500; i++)
		expect_well(&world);
	// The sweep tells the source's account of the calls.
	int fd = dial_from(&world, 1);
	close(fd);
	wait_for(stats_of(&world).connections_open == 1);
	kp_client_close(world.client); // tells at once
	kp_call_close(world.call);
	assert_int_equal(kp_client_open(&patient, &world.client, NULL), KP_OK);
	assert_int_equal(kp_call_open(world.client, &world.call), KP_OK);
	world.echo = RpcTest_Echo_proxy(world.client, world.object);
	wait_for(stats_of(&world).connections_open == 0);
	send_garbage(&world, 1, 10);
	expect_well(&world);
	struct kp_server_event event;
	assert_false(kp_server_next_event(world.server, &event));
	close_world(&world);
}

static void lists_of_addresses_are_kept(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){
	                   .endpoint = here, .allow = "127.0.0.0/28", .deny = "127.0.0.5"});
	expect_well(&world);
	expect_hang_up(dial_from(&world, 5));
	expect_hang_up(dial_from(&world, 77));
	wait_for(stats_of(&world).connections_denied == 2);
	expect_well(&world);
	close_world(&world);

	struct kp_server *server;
	struct kp_why why;
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &server, NULL), KP_OK);
	struct kp_adapter_options options = {.endpoint = here, .deny = "127.0.0.1, nonsense"};
	assert_int_equal(kp_server_listen(server, &options, NULL, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "nonsense"));
	kp_server_close(server);
}

static void a_denied_source_gets_no_answer_by_udp(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0 -t 60000",
	                                        .deny = "127.0.0.1"});
	assert_int_equal(RpcTest_Echo_ping_oneway(world.echo), KP_OK);
	wait_for(stats_of(&world).datagrams_dropped >= 1);
	assert_int_equal(stats_of(&world).requests, 0);
	close_world(&world);
}

static void a_source_has_only_so_many_connections(void **state)
{
	struct world world = open_limited(2, &(struct kp_limits){.source_connections_max = 2});
	int first = dial_from(&world, 9), second = dial_from(&world, 9);
	expect_hang_up(dial_from(&world, 9));
	wait_for(stats_of(&world).connections_limited == 1);
	close(first);
	wait_for(stats_of(&world).connections_open == 1);
	first = dial_from(&world, 9);
	wait_for(stats_of(&world).connections_open == 2);
	expect_well(&world);
	close(first);
	close(second);
	close_world(&world);
}

static void who_says_nothing_is_closed(void **state)
{
	struct world world = open_limited(1, &(struct kp_limits){.empty_conn_ms = 100});
	expect_well(&world); // this connection has said something
	expect_hang_up(dial_from(&world, 9));
	wait_for(stats_of(&world).closed_silent == 1);
	expect_well(&world);
	assert_int_equal(stats_of(&world).connections_open, 1);
	close_world(&world);
}

static void a_packet_that_does_not_end_is_not_awaited(void **state)
{
	struct world world = open_limited(1, &(struct kp_limits){.frame_ms = 100});
	int fd = dial_from(&world, 9);
	struct kp_buf frame = {0};
	encode_echo(&frame, 1, 1000);
	send_all(fd, frame.data, frame.len);
	send_all(fd, frame.data, 10);
	char bytes[4096];
	assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0); // the first is answered
	for (size_t i = 10; i < 500 && stats_of(&world).closed_silent == 0; i++) {
		(void)!send(fd, frame.data + i, 1, MSG_NOSIGNAL);
		usleep(10000);
	}
	wait_for(stats_of(&world).closed_silent == 1);
	expect_hang_up(fd);
	kp_buf_fini(&frame);
	expect_well(&world);
	close_world(&world);
}

static void who_reads_nothing_is_closed(void **state)
{
	struct world world = open_limited(1, &(struct kp_limits){.reader_ms = 100});
	int fd = dial_from(&world, 9);
	struct kp_buf frame = {0};
	encode_echo(&frame, 1, 1 << 20);
	for (int i = 0; i < 64 && stats_of(&world).closed_slow_reader == 0; i++) {
		size_t sent = 0;
		while (sent < frame.len && stats_of(&world).closed_slow_reader == 0) {
			ssize_t size = send(fd, frame.data + sent, frame.len - sent,
			                    MSG_NOSIGNAL | MSG_DONTWAIT);
			if (size > 0)
				sent += (size_t)size;
			else
				usleep(1000);
		}
	}
	wait_for(stats_of(&world).closed_slow_reader == 1);
	expect_hang_up(fd);
	kp_buf_fini(&frame);
	expect_well(&world);
	close_world(&world);
}

// Thirty connections begin a packet of a megabyte each, where four of them may be kept.
static void begun_packets_of_all_connections_are_bounded(void **state)
{
	struct world world = open_limited(
	        1, &(struct kp_limits){.partial_size_max = 4 << 20, .source_malformed_max = -1});
	expect_well(&world);
	struct kp_buf frame = {0};
	encode_echo(&frame, 1, 1 << 20);
	int fds[30];
	for (int i = 0; i < 30; i++) {
		fds[i] = dial_from(&world, 9 + i);
		send_all(fds[i], frame.data, frame.len - 100);
	}
	wait_for(stats_of(&world).closed_silent >= 25);
	expect_well(&world);
	for (int i = 0; i < 30; i++)
		close(fds[i]);
	kp_buf_fini(&frame);
	close_world(&world);
}

// The sweep finds what a connection began since it was last read from, and has to close another
// one for it: the one that it would have looked at next.
static void a_sweep_may_close_the_connection_that_is_next(void **state)
{
	struct world world = open_limited(1, &(struct kp_limits){.partial_size_max = 150000,
	                                                         .empty_conn_ms = -1,
	                                                         .frame_ms = -1,
	                                                         .source_malformed_max = -1});
	struct kp_buf frame = {0};
	encode_echo(&frame, 1, 1 << 20);
	int fd = dial_from(&world, 9), next = dial_from(&world, 10);
	send_all(fd, frame.data, 10); // a part of 64 KiB, not yet counted
	expect_well(&world);
	send_all(next, frame.data, 70000);
	for (int i = 0; i < 5; i++)
		expect_well(&world);
	send_all(next, frame.data + 70000, 1); // a part of 128 KiB, counted
	for (int i = 0; i < 5; i++)
		expect_well(&world);
	wait_for(stats_of(&world).closed_silent == 1);
	expect_hang_up(next);
	expect_well(&world);
	assert_int_equal(stats_of(&world).closed_silent, 1);
	close(fd);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void limits_are_seen_and_changed_while_it_runs(void **state)
{
	struct world world = open_world(2);
	struct kp_limits limits;
	assert_int_equal(kp_server_limits(world.server, 0, &limits), KP_OK);
	assert_int_equal(limits.connections_max, 10240);
	assert_int_equal(limits.empty_conn_ms, 5000);
	assert_int_equal(kp_server_limits(world.server, 1, &limits), KP_ERR_INVALID);
	expect_well(&world);
	limits.connections_max = 1;
	limits.queue_max = 3;
	assert_int_equal(kp_server_set_limits(world.server, 0, &limits), KP_OK);
	expect_hang_up(dial_from(&world, 9));
	wait_for(stats_of(&world).connections_refused >= 1);
	limits.connections_max = -1;
	limits.empty_conn_ms = 100;
	assert_int_equal(kp_server_set_limits(world.server, 0, &limits), KP_OK);
	expect_hang_up(dial_from(&world, 9));
	wait_for(stats_of(&world).closed_silent == 1);
	expect_well(&world);
	close_world(&world);
}

static void a_mass_attack_suspends_and_the_good_stay(void **state)
{
	struct world world = open_limited(2, &(struct kp_limits){.suspend_offences_per_s = 20,
	                                                         .suspend_ms = 300,
	                                                         .source_malformed_max = 2,
	                                                         .connections_max = 40});
	for (int i = 0; i < 100; i++)
		expect_well(&world);
	// Forty silent connections fill the adapter: it cannot keep up; and more are refused.
	int fds[40];
	for (int i = 0; i < 39; i++)
		fds[i] = dial_from(&world, 50 + i);
	wait_for(stats_of(&world).connections_open == 40);
	struct kp_server_event event;
	for (int i = 0; !kp_server_is_suspended(world.server, 0); i++) {
		assert_true(i < 100000);
		close(dial_from(&world, 10 + i % 30));
		usleep(200);
	}
	wait_for(kp_server_next_event(world.server, &event) && event.kind == KP_EVENT_SUSPEND);
	for (int i = 0; i < 39; i++)
		expect_hang_up(fds[i]);
	expect_well(&world); // on the connection that it has
	wait_for(kp_server_next_event(world.server, &event) && event.kind == KP_EVENT_RESUME);
	assert_false(kp_server_is_suspended(world.server, 0));
	int fd = dial_from(&world, 200);
	wait_for(stats_of(&world).connections_open == 2);
	close(fd);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_source_of_garbage_is_banned_and_the_others_are_not),
	        cmocka_unit_test(garbage_beside_good_calls_bans_nobody),
	        cmocka_unit_test(lists_of_addresses_are_kept),
	        cmocka_unit_test(a_denied_source_gets_no_answer_by_udp),
	        cmocka_unit_test(a_source_has_only_so_many_connections),
	        cmocka_unit_test(who_says_nothing_is_closed),
	        cmocka_unit_test(a_packet_that_does_not_end_is_not_awaited),
	        cmocka_unit_test(who_reads_nothing_is_closed),
	        cmocka_unit_test(begun_packets_of_all_connections_are_bounded),
	        cmocka_unit_test(a_sweep_may_close_the_connection_that_is_next),
	        cmocka_unit_test(limits_are_seen_and_changed_while_it_runs),
	        cmocka_unit_test(a_mass_attack_suspends_and_the_good_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
