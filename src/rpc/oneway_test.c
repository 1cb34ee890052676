// oneway_test.c - one-way calls with a bounded queue and without one.
#include "rpc/adjust.h"
#include "rpc/client_internal.h"
#include "rpc/fake.h"

#include <limits.h>

// blocked is a client of a server that does not read.
struct blocked {
	int listener;
	int fd; // the accepted connection, once there is one
	struct kp_client *client;
	struct RpcTest_Echo *echo;
};

enum {
	LARGE = 64 << 10,
};

static uint8_t bytes[LARGE];

static void open_blocked(struct blocked *blocked, int queue_max)
{
	struct kp_address address;
	char object[256];
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &blocked->listener), KP_OK);
	assert_int_equal(kp_sock_local(blocked->listener, &address), KP_OK);
	snprintf(object, sizeof(object), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&address));
	assert_int_equal(kp_client_open(&patient, &blocked->client, NULL), KP_OK);
	blocked->echo = RpcTest_Echo_proxy(blocked->client, object);
	struct kp_proxy_options options = {.oneway_queue_max = queue_max};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)blocked->echo, &options), KP_OK);
	blocked->fd = -1;
}

static void close_blocked(struct blocked *blocked)
{
	kp_client_close(blocked->client);
	kp_sock_close(blocked->listener);
	if (blocked->fd >= 0)
		close(blocked->fd);
	assert_int_equal(kp_mem_live(), 0);
}

// A handler's loop goes on by itself, so the calls under test are made in an asynchronous callback
// of a server that answers, on the same loop.
struct burst {
	struct blocked *blocked;
	int sent;
	int refused;
	kp_err err; // of the first that was refused
	size_t size;
	int count;
};

static void send_burst(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct burst *burst = arg;
	assert_int_equal(err, KP_OK);
	struct kp_bytes load = {bytes, burst->size};
	for (int i = 0; i < burst->count; i++) {
		kp_err sent = RpcTest_Echo_echo_oneway(burst->blocked->echo, load);
		if (sent == KP_OK)
			burst->sent++;
		else if (burst->refused++ == 0)
			burst->err = sent;
	}
}

static void run_burst(struct burst *burst, struct fake *fake)
{
	char text[256];
	struct RpcTest_Echo *answering = RpcTest_Echo_proxy(
	        burst->blocked->client, fake_object(text, sizeof(text), fake, NULL));
	burst->sent = burst->refused = 0;
	assert_int_equal(RpcTest_Echo_add_async(answering, 1, 2, send_burst, burst), KP_OK);
	assert_int_equal(kp_client_drive(burst->blocked->client, 60000), KP_OK);
}

static void what_waits_for_a_connection_is_bounded(void **state)
{
	struct blocked blocked;
	struct fake fake = {0};
	fake_open(&fake, fake_right);
	open_blocked(&blocked, 10);
	struct burst burst = {&blocked, .count = 50, .size = 10};
	run_burst(&burst, &fake);
	assert_int_equal(burst.sent, 10);
	assert_int_equal(burst.refused, 40);
	assert_int_equal(burst.err, KP_ERR_OVERLOAD);
	// Once the connection is there, they leave and others may come.
	assert_int_equal(kp_client_listen(blocked.client, 50), KP_OK);
	run_burst(&burst, &fake);
	assert_int_equal(burst.sent, 10);
	fake_close(&fake);
	close_blocked(&blocked);
}

