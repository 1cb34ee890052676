// face_test.c - packets of the versions 2, 3 and 5, over TCP and UDP.
#include "rpc/fixture.h"

#include "tars/frame.h"
#include "tars/tup.h"

#include <sys/socket.h>

#define OBJ "Test.EchoServer.EchoObj"

// --- a client that speaks every version

static size_t receive(int fd, uint8_t *to, size_t room)
{
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 30000), 1);
	ssize_t size = recv(fd, to, room, 0);
	return size > 0 ? (size_t)size : 0;
}

// read_packet reads one frame and views the packet in it.
static struct kp_bytes read_packet(int fd)
{
	static uint8_t in[4096];
	struct kp_bytes packet;
	size_t len = 0, used;
	while (kp_frame_find((struct kp_bytes){in, len}, sizeof(in), &packet, &used) != KP_OK) {
		size_t size = receive(fd, in + len, sizeof(in) - len);
		assert_true(size > 0);
		len += size;
	}
	assert_int_equal(used, len);
	return packet;
}

static struct kp_request_packet request_of(int version, const char *function, struct kp_bytes body)
{
	return (struct kp_request_packet){
	        .version = (int16_t)version,
	        .request_id = 7,
	        .message_type = 4,
	        .servant = kp_str(OBJ),
	        .function = kp_str(function),
	        .body = body,
	};
}

static void send_packet(int fd, const struct kp_request_packet *packet)
{
	struct kp_buf frame = {0};
	assert_int_equal(kp_request_packet_encode(&frame, packet), KP_OK);
	send_all(fd, frame.data, frame.len);
	kp_buf_fini(&frame);
}

// --- version 5

static struct kp_bytes bytes_of(const char *text)
{
	return (struct kp_bytes){(const uint8_t *)text, strlen(text)};
}

static struct kp_response_packet ask_json(int fd, const char *function, const char *json)
{
	struct kp_request_packet request = request_of(KP_PACKET_JSON, function, bytes_of(json));
	send_packet(fd, &request);
	struct kp_response_packet answer;
	assert_int_equal(kp_response_packet_decode(read_packet(fd), NULL, &answer), KP_OK);
	assert_int_equal(answer.version, KP_PACKET_JSON);
	assert_int_equal(answer.request_id, 7);
	assert_int_equal(answer.message_type, 4);
	return answer;
}

static void assert_json(int fd, const char *function, const char *in, const char *out)
{
	struct kp_response_packet answer = ask_json(fd, function, in);
	assert_int_equal(answer.ret, 0);
	assert_true(kp_bytes_equal(answer.body, bytes_of(out)));
}

static void json_packets_are_answered_with_json(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	assert_json(fd, "add", "{\"a\":40,\"b\":2}", "{\"tars_ret\":42}");
	// Bytes go out as numbers, as other servers write them, and come in either way.
	assert_json(fd, "echo", "{\"request\":[1,255]}", "{\"tars_ret\":0,\"response\":[1,255]}");
	assert_json(fd, "echo", "{\"request\":\"Af8=\"}", "{\"tars_ret\":0,\"response\":[1,255]}");
	// Other clients send what the function does not take, out parameters above all.
	assert_json(fd, "echo", "{\"request\":[],\"response\":[9],\"x\":1}",
	            "{\"tars_ret\":0,\"response\":[]}");
	assert_json(fd, "ping", "{}", "{}");
	assert_json(fd, "tars_ping", "", "{}");
	kp_sock_close(fd);
	close_world(&world);
}

static void json_packets_fail_as_others_do(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	struct kp_response_packet answer = ask_json(fd, "add", "{\"a\":1}");
	assert_int_equal(answer.ret, KP_RET_DECODE);
	assert_true(kp_str_equal(answer.reason, kp_str("missing parameter 'b' (int) of add")));
	assert_int_equal(answer.body.len, 0);
	assert_int_equal(ask_json(fd, "add", "{").ret, KP_RET_DECODE);
	assert_int_equal(ask_json(fd, "subtract", "{}").ret, KP_RET_NOFUNC);
	answer = ask_json(fd, "fail", "{\"code\":-77,\"text\":\"x\"}");
	assert_int_equal(answer.ret, -77);
	assert_true(kp_str_equal(answer.reason, kp_str("x")));
	kp_sock_close(fd);
	close_world(&world);
}

