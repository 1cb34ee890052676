// json_test.c - what the JSON reader and writer promise.
#include "tars/json.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

// written parses a text and writes it again; returns NULL, having said why, when it is refused.
static const char *written(struct kp_str text, enum kp_json_style style, struct kp_buf *out,
                           struct kp_why *why)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_json *json;
	kp_buf_clear(out);
	kp_err err = kp_json_parse(text, arena, &json, why);
	if (err == KP_OK) {
		struct kp_json_writer writer = kp_json_writer(out, style);
		kp_json_put(&writer, json);
		kp_buf_append_byte(out, '\0');
	} else {
		assert_int_equal(err, KP_ERR_INVALID);
		assert_true(why->text[0] != '\0');
	}
	kp_arena_free(arena);
	return err == KP_OK ? (const char *)out->data : NULL;
}

struct good {
	const char *text;
	const char *compact; // NULL: the same
};

static const struct good good[] = {
        {"null", NULL},
        {" true ", "true"},
        {"\t\r\nfalse\n", "false"},
        {"0", NULL},
        {"-0", NULL},
        {"9223372036854775807", NULL},
        {"123456789012345678901234567890", NULL},
        {"-1.50e+10", NULL},
        {"1E5", NULL},
        {"\"\"", NULL},
        {"\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\""},
        {"\"\\b\\f\\n\\r\\t\"", NULL},
        {"\"\\u0041\\u00e9\\u20AC\"", "\"A\xc3\xa9\xe2\x82\xac\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\u0000\\u001f\\u007f\"", NULL},
        {"\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\"", NULL},
        {"[]", NULL},
        {"[ ]", "[]"},
        {"[1, [2, []], \"x\"]", "[1,[2,[]],\"x\"]"},
        {"{}", NULL},
        {"{ }", "{}"},
        {"{\"a\": 1, \"b\": {\"c\": [null, true]}}", "{\"a\":1,\"b\":{\"c\":[null,true]}}"},
        {"{\"\": 1, \"\\u0061\": 2}", "{\"\":1,\"a\":2}"},
};

static void json_reads_what_is_json(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *text = written(kp_str(good[i].text), KP_JSON_COMPACT, &out, &why);
		assert_non_null(text);
		assert_string_equal(text, good[i].compact ? good[i].compact : good[i].text);
	}
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

struct bad {
	const char *text;
	const char *why;
};

