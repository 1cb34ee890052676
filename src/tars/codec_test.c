// codec_test.c - the codec against golden bytes, and against all that is not golden.
#include "base/arena.h"
#include "base/mem.h"
#include "tars/golden.h"
#include "tars/wire.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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

static struct kp_decoder decoder_of(const char *hex, struct kp_arena *arena)
{
	static uint8_t bytes[1024];
	struct kp_bytes golden = golden_bytes(hex);
	assert_in_range(golden.len, 0, sizeof(bytes));
	memcpy(bytes, golden.ptr, golden.len);
	free((void *)golden.ptr);
	return kp_decoder((struct kp_bytes){bytes, golden.len}, arena);
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
		struct kp_decoder in = decoder_of(rows[i].hex, NULL);
		assert_true(kp_f64_decode(&in, 0, KP_REQUIRED, &wide));
		assert_memory_equal(&wide, &rows[i].value, sizeof(wide));
		assert_done(&in);
		float narrow = 7;
		in = decoder_of(rows[i].hex, NULL);
		assert_int_equal(kp_f32_decode(&in, 0, KP_REQUIRED, &narrow), rows[i].as_float);
		assert_true(rows[i].as_float ? narrow == (float)rows[i].value : narrow == 7);
	}
}

static void texts_and_bytes_are_views(void **state)
{
	struct kp_str str;
	struct kp_decoder in = decoder_of(golden_values[GOLDEN_STR_TARS].hex, NULL);
	assert_true(kp_str_decode(&in, 5, KP_REQUIRED, &str));
	assert_true(kp_str_equal(str, kp_str("tars")));
	assert_ptr_equal(str.ptr + str.len, in.end);
	in = decoder_of(golden_values[GOLDEN_STR_EMPTY].hex, NULL);
	assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &str));
	assert_int_equal(str.len, 0);
	for (int i = GOLDEN_STR_255; i <= GOLDEN_STR_256; i++) {
		in = decoder_of(golden_values[i].hex, NULL);
		assert_true(kp_str_decode(&in, 0, KP_REQUIRED, &str));
		assert_int_equal(str.len, 255 + i - GOLDEN_STR_255);
		assert_done(&in);
	}
	struct kp_bytes bytes;
	in = decoder_of(golden_values[GOLDEN_BYTES].hex, NULL);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 3);
	assert_int_equal(bytes.ptr[2], 255);
	assert_ptr_equal(bytes.ptr + bytes.len, in.end);
	in = decoder_of(golden_values[GOLDEN_BYTES_EMPTY].hex, NULL);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 0);
	assert_done(&in);
}

