// server_test.c - limits, floods, and the end of a server.
#include "rpc/fixture.h"

#include "os/thread.h"
#include "tars/frame.h"

#include <sys/resource.h>
#include <sys/wait.h>

static const struct kp_adapter_options plain = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"};

static void encode_call(struct kp_buf *out, const char *function, bool is_oneway,
                        struct kp_bytes body)
{
	struct kp_request_packet packet = {
	        .version = KP_PACKET_TARS,
	        .packet_type = is_oneway ? KP_PACKET_ONEWAY : KP_PACKET_NORMAL,
	        .request_id = 1,
	        .servant = kp_str("Test.EchoServer.EchoObj"),
	        .function = kp_str(function),
	        .body = body,
	};
	assert_int_equal(kp_request_packet_encode(out, &packet), KP_OK);
}

static void encode_sleep(struct kp_buf *out, int32_t ms, struct kp_str text)
{
	struct kp_buf body = {0};
	kp_i32_encode(&body, 1, ms);
	kp_str_encode(&body, 2, text);
	encode_call(out, "sleepThenSay", false, kp_buf_bytes(&body));
	kp_buf_fini(&body);
}

// receive reads from a connection until `size` bytes are there or the peer hangs up.
static size_t receive(int fd, size_t size)
{
	static char bytes[64 << 10];
	size_t total = 0;
	while (total < size) {
		struct pollfd ready = {fd, POLLIN, 0};
		size_t got, room = size - total < sizeof(bytes) ? size - total : sizeof(bytes);
		assert_int_equal(poll(&ready, 1, 60000), 1);
		kp_err err = kp_sock_read(fd, bytes, room, &got);
		if (err == KP_OK)
			total += got;
		else if (err != KP_ERR_AGAIN)
			break;
	}
	return total;
}

// --- limits

static void a_frame_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
	struct kp_buf frame = {0}, larger = {0};
	encode_echo(&frame, 9, 50000);
	encode_echo(&larger, 9, 50001);
	struct kp_adapter_options options = plain;
	options.frame_size_max = frame.len;
	struct world world = open_world_with(1, &options);
	int fd = dial(&world);
	send_all(fd, frame.data, frame.len);
	assert_true(receive(fd, 50000) == 50000);
	wait_for(stats_of(&world).answers == 1);
	send_all(fd, larger.data, larger.len);
	wait_for(stats_of(&world).closed_oversized == 1);
	kp_sock_close(fd);
	kp_buf_fini(&frame);
	kp_buf_fini(&larger);
	close_world(&world);
}

static void many_tiny_frames_are_all_served(void **state)
{
	enum {
		COUNT = 50000
	};
	struct world world = open_world(2);
	struct kp_buf frames = {0};
	for (int i = 0; i < 1000; i++)
		encode_call(&frames, "ping", true, (struct kp_bytes){NULL, 0});
	int fd = dial(&world);
	for (int i = 0; i < COUNT / 1000; i++)
		send_all(fd, frames.data, frames.len);
	wait_for(stats_of(&world).oneways == COUNT);
	int32_t ret;
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret), KP_OK);
	struct kp_adapter_stats stats = stats_of(&world);
	assert_int_equal(stats.requests, COUNT + 2); // the client's greeting and its call
	assert_int_equal(stats.answers, 1);
	kp_sock_close(fd);
	kp_buf_fini(&frames);
	wait_for(stats_of(&world).connections_open == 1);
	close_world(&world);
}

struct talker {
	pthread_t thread;
	int fd;
	bool is_over;
};

static void *talk(void *arg)
{
	struct talker *talker = arg;
	struct kp_buf frames = {0};
	for (int i = 0; i < 1000; i++)
		encode_call(&frames, "ping", true, (struct kp_bytes){NULL, 0});
	while (!__atomic_load_n(&talker->is_over, __ATOMIC_RELAXED))
		send_all(talker->fd, frames.data, frames.len);
	kp_buf_fini(&frames);
	return NULL;
}

