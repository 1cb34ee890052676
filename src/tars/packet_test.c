// packet_test.c - packets against golden frames, and the quick way of answering against the plain
// one.
#include "tars/packet.h"

#include "base/arena.h"
#include "base/mem.h"
#include "tars/frame.h"
#include "tars/golden.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// open_frame gives the packet in a golden frame.
static struct kp_bytes open_frame(struct kp_bytes frame)
{
	struct kp_bytes packet = {0};
	size_t size = 0;
	assert_int_equal(kp_frame_find(frame, 1 << 20, &packet, &size), KP_OK);
	assert_int_equal(size, frame.len);
	return packet;
}

static void assert_bytes(const struct kp_buf *out, struct kp_bytes want)
{
	assert_int_equal(out->err, KP_OK);
	assert_int_equal(out->len, want.len);
	assert_memory_equal(out->data, want.ptr, want.len);
}

static void requests_match_golden_frames(void **state)
{
	for (size_t i = 0; i < GOLDEN_REQUEST_COUNT; i++) {
		struct kp_bytes golden = golden_bytes(golden_requests[i].hex);
		struct kp_request_packet packet;
		assert_int_equal(kp_request_packet_decode(open_frame(golden), NULL, &packet),
		                 KP_OK);
		struct kp_buf out = {0};
		assert_int_equal(kp_request_packet_encode(&out, &packet), KP_OK);
		assert_bytes(&out, golden);
		kp_buf_fini(&out);
		free((void *)golden.ptr);
	}
}

static void request_fields_are_what_they_were(void **state)
{
	struct kp_bytes golden = golden_bytes(golden_requests[GOLDEN_DYED].hex);
	struct kp_request_packet packet;
	assert_int_equal(kp_request_packet_decode(open_frame(golden), NULL, &packet), KP_OK);
	assert_int_equal(packet.version, KP_PACKET_TARS);
	assert_int_equal(packet.packet_type, KP_PACKET_NORMAL);
	assert_int_equal(packet.message_type, 4);
	assert_int_equal(packet.request_id, 3);
	assert_true(kp_str_equal(packet.servant, kp_str("A.B.CObj")));
	assert_true(kp_str_equal(packet.function, kp_str("f")));
	assert_int_equal(packet.body.len, 0);
	assert_int_equal(packet.timeout_ms, 3000);
	assert_int_equal(packet.context.count, 1);
	struct kp_str value;
	assert_true(kp_packet_map_find(&packet.context, kp_str("k"), &value));
	assert_true(kp_str_equal(value, kp_str("v")));
	assert_false(kp_packet_map_find(&packet.context, kp_str("v"), &value));
	assert_true(kp_packet_map_find(&packet.status, kp_str("STATUS_DYED_KEY"), &value));
	assert_true(kp_str_equal(value, kp_str("u1")));
	free((void *)golden.ptr);

	golden = golden_bytes(golden_requests[GOLDEN_PING].hex);
	assert_int_equal(kp_request_packet_decode(open_frame(golden), NULL, &packet), KP_OK);
	assert_int_equal(packet.packet_type, KP_PACKET_ONEWAY);
	assert_true(kp_str_equal(packet.function, kp_str("tars_ping")));
	assert_false(kp_packet_map_find(&packet.status, kp_str(""), &value));
	free((void *)golden.ptr);
}

