// tup.h - TUP, versions 2 and 3: parameters as attributes by name, instead of fields by tag.
//
//     version 3   map<string, bytes>                name -> the value, encoded at tag 0
//     version 2   map<string, map<string, bytes>>   name -> type's name -> the value
//
// The map is the body's field 0. An answer's return value has the names "" and "tars_ret", because
// some peers look for the one and some for the other. Source: contract B.9.
#pragma once

#include "kipp/describe.h"
#include "tars/packet.h"

// KP_TUP_CODE_KEY and KP_TUP_TEXT_KEY are where an answer's iRet and its text are in the status.
#define KP_TUP_CODE_KEY "STATUS_RESULT_CODE"
#define KP_TUP_TEXT_KEY "STATUS_RESULT_DESC"

enum {
	KP_TUP_ATTRIBUTES_MAX = 1024,
};

enum kp_tup_side {
	KP_TUP_REQUEST, // the in parameters
	KP_TUP_ANSWER,  // the return value and the out parameters
};

// kp_tup_to_body appends the TARS body that attributes of version 2 or 3 stand for. Attributes that
// the function does not have are passed over, those that are missing are left out. DECODE:
// malformed; LIMIT: more attributes than anybody needs, or nested too deeply; NOMEM. `out` is as
// before then. `arena` holds values that come as lists of int8.
kp_err kp_tup_to_body(const struct kp_function *function, enum kp_tup_side side, int version,
                      struct kp_bytes attributes, struct kp_arena *arena, struct kp_buf *out);

// kp_tup_from_body appends the attributes for a TARS body. Parts of the body that the function does
// not have are left out. DECODE: malformed.
kp_err kp_tup_from_body(const struct kp_function *function, enum kp_tup_side side, int version,
                        struct kp_bytes body, struct kp_buf *out);

// kp_tup_type_print appends a type as version 2 names it: "list<char>", "map<string,int32>".
void kp_tup_type_print(const struct kp_type *type, struct kp_buf *out);
