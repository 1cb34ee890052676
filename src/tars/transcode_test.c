// transcode_test.c - what the way from JSON to a call's bytes and back promises.
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

static void assert_bytes(const struct kp_buf *out, const char *hex)
{
	struct kp_buf text = {0};
	for (size_t i = 0; i < out->len; i++)
		kp_buf_printf(&text, "%02x", out->data[i]);
	kp_buf_append_byte(&text, '\0');
	assert_string_equal(text.data, hex);
	kp_buf_fini(&text);
}

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

struct encoding {
	const struct kp_function *const *function;
	const char *json;
	const char *hex;
};

static const struct encoding encodings[] = {
        {&pay, "{\"cents\": 300, \"visitor\": \"bob\"}", "1603626f6221012c"},
        {&pay, "[\"bob\", 300]", "1603626f6221012c"},
        {&pay, "{\"visitor\":\"\",\"cents\":-9223372036854775808}",
         "160023"
         "8000000000000000"},
        {&ping, "{}", ""},
        {&ping, "[]", ""},
        {&ping, "", ""},
        {&ping, " \n", ""},
        // a struct: required fields with defaults travel, absent optional ones do not
        {&put, "{\"order\": {\"id\": 1}}",
         "1a"
         "0001"
         "4603455552"
         "7100ff"
         "0b"},
        {&put, "[{\"id\": 1, \"items\": null, \"flags\": 0, \"currency\": \"\"}]",
         "1a00014600"
         "7c"
         "0b"},
        // fields go by tag whatever the order they are given in
        {&put,
         "[{\"gift\": {\"price\": 1.5, \"state\": \"Sent\", \"name\": \"x\"}, \"id\": 0, "
         "\"flags\": 1}]",
         "1a"
         "0c"
         "4603455552"
         "5a"
         "060178"
         "153ff8000000000000"
         "f01e"
         "f9"
         "0b"
         "7001"
         "0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"state\":\"Book::Paid\"}]",
         "1a0c46007cb0010b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"state\":-7}]", "1a0c46007cb0f90b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"seal\":\"AAH/\"}]",
         "1a0c46007cad000003"
         "0001ff"
         "0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"seal\":[0,1,255,-1]}]",
         "1a0c46007cad000004"
         "0001ffff"
         "0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"seal\":\"\"}]", "1a0c46007cad000c0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"by_bool\":[[true,\"y\"]]}]",
         "1a0c46007c98"
         "0001"
         "0001"
         "160179"
         "0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"notes\":[[\"k\",\"v\"]]}]",
         "1a0c2800010601"
         "6b"
         "160176"
         "46007c0b"},
        {&put, "[{\"id\":0,\"flags\":0,\"currency\":\"\",\"rate\":0.5}]",
         "1a0c460064"
         "3f000000"
         "7c0b"},
};

static void args_become_bytes(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct encoding *row = &encodings[i];
		if (encode(*row->function, row->json, &out, &why) != KP_OK)
			fail_msg("%s: %s", row->json, why.text);
		assert_bytes(&out, row->hex);
	}
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

struct refusal {
	const struct kp_function *const *function;
	const char *json;
	const char *why;
};

#define ALL(name, value) "[{\"" name "\": " value "}]"
#define ORDER(rest)      "[{\"id\": 1, " rest "}]"

