// server_push_test.c - messages that a server sends without having been asked.
#include "rpc/fixture.h"

#include "tars/frame.h"

#include <stdlib.h>

static struct kp_push *way; // atomic; what the last hook opened

static int32_t open_way(struct kp_call *call, int32_t what)
{
	struct kp_push *push = NULL;
	kp_err err = kp_push_open(call, &push);
	__atomic_store_n(&way, push, __ATOMIC_RELEASE);
	return (int32_t)err;
}

static void encode_hook(struct kp_buf *out)
{
	struct kp_buf body = {0};
	kp_i32_encode(&body, 1, 0);
	struct kp_request_packet packet = {
	        .version = KP_PACKET_TARS,
	        .request_id = 77,
	        .servant = kp_str("Test.EchoServer.EchoObj"),
	        .function = kp_str("hook"),
	        .body = kp_buf_bytes(&body),
	};
	assert_int_equal(kp_request_packet_encode(out, &packet), KP_OK);
	kp_buf_fini(&body);
}

// subscribe calls the hook over a connection of the test's own.
static int subscribe(struct world *world)
{
	struct kp_buf frame = {0};
	hook = open_way;
	__atomic_store_n(&way, NULL, __ATOMIC_RELAXED);
	int fd = dial(world);
	encode_hook(&frame);
	send_all(fd, frame.data, frame.len);
	kp_buf_fini(&frame);
	wait_for(__atomic_load_n(&way, __ATOMIC_ACQUIRE));
	return fd;
}

// reader finds one packet after another in what a connection brings.
struct reader {
	int fd;
	uint8_t bytes[256 << 10];
	size_t start, len;
};

static bool read_packet(struct reader *reader, struct kp_response_packet *ret)
{
	for (;;) {
		struct kp_bytes packet,
		        rest = {reader->bytes + reader->start, reader->len - reader->start};
		size_t used = 0, got = 0;
		if (kp_frame_find(rest, sizeof(reader->bytes), &packet, &used) == KP_OK) {
			reader->start += used;
			assert_int_equal(kp_response_packet_decode(packet, NULL, ret), KP_OK);
			return true;
		}
		struct pollfd ready = {reader->fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 60000), 1);
		kp_err err = kp_sock_read(reader->fd, reader->bytes + reader->len,
		                          sizeof(reader->bytes) - reader->len, &got);
		if (err != KP_OK && err != KP_ERR_AGAIN)
			return false;
		reader->len += got;
	}
}

static void *push_many(void *arg)
{
	struct kp_push *push = arg;
	for (int i = 0; i < 500; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", i);
		struct kp_bytes body = {(const uint8_t *)text, strlen(text)};
		assert_int_equal(kp_push_send(push, kp_str("tick"), body), KP_OK);
	}
	return NULL;
}

static void check_ticks(struct reader *reader)
{
	for (int next = 0; next < 500;) {
		struct kp_response_packet packet = {0};
		assert_true(read_packet(reader, &packet));
		if (packet.request_id != 0)
			continue; // the hook's answer
		struct kp_str function = {0};
		assert_true(kp_packet_map_find(&packet.status, kp_str("TARS_FUNC"), &function));
		assert_true(kp_str_equal(function, kp_str("tick")));
		char text[16];
		snprintf(text, sizeof(text), "%d", next++);
		assert_int_equal(packet.body.len, strlen(text));
		assert_memory_equal(packet.body.ptr, text, packet.body.len);
	}
}

static void check_pushing(const struct kp_adapter_options *options)
{
	struct world world = open_world_with(2, options);
	struct reader *reader = calloc(1, sizeof(*reader));
	reader->fd = subscribe(&world);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, push_many, way), 0);
	check_ticks(reader);
	pthread_join(thread, NULL);
	assert_true(kp_push_is_open(way));
	kp_push_close(way);
	kp_sock_close(reader->fd);
	free(reader);
	wait_for(stats_of(&world).connections_open == 0);
	close_world(&world);
}

static void pushes_of_one_thread_arrive_in_order(void **state)
{
	check_pushing(&(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"});
}

static void a_handler_on_a_pool_may_open_the_way_back(void **state)
{
	check_pushing(&(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                           .pool_threads = 2});
}

static void a_push_knows_that_its_connection_is_gone(void **state)
{
	struct world world = open_world(1);
	int fd = subscribe(&world);
	kp_sock_close(fd);
	wait_for(!kp_push_is_open(way));
	assert_int_equal(kp_push_send(way, kp_str(""), (struct kp_bytes){0}), KP_ERR_CLOSED);
	kp_push_close(way);
	close_world(&world);
}

static void a_push_may_outlive_its_server(void **state)
{
	struct world world = open_world(1);
	int fd = subscribe(&world);
	struct kp_bytes body = {(const uint8_t *)"x", 1};
	assert_int_equal(kp_push_send(way, kp_str("last"), body), KP_OK);
	kp_server_close(world.server);
	world.server = NULL;
	assert_false(kp_push_is_open(way));
	assert_int_equal(kp_push_send(way, kp_str("late"), body), KP_ERR_CLOSED);
	kp_push_close(way);
	kp_sock_close(fd);
	close_world(&world);
}

static int32_t open_and_close(struct kp_call *call, int32_t what)
{
	struct kp_push *push = NULL;
	kp_err err = kp_push_open(call, &push);
	kp_push_close(push);
	return (int32_t)err;
}

static void datagrams_have_no_way_back(void **state)
{
	hook = open_and_close;
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0"});
	int32_t ret = 0;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 0, &ret), KP_OK);
	assert_int_equal(ret, KP_ERR_UNSUPPORTED);
	close_world(&world);
}

static void who_does_not_read_is_not_pushed_to_for_ever(void **state)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                        .backlog_size_max = 1 << 20});
	int fd = subscribe(&world);
	struct kp_bytes body = {calloc(1, 64 << 10), 64 << 10};
	kp_err err;
	do
		err = kp_push_send(way, kp_str("flood"), body);
	while (err == KP_OK || err == KP_ERR_OVERLOAD);
	assert_int_equal(err, KP_ERR_CLOSED);
	assert_int_equal(stats_of(&world).closed_slow_reader, 1);
	kp_push_close(way);
	free((void *)body.ptr);
	kp_sock_close(fd);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pushes_of_one_thread_arrive_in_order),
	        cmocka_unit_test(a_handler_on_a_pool_may_open_the_way_back),
	        cmocka_unit_test(a_push_knows_that_its_connection_is_gone),
	        cmocka_unit_test(a_push_may_outlive_its_server),
	        cmocka_unit_test(datagrams_have_no_way_back),
	        cmocka_unit_test(who_does_not_read_is_not_pushed_to_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
