// transcode.h - JSON to the body of a call and back, guided by the function's description.
//
// A type maps so:
//
//     bool                 true, false
//     integers             numbers, all 64 bits
//     float, double        numbers; "NaN", "Infinity", "-Infinity"
//     string               strings
//     vector<byte>         strings of base64; read from lists of numbers too
//     vector<T>            lists
//     map<K, V>            objects if K is a string, integer or enum, else lists of [key, value];
//                          the latter is read for every K
//     struct               objects by the fields' names
//     enum                 the value's name; read from its number too
//
// A field that is missing or null is left out if it is optional, takes its default if it has one,
// and is an error else.
#pragma once

#include "kipp/describe.h"
#include "tars/json.h"

// kp_json_form is for whom JSON is written, and who has written it. All zero: for people, as the
// command does.
struct kp_json_form {
	const char *result; // what the return value of an answer is called; NULL: "return"
	bool is_plain;    // bytes are lists of numbers and enums numbers, as other TARS peers write
	bool is_tolerant; // names that the function or a struct does not have are passed over
};

// kp_json_form_http is the form of HTTP bodies, kp_json_form_packet that of packets of version 5.
extern const struct kp_json_form kp_json_form_http;
extern const struct kp_json_form kp_json_form_packet;

// kp_json_to_args appends the body of a request to `function`. `json` is an object keyed by the
// names of the in parameters, or a list of their values in order; empty text is an empty object.
// The arena holds what is needed meanwhile. INVALID: not JSON or not what the function takes, said
// in `why` with the path: "order.items[2].price: expected a number, got a string".
kp_err kp_json_to_args(const struct kp_function *function, struct kp_str json, struct kp_buf *out,
                       struct kp_arena *arena, struct kp_why *why);

// kp_args_to_json appends the body of an answer as one object: "return" unless the function is
// void, then the out parameters by name. DECODE: the body is malformed or lacks something, said in
// `why`; `out` is as before then.
kp_err kp_args_to_json(const struct kp_function *function, struct kp_bytes body,
                       enum kp_json_style style, struct kp_buf *out, struct kp_arena *arena,
                       struct kp_why *why);

// kp_json_to_args_form and kp_args_to_json_form do the same in a form.
kp_err kp_json_to_args_form(const struct kp_function *function, const struct kp_json_form *form,
                            struct kp_str json, struct kp_buf *out, struct kp_arena *arena,
                            struct kp_why *why);
kp_err kp_args_to_json_form(const struct kp_function *function, const struct kp_json_form *form,
                            struct kp_bytes body, struct kp_buf *out, struct kp_arena *arena,
                            struct kp_why *why);

// kp_request_to_json appends the body of a request as one object: the in parameters by name.
// Errors as above.
kp_err kp_request_to_json(const struct kp_function *function, struct kp_bytes body,
                          enum kp_json_style style, struct kp_buf *out, struct kp_arena *arena,
                          struct kp_why *why);

// kp_default_parse reads a field's default, as a .tars file writes it, as the JSON value of its
// type. INVALID: there is none or it is not understood.
kp_err kp_default_parse(const struct kp_field *field, struct kp_arena *arena, struct kp_json **ret);

// kp_path is where a value stands in its parameter, from the innermost part outwards, on the stack.
struct kp_path {
	const struct kp_path *up;
	struct kp_str name; // of a parameter, field or key; ptr NULL: `index` counts
	size_t index;
	bool is_key; // of a map
};

enum {
	KP_PATH_SIZE = 200
};

// kp_path_print writes `order.items[2].price`, cut at the size.
void kp_path_print(const struct kp_path *path, char text[KP_PATH_SIZE]);
