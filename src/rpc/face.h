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
};

// kp_face_packet answers with a packet of the TARS version.
extern const struct kp_face kp_face_packet;

// server_begin starts a call whose packet was decoded elsewhere; its views are kept in
// arrival->block or are constant. `face` may be NULL for the TARS version. Returns false when the
// call could not even be refused, for want of memory.
bool server_begin(const struct arrival *arrival, const struct kp_request_packet *packet,
                  const struct kp_face *face, void *face_arg);

// server_answer_out returns the buffer to append a whole answer to, or NULL when its peer is gone;
// server_answer_sent sees it off.
struct kp_buf *server_answer_out(struct kp_call *call);
void server_answer_sent(struct kp_call *call);
