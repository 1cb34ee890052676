// tls_test.c - calls over TLS: trust, two protocols on one port, hang-ups, draining, reload.
#include "rpc/fixture.h"

#include "os/tls.h"
#include "os/tls_cert.h"
#include "rpc/client_internal.h"
#include "rpc/conn_tls.h"
#include "tars/frame.h"

static struct kp_tls_options serving, calling;

static struct kp_adapter_options adapter_with(const char *endpoint)
{
	serving = (struct kp_tls_options){.cert = cert_path("server.pem"),
	                                  .key = cert_path("server.key")};
	return (struct kp_adapter_options){.endpoint = endpoint, .tls = &serving};
}

static const char ssl_endpoint[] = "ssl -h 127.0.0.1 -p 0 -t 60000";

// retrust gives the world a client with its own idea of whom to trust.
static void retrust(struct world *world, const struct kp_tls_options *options)
{
	struct kp_client_options patient_too = patient;
	patient_too.tls = options;
	kp_call_close(world->call);
	kp_client_close(world->client);
	assert_int_equal(kp_client_open(&patient_too, &world->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(world->client, &world->call), KP_OK);
	world->echo = RpcTest_Echo_proxy(world->client, world->object);
}

static struct world open_tls_world(int threads)
{
	struct kp_adapter_options options = adapter_with(ssl_endpoint);
	struct world world = open_world_with(threads, &options);
	calling = (struct kp_tls_options){.ca = cert_path("ca.pem")};
	retrust(&world, &calling);
	return world;
}

static void assert_adds(struct world *world)
{
	int32_t sum = 0;
	assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 40, 2, &sum), KP_OK);
	assert_int_equal(sum, 42);
}

static void assert_fails(struct world *world, const char *words)
{
	int32_t sum;
	assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 1, 2, &sum), KP_ERR_CONNECT);
	struct kp_str reason = kp_call_reason(world->call);
	char text[512];
	snprintf(text, sizeof(text), "%.*s", KP_STR_ARG(reason));
	if (!strstr(text, words))
		fail_msg("'%s' has no '%s'", text, words);
}

// point_at makes the world's proxy call its server by another protocol.
static void point_at(struct world *world, const char *protocol)
{
	snprintf(world->object, sizeof(world->object),
	         "Test.EchoServer.EchoObj@%s -h 127.0.0.1 -p %d -t 60000", protocol,
	         port_of(world));
	world->echo = RpcTest_Echo_proxy(world->client, world->object);
}

// --- calls

static void assert_echoes(struct world *world, size_t size)
{
	uint8_t *data = test_malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 9));
	struct kp_bytes answer;
	int32_t ret;
	assert_int_equal(RpcTest_Echo_echo(world->echo, world->call, (struct kp_bytes){data, size},
	                                   &answer, &ret),
	                 KP_OK);
	assert_int_equal(answer.len, size);
	assert_memory_equal(answer.ptr, data, size);
	test_free(data);
}

