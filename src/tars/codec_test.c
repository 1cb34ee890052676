// codec_test.c - the codec against golden bytes.
#include "base/arena.h"
#include "base/mem.h"
#include "tars/golden.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void encode_int(struct kp_buf *out, const struct golden_int *row)
{
	switch (row->type) {
	case GOLDEN_BOOL:
		kp_bool_encode(out, row->tag, row->value != 0);
		break;
	case GOLDEN_I8:
		kp_i8_encode(out, row->tag, (int8_t)row->value);
		break;
	case GOLDEN_I16:
		kp_i16_encode(out, row->tag, (int16_t)row->value);
		break;
	case GOLDEN_I32:
		kp_i32_encode(out, row->tag, (int32_t)row->value);
		break;
	case GOLDEN_I64:
		kp_i64_encode(out, row->tag, row->value);
		break;
	case GOLDEN_U8:
		kp_u8_encode(out, row->tag, (uint8_t)row->value);
		break;
	case GOLDEN_U16:
		kp_u16_encode(out, row->tag, (uint16_t)row->value);
		break;
	case GOLDEN_U32:
		kp_u32_encode(out, row->tag, (uint32_t)row->value);
		break;
	}
}

#define DECODE_AS(name, type)                                   \
	do {                                                    \
		type value = 0;                                 \
		if (!kp_##name##_decode(in, tag, need, &value)) \
			return false;                           \
		*ret = (int64_t)value;                          \
		return true;                                    \
	} while (0)

static bool decode_int(struct kp_decoder *in, enum golden_int_type type, unsigned tag,
                       enum kp_need need, int64_t *ret)
{
	switch (type) {
	case GOLDEN_BOOL:
		DECODE_AS(bool, bool);
	case GOLDEN_I8:
		DECODE_AS(i8, int8_t);
	case GOLDEN_I16:
		DECODE_AS(i16, int16_t);
	case GOLDEN_I32:
		DECODE_AS(i32, int32_t);
	case GOLDEN_I64:
		DECODE_AS(i64, int64_t);
	case GOLDEN_U8:
		DECODE_AS(u8, uint8_t);
	case GOLDEN_U16:
		DECODE_AS(u16, uint16_t);
	case GOLDEN_U32:
		DECODE_AS(u32, uint32_t);
	}
	return false;
}

static void assert_encoded(struct kp_buf *out, const char *hex)
{
	struct kp_bytes want = golden_bytes(hex);
	assert_int_equal(out->err, KP_OK);
	assert_int_equal(out->len, want.len);
	assert_memory_equal(out->data, want.ptr, want.len);
	free((void *)want.ptr);
	kp_buf_fini(out);
}

static void integers_match_golden_bytes(void **state)
{
	for (size_t i = 0; i < COUNT(golden_ints); i++) {
		const struct golden_int *row = &golden_ints[i];
		struct kp_buf out = {0};
		encode_int(&out, row);
		struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), NULL);
		int64_t value = 0;
		assert_true(decode_int(&in, row->type, row->tag, KP_REQUIRED, &value));
		assert_int_equal(value, row->value);
		assert_int_equal(kp_decoder_skip_rest(&in), KP_OK);
		assert_ptr_equal(in.ptr, in.end);
		assert_encoded(&out, row->hex);
	}
}

static bool is_in_range(enum golden_int_type type, int64_t value)
{
	static const int64_t min[] = {0, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, 0, 0, 0};
	static const int64_t max[] = {1,         INT8_MAX,  INT16_MAX,  INT32_MAX,
	                              INT64_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX};
	return value >= min[type] && value <= max[type];
}

// Every width that may carry a value, read as every type.
static void integers_are_read_from_any_narrower_width(void **state)
{
	static const int64_t values[] = {0,     1,     -1,     127,       128,        -128,
	                                 -129,  200,   255,    256,       32767,      32768,
	                                 65535, 65536, -32768, INT32_MAX, UINT32_MAX, INT64_MIN};
	static const unsigned width_max[] = {0, 0, 1, 2, 3, 1, 2, 3};
	for (unsigned width = 0; width < 4; width++)
		for (size_t i = 0; i < COUNT(values); i++)
			for (int type = GOLDEN_BOOL; type <= GOLDEN_U32; type++) {
				int64_t narrow = width == 0   ? (int8_t)values[i]
				                 : width == 1 ? (int16_t)values[i]
				                 : width == 2 ? (int32_t)values[i]
				                              : values[i];
				if (narrow != values[i])
					continue;
				uint8_t bytes[9] = {(uint8_t)width};
				for (unsigned b = 0; b < 1u << width; b++)
					bytes[(1u << width) - b] =
					        (uint8_t)((uint64_t)narrow >> 8 * b);
				struct kp_decoder in = kp_decoder(
				        (struct kp_bytes){bytes, 1 + (1u << width)}, NULL);
				int64_t got = 0;
				bool ok = decode_int(&in, type, 0, KP_REQUIRED, &got);
				bool want = width <= width_max[type] &&
				            (type == GOLDEN_BOOL || is_in_range(type, narrow));
				assert_int_equal(ok, want);
				assert_int_equal(in.err, want ? KP_OK : KP_ERR_DECODE);
				if (ok)
					assert_int_equal(got, type == GOLDEN_BOOL ? narrow != 0
					                                          : narrow);
			}
}