static void responses_match_golden_frames(void **state)
{
	// Node writes what is empty, C++ omits a reason where its absence would end a connection.
	static const int encoded_as[GOLDEN_RESPONSE_COUNT] = {
	        [GOLDEN_OUT] = GOLDEN_OUT,
	        [GOLDEN_OUT_NODE] = GOLDEN_OUT,
	        [GOLDEN_NOFUNC_CPP] = -1,
	        [GOLDEN_NOFUNC_JAVA] = GOLDEN_NOFUNC_JAVA,
	        [GOLDEN_NOFUNC_NODE] = -1,
	        [GOLDEN_NOFUNC_REASON] = GOLDEN_NOFUNC_REASON,
	        [GOLDEN_RECONNECT] = GOLDEN_RECONNECT,
	        [GOLDEN_PONG] = GOLDEN_PONG,
	        [GOLDEN_PONG_NODE] = -1,
	        [GOLDEN_ECHOED] = GOLDEN_ECHOED,
	        [GOLDEN_CUSTOM] = GOLDEN_CUSTOM,
	};
	for (size_t i = 0; i < GOLDEN_RESPONSE_COUNT; i++) {
		struct kp_bytes golden = golden_bytes(golden_responses[i].hex);
		struct kp_response_packet packet;
		assert_int_equal(kp_response_packet_decode(open_frame(golden), NULL, &packet),
		                 KP_OK);
		const char *hex = encoded_as[i] >= 0 ? golden_responses[encoded_as[i]].hex
		                  : i == GOLDEN_PONG_NODE
		                          ? "0000001210012c30094c5c6d0000010c780c"
		                          : "0000001310012c30014c50fd6d000c780c8600";
		struct kp_bytes want = golden_bytes(hex);
		struct kp_buf out = {0};
		assert_int_equal(kp_response_packet_encode(&out, &packet), KP_OK);
		assert_bytes(&out, want);
		kp_buf_fini(&out);
		free((void *)want.ptr);
		free((void *)golden.ptr);
	}
}

static void response_fields_are_what_they_were(void **state)
{
	struct kp_bytes golden = golden_bytes(golden_responses[GOLDEN_CUSTOM].hex);
	struct kp_response_packet packet;
	assert_int_equal(kp_response_packet_decode(open_frame(golden), NULL, &packet), KP_OK);
	assert_int_equal(packet.ret, -77);
	assert_int_equal(packet.request_id, 2);
	assert_true(kp_str_equal(packet.reason, kp_str("custom")));
	free((void *)golden.ptr);
}

static struct kp_packet_map build_map(struct kp_buf *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char key[] = {'k', (char)('a' + i % 26), '\0'};
		kp_packet_pair_encode(pairs, kp_str(key), kp_str("value"));
	}
	return (struct kp_packet_map){kp_buf_bytes(pairs), count};
}

static void maps_are_walked_in_order(void **state)
{
	struct kp_buf pairs = {0};
	struct kp_packet_map map = build_map(&pairs, 3);
	struct kp_str key, value;
	size_t cursor = 0, count = 0;
	while (kp_packet_map_next(&map, &cursor, &key, &value)) {
		assert_int_equal(key.ptr[1], 'a' + count++);
		assert_true(kp_str_equal(value, kp_str("value")));
	}
	assert_int_equal(count, 3);
	kp_packet_pair_encode(&pairs, kp_str("ka"), kp_str("again"));
	map = (struct kp_packet_map){kp_buf_bytes(&pairs), 4};
	assert_true(kp_packet_map_find(&map, kp_str("ka"), &value));
	assert_true(kp_str_equal(value, kp_str("value")));
	kp_buf_fini(&pairs);
}

static void compare_answers(size_t body_len, size_t status_count, size_t context_count)
{
	struct kp_buf status_pairs = {0}, context_pairs = {0}, body = {0};
	struct kp_packet_map status = build_map(&status_pairs, status_count);
	struct kp_packet_map context = build_map(&context_pairs, context_count);
	memset(kp_buf_reserve(&body, body_len + 1), 0x5a, body_len + 1);
	body.len = body_len;
	struct kp_buf plain = {0}, quick = {0};
	kp_buf_append_str(&plain, kp_str("before"));
	kp_buf_append_str(&quick, kp_str("before"));
	assert_int_equal(kp_response_packet_encode(&plain,
	                                           &(struct kp_response_packet){
	                                                   .version = 1,
	                                                   .request_id = (int32_t)body_len,
	                                                   .message_type = 0x104,
	                                                   .body = kp_buf_bytes(&body),
	                                                   .status = status,
	                                                   .context = context,
	                                           }),
	                 KP_OK);
	struct kp_response_mark mark;
	kp_response_begin(&quick, &mark, 1, (int32_t)body_len, 0x104);
	kp_buf_append(&quick, body.data, body.len);
	assert_int_equal(kp_response_end(&quick, &mark, status_count ? &status : NULL,
	                                 context_count ? &context : NULL),
	                 KP_OK);
	assert_bytes(&quick, kp_buf_bytes(&plain));
	kp_buf_fini(&plain);
	kp_buf_fini(&quick);
	kp_buf_fini(&body);
	kp_buf_fini(&status_pairs);
	kp_buf_fini(&context_pairs);
}

