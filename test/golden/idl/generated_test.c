// generated_test.c - what the code made from everything.tars does.
#include "everything.h"

#include "loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t raw_bytes[] = {1, 2, 255};

static struct All_Scalars some_scalars(void)
{
	return (struct All_Scalars){
	        .isOn = true,
	        .tiny = -1,
	        .small = 128,
	        .middle = 32768,
	        .big = INT64_C(2147483648),
	        .utiny = 200,
	        .usmall = 65535,
	        .umiddle = 4294967295u,
	        .single = 1.5f,
	        .real = 3.141592653589793,
	        .text = kp_str("tars"),
	        .raw = {raw_bytes, 3},
	        .level = All_Level_High,
	        .colour = Other_Colour_Green,
	        .point = {.x = 7, .y = -1},
	};
}

// The same as bytes; the values are those of the contract's golden vectors.
static const char scalars_hex[] = "0a"
                                  "0001"
                                  "10ff"
                                  "210080"
                                  "3200008000"
                                  "430000000080000000"
                                  "5100c8"
                                  "620000ffff"
                                  "7300000000ffffffff"
                                  "843fc00000"
                                  "95400921fb54442d18"
                                  "a60474617273"
                                  "bd0000030102ff"
                                  "c00b"
                                  "f0c805"
                                  "faff000710ff0b"
                                  "0b";

static void expect_hex(const struct kp_buf *buf, const char *hex)
{
	char *text = calloc(1, buf->len * 2 + 1);
	for (size_t i = 0; i < buf->len; i++)
		snprintf(text + 2 * i, 3, "%02x", buf->data[i]);
	assert_string_equal(text, hex);
	free(text);
}