static const struct bad bad[] = {
        {"", "line 1, column 1: expected a value"},
        {"  \n ", "line 2, column 2: expected a value"},
        {"nul", "line 1, column 1: expected a value"},
        {"True", "line 1, column 1: expected a value"},
        {"truex", "line 1, column 5: something follows the value"},
        {"1 2", "line 1, column 3: something follows the value"},
        {"01", "line 1, column 2: a number does not start with 0"},
        {"-", "line 1, column 2: expected a digit"},
        {"+1", "line 1, column 1: expected a value"},
        {".5", "line 1, column 1: expected a value"},
        {"1.", "line 1, column 3: expected a digit after the point"},
        {"1e", "line 1, column 3: expected a digit in the exponent"},
        {"1e+", "line 1, column 4: expected a digit in the exponent"},
        {"0x10", "line 1, column 2: something follows the value"},
        {"NaN", "line 1, column 1: expected a value"},
        {"-Infinity", "line 1, column 2: expected a digit"},
        {"'a'", "line 1, column 1: expected a value"},
        {"\"a", "line 1, column 3: a string is not closed"},
        {"\"a\\\"", "line 1, column 5: a string is not closed"},
        {"\"a\\", "line 1, column 4: a string is not closed"},
        {"\"a\nb\"", "line 1, column 3: a control character in a string must be escaped"},
        {"\"\\x\"", "line 1, column 3: unknown escape"},
        {"\"\\u12g4\"", "line 1, column 6: expected four hex digits after \\u"},
        {"\"\\u12\"", "line 1, column 6: expected four hex digits after \\u"},
        {"\"\\ud800\"", "line 1, column 8: the first half of a surrogate pair stands alone"},
        {"\"\\ud800\\n\"", "line 1, column 9: the first half of a surrogate pair stands alone"},
        {"\"\\ud800\\u0041\"",
         "line 1, column 14: the first half of a surrogate pair stands alone"},
        {"\"\\udc00\"", "line 1, column 8: the second half of a surrogate pair stands alone"},
        {"\"\xc3\"", "line 1, column 2: a string is not UTF-8"},
        {"\"\xc0\x80\"", "line 1, column 2: a string is not UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: a string is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "line 1, column 2: a string is not UTF-8"},
        {"\"\xff\"", "line 1, column 2: a string is not UTF-8"},
        {"\"\\\xc3\xa9\"", "line 1, column 3: unknown escape"},
        {"\xef\xbb\xbf{}", "line 1, column 1: expected a value"},
        {"[1", "line 1, column 3: expected ',' or ']'"},
        {"[1,]", "line 1, column 4: expected a value"},
        {"[1 2]", "line 1, column 4: expected ',' or ']'"},
        {"[", "line 1, column 2: expected a value"},
        {"]", "line 1, column 1: expected a value"},
        {"[1}", "line 1, column 3: expected ',' or ']'"},
        {"{\"a\"}", "line 1, column 5: expected ':' after a name"},
        {"{\"a\":}", "line 1, column 6: expected a value"},
        {"{\"a\":1,}", "line 1, column 8: expected a name in quotes"},
        {"{a:1}", "line 1, column 2: expected a name in quotes"},
        {"{1:1}", "line 1, column 2: expected a name in quotes"},
        {"{\"a\":1", "line 1, column 7: expected ',' or '}'"},
        {"{\"a\":1,\n \"a\":2}", "line 2, column 7: an object has the same name twice"},
        {"// x\n1", "line 1, column 1: expected a value"},
};

static void json_refuses_what_is_not_and_says_where(void **state)
{
	struct kp_buf out = {0};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kp_why why = {0};
		assert_null(written(kp_str(bad[i].text), KP_JSON_COMPACT, &out, &why));
		assert_string_equal(why.text, bad[i].why);
	}
	struct kp_why why;
	assert_null(written((struct kp_str){"1\0", 2}, KP_JSON_COMPACT, &out, &why));
	assert_null(written((struct kp_str){"\"\\\0\"", 4}, KP_JSON_COMPACT, &out, &why));
	assert_null(written((struct kp_str){0}, KP_JSON_COMPACT, &out, &why));
	kp_buf_fini(&out);
}

static const char large[] =
        "{\"id\": -9223372036854775808, \"name\": \"\\ud83d\\ude00 \xe2\x82\xac\\n\", \"list\":"
        " [1.5e-3, true, null, {\"a\": []}], \"x\": {\"y\": {}, \"z\": \"\"}}";

static void json_refuses_every_truncation(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	assert_non_null(written(kp_str(large), KP_JSON_COMPACT, &out, &why));
	for (size_t len = 0; len < strlen(large); len++) {
		char *exact = malloc(len + !len); // so that a sanitizer sees a step too far
		memcpy(exact, large, len);
		assert_null(written((struct kp_str){exact, len}, KP_JSON_COMPACT, &out, &why));
		free(exact);
	}
	kp_buf_fini(&out);
}

static void json_survives_every_changed_byte(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	static const char replacements[] = {'\0', '"', '\\', '{', '}',   '[',
	                                    ']',  ',', ':',  '-', '\x80'};
	for (size_t i = 0; i < strlen(large); i++) {
		for (size_t k = 0; k < sizeof(replacements); k++) {
			char changed[sizeof(large)];
			memcpy(changed, large, sizeof(large));
			changed[i] = replacements[k];
			written((struct kp_str){changed, sizeof(large) - 1}, KP_JSON_LINE, &out,
			        &why);
		}
	}
	kp_buf_fini(&out);
}

static void json_follows_64_levels_and_no_more(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	char text[2 * (KP_JSON_DEPTH_MAX + 1)];
	for (size_t depth = KP_JSON_DEPTH_MAX; depth <= KP_JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		const char *ret =
		        written((struct kp_str){text, 2 * depth}, KP_JSON_COMPACT, &out, &why);
		assert_int_equal(ret != NULL, depth == KP_JSON_DEPTH_MAX);
	}
	assert_string_equal(why.text, "line 1, column 65: nested too deeply");
	kp_buf_fini(&out);
}

