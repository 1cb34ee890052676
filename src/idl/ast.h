// ast.h - the tree that the stages of the compiler share: parse builds it, check completes it,
// the emitters read it.
//
// The whole tree lives in the arena of its kp_idl. Lists are singly linked, in the order of the
// text.
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "idl/idl.h"

#include <inttypes.h>

enum {
	IDL_ERRORS_MAX = 50,
	IDL_TAG_MAX = 255,
	IDL_PARAMS_MAX = 254,
	IDL_NAME_SIZE_MAX = 128,
	IDL_DEPTH_MAX = 32,            // vectors and maps in each other; includes in each other
	IDL_STRUCT_SIZE_MAX = 1 << 20, // in C, with the structs in it
	IDL_TEXT_SIZE_MAX = 4 << 20,   // of one file
};

// idl_place is a position in a file.
struct idl_place {
	const struct idl_file *file;
	size_t offset;
};

struct idl_include {
	struct idl_include *next;
	struct kp_str path; // as written
	struct idl_place place;
	struct idl_file *file; // what was found
};

struct idl_file {
	struct idl_file *next;
	struct kp_str path; // as found, NUL-terminated
	struct kp_str text;
	size_t index; // 0: the file that was asked for
	bool is_parsed;
	bool is_open; // while it and what it includes is being parsed
	struct idl_include *includes;
};

struct idl_name {
	struct kp_str text;
	struct idl_place place;
};

struct idl_type {
	enum kp_kind kind;    // VOID for a name until it is resolved
	struct idl_name name; // as written, for structs and enums
	struct idl_type *element;
	struct idl_type *key;
	const struct idl_decl *decl; // STRUCT, ENUM
	struct kp_str c_name;        // LIST, MAP: the name of its C struct
};

enum idl_value_kind {
	IDL_VALUE_NONE,
	IDL_VALUE_INTEGER,
	IDL_VALUE_REAL,
	IDL_VALUE_STRING,
	IDL_VALUE_BOOL,
	IDL_VALUE_NAME, // of an enum's value or a const
};

struct idl_value {
	enum idl_value_kind kind;
	struct kp_str text;    // as written
	struct kp_str literal; // once checked: as a tool reads it without the names of this file
	struct idl_place place;
	int64_t integer;                         // INTEGER, BOOL
	double real;                             // REAL, INTEGER
	struct kp_str string;                    // STRING, escapes resolved
	const struct idl_enum_value *enum_value; // NAME, once checked; its enum:
	const struct idl_decl *enum_decl;
};

struct idl_field {
	struct idl_field *next;
	struct idl_name name;
	struct idl_place place; // of the tag
	int64_t tag;
	bool required;
	struct idl_type *type;
	struct idl_value value; // the default
	struct kp_str c_name;
	struct kp_str comment; // its lines of // above
	struct kp_str remark;  // the // on its own line
};

struct idl_key_part {
	struct idl_key_part *next;
	struct idl_name name;
	const struct idl_field *field; // once checked
};

struct idl_enum_value {
	struct idl_enum_value *next;
	struct idl_name name;
	bool has_number;
	struct idl_value number_value; // as written, if has_number
	int64_t number;
	bool is_numbered; // once checked
	struct kp_str c_name;
	struct kp_str comment;
	struct kp_str remark;
};

struct idl_param {
	struct idl_param *next;
	struct idl_name name;
	bool is_out;
	unsigned tag; // from 1
	struct idl_type *type;
	struct kp_str c_name;
};

struct idl_function {
	struct idl_function *next;
	struct idl_name name;
	struct idl_type *result;
	struct idl_param *params;
	size_t param_count;
	struct kp_str c_name;   // "Module_Interface_function"
	struct kp_str c_member; // in the table of handlers
	struct kp_str cpp_name; // of the member function
	struct kp_str comment;
};

struct idl_layout {
	uint32_t size;
	uint32_t alignment;
};

enum idl_decl_kind {
	IDL_STRUCT,
	IDL_ENUM,
	IDL_CONST,
	IDL_INTERFACE,
	IDL_KEY,
};

struct idl_decl {
	struct idl_decl *next;
	enum idl_decl_kind kind;
	const struct idl_file *file;
	struct kp_str module;
	struct idl_name name;
	struct kp_str full_name; // "Module::Name"
	struct kp_str c_name;    // "Module_Name"
	struct kp_str comment;

	struct idl_field *fields;       // STRUCT; ascending by tag once checked
	struct idl_key_part *key;       // STRUCT, from its key[]; KEY
	struct idl_enum_value *values;  // ENUM
	struct idl_type *type;          // CONST
	struct idl_value value;         // CONST
	struct idl_function *functions; // INTERFACE
	struct idl_layout layout;       // STRUCT, once checked
	int visit;                      // check's and emit's mark
};

struct idl_error {
	struct idl_place place;
	struct kp_str text;
};

struct kp_idl {
	struct kp_arena arena;
	const struct kp_idl_options *options; // borrowed while opening
	kp_err err;                           // NOMEM, LIMIT: nothing more is tried
	struct idl_file *files;
	size_t file_count;
	struct idl_decl *decls;
	struct idl_decl *last_decl;
	struct kp_map names; // "Module::Name" to idl_decl
	KP_VEC(struct idl_error) errors;
	size_t error_count; // more than are kept
};

// idl_new returns a cleared node, or NULL and leaves NOMEM in idl->err.
void *idl_alloc(struct kp_idl *idl, size_t size);
#define idl_new(idl, type) ((type *)idl_alloc((idl), sizeof(type)))

// idl_str copies a text into the arena, idl_format prints into it; NOMEM goes to idl->err.
struct kp_str idl_str(struct kp_idl *idl, struct kp_str str);
struct kp_str idl_format(struct kp_idl *idl, const char *format, ...) KP_PRINTF(2, 3);

// idl_find_decl finds what a name means inside `module`: "Name" there, or "Module::Name". NULL:
// nothing.
struct idl_decl *idl_find_decl(const struct kp_idl *idl, struct kp_str module, struct kp_str name);
