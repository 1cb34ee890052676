// transcode_test.c - what the way from JSON to a call's bytes and back promises as a whole.
#include "tars/transcode.h"

#include "base/mem.h"
#include "tars/describe.h"
#include "tars/describe_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const struct kp_function *const pay = &sample_functions[SAMPLE_PAY];
static const struct kp_function *const put = &sample_functions[SAMPLE_PUT];
static const struct kp_function *const echo = &sample_functions[SAMPLE_ECHO];
static const struct kp_function *const ping = &sample_functions[SAMPLE_PING];

// encode returns the outcome of kp_json_to_args, after checking that a failure leaves no trace.
static kp_err encode(const struct kp_function *function, const char *json, struct kp_buf *out,
                     struct kp_why *why)
{
	struct kp_arena *arena = kp_arena_new(0);
	kp_buf_clear(out);
	why->text[0] = '\0';
	kp_err err = kp_json_to_args(function, kp_str(json), out, arena, why);
	if (err != KP_OK)
		assert_int_equal(out->len, 0);
	kp_arena_free(arena);
	return err;
}

// print returns the text of a body, or NULL, having said why.
static const char *print(const struct kp_function *function, struct kp_bytes body, bool is_answer,
                         struct kp_buf *out, struct kp_why *why)
{
	struct kp_arena *arena = kp_arena_new(0);
	kp_buf_clear(out);
	kp_err err = (is_answer ? kp_args_to_json : kp_request_to_json)(
	        function, body, KP_JSON_COMPACT, out, arena, why);
	if (err != KP_OK) {
		assert_int_equal(err, KP_ERR_DECODE);
		assert_int_equal(out->len, 0);
	}
	kp_buf_append_byte(out, '\0');
	kp_arena_free(arena);
	return err == KP_OK ? (const char *)out->data : NULL;
}

static void answer_becomes_an_object(void **state)
{
	struct kp_buf body = {0}, out = {0};
	struct kp_why why;
	kp_i32_encode(&body, 0, -3);
	kp_str_encode(&body, 3, kp_str("r\xff\"1"));
	assert_string_equal(print(pay, kp_buf_bytes(&body), true, &out, &why),
	                    "{\"return\":-3,\"receipt\":\"r\xef\xbf\xbd\\\"1\"}");
	assert_string_equal(print(ping, (struct kp_bytes){0}, true, &out, &why), "{}");

	struct kp_arena *arena = kp_arena_new(0);
	kp_buf_clear(&out);
	assert_int_equal(
	        kp_args_to_json(pay, kp_buf_bytes(&body), KP_JSON_PRETTY, &out, arena, &why),
	        KP_OK);
	kp_buf_append_byte(&out, '\0');
	assert_string_equal(out.data,
	                    "{\n  \"return\": -3,\n  \"receipt\": \"r\xef\xbf\xbd\\\"1\"\n}");
	kp_arena_free(arena);
	kp_buf_fini(&body);
	kp_buf_fini(&out);
}

static void answer_shows_defaults_of_absent_fields(void **state)
{
	struct kp_buf body = {0}, out = {0};
	struct kp_why why;
	kp_struct_begin(&body, 0);
	kp_i64_encode(&body, 0, 1);
	kp_str_encode(&body, 4, kp_str("EUR"));
	kp_u32_encode(&body, 7, 255);
	kp_i32_encode(&body, 99, 5); // a field of a newer version
	kp_struct_end(&body);
	assert_string_equal(print(put, kp_buf_bytes(&body), true, &out, &why),
	                    "{\"return\":{\"id\":1,\"items\":[],\"notes\":{},\"parts\":[],"
	                    "\"currency\":\"EUR\",\"gift\":null,\"rate\":1.5,\"flags\":255,"
	                    "\"urgent\":true,\"by_bool\":[],\"seal\":\"\",\"state\":\"Pending\"}}");
	kp_buf_fini(&body);
	kp_buf_fini(&out);
}

