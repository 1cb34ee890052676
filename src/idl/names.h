// names.h - what things of a .tars file are called in C.
#pragma once

#include "idl/ast.h"

// idl_c_word returns a name that C and C++ allow: the word itself, or with a `_` behind it (an `x`
// before a `_`) when it is reserved there, a macro or type of the standard headers, or the
// library's.
struct kp_str idl_c_word(struct kp_idl *idl, struct kp_str word);

// idl_is_reserved tells whether idl_c_word would return another word.
bool idl_is_reserved(struct kp_str word);

// idl_name_decl gives a declaration and its parts their names in C, and reports those that two
// things would share. `seen` holds the names given so far.
void idl_name_decl(struct kp_idl *idl, struct idl_decl *decl, struct kp_map *seen);

// idl_name_type names the C struct of a resolved vector or map, and those inside it.
void idl_name_type(struct kp_idl *idl, struct idl_type *type);

// idl_type_name returns "kp_i32", "Demo_User", "kp_str_list": the stem of a type's functions.
struct kp_str idl_type_name(const struct idl_type *type);
