// describe_test.c - what descriptions promise: as values, as bytes, as text.
#include "tars/describe.h"

#include "base/mem.h"
#include "tars/describe_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *text_of(struct kp_buf *out)
{
	kp_buf_append_byte(out, '\0');
	assert_int_equal(out->err, KP_OK);
	return (const char *)out->data;
}

static struct sample_item items[] = {{{"pen", 3}, 1.5, 2, 1}, {{"ink", 3}, -0.25, 0, 99}};
static struct kp_str_i32_map_entry by_name[] = {{{"a\"", 2}, 1}, {{"b", 1}, -1}};
static struct kp_i32_str_map_entry by_number[] = {{-5, {"five", 4}}};
static struct sample_state_item_map_entry by_state[] = {{1, {{"x", 1}, 1, 1, 0}},
                                                        {50, {{0}, 0, 0, 0}}};
static struct sample_bool_str_map_entry by_bool[] = {{true, {"yes", 3}}};

static struct sample_all all_values(void)
{
	return (struct sample_all){
	        .boolean = true,
	        .i8 = -128,
	        .i16 = -32768,
	        .i32 = INT32_MIN,
	        .i64 = INT64_MIN,
	        .u8 = 255,
	        .u16 = 65535,
	        .u32 = UINT32_MAX,
	        .f32 = 0.1f,
	        .f64 = 0.1,
	        .str = {"t\n", 2},
	        .bytes = {(const uint8_t *)"\0\1\2", 3},
	        .items = {items, 2},
	        .by_name = {by_name, 2},
	        .by_number = {by_number, 1},
	        .by_state = {by_state, 2},
	        .by_bool = {by_bool, 1},
	        .state = -7,
	        .item = {{"last", 4}, 0, 0, 0},
	};
}

