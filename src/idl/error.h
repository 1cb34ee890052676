// error.h - the errors of a text, collected and then told together.
#pragma once

#include "idl/ast.h"

// idl_error remembers an error at a place. After IDL_ERRORS_MAX of them they are only counted.
void idl_error(struct kp_idl *idl, struct idl_place place, const char *format, ...) KP_PRINTF(3, 4);

// idl_errors_print appends all errors, by file and place: `file:line:col: message`, the line, a
// caret.
void idl_errors_print(struct kp_idl *idl, struct kp_buf *out);
