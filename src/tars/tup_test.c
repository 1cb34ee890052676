// tup_test.c - attributes and bodies stand for each other.
#include "tars/tup.h"

#include "base/mem.h"
#include "tars/describe_sample.h"
#include "tars/frame.h"
#include "tars/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const int versions[] = {KP_PACKET_TUP2, KP_PACKET_TUP3};

static const struct kp_param f_params[] = {{"n", &sample_i32, false}, {"s", &sample_str, false}};
static const struct kp_function f = {"f", &sample_void, f_params, 2, NULL};

static void requests_of_other_makers_are_read_and_written_alike(void **state)
{
	static const int which[] = {GOLDEN_TUP2, GOLDEN_TUP3};
	for (size_t i = 0; i < 2; i++) {
		struct kp_bytes frame = golden_bytes(golden_requests[which[i]].hex);
		struct kp_bytes packet = {frame.ptr + KP_FRAME_HEAD_SIZE,
		                          frame.len - KP_FRAME_HEAD_SIZE};
		struct kp_request_packet request;
		assert_int_equal(kp_request_packet_decode(packet, NULL, &request), KP_OK);
		struct kp_buf body = {0}, again = {0}, wanted = {0};
		assert_int_equal(
		        kp_tup_to_body(&f, KP_TUP_REQUEST, versions[i], request.body, NULL, &body),
		        KP_OK);
		kp_i32_encode(&wanted, 1, 5);
		kp_str_encode(&wanted, 2, kp_str("x"));
		assert_true(kp_bytes_equal(kp_buf_bytes(&body), kp_buf_bytes(&wanted)));
		assert_int_equal(kp_tup_from_body(&f, KP_TUP_REQUEST, versions[i],
		                                  kp_buf_bytes(&body), &again),
		                 KP_OK);
		assert_true(kp_bytes_equal(kp_buf_bytes(&again), request.body));
		kp_buf_fini(&body);
		kp_buf_fini(&again);
		kp_buf_fini(&wanted);
		free((void *)frame.ptr);
	}
	assert_int_equal(kp_mem_live(), 0);
}

// encode_pay makes a body of an answer of pay: return 7, receipt "r" at 3.
static void encode_pay(struct kp_buf *out)
{
	kp_i32_encode(out, 0, 7);
	kp_str_encode(out, 3, kp_str("r"));
}

// attribute finds a value of version 3 by its name.
static bool attribute(struct kp_bytes attributes, const char *name, struct kp_bytes *ret)
{
	struct kp_decoder in = kp_decoder(attributes, NULL);
	size_t count;
	assert_true(kp_map_enter(&in, 0, KP_REQUIRED, &count));
	for (size_t i = 0; i < count; i++) {
		struct kp_str key;
		assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &key));
		assert_true(kp_bytes_decode(&in, 1, KP_REQUIRED, ret));
		if (kp_str_equal(key, kp_str(name)))
			return true;
	}
	return false;
}

static void an_answer_has_its_return_value_under_both_names(void **state)
{
	struct kp_buf body = {0}, out = {0};
	encode_pay(&body);
	assert_int_equal(kp_tup_from_body(&sample_functions[SAMPLE_PAY], KP_TUP_ANSWER,
	                                  KP_PACKET_TUP3, kp_buf_bytes(&body), &out),
	                 KP_OK);
	static const char *const names[] = {"", "tars_ret"};
	for (size_t i = 0; i < 2; i++) {
		struct kp_bytes value = {0};
		int32_t ret = 0;
		assert_true(attribute(kp_buf_bytes(&out), names[i], &value));
		struct kp_decoder in = kp_decoder(value, NULL);
		assert_true(kp_i32_decode(&in, 0, KP_REQUIRED, &ret));
		assert_int_equal(ret, 7);
	}
	struct kp_bytes value = {0};
	struct kp_str receipt;
	assert_true(attribute(kp_buf_bytes(&out), "receipt", &value));
	struct kp_decoder in = kp_decoder(value, NULL);
	assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &receipt));
	assert_true(kp_str_equal(receipt, kp_str("r")));
	kp_buf_fini(&body);
	kp_buf_fini(&out);
}

