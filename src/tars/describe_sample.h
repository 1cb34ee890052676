// describe_sample.h - an interface that uses every kind of type, for tests.
#pragma once

#include "kipp/describe.h"
#include "kipp/types.h"

struct sample_item {
	struct kp_str name;
	double price;
	int32_t count;
	int32_t state;
};

KP_LIST(sample_item_list, struct sample_item);
KP_MAP(sample_state_item_map, int32_t, struct sample_item);
KP_MAP(sample_bool_str_map, bool, struct kp_str);

struct sample_all {
	bool boolean;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	float f32;
	double f64;
	struct kp_str str;
	struct kp_bytes bytes;
	struct sample_item_list items;
	struct kp_str_i32_map by_name;
	struct kp_i32_str_map by_number;
	struct sample_state_item_map by_state;
	struct sample_bool_str_map by_bool;
	int32_t state;
	struct sample_item item;
};

static const struct kp_enum_value sample_state_values[] = {
        {"Pending", 0}, {"Paid", 1}, {"Sent", -7}};
static const struct kp_enum_type sample_state = {"Book::State", sample_state_values, 3};

#define SAMPLE_SCALAR(name, k, type) \
	static const struct kp_type name = {.kind = KP_KIND_##k, .size = sizeof(type)}
static const struct kp_type sample_void = {.kind = KP_KIND_VOID};
SAMPLE_SCALAR(sample_bool, BOOL, bool);
SAMPLE_SCALAR(sample_i8, I8, int8_t);
SAMPLE_SCALAR(sample_i16, I16, int16_t);
SAMPLE_SCALAR(sample_i32, I32, int32_t);
SAMPLE_SCALAR(sample_i64, I64, int64_t);
SAMPLE_SCALAR(sample_u8, U8, uint8_t);
SAMPLE_SCALAR(sample_u16, U16, uint16_t);
SAMPLE_SCALAR(sample_u32, U32, uint32_t);
SAMPLE_SCALAR(sample_f32, F32, float);
SAMPLE_SCALAR(sample_f64, F64, double);
SAMPLE_SCALAR(sample_str, STR, struct kp_str);
SAMPLE_SCALAR(sample_bytes, BYTES, struct kp_bytes);
static const struct kp_type sample_state_type = {
        .kind = KP_KIND_ENUM, .size = sizeof(int32_t), .enumeration = &sample_state};

// The tags stand out of order on purpose.
static const struct kp_field sample_item_fields[] = {
        {"price", &sample_f64, 1, true, offsetof(struct sample_item, price), NULL},
        {"name", &sample_str, 0, true, offsetof(struct sample_item, name), NULL},
        {"count", &sample_i32, 2, false, offsetof(struct sample_item, count), "1"},
        {"state", &sample_state_type, 30, false, offsetof(struct sample_item, state), "Book::Paid"},
};
static const struct kp_struct_type sample_item = {"Book::Item", sample_item_fields, 4,
                                                  sizeof(struct sample_item)};
static const struct kp_type sample_item_type = {
        .kind = KP_KIND_STRUCT, .size = sizeof(struct sample_item), .structure = &sample_item};
static const struct kp_type sample_items = {.kind = KP_KIND_LIST,
                                            .size = sizeof(struct sample_item_list),
                                            .element = &sample_item_type};

#define SAMPLE_MAP(name, k, v, type)                                                   \
	static const struct kp_type name = {.kind = KP_KIND_MAP,                       \
	                                    .size = sizeof(struct type),               \
	                                    .element = &(v),                           \
	                                    .key = &(k),                               \
	                                    .entry_size = sizeof(struct type##_entry), \
	                                    .value_offset = offsetof(struct type##_entry, value)}
SAMPLE_MAP(sample_by_name, sample_str, sample_i32, kp_str_i32_map);
SAMPLE_MAP(sample_by_number, sample_i32, sample_str, kp_i32_str_map);
SAMPLE_MAP(sample_by_state, sample_state_type, sample_item_type, sample_state_item_map);
SAMPLE_MAP(sample_by_bool, sample_bool, sample_str, sample_bool_str_map);
SAMPLE_MAP(sample_notes, sample_str, sample_str, kp_str_str_map);

#define SAMPLE_FIELD(tag, name, type)                                              \
	{                                                                          \
#name, &(type), tag, true, offsetof(struct sample_all, name), NULL \
	}
static const struct kp_field sample_all_fields[] = {
        SAMPLE_FIELD(0, boolean, sample_bool),
        SAMPLE_FIELD(1, i8, sample_i8),
        SAMPLE_FIELD(2, i16, sample_i16),
        SAMPLE_FIELD(3, i32, sample_i32),
        SAMPLE_FIELD(4, i64, sample_i64),
        SAMPLE_FIELD(5, u8, sample_u8),
        SAMPLE_FIELD(6, u16, sample_u16),
        SAMPLE_FIELD(7, u32, sample_u32),
        SAMPLE_FIELD(8, f32, sample_f32),
        SAMPLE_FIELD(9, f64, sample_f64),
        SAMPLE_FIELD(10, str, sample_str),
        SAMPLE_FIELD(11, bytes, sample_bytes),
        SAMPLE_FIELD(12, items, sample_items),
        SAMPLE_FIELD(13, by_name, sample_by_name),
        SAMPLE_FIELD(14, by_number, sample_by_number),
        SAMPLE_FIELD(15, by_state, sample_by_state),
        SAMPLE_FIELD(16, by_bool, sample_by_bool),
        SAMPLE_FIELD(17, state, sample_state_type),
        SAMPLE_FIELD(255, item, sample_item_type),
};
static const struct kp_struct_type sample_all = {"Book::All", sample_all_fields, 19,
                                                 sizeof(struct sample_all)};
static const struct kp_type sample_all_type = {
        .kind = KP_KIND_STRUCT, .size = sizeof(struct sample_all), .structure = &sample_all};

// An order holds orders; it is only known by description.
static const struct kp_struct_type sample_order;
static const struct kp_type sample_order_type = {.kind = KP_KIND_STRUCT,
                                                 .structure = &sample_order};
static const struct kp_type sample_orders = {.kind = KP_KIND_LIST, .element = &sample_order_type};
static const struct kp_field sample_order_fields[] = {
        {"id", &sample_i64, 0, true, 0, NULL},
        {"items", &sample_items, 1, false, 0, NULL},
        {"notes", &sample_notes, 2, false, 0, NULL},
        {"parts", &sample_orders, 3, false, 0, NULL},
        {"currency", &sample_str, 4, true, 0, "\"EUR\""},
        {"gift", &sample_item_type, 5, false, 0, NULL},
        {"rate", &sample_f32, 6, false, 0, "1.50f"},
        {"flags", &sample_u32, 7, true, 0, "0xff"},
        {"urgent", &sample_bool, 8, false, 0, "true"},
        {"by_bool", &sample_by_bool, 9, false, 0, NULL},
        {"seal", &sample_bytes, 10, false, 0, NULL},
        {"state", &sample_state_type, 11, false, 0, NULL},
};
static const struct kp_struct_type sample_order = {"Shared::Order", sample_order_fields, 12, 0};

static const struct kp_param sample_pay_params[] = {{"visitor", &sample_str, false},
                                                    {"cents", &sample_i64, false},
                                                    {"receipt", &sample_str, true}};
static const struct kp_param sample_put_params[] = {{"order", &sample_order_type, false}};
static const struct kp_param sample_echo_params[] = {{"copy", &sample_all_type, true},
                                                     {"all", &sample_all_type, false}};
static const struct kp_function sample_functions[] = {
        {"pay", &sample_i32, sample_pay_params, 3, NULL},
        {"put", &sample_order_type, sample_put_params, 1, NULL},
        {"echo", &sample_all_type, sample_echo_params, 2, NULL},
        {"ping", &sample_void, NULL, 0, NULL},
};

enum {
	SAMPLE_PAY,
	SAMPLE_PUT,
	SAMPLE_ECHO,
	SAMPLE_PING
};
static const struct kp_interface sample = {"Book::Shop", sample_functions, 4, NULL};
