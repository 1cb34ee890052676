// cpp.h - what the parts of the C++ emitter share.
#pragma once

#include "idl/emit/emit.h"

// idl_cpp_type returns "int32_t", "std::string", "std::vector<::Demo::Title>".
struct kp_str idl_cpp_type(struct kp_idl *idl, const struct idl_type *type);

// idl_cpp_module opens the namespace of a declaration, once for its neighbours of the same module.
// The empty text closes the last one.
void idl_cpp_module(struct idl_emitter *e, struct kp_str *current, struct kp_str module);

// idl_cpp_is_simple tells whether a value is passed as it is, and not by reference.
bool idl_cpp_is_simple(const struct idl_type *type);

// idl_cpp_initial returns what stands behind a member: " = 0", or nothing for those that have a
// constructor.
struct kp_str idl_cpp_initial(const struct idl_type *type);

// idl_cpp_emit_interfaces writes the servant's class and the proxy's of each interface.
void idl_cpp_emit_interfaces(struct idl_emitter *e, struct kp_str *module);