static void value_prints_every_kind(void **state)
{
	struct sample_all all = all_values();
	struct kp_buf out = {0};
	kp_value_print(&sample_all_type, &all, &out);
	assert_string_equal(
	        text_of(&out),
	        "{\"boolean\": true, \"i8\": -128, \"i16\": -32768, \"i32\": -2147483648, \"i64\":"
	        " -9223372036854775808, \"u8\": 255, \"u16\": 65535, \"u32\": 4294967295, \"f32\":"
	        " 0.1, \"f64\": 0.1, \"str\": \"t\\n\", \"bytes\": \"AAEC\", \"items\": "
	        "[{\"price\":"
	        " 1.5, \"name\": \"pen\", \"count\": 2, \"state\": \"Paid\"}, {\"price\": -0.25,"
	        " \"name\": \"ink\", \"count\": 0, \"state\": 99}], \"by_name\": {\"a\\\"\": 1,"
	        " \"b\": -1}, \"by_number\": {\"-5\": \"five\"}, \"by_state\": {\"Paid\":"
	        " {\"price\": 1, \"name\": \"x\", \"count\": 1, \"state\": \"Pending\"}, \"50\":"
	        " {\"price\": 0, \"name\": \"\", \"count\": 0, \"state\": \"Pending\"}}, "
	        "\"by_bool\":"
	        " {\"true\": \"yes\"}, \"state\": \"Sent\", \"item\": {\"price\": 0, \"name\":"
	        " \"last\", \"count\": 0, \"state\": \"Pending\"}}");
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void value_equals_itself_and_nothing_else(void **state)
{
	struct sample_all a = all_values(), b = all_values();
	assert_true(kp_value_equal(&sample_all_type, &a, &b));
	a.f64 = b.f64 = (double)NAN;
	assert_true(kp_value_equal(&sample_all_type, &a, &b));

#define ASSERT_SEEN(change)                                             \
	do {                                                            \
		b = a;                                                  \
		b.change;                                               \
		assert_false(kp_value_equal(&sample_all_type, &a, &b)); \
	} while (0)
	ASSERT_SEEN(boolean = false);
	ASSERT_SEEN(i8 = 0);
	ASSERT_SEEN(i16 = 0);
	ASSERT_SEEN(i32 = 0);
	ASSERT_SEEN(i64 = 0);
	ASSERT_SEEN(u8 = 0);
	ASSERT_SEEN(u16 = 0);
	ASSERT_SEEN(u32 = 0);
	ASSERT_SEEN(f32 = 0);
	ASSERT_SEEN(f64 = 0);
	ASSERT_SEEN(str.len = 1);
	ASSERT_SEEN(bytes.ptr = (const uint8_t *)"\0\1\3");
	ASSERT_SEEN(items.len = 1);
	ASSERT_SEEN(by_name.len = 1);
	ASSERT_SEEN(by_number.ptr = (&(struct kp_i32_str_map_entry){-6, {"five", 4}}));
	ASSERT_SEEN(by_number.ptr = (&(struct kp_i32_str_map_entry){-5, {"fife", 4}}));
	ASSERT_SEEN(by_bool.len = 0);
	ASSERT_SEEN(state = 0);
	ASSERT_SEEN(item.count = 5);
}

static void describe_finds_functions_fields_and_values(void **state)
{
	assert_int_equal(kp_interface_find(&sample, kp_str("echo")), SAMPLE_ECHO);
	assert_int_equal(kp_interface_find(&sample, kp_str("ech")), -1);
	assert_int_equal(kp_interface_find(&sample, (struct kp_str){0}), -1);
	assert_int_equal(kp_enum_find(&sample_state, kp_str("Book::Sent"))->value, -7);
	assert_int_equal(kp_enum_find(&sample_state, kp_str("Sent"))->value, -7);
	assert_null(kp_enum_find(&sample_state, kp_str("sent")));
	assert_null(kp_enum_name(&sample_state, 9));

	struct kp_field_walk walk;
	kp_field_walk_start(&walk, &sample_item);
	static const char *const order[] = {"name", "price", "count", "state"};
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(kp_field_next(&walk)->name, order[i]);
	assert_null(kp_field_next(&walk));
}

static void all_256_fields_are_walked_by_their_tags(void **state)
{
	static struct kp_field fields[256];
	for (unsigned i = 0; i < 256; i++)
		fields[i] = (struct kp_field){.tag = (uint8_t)(i * 77 + 5)};
	struct kp_struct_type structure = {"A::Many", fields, 256, 0};
	struct kp_field_walk walk;
	kp_field_walk_start(&walk, &structure);
	for (unsigned tag = 0; tag < 256; tag++)
		assert_int_equal(kp_field_next(&walk)->tag, tag);
	assert_null(kp_field_next(&walk));
	structure.field_count = 0;
	kp_field_walk_start(&walk, &structure);
	assert_null(kp_field_next(&walk));
}

static void signature_reads_like_the_source(void **state)
{
	static const char *const texts[] = {
	        "int pay(string visitor, long cents, out string receipt)",
	        "Shared::Order put(Shared::Order order)",
	        "Book::All echo(out Book::All copy, Book::All all)",
	        "void ping()",
	};
	for (size_t i = 0; i < 4; i++) {
		struct kp_buf out = {0};
		kp_function_signature(&sample_functions[i], &out);
		assert_string_equal(text_of(&out), texts[i]);
		kp_buf_fini(&out);
	}
}

static const char sample_text[] =
        "module Book\n{\n"
        "\tenum State\n\t{\n\t\tPending = 0,\n\t\tPaid = 1,\n\t\tSent = -7\n\t};\n"
        "\n\tstruct Item\n\t{\n"
        "\t\t1 require double price;\n"
        "\t\t0 require string name;\n"
        "\t\t2 optional int count = 1;\n"
        "\t\t30 optional State state = Book::Paid;\n\t};\n"
        "\n\tstruct All\n\t{\n"
        "\t\t0 require bool boolean;\n"
        "\t\t1 require byte i8;\n"
        "\t\t2 require short i16;\n"
        "\t\t3 require int i32;\n"
        "\t\t4 require long i64;\n"
        "\t\t5 require unsigned byte u8;\n"
        "\t\t6 require unsigned short u16;\n"
        "\t\t7 require unsigned int u32;\n"
        "\t\t8 require float f32;\n"
        "\t\t9 require double f64;\n"
        "\t\t10 require string str;\n"
        "\t\t11 require vector<byte> bytes;\n"
        "\t\t12 require vector<Item> items;\n"
        "\t\t13 require map<string, int> by_name;\n"
        "\t\t14 require map<int, string> by_number;\n"
        "\t\t15 require map<State, Item> by_state;\n"
        "\t\t16 require map<bool, string> by_bool;\n"
        "\t\t17 require State state;\n"
        "\t\t255 require Item item;\n\t};\n"
        "};\n"
        "\nmodule Shared\n{\n"
        "\tstruct Order\n\t{\n"
        "\t\t0 require long id;\n"
        "\t\t1 optional vector<Book::Item> items;\n"
        "\t\t2 optional map<string, string> notes;\n"
        "\t\t3 optional vector<Order> parts;\n"
        "\t\t4 require string currency = \"EUR\";\n"
        "\t\t5 optional Book::Item gift;\n"
        "\t\t6 optional float rate = 1.50f;\n"
        "\t\t7 require unsigned int flags = 0xff;\n"
        "\t\t8 optional bool urgent = true;\n"
        "\t\t9 optional map<bool, string> by_bool;\n"
        "\t\t10 optional vector<byte> seal;\n"
        "\t\t11 optional Book::State state;\n\t};\n"
        "};\n"
        "\nmodule Book\n{\n"
        "\tinterface Shop\n\t{\n"
        "\t\tint pay(string visitor, long cents, out string receipt);\n"
        "\t\tShared::Order put(Shared::Order order);\n"
        "\t\tAll echo(out All copy, All all);\n"
        "\t\tvoid ping();\n\t};\n"
        "};\n";

static void interface_prints_as_its_source(void **state)
{
	struct kp_buf out = {0};
	assert_int_equal(kp_interface_print(&sample, &out), KP_OK);
	assert_string_equal(text_of(&out), sample_text);
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void encode_sample(struct kp_buf *out)
{
	assert_int_equal(kp_interface_encode(&sample, out), KP_OK);
}

static void interface_travels_whole(void **state)
{
	struct kp_buf bytes = {0}, again = {0}, text = {0};
	encode_sample(&bytes);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_interface *decoded;
	assert_int_equal(kp_interface_decode(kp_buf_bytes(&bytes), arena, &decoded), KP_OK);
	encode_sample(&again);
	memset(bytes.data, 0xee, bytes.len); // no view of it is kept

	kp_buf_clear(&bytes);
	assert_int_equal(kp_interface_encode(decoded, &bytes), KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&bytes), kp_buf_bytes(&again)));
	assert_int_equal(kp_interface_print(decoded, &text), KP_OK);
	assert_string_equal(text_of(&text), sample_text);
	assert_int_equal(kp_interface_find(decoded, kp_str("ping")), SAMPLE_PING);
	assert_null(decoded->find);
	assert_null(decoded->functions[0].dispatch);

	kp_arena_free(arena);
	kp_buf_fini(&bytes);
	kp_buf_fini(&again);
	kp_buf_fini(&text);
	assert_int_equal(kp_mem_live(), 0);
}