static struct kp_bytes bytes_of(struct kp_arena *arena, const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = kp_arena_alloc(arena, len);
	for (size_t i = 0; i < len; i++) {
		char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return (struct kp_bytes){bytes, len};
}

static void scalars_travel_as_the_golden_bytes(void **state)
{
	struct All_Scalars value = some_scalars();
	struct kp_buf out = {0};
	All_Scalars_encode(&out, 0, &value);
	expect_hex(&out, scalars_hex);

	struct kp_arena *arena = kp_arena_new(0);
	struct kp_decoder in = kp_decoder(bytes_of(arena, scalars_hex), arena);
	struct All_Scalars decoded;
	assert_true(All_Scalars_decode(&in, 0, KP_REQUIRED, &decoded));
	assert_true(All_Scalars_equal(&value, &decoded));
	decoded.point.y = 0;
	assert_false(All_Scalars_equal(&value, &decoded));
	kp_arena_free(arena);
	kp_buf_fini(&out);
}

static void fields_travel_in_the_order_of_their_tags(void **state)
{
	struct All_Words value;
	All_Words_init(&value);
	value.register_ = 3;
	value.errno_ = 15;
	struct kp_buf out = {0};
	All_Words_encode_fields(&out, &value);
	expect_hex(&out, "1c"
	                 "260163"
	                 "e400000000"
	                 "f00f0f"
	                 "f01e03");
	kp_buf_fini(&out);
}

static void init_gives_every_default(void **state)
{
	struct All_Defaults value;
	memset(&value, 0xa5, sizeof(value));
	All_Defaults_init(&value);
	assert_true(value.isOn && value.tiny == -128 && value.small == -2 && value.middle == 16);
	assert_true(value.big == INT64_MIN && value.utiny == 255 && value.usmall == 65535);
	assert_true(value.umiddle == UINT32_MAX && value.single == 1.5f && value.real == 1e300);
	assert_true(kp_str_equal(value.text, kp_str("a \"quoted\" text")));
	assert_true(value.level == All_Level_High && value.colour == Other_Colour_Blue);
	assert_true(value.number == 10 && value.whole == 2 && !value.isOff);
	assert_true(kp_str_equal(value.greeting, kp_str(Small_GREETING)));
	assert_true(value.point.x == 0 && value.point.y == -1);
	assert_int_equal(value.nothing.len, 0);
}

static void missing_optional_fields_have_their_defaults(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct All_Defaults value, initial;
	All_Defaults_init(&initial);
	memset(&value, 0xa5, sizeof(value));
	struct kp_decoder in = kp_decoder(bytes_of(arena, "3a0b"), arena);
	assert_true(All_Defaults_decode(&in, 3, KP_REQUIRED, &value));
	assert_true(All_Defaults_equal(&value, &initial));

	// Some are there, the inner struct without its own optional field.
	in = kp_decoder(bytes_of(arena, "0a3007fa1100090b0b"), arena);
	assert_true(All_Defaults_decode(&in, 0, KP_REQUIRED, &value));
	initial.middle = 7;
	initial.point.x = 9;
	assert_true(All_Defaults_equal(&value, &initial));
	kp_arena_free(arena);
}

static void an_absent_optional_struct_leaves_its_value_alone(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct Other_Point point = {.x = 5, .y = 6};
	struct kp_decoder in = kp_decoder((struct kp_bytes){0}, arena);
	assert_false(Other_Point_decode(&in, 0, KP_OPTIONAL, &point));
	assert_int_equal(in.err, KP_OK);
	assert_true(point.x == 5 && point.y == 6);
	assert_false(Other_Point_decode(&in, 0, KP_REQUIRED, &point));
	assert_int_equal(in.err, KP_ERR_DECODE);
	kp_arena_free(arena);
}

static void a_missing_required_field_is_an_error(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct Other_Point point;
	struct kp_decoder in = kp_decoder(bytes_of(arena, "0a10010b"), arena);
	assert_false(Other_Point_decode(&in, 0, KP_REQUIRED, &point));
	assert_int_equal(in.err, KP_ERR_DECODE);
	assert_int_equal(in.tag, 0);
	kp_arena_free(arena);
}

static void unknown_fields_are_skipped(void **state)
{
	// A later version of Point: it has a string, a list, a struct and a map more.
	static const char hex[] = "0a"
	                          "0007"
	                          "1008"
	                          "260161"
	                          "3900020c0002"
	                          "4a0001160178f914000100020b"
	                          "f8c80001060161100b"
	                          "0b"
	                          "1005";
	struct kp_arena *arena = kp_arena_new(0);
	struct Other_Point point;
	struct kp_decoder in = kp_decoder(bytes_of(arena, hex), arena);
	assert_true(Other_Point_decode(&in, 0, KP_REQUIRED, &point));
	assert_true(point.x == 7 && point.y == 8);
	int32_t next = 0;
	assert_true(kp_i32_decode(&in, 1, KP_REQUIRED, &next));
	assert_int_equal(next, 5);
	kp_arena_free(arena);
}

#define LIST(type, ...)                                                             \
	{                                                                           \
		(type[]){__VA_ARGS__}, sizeof((type[]){__VA_ARGS__}) / sizeof(type) \
	}

static void encode_containers(struct kp_buf *out)
{
	struct All_Scalars scalars = some_scalars();
	struct kp_str_f64_map_entry inner[] = {{kp_str("pi"), 3.25}, {kp_str("zero"), 0}};
	struct All_Containers value = {
	        .bools = LIST(bool, true, false),
	        .shorts = LIST(int16_t, -1, 0, 300),
	        .ints = LIST(int32_t, 0, 1, 300, 70000),
	        .longs = LIST(int64_t, INT64_MIN, INT64_MAX),
	        .ubytes = LIST(uint8_t, 0, 255),
	        .ushorts = LIST(uint16_t, 65535),
	        .uints = LIST(uint32_t, 4294967295u),
	        .floats = LIST(float, 0, -1.5f),
	        .doubles = LIST(double, 0, 1e300),
	        .strings = LIST(struct kp_str, kp_str("a"), kp_str(""), kp_str("bc")),
	        .blobs = LIST(struct kp_bytes, {raw_bytes, 3}, {raw_bytes, 0}),
	        .levels = LIST(enum All_Level, All_Level_Low, All_Level_Under),
	        .structs = LIST(struct All_Scalars, scalars, scalars),
	        .table = LIST(struct kp_i32_list, LIST(int32_t, 1, 2), {NULL, 0}),
	        .texts = LIST(struct kp_str_str_map_entry, {kp_str("a"), kp_str("b")}),
	        .files = LIST(struct kp_str_bytes_map_entry, {kp_str("k"), {raw_bytes, 1}}),
	        .byNumber = LIST(struct kp_i32_All_Scalars_map_entry, {70000, scalars}),
	        .byPoint = LIST(struct Other_Point_str_list_map_entry,
	                        {{.x = 1, .y = 2}, LIST(struct kp_str, kp_str("x"))}),
	        .deep = LIST(struct All_Level_str_f64_map_map_entry,
	                     {All_Level_Middle, {inner, 2}}),
	        .fixed = LIST(int32_t, 4, 3, 2, 1),
	        .buffer = {raw_bytes, 2},
	        .any = LIST(struct kp_str, kp_str("any")),
	        .flags = LIST(struct kp_bool_i64_map_entry, {true, 5}),
	        .counters = LIST(struct kp_str_i32_map,
	                         LIST(struct kp_str_i32_map_entry, {kp_str("n"), 1})),
	};
	All_Containers_encode(out, 0, &value);
	assert_int_equal(out->err, KP_OK);

	struct kp_arena *arena = kp_arena_new(0);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(out), arena);
	struct All_Containers decoded;
	assert_true(All_Containers_decode(&in, 0, KP_REQUIRED, &decoded));
	assert_true(All_Containers_equal(&value, &decoded));
	assert_ptr_equal(in.ptr, in.end);
	decoded.deep.ptr[0].value.ptr[1].value = 1;
	assert_false(All_Containers_equal(&value, &decoded));
	kp_arena_free(arena);
}