// count_frames reads from a connection until `wanted` echo requests have come.
static int count_frames(struct kp_client *client, int fd, int wanted)
{
	struct kp_buf in = {0};
	int found = 0;
	while (found < wanted) {
		assert_int_equal(kp_client_listen(client, 1), KP_OK);
		uint8_t *to = kp_buf_reserve(&in, 1 << 20);
		ssize_t got = recv(fd, to, 1 << 20, MSG_DONTWAIT);
		if (got <= 0)
			continue;
		in.len += (size_t)got;
		struct kp_bytes packet;
		size_t size;
		while (kp_frame_find(kp_buf_bytes(&in), 1 << 20, &packet, &size) == KP_OK) {
			struct kp_request_packet request;
			assert_int_equal(kp_request_packet_decode(packet, NULL, &request), KP_OK);
			found += kp_str_equal(request.function, kp_str("echo"));
			memmove(in.data, in.data + size, in.len - size);
			in.len -= size;
		}
	}
	kp_buf_fini(&in);
	return found;
}

static void what_a_slow_server_has_not_read_is_bounded(void **state)
{
	struct blocked blocked;
	struct fake fake = {0};
	fake_open(&fake, fake_right);
	open_blocked(&blocked, 40);
	struct burst burst = {&blocked, .count = 30, .size = LARGE};
	int sent = 0, rounds = 0;
	do { // the kernel takes some, then the queue fills
		run_burst(&burst, &fake);
		sent += burst.sent;
		if (blocked.fd < 0)
			blocked.fd = accept(blocked.listener, NULL, NULL);
	} while (burst.refused == 0 && ++rounds < 1000);
	assert_int_equal(burst.err, KP_ERR_OVERLOAD);
	// All that was taken arrives, and then there is room again.
	assert_int_equal(count_frames(blocked.client, blocked.fd, sent), sent);
	run_burst(&burst, &fake);
	assert_int_equal(burst.sent, 30);
	fake_close(&fake);
	close_blocked(&blocked);
}

static void without_a_queue_only_what_the_kernel_takes_is_sent(void **state)
{
	struct blocked blocked;
	struct fake fake = {0};
	fake_open(&fake, fake_right);
	open_blocked(&blocked, -1);
	struct burst burst = {&blocked, .count = 1, .size = LARGE};
	run_burst(&burst, &fake);
	assert_int_equal(burst.sent, 0); // there is no connection yet, but one is being opened
	assert_int_equal(burst.err, KP_ERR_AGAIN);
	blocked.fd = accept(blocked.listener, NULL, NULL);
	do
		run_burst(&burst, &fake);
	while (burst.sent == 0);
	int sent = 1, rounds = 0;
	do {
		run_burst(&burst, &fake);
		sent += burst.sent;
	} while (burst.refused == 0 && ++rounds < 10000);
	assert_int_equal(burst.err, KP_ERR_AGAIN);
	assert_int_equal(count_frames(blocked.client, blocked.fd, sent), sent);
	fake_close(&fake);
	close_blocked(&blocked);
}

static void without_a_queue_nothing_waits_for_a_look_up(void **state)
{
	struct kp_client *client;
	struct fake registry = {0};
	char locator[128];
	fake_open(&registry, fake_silent);
	snprintf(locator, sizeof(locator), "tcp -h 127.0.0.1 -p %d", registry.port);
	struct kp_client_options options = patient;
	options.locator = locator;
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, "Test.EchoServer.EchoObj");
	struct kp_proxy_options without = {.oneway_queue_max = -1};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)echo, &without), KP_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(RpcTest_Echo_ping_oneway(echo), KP_ERR_AGAIN);
	kp_client_close(client);
	fake_close(&registry);
	assert_int_equal(kp_mem_live(), 0);
}