static kp_err decode(const uint8_t *data, size_t len)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_interface *decoded;
	struct kp_buf text = {0};
	kp_err err = kp_interface_decode((struct kp_bytes){data, len}, arena, &decoded);
	if (err == KP_OK)
		assert_int_equal(kp_interface_print(decoded, &text), KP_OK);
	kp_buf_fini(&text);
	kp_arena_free(arena);
	return err;
}

static void interface_refuses_every_truncation(void **state)
{
	struct kp_buf bytes = {0};
	encode_sample(&bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *exact = malloc(len + !len);
		memcpy(exact, bytes.data, len);
		assert_int_equal(decode(exact, len), KP_ERR_DECODE);
		free(exact);
	}
	kp_buf_fini(&bytes);
}

static void interface_survives_every_flipped_bit(void **state)
{
	struct kp_buf bytes = {0};
	encode_sample(&bytes);
	for (size_t i = 0; i < bytes.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes.data[i] ^= (uint8_t)(1 << bit);
			kp_err err = decode(bytes.data, bytes.len);
			assert_true(err == KP_OK || err == KP_ERR_DECODE);
			bytes.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	kp_buf_fini(&bytes);
}

static kp_err decode_changed(const struct kp_interface *interface)
{
	struct kp_buf bytes = {0};
	assert_int_equal(kp_interface_encode(interface, &bytes), KP_OK);
	kp_err err = decode(bytes.data, bytes.len);
	kp_buf_fini(&bytes);
	return err;
}

static void interface_refuses_names_that_are_none(void **state)
{
	static const char *const names[] = {"", "a b", "a\n", "caf\xc3\xa9", "\x1b[2J"};
	for (size_t i = 0; i < 5; i++) {
		struct kp_interface changed = sample;
		changed.name = names[i];
		assert_int_equal(decode_changed(&changed), KP_ERR_DECODE);
	}
	char long_name[257];
	memset(long_name, 'a', 256);
	long_name[256] = '\0';
	struct kp_interface changed = sample;
	changed.name = long_name;
	assert_int_equal(decode_changed(&changed), KP_ERR_DECODE);
	changed.name = long_name + 1;
	assert_int_equal(decode_changed(&changed), KP_OK);
}

static void interface_refuses_what_cannot_be(void **state)
{
	// a parameter of type void
	struct kp_param void_param = {"x", &sample_void, false};
	struct kp_function function = {"f", &sample_void, &void_param, 1, NULL};
	struct kp_interface interface = {"I", &function, 1, NULL};
	assert_int_equal(decode_changed(&interface), KP_ERR_DECODE);

	// two fields with one tag
	struct kp_field fields[] = {{"a", &sample_i32, 1, true, 0, NULL},
	                            {"b", &sample_i32, 1, true, 0, NULL}};
	struct kp_struct_type structure = {"S", fields, 2, 0};
	struct kp_type type = {.kind = KP_KIND_STRUCT, .structure = &structure};
	struct kp_param param = {"x", &type, false};
	function.params = &param;
	assert_int_equal(decode_changed(&interface), KP_ERR_DECODE);
	fields[1].tag = 2;
	assert_int_equal(decode_changed(&interface), KP_OK);
	fields[1].default_text = "\x1b[2J";
	assert_int_equal(decode_changed(&interface), KP_ERR_DECODE);

	// lists in lists, deeper than anybody needs
	struct kp_type lists[80];
	for (size_t i = 0; i < 80; i++)
		lists[i] = (struct kp_type){.kind = KP_KIND_LIST,
		                            .element = i > 0 ? &lists[i - 1] : &sample_i32};
	param.type = &lists[40];
	assert_int_equal(decode_changed(&interface), KP_OK);
	param.type = &lists[79];
	assert_int_equal(decode_changed(&interface), KP_ERR_DECODE);
}

// A chain of structs, each in a field of the one before.
static void interface_takes_2048_structs_and_no_more(void **state)
{
	enum {
		COUNT = KP_DESCRIPTION_TYPES_MAX + 1
	};
	static struct kp_struct_type structs[COUNT];
	static struct kp_type types[COUNT];
	static struct kp_field fields[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		types[i] = (struct kp_type){.kind = KP_KIND_STRUCT, .structure = &structs[i]};
		fields[i] = (struct kp_field){.name = "f", .type = &types[i], .required = true};
		structs[i] = (struct kp_struct_type){"M::S", &fields[(i + 1) % COUNT], 1, 0};
	}
	struct kp_param param = {"x", &types[0], false};
	struct kp_function function = {"f", &sample_void, &param, 1, NULL};
	struct kp_interface interface = {"I", &function, 1, NULL};
	assert_int_equal(decode_changed(&interface), KP_ERR_DECODE);
	structs[COUNT - 2].field_count = 0;
	assert_int_equal(decode_changed(&interface), KP_OK);
}

static void interface_refuses_what_is_too_large(void **state)
{
	size_t size = KP_DESCRIPTION_SIZE_MAX + 1;
	uint8_t *zeros = calloc(1, size);
	assert_int_equal(decode(zeros, size), KP_ERR_DECODE);
	free(zeros);
}

static void describe_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf bytes = {0}, text = {0};
		struct kp_arena *arena = kp_arena_new(0);
		struct kp_interface *decoded;
		kp_err err = arena ? kp_interface_encode(&sample, &bytes) : KP_ERR_NOMEM;
		if (err == KP_OK)
			err = kp_interface_decode(kp_buf_bytes(&bytes), arena, &decoded);
		if (err == KP_OK)
			err = kp_interface_print(decoded, &text);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&bytes);
		kp_buf_fini(&text);
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), 0);
	}
}

static void value_print_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct sample_all all = all_values();
		struct kp_buf out = {0};
		kp_value_print(&sample_all_type, &all, &out);
		assert_int_equal(out.err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_buf_fini(&out);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(value_prints_every_kind),
	        cmocka_unit_test(value_equals_itself_and_nothing_else),
	        cmocka_unit_test(describe_finds_functions_fields_and_values),
	        cmocka_unit_test(all_256_fields_are_walked_by_their_tags),
	        cmocka_unit_test(signature_reads_like_the_source),
	        cmocka_unit_test(interface_prints_as_its_source),
	        cmocka_unit_test(interface_travels_whole),
	        cmocka_unit_test(interface_refuses_every_truncation),
	        cmocka_unit_test(interface_survives_every_flipped_bit),
	        cmocka_unit_test(interface_refuses_names_that_are_none),
	        cmocka_unit_test(interface_refuses_what_cannot_be),
	        cmocka_unit_test(interface_takes_2048_structs_and_no_more),
	        cmocka_unit_test(interface_refuses_what_is_too_large),
	        cmocka_unit_test(describe_survives_running_out),
	        cmocka_unit_test(value_print_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