static void containers_come_back_as_they_went(void **state)
{
	struct kp_buf out = {0};
	encode_containers(&out);
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

static void some_containers_travel_as_the_golden_bytes(void **state)
{
	struct All_Containers value;
	All_Containers_init(&value);
	value.ints = (struct kp_i32_list)LIST(int32_t, 0, 1, 300, 70000);
	value.files.ptr = (struct kp_str_bytes_map_entry[]){{kp_str("k"), {raw_bytes, 1}}};
	value.files.len = 1;
	struct kp_buf out = {0};
	All_Containers_encode_fields(&out, &value);
	expect_hex(&out,
	           "090c190c2900040c000101012c0200011170390c490c590c690c790c890c990ca90cb90cc9"
	           "0cd90ce80cf80f000106016b1d00000101f8100cf8110cf8120cf9130cfd14000cf9150c"
	           "f8160cf9170c");
	kp_buf_fini(&out);
}

static void damaged_bytes_give_an_error_or_a_value(void **state)
{
	struct kp_buf out = {0};
	encode_containers(&out);
	struct kp_arena *arena = kp_arena_new(0);
	for (size_t len = 0; len < out.len; len++) {
		// A copy of just that size, so that a sanitizer sees a read behind it.
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, out.data, len);
		struct kp_decoder in = kp_decoder((struct kp_bytes){copy, len}, arena);
		struct All_Containers value;
		assert_false(All_Containers_decode(&in, 0, KP_REQUIRED, &value));
		assert_int_equal(in.err, KP_ERR_DECODE);
		free(copy);
		kp_arena_reset(arena);
	}
	for (size_t at = 0; at < out.len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			out.data[at] ^= 1u << bit;
			struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), arena);
			struct All_Containers value;
			bool is_there = All_Containers_decode(&in, 0, KP_REQUIRED, &value);
			assert_int_equal(is_there, in.err == KP_OK);
			out.data[at] ^= 1u << bit;
			kp_arena_reset(arena);
		}
	}
	kp_arena_free(arena);
	kp_buf_fini(&out);
}

static void a_struct_can_hold_more_of_itself(void **state)
{
	struct All_Tree leaves[2] = {{.name = kp_str("left")}, {.name = kp_str("right")}};
	struct kp_str_All_Tree_map_entry named[] = {{kp_str("x"), {.name = kp_str("x")}}};
	struct All_Tree tree = {.name = kp_str("root"),
	                        .children = {leaves, 2},
	                        .byName = {named, 1},
	                        .leaf = {.id = 5, .trees = {leaves, 1}}};
	struct kp_buf out = {0};
	All_Tree_encode(&out, 9, &tree);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), arena);
	struct All_Tree decoded;
	assert_true(All_Tree_decode(&in, 9, KP_REQUIRED, &decoded));
	assert_true(All_Tree_equal(&tree, &decoded));
	kp_arena_free(arena);
	kp_buf_fini(&out);
}