static void bytes_are_read_from_a_list_of_int8(void **state)
{
	struct kp_arena arena = {0};
	struct kp_bytes bytes = {0};
	struct kp_decoder in = decoder_of("790003000100ff0c", &arena);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 3);
	assert_memory_equal(bytes.ptr, "\x01\xff\x00", 3);
	assert_done(&in);
	in = decoder_of("790c", &arena);
	assert_true(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(bytes.len, 0);
	assert_done(&in);
	static const char *const refused[] = {
	        "790001010100", // an int16 in it
	        "79000300010002", "7900010600", "7d010001ff", "7c", "7006"};
	for (size_t i = 0; i < COUNT(refused); i++) {
		in = decoder_of(refused[i], &arena);
		assert_false(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
		assert_int_equal(in.err, KP_ERR_DECODE);
		assert_int_equal(in.tag, 7);
	}
	in = decoder_of("7900010001", NULL);
	assert_false(kp_bytes_decode(&in, 7, KP_REQUIRED, &bytes));
	assert_int_equal(in.err, KP_ERR_NOMEM);
	kp_arena_fini(&arena);
}

static void containers_are_walked(void **state)
{
	size_t count;
	struct kp_decoder in = decoder_of(golden_values[GOLDEN_INT_LIST].hex, NULL);
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

	in = decoder_of(golden_values[GOLDEN_STR_MAP_DUPLICATE].hex, NULL);
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
	in = decoder_of("2a00071601780b3c", NULL);
	assert_true(kp_struct_enter(&in, 2, KP_REQUIRED));
	assert_true(kp_i32_decode(&in, 0, KP_REQUIRED, &value));
	kp_struct_leave(&in);
	assert_int_equal(value, 7);
	assert_true(kp_i32_decode(&in, 3, KP_REQUIRED, &value));
	assert_done(&in);
}

// One field of every type with tag 1, then int 42 with tag 200.
static void unknown_fields_are_skipped(void **state)
{
	static const char *const unknown[] = {
	        "1c",
	        "107f",
	        "117fff",
	        "12ffff7fff",
	        "13ffffffff7fffffff",
	        "143fc00000",
	        "15400921fb54442d18",
	        "1606e4bda0e5a5bd",
	        "170000000161",
	        "1900040c000101012c0200011170",
	        "190c",
	        "180001060161160162",
	        "180c",
	        "1d0000030102ff",
	        "1d000c",
	        "1a00071601780b",
	        "1a0b",
	        "1a1a1a0b0b19000108000106016b1d000001010b",
	        "f10f7fff",
	        "10011001",
	        "20013001",
	};
	for (size_t i = 0; i < COUNT(unknown); i++) {
		char hex[256];
		snprintf(hex, sizeof(hex), "%sf0c82a", unknown[i]);
		struct kp_decoder in = decoder_of(hex, NULL);
		int32_t value = 0;
		assert_true(kp_i32_decode(&in, 200, KP_REQUIRED, &value));
		assert_int_equal(value, 42);
		assert_done(&in);
		in = decoder_of(hex, NULL);
		assert_done(&in);
		for (size_t cut = 2; cut < strlen(unknown[i]); cut += 2) {
			snprintf(hex, sizeof(hex), "%.*s", (int)cut, unknown[i]);
			in = decoder_of(hex, NULL);
			assert_false(kp_i32_decode(&in, 200, KP_REQUIRED, &value));
			assert_int_equal(in.err, KP_ERR_DECODE);
		}
	}
}

static void absence_is_an_error_only_where_required(void **state)
{
	static const char *const without[] = {"", "3001", "0c", "0b", "0b1001"};
	for (size_t i = 0; i < COUNT(without); i++)
		for (int need = KP_OPTIONAL; need <= KP_REQUIRED; need++) {
			struct kp_decoder in = decoder_of(without[i], NULL);
			int32_t value = 42;
			assert_false(kp_i32_decode(&in, 1, need, &value));
			assert_int_equal(value, 42);
			assert_int_equal(in.err, need == KP_REQUIRED ? KP_ERR_DECODE : KP_OK);
			assert_int_equal(in.tag, need == KP_REQUIRED ? 1 : 0);
		}
	// a struct may not end with the bytes
	struct kp_decoder in = decoder_of("1a", NULL);
	int32_t value = 42;
	assert_true(kp_struct_enter(&in, 1, KP_REQUIRED));
	assert_false(kp_i32_decode(&in, 1, KP_OPTIONAL, &value));
	assert_int_equal(in.err, KP_ERR_DECODE);
}

static void lies_and_wrong_types_are_refused(void **state)
{
	static const char *const lies[] = {
	        "060461",                   // string1 longer than what is left
	        "07ffffffff61",             // string4 likewise
	        "070000000261",             //
	        "0d00000261",               // simple list
	        "0d0002ffffffff61",         // of negative length
	        "0d00027fffffff61",         //
	        "0d01000161",               // of int16
	        "0d10000161",               // its second head has a tag
	        "0d001061",                 // its length has a tag
	        "0d00060161",               // its length is a text
	        "0d00030000000000000001ff", // its length is an int64
	        "0900020c",                 // list with one element too few
	        "09027fffffff0c",           //
	        "0900ff0c",                 // of negative length
	        "0900010b",                 // struct end as an element
	        "0800010c",                 // map with a key only
	        "08027fffffff0c0c",         //
	        "0a",                       // struct without an end
	        "0a10",                     //
	        "0b",                       // end without a struct
	        "0e",                       // types that do not exist
	        "0f",                       //
	        "f0",                       // a head cut in two
	        "09000ff0",                 //
	};
	for (size_t i = 0; i < COUNT(lies); i++) {
		struct kp_decoder in = decoder_of(lies[i], NULL);
		assert_int_equal(kp_decoder_skip_rest(&in), KP_ERR_DECODE);
		struct kp_str str;
		struct kp_bytes bytes;
		size_t count;
		in = decoder_of(lies[i], NULL);
		assert_false(kp_str_decode(&in, 0, KP_REQUIRED, &str));
		in = decoder_of(lies[i], NULL);
		assert_false(kp_bytes_decode(&in, 0, KP_REQUIRED, &bytes));
		in = decoder_of(lies[i], NULL);
		if (kp_map_enter(&in, 0, KP_REQUIRED, &count))
			assert_in_range(count, 0, kp_wire_left(&in) / 2);
		in = decoder_of(lies[i], NULL);
		if (kp_list_enter(&in, 0, KP_REQUIRED, &count))
			assert_in_range(count, 0, kp_wire_left(&in));
	}
	struct kp_str str;
	struct kp_decoder in = decoder_of("0c", NULL); // a text is never the zero form
	assert_false(kp_str_decode(&in, 0, KP_OPTIONAL, &str));
	assert_int_equal(in.err, KP_ERR_DECODE);
	size_t count;
	in = decoder_of("0d00000101", NULL); // nor a vector<int> a simple list
	assert_false(kp_list_enter(&in, 0, KP_OPTIONAL, &count));
	assert_int_equal(in.err, KP_ERR_DECODE);
}

static kp_err skip_nested(const char *open, const char *close, int depth)
{
	struct kp_buf out = {0};
	for (int i = 0; i < depth; i++) {
		struct kp_bytes bytes = golden_bytes(open);
		kp_buf_append(&out, bytes.ptr, bytes.len);
		free((void *)bytes.ptr);
	}
	for (int i = 0; i < depth; i++) {
		struct kp_bytes bytes = golden_bytes(close);
		kp_buf_append(&out, bytes.ptr, bytes.len);
		free((void *)bytes.ptr);
	}
	if (*close == '\0')
		kp_i32_encode(&out, 0, 0);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), NULL);
	kp_err err = kp_decoder_skip_rest(&in);
	kp_buf_fini(&out);
	return err;
}