static void encode_value(struct kp_buf *out, enum golden_value which)
{
	char many[256];
	memset(many, 'a', sizeof(many));
	static const uint8_t bytes[] = {1, 2, 255};
	switch (which) {
	case GOLDEN_FLOAT:
		kp_f32_encode(out, 0, 1.5f);
		break;
	case GOLDEN_FLOAT_ZERO:
		kp_f32_encode(out, 0, 0.0f);
		break;
	case GOLDEN_DOUBLE_PI:
		kp_f64_encode(out, 0, 3.141592653589793);
		break;
	case GOLDEN_DOUBLE_ZERO:
		kp_f64_encode(out, 0, 0.0);
		break;
	case GOLDEN_DOUBLE_MINUS_ZERO:
		kp_f64_encode(out, 0, -0.0);
		break;
	case GOLDEN_STR_EMPTY:
		kp_str_encode(out, 0, (struct kp_str){0});
		break;
	case GOLDEN_STR_TARS:
		kp_str_encode(out, 5, kp_str("tars"));
		break;
	case GOLDEN_STR_UTF8:
		kp_str_encode(out, 1, kp_str("\xe4\xbd\xa0\xe5\xa5\xbd"));
		break;
	case GOLDEN_STR_255:
	case GOLDEN_STR_256:
		kp_str_encode(out, 0, (struct kp_str){many, which == GOLDEN_STR_255 ? 255 : 256});
		break;
	case GOLDEN_BYTES:
		kp_bytes_encode(out, 7, (struct kp_bytes){bytes, 3});
		break;
	case GOLDEN_BYTES_EMPTY:
		kp_bytes_encode(out, 7, (struct kp_bytes){0});
		break;
	case GOLDEN_INT_LIST:
		kp_list_begin(out, 1, 4);
		kp_i32_encode(out, 0, 0);
		kp_i32_encode(out, 0, 1);
		kp_i32_encode(out, 0, 300);
		kp_i32_encode(out, 0, 70000);
		break;
	case GOLDEN_STR_LIST:
		kp_list_begin(out, 1, 2);
		kp_str_encode(out, 0, kp_str("a"));
		kp_str_encode(out, 0, kp_str("bc"));
		break;
	case GOLDEN_STR_LIST_EMPTY:
		kp_list_begin(out, 1, 0);
		break;
	case GOLDEN_STR_MAP:
		kp_map_begin(out, 9, 1);
		kp_str_encode(out, 0, kp_str("a"));
		kp_str_encode(out, 1, kp_str("b"));
		break;
	case GOLDEN_STR_MAP_EMPTY:
		kp_map_begin(out, 9, 0);
		break;
	case GOLDEN_INT_MAP:
		kp_map_begin(out, 3, 2);
		kp_i32_encode(out, 0, 5);
		kp_i32_encode(out, 1, 1);
		kp_i32_encode(out, 0, 10);
		kp_i32_encode(out, 1, 0);
		break;
	case GOLDEN_BYTES_MAP:
		kp_map_begin(out, 0, 1);
		kp_str_encode(out, 0, kp_str("k"));
		kp_bytes_encode(out, 1, (struct kp_bytes){bytes, 1});
		break;
	case GOLDEN_STRUCT:
		kp_struct_begin(out, 2);
		kp_i32_encode(out, 0, 7);
		kp_str_encode(out, 1, kp_str("x"));
		kp_struct_end(out);
		break;
	case GOLDEN_STRUCT_LONG_TAG:
		kp_struct_begin(out, 0);
		kp_i8_encode(out, 20, 9);
		kp_struct_end(out);
		break;
	default: // made by others only
		break;
	}
}

static void values_match_golden_bytes(void **state)
{
	for (int i = 0; i < GOLDEN_VALUE_COUNT; i++) {
		struct kp_buf out = {0};
		encode_value(&out, i);
		if (out.len > 0)
			assert_encoded(&out, golden_values[i].hex);
	}
}

