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

// kp_field_walk goes through the fields of a struct in the order in which they travel, ascending by
// tag, however they stand in the table. A step costs the same whatever the number of fields: a few
// bytes of a message may ask for many walks.
struct kp_field_walk {
	const struct kp_field *fields;
	uint64_t left[4];   // tags that are to come
	uint8_t index[256]; // of the field with a tag, where there is one
};

// kp_field_walk_start goes to the first field, kp_field_next returns one after the other, and NULL
// behind the last. Of two fields with one tag it sees the later one.
void kp_field_walk_start(struct kp_field_walk *walk, const struct kp_struct_type *structure);
const struct kp_field *kp_field_next(struct kp_field_walk *walk);

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
