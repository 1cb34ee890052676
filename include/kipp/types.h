// types.h - the vectors and maps of built-in types that generated code shares.
//
// vector<T> is `struct <T>_list {T *ptr; size_t len;}`; map<K,V> is `struct <K>_<V>_map` of entries
// {key, value}. Other combinations are defined, guarded, by the generated headers that use them.
#pragma once

#include "kipp/str.h"

#define KP_LIST(name, type) \
	struct name {       \
		type *ptr;  \
		size_t len; \
	}

#define KP_MAP(name, key_type, value_type) \
	struct name##_entry {              \
		key_type key;              \
		value_type value;          \
	};                                 \
	struct name {                      \
		struct name##_entry *ptr;  \
		size_t len;                \
	}

KP_LIST(kp_bool_list, bool);
KP_LIST(kp_i16_list, int16_t);
KP_LIST(kp_i32_list, int32_t);
KP_LIST(kp_i64_list, int64_t);
KP_LIST(kp_u8_list, uint8_t);
KP_LIST(kp_u16_list, uint16_t);
KP_LIST(kp_u32_list, uint32_t);
KP_LIST(kp_f32_list, float);
KP_LIST(kp_f64_list, double);
KP_LIST(kp_str_list, struct kp_str);
KP_LIST(kp_bytes_list, struct kp_bytes);
KP_MAP(kp_str_str_map, struct kp_str, struct kp_str);
KP_MAP(kp_str_i32_map, struct kp_str, int32_t);
KP_MAP(kp_str_i64_map, struct kp_str, int64_t);
KP_MAP(kp_i32_str_map, int32_t, struct kp_str);
