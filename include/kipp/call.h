// call.h - one call: on the server the request being answered, on a client the scope that calls are
// made in.
//
// A call owns an arena. Arguments and results are views that live as long as the call.
#pragma once

#include "kipp/arena.h"
#include "kipp/err.h"
#include "kipp/str.h"

KP_BEGIN_DECLS

struct kp_call;
struct kp_client;
struct kp_request;

// Return codes of the TARS protocol that travel in iRet (contract B.6). Applications use values
// above 0.
enum kp_ret {
	KP_RET_OK = 0,
	KP_RET_DECODE = -1,
	KP_RET_ENCODE = -2,
	KP_RET_NOFUNC = -3,
	KP_RET_NOSERVANT = -4,
	KP_RET_QUEUE_TIMEOUT = -6,
	KP_RET_OVERLOAD = -9,
	KP_RET_UNKNOWN = -99,
};

// kp_call_open makes a scope for calls from outside a handler. Not to be shared between threads at
// the same time.
KP_API kp_err kp_call_open(struct kp_client *client, struct kp_call **ret);
// kp_call_reset frees the results of the calls made so far and keeps the scope's options.
KP_API void kp_call_reset(struct kp_call *call);
// kp_call_close frees a scope made by kp_call_open, and with it all results. NULL is fine.
KP_API void kp_call_close(struct kp_call *call);

// kp_call_set_timeout sets how long the calls made from here may take, in milliseconds (0: the
// client's default). On a server the remaining time of the request is a further bound.
KP_API void kp_call_set_timeout(struct kp_call *call, int timeout_ms);

// kp_call_set_priority sets how important the calls made from here are, 0 to 7, the highest most. A
// handler's calls inherit that of its request; else it is 4.
KP_API void kp_call_set_priority(struct kp_call *call, int priority);

// kp_call_set_hash and kp_call_set_key say which calls belong together, so that a balancer that
// hashes sends them to one endpoint. An empty key takes either back.
KP_API void kp_call_set_hash(struct kp_call *call, uint32_t hash);
KP_API void kp_call_set_key(struct kp_call *call, struct kp_str key);

// kp_call_set_context adds a pair to the context map of the calls made from here; copied.
KP_API kp_err kp_call_set_context(struct kp_call *call, struct kp_str key, struct kp_str value);

// kp_call_context finds a value of the context that came in: on a server with the request, on a
// client with the last answer. Returns an empty view with a NULL pointer when there is none.
KP_API struct kp_str kp_call_context(const struct kp_call *call, struct kp_str key);

// kp_call_answer_context adds a pair to the answer's context; copied.
KP_API kp_err kp_call_answer_context(struct kp_call *call, struct kp_str key, struct kp_str value);

// kp_call_ret returns the iRet of the last answer, and kp_call_reason its text (sResultDesc), on a
// client scope.
KP_API int kp_call_ret(const struct kp_call *call);
KP_API struct kp_str kp_call_reason(const struct kp_call *call);

KP_API struct kp_arena *kp_call_arena(struct kp_call *call);
KP_API void *kp_call_alloc(struct kp_call *call, size_t size);
KP_API struct kp_str kp_call_str(struct kp_call *call, struct kp_str str);
KP_API struct kp_str kp_call_format(struct kp_call *call, const char *format, ...) KP_PRINTF(2, 3);

// Fan-out. X_f_begin sends a call and returns the request; each request then has exactly one end:
// X_f_end, which waits if need be and leaves the results in the scope's arena, or
// kp_request_cancel. In between they may be joined. All of it on the thread that began them, and
// all before their scope is reset or closed, or their client closed. On a plain thread they make
// headway only while it waits for something of its client's.
//
// kp_join_all waits until all `count` requests are done, each well or badly; *ret_index is the
// first that failed, or `count`. kp_join_any waits for one of them and says which; kp_join_good
// waits for one that went well, and if none did returns why the last one did not. After
// `timeout_ms` (0: no limit but their own) they return TIMEOUT, and every request that is not done
// ends with TIMEOUT. NULL requests are passed over; NOTFOUND: there are only such. STATE: on a
// plain thread, those of two clients. `ret_index` may be NULL.
KP_API kp_err kp_join_all(struct kp_call *call, struct kp_request **requests, size_t count,
                          int timeout_ms, size_t *ret_index);
KP_API kp_err kp_join_any(struct kp_call *call, struct kp_request **requests, size_t count,
                          int timeout_ms, size_t *ret_index);
KP_API kp_err kp_join_good(struct kp_call *call, struct kp_request **requests, size_t count,
                           int timeout_ms, size_t *ret_index);
// kp_request_cancel gives a request up, done or not, and frees it. A server of ours that has not
// started it will not. NULL is fine.
KP_API void kp_request_cancel(struct kp_request *request);

// kp_call_is_cancelled tells whether the work is for nobody any more: the caller has given up or is
// gone, or the deadline has passed. For handlers that compute for long; from any thread.
KP_API bool kp_call_is_cancelled(const struct kp_call *call);

// What follows is for handlers.

// kp_call_fail answers the request with an error instead of a result: iRet `code` (not 0) and a
// text. What the handler returns is then ignored. For a business outcome that callers handle, use
// the function's return value instead.
KP_API void kp_call_fail(struct kp_call *call, int code, const char *format, ...) KP_PRINTF(3, 4);

// kp_call_user returns what was given when the servant was added.
KP_API void *kp_call_user(const struct kp_call *call);

// kp_call_servant, kp_call_function and kp_call_peer ("10.0.0.7:40112") say what is asked, and by
// whom.
KP_API struct kp_str kp_call_servant(const struct kp_call *call);
KP_API struct kp_str kp_call_function(const struct kp_call *call);
KP_API struct kp_str kp_call_peer(struct kp_call *call);
KP_API bool kp_call_is_oneway(const struct kp_call *call);

// kp_call_defer tells that the request will be answered later: what the handler returns is ignored,
// and the call, with its arguments and its arena, lives on until kp_call_done. Called once, in the
// handler. A server does not end before its deferred calls are done.
KP_API void kp_call_defer(struct kp_call *call);
// kp_call_done ends a deferred call, from any thread, once: with the answer that was encoded or the
// failure that was set. The generated X_f_answer encodes the answer and then calls this. The call
// is gone when it returns.
KP_API void kp_call_done(struct kp_call *call);

// kp_call_sleep suspends the handler for `duration_ms`: its fiber, not its thread, unless it runs
// on a thread of a pool.
KP_API kp_err kp_call_sleep(struct kp_call *call, int duration_ms);

KP_END_DECLS
