// quick_answer_test.c - what is read quickly is what would have been read slowly.
#include "base/mem.h"
#include "tars/quick_answer.h"
#include "tars/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t bytes[70000];

static struct kp_bytes encode(struct kp_buf *out, const struct kp_response_packet *packet)
{
	kp_buf_clear(out);
	assert_int_equal(kp_response_packet_encode(out, packet), KP_OK);
	return (struct kp_bytes){out->data + KP_FRAME_HEAD_SIZE, out->len - KP_FRAME_HEAD_SIZE};
}

// agrees tells whether the quick way took the packet; if so the slow way must have read the same.
static bool agrees(struct kp_bytes packet)
{
	struct kp_response_packet quick, slow;
	// The bytes stand at the end of what is ours, so that a sanitizer sees a step beyond it.
	uint8_t *copy = kp_alloc(packet.len + 1);
	memcpy(copy + 1, packet.ptr, packet.len);
	struct kp_bytes own = {copy + 1, packet.len};
	bool is_read = kp_quick_answer_read(own, &quick);
	if (is_read) {
		assert_int_equal(kp_response_packet_decode(own, NULL, &slow), KP_OK);
		assert_int_equal(quick.version, slow.version);
		assert_int_equal(quick.packet_type, slow.packet_type);
		assert_int_equal(quick.request_id, slow.request_id);
		assert_int_equal(quick.message_type, slow.message_type);
		assert_int_equal(quick.ret, slow.ret);
		assert_int_equal(quick.body.len, slow.body.len);
		assert_ptr_equal(quick.body.ptr, slow.body.ptr);
		assert_int_equal(slow.status.count + slow.context.count + slow.reason.len, 0);
	}
	kp_free(copy);
	return is_read;
}

static void usual_answers_are_read_quickly(void **state)
{
	static const int32_t ids[] = {1000, 32767, 32768, 1 << 20, INT32_MAX, -5000};
	static const size_t sizes[] = {4, 100, 127, 128, 255, 256, 32767, 32768, 65536};
	struct kp_buf out = {0};
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
			assert_true(agrees(encode(
			        &out, &(struct kp_response_packet){.version = KP_PACKET_TARS,
			                                           .request_id = ids[i],
			                                           .body = {bytes, sizes[s]}})));
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void unusual_ones_are_not(void **state)
{
	struct kp_buf out = {0}, pairs = {0};
	struct kp_bytes body = {bytes, 100};
	kp_packet_pair_encode(&pairs, kp_str("k"), kp_str("v"));
	struct kp_packet_map map = {kp_buf_bytes(&pairs), 1};
	const struct kp_response_packet packets[] = {
	        {.version = KP_PACKET_TARS, .request_id = 1, .ret = 1, .body = body},
	        {.version = KP_PACKET_TARS, .request_id = 1, .status = map, .body = body},
	        {.version = KP_PACKET_TARS, .request_id = 1, .context = map, .body = body},
	        {.version = KP_PACKET_TARS, .request_id = 1, .reason = kp_str("x"), .body = body},
	        {.version = KP_PACKET_TARS, .request_id = 1, .message_type = 4, .body = body},
	        {.version = KP_PACKET_TARS, .request_id = 1, .packet_type = 1, .body = body},
	        {.version = KP_PACKET_JSON, .request_id = 1, .body = body},
	};
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++)
		assert_false(agrees(encode(&out, &packets[i])));
	kp_buf_fini(&out);
	kp_buf_fini(&pairs);
}

static void no_damage_is_read_as_something_else(void **state)
{
	struct kp_buf out = {0};
	struct kp_response_packet answer = {
	        .version = KP_PACKET_TARS, .request_id = 70000, .body = {bytes, 40}};
	struct kp_bytes packet = encode(&out, &answer);
	for (size_t len = 0; len < packet.len; len++)
		assert_false(agrees((struct kp_bytes){packet.ptr, len}));
	for (size_t at = 0; at < packet.len; at++)
		for (int value = 0; value < 256; value++) {
			uint8_t was = out.data[KP_FRAME_HEAD_SIZE + at];
			out.data[KP_FRAME_HEAD_SIZE + at] = (uint8_t)value;
			(void)agrees(packet);
			out.data[KP_FRAME_HEAD_SIZE + at] = was;
		}
	srand(3);
	for (int round = 0; round < 200000; round++) {
		uint8_t noise[40];
		size_t kept = (size_t)rand() % 14;
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = i < kept ? packet.ptr[i] : (uint8_t)rand();
		(void)agrees((struct kp_bytes){noise, (size_t)rand() % sizeof(noise)});
	}
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_length_beyond_all_bounds_is_refused(void **state)
{
	enum {
		LENGTH_AT = 3 + 5 + 4 + 1
	};
	struct kp_buf out = {0};
	struct kp_response_packet answer = {
	        .version = KP_PACKET_TARS, .request_id = 70000, .body = {bytes, 65536}};
	struct kp_bytes packet = encode(&out, &answer);
	assert_true(agrees(packet));
	for (int less = 0; less < 4; less++) {
		kp_wire_put_u32(out.data + KP_FRAME_HEAD_SIZE + LENGTH_AT,
		                (uint32_t)(INT32_MAX - less));
		assert_false(agrees(packet));
	}
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(usual_answers_are_read_quickly),
	        cmocka_unit_test(unusual_ones_are_not),
	        cmocka_unit_test(no_damage_is_read_as_something_else),
	        cmocka_unit_test(a_length_beyond_all_bounds_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
