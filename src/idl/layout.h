// layout.h - the size of types in C, as the compiler of the generated code will see them.
#pragma once

#include "idl/ast.h"

// idl_layout_of returns the size and alignment of a resolved type; a struct's own must be known.
struct idl_layout idl_layout_of(const struct idl_type *type);

// idl_layout_add appends a member to a struct and returns its offset.
uint32_t idl_layout_add(struct idl_layout *layout, const struct idl_type *type);

// idl_layout_end rounds a struct up to its alignment; an empty one has the size 1.
void idl_layout_end(struct idl_layout *layout);