static void calls_of_every_size_are_answered(void **state)
{
	static const size_t sizes[] = {0,     1,     127,   4095,    16383,
	                               16385, 65536, 70001, 1 << 20, 9 << 20};
	struct world world = open_tls_world(2);
	assert_true(strncmp(kp_server_endpoint(world.server, 0), "ssl ", 4) == 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_echoes(&world, sizes[i]);
	close_world(&world);
}

static int answers;

static void on_sum(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	assert_int_equal(err, KP_OK);
	answers++;
}

static void many_calls_at_once_are_answered(void **state)
{
	struct world world = open_tls_world(1);
	answers = 0;
	for (int i = 0; i < 2000; i++)
		assert_int_equal(RpcTest_Echo_add_async(world.echo, i, 1, on_sum, NULL), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(answers, 2000);
	close_world(&world);
}

// --- trust

static void a_server_that_is_not_trusted_is_not_called(void **state)
{
	struct world world = open_tls_world(1);
	retrust(&world, &(struct kp_tls_options){.ca = cert_path("other.pem")});
	assert_fails(&world, "the peer's certificate is refused");
	retrust(&world, NULL); // the system's authorities know nothing of ours
	assert_fails(&world, "the peer's certificate is refused");
	retrust(&world,
	        &(struct kp_tls_options){.ca = cert_path("ca.pem"), .name = "other.example"});
	assert_fails(&world, "hostname mismatch");
	retrust(&world, &(struct kp_tls_options){.trusts_anybody = true});
	assert_adds(&world);
	wait_for(stats_of(&world).closed_tls == 3);
	close_world(&world);
}

static void a_client_without_a_certificate_hears_why(void **state)
{
	struct kp_adapter_options options = adapter_with(ssl_endpoint);
	serving.ca = cert_path("ca.pem");
	serving.verify_client = true;
	struct world world = open_world_with(1, &options);
	calling = (struct kp_tls_options){.ca = cert_path("ca.pem")};
	retrust(&world, &calling);
	assert_fails(&world, "certificate required");
	calling.cert = cert_path("stranger.pem");
	calling.key = cert_path("client.key");
	retrust(&world, &calling);
	assert_fails(&world, "the peer ends TLS");
	calling.cert = cert_path("client.pem");
	retrust(&world, &calling);
	assert_adds(&world);
	close_world(&world);
}

static void bad_options_are_told_when_they_are_given(void **state)
{
	struct kp_server *server;
	struct kp_client *client;
	struct kp_why why = {""};
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &server, NULL), KP_OK);
	struct kp_adapter_options options = {.endpoint = ssl_endpoint};
	assert_int_equal(kp_server_listen(server, &options, NULL, &why), KP_ERR_INVALID);
	assert_string_equal(why.text, "an ssl endpoint needs a certificate: set cert and key");
	options = adapter_with(ssl_endpoint);
	serving.key = cert_path("client.key");
	assert_int_equal(kp_server_listen(server, &options, NULL, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "client.key does not belong"));
	kp_server_close(server);
	calling = (struct kp_tls_options){.ca = "/nonexistent/ca.pem"};
	assert_int_equal(
	        kp_client_open(&(struct kp_client_options){.tls = &calling}, &client, &why),
	        KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "/nonexistent/ca.pem"));
	assert_int_equal(kp_mem_live(), 0);
}

// --- who speaks what

static void a_plain_client_at_a_tls_port_hears_why(void **state)
{
	struct world world = open_tls_world(1);
	point_at(&world, "tcp");
	assert_fails(&world, "speaks TLS; call it by an ssl endpoint");
	wait_for(stats_of(&world).closed_tls == 1);
	close_world(&world);
}

static void a_tls_client_at_a_plain_port_hears_why(void **state)
{
	struct kp_adapter_options options = adapter_with("tcp -h 127.0.0.1 -p 0 -t 60000");
	struct world world = open_world_with(1, &options);
	point_at(&world, "ssl");
	assert_fails(&world, "does it speak TLS?");
	wait_for(stats_of(&world).closed_tls == 1);
	close_world(&world);
}

static void one_port_takes_both_when_told_to(void **state)
{
	struct kp_adapter_options options = adapter_with("tcp -h 127.0.0.1 -p 0 -t 60000");
	serving.is_optional = true;
	struct world world = open_world_with(1, &options);
	calling = (struct kp_tls_options){.ca = cert_path("ca.pem")};
	retrust(&world, &calling);
	assert_adds(&world);
	assert_echoes(&world, 300000);
	point_at(&world, "ssl");
	assert_adds(&world);
	assert_int_equal(stats_of(&world).connections_open, 2);
	close_world(&world);
}

// --- hang-ups

static void a_handshake_that_hangs_is_dropped(void **state)
{
	struct kp_adapter_options options = adapter_with(ssl_endpoint);
	serving.handshake_timeout_ms = 1;
	struct world world = open_world_with(1, &options);
	int silent = dial(&world), half = dial(&world);
	send_all(half, "\x16\x03\x01\x02\x00\x01", 6);
	wait_for(stats_of(&world).closed_tls == 2);
	kp_sock_close(silent);
	kp_sock_close(half);
	close_world(&world);
}