// --- versions 2 and 3

static void put_int(struct kp_buf *body, int version, const char *name, int32_t value)
{
	struct kp_buf field = {0};
	kp_i32_encode(&field, 0, value);
	kp_str_encode(body, 0, kp_str(name));
	if (version == KP_PACKET_TUP2) {
		kp_map_begin(body, 1, 1);
		kp_str_encode(body, 0, kp_str("int32"));
	}
	kp_bytes_encode(body, 1, kp_buf_bytes(&field));
	kp_buf_fini(&field);
}

static struct kp_request_packet ask_tup(int fd, int version, const char *function,
                                        const struct kp_buf *body)
{
	struct kp_request_packet request = request_of(version, function, kp_buf_bytes(body));
	send_packet(fd, &request);
	struct kp_request_packet answer;
	assert_int_equal(kp_request_packet_decode(read_packet(fd), NULL, &answer), KP_OK);
	assert_int_equal(answer.version, version);
	assert_int_equal(answer.packet_type, KP_PACKET_NORMAL);
	assert_int_equal(answer.request_id, 7);
	assert_int_equal(answer.message_type, 4);
	assert_true(kp_str_equal(answer.servant, kp_str(OBJ)));
	assert_true(kp_str_equal(answer.function, kp_str(function)));
	return answer;
}

static void assert_status(const struct kp_request_packet *answer, const char *code,
                          const char *reason)
{
	struct kp_str value;
	assert_true(kp_packet_map_find(&answer->status, kp_str(KP_TUP_CODE_KEY), &value));
	assert_true(kp_str_equal(value, kp_str(code)));
	assert_true(kp_packet_map_find(&answer->status, kp_str(KP_TUP_TEXT_KEY), &value));
	assert_true(kp_str_equal(value, kp_str(reason)));
}

static int32_t returned(const struct kp_request_packet *answer, int version)
{
	struct kp_buf body = {0};
	int32_t ret = 0;
	int add = RpcTest_Echo_interface.find(kp_str("add"));
	assert_int_equal(kp_tup_to_body(&RpcTest_Echo_interface.functions[add], KP_TUP_ANSWER,
	                                version, answer->body, NULL, &body),
	                 KP_OK);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&body), NULL);
	assert_true(kp_i32_decode(&in, 0, KP_REQUIRED, &ret));
	kp_buf_fini(&body);
	return ret;
}

static void tup_packets_are_answered_with_attributes(void **state)
{
	static const int versions[] = {KP_PACKET_TUP2, KP_PACKET_TUP3};
	struct world world = open_world(1);
	int fd = dial(&world);
	for (size_t i = 0; i < 2; i++) {
		struct kp_buf body = {0};
		kp_map_begin(&body, 0, 2);
		put_int(&body, versions[i], "b", 2);
		put_int(&body, versions[i], "a", 40);
		struct kp_request_packet answer = ask_tup(fd, versions[i], "add", &body);
		assert_status(&answer, "0", "");
		assert_int_equal(returned(&answer, versions[i]), 42);
		answer = ask_tup(fd, versions[i], "tars_ping", &(struct kp_buf){0});
		assert_status(&answer, "0", "");
		kp_buf_fini(&body);
	}
	kp_sock_close(fd);
	close_world(&world);
}

