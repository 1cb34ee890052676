// decode_test.c - the decoder against bytes that are unknown, absent, too deep or lies.
#include "base/arena.h"
#include "tars/golden.h"
#include "tars/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_done(struct kp_decoder *in)
{
	assert_int_equal(kp_decoder_skip_rest(in), KP_OK);
	assert_int_equal(in->depth, 0);
	assert_ptr_equal(in->ptr, in->end);
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
		struct kp_decoder in = golden_decoder(hex, NULL);
		int32_t value = 0;
		assert_true(kp_i32_decode(&in, 200, KP_REQUIRED, &value));
		assert_int_equal(value, 42);
		assert_done(&in);
		in = golden_decoder(hex, NULL);
		assert_done(&in);
		for (size_t cut = 2; cut < strlen(unknown[i]); cut += 2) {
			snprintf(hex, sizeof(hex), "%.*s", (int)cut, unknown[i]);
			in = golden_decoder(hex, NULL);
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
			struct kp_decoder in = golden_decoder(without[i], NULL);
			int32_t value = 42;
			assert_false(kp_i32_decode(&in, 1, need, &value));
			assert_int_equal(value, 42);
			assert_int_equal(in.err, need == KP_REQUIRED ? KP_ERR_DECODE : KP_OK);
			assert_int_equal(in.tag, need == KP_REQUIRED ? 1 : 0);
		}
	// a struct may not end with the bytes
	struct kp_decoder in = golden_decoder("1a", NULL);
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
		struct kp_decoder in = golden_decoder(lies[i], NULL);
		assert_int_equal(kp_decoder_skip_rest(&in), KP_ERR_DECODE);
		struct kp_str str;
		struct kp_bytes bytes;
		size_t count;
		in = golden_decoder(lies[i], NULL);
		assert_false(kp_str_decode(&in, 0, KP_REQUIRED, &str));
		in = golden_decoder(lies[i], NULL);
		assert_false(kp_bytes_decode(&in, 0, KP_REQUIRED, &bytes));
		in = golden_decoder(lies[i], NULL);
		if (kp_map_enter(&in, 0, KP_REQUIRED, &count))
			assert_in_range(count, 0, kp_wire_left(&in) / 2);
		in = golden_decoder(lies[i], NULL);
		if (kp_list_enter(&in, 0, KP_REQUIRED, &count))
			assert_in_range(count, 0, kp_wire_left(&in));
	}
	struct kp_str str;
	struct kp_decoder in = golden_decoder("0c", NULL); // a text is never the zero form
	assert_false(kp_str_decode(&in, 0, KP_OPTIONAL, &str));
	assert_int_equal(in.err, KP_ERR_DECODE);
	size_t count;
	in = golden_decoder("0d00000101", NULL); // nor a vector<int> a simple list
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

static void decode_ints(struct kp_bytes bytes, unsigned tag)
{
	bool truth;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	struct kp_decoder in = kp_decoder(bytes, NULL);
	kp_bool_decode(&in, tag, KP_OPTIONAL, &truth);
	in = kp_decoder(bytes, NULL);
	kp_i8_decode(&in, tag, KP_OPTIONAL, &i8);
	in = kp_decoder(bytes, NULL);
	kp_i16_decode(&in, tag, KP_OPTIONAL, &i16);
	in = kp_decoder(bytes, NULL);
	kp_i32_decode(&in, tag, KP_OPTIONAL, &i32);
	in = kp_decoder(bytes, NULL);
	kp_i64_decode(&in, tag, KP_OPTIONAL, &i64);
	in = kp_decoder(bytes, NULL);
	kp_u8_decode(&in, tag, KP_OPTIONAL, &u8);
	in = kp_decoder(bytes, NULL);
	kp_u16_decode(&in, tag, KP_OPTIONAL, &u16);
	in = kp_decoder(bytes, NULL);
	kp_u32_decode(&in, tag, KP_OPTIONAL, &u32);
	kp_decoder_skip_rest(&in);
}

// decode_everything asks for what might be there, in every way there is.
static void decode_everything(struct kp_bytes bytes)
{
	struct kp_arena arena = {0};
	int64_t number = 0;
	for (unsigned tag = 0; tag <= 10; tag++)
		decode_ints(bytes, tag);
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
			kp_i64_decode(&in, 0, KP_OPTIONAL, &number);
			kp_struct_leave(&in);
		}
		in = kp_decoder(bytes, &arena);
		if (kp_list_enter(&in, tag, KP_OPTIONAL, &count)) {
			for (size_t i = 0; i < count && in.err == KP_OK; i++)
				kp_i64_decode(&in, 0, KP_REQUIRED, &number);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(unknown_fields_are_skipped),
	        cmocka_unit_test(absence_is_an_error_only_where_required),
	        cmocka_unit_test(lies_and_wrong_types_are_refused),
	        cmocka_unit_test(nesting_is_bounded),
	        cmocka_unit_test(hurt_bytes_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
