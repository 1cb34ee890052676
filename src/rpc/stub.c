// stub.c - what generated code does with a request.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "rpc/cancel.h"

enum {
	STALE_POLL_NS = 50 * KP_NS_PER_MS,
};

kp_err kp_request_open(struct kp_proxy *proxy, struct kp_call *call, struct kp_str function,
                       struct kp_request **ret)
{
	if (!proxy)
		return KP_ERR_NOMEM;
	kp_err err = KP_OK;
	struct client_loop *loop = client_loop_get(proxy->client, &err);
	if (!loop)
		return err;
	struct route *route = client_route(loop, proxy, &err);
	if (!route)
		return err;
	struct kp_request *request = request_take(loop);
	if (!request)
		return KP_ERR_NOMEM;
	request_init(request, route, REQUEST_WAITING, function);
	request->call = call;
	*ret = request;
	return KP_OK;
}

struct kp_buf *kp_request_body(struct kp_request *request)
{
	return &request->body;
}

// --- before it is sent

// look_around lets a private loop that has not run for a while see what has happened, such as a
// server's hanging up.
static void look_around(struct client_loop *loop)
{
	int64_t now_ns = kp_clock_ns();
	if (now_ns - loop->ran_ns <= STALE_POLL_NS)
		return;
	kp_loop_poll(loop->loop);
	loop->ran_ns = now_ns;
}

static void set_deadline(struct kp_request *request, int64_t now_ns)
{
	const struct kp_call *call = request->call;
	int timeout_ms = call ? call->out.options.timeout_ms : 0;
	if (timeout_ms == 0)
		timeout_ms = request->policy->timeout_ms;
	if (timeout_ms == 0)
		timeout_ms = client_timeout(request->loop->client);
	request->deadline_ns = now_ns + timeout_ms * (int64_t)KP_NS_PER_MS;
	if (KP_UNLIKELY(call && call->deadline_ns < request->deadline_ns)) {
		request->deadline_ns = call->deadline_ns;
		request->is_bounded = true;
	}
}

// inherit takes over what a request has from the scope that it is made in.
static void inherit(struct kp_request *request)
{
	const struct kp_call *call = request->call;
	if (call->out.options.priority > 0)
		request->priority = (uint8_t)(call->out.options.priority - 1);
	if (call->out.options.has_hash) {
		request->key_kind = call->out.options.is_key ? KP_KEY_CONSISTENT : KP_KEY_MODULO;
		request->key = call->out.hash;
	}
	if (call->in.loop) {
		request->is_final = call->out.options.is_retry;
		request->tells_deadline = call->deadline_ns != KP_NS_NEVER;
	}
}

// check says why a request cannot even be tried.
static kp_err check(const struct kp_request *request, int64_t now_ns)
{
	if (KP_UNLIKELY(request->body.err != KP_OK))
		return request->body.err == KP_ERR_NOMEM ? KP_ERR_NOMEM : KP_ERR_ENCODE;
	if (KP_UNLIKELY(request->deadline_ns <= now_ns))
		return KP_ERR_TIMEOUT;
	if (KP_UNLIKELY(request->call && call_is_given_up(request->call)))
		return KP_ERR_CANCELLED;
	return KP_OK;
}

static kp_err start_clock(struct kp_request *request, int64_t now_ns)
{
	struct client_loop *loop = request->loop;
	int64_t at_ns = request->deadline_ns;
	int64_t hedge_ns = request->policy->hedge_ns;
	if (KP_UNLIKELY(hedge_ns > 0) && request->kind <= REQUEST_ASYNC &&
	    now_ns + hedge_ns < at_ns)
		at_ns = now_ns + hedge_ns;
	request->is_plain = request->kind <= REQUEST_ASYNC &&
	                    request_context(request)->count == 0 && !request_travels(request);
	request->due.timer.on_timer = request_on_due;
	KP_TRY(due_start(&loop->dues, &request->due, at_ns));
	return inflight_add(&loop->inflight, request, &request->id);
}

// prepare checks the request and starts the clock; on failure the request is gone.
static kp_err prepare(struct kp_request *request)
{
	if (client_is_driven_here(request->loop))
		look_around(request->loop);
	int64_t now_ns = kp_loop_refresh(request->loop->loop);
	request->policy = policy_of(request->route->proxy, request->function);
	set_deadline(request, now_ns);
	if (request->call)
		inherit(request);
	kp_err err = check(request, now_ns);
	if (err == KP_OK)
		err = start_clock(request, now_ns);
	if (KP_LIKELY(err == KP_OK)) {
		kp_budget_on_call(&request->loop->budget);
		return KP_OK;
	}
	due_stop(&request->due);
	if (request->kind == REQUEST_WAITING) {
		request->call->out.ret = 0;
		request->call->out.reason = kp_str("it was not sent");
	}
	request_give(request);
	return err;
}

// take_context takes the scope's context along, as it is now.
static void take_context(struct kp_request *request)
{
	if (!request->call || request->call->out.context.count == 0)
		return;
	const struct kp_pairs *pairs = &request->call->out.context;
	kp_buf_append(&request->pairs.bytes, pairs->bytes.data, pairs->bytes.len);
	request->pairs.count = pairs->count;
	if (request->pairs.bytes.err != KP_OK)
		request->body.err = KP_ERR_NOMEM;
}

// prepare_apart is prepare for a request that may outlive its scope.
static kp_err prepare_apart(struct kp_request *request, enum request_kind kind)
{
	request->kind = kind;
	take_context(request);
	KP_TRY(prepare(request));
	request->call = NULL;
	return KP_OK;
}

// --- waiting for the answer