static void tup_packets_fail_in_their_status(void **state)
{
	struct world world = open_world(1);
	int fd = dial(&world);
	struct kp_buf body = {0};
	kp_map_begin(&body, 0, 1);
	put_int(&body, KP_PACKET_TUP3, "a", 1);
	struct kp_request_packet answer = ask_tup(fd, KP_PACKET_TUP3, "add", &body);
	assert_status(&answer, "-1", "malformed message at tag 2 of the arguments of add");
	assert_int_equal(answer.body.len, 0);
	answer = ask_tup(fd, KP_PACKET_TUP3, "subtract", &body);
	assert_status(&answer, "-3", OBJ " has no function subtract");
	body.len--;
	answer = ask_tup(fd, KP_PACKET_TUP3, "add", &body);
	assert_status(&answer, "-1", "the attributes are malformed");
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

// --- all of them

static void one_way_packets_of_every_version_run_and_are_not_answered(void **state)
{
	static const int versions[] = {KP_PACKET_TARS, KP_PACKET_TUP2, KP_PACKET_TUP3,
	                               KP_PACKET_JSON};
	struct world world = open_world(1);
	int fd = dial(&world);
	pings = 0;
	for (size_t i = 0; i < 4; i++) {
		struct kp_request_packet request =
		        request_of(versions[i], "ping", (struct kp_bytes){0});
		request.packet_type = KP_PACKET_ONEWAY;
		send_packet(fd, &request);
		request.function = kp_str("subtract"); // nor is what fails
		send_packet(fd, &request);
	}
	assert_json(fd, "ping", "{}", "{}"); // the only answer
	assert_int_equal(__atomic_load_n(&pings, __ATOMIC_RELAXED), 5);
	assert_int_equal(stats_of(&world).oneways, 8);
	kp_sock_close(fd);
	close_world(&world);
}

static void packets_of_every_version_wait_for_a_pool_or_a_fiber(void **state)
{
	for (int threads = 0; threads < 2; threads++) {
		struct kp_adapter_options options = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
		                                     .pool_threads = threads};
		struct world world = open_world_with(1, &options);
		int fd = dial(&world);
		assert_json(fd, "sleepThenSay", "{\"ms\":1,\"text\":\"x\"}",
		            "{\"tars_ret\":\"x\"}");
		kp_sock_close(fd);
		close_world(&world);
	}
}

static void packets_of_every_version_come_by_udp(void **state)
{
	struct kp_adapter_options options = {.endpoint = "udp -h 127.0.0.1 -p 0"};
	struct world world = open_world_with(1, &options);
	struct kp_address address;
	int fd;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(&world), &address), KP_OK);
	assert_int_equal(kp_sock_connect(&address, true, &fd), KP_OK);
	assert_json(fd, "add", "{\"a\":40,\"b\":2}", "{\"tars_ret\":42}");
	struct kp_buf body = {0};
	kp_map_begin(&body, 0, 2);
	put_int(&body, KP_PACKET_TUP3, "a", 40);
	put_int(&body, KP_PACKET_TUP3, "b", 2);
	struct kp_request_packet answer = ask_tup(fd, KP_PACKET_TUP3, "add", &body);
	assert_int_equal(returned(&answer, KP_PACKET_TUP3), 42);
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

static void translation_survives_running_out_of_memory(void **state)
{
	struct world world = open_world(1);
	for (int nth = 1; nth < 16; nth++) {
		int fd = dial(&world);
		assert_json(fd, "ping", "{}", "{}");
		(void)RpcTest_Echo_failAllocation(world.echo, world.call, nth);
		struct kp_request_packet request =
		        request_of(KP_PACKET_JSON, "echo", bytes_of("{\"request\":[1,2,3]}"));
		send_packet(fd, &request);
		uint8_t in[4096];
		(void)receive(fd, in, sizeof(in)); // an answer, an error or the end: but something
		while (RpcTest_Echo_failAllocation(world.echo, world.call, 0) != KP_OK)
			continue;
		kp_sock_close(fd);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(json_packets_are_answered_with_json),
	        cmocka_unit_test(json_packets_fail_as_others_do),
	        cmocka_unit_test(tup_packets_are_answered_with_attributes),
	        cmocka_unit_test(tup_packets_fail_in_their_status),
	        cmocka_unit_test(one_way_packets_of_every_version_run_and_are_not_answered),
	        cmocka_unit_test(packets_of_every_version_wait_for_a_pool_or_a_fiber),
	        cmocka_unit_test(packets_of_every_version_come_by_udp),
	        cmocka_unit_test(translation_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