static void a_server_that_hangs_in_the_handshake_is_given_up(void **state)
{
	struct kp_address address;
	struct kp_client *client;
	struct kp_call *call;
	int listener;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &listener), KP_OK);
	assert_int_equal(kp_sock_local(listener, &address), KP_OK);
	struct kp_client_options options = {.timeout_ms = 60000, .connect_timeout_ms = 50};
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	char object[128];
	int32_t sum;
	snprintf(object, sizeof(object), "A.B.C@ssl -h 127.0.0.1 -p %d", kp_address_port(&address));
	assert_int_equal(RpcTest_Echo_add(RpcTest_Echo_proxy(client, object), call, 1, 2, &sum),
	                 KP_ERR_CONNECT);
	kp_call_close(call);
	kp_client_close(client);
	kp_sock_close(listener);
	assert_int_equal(kp_mem_live(), 0);
}

// --- a client by hand

struct hand {
	int fd;
	struct kp_tls *tls;
	struct kp_buf out;
	struct kp_bytes in; // of sealed
	uint8_t sealed[4096];
};

static size_t read_some(int fd, uint8_t *data, size_t size)
{
	size_t got = 0;
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 60000), 1);
	kp_err err = kp_sock_read(fd, data, size, &got);
	assert_true(err == KP_OK || err == KP_ERR_CLOSED);
	return got;
}

static struct hand shake_hands(const struct world *world)
{
	static uint8_t data[4096];
	struct kp_tls_source *source;
	struct hand hand = {.fd = dial(world)};
	calling = (struct kp_tls_options){.ca = cert_path("ca.pem")};
	assert_int_equal(kp_tls_source_new(&calling, false, &source, NULL), KP_OK);
	assert_int_equal(kp_tls_source_open(source, "localhost", NULL, &hand.tls), KP_OK);
	kp_tls_source_free(source);
	kp_err err = kp_tls_shake(hand.tls, (struct kp_bytes){0}, &hand.out, NULL);
	for (;;) {
		send_all(hand.fd, hand.out.data, hand.out.len);
		kp_buf_clear(&hand.out);
		if (err == KP_OK)
			return hand;
		assert_int_equal(err, KP_ERR_AGAIN);
		size_t size = read_some(hand.fd, data, sizeof(data));
		err = kp_tls_shake(hand.tls, (struct kp_bytes){data, size}, &hand.out, NULL);
	}
}

static void let_go(struct hand *hand)
{
	kp_sock_close(hand->fd);
	kp_tls_free(hand->tls);
	kp_buf_fini(&hand->out);
}

// hear reads and decrypts `size` bytes, or until the peer says that it is done.
static size_t hear(struct hand *hand, uint8_t *data, size_t size)
{
	size_t total = 0;
	while (total < size) {
		size_t got = 0;
		kp_err err = kp_tls_receive(hand->tls, &hand->in, data + total, size - total,
		                            &hand->out, &got, NULL);
		total += got;
		if (err == KP_ERR_CLOSED)
			break;
		assert_true(err == KP_OK || err == KP_ERR_AGAIN);
		if (err == KP_OK)
			continue;
		hand->in = (struct kp_bytes){
		        hand->sealed, read_some(hand->fd, hand->sealed, sizeof(hand->sealed))};
		if (hand->in.len == 0)
			break;
	}
	return total;
}

