// request.h - an outgoing call, from its stub to its answer.
//
//     opened --> started --> on a connection --> done
//                   |  ^          |
//             look-up  +----------+ elsewhere, if it was not sent or may be sent again
//
// A hedge is a second request that carries the first one's body to another endpoint; it belongs to
// the first, and whichever is answered well ends both.
#pragma once

#include "base/mem.h"
#include "guard/travel.h"
#include "kipp/client.h"
#include "kipp/stub.h"
#include "os/wait.h"
#include "route/table.h"
#include "rpc/call_internal.h"
#include "rpc/conn.h"
#include "rpc/due.h"

struct client_loop;
struct client_conn;
struct peer;
struct route;
struct kp_proxy;

// KP_CANCEL_FUNCTION, one-way, says that nobody waits for the request with the packet's id.
#define KP_CANCEL_FUNCTION "kipp_cancel"

enum {
	KP_ATTEMPTS_MAX = 4, // of one request, each at another endpoint
	KP_ASYNC_CONTEXT_MAX = 32,
	KP_HELLO_ID = INT32_MAX, // of what opens a connection; no request's
};

enum request_kind {
	REQUEST_WAITING, // somebody waits, or will
	REQUEST_ASYNC,   // somebody is called back
	REQUEST_ONEWAY,
	REQUEST_PROBE, // a ping of our own, that nobody waits for
	REQUEST_HEDGE,
};

// policy is kp_function_policy with its defaults filled in.
struct policy {
	struct kp_str function; // NULL: all others
	bool is_idempotent;
	int retries_max;
	int64_t hedge_ns; // 0: never
	int timeout_ms;   // 0: the client's
};

// waiting is a fiber or a plain thread that waits for some requests.
struct waiting {
	struct kp_wait_list fibers;
	size_t done;             // of the requests that are waited for
	size_t needed;           // so many done are enough,
	bool is_for_good;        // or one that went well
	struct kp_request *last; // that was done
	struct kp_request *good; // the first that went well
};

struct kp_request {
	struct kp_link link; // in conn->requests, route->waiting, loop->finished or
	                     // loop->free_requests
	struct client_loop *loop;
	struct route *route;
	struct kp_call *call;   // the scope of a waiting call, or NULL
	struct kp_pairs pairs;  // owned; the context of one that is not waited for at once
	struct kp_str function; // borrowed, as constant as the stub
	struct kp_buf body;
	int32_t id; // 0: none
	int ret;    // what the answer brought to a waiting request, in the call's arena: this,
	enum request_kind kind;
	bool is_written;
	bool is_done;
	bool is_held;        // whoever started a one-way request wants to know how it went
	bool is_begun;       // and kp_request_end or kp_request_cancel is to come
	bool is_lost;        // only its hedge can still save it
	bool is_retry;       // told to the server, which does not repeat what it does for it
	bool is_final;       // its caller is a retry: it is never sent a second time
	bool is_bounded;     // by its handler's deadline, more than by its own
	bool tells_deadline; // its handler has one
	bool is_plain;       // it is two-way and says nothing beside its arguments
	uint8_t priority;    // told if it is not the default
	uint64_t offset;     // in the connection's stream, once written
	uint64_t heard;      // what the connection had received by then
	struct client_conn *conn;
	struct kp_entry *entry; // where it is in flight; NULL: nowhere
	int64_t picked_ns;      // since when
	enum kp_key_kind key_kind;
	uint32_t key;
	uint32_t tried[KP_ATTEMPTS_MAX]; // ids in the route's table, by it or by `other`
	size_t attempts;
	int retries;
	kp_err err;
	const struct policy *policy;
	struct kp_request *other; // its hedge, or whose hedge it is
	struct due due;
	int64_t deadline_ns;
	struct waiting *waiting;   // NULL: nobody just now
	struct kp_link scope_link; // in the pending ones of its handler's call, until it is done,
	                           // or ended if it was begun
	kp_on_answer on_answer;
	_Alignas(16) char context[KP_ASYNC_CONTEXT_MAX];
	struct kp_str reason; // and these
	struct kp_packet_map answer_context;
	struct kp_decoder answer;
};

// request.c - life and end
struct kp_request *request_take(struct client_loop *loop);
void request_init(struct kp_request *request, struct route *route, enum request_kind kind,
                  struct kp_str function);