static void decoding_survives_running_out_of_memory(void **state)
{
	struct kp_buf out = {0};
	encode_containers(&out);
	int64_t live = kp_mem_live();
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_arena *arena = kp_arena_new(0);
		struct All_Containers value;
		kp_err err = KP_ERR_NOMEM;
		if (arena) {
			struct kp_decoder in = kp_decoder(kp_buf_bytes(&out), arena);
			All_Containers_decode(&in, 0, KP_REQUIRED, &value);
			err = in.err;
		}
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), live);
	}
	kp_buf_fini(&out);
}

static void values_print_as_one_line(void **state)
{
	struct All_Person person = {.name = kp_str("Ann"), .age = 30, .weight = 60.5};
	struct kp_buf out = {0};
	All_Person_print(&person, &out);
	assert_true(kp_str_equal(kp_buf_str(&out),
	                         kp_str("{\"name\": \"Ann\", \"age\": 30, \"weight\": 60.5}")));
	kp_buf_fini(&out);
}

static void a_key_orders_its_structs(void **state)
{
	struct All_Person ann = {.name = kp_str("Ann"), .age = 30, .weight = 1};
	struct All_Person old = {.name = kp_str("Ann"), .age = 31, .weight = 0};
	struct All_Person bob = {.name = kp_str("Bob"), .age = 1};
	assert_true(All_Person_compare(&ann, &old) < 0 && All_Person_compare(&old, &ann) > 0);
	assert_true(All_Person_compare(&old, &bob) < 0);
	old.age = 30;
	assert_int_equal(All_Person_compare(&ann, &old), 0);
}

static void enums_know_their_names(void **state)
{
	assert_string_equal(All_Level_name(All_Level_Low), "Low");
	assert_string_equal(All_Level_name(All_Level_Top), "High");
	assert_null(All_Level_name((enum All_Level)99));
	assert_int_equal(Other_Colour_Blue, 6);
}

static void handle_nothing(struct kp_call *call)
{
	kp_call_defer(call);
	All_Service_nothing_answer(call);
}

static int32_t handle_add(struct kp_call *call, int32_t a, int32_t b)
{
	if (a == 0)
		kp_call_fail(call, 7, "no zero");
	return a + b;
}

static bool handle_flip(struct kp_call *call, bool value)
{
	return !value;
}

static struct All_Scalars handle_echo(struct kp_call *call, const struct All_Scalars *in_,
                                      struct All_Level_list levels, struct All_Scalars *out_,
                                      struct kp_str_All_Tree_map *trees)
{
	assert_int_equal(out_->point.y, -1); // outs come with their defaults
	assert_null(trees->ptr);
	*out_ = *in_;
	out_->level = levels.ptr[levels.len - 1];
	trees->ptr = kp_arena_alloc_zero(call->arena, 1, sizeof(*trees->ptr));
	trees->len = 1;
	trees->ptr[0].key = kp_str("key");
	All_Tree_init(&trees->ptr[0].value);
	trees->ptr[0].value.name = in_->text;
	return *in_;
}

static struct kp_bytes handle_bytes(struct kp_call *call, struct kp_str key_, struct kp_bytes data,
                                    uint32_t *size)
{
	*size = (uint32_t)(key_.len + data.len);
	return data;
}

static double handle_proxy(struct kp_call *call, double x, double y, double *ret_y_)
{
	*ret_y_ = y;
	return x;
}

static int32_t handle_add_end(struct kp_call *call, int32_t value)
{
	kp_call_defer(call);
	if (value == 0)
		kp_call_fail(call, 8, "no zero");
	All_Service_add_end__answer(call, 2 * value);
	return 99;
}

static const struct All_Service_ops service_ops = {
        .nothing = handle_nothing,
        .add = handle_add,
        .flip = handle_flip,
        .echo = handle_echo,
        .bytes = handle_bytes,
        .proxy = handle_proxy,
        .add_end = handle_add_end,
};

static struct All_Service *open_service(struct kp_call *call)
{
	All_Service_serve((struct kp_app *)call, "ServiceObj", &service_ops, NULL);
	return All_Service_proxy((struct kp_client *)call, "All.Server.ServiceObj");
}