static void one_byte_at_a_time_is_enough(void **state)
{
	struct world world = open_tls_world(1);
	struct hand hand = shake_hands(&world);
	struct kp_buf frame = {0};
	uint8_t answer[4096];
	encode_echo(&frame, 9, 300);
	for (size_t i = 0; i < frame.len; i++) {
		struct kp_bytes byte = {frame.data + i, 1};
		assert_int_equal(kp_tls_send(hand.tls, byte, &hand.out), KP_OK);
		for (size_t b = 0; b < hand.out.len; b++)
			send_all(hand.fd, hand.out.data + b, 1);
		kp_buf_clear(&hand.out);
	}
	size_t size = hear(&hand, answer, 4);
	assert_int_equal(size, 4);
	struct kp_bytes packet, bytes = {answer, 4};
	size_t whole = 0;
	assert_int_equal(kp_frame_find(bytes, SIZE_MAX, &packet, &whole), KP_ERR_AGAIN);
	assert_int_equal(hear(&hand, answer + 4, whole - 4), whole - 4);
	struct kp_response_packet response;
	assert_int_equal(kp_response_packet_decode((struct kp_bytes){answer + 4, whole - 4}, NULL,
	                                           &response),
	                 KP_OK);
	assert_int_equal(response.request_id, 9);
	assert_int_equal(response.ret, 0);
	kp_buf_fini(&frame);
	let_go(&hand);
	close_world(&world);
}

static void a_slow_reader_is_cut_off(void **state)
{
	struct kp_adapter_options options = adapter_with(ssl_endpoint);
	options.backlog_size_max = 1 << 20;
	struct world world = open_world_with(1, &options);
	struct hand hand = shake_hands(&world);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 2 << 20);
	for (int i = 0; i < 8 && stats_of(&world).closed_slow_reader == 0; i++) {
		assert_int_equal(kp_tls_send(hand.tls, kp_buf_bytes(&frame), &hand.out), KP_OK);
		send_all(hand.fd, hand.out.data, hand.out.len);
		kp_buf_clear(&hand.out);
	}
	wait_for(stats_of(&world).closed_slow_reader == 1);
	kp_buf_fini(&frame);
	let_go(&hand);
	close_world(&world);
}

static void a_frame_that_is_no_frame_ends_the_connection(void **state)
{
	struct world world = open_tls_world(1);
	struct hand hand = shake_hands(&world);
	uint8_t data[64];
	struct kp_bytes bad = {(const uint8_t *)"\x00\x00\x00\x01garbage", 11};
	assert_int_equal(kp_tls_send(hand.tls, bad, &hand.out), KP_OK);
	send_all(hand.fd, hand.out.data, hand.out.len);
	wait_for(stats_of(&world).closed_bad_frame == 1);
	assert_int_equal(hear(&hand, data, sizeof(data)), 0);
	let_go(&hand);
	close_world(&world);
}

static void a_damaged_record_ends_the_connection(void **state)
{
	struct world world = open_tls_world(1);
	struct hand hand = shake_hands(&world);
	struct kp_buf frame = {0};
	encode_echo(&frame, 9, 100);
	assert_int_equal(kp_tls_send(hand.tls, kp_buf_bytes(&frame), &hand.out), KP_OK);
	hand.out.data[50] ^= 1;
	send_all(hand.fd, hand.out.data, hand.out.len);
	wait_for(stats_of(&world).closed_bad_frame == 1);
	assert_int_equal(stats_of(&world).requests, 0);
	kp_buf_fini(&frame);
	let_go(&hand);
	close_world(&world);
}

// --- the end

static int started;

static int32_t note_and_sleep(struct kp_call *call, int32_t what)
{
	__atomic_store_n(&started, 1, __ATOMIC_RELEASE);
	(void)kp_call_sleep(call, what);
	return 7;
}

static void *stop_server(void *arg)
{
	wait_for(__atomic_load_n(&started, __ATOMIC_ACQUIRE));
	kp_server_stop(arg, 60000);
	return NULL;
}

static void calls_in_progress_are_answered_while_draining(void **state)
{
	struct world world = open_tls_world(1);
	pthread_t thread;
	int32_t ret = 0;
	hook = note_and_sleep;
	started = 0;
	assert_int_equal(pthread_create(&thread, NULL, stop_server, world.server), 0);
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 100, &ret), KP_OK);
	assert_int_equal(ret, 7);
	struct kp_client *client = world.client;
	world.client = NULL;
	kp_call_close(world.call);
	world.call = NULL;
	kp_client_close(client);
	pthread_join(thread, NULL);
	close_world(&world);
}