static void json_finds_a_double_in_a_large_object(void **state)
{
	struct kp_buf text = {0}, out = {0};
	struct kp_why why;
	for (int twin = -1; twin < 100; twin += 33) {
		kp_buf_clear(&text);
		for (int i = 0; i < 100; i++)
			kp_buf_printf(&text, "%c\"n%d\":%d", i ? ',' : '{', i, i);
		if (twin >= 0)
			kp_buf_printf(&text, ",\"n%d\":0", twin);
		kp_buf_append_byte(&text, '}');
		const char *ret = written(kp_buf_str(&text), KP_JSON_COMPACT, &out, &why);
		assert_int_equal(ret != NULL, twin < 0);
	}
	kp_buf_fini(&text);
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void json_has_three_styles(void **state)
{
	struct kp_buf out = {0};
	struct kp_why why;
	struct kp_str text = kp_str("{\"a\":1,\"b\":[1,{}],\"c\":[],\"d\":{\"e\":null}}");
	assert_string_equal(written(text, KP_JSON_LINE, &out, &why),
	                    "{\"a\": 1, \"b\": [1, {}], \"c\": [], \"d\": {\"e\": null}}");
	assert_string_equal(written(text, KP_JSON_PRETTY, &out, &why),
	                    "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {}\n  ],\n  \"c\": [],\n"
	                    "  \"d\": {\n    \"e\": null\n  }\n}");
	kp_buf_fini(&out);
}

static void json_writes_safe_text(void **state)
{
	struct kp_buf out = {0};
	struct kp_json_writer writer = kp_json_writer(&out, KP_JSON_COMPACT);
	kp_json_list_begin(&writer);
	kp_json_put_str(&writer, (struct kp_str){"a\0b\x1b\xff\xc3(\xed\xa0\x80", 10});
	kp_json_put_str(&writer, (struct kp_str){0});
	kp_json_put_bytes(&writer, (struct kp_bytes){(const uint8_t *)"\xff\x00\x01", 3});
	kp_json_put_i64(&writer, INT64_MIN);
	kp_json_list_end(&writer);
	kp_buf_append_byte(&out, '\0');
	assert_string_equal(out.data,
	                    "[\"a\\u0000b\\u001b\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd"
	                    "\xef\xbf\xbd\",\"\",\"/wAB\",-9223372036854775808]");
	kp_buf_fini(&out);
}

static struct kp_json number(const char *text)
{
	return (struct kp_json){.kind = KP_JSON_NUMBER, .text = kp_str(text)};
}

static void json_integers_are_exact(void **state)
{
	int64_t value = 7;
	struct kp_json json = number("9223372036854775807");
	assert_int_equal(kp_json_i64(&json, INT64_MIN, INT64_MAX, &value), KP_OK);
	assert_true(value == INT64_MAX);
	json = number("9223372036854775808");
	assert_int_equal(kp_json_i64(&json, INT64_MIN, INT64_MAX, &value), KP_ERR_LIMIT);
	json = number("-129");
	assert_int_equal(kp_json_i64(&json, -128, 127, &value), KP_ERR_LIMIT);
	json = number("1.0");
	assert_int_equal(kp_json_i64(&json, INT64_MIN, INT64_MAX, &value), KP_ERR_INVALID);
	json.kind = KP_JSON_STRING;
	assert_int_equal(kp_json_i64(&json, INT64_MIN, INT64_MAX, &value), KP_ERR_INVALID);
	assert_true(value == INT64_MAX);
}

static void put_f64(struct kp_buf *out, double value)
{
	kp_buf_clear(out);
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_COMPACT);
	kp_json_put_f64(&writer, value);
}

static double read_f64(struct kp_str text)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_json *json;
	double value = 0;
	assert_int_equal(kp_json_parse(text, arena, &json, NULL), KP_OK);
	assert_int_equal(kp_json_f64(json, &value), KP_OK);
	kp_arena_free(arena);
	return value;
}