static void quick_answers_equal_plain_ones(void **state)
{
	static const size_t sizes[] = {0, 1, 5, 127, 128, 129, 255, 1024, 32767, 32768, 100000};
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t maps = 0; maps < 4; maps++)
			compare_answers(sizes[i], maps & 1 ? 2 : 0, maps & 2 ? 30 : 0);
}

static void aborted_answers_leave_no_trace(void **state)
{
	struct kp_buf out = {.len_max = 200};
	kp_buf_append_str(&out, kp_str("before"));
	struct kp_response_mark mark;
	kp_response_begin(&out, &mark, 1, 7, 0);
	kp_str_encode(&out, 0, kp_str("some"));
	kp_response_abort(&out, &mark);
	assert_bytes(&out, (struct kp_bytes){(const uint8_t *)"before", 6});

	kp_response_begin(&out, &mark, 1, 7, 0);
	char large[300] = {0};
	kp_str_encode(&out, 0, (struct kp_str){large, sizeof(large)});
	assert_int_equal(kp_response_end(&out, &mark, NULL, NULL), KP_ERR_LIMIT);
	kp_response_abort(&out, &mark);
	assert_bytes(&out, (struct kp_bytes){(const uint8_t *)"before", 6});
	kp_buf_fini(&out);
}

static void plain_encoding_that_fails_keeps_the_length(void **state)
{
	char large[300] = {0};
	struct kp_buf out = {.len_max = 200};
	kp_buf_append_str(&out, kp_str("before"));
	struct kp_request_packet request = {.servant = {large, sizeof(large)}};
	assert_int_equal(kp_request_packet_encode(&out, &request), KP_ERR_LIMIT);
	assert_int_equal(out.len, 6);
	out.err = KP_OK;
	struct kp_response_packet response = {.reason = {large, sizeof(large)}};
	assert_int_equal(kp_response_packet_encode(&out, &response), KP_ERR_LIMIT);
	assert_int_equal(out.len, 6);
	kp_buf_fini(&out);
}

static void decoding_allocates_nothing(void **state)
{
	for (size_t i = 0; i < GOLDEN_REQUEST_COUNT; i++) {
		struct kp_bytes golden = golden_bytes(golden_requests[i].hex);
		struct kp_arena arena = {0};
		struct kp_request_packet packet;
		int64_t allocs = kp_mem_allocs();
		assert_int_equal(kp_request_packet_decode(open_frame(golden), &arena, &packet),
		                 KP_OK);
		assert_int_equal(kp_mem_allocs(), allocs);
		free((void *)golden.ptr);
	}
}

// The body as a list of int8, then an unknown tag 11 and another in the long form.
static void unusual_requests_are_read(void **state)
{
	struct kp_bytes bytes = golden_bytes("10012c3c40015601416601667900020001000281"
	                                     "0bb8980ca80cb001fc20");
	struct kp_arena arena = {0};
	struct kp_request_packet packet;
	assert_int_equal(kp_request_packet_decode(bytes, &arena, &packet), KP_OK);
	assert_int_equal(packet.body.len, 2);
	assert_memory_equal(packet.body.ptr, "\x01\x02", 2);
	assert_int_equal(kp_request_packet_decode(bytes, NULL, &packet), KP_ERR_NOMEM);
	bytes.len--; // the unknown field is cut
	assert_int_equal(kp_request_packet_decode(bytes, &arena, &packet), KP_ERR_DECODE);
	kp_arena_fini(&arena);
	free((void *)bytes.ptr);
}

static void try_request(struct kp_bytes bytes)
{
	struct kp_arena arena = {0};
	struct kp_request_packet packet, again;
	kp_err err = kp_request_packet_decode(bytes, &arena, &packet);
	if (err == KP_OK) {
		struct kp_buf out = {0};
		assert_int_equal(kp_request_packet_encode(&out, &packet), KP_OK);
		assert_int_equal(
		        kp_request_packet_decode(open_frame(kp_buf_bytes(&out)), NULL, &again),
		        KP_OK);
		assert_true(kp_str_equal(packet.servant, again.servant));
		assert_true(kp_bytes_equal(packet.body, again.body));
		assert_int_equal(packet.context.count, again.context.count);
		struct kp_str key, value;
		size_t count = 0;
		for (size_t cursor = 0; kp_packet_map_next(&packet.context, &cursor, &key, &value);)
			count++;
		assert_int_equal(count, packet.context.count);
		kp_buf_fini(&out);
	} else {
		assert_true(err == KP_ERR_DECODE || err == KP_ERR_LIMIT);
	}
	kp_arena_fini(&arena);
}

