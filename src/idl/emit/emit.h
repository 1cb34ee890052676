// emit.h - what the parts of the C emitter share.
#pragma once

#include "idl/ast.h"
#include "idl/names.h"

// idl_used is a type that the file uses, once; what it is made of comes before it.
struct idl_used {
	struct idl_used *next;
	const struct idl_type *type;
	bool is_defined;  // in the header, by emit_types
	bool needs_entry; // a map whose entry's struct follows later
};

struct idl_emitter {
	struct kp_idl *idl;
	const struct idl_file *file; // whose declarations are emitted
	const char *stem;
	struct kp_buf *out;
	struct idl_used *used;
};

// IDL_EACH walks the declarations of one kind of the emitter's file.
#define IDL_EACH(e, decl, wanted)                                                       \
	for (struct idl_decl * (decl) = (e)->idl->decls; (decl); (decl) = (decl)->next) \
		if ((decl)->file == (e)->file && (decl)->kind == (wanted))

// idl_emit_types writes constants, enums, structs, and the vectors and maps that they need.
void idl_emit_types(struct idl_emitter *e);
// idl_emit_struct_functions declares, or defines, what can be done with enums and structs.
void idl_emit_struct_prototypes(struct idl_emitter *e);
void idl_emit_struct_functions(struct idl_emitter *e);
// idl_emit_container_functions defines the static helpers of vectors and maps.
void idl_emit_container_functions(struct idl_emitter *e);
// idl_emit_tables defines the tables of describe.h.
void idl_emit_tables(struct idl_emitter *e);
// idl_emit_interface_tables defines the tables of the functions, behind their dispatch functions.
void idl_emit_interface_tables(struct idl_emitter *e);
// idl_emit_client declares or defines the calls, idl_emit_server the handlers and their dispatch.
void idl_emit_client_prototypes(struct idl_emitter *e);
void idl_emit_client(struct idl_emitter *e);
void idl_emit_server_prototypes(struct idl_emitter *e);
void idl_emit_server(struct idl_emitter *e);

// idl_emit_encode writes the call that encodes `value`; a struct is given by its address.
void idl_emit_encode(struct idl_emitter *e, const char *indent, unsigned tag,
                     const struct idl_type *type, struct kp_str value);
// idl_emit_decode writes the call that decodes into *`address`, without indent and semicolon.
void idl_emit_decode(struct idl_emitter *e, const struct idl_type *type, const char *in,
                     unsigned tag, bool required, struct kp_str address);

// idl_c_type returns "int32_t", "struct kp_str", "enum Demo_Color".
struct kp_str idl_c_type(struct kp_idl *idl, const struct idl_type *type);
// idl_c_value returns a default or constant as C; a string as a literal.
struct kp_str idl_c_value(struct kp_idl *idl, const struct idl_type *type,
                          const struct idl_value *value);
// idl_c_literal returns a C string literal of the bytes.
struct kp_str idl_c_literal(struct kp_idl *idl, struct kp_str bytes);
// idl_emit_comment writes a `//` comment of the source, each of its lines behind `indent`.
void idl_emit_comment(struct idl_emitter *e, const char *indent, struct kp_str comment);
// idl_emit_remark ends a line, with the comment that stood behind it in the source.
void idl_emit_remark(struct idl_emitter *e, struct kp_str remark);

// idl_base_name returns the last part of a path.
struct kp_str idl_base_name(struct kp_str path);

// idl_signature writes a parameter list, broken where a line would be too long.
struct idl_signature {
	struct kp_buf *out;
	const char *tabs; // before each line
	size_t indent;    // behind them
	size_t column;
	bool has_params;
};

struct idl_signature idl_signature_begin(struct idl_emitter *e, const char *format, ...)
        KP_PRINTF(2, 3);
void idl_signature_add(struct idl_emitter *e, struct idl_signature *signature, const char *format,
                       ...) KP_PRINTF(3, 4);
// idl_signature_add_value adds a parameter that is only read: a struct by its address.
void idl_signature_add_value(struct idl_emitter *e, struct idl_signature *signature,
                             const struct idl_type *type, struct kp_str name);
// idl_signature_add_ins adds the in parameters of a function.
void idl_signature_add_ins(struct idl_emitter *e, struct idl_signature *signature,
                           const struct idl_function *function);
// idl_signature_end closes the list; `tail` is ";" or what else follows on the line.
void idl_signature_end(struct idl_signature *signature, const char *tail);