static void an_endless_talker_does_not_starve_others(void **state)
{
	struct world world = open_world(1);
	struct talker talker = {.fd = dial(&world)};
	assert_int_equal(pthread_create(&talker.thread, NULL, talk, &talker), 0);
	wait_for(stats_of(&world).oneways > 1000);
	for (int i = 0; i < 100; i++) {
		int32_t ret;
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret), KP_OK);
	}
	__atomic_store_n(&talker.is_over, true, __ATOMIC_RELAXED);
	pthread_join(talker.thread, NULL);
	kp_sock_close(talker.fd);
	close_world(&world);
}

static void a_connection_that_paused_goes_on(void **state)
{
	enum {
		COUNT = 60,
		SIZE = 500000
	};
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, SIZE);
	int fd = dial(&world);
	size_t sent = 0, total = (size_t)COUNT * frame.len;
	while (sent < total) {
		size_t now = 0, at = sent % frame.len;
		if (kp_sock_write(fd, frame.data + at, frame.len - at, &now) != KP_OK)
			break;
		sent += now;
	}
	assert_true(sent < total);
	static char bytes[64 << 10];
	size_t received = 0;
	while (sent < total) {
		struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
		assert_int_equal(poll(&ready, 1, 60000), 1);
		size_t now = 0, at = sent % frame.len;
		if ((ready.revents & POLLOUT) &&
		    kp_sock_write(fd, frame.data + at, frame.len - at, &now) == KP_OK)
			sent += now;
		if ((ready.revents & POLLIN) &&
		    kp_sock_read(fd, bytes, sizeof(bytes), &now) == KP_OK)
			received += now;
	}
	while (received < (size_t)COUNT * SIZE)
		received += receive(fd, (size_t)COUNT * SIZE - received);
	wait_for(stats_of(&world).answers == COUNT);
	kp_sock_close(fd);
	kp_buf_fini(&frame);
	close_world(&world);
}

static int nth_to_fail;

static int32_t fail_an_allocation(struct kp_call *call, int32_t what)
{
	kp_mem_fail_at(nth_to_fail);
	(void)kp_call_sleep(call, what);
	return 0;
}

static void encode_hook_and_add(struct kp_buf *hooked, struct kp_buf *add)
{
	struct kp_buf body = {0};
	kp_i32_encode(&body, 1, 50);
	encode_call(hooked, "hook", false, kp_buf_bytes(&body));
	kp_i32_encode(&body, 2, 50);
	encode_call(add, "add", false, kp_buf_bytes(&body));
	kp_buf_fini(&body);
}

static void a_request_without_a_stack_is_refused(void **state)
{
	hook = fail_an_allocation;
	nth_to_fail = 4; // before it: the next block, its bytes, the call
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0"});
	struct kp_buf hooked = {0}, add = {0};
	encode_hook_and_add(&hooked, &add);
	struct kp_address address;
	int fd;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(&world), &address), KP_OK);
	assert_int_equal(kp_sock_connect(&address, true, &fd), KP_OK);
	send_all(fd, hooked.data, hooked.len);
	send_all(fd, add.data, add.len);
	wait_for(stats_of(&world).answers == 2);
	assert_int_equal(stats_of(&world).refused_overload, 1);
	kp_sock_close(fd);
	kp_buf_fini(&hooked);
	kp_buf_fini(&add);
	close_world(&world);
}

static void requests_behind_one_that_waits_need_no_luck(void **state)
{
	hook = fail_an_allocation;
	nth_to_fail = 1; // the stack for what follows in the same read
	struct world world = open_world(1);
	struct kp_buf frames = {0};
	encode_hook_and_add(&frames, &frames);
	int fd = dial(&world);
	send_all(fd, frames.data, frames.len);
	wait_for(stats_of(&world).answers == 2);
	assert_int_equal(stats_of(&world).refused_overload, 0);
	kp_sock_close(fd);
	kp_buf_fini(&frames);
	close_world(&world);
}