// take_answer moves what the answer brought to the scope, and frees the request.
static kp_err take_answer(struct kp_request *request, struct kp_decoder *ret_in)
{
	struct kp_call *call = request->call;
	kp_err err = request->err;
	call->out.ret = request->ret;
	call->out.reason = request->reason;
	call->out.answer_context = request->answer_context;
	if (err == KP_OK)
		*ret_in = request->answer;
	request_give(request);
	return err;
}

static void wait_for_answer(struct kp_request *request)
{
	struct waiting waiting;
	waiting_init(&waiting, 1, false);
	request->waiting = &waiting;
	kp_err err = waiting_wait(&waiting, request->loop, request->call, KP_NS_NEVER);
	if (KP_UNLIKELY(!request->is_done))
		request_cancel(request, err,
		               call_is_given_up(request->call) ? "the caller has given up"
		                                               : "the server is stopping");
	request->waiting = NULL;
}

static bool may_wait(const struct kp_request *request)
{
	return kp_fiber_current() || client_is_driven_here(request->loop);
}

static kp_err begin(struct kp_request *request)
{
	if (KP_UNLIKELY(!may_wait(request))) {
		request_give(request);
		return KP_ERR_STATE;
	}
	kp_assert(request->call);
	KP_TRY(prepare(request));
	if (KP_UNLIKELY(request->call->in.loop != NULL))
		call_add_pending(request->call, request);
	request_start(request);
	return KP_OK;
}

kp_err kp_request_wait(struct kp_request *request, struct kp_decoder *ret_in)
{
	KP_TRY(begin(request));
	if (KP_LIKELY(!request->is_done))
		wait_for_answer(request);
	return take_answer(request, ret_in);
}

// --- in two steps

kp_err kp_request_begin(struct kp_request *request, struct kp_request **ret)
{
	request->is_begun = true;
	take_context(request); // until it is sent there may be another one
	KP_TRY(begin(request));
	request->loop->waits++; // the client is not closed under it
	// On a plain thread nobody else would carry it to the kernel.
	if (client_is_driven_here(request->loop))
		kp_loop_flush(request->loop->loop);
	*ret = request;
	return KP_OK;
}

static void end_begun(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	kp_assert(request->is_begun);
	request->is_begun = false;
	kp_list_remove(&request->scope_link);
	loop->waits--;
	client_loop_let_go(loop);
}

kp_err kp_request_end(struct kp_request *request, struct kp_decoder *ret_in)
{
	if (!request->is_done && !may_wait(request)) {
		kp_request_cancel(request);
		return KP_ERR_STATE;
	}
	if (!request->is_done)
		wait_for_answer(request);
	end_begun(request);
	return take_answer(request, ret_in);
}

void kp_request_cancel(struct kp_request *request)
{
	if (!request)
		return;
	if (!request->is_done)
		request_cancel(request, KP_ERR_CANCELLED, "it was cancelled");
	end_begun(request);
	request_give(request);
}

// --- without waiting

kp_err kp_request_async(struct kp_request *request, kp_on_answer on_answer, const void *context,
                        size_t context_size)
{
	kp_assert(context_size <= KP_ASYNC_CONTEXT_MAX);
	if (context_size)
		memcpy(request->context, context, context_size);
	KP_TRY(prepare_apart(request, REQUEST_ASYNC));
	request->on_answer = on_answer;
	request->loop->asyncs++;
	request_start(request);
	return KP_OK;
}

int kp_answer_ret(const void *context, struct kp_str *ret_reason)
{
	const char *start = (const char *)context - offsetof(struct kp_request, context);
	const struct kp_request *request = (const struct kp_request *)(const void *)start;
	*ret_reason = request->reason;
	return request->ret;
}

// has_left tells whether there is nothing more to be done for a one-way request here.
static bool has_left(const struct kp_request *request)
{
	if (!request->is_done || request->err != KP_OK)
		return request->is_done;
	KP_LIST_EACH (&request->loop->conns, link, following) {
		const struct client_conn *conn = KP_CONTAINER(link, struct client_conn, link);
		if (conn == request->conn)
			return conn->conn.state == KP_CONN_CLOSED ||
			       kp_conn_unsent(&conn->conn) == 0;
	}
	return true; // with its connection
}

static void on_time_is_over(struct kp_timer *timer)
{
	(void)timer; // its firing ends the batch
}

// see_off runs a plain thread's loop, which nobody else does, until the kernel has the request or
// its time is over.
static void see_off(struct kp_request *request)
{
	struct kp_loop *loop = request->loop->loop;
	struct kp_timer timer = {.on_timer = on_time_is_over};
	kp_loop_flush(loop);
	if (has_left(request) || kp_timer_start(loop, &timer, request->deadline_ns) != KP_OK)
		return;
	while (!has_left(request) && kp_clock_ns() < request->deadline_ns)
		kp_loop_run_once(loop);
	kp_timer_stop(&timer);
}

// start_oneway tells what went wrong at once. What goes wrong later nobody hears of.
static kp_err start_oneway(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	int max = policy_oneway_max(request->route->proxy);
	loop->oneways++;
	if (KP_UNLIKELY(max >= 0 && loop->oneways > max))
		request_finish(request, KP_ERR_OVERLOAD); // while the look-up takes long
	else
		request_start(request);
	if (KP_UNLIKELY(max < 0 && !request->is_done)) // it waits for a look-up
		request_finish(request, KP_ERR_AGAIN);
	return request->err;
}

kp_err kp_request_oneway(struct kp_request *request)
{
	bool is_driven = client_is_driven_here(request->loop);
	KP_TRY(prepare_apart(request, REQUEST_ONEWAY));
	request->is_held = true;
	kp_err err = start_oneway(request);
	if (is_driven)
		see_off(request);
	request->is_held = false;
	if (request->is_done)
		request_give(request);
	return err;
}
