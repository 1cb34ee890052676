// transcode_encode_test.c - what the way from JSON to a call's bytes promises.
#include "base/mem.h"
#include "tars/describe_sample.h"
#include "tars/transcode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

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
	        {&sample_str, "\"\\x41\\0\\'\\x4\\\\\"", "\"A\\u0000'\\\\x4\\\\\""},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(args_become_bytes),
	        cmocka_unit_test(args_are_refused_with_a_reason),
	        cmocka_unit_test(args_append_to_what_is_there),
	        cmocka_unit_test(defaults_are_read_as_written),
	        cmocka_unit_test(path_is_cut_at_its_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