static void try_response(struct kp_bytes bytes)
{
	struct kp_arena arena = {0};
	struct kp_response_packet packet, again;
	kp_err err = kp_response_packet_decode(bytes, &arena, &packet);
	if (err == KP_OK) {
		struct kp_buf out = {0};
		assert_int_equal(kp_response_packet_encode(&out, &packet), KP_OK);
		assert_int_equal(
		        kp_response_packet_decode(open_frame(kp_buf_bytes(&out)), NULL, &again),
		        KP_OK);
		assert_int_equal(packet.ret, again.ret);
		assert_true(kp_str_equal(packet.reason, again.reason));
		assert_true(kp_bytes_equal(packet.body, again.body));
		kp_buf_fini(&out);
	} else {
		assert_true(err == KP_ERR_DECODE || err == KP_ERR_LIMIT);
	}
	kp_arena_fini(&arena);
}

static void hurt(const char *hex, void (*try_packet)(struct kp_bytes bytes))
{
	struct kp_bytes golden = golden_bytes(hex);
	struct kp_bytes packet = open_frame(golden);
	for (size_t len = 0; len < packet.len; len++) {
		uint8_t *cut = malloc(len ? len : 1); // its own block, so that overruns are seen
		memcpy(cut, packet.ptr, len);
		struct kp_request_packet ignored;
		if (try_packet == try_request)
			assert_int_equal(kp_request_packet_decode((struct kp_bytes){cut, len}, NULL,
			                                          &ignored),
			                 KP_ERR_DECODE);
		try_packet((struct kp_bytes){cut, len});
		free(cut);
	}
	for (size_t i = 0; i < packet.len; i++) {
		uint8_t *byte = (uint8_t *)packet.ptr + i;
		uint8_t was = *byte;
		for (int bit = 0; bit < 8; bit++) {
			*byte = was ^ (uint8_t)(1 << bit);
			try_packet(packet);
		}
		*byte = (uint8_t)~was;
		try_packet(packet);
		*byte = was;
	}
	free((void *)golden.ptr);
}

static void hurt_packets_are_survived(void **state)
{
	for (size_t i = 0; i < GOLDEN_REQUEST_COUNT; i++)
		hurt(golden_requests[i].hex, try_request);
	for (size_t i = 0; i < GOLDEN_RESPONSE_COUNT; i++)
		hurt(golden_responses[i].hex, try_response);
}

static kp_err answer(struct kp_buf *out)
{
	struct kp_response_mark mark;
	kp_response_begin(out, &mark, 1, 7, 0);
	uint8_t body[200] = {0};
	kp_bytes_encode(out, 0, (struct kp_bytes){body, sizeof(body)});
	kp_err err = kp_response_end(out, &mark, NULL, NULL);
	if (err != KP_OK)
		kp_response_abort(out, &mark);
	return err;
}

static void every_allocation_may_fail(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf out = {0};
		kp_err err = KP_OK;
		for (int i = 0; i < 4 && err == KP_OK; i++) {
			size_t len = out.len;
			err = i & 1 ? answer(&out)
			            : kp_request_packet_encode(
			                      &out, &(struct kp_request_packet){
			                                    .servant = kp_str("A.B.CObj"),
			                                    .function = kp_str("f")});
			if (err != KP_OK)
				assert_int_equal(out.len, len);
		}
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&out);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests_match_golden_frames),
	        cmocka_unit_test(request_fields_are_what_they_were),
	        cmocka_unit_test(responses_match_golden_frames),
	        cmocka_unit_test(response_fields_are_what_they_were),
	        cmocka_unit_test(maps_are_walked_in_order),
	        cmocka_unit_test(quick_answers_equal_plain_ones),
	        cmocka_unit_test(aborted_answers_leave_no_trace),
	        cmocka_unit_test(plain_encoding_that_fails_keeps_the_length),
	        cmocka_unit_test(decoding_allocates_nothing),
	        cmocka_unit_test(unusual_requests_are_read),
	        cmocka_unit_test(hurt_packets_are_survived),
	        cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