static void assert_done(struct kp_decoder *in)
{
	assert_int_equal(kp_decoder_skip_rest(in), KP_OK);
	assert_int_equal(in->depth, 0);
	assert_ptr_equal(in->ptr, in->end);
}

static void floats_are_read_from_every_form(void **state)
{
	static const struct {
		const char *hex;
		double value;
		bool as_float;
	} rows[] = {{"043fc00000", 1.5, true},
	            {"0c", 0.0, true},
	            {"0400000000", 0.0, true},
	            {"05400921fb54442d18", 3.141592653589793, false},
	            {"050000000000000000", 0.0, false},
	            {"058000000000000000", -0.0, false}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		double wide = 7;
		struct kp_decoder in = golden_decoder(rows[i].hex, NULL);
		assert_true(kp_f64_decode(&in, 0, KP_REQUIRED, &wide));
		assert_memory_equal(&wide, &rows[i].value, sizeof(wide));
		assert_done(&in);
		float narrow = 7;
		in = golden_decoder(rows[i].hex, NULL);
		assert_int_equal(kp_f32_decode(&in, 0, KP_REQUIRED, &narrow), rows[i].as_float);
		assert_true(rows[i].as_float ? narrow == (float)rows[i].value : narrow == 7);
	}
}

static void texts_and_bytes_are_views(void **state)
{
	struct kp_str str;
	struct kp_decoder in = golden_decoder(golden_values[GOLDEN_STR_TARS].hex, NULL);
	assert_true(kp_str_decode(&in, 5, KP_REQUIRED, &str));
	assert_true(kp_str_equal(str, kp_str("tars")));
	assert_ptr_equal(str.ptr + str.len, in.end);
	in = golden_decoder(golden_values[GOLDEN_STR_EMPTY].hex, NULL);
	assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &str));
	assert_int_equal(str.len, 0);
	for (int i = GOLDEN_STR_255; i <= GOLDEN_STR_256; i++) {
		in = golden_decoder(golden_values[i].hex, NULL);
		assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &str));
		assert_int_equal(str.len, 255 + i - GOLDEN_STR_255);
		assert_done(&in);
	}
	struct kp_bytes bytes;
	in = golden_decoder(golden_values[GOLDEN_BYTES].hex, NULL);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 3);
	assert_int_equal(bytes.ptr[2], 255);
	assert_ptr_equal(bytes.ptr + bytes.len, in.end);
	in = golden_decoder(golden_values[GOLDEN_BYTES_EMPTY].hex, NULL);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 0);
	assert_done(&in);
}

static void every_tag_takes_every_type(void **state)
{
	for (unsigned tag = 0; tag <= 255; tag++) {
		struct kp_buf out = {0};
		kp_str_encode(&out, tag, kp_str("text"));
		kp_bytes_encode(&out, tag, (struct kp_bytes){(const uint8_t *)"bytes", 5});
		kp_i32_encode(&out, tag, 70000);
		kp_f64_encode(&out, tag, 0.5);
		kp_struct_begin(&out, tag);
		kp_struct_end(&out);
		kp_list_begin(&out, tag, 0);
		struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), NULL);
		struct kp_str str;
		struct kp_bytes bytes;
		int32_t number;
		double wide;
		size_t count;
		assert_true(kp_str_decode(&in, tag, KP_REQUIRED, &str));
		assert_true(kp_str_equal(str, kp_str("text")));
		assert_true(kp_bytes_decode(&in, tag, KP_REQUIRED, &bytes));
		assert_int_equal(bytes.len, 5);
		assert_true(kp_i32_decode(&in, tag, KP_REQUIRED, &number));
		assert_int_equal(number, 70000);
		assert_true(kp_f64_decode(&in, tag, KP_REQUIRED, &wide));
		assert_true(wide == 0.5);
		assert_true(kp_struct_enter(&in, tag, KP_REQUIRED));
		kp_struct_leave(&in);
		assert_true(kp_list_enter(&in, tag, KP_REQUIRED, &count));
		kp_list_leave(&in);
		assert_done(&in);
		kp_buf_fini(&out);
	}
}

