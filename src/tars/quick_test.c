// quick_test.c - what is read quickly is read as it is read otherwise.
#include "tars/quick.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void encode(struct kp_buf *out, const struct kp_request_packet *packet)
{
	assert_int_equal(kp_request_packet_encode(out, packet), KP_OK);
}

static struct kp_bytes packet_of(const struct kp_buf *frame)
{
	return (struct kp_bytes){frame->data + KP_FRAME_HEAD_SIZE, frame->len - KP_FRAME_HEAD_SIZE};
}

static struct kp_request_packet usual(void)
{
	return (struct kp_request_packet){
	        .version = KP_PACKET_TARS,
	        .request_id = 7,
	        .servant = kp_str("Demo.EchoServer.EchoObj"),
	        .function = kp_str("echo"),
	        .body = {(const uint8_t *)"body", 4},
	        .timeout_ms = 3000,
	};
}

// check_agreement tells whether a packet is read quickly; if so, it must mean the same.
static bool check_agreement(struct kp_bytes bytes)
{
	// A copy of its own, so that reading past its end is seen.
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
	memcpy(copy, bytes.ptr, bytes.len);
	struct kp_bytes packet = {copy, bytes.len};
	struct kp_quick_request quick;
	bool is_quick = kp_quick_request_read(packet, &quick);
	if (is_quick) {
		struct kp_request_packet full;
		assert_int_equal(kp_request_packet_decode(packet, NULL, &full), KP_OK);
		assert_int_equal(full.version, KP_PACKET_TARS);
		assert_int_equal(full.packet_type, KP_PACKET_NORMAL);
		assert_int_equal(full.message_type, 0);
		assert_int_equal(full.request_id, quick.request_id);
		assert_int_equal(full.timeout_ms, quick.timeout_ms);
		assert_int_equal(full.body.len, quick.body.len);
		if (full.body.len > 0)
			assert_ptr_equal(full.body.ptr, quick.body.ptr);
		assert_ptr_equal(full.servant.ptr, quick.names.ptr + 2);
		assert_ptr_equal(full.function.ptr + full.function.len,
		                 quick.names.ptr + quick.names.len);
		assert_int_equal(full.context.count + full.status.count, 0);
	}
	free(copy);
	return is_quick;
}

static bool is_quick(const struct kp_request_packet *packet)
{
	struct kp_buf out = {0};
	encode(&out, packet);
	bool is = check_agreement(packet_of(&out));
	kp_buf_fini(&out);
	return is;
}

static void usual_requests_are_read_quickly(void **state)
{
	static const int32_t numbers[] = {0,    1,     -1,    127,       128,
	                                  -129, 32767, 32768, INT32_MAX, INT32_MIN};
	static const size_t sizes[] = {0, 1, 127, 128, 32767};
	static uint8_t bytes[32767];
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
			struct kp_request_packet packet = usual();
			packet.request_id = packet.timeout_ms = numbers[i];
			packet.body = (struct kp_bytes){bytes, sizes[s]};
			assert_true(is_quick(&packet));
		}
}

static void unusual_requests_are_left_alone(void **state)
{
	static uint8_t bytes[40000];
	struct kp_request_packet packet = usual();
	packet.version = KP_PACKET_JSON;
	assert_false(is_quick(&packet));
	packet = usual();
	packet.packet_type = KP_PACKET_ONEWAY;
	assert_false(is_quick(&packet));
	packet = usual();
	packet.message_type = 4;
	assert_false(is_quick(&packet));
	packet = usual();
	packet.body = (struct kp_bytes){bytes, sizeof(bytes)};
	assert_false(is_quick(&packet));
	packet = usual();
	packet.servant = (struct kp_str){(const char *)bytes, 300};
	assert_false(is_quick(&packet));
	packet = usual();
	struct kp_buf pairs = {0};
	kp_packet_pair_encode(&pairs, kp_str("key"), kp_str("value"));
	packet.context = (struct kp_packet_map){kp_buf_bytes(&pairs), 1};
	assert_false(is_quick(&packet));
	packet = usual();
	packet.status = (struct kp_packet_map){kp_buf_bytes(&pairs), 1};
	assert_false(is_quick(&packet));
	kp_buf_fini(&pairs);
}

static void every_cut_and_every_changed_byte_is_understood_alike(void **state)
{
	struct kp_buf out = {0};
	struct kp_request_packet packet = usual();
	encode(&out, &packet);
	struct kp_bytes bytes = packet_of(&out);
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(check_agreement((struct kp_bytes){bytes.ptr, len}));
	for (size_t at = KP_FRAME_HEAD_SIZE; at < out.len; at++) {
		uint8_t byte = out.data[at];
		for (int value = 0; value < 256; value++) {
			out.data[at] = (uint8_t)value;
			(void)check_agreement(bytes);
		}
		out.data[at] = byte;
	}
	kp_buf_fini(&out);
}

static void names_are_compared_to_the_last_byte(void **state)
{
	uint8_t a[64], b[64];
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 7);
	for (size_t len = 8; len <= sizeof(a); len++) {
		assert_true(kp_quick_equal(a, b, len));
		for (size_t i = 0; i < len; i++) {
			b[i] ^= 1;
			assert_false(kp_quick_equal(a, b, len));
			b[i] ^= 1;
		}
	}
}

// answer writes an answer in the short way where that is open, and in the long way.
static void answer(struct kp_buf *out, int32_t id, struct kp_bytes body, bool is_quick)
{
	struct kp_response_mark mark;
	if (!is_quick || !kp_quick_response_begin(out, &mark, id))
		kp_response_begin(out, &mark, KP_PACKET_TARS, id, 0);
	kp_buf_append(out, body.ptr, body.len);
	if (!is_quick || !kp_quick_response_end(out, &mark))
		assert_int_equal(kp_response_end(out, &mark, NULL, NULL), KP_OK);
}

static void answers_are_the_same_bytes_in_either_way(void **state)
{
	static const int32_t ids[] = {1, -1, 127, 128, 32767, 32768, INT32_MAX, INT32_MIN};
	static const size_t sizes[] = {0, 1, 127, 128, 129, 32767, 32768};
	static uint8_t bytes[32768];
	struct kp_buf quick = {0}, plain = {0};
	for (size_t round = 0; round < 3; round++) // from no room at all to plenty
		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
			for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
				struct kp_bytes body = {bytes, sizes[s]};
				answer(&quick, ids[i], body, true);
				answer(&plain, ids[i], body, false);
			}
	assert_int_equal(quick.len, plain.len);
	assert_memory_equal(quick.data, plain.data, plain.len);
	kp_buf_fini(&quick);
	kp_buf_fini(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(usual_requests_are_read_quickly),
	        cmocka_unit_test(unusual_requests_are_left_alone),
	        cmocka_unit_test(every_cut_and_every_changed_byte_is_understood_alike),
	        cmocka_unit_test(names_are_compared_to_the_last_byte),
	        cmocka_unit_test(answers_are_the_same_bytes_in_either_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