static void calls_reach_their_handlers_and_come_back(void **state)
{
	struct kp_call call;
	struct All_Service *service = open_service(&call);
	int32_t sum;
	assert_int_equal(All_Service_nothing(service, &call), KP_OK);
	assert_int_equal(All_Service_add(service, &call, 2, 40, &sum), KP_OK);
	assert_int_equal(sum, 42);
	bool flipped = true;
	assert_int_equal(All_Service_flip(service, &call, true, &flipped), KP_OK);
	assert_false(flipped);

	struct All_Scalars in = some_scalars(), out, ret;
	struct kp_str_All_Tree_map trees;
	struct All_Level_list levels = LIST(enum All_Level, All_Level_High, All_Level_Middle);
	assert_int_equal(All_Service_echo(service, &call, &in, levels, &out, &trees, &ret), KP_OK);
	assert_true(All_Scalars_equal(&in, &ret));
	assert_int_equal(out.level, All_Level_Middle);
	assert_true(kp_str_equal(trees.ptr[0].value.name, kp_str("tars")));

	uint32_t size;
	struct kp_bytes data;
	assert_int_equal(All_Service_bytes(service, &call, kp_str("key"),
	                                   (struct kp_bytes){raw_bytes, 3}, &size, &data),
	                 KP_OK);
	assert_int_equal(size, 6);
	assert_true(kp_bytes_equal(data, (struct kp_bytes){raw_bytes, 3}));

	double x, y;
	assert_int_equal(All_Service_proxy_(service, &call, 1.5, 2.5, &y, &x), KP_OK);
	assert_true(x == 1.5 && y == 2.5);
	loopback_stop(&call);
	assert_int_equal(kp_mem_live(), 0);
}

static void failures_leave_the_results_alone(void **state)
{
	struct kp_call call;
	struct All_Service *service = open_service(&call);
	int32_t sum = -5;
	assert_int_equal(All_Service_add(service, &call, 0, 1, &sum), KP_ERR_SERVER);
	assert_int_equal(All_Service_tell(service, &call, kp_str("x")), KP_ERR_NOFUNC);
	assert_int_equal(sum, -5);
	loopback_stop(&call);
}