static const struct refusal refusals[] = {
        {&pay, "{\"visitor\": \"bob\"}", "missing parameter 'cents' (long) of pay"},
        {&put, "{}", "missing parameter 'order' (Shared::Order) of put"},
        {&pay, "", "missing parameter 'visitor' (string) of pay"},
        {&pay, "{\"visitor\": \"bob\", \"cent\": 3}",
         "unknown parameter \"cent\"; pay takes visitor, cents"},
        {&pay, "{\"visitor\": \"bob\", \"cents\": 3, \"receipt\": \"\"}",
         "not to be given, an out parameter: \"receipt\"; pay takes visitor, cents"},
        {&ping, "{\"x\": 1}", "unknown parameter \"x\"; ping takes none"},
        {&ping, "[1]", "ping takes 0 values, got 1"},
        {&put, "[]", "put takes 1 value (order), got 0"},
        {&pay, "[1]", "pay takes 2 values (visitor, cents), got 1"},
        {&pay, "[\"a\", 1, 2]", "pay takes 2 values (visitor, cents), got 3"},
        {&pay, "7", "expected an object of parameters, got a number"},
        {&pay, "\"bob\"", "expected an object of parameters, got a string"},
        {&pay, "{\"visitor\": bob}", "line 1, column 13: expected a value"},
        {&pay, "[\"bob\", \"3\"]", "cents: expected a number, got a string"},
        {&pay, "[\"bob\", 1.5]", "cents: expected an integer, got 1.5"},
        {&pay, "[\"bob\", 1e3]", "cents: expected an integer, got 1e3"},
        {&pay, "[\"bob\", null]", "cents: expected a number, got null"},
        {&pay, "[\"bob\", 9223372036854775808]",
         "cents: 9223372036854775808 is out of the range of long, -9223372036854775808 to"
         " 9223372036854775807"},
        {&pay, "[17, 3]", "visitor: expected a string, got 17"},
        {&pay, "[[], 3]", "visitor: expected a string, got a list"},
        {&pay, "[{}, 3]", "visitor: expected a string, got an object"},
        {&pay, "[true, 3]", "visitor: expected a string, got a boolean"},
        {&put, "[[]]", "order: expected an object, got a list"},
        {&put, "[{\"ident\": 1}]",
         "order: Shared::Order has no field \"ident\"; it has id, items, notes, parts, currency, "
         "gift,"
         " rate, flags, urgent, by_bool, seal, state"},
        {&put, "[{}]", "order.id: missing, a long is required"},
        {&put, "[{\"id\": null}]", "order.id: missing, a long is required"},
        {&put, ORDER("\"items\": {}"), "order.items: expected a list, got an object"},
        {&put,
         ORDER("\"items\": [{\"name\": \"a\", \"price\": 1}, {\"name\": \"b\", \"price\": 2},"
               " {\"name\": \"c\", \"price\": \"3\"}]"),
         "order.items[2].price: expected a number, got a string"},
        {&put, ORDER("\"items\": [{\"name\": \"a\"}]"),
         "order.items[0].price: missing, a double is required"},
        {&put, ORDER("\"items\": [null]"), "order.items[0]: expected an object, got null"},
        {&put, ORDER("\"notes\": {\"a b\": 1}"), "order.notes[\"a b\"]: expected a string, got 1"},
        {&put, ORDER("\"notes\": 1"), "order.notes: expected an object or a list of pairs, got 1"},
        {&put, ORDER("\"notes\": [[\"a\"]]"), "order.notes[0]: expected a pair, [key, value]"},
        {&put, ORDER("\"notes\": [[\"a\", \"b\"], [1, \"b\"]]"),
         "order.notes[1][0]: expected a string, got 1"},
        {&put, ORDER("\"by_bool\": {\"true\": \"x\"}"),
         "order.by_bool[\"true\"]: keys of type bool take a list of [key, value]"},
        {&put, ORDER("\"parts\": [{\"id\": 1, \"parts\": [{\"id\": true}]}]"),
         "order.parts[0].parts[0].id: expected a number, got a boolean"},
        {&put, ORDER("\"flags\": 4294967296"),
         "order.flags: 4294967296 is out of the range of unsigned int, 0 to 4294967295"},
        {&put, ORDER("\"flags\": -1"),
         "order.flags: -1 is out of the range of unsigned int, 0 to 4294967295"},
        {&put, ORDER("\"state\": \"Lost\""),
         "order.state: Book::State has no value \"Lost\"; it has Pending, Paid, Sent"},
        {&put, ORDER("\"state\": true"),
         "order.state: expected the name of a value, or its number, got a boolean"},
        {&put, ORDER("\"state\": 3000000000"),
         "order.state: 3000000000 is out of the range of Book::State, -2147483648 to 2147483647"},
        {&put, ORDER("\"urgent\": 1"), "order.urgent: expected true or false, got 1"},
        {&put, ORDER("\"urgent\": \"true\""), "order.urgent: expected true or false, got a string"},
        {&put, ORDER("\"rate\": 1e39"), "order.rate: the number is too large for a float"},
        {&put, ORDER("\"rate\": \"x\""), "order.rate: expected a number, got a string"},
        {&put, ORDER("\"gift\": {\"name\": \"a\", \"price\": 1e999}"),
         "order.gift.price: the number is too large for a double"},
        {&put, ORDER("\"seal\": \"A\""), "order.seal: the string is not base64"},
        {&put, ORDER("\"seal\": \"AB==\""), "order.seal: the string is not base64"},
        {&put, ORDER("\"seal\": \"A A=\""), "order.seal: the string is not base64"},
        {&put, ORDER("\"seal\": [1, 256]"), "order.seal[1]: expected a byte, 0 to 255, got 256"},
        {&put, ORDER("\"seal\": true"),
         "order.seal: expected a string of base64 or a list of bytes, got a boolean"},
        {&echo, ALL("boolean", "true"), "all.i8: missing, a byte is required"},
        {&echo, ALL("boolean", "0"), "all.boolean: expected true or false, got 0"},
        {&echo, "[{\"boolean\": true, \"i8\": 128}]",
         "all.i8: 128 is out of the range of byte, -128 to 127"},
        {&echo, "[{\"boolean\": true, \"i8\": 1, \"i16\": -32769}]",
         "all.i16: -32769 is out of the range of short, -32768 to 32767"},
};

