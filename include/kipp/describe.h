// describe.h - an interface as data: what functions it has, what types they use.
//
// The IDL compiler writes these tables beside the generated code, so that a running server can
// describe itself and any tool can call any function by name. All tables are constant and live as
// long as the program.
#pragma once

#include "kipp/codec.h"

KP_BEGIN_DECLS

struct kp_call;

enum kp_kind {
	KP_KIND_VOID,
	KP_KIND_BOOL,
	KP_KIND_I8,
	KP_KIND_I16,
	KP_KIND_I32,
	KP_KIND_I64,
	KP_KIND_U8,
	KP_KIND_U16,
	KP_KIND_U32,
	KP_KIND_F32,
	KP_KIND_F64,
	KP_KIND_STR,
	KP_KIND_BYTES,
	KP_KIND_LIST,
	KP_KIND_MAP,
	KP_KIND_STRUCT,
	KP_KIND_ENUM,
};

struct kp_enum_value {
	const char *name;
	int32_t value;
};

struct kp_enum_type {
	const char *name; // "Module::Name"
	const struct kp_enum_value *values;
	size_t value_count;
};

// kp_type is one use of a type. A list's memory is {T *ptr; size_t len;}; a map's the same with
// entries {K key; V value;}.
struct kp_type {
	enum kp_kind kind;
	uint32_t size;                          // sizeof the C type
	const struct kp_type *element;          // LIST: the element; MAP: the value
	const struct kp_type *key;              // MAP
	uint32_t entry_size;                    // MAP: sizeof an entry
	uint32_t value_offset;                  // MAP: of the value in an entry
	const struct kp_struct_type *structure; // STRUCT
	const struct kp_enum_type *enumeration; // ENUM
};

struct kp_field {
	const char *name;
	const struct kp_type *type;
	uint8_t tag;
	bool required;
	uint32_t offset;          // in the C struct
	const char *default_text; // as written in the .tars file, or NULL
};

struct kp_struct_type {
	const char *name; // "Module::Name"
	const struct kp_field *fields;
	size_t field_count;
	uint32_t size;
};

struct kp_param {
	const char *name;
	const struct kp_type *type;
	bool is_out;
};

// kp_dispatch decodes the arguments, calls the handler in `ops` and encodes its answer. Decoding
// errors stay in `in`.
typedef void (*kp_dispatch)(const void *ops, struct kp_call *call, struct kp_decoder *in);

struct kp_function {
	const char *name;
	const struct kp_type *result;  // kind VOID for void
	const struct kp_param *params; // numbered from 1, in and out together
	size_t param_count;
	kp_dispatch dispatch; // NULL in a description that came over the wire
};

struct kp_interface {
	const char *name; // "Module::Name"
	const struct kp_function *functions;
	size_t function_count;
	// find returns the index of the function called `name`, or -1.
	int (*find)(struct kp_str name);
};

// kp_value_equal compares two values of one type, field by field; lists by order, maps by order of
// their entries.
KP_API bool kp_value_equal(const struct kp_type *type, const void *a, const void *b);

// kp_value_print appends a value as one line of JSON-like text for people: {"id": 7, "name": "x"}.
KP_API void kp_value_print(const struct kp_type *type, const void *value, struct kp_buf *out);

KP_END_DECLS
