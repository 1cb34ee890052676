// check.h - what a text must obey beyond its grammar.
#pragma once

#include "idl/ast.h"

// idl_check resolves all names, orders fields by their tags, gives enum values their numbers, and
// reports what does not hold.
void idl_check(struct kp_idl *idl);

// idl_check_value reports a default or constant that does not fit its type, and resolves a name in
// it. `what` is "default" or "constant"; `module` is where names are looked up.
void idl_check_value(struct kp_idl *idl, struct kp_str module, const struct idl_type *type,
                     struct idl_value *value, const char *what);