static void answer_is_refused_with_a_reason(void **state)
{
	struct kp_buf body = {0}, out = {0};
	struct kp_why why;
	assert_null(print(pay, (struct kp_bytes){0}, true, &out, &why));
	assert_string_equal(why.text, "return: missing or malformed");

	kp_i32_encode(&body, 0, 0);
	assert_null(print(pay, kp_buf_bytes(&body), true, &out, &why));
	assert_string_equal(why.text, "receipt: missing or malformed");

	kp_buf_clear(&body);
	kp_struct_begin(&body, 0);
	kp_i64_encode(&body, 0, 1);
	kp_list_begin(&body, 1, 2);
	for (int i = 0; i < 2; i++) {
		kp_struct_begin(&body, 0);
		kp_str_encode(&body, 0, kp_str("a"));
		if (i == 0)
			kp_f64_encode(&body, 1, 1);
		kp_struct_end(&body);
	}
	kp_struct_end(&body);
	assert_null(print(put, kp_buf_bytes(&body), true, &out, &why));
	assert_string_equal(why.text, "return.items[1].price: missing or malformed");

	kp_buf_clear(&body);
	kp_i32_encode(&body, 0, 0);
	kp_str_encode(&body, 3, kp_str("x"));
	kp_buf_append_byte(&body, 0x46);
	assert_null(print(pay, kp_buf_bytes(&body), true, &out, &why));
	assert_string_equal(why.text, "what follows the last parameter is malformed");
	kp_buf_fini(&body);
	kp_buf_fini(&out);
}

static const char everything[] =
        "{\"all\":{\"boolean\":true,\"i8\":-128,\"i16\":32767,\"i32\":-2147483648,\"i64\":"
        "9223372036854775807,\"u8\":255,\"u16\":65535,\"u32\":4294967295,\"f32\":0.1,\"f64\":"
        "-1.7976931348623157e+308,\"str\":\"a\\u0000\\n\xe2\x82\xac\",\"bytes\":\"AAEC/w==\","
        "\"items\":[{\"name\":\"pen\",\"price\":\"NaN\",\"count\":0,\"state\":\"Sent\"},"
        "{\"name\":\"\",\"price\":\"-Infinity\",\"count\":7,\"state\":12}],\"by_name\":{\"\":1,"
        "\"b\\\"\":-2},\"by_number\":{\"-5\":\"x\",\"0\":\"\"},\"by_state\":{\"Paid\":{\"name\":"
        "\"n\",\"price\":-0,\"count\":1,\"state\":\"Pending\"}},\"by_bool\":[[true,\"y\"],[false,"
        "\"n\"]],\"state\":\"Paid\",\"item\":{\"name\":\"z\",\"price\":0.5,\"count\":-1,"
        "\"state\":\"Paid\"}}}";

