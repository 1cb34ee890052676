// describe.h - an interface's description as bytes on the wire and as text for people.
//
// Every servant answers the reserved function `kipp_describe` (no parameters) with these bytes as
// its return value, a vector<byte>.
#pragma once

#include "base/vec.h"
#include "kipp/describe.h"

// KP_DESCRIBE_FUNCTION is the reserved function's name.
#define KP_DESCRIBE_FUNCTION "kipp_describe"

enum {
	KP_DESCRIPTION_SIZE_MAX = 1 << 20,
	KP_DESCRIPTION_TYPES_MAX = 2048, // structs, and enums, that a reader takes
	KP_DESCRIPTION_VERSION = 1,
};

// kp_interface_encode appends the description with all the types it uses. Errors: the buffer's, and
// NOMEM.
kp_err kp_interface_encode(const struct kp_interface *interface, struct kp_buf *out);

// kp_interface_decode reads a description into the arena; it keeps no view of `bytes`. Its
// functions have no dispatch, its types no C layout, and it has no find: use kp_interface_find.
// DECODE: malformed.
kp_err kp_interface_decode(struct kp_bytes bytes, struct kp_arena *arena,
                           struct kp_interface **ret);

// kp_interface_find returns the index of the function called `name`, or -1, in any description.
int kp_interface_find(const struct kp_interface *interface, struct kp_str name);

// kp_enum_find returns the value called `name`, which may be qualified as "Module::name", or NULL.
const struct kp_enum_value *kp_enum_find(const struct kp_enum_type *enumeration,
                                         struct kp_str name);
// kp_enum_name returns the name of a value, or NULL.
const char *kp_enum_name(const struct kp_enum_type *enumeration, int32_t value);

// kp_field_after returns the field with the smallest tag over `tag` (-1: the first), or NULL: the
// order in which fields travel.
const struct kp_field *kp_field_after(const struct kp_struct_type *structure, int tag);

// kp_type_print appends a type as a .tars file writes it: map<string, vector<Book::Item>>.
void kp_type_print(const struct kp_type *type, struct kp_buf *out);

// kp_function_signature appends `int pay(string visitor, long cents, out string receipt)`.
void kp_function_signature(const struct kp_function *function, struct kp_buf *out);

// kp_interface_print appends the interface and the types it uses as a .tars file. Errors: the
// buffer's, and NOMEM.
kp_err kp_interface_print(const struct kp_interface *interface, struct kp_buf *out);

// kp_type_table lists the named types that an interface uses, each once. All zero is a valid empty
// table.
struct kp_type_table {
	KP_VEC(const struct kp_enum_type *) enums;
	KP_VEC(const struct kp_struct_type *) structs;
};

kp_err kp_type_table_collect(struct kp_type_table *table, const struct kp_interface *interface);
void kp_type_table_fini(struct kp_type_table *table);