void request_give(struct kp_request *request);
struct kp_request *request_find(struct client_loop *loop, int32_t id);
// request_finish ends a request; whoever waits gets to know.
void request_finish(struct kp_request *request, kp_err err);
// request_cancel is request_fail for a request whose server is to be told.
void request_cancel(struct kp_request *request, kp_err err, const char *why);
void request_fail(struct kp_request *request, kp_err err, const char *format, ...) KP_PRINTF(3, 4);
void request_answered(struct client_loop *loop, struct client_conn *conn,
                      const struct kp_response_packet *packet, struct kp_block *block);
void request_on_due(struct kp_timer *timer);
void client_requests_free(struct client_loop *loop);
void client_run_callbacks(struct kp_deferred *deferred);

// request_travels tells whether the server is told more than the arguments and the timeout.
static inline bool request_travels(const struct kp_request *request)
{
	return request->tells_deadline || request->is_retry ||
	       request->priority != KP_PRIORITY_DEFAULT;
}

// request_context is what goes into the packet's context.
static inline const struct kp_pairs *request_context(const struct kp_request *request)
{
	return request->call && !request->is_begun ? &request->call->out.context : &request->pairs;
}

// send.c - from the request to a connection
// request_start finds out whom to send to first, if that is not known.
void request_start(struct kp_request *request);
void request_send(struct kp_request *request);
// request_probe asks an isolated peer for a sign of life, so that no caller has to find out.
void request_probe(struct route *route, struct peer *peer);
// request_send_elsewhere tries the next endpoint; false: there is none that was not tried.
bool request_send_elsewhere(struct kp_request *request);
// request_write encodes a request that waited for its connection.
void request_write(struct kp_request *request, struct client_conn *conn);
// request_lost says that a request's connection ended.
void request_lost(struct kp_request *request, struct client_conn *conn,
                  enum kp_close_reason reason);
// request_leave takes a request off its connection; what comes there for it is ignored from now on.
void request_leave(struct kp_request *request);
// request_call_off tells the server, if it understands, that nobody waits any more.
void request_call_off(struct kp_request *request);

// retry.c - a second copy
// request_retry sends a request elsewhere after `err`, if its policy and the budget allow it.
// False: it has come to its end.
bool request_retry(struct kp_request *request, kp_err err, bool may_have_run);
// request_rest leaves it to the hedge, if one is under way, to save a request that failed.
bool request_rest(struct kp_request *request, kp_err err);
// request_hedge asks another endpoint as well.
void request_hedge(struct kp_request *request);
// request_hedge_over ends a hedge that failed; request_hedge_drop one that is not needed any more.
void request_hedge_over(struct kp_request *hedge);
void request_hedge_drop(struct kp_request *request);
// request_hedge_won takes the hedge's place on its connection and returns the first request.
struct kp_request *request_hedge_won(struct kp_request *hedge);

// policy.c
extern const struct policy policy_default;
const struct policy *policy_of(const struct kp_proxy *proxy, struct kp_str function);
// route_settings is what kp_proxy_options says about choosing endpoints.
struct route_settings {
	enum kp_balancer balancer;
	size_t subset_size;
	int64_t slow_start_ns;
	int isolated_share_max; // percent
};

// policy_route returns the newest; it lasts as long as the client.
const struct route_settings *policy_route(const struct kp_proxy *proxy);
int policy_oneway_max(const struct kp_proxy *proxy);
// policy_keys tells the access key of a proxy's object, and the secret key; false: there is none.
bool policy_keys(const struct kp_proxy *proxy, struct kp_str *ret_access,
                 struct kp_str *ret_secret);
// policies_adopt gives a new proxy what the configuration says of its object. With the client's
// lock.
void policies_adopt(struct kp_proxy *proxy);
void policies_free(struct kp_client *client);

// join.c
void waiting_init(struct waiting *waiting, size_t needed, bool is_for_good);
// waiting_note counts a request that is done.
void waiting_note(struct kp_request *request);
// waiting_wait waits until it is enough. TIMEOUT, or CANCELLED: the server stops, or the handler's
// caller has given up.
kp_err waiting_wait(struct waiting *waiting, struct client_loop *loop, struct kp_call *call,
                    int64_t deadline_ns);
bool client_is_driven_here(const struct client_loop *loop);