static void every_kind_goes_there_and_back(void **state)
{
	struct kp_buf body = {0}, out = {0};
	struct kp_why why;
	if (encode(echo, everything, &body, &why) != KP_OK)
		fail_msg("%s", why.text);
	assert_string_equal(print(echo, kp_buf_bytes(&body), false, &out, &why), everything);

	// the same value as an answer, and by a description that came over the wire
	struct kp_buf description = {0}, answer = {0};
	assert_int_equal(kp_interface_encode(&sample, &description), KP_OK);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_interface *decoded;
	assert_int_equal(kp_interface_decode(kp_buf_bytes(&description), arena, &decoded), KP_OK);
	assert_int_equal(encode(&decoded->functions[SAMPLE_ECHO], everything, &answer, &why),
	                 KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&answer), kp_buf_bytes(&body)));
	kp_arena_free(arena);
	kp_buf_fini(&description);
	kp_buf_fini(&answer);
	kp_buf_fini(&body);
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void answer_survives_every_truncation_and_flipped_bit(void **state)
{
	struct kp_buf body = {0}, out = {0};
	struct kp_why why;
	assert_int_equal(encode(echo, everything, &body, &why), KP_OK);
	for (size_t len = 0; len < body.len; len++) {
		uint8_t *exact = malloc(len + !len);
		memcpy(exact, body.data, len);
		assert_null(print(echo, (struct kp_bytes){exact, len}, false, &out, &why));
		free(exact);
	}
	for (size_t i = 0; i < body.len * 8; i++) {
		body.data[i / 8] ^= (uint8_t)(1 << i % 8);
		print(echo, kp_buf_bytes(&body), false, &out, &why);
		body.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	kp_buf_fini(&body);
	kp_buf_fini(&out);
}

// A dice gives random JSON for a type.
struct dice {
	uint64_t state;
	struct kp_json_writer writer;
};

static uint64_t roll(struct dice *dice)
{
	dice->state += 0x9e3779b97f4a7c15u;
	uint64_t z = dice->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static struct kp_str random_text(struct dice *dice, char text[16])
{
	size_t len = roll(dice) % 16;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(roll(dice) % 128);
	return (struct kp_str){text, len};
}

static int64_t random_integer(struct dice *dice, enum kp_kind kind)
{
	uint64_t bits = roll(dice) >> roll(dice) % 64;
	switch (kind) {
	case KP_KIND_I8:
		return (int8_t)bits;
	case KP_KIND_I16:
		return (int16_t)bits;
	case KP_KIND_I32:
	case KP_KIND_ENUM:
		return (int32_t)bits;
	case KP_KIND_U8:
		return (uint8_t)bits;
	case KP_KIND_U16:
		return (uint16_t)bits;
	case KP_KIND_U32:
		return (uint32_t)bits;
	default:
		return (int64_t)bits;
	}
}

static void put_random(struct dice *dice, const struct kp_type *type, int depth);

static void put_random_map(struct dice *dice, const struct kp_type *type, int depth)
{
	size_t count = depth > 0 ? roll(dice) % 4 : 0;
	kp_json_list_begin(&dice->writer);
	for (size_t i = 0; i < count; i++) {
		kp_json_list_begin(&dice->writer);
		if (type->key->kind == KP_KIND_STR) { // keys differ
			char key[2] = {(char)('a' + i), '\0'};
			kp_json_put_str(&dice->writer, kp_str(key));
		} else if (type->key->kind == KP_KIND_BOOL) {
			kp_json_put_bool(&dice->writer, i % 2);
		} else {
			kp_json_put_i64(&dice->writer, (int64_t)i + 10);
		}
		put_random(dice, type->element, depth - 1);
		kp_json_list_end(&dice->writer);
	}
	kp_json_list_end(&dice->writer);
}

static void put_random(struct dice *dice, const struct kp_type *type, int depth)
{
	struct kp_json_writer *writer = &dice->writer;
	char text[16];
	uint64_t bits = roll(dice);
	double f64;
	memcpy(&f64, &bits, sizeof(f64));
	switch (type->kind) {
	case KP_KIND_BOOL:
		kp_json_put_bool(writer, bits % 2);
		break;
	case KP_KIND_F32:
		kp_json_put_f32(writer, (float)(int32_t)bits / 1000);
		break;
	case KP_KIND_F64:
		kp_json_put_f64(writer, f64);
		break;
	case KP_KIND_STR:
		kp_json_put_str(writer, random_text(dice, text));
		break;
	case KP_KIND_BYTES: {
		struct kp_str random = random_text(dice, text);
		kp_json_put_bytes(writer,
		                  (struct kp_bytes){(const uint8_t *)random.ptr, random.len});
		break;
	}
	case KP_KIND_LIST: {
		size_t count = depth > 0 ? bits % 4 : 0;
		kp_json_list_begin(writer);
		for (size_t i = 0; i < count; i++)
			put_random(dice, type->element, depth - 1);
		kp_json_list_end(writer);
		break;
	}
	case KP_KIND_MAP:
		put_random_map(dice, type, depth);
		break;
	case KP_KIND_STRUCT:
		kp_json_object_begin(writer);
		for (size_t i = 0; i < type->structure->field_count; i++) {
			const struct kp_field *field = &type->structure->fields[i];
			if (!field->required && roll(dice) % 4 == 0)
				continue;
			kp_json_key(writer, kp_str(field->name));
			put_random(dice, field->type, depth - 1);
		}
		kp_json_object_end(writer);
		break;
	default:
		kp_json_put_i64(writer, random_integer(dice, type->kind));
	}
}

// What was printed is the whole value: encoded again it prints the same, and gives the same bytes
// from then on.
static void go_there_and_back(const struct kp_function *function, const struct kp_type *type,
                              struct dice *dice)
{
	struct kp_buf json = {0}, body = {0}, text = {0}, body2 = {0}, text2 = {0};
	struct kp_why why;
	dice->writer = kp_json_writer(&json, (enum kp_json_style)(roll(dice) % 3));
	kp_json_list_begin(&dice->writer);
	put_random(dice, type, 4);
	kp_json_list_end(&dice->writer);
	kp_buf_append_byte(&json, '\0');

	if (encode(function, (const char *)json.data, &body, &why) != KP_OK)
		fail_msg("%s: %s", json.data, why.text);
	if (!print(function, kp_buf_bytes(&body), false, &text, &why))
		fail_msg("%s: %s", json.data, why.text);
	if (encode(function, (const char *)text.data, &body2, &why) != KP_OK)
		fail_msg("%s: %s", text.data, why.text);
	assert_true(body2.len >= body.len);
	assert_string_equal(print(function, kp_buf_bytes(&body2), false, &text2, &why),
	                    (const char *)text.data);
	kp_buf_fini(&json);
	kp_buf_fini(&body);
	kp_buf_fini(&text);
	kp_buf_fini(&body2);
	kp_buf_fini(&text2);
}

static void random_values_go_there_and_back(void **state)
{
	struct dice dice = {.state = (uint64_t)time(NULL)};
	print_message("seed %llu\n", (unsigned long long)dice.state);
	for (int i = 0; i < 500; i++) {
		go_there_and_back(echo, &sample_all_type, &dice);
		go_there_and_back(put, &sample_order_type, &dice);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void transcode_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf body = {0}, out = {0};
		struct kp_arena *arena = kp_arena_new(0);
		struct kp_why why = {0};
		kp_err err = KP_ERR_NOMEM;
		if (arena)
			err = kp_json_to_args(echo, kp_str(everything), &body, arena, &why);
		if (err == KP_OK)
			err = kp_request_to_json(echo, kp_buf_bytes(&body), KP_JSON_PRETTY, &out,
			                         arena, &why);
		if (err == KP_OK) // a default, too
			err = kp_json_to_args(put, kp_str("[{\"id\": 1}]"), &body, arena, &why);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		if (err != KP_OK && arena)
			assert_string_equal(why.text, "out of memory");
		kp_buf_fini(&body);
		kp_buf_fini(&out);
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), 0);
	}
}