static void nesting_is_bounded(void **state)
{
	static const struct {
		const char *open, *close;
	} rows[] = {{"0a", "0b"}, {"090001", ""}, {"0800010c", ""}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(skip_nested(rows[i].open, rows[i].close, KP_DEPTH_MAX), KP_OK);
		assert_int_equal(skip_nested(rows[i].open, rows[i].close, KP_DEPTH_MAX + 1),
		                 KP_ERR_LIMIT);
		assert_int_equal(skip_nested(rows[i].open, rows[i].close, 100000), KP_ERR_LIMIT);
	}
	uint8_t bytes[KP_DEPTH_MAX + 1];
	memset(bytes, KP_WIRE_STRUCT_BEGIN, sizeof(bytes));
	struct kp_decoder in = kp_decoder((struct kp_bytes){bytes, sizeof(bytes)}, NULL);
	for (int i = 0; i < KP_DEPTH_MAX; i++)
		assert_true(kp_struct_enter(&in, 0, KP_REQUIRED));
	assert_false(kp_struct_enter(&in, 0, KP_REQUIRED));
	assert_int_equal(in.err, KP_ERR_LIMIT);
}

// decode_everything asks for what might be there, in every way there is.
static void decode_everything(struct kp_bytes bytes)
{
	struct kp_arena arena = {0};
	int64_t number;
	for (int type = GOLDEN_BOOL; type <= GOLDEN_U32; type++) {
		struct kp_decoder in = kp_decoder(bytes, NULL);
		for (unsigned tag = 0; tag <= 10; tag++)
			decode_int(&in, type, tag, KP_OPTIONAL, &number);
		kp_decoder_skip_rest(&in);
	}
	struct kp_str str;
	struct kp_bytes some;
	float narrow;
	double wide;
	size_t count;
	for (unsigned tag = 0; tag <= 10; tag++) {
		struct kp_decoder in = kp_decoder(bytes, &arena);
		kp_str_decode(&in, tag, KP_OPTIONAL, &str);
		in = kp_decoder(bytes, &arena);
		kp_bytes_decode(&in, tag, KP_OPTIONAL, &some);
		in = kp_decoder(bytes, &arena);
		kp_f32_decode(&in, tag, KP_OPTIONAL, &narrow);
		in = kp_decoder(bytes, &arena);
		kp_f64_decode(&in, tag, KP_OPTIONAL, &wide);
		in = kp_decoder(bytes, &arena);
		if (kp_struct_enter(&in, tag, KP_OPTIONAL)) {
			decode_int(&in, GOLDEN_I32, 0, KP_OPTIONAL, &number);
			kp_struct_leave(&in);
		}
		in = kp_decoder(bytes, &arena);
		if (kp_list_enter(&in, tag, KP_OPTIONAL, &count)) {
			for (size_t i = 0; i < count && in.err == KP_OK; i++)
				decode_int(&in, GOLDEN_I32, 0, KP_REQUIRED, &number);
			kp_list_leave(&in);
		}
		in = kp_decoder(bytes, &arena);
		if (kp_map_enter(&in, tag, KP_OPTIONAL, &count)) {
			for (size_t i = 0; i < count && in.err == KP_OK; i++) {
				kp_str_decode(&in, 0, KP_REQUIRED, &str);
				kp_str_decode(&in, 1, KP_REQUIRED, &str);
			}
			kp_list_leave(&in);
		}
		assert_true(in.ptr <= in.end);
	}
	kp_arena_fini(&arena);
}