static void what_was_never_written_waits_no_more(void **state)
{
	struct kp_address address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[8];
	char object[256];
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address.storage, address.len), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(kp_sock_local(listener, &address), KP_OK);
	for (int i = 0; i < 8; i++) // fills the queue of those that wait to be accepted
		assert_int_equal(kp_sock_connect(&address, false, &fds[i]), KP_OK);
	snprintf(object, sizeof(object), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&address));
	const struct kp_client_options hasty = {.timeout_ms = 5, .connect_timeout_ms = 60000};
	struct kp_client *client;
	assert_int_equal(kp_client_open(&hasty, &client, NULL), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, object);
	struct kp_proxy_options options = {.oneway_queue_max = 2};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)echo, &options), KP_OK);
	for (int i = 0; i < 10; i++) // each gives up before the connection is there
		assert_int_equal(RpcTest_Echo_ping_oneway(echo), KP_OK);
	kp_client_close(client);
	for (int i = 0; i < 8; i++)
		kp_sock_close(fds[i]);
	close(listener);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_plain_thread_sees_its_oneway_calls_off(void **state)
{
	struct fake fake = {0};
	char text[256];
	struct kp_client *client;
	fake_open(&fake, fake_right);
	assert_int_equal(kp_client_open(&patient, &client, NULL), KP_OK);
	struct RpcTest_Echo *echo =
	        RpcTest_Echo_proxy(client, fake_object(text, sizeof(text), &fake, NULL));
	for (int i = 1; i <= 100; i++)
		assert_int_equal(RpcTest_Echo_ping_oneway(echo), KP_OK);
	wait_for(fake_count(&fake.oneways) == 100);
	kp_client_close(client);
	fake_close(&fake);
	assert_int_equal(kp_mem_live(), 0);
}

// The kernel takes no more, so the last calls wait; each for its own time and no longer.
static void a_plain_thread_waits_no_longer_than_its_timeout(void **state)
{
	struct blocked blocked;
	open_blocked(&blocked, 0);
	client_set_timeouts(blocked.client, 20, 60000);
	struct client_loop *loop = NULL;
	for (int stuck = 0; stuck < 3;) {
		struct kp_bytes load = {bytes, sizeof(bytes)};
		assert_int_equal(RpcTest_Echo_echo_oneway(blocked.echo, load), KP_OK);
		loop = pthread_getspecific(blocked.client->key);
		struct client_conn *conn =
		        KP_CONTAINER(kp_list_first(&loop->conns), struct client_conn, link);
		stuck += kp_conn_unsent(&conn->conn) > 0;
	}
	close_blocked(&blocked);
}

// What one server does not read is no reason to wait for when another one is told something.
static void a_stuck_connection_holds_up_no_other(void **state)
{
	struct blocked blocked;
	struct fake fake = {0};
	char text[256];
	fake_open(&fake, fake_right);
	open_blocked(&blocked, 0);
	client_set_timeouts(blocked.client, 20, 60000);
	struct client_loop *loop = NULL;
	struct client_conn *conn = NULL;
	do {
		struct kp_bytes load = {bytes, sizeof(bytes)};
		assert_int_equal(RpcTest_Echo_echo_oneway(blocked.echo, load), KP_OK);
		loop = pthread_getspecific(blocked.client->key);
		conn = KP_CONTAINER(kp_list_first(&loop->conns), struct client_conn, link);
	} while (kp_conn_unsent(&conn->conn) == 0);
	client_set_timeouts(blocked.client, INT_MAX, 60000);
	struct RpcTest_Echo *other =
	        RpcTest_Echo_proxy(blocked.client, fake_object(text, sizeof(text), &fake, NULL));
	assert_int_equal(RpcTest_Echo_ping_oneway(other), KP_OK); // would wait for weeks
	wait_for(fake_count(&fake.oneways) == 1);
	fake_close(&fake);
	close_blocked(&blocked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_waits_for_a_connection_is_bounded),
	        cmocka_unit_test(what_a_slow_server_has_not_read_is_bounded),
	        cmocka_unit_test(without_a_queue_only_what_the_kernel_takes_is_sent),
	        cmocka_unit_test(without_a_queue_nothing_waits_for_a_look_up),
	        cmocka_unit_test(what_was_never_written_waits_no_more),
	        cmocka_unit_test(a_plain_thread_sees_its_oneway_calls_off),
	        cmocka_unit_test(a_plain_thread_waits_no_longer_than_its_timeout),
	        cmocka_unit_test(a_stuck_connection_holds_up_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