static void the_end_is_told_within_tls(void **state)
{
	struct world world = open_tls_world(1);
	struct hand hand = shake_hands(&world);
	uint8_t data[64];
	size_t size = 0;
	kp_server_stop(world.server, 60000);
	assert_int_equal(hear(&hand, data, sizeof(data)), 0);
	struct kp_bytes nothing = {0};
	assert_int_equal(
	        kp_tls_receive(hand.tls, &nothing, data, sizeof(data), &hand.out, &size, NULL),
	        KP_ERR_CLOSED);
	let_go(&hand);
	close_world(&world);
}

// --- reload and resumption

static struct kp_tls_info info_of(struct world *world)
{
	kp_err err;
	struct kp_tls_info info = {0};
	struct client_loop *loop = client_loop_get(world->client, &err);
	assert_non_null(loop);
	struct kp_link *first = kp_list_first(&loop->conns);
	assert_non_null(first);
	struct client_conn *conn = KP_CONTAINER(first, struct client_conn, link);
	kp_tls_describe(conn->conn.tls->session, &info);
	return info;
}

static void a_reload_does_not_touch_live_connections(void **state)
{
	struct kp_why why = {""};
	struct kp_adapter_options options = adapter_with(ssl_endpoint);
	run_in_dir("cp server.pem live.pem");
	serving.cert = cert_path("live.pem");
	struct world world = open_world_with(1, &options);
	calling = (struct kp_tls_options){.ca = cert_path("ca.pem")};
	retrust(&world, &calling);
	assert_adds(&world);
	run_in_dir("cp wrong.pem live.pem");
	assert_int_equal(kp_server_reload_tls(world.server, &why), KP_OK);
	assert_adds(&world);
	assert_int_equal(stats_of(&world).connections_accepted, 1);
	retrust(&world, &calling);
	assert_fails(&world, "IP address mismatch"); // the new certificate is shown to new ones
	run_in_dir("echo rubbish >live.pem");
	assert_int_equal(kp_server_reload_tls(world.server, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "live.pem is no certificate"));
	calling.name = "elsewhere.example";
	retrust(&world, &calling);
	assert_adds(&world);
	close_world(&world);
}

static void a_client_that_comes_again_is_remembered(void **state)
{
	struct world world = open_tls_world(1);
	assert_adds(&world);
	assert_false(info_of(&world).is_resumed);
	kp_server_stop(world.server, 0);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	int32_t sum;
	while (RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum) != KP_OK)
		continue;
	assert_true(info_of(&world).is_resumed);
	assert_int_equal(kp_client_reload_tls(world.client, NULL), KP_OK);
	assert_adds(&world);
	close_world(&world);
}

// --- what may have been seen

static bool may_go_on;
static int orders;
static uint8_t filler[8 << 20];

static int32_t take_orders(struct kp_call *call, int32_t what)
{
	if (what == 1) {
		__atomic_fetch_add(&orders, 1, __ATOMIC_SEQ_CST);
		(void)kp_call_sleep(call, 60000);
	}
	while (!__atomic_load_n(&may_go_on, __ATOMIC_SEQ_CST))
		usleep(1000); // the server's only thread, which reads nothing meanwhile
	return 0;
}

static struct client_conn *only_conn(struct world *world)
{
	struct client_loop *loop = pthread_getspecific(world->client->key);
	return KP_CONTAINER(kp_list_first(&loop->conns), struct client_conn, link);
}

static struct kp_request *begin_hook(struct world *world, int what, size_t size)
{
	struct kp_request *request;
	assert_int_equal(kp_request_open((struct kp_proxy *)world->echo, world->call,
	                                 kp_str("hook"), &request),
	                 KP_OK);
	kp_i32_encode(kp_request_body(request), 1, what);
	kp_bytes_encode(kp_request_body(request), 9, (struct kp_bytes){filler, size});
	assert_int_equal(kp_request_begin(request, &request), KP_OK);
	return request;
}