static void handlers_survive_their_connections(void **state)
{
	struct world world = open_world(2);
	struct kp_buf frames = {0};
	for (int i = 0; i < 10; i++)
		encode_sleep(&frames, 20 + i, kp_str("nobody will hear this"));
	for (int i = 0; i < 20; i++) {
		int fd = dial(&world);
		send_all(fd, frames.data, frames.len);
		wait_for(stats_of(&world).requests == (uint64_t)(i + 1) * 10);
		kp_sock_close(fd);
	}
	wait_for(stats_of(&world).connections_open == 0);
	assert_int_equal(stats_of(&world).connections_accepted, 20);
	kp_buf_fini(&frames);
	close_world(&world);
}

static void a_datagram_of_any_size_finds_room(void **state)
{
	enum {
		SIZE = 40000
	};
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0 -t 60000"});
	static char text[SIZE];
	memset(text, 'x', sizeof(text));
	struct kp_buf sleeping = {0}, echo = {0};
	encode_sleep(&sleeping, 300, (struct kp_str){text, SIZE}); // holds what it was read into
	encode_echo(&echo, 2, SIZE);
	struct kp_address address;
	int fd;
	size_t size;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(&world), &address), KP_OK);
	assert_int_equal(kp_sock_connect(&address, true, &fd), KP_OK);
	assert_int_equal(kp_sock_write(fd, sleeping.data, sleeping.len, &size), KP_OK);
	assert_int_equal(kp_sock_write(fd, echo.data, echo.len, &size), KP_OK);
	wait_for(stats_of(&world).answers == 2);
	assert_int_equal(stats_of(&world).datagrams_dropped, 0);
	kp_sock_close(fd);
	kp_buf_fini(&sleeping);
	kp_buf_fini(&echo);
	close_world(&world);
}

// --- descriptors

// use_all_descriptors runs in a process of its own and returns what went wrong.
static int use_all_descriptors(void)
{
	struct world world = open_world(2);
	int fds[64], count = 0;
	struct kp_address address;
	int32_t ret;
	if (RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret) != KP_OK)
		return 1;
	int probe = dup(0);
	close(probe);
	struct rlimit limit = {(rlim_t)probe + 24, (rlim_t)probe + 24};
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 2;
	if (kp_address_parse("127.0.0.1", port_of(&world), &address) != KP_OK)
		return 3;
	while (count < 64 && kp_sock_connect(&address, false, &fds[count]) == KP_OK)
		count++;
	if (count == 64)
		return 4;
	if (RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret) != KP_OK)
		return 5; // who is connected goes on
	for (int i = 0; i < count - 1; i++)
		kp_sock_close(fds[i]);
	// Each is accepted in the end; until then few may be open at times.
	wait_for(stats_of(&world).connections_accepted == (uint64_t)count + 1);
	wait_for(stats_of(&world).connections_open == 2);
	kp_sock_close(fds[count - 1]);
	wait_for(stats_of(&world).connections_open == 1);
	close_world(&world);
	return 0;
}

static void running_out_of_descriptors_only_makes_newcomers_wait(void **state)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(use_all_descriptors());
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

// --- the end

struct stopping {
	pthread_t thread;
	struct kp_server *server;
	int grace_ms;
};

static void *stop(void *arg)
{
	struct stopping *stopping = arg;
	kp_server_stop(stopping->server, stopping->grace_ms);
	return NULL;
}

static void begin_stop(struct stopping *stopping, struct world *world, int grace_ms)
{
	*stopping = (struct stopping){.server = world->server, .grace_ms = grace_ms};
	assert_int_equal(pthread_create(&stopping->thread, NULL, stop, stopping), 0);
}

static struct kp_address silent_address;

// ask_nobody waits for an answer that does not come.
static int32_t ask_nobody(struct kp_call *call, int32_t what)
{
	char object[128];
	snprintf(object, sizeof(object), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&silent_address));
	int32_t ret;
	return (int32_t)RpcTest_Echo_add(RpcTest_Echo_proxy(kp_call_user(call), object), call, 1, 2,
	                                 &ret);
}