static void json_floats_are_short(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
	        {0, "0"},
	        {-0.0, "-0"},
	        {1, "1"},
	        {0.1, "0.1"},
	        {100, "100"},
	        {1.0 / 3, "0.3333333333333333"},
	        {1e22, "1e+22"},
	        {5e-324, "4.94065645841247e-324"},
	        {NAN, "\"NaN\""},
	        {INFINITY, "\"Infinity\""},
	        {-INFINITY, "\"-Infinity\""},
	};
	struct kp_buf out = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_f64(&out, rows[i].value);
		assert_int_equal(out.len, strlen(rows[i].text));
		assert_memory_equal(out.data, rows[i].text, out.len);
	}
	kp_buf_clear(&out);
	struct kp_json_writer writer = kp_json_writer(&out, KP_JSON_COMPACT);
	kp_json_put_f32(&writer, 0.1f);
	assert_true(kp_str_equal(kp_buf_str(&out), kp_str("0.1")));
	kp_buf_fini(&out);
}

static void json_floats_come_back_the_same(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct kp_buf out = {0};
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t bits = seed ^ seed >> 29;
		double f64;
		memcpy(&f64, &bits, sizeof(f64));
		put_f64(&out, f64);
		double again = read_f64(kp_buf_str(&out));
		assert_true(again == f64 || (isnan(again) && isnan(f64)));

		float f32, again32;
		memcpy(&f32, &bits, sizeof(f32));
		kp_buf_clear(&out);
		struct kp_json_writer writer = kp_json_writer(&out, KP_JSON_COMPACT);
		kp_json_put_f32(&writer, f32);
		struct kp_json json = {.kind = KP_JSON_NUMBER, .text = kp_buf_str(&out)};
		if (isfinite(f32)) {
			assert_int_equal(kp_json_f32(&json, &again32), KP_OK);
			assert_true(again32 == f32);
		}
	}
	kp_buf_fini(&out);
}

static void json_floats_know_their_limits(void **state)
{
	double f64;
	float f32;
	struct kp_json json = number("1e309");
	assert_int_equal(kp_json_f64(&json, &f64), KP_ERR_LIMIT);
	json = number("3.5e38");
	assert_int_equal(kp_json_f32(&json, &f32), KP_ERR_LIMIT);
	assert_int_equal(kp_json_f64(&json, &f64), KP_OK);
	json = number("1e-999");
	assert_int_equal(kp_json_f64(&json, &f64), KP_OK);
	assert_true(f64 == 0);
	char digits[300];
	memset(digits, '1', sizeof(digits));
	json.text = (struct kp_str){digits, sizeof(digits)};
	assert_int_equal(kp_json_f64(&json, &f64), KP_OK);
	json = (struct kp_json){.kind = KP_JSON_STRING, .text = kp_str("inf")};
	assert_int_equal(kp_json_f64(&json, &f64), KP_ERR_INVALID);
}

static void json_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_arena *arena = kp_arena_new(0);
		struct kp_buf out = {0}, text = {0};
		struct kp_json *json;
		struct kp_why why = {0};
		for (int i = 0; i < 200; i++)
			kp_buf_printf(&text, "%c\"n\\u0061%d\":%d", i ? ',' : '{', i, i);
		kp_buf_append_byte(&text, '}');
		kp_err err = arena ? text.err : KP_ERR_NOMEM;
		if (err == KP_OK)
			err = kp_json_parse(kp_buf_str(&text), arena, &json, &why);
		if (err == KP_OK) {
			struct kp_json_writer writer = kp_json_writer(&out, KP_JSON_COMPACT);
			kp_json_put(&writer, json);
			err = out.err;
		}
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&out);
		kp_buf_fini(&text);
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(json_reads_what_is_json),
	        cmocka_unit_test(json_refuses_what_is_not_and_says_where),
	        cmocka_unit_test(json_refuses_every_truncation),
	        cmocka_unit_test(json_survives_every_changed_byte),
	        cmocka_unit_test(json_follows_64_levels_and_no_more),
	        cmocka_unit_test(json_finds_a_double_in_a_large_object),
	        cmocka_unit_test(json_has_three_styles),
	        cmocka_unit_test(json_writes_safe_text),
	        cmocka_unit_test(json_integers_are_exact),
	        cmocka_unit_test(json_floats_are_short),
	        cmocka_unit_test(json_floats_come_back_the_same),
	        cmocka_unit_test(json_floats_know_their_limits),
	        cmocka_unit_test(json_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