static void bytes_are_read_from_a_list_of_int8(void **state)
{
	struct kp_arena arena = {0};
	struct kp_bytes bytes = {0};
	struct kp_decoder in = golden_decoder("790003000100ff0c", &arena);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 3);
	assert_memory_equal(bytes.ptr, "\x01\xff\x00", 3);
	assert_done(&in);
	in = golden_decoder("790c", &arena);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 0);
	assert_done(&in);
	static const char *const refused[] = {
	        "790001010100", // an int16 in it
	        "79000300010002", "7900010600", "7d010001ff", "7c", "7006"};
	for (size_t i = 0; i < COUNT(refused); i++) {
		in = golden_decoder(refused[i], &arena);
		assert_false(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
		assert_int_equal(in.err, KP_ERR_DECODE);
		assert_int_equal(in.tag, 7);
	}
	in = golden_decoder("7900010001", NULL);
	assert_false(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(in.err, KP_ERR_NOMEM);
	kp_arena_fini(&arena);
}

static void containers_are_walked(void **state)
{
	size_t count;
	struct kp_decoder in = golden_decoder(golden_values[GOLDEN_INT_LIST].hex, NULL);
	assert_true(kp_list_enter(&in, 1, KP_REQUIRED, &count));
	assert_int_equal(count, 4);
	static const int32_t want[] = {0, 1, 300, 70000};
	for (size_t i = 0; i < count; i++) {
		int32_t value = -1;
		assert_true(kp_i32_decode(&in, 0, KP_REQUIRED, &value));
		assert_int_equal(value, want[i]);
	}
	kp_list_leave(&in);
	assert_done(&in);

	in = golden_decoder(golden_values[GOLDEN_STR_MAP_DUPLICATE].hex, NULL);
	assert_true(kp_map_enter(&in, 0, KP_REQUIRED, &count));
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		struct kp_str key, value;
		assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &key));
		assert_true(kp_str_decode(&in, 1, KP_REQUIRED, &value));
		assert_true(kp_str_equal(key, kp_str("a")));
		assert_true(kp_str_equal(value, kp_str(i == 0 ? "b" : "c")));
	}
	kp_list_leave(&in);
	assert_done(&in);

	// entered, but its second field not asked for
	int32_t value = 0;
	in = golden_decoder("2a00071601780b3c", NULL);
	assert_true(kp_struct_enter(&in, 2, KP_REQUIRED));
	assert_true(kp_i32_decode(&in, 0, KP_REQUIRED, &value));
	kp_struct_leave(&in);
	assert_int_equal(value, 7);
	assert_true(kp_i32_decode(&in, 3, KP_REQUIRED, &value));
	assert_done(&in);
}

static void encoding_remembers_its_first_error(void **state)
{
	struct kp_buf out = {.len_max = 8};
	kp_str_encode(&out, 0, kp_str("too long a text"));
	assert_int_equal(out.err, KP_ERR_LIMIT);
	kp_i32_encode(&out, 1, 1);
	assert_int_equal(out.len, 0);
	assert_int_equal(out.err, KP_ERR_LIMIT);
	kp_buf_fini(&out);
	out = (struct kp_buf){0};
	kp_i32_encode(&out, 256, 1);
	assert_int_equal(out.err, KP_ERR_ENCODE);
	kp_buf_clear(&out);
	kp_list_begin(&out, 0, (size_t)INT32_MAX + 1);
	assert_int_equal(out.err, KP_ERR_ENCODE);
	kp_buf_clear(&out);
	kp_str_encode(&out, 0, (struct kp_str){"", SIZE_MAX});
	assert_int_equal(out.err, KP_ERR_ENCODE);
	kp_buf_fini(&out);
}

static kp_err round_trip(void)
{
	struct kp_buf out = {0};
	struct kp_arena arena = {0};
	for (int i = 0; i < GOLDEN_VALUE_COUNT; i++)
		encode_value(&out, i);
	kp_err err = out.err;
	struct kp_bytes bytes = {0};
	static const uint8_t list[] = {0x09, 0x00, 0x01, 0x00, 0x07};
	struct kp_decoder in = kp_decoder((struct kp_bytes){list, sizeof(list)}, &arena);
	if (err == KP_OK && !kp_bytes_decode(&in, 0, KP_REQUIRED, &bytes))
		err = in.err;
	kp_arena_fini(&arena);
	kp_buf_fini(&out);
	return err;
}

static void every_allocation_may_fail(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		kp_err err = round_trip();
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(integers_match_golden_bytes),
	        cmocka_unit_test(integers_are_read_from_any_narrower_width),
	        cmocka_unit_test(values_match_golden_bytes),
	        cmocka_unit_test(floats_are_read_from_every_form),
	        cmocka_unit_test(texts_and_bytes_are_views),
	        cmocka_unit_test(every_tag_takes_every_type),
	        cmocka_unit_test(bytes_are_read_from_a_list_of_int8),
	        cmocka_unit_test(containers_are_walked),
	        cmocka_unit_test(encoding_remembers_its_first_error),
	        cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