static void answers_survive_the_way_there_and_back(void **state)
{
	for (size_t v = 0; v < 2; v++) {
		int version = versions[v];
		struct kp_buf body = {0}, out = {0}, again = {0};
		const struct kp_function *pay = &sample_functions[SAMPLE_PAY];
		encode_pay(&body);
		assert_int_equal(
		        kp_tup_from_body(pay, KP_TUP_ANSWER, version, kp_buf_bytes(&body), &out),
		        KP_OK);
		assert_int_equal(kp_tup_to_body(pay, KP_TUP_ANSWER, version, kp_buf_bytes(&out),
		                                NULL, &again),
		                 KP_OK);
		assert_true(kp_bytes_equal(kp_buf_bytes(&body), kp_buf_bytes(&again)));
		kp_buf_fini(&body);
		kp_buf_fini(&out);
		kp_buf_fini(&again);
	}
}

static void put_attribute(struct kp_buf *out, const char *name, struct kp_bytes value)
{
	kp_str_encode(out, 0, kp_str(name));
	kp_bytes_encode(out, 1, value);
}

static void unknown_attributes_and_outs_are_passed_over_and_order_does_not_matter(void **state)
{
	struct kp_buf in = {0}, out = {0}, s = {0}, n = {0}, wanted = {0};
	kp_str_encode(&s, 0, kp_str("x"));
	kp_i32_encode(&n, 0, 5);
	kp_map_begin(&in, 0, 4);
	put_attribute(&in, "s", kp_buf_bytes(&s));
	put_attribute(&in, "who knows", (struct kp_bytes){(const uint8_t *)"\xff", 1});
	put_attribute(&in, "n", kp_buf_bytes(&n));
	put_attribute(&in, "n", kp_buf_bytes(&s)); // the first one counts
	kp_i32_encode(&wanted, 1, 5);
	kp_str_encode(&wanted, 2, kp_str("x"));
	assert_int_equal(
	        kp_tup_to_body(&f, KP_TUP_REQUEST, KP_PACKET_TUP3, kp_buf_bytes(&in), NULL, &out),
	        KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&out), kp_buf_bytes(&wanted)));
	kp_buf_fini(&in);
	kp_buf_fini(&out);
	kp_buf_fini(&s);
	kp_buf_fini(&n);
	kp_buf_fini(&wanted);
}

static void an_attribute_is_one_field_with_tag_0(void **state)
{
	// Else it could bring other parameters along.
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	        {"\x00\x05\x10\x06", 4}, // n, and another field behind it
	        {"\x10\x05", 2},         // the wrong tag
	        {"\x00", 1},             // cut
	        {"\x0b", 1},             // a struct's end
	        {"\x0e", 1},             // no type
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kp_buf in = {0}, out = {0};
		kp_map_begin(&in, 0, 1);
		put_attribute(&in, "n",
		              (struct kp_bytes){(const uint8_t *)rows[i].bytes, rows[i].len});
		assert_int_equal(kp_tup_to_body(&f, KP_TUP_REQUEST, KP_PACKET_TUP3,
		                                kp_buf_bytes(&in), NULL, &out),
		                 KP_ERR_DECODE);
		assert_int_equal(out.len, 0);
		kp_buf_fini(&in);
		kp_buf_fini(&out);
	}
}

static void an_attribute_may_come_as_a_list_of_bytes(void **state)
{
	// {"n": [0, 5]}, as a list of int8 instead of a simple list
	struct kp_bytes in = golden_bytes("080001"
	                                  "06016e"
	                                  "1900020c0005");
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_buf out = {0}, wanted = {0};
	kp_i32_encode(&wanted, 1, 5);
	assert_int_equal(kp_tup_to_body(&f, KP_TUP_REQUEST, KP_PACKET_TUP3, in, arena, &out),
	                 KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&out), kp_buf_bytes(&wanted)));
	kp_buf_fini(&out);
	kp_buf_fini(&wanted);
	kp_arena_free(arena);
	free((void *)in.ptr);
}

static void an_empty_body_is_no_attributes(void **state)
{
	struct kp_buf out = {0};
	assert_int_equal(kp_tup_to_body(&f, KP_TUP_REQUEST, KP_PACKET_TUP3, (struct kp_bytes){0},
	                                NULL, &out),
	                 KP_OK);
	assert_int_equal(out.len, 0);
	kp_buf_fini(&out);
}