static int listen_silently(void)
{
	int fd;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &silent_address), KP_OK);
	assert_int_equal(kp_sock_listen(&silent_address, &fd), KP_OK);
	assert_int_equal(kp_sock_local(fd, &silent_address), KP_OK);
	return fd;
}

static void on_hooked(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	*(int *)arg += 1;
}

static void when_the_grace_is_over_handlers_are_cancelled(void **state)
{
	struct world world = open_world(2);
	hook = ask_nobody;
	int silent = listen_silently(), ended = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(RpcTest_Echo_hook_async(world.echo, 0, on_hooked, &ended), KP_OK);
	while (stats_of(&world).requests < 10)
		(void)kp_client_drive(world.client, 1);
	kp_server_stop(world.server, 50);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(ended, 10);
	assert_int_equal(stats_of(&world).connections_open, 0);
	kp_sock_close(silent);
	close_world(&world);
}

static void a_server_that_ends_turns_newcomers_away_and_may_start_again(void **state)
{
	struct world world = open_world(2);
	hook = ask_nobody;
	int silent = listen_silently(), ended = 0;
	assert_int_equal(RpcTest_Echo_hook_async(world.echo, 0, on_hooked, &ended), KP_OK);
	while (stats_of(&world).requests < 1)
		(void)kp_client_drive(world.client, 1);
	struct stopping stopping;
	begin_stop(&stopping, &world, 60000);
	struct kp_address address;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(&world), &address), KP_OK);
	kp_err err = KP_OK;
	while (err == KP_OK) {
		int fd = -1;
		if (kp_sock_connect(&address, false, &fd) != KP_OK)
			break;
		struct pollfd ready = {fd, POLLOUT, 0};
		poll(&ready, 1, 60000);
		err = kp_sock_connected(fd);
		kp_sock_close(fd);
		usleep(500);
	}
	kp_sock_close(silent); // the handler's call ends, and with it the server
	pthread_join(stopping.thread, NULL);
	(void)kp_client_drive(world.client, 60000);
	assert_int_equal(ended, 1);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	int32_t ret = 0;
	wait_for(RpcTest_Echo_add(world.echo, world.call, 1, 2, &ret) == KP_OK);
	close_world(&world);
}

static void a_slow_reader_gets_its_answers_before_the_end(void **state)
{
	enum {
		SIZE = 8 << 20
	};
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, SIZE);
	int fd = dial(&world);
	send_all(fd, frame.data, frame.len);
	wait_for(stats_of(&world).answers == 1);
	struct stopping stopping;
	begin_stop(&stopping, &world, 60000);
	usleep(900 * 1000); // longer than the server waits for those who have all they want
	assert_true(receive(fd, SIZE) == SIZE);
	(void)receive(fd, SIZE); // and then the end
	kp_sock_close(fd);
	pthread_join(stopping.thread, NULL);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void connections_handed_over_at_the_end_are_closed(void **state)
{
	for (int round = 0; round < 10; round++) {
		struct world world = open_world(4);
		int fds[40];
		for (int i = 0; i < 40; i++)
			fds[i] = dial(&world);
		kp_server_stop(world.server, 0);
		assert_int_equal(stats_of(&world).connections_open, 0);
		for (int i = 0; i < 40; i++)
			kp_sock_close(fds[i]);
		close_world(&world);
	}
}

static int32_t block(struct kp_call *call, int32_t what)
{
	kp_thread_sleep_until(kp_clock_ns() + what * KP_NS_PER_MS);
	return 0;
}

static void on_blocked(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	assert_int_equal(err, KP_OK);
}