static void hurt(const char *hex)
{
	struct kp_bytes golden = golden_bytes(hex);
	for (size_t len = 0; len <= golden.len; len++) {
		uint8_t *cut = malloc(len ? len : 1); // its own block, so that overruns are seen
		memcpy(cut, golden.ptr, len);
		decode_everything((struct kp_bytes){cut, len});
		free(cut);
	}
	uint8_t *bytes = (uint8_t *)golden.ptr;
	size_t len_max = golden.len < 64 ? golden.len : 64;
	for (size_t i = 0; i < len_max; i++) {
		uint8_t was = bytes[i];
		for (int value = 0; value < 256; value++) {
			bytes[i] = (uint8_t)value;
			decode_everything(golden);
		}
		bytes[i] = was;
	}
	free(bytes);
}

static void hurt_bytes_are_survived(void **state)
{
	for (size_t i = 0; i < COUNT(golden_ints); i++)
		hurt(golden_ints[i].hex);
	for (size_t i = 0; i < COUNT(golden_values); i++)
		hurt(golden_values[i].hex);
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
	        cmocka_unit_test(bytes_are_read_from_a_list_of_int8),
	        cmocka_unit_test(containers_are_walked),
	        cmocka_unit_test(unknown_fields_are_skipped),
	        cmocka_unit_test(absence_is_an_error_only_where_required),
	        cmocka_unit_test(lies_and_wrong_types_are_refused),
	        cmocka_unit_test(nesting_is_bounded),
	        cmocka_unit_test(hurt_bytes_are_survived),
	        cmocka_unit_test(encoding_remembers_its_first_error),
	        cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
