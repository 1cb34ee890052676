// parse.h - the tokens of a file as declarations.
#pragma once

#include "idl/ast.h"

// idl_parse reads `file` and adds its declarations to the tree; an #include is handed to
// on_include where it stands, so that what it declares comes first.
typedef void (*idl_on_include)(struct kp_idl *idl, struct idl_file *file,
                               struct idl_include *include);
void idl_parse(struct kp_idl *idl, struct idl_file *file, idl_on_include on_include);