static void truncated_attributes_are_refused(void **state)
{
	for (size_t v = 0; v < 2; v++) {
		int version = versions[v];
		struct kp_buf body = {0}, whole = {0};
		kp_i32_encode(&body, 1, 5);
		kp_str_encode(&body, 2, kp_str("x"));
		assert_int_equal(
		        kp_tup_from_body(&f, KP_TUP_REQUEST, version, kp_buf_bytes(&body), &whole),
		        KP_OK);
		for (size_t len = 1; len < whole.len; len++) {
			struct kp_buf out = {0};
			uint8_t *cut = kp_alloc(len); // exact, so that a read beyond it shows
			memcpy(cut, whole.data, len);
			assert_int_equal(kp_tup_to_body(&f, KP_TUP_REQUEST, version,
			                                (struct kp_bytes){cut, len}, NULL, &out),
			                 KP_ERR_DECODE);
			kp_free(cut);
			kp_buf_fini(&out);
		}
		kp_buf_fini(&body);
		kp_buf_fini(&whole);
	}
}

static void attributes_have_a_largest_number(void **state)
{
	for (size_t extra = 0; extra < 2; extra++) {
		struct kp_buf in = {0}, out = {0};
		size_t count = KP_TUP_ATTRIBUTES_MAX + extra;
		kp_map_begin(&in, 0, count);
		for (size_t i = 0; i < count; i++)
			put_attribute(&in, "a", (struct kp_bytes){0});
		assert_int_equal(kp_tup_to_body(&f, KP_TUP_REQUEST, KP_PACKET_TUP3,
		                                kp_buf_bytes(&in), NULL, &out),
		                 extra ? KP_ERR_LIMIT : KP_OK);
		kp_buf_fini(&in);
		kp_buf_fini(&out);
	}
}

static void malformed_bodies_are_no_attributes(void **state)
{
	static const char *const bodies[] = {"0b", "0e", "0605", "0a", "f0"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct kp_buf out = {0};
		struct kp_bytes body = golden_bytes(bodies[i]);
		assert_int_equal(kp_tup_from_body(&f, KP_TUP_ANSWER, KP_PACKET_TUP3, body, &out),
		                 KP_ERR_DECODE);
		assert_int_equal(out.len, 0);
		free((void *)body.ptr);
		kp_buf_fini(&out);
	}
}

static void types_have_the_names_of_version_2(void **state)
{
	static const struct {
		const struct kp_type *type;
		const char *name;
	} rows[] = {
	        {&sample_bool, "bool"},
	        {&sample_i8, "char"},
	        {&sample_i16, "short"},
	        {&sample_i32, "int32"},
	        {&sample_i64, "int64"},
	        {&sample_f32, "float"},
	        {&sample_f64, "double"},
	        {&sample_str, "string"},
	        {&sample_bytes, "list<char>"},
	        {&sample_state_type, "int32"},
	        {&sample_item_type, "Book.Item"},
	        {&sample_items, "list<Book.Item>"},
	        {&sample_by_number, "map<int32,string>"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kp_buf out = {0};
		kp_tup_type_print(rows[i].type, &out);
		assert_true(kp_str_equal(kp_buf_str(&out), kp_str(rows[i].name)));
		kp_buf_fini(&out);
	}
}

static void running_out_of_memory_is_said(void **state)
{
	struct kp_buf body = {0};
	encode_pay(&body);
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf out = {0}, again = {0};
		const struct kp_function *pay = &sample_functions[SAMPLE_PAY];
		kp_err err = kp_tup_from_body(pay, KP_TUP_ANSWER, KP_PACKET_TUP2,
		                              kp_buf_bytes(&body), &out);
		if (err == KP_OK)
			err = kp_tup_to_body(pay, KP_TUP_ANSWER, KP_PACKET_TUP2, kp_buf_bytes(&out),
			                     NULL, &again);
		assert_int_equal(err, fault ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&out);
		kp_buf_fini(&again);
	}
	kp_buf_fini(&body);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests_of_other_makers_are_read_and_written_alike),
	        cmocka_unit_test(an_answer_has_its_return_value_under_both_names),
	        cmocka_unit_test(answers_survive_the_way_there_and_back),
	        cmocka_unit_test(
	                unknown_attributes_and_outs_are_passed_over_and_order_does_not_matter),
	        cmocka_unit_test(an_attribute_is_one_field_with_tag_0),
	        cmocka_unit_test(an_attribute_may_come_as_a_list_of_bytes),
	        cmocka_unit_test(an_empty_body_is_no_attributes),
	        cmocka_unit_test(truncated_attributes_are_refused),
	        cmocka_unit_test(attributes_have_a_largest_number),
	        cmocka_unit_test(malformed_bodies_are_no_attributes),
	        cmocka_unit_test(types_have_the_names_of_version_2),
	        cmocka_unit_test(running_out_of_memory_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