static void bytes_are_counted_while_a_connection_lasts(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	struct kp_buf frame = {0};
	encode_echo(&frame, 1, 1000);
	for (int i = 1; i <= 2; i++) {
		send_all(fd, frame.data, frame.len);
		wait_for(stats_of(&world).bytes_in == i * frame.len);
		wait_for(stats_of(&world).bytes_out > (uint64_t)i * 1000);
	}
	assert_int_equal(stats_of(&world).connections_open, 1);
	uint64_t sent = stats_of(&world).bytes_out;
	kp_sock_close(fd);
	wait_for(stats_of(&world).connections_open == 0);
	assert_int_equal(stats_of(&world).bytes_in, 2 * frame.len);
	assert_int_equal(stats_of(&world).bytes_out, sent);
	kp_buf_fini(&frame);
	close_world(&world);
}

static void a_handler_that_holds_its_loop_is_named(void **state)
{
	hook = block;
	struct kp_adapter_options options = plain;
	options.limits.held_ms = 1;
	struct world world = open_world_with(1, &options);
	assert_int_equal(RpcTest_Echo_hook_async(world.echo, 1000, on_blocked, NULL), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 1), KP_ERR_TIMEOUT);
	struct kp_server_event event;
	wait_for(kp_server_next_event(world.server, &event));
	assert_int_equal(event.kind, KP_EVENT_HELD);
	assert_non_null(strstr(event.text, "Test.EchoServer.EchoObj/hook has held loop 0 for "));
	assert_false(kp_server_next_event(world.server, &event)); // once is enough
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	close_world(&world);
}

static void a_dribbler_is_read_from_now_and_then_and_understood(void **state)
{
	struct world world = open_world(1);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 2000);
	int fd = dial(&world);
	for (size_t i = 0; i < frame.len; i++) {
		send_all(fd, frame.data + i, 1);
		if (i % 16 == 0)
			usleep(100);
	}
	wait_for(stats_of(&world).answers == 1);
	send_all(fd, frame.data, frame.len); // and as anybody again
	wait_for(stats_of(&world).answers == 2);
	kp_sock_close(fd);
	kp_buf_fini(&frame);
	wait_for(stats_of(&world).connections_open == 0);
	close_world(&world);
}

static void dribblers_may_leave_and_the_server_may_end(void **state)
{
	struct world world = open_world(1);
	int fds[50];
	for (int i = 0; i < 50; i++) {
		fds[i] = dial(&world);
		for (int n = 0; n < 20; n++) {
			send_all(fds[i], "\0", 1);
			usleep(50);
		}
		if (i % 2)
			kp_sock_close(fds[i]);
	}
	kp_server_stop(world.server, 0);
	for (int i = 0; i < 50; i += 2)
		kp_sock_close(fds[i]);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_dribbler_is_read_from_now_and_then_and_understood),
	        cmocka_unit_test(dribblers_may_leave_and_the_server_may_end),
	        cmocka_unit_test(bytes_are_counted_while_a_connection_lasts),
	        cmocka_unit_test(a_handler_that_holds_its_loop_is_named),
	        cmocka_unit_test(running_out_of_descriptors_only_makes_newcomers_wait),
	        cmocka_unit_test(a_frame_may_be_as_large_as_the_limit_and_no_larger),
	        cmocka_unit_test(many_tiny_frames_are_all_served),
	        cmocka_unit_test(an_endless_talker_does_not_starve_others),
	        cmocka_unit_test(a_connection_that_paused_goes_on),
	        cmocka_unit_test(a_request_without_a_stack_is_refused),
	        cmocka_unit_test(requests_behind_one_that_waits_need_no_luck),
	        cmocka_unit_test(handlers_survive_their_connections),
	        cmocka_unit_test(a_datagram_of_any_size_finds_room),
	        cmocka_unit_test(when_the_grace_is_over_handlers_are_cancelled),
	        cmocka_unit_test(a_server_that_ends_turns_newcomers_away_and_may_start_again),
	        cmocka_unit_test(a_slow_reader_gets_its_answers_before_the_end),
	        cmocka_unit_test(connections_handed_over_at_the_end_are_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