static void calls_in_two_steps_give_what_one_step_gives(void **state)
{
	struct kp_call call;
	struct All_Service *service = open_service(&call);
	struct kp_request *add, *nothing, *bytes;
	assert_int_equal(All_Service_add_begin(service, &call, 2, 40, &add), KP_OK);
	assert_int_equal(All_Service_nothing_begin(service, &call, &nothing), KP_OK);
	assert_int_equal(All_Service_bytes_begin(service, &call, kp_str("key"),
	                                         (struct kp_bytes){raw_bytes, 3}, &bytes),
	                 KP_OK);
	uint32_t size = 0;
	struct kp_bytes data;
	assert_int_equal(All_Service_bytes_end(bytes, &size, &data), KP_OK);
	assert_true(size == 6 && kp_bytes_equal(data, (struct kp_bytes){raw_bytes, 3}));
	int32_t sum = -5;
	assert_int_equal(All_Service_add_end(add, &sum), KP_OK);
	assert_int_equal(sum, 42);
	assert_int_equal(All_Service_nothing_end(nothing), KP_OK);
	assert_int_equal(All_Service_add_begin(service, &call, 0, 1, &add), KP_OK);
	assert_int_equal(All_Service_add_end(add, &sum), KP_ERR_SERVER);
	assert_int_equal(sum, 42);
	loopback_stop(&call);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_deferred_call_is_answered_once_and_by_hand(void **state)
{
	struct kp_call call;
	struct All_Service *service = open_service(&call);
	int32_t doubled = 0;
	assert_int_equal(All_Service_add_end_(service, &call, 21, &doubled), KP_OK);
	assert_int_equal(doubled, 42);
	assert_int_equal(call.done, 1);
	assert_int_equal(All_Service_add_end_(service, &call, 0, &doubled), KP_ERR_SERVER);
	assert_int_equal(call.done, 2);
	assert_int_equal(All_Service_nothing(service, &call), KP_OK);
	assert_int_equal(call.done, 3);
	loopback_stop(&call);
	assert_int_equal(kp_mem_live(), 0);
}

struct heard {
	int count;
	kp_err err;
	int32_t sum;
};

static void on_add(void *arg, kp_err err, const struct All_Service_add_result *result)
{
	struct heard *heard = arg;
	heard->count++;
	heard->err = err;
	assert_int_equal(err == KP_OK, result != NULL);
	if (result)
		heard->sum = result->ret;
}

static void asynchronous_calls_call_back(void **state)
{
	struct kp_call call;
	struct All_Service *service = open_service(&call);
	struct heard heard = {0};
	assert_int_equal(All_Service_add_async(service, 1, 2, on_add, &heard), KP_OK);
	assert_true(heard.count == 1 && heard.err == KP_OK && heard.sum == 3);
	assert_int_equal(All_Service_add_async(service, 0, 2, on_add, &heard), KP_OK);
	assert_true(heard.count == 2 && heard.err == KP_ERR_SERVER && heard.sum == 3);
	assert_int_equal(All_Service_add_oneway(service, 1, 2), KP_OK);
	assert_int_equal(call.asked, 3);
	loopback_stop(&call);
}

static void a_request_needs_its_in_parameters_and_no_others(void **state)
{
	struct kp_call call;
	open_service(&call);
	int index = All_Service_interface.find(kp_str("bytes"));
	const struct kp_function *function = &All_Service_interface.functions[index];
	static const struct {
		const char *hex;
		kp_err err;
	} bodies[] = {
	        {"16016b2d00000101", KP_OK},           // as Node sends it
	        {"16016b2d0000010132007b007b", KP_OK}, // the out parameter sent as well
	        {"16016b", KP_ERR_DECODE},
	        {"2d00000101", KP_ERR_DECODE},
	        {"", KP_ERR_DECODE},
	        {"16016b26016b", KP_ERR_DECODE}, // a string for bytes
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct kp_decoder in = kp_decoder(bytes_of(call.arena, bodies[i].hex), call.arena);
		kp_buf_clear(&call.answer);
		function->dispatch(&service_ops, &call, &in);
		assert_int_equal(in.err, bodies[i].err);
		if (bodies[i].err == KP_OK)
			expect_hex(&call.answer, "0d000001013002");
	}
	loopback_stop(&call);
}

static void functions_are_found_by_name(void **state)
{
	for (size_t i = 0; i < All_Service_interface.function_count; i++) {
		struct kp_str name = kp_str(All_Service_interface.functions[i].name);
		assert_int_equal(All_Service_interface.find(name), i);
	}
	assert_int_equal(All_Service_interface.find(kp_str("Add")), -1);
	assert_int_equal(All_Service_interface.find(kp_str("ad")), -1);
	assert_int_equal(All_Service_interface.find((struct kp_str){0}), -1);
	assert_int_equal(All_Nobody_interface.find(kp_str("add")), -1);
}

static void calls_survive_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_call call;
		struct All_Service *service = open_service(&call);
		if (call.arena) {
			uint32_t size;
			struct kp_bytes data;
			kp_err err =
			        All_Service_bytes(service, &call, kp_str("key"),
			                          (struct kp_bytes){raw_bytes, 3}, &size, &data);
			assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		}
		loopback_stop(&call);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(scalars_travel_as_the_golden_bytes),
	        cmocka_unit_test(fields_travel_in_the_order_of_their_tags),
	        cmocka_unit_test(init_gives_every_default),
	        cmocka_unit_test(missing_optional_fields_have_their_defaults),
	        cmocka_unit_test(an_absent_optional_struct_leaves_its_value_alone),
	        cmocka_unit_test(a_missing_required_field_is_an_error),
	        cmocka_unit_test(unknown_fields_are_skipped),
	        cmocka_unit_test(containers_come_back_as_they_went),
	        cmocka_unit_test(some_containers_travel_as_the_golden_bytes),
	        cmocka_unit_test(damaged_bytes_give_an_error_or_a_value),
	        cmocka_unit_test(a_struct_can_hold_more_of_itself),
	        cmocka_unit_test(decoding_survives_running_out_of_memory),
	        cmocka_unit_test(values_print_as_one_line),
	        cmocka_unit_test(a_key_orders_its_structs),
	        cmocka_unit_test(enums_know_their_names),
	        cmocka_unit_test(calls_reach_their_handlers_and_come_back),
	        cmocka_unit_test(failures_leave_the_results_alone),
	        cmocka_unit_test(calls_in_two_steps_give_what_one_step_gives),
	        cmocka_unit_test(a_deferred_call_is_answered_once_and_by_hand),
	        cmocka_unit_test(asynchronous_calls_call_back),
	        cmocka_unit_test(a_request_needs_its_in_parameters_and_no_others),
	        cmocka_unit_test(functions_are_found_by_name),
	        cmocka_unit_test(calls_survive_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