// It was written behind sealed bytes that the kernel had not taken yet; those have been counted as
// written and must not hide that it followed them.
static void what_a_server_may_have_seen_is_not_sent_again(void **state)
{
	struct world world = open_tls_world(1);
	struct kp_request *large, *first, *second;
	struct kp_decoder in;
	hook = take_orders;
	may_go_on = false;
	orders = 0;
	first = begin_hook(&world, 0, 0);
	while (!only_conn(&world)->is_ready)
		assert_int_equal(kp_client_listen(world.client, 1), KP_OK);
	const int little = 1 << 14; // for the kernel to take, less than is sealed at once
	setsockopt(only_conn(&world)->conn.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
	large = begin_hook(&world, 0, sizeof(filler));
	while (kp_conn_tls_unsent(only_conn(&world)->conn.tls) == 0)
		assert_int_equal(kp_client_listen(world.client, 1), KP_OK);
	second = begin_hook(&world, 1, 0);
	__atomic_store_n(&may_go_on, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&orders, __ATOMIC_SEQ_CST) == 0)
		assert_int_equal(kp_client_listen(world.client, 1), KP_OK);
	shutdown(only_conn(&world)->conn.fd, SHUT_RDWR);
	// With nobody else to ask it would be CONNECT if it were tried elsewhere.
	assert_int_equal(kp_request_end(second, &in), KP_ERR_CLOSED);
	kp_request_cancel(first);
	kp_request_cancel(large);
	assert_int_equal(orders, 1);
	close_world(&world);
}

// Allocations fail one by one while the loop takes a connection over; close_world misses nothing.
static void a_connection_that_finds_no_memory_leaves_none_behind(void **state)
{
	struct world world = open_tls_world(1);
	for (int nth = 1; nth <= 12; nth++) {
		int32_t sum;
		(void)RpcTest_Echo_failAllocation(world.echo, world.call, nth);
		int fd = dial(&world);
		for (int i = 0; i < 3; i++)
			(void)RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum);
		(void)RpcTest_Echo_failAllocation(world.echo, world.call, 0);
		kp_sock_close(fd);
	}
	retrust(&world, &calling);
	assert_adds(&world);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(calls_of_every_size_are_answered),
	        cmocka_unit_test(many_calls_at_once_are_answered),
	        cmocka_unit_test(a_server_that_is_not_trusted_is_not_called),
	        cmocka_unit_test(a_client_without_a_certificate_hears_why),
	        cmocka_unit_test(bad_options_are_told_when_they_are_given),
	        cmocka_unit_test(a_plain_client_at_a_tls_port_hears_why),
	        cmocka_unit_test(a_tls_client_at_a_plain_port_hears_why),
	        cmocka_unit_test(one_port_takes_both_when_told_to),
	        cmocka_unit_test(a_handshake_that_hangs_is_dropped),
	        cmocka_unit_test(a_server_that_hangs_in_the_handshake_is_given_up),
	        cmocka_unit_test(one_byte_at_a_time_is_enough),
	        cmocka_unit_test(a_slow_reader_is_cut_off),
	        cmocka_unit_test(a_frame_that_is_no_frame_ends_the_connection),
	        cmocka_unit_test(a_damaged_record_ends_the_connection),
	        cmocka_unit_test(calls_in_progress_are_answered_while_draining),
	        cmocka_unit_test(the_end_is_told_within_tls),
	        cmocka_unit_test(a_reload_does_not_touch_live_connections),
	        cmocka_unit_test(a_client_that_comes_again_is_remembered),
	        cmocka_unit_test(what_a_server_may_have_seen_is_not_sent_again),
	        cmocka_unit_test(a_connection_that_finds_no_memory_leaves_none_behind),
	};
	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
