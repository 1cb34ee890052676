// stub.h - what generated client and server code calls. People write against the generated
// functions instead.
//
// An outgoing call is a request: open it, encode the parameters into its body, then exactly one of
// wait, async, oneway, begin. What was begun ends by kp_request_end or kp_request_cancel.
#pragma once

#include "kipp/client.h"
#include "kipp/describe.h"

KP_BEGIN_DECLS

struct kp_request;

// kp_request_open starts a call of `function` on `proxy`. `call` is the scope for a waiting call,
// and may be NULL for async and oneway.
KP_API kp_err kp_request_open(struct kp_proxy *proxy, struct kp_call *call, struct kp_str function,
                              struct kp_request **ret);

// kp_request_body is where the parameters are encoded.
KP_API struct kp_buf *kp_request_body(struct kp_request *request);

// kp_request_wait sends the request, waits for the answer, frees the request, and leaves the
// answer's body in *ret_in, valid as long as the call. A failure of the framework or an iRet other
// than 0 is the error it returns.
KP_API kp_err kp_request_wait(struct kp_request *request, struct kp_decoder *ret_in);

// kp_request_begin sends the request, whose scope is not NULL, and returns; if it fails the request
// is freed.
KP_API kp_err kp_request_begin(struct kp_request *request, struct kp_request **ret);
// kp_request_end is the second half of a kp_request_wait whose first was kp_request_begin.
KP_API kp_err kp_request_end(struct kp_request *request, struct kp_decoder *ret_in);

// on_answer is called once, on a fiber of the calling thread's loop; `in` is valid until it returns
// and NULL on error.
typedef void (*kp_on_answer)(void *context, kp_err err, struct kp_decoder *in);

// kp_request_async sends the request and returns. `context` is `context_size` bytes (at most 32)
// that are copied into the request and handed to on_answer by address: the stub's callback and
// argument travel there. If it fails, on_answer is not called.
KP_API kp_err kp_request_async(struct kp_request *request, kp_on_answer on_answer,
                               const void *context, size_t context_size);

// kp_answer_ret tells an on_answer that got an error what the server said: iRet, or 0 where no
// answer came, and its text. `context` is the one that on_answer got; the text is valid until it
// returns.
KP_API int kp_answer_ret(const void *context, struct kp_str *ret_reason);

// kp_request_oneway sends the request, frees it, and expects no answer. On a plain thread it
// returns when the kernel has taken it, or its time is over.
KP_API kp_err kp_request_oneway(struct kp_request *request);

// kp_call_answer starts the answer of a request on the server and returns where its body is
// encoded: the return value with tag 0, then the out parameters. NULL: no answer is wanted
// (one-way, failed, deferred, peer gone). No waiting between this and the return of the dispatch
// function.
KP_API struct kp_buf *kp_call_answer(struct kp_call *call);

// kp_call_answer_late is the same for a deferred call, from any thread, before kp_call_done; the
// generated X_f_answer calls both.
KP_API struct kp_buf *kp_call_answer_late(struct kp_call *call);

KP_END_DECLS
