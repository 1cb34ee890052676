// face.h - how an answer leaves that is not written at once by the loop that its request came to.
//
// Most answers are encoded by the handler's stub straight into the connection. A call with a face
// gathers its answer in a buffer of its own instead, from whatever thread; on the loop of its
// connection the face then gives it the form that its caller expects.
#pragma once

#include "rpc/server_internal.h"

struct kp_face {
	// deliver is called once for each call that ended, one-way calls too, on the call's loop.
	// `answer` has the request's version, id and message type, and ret, reason, body (return
	// value at tag 0, out parameters at theirs; empty when ret is not 0) and context. The
	// connection may be closed by then: server_answer_out tells.
	void (*deliver)(struct kp_call *call, const struct kp_response_packet *answer);
	// take gives the arguments the form that handlers read: call->in.packet.body becomes fields
	// in the call's arena. It is called once the function is known, and may fail the call.
	// NULL: they have that form.
	void (*take)(struct kp_call *call);
};

// kp_face_packet answers with a packet of the TARS version.
extern const struct kp_face kp_face_packet;

// kp_face_json and kp_face_tup answer packets of the versions 5, and 2 and 3.
extern const struct kp_face kp_face_json;
extern const struct kp_face kp_face_tup;

// server_face_of returns the face for packets of a version; NULL: they need none.
const struct kp_face *server_face_of(int version);

// What faces share. server_function_of is the description of the function that was called, those
// that every servant has too. server_take_args keeps translated arguments, or fails the call.
// server_answer_json appends an answer's body as JSON; ENCODE: the handler's answer is not what the
// description says.
struct kp_json_form;
const struct kp_function *server_function_of(const struct kp_call *call);
void server_take_args(struct kp_call *call, kp_err err, const char *why, const struct kp_buf *args);
void server_take_json(struct kp_call *call, const struct kp_json_form *form);
kp_err server_answer_json(struct kp_call *call, const struct kp_json_form *form,
                          struct kp_bytes body, struct kp_buf *out, struct kp_why *why);

// server_begin starts a call whose packet was decoded elsewhere; its views are kept in
// arrival->block or are constant. `face` may be NULL for the TARS version. Returns false when the
// call could not even be refused, for want of memory.
bool server_begin(const struct arrival *arrival, const struct kp_request_packet *packet,
                  const struct kp_face *face, void *face_arg);

// server_answer_out returns the buffer to append a whole answer to, or NULL when its peer is gone;
// server_answer_sent sees it off.
struct kp_buf *server_answer_out(struct kp_call *call);
void server_answer_sent(struct kp_call *call);