static void args_are_refused_with_a_reason(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *row = &refusals[i];
		assert_int_equal(encode(*row->function, row->json, &out, &why), KP_ERR_INVALID);
		assert_string_equal(why.text, row->why);
	}
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void args_append_to_what_is_there(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_buf out = {0};
	kp_buf_append(&out, "x", 1);
	assert_int_equal(kp_json_to_args(pay, kp_str("[\"\", 0]"), &out, arena, NULL), KP_OK);
	assert_bytes(&out, "7816002c");
	assert_int_equal(kp_json_to_args(pay, kp_str("[\"\", \"\"]"), &out, arena, NULL),
	                 KP_ERR_INVALID);
	assert_bytes(&out, "7816002c");
	out.len_max = 6;
	struct kp_why why;
	assert_int_equal(kp_json_to_args(pay, kp_str("[\"long enough\", 0]"), &out, arena, &why),
	                 out.cap > 6 ? KP_OK : KP_ERR_LIMIT);
	kp_buf_fini(&out);
	kp_arena_free(arena);
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

struct default_row {
	const struct kp_type *type;
	const char *text;
	const char *json; // NULL: not understood
};

static void defaults_are_read_as_written(void **state)
{
	static const struct default_row rows[] = {
	        {&sample_i32, "10", "10"},
	        {&sample_i32, " -10 ", "-10"},
	        {&sample_i64, "0x7fffffffffffffff", "9223372036854775807"},
	        {&sample_u8, "ten", NULL},
	        {&sample_i32, "", NULL},
	        {&sample_bool, "true", "true"},
	        {&sample_bool, "false", "false"},
	        {&sample_bool, "1", NULL},
	        {&sample_f64, "1", "1"},
	        {&sample_f64, ".5", "0.5"},
	        {&sample_f32, "2.50f", "2.5"},
	        {&sample_f32, "x", NULL},
	        {&sample_str, "\"a\\n\\\"b\"", "\"a\\n\\\"b\""},
	        {&sample_str, "bare", "\"bare\""},
	        {&sample_str, "\"a\\q\"", "\"a\\\\q\""},
	        {&sample_str, "\"\"", "\"\""},
	        {&sample_state_type, "Paid", "\"Paid\""},
	        {&sample_state_type, "Book::Paid", "\"Paid\""},
	        {&sample_state_type, "1", "1"},
	        {&sample_state_type, "Lost", NULL},
	        {&sample_items, "1", NULL},
	        {&sample_i32, NULL, NULL},
	};
	struct kp_arena *arena = kp_arena_new(0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kp_field field = {"f", rows[i].type, 0, true, 0, rows[i].text};
		struct kp_json *json;
		kp_err err = kp_default_parse(&field, arena, &json);
		assert_int_equal(err, rows[i].json ? KP_OK : KP_ERR_INVALID);
		if (err != KP_OK)
			continue;
		struct kp_buf out = {0};
		struct kp_json_writer writer = kp_json_writer(&out, KP_JSON_COMPACT);
		kp_json_put(&writer, json);
		kp_buf_append_byte(&out, '\0');
		assert_string_equal(out.data, rows[i].json);
		kp_buf_fini(&out);
	}
	kp_arena_free(arena);
}

static void path_is_cut_at_its_size(void **state)
{
	char name[100], text[KP_PATH_SIZE];
	memset(name, 'n', sizeof(name));
	struct kp_path parts[4];
	for (size_t i = 0; i < 4; i++)
		parts[i] = (struct kp_path){.up = i > 0 ? &parts[i - 1] : NULL,
		                            .name = {name, sizeof(name)}};
	kp_path_print(&parts[3], text);
	assert_int_equal(strlen(text), KP_PATH_SIZE - 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(args_become_bytes),
	        cmocka_unit_test(args_are_refused_with_a_reason),
	        cmocka_unit_test(args_append_to_what_is_there),
	        cmocka_unit_test(answer_becomes_an_object),
	        cmocka_unit_test(answer_shows_defaults_of_absent_fields),
	        cmocka_unit_test(answer_is_refused_with_a_reason),
	        cmocka_unit_test(every_kind_goes_there_and_back),
	        cmocka_unit_test(answer_survives_every_truncation_and_flipped_bit),
	        cmocka_unit_test(random_values_go_there_and_back),
	        cmocka_unit_test(defaults_are_read_as_written),
	        cmocka_unit_test(path_is_cut_at_its_size),
	        cmocka_unit_test(transcode_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