static void forms_differ_where_their_readers_do(void **state)
{
	static const struct {
		const struct kp_json_form *form;
		const char *json;
	} rows[] = {
	        {&kp_json_form_http,
	         "{\"tars_ret\":{\"id\":9223372036854775807,\"items\":[],\"notes\":{},\"parts\":[],"
	         "\"currency\":\"x\",\"gift\":null,\"rate\":1.5,\"flags\":7,\"urgent\":true,"
	         "\"by_bool\":[],\"seal\":\"AQL/\",\"state\":\"Paid\"}}"},
	        {&kp_json_form_packet,
	         "{\"tars_ret\":{\"id\":9223372036854775807,\"items\":[],\"notes\":{},\"parts\":[],"
	         "\"currency\":\"x\",\"gift\":null,\"rate\":1.5,\"flags\":7,\"urgent\":true,"
	         "\"by_bool\":[],\"seal\":[1,2,255],\"state\":1}}"},
	};
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_buf body = {0};
	kp_struct_begin(&body, 0);
	kp_i64_encode(&body, 0, INT64_MAX);
	kp_str_encode(&body, 4, kp_str("x"));
	kp_u32_encode(&body, 7, 7);
	kp_bytes_encode(&body, 10, (struct kp_bytes){(const uint8_t *)"\1\2\377", 3});
	kp_i32_encode(&body, 11, 1);
	kp_struct_end(&body);
	for (size_t i = 0; i < 2; i++) {
		struct kp_buf out = {0};
		struct kp_why why = {""};
		assert_int_equal(kp_args_to_json_form(&sample_functions[SAMPLE_PUT], rows[i].form,
		                                      kp_buf_bytes(&body), &out, arena, &why),
		                 KP_OK);
		kp_buf_append_byte(&out, '\0');
		assert_string_equal(out.data, rows[i].json);
		kp_buf_fini(&out);
	}
	kp_buf_fini(&body);
	kp_arena_free(arena);
}

static void a_tolerant_form_passes_over_what_is_not_known(void **state)
{
	struct kp_str json = kp_str("{\"visitor\":\"a\",\"cents\":1,\"receipt\":\"out\",\"x\":{}}");
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_buf out = {0};
	struct kp_why why = {""};
	const struct kp_function *function = &sample_functions[SAMPLE_PAY];
	assert_int_equal(
	        kp_json_to_args_form(function, &kp_json_form_packet, json, &out, arena, &why),
	        KP_OK);
	assert_int_equal(
	        kp_json_to_args_form(function, &kp_json_form_http, json, &out, arena, &why),
	        KP_ERR_INVALID);
	kp_buf_fini(&out);
	kp_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(answer_becomes_an_object),
	        cmocka_unit_test(answer_shows_defaults_of_absent_fields),
	        cmocka_unit_test(answer_is_refused_with_a_reason),
	        cmocka_unit_test(every_kind_goes_there_and_back),
	        cmocka_unit_test(answer_survives_every_truncation_and_flipped_bit),
	        cmocka_unit_test(random_values_go_there_and_back),
	        cmocka_unit_test(transcode_survives_running_out),
	        cmocka_unit_test(forms_differ_where_their_readers_do),
	        cmocka_unit_test(a_tolerant_form_passes_over_what_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
