// request.c - an outgoing call, from its stub to its answer.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"

#include <stdarg.h>

enum {
	PROBE_TIMEOUT_NS = 1000 * KP_NS_PER_MS,
	FREE_REQUESTS_MAX = 1024,
	BODY_KEPT_MAX = 64 << 10,
	STALE_POLL_NS = 50 * KP_NS_PER_MS,
};

// --- memory

static struct kp_request *take_request(struct client_loop *loop)
{
	struct kp_link *link = kp_list_pop(&loop->free_requests);
	if (!link) {
		struct kp_request *request = kp_new(struct kp_request);
		if (request)
			kp_wait_list_init(&request->done);
		return request;
	}
	loop->free_request_count--;
	return KP_CONTAINER(link, struct kp_request, link);
}

static void init_request(struct kp_request *request, struct route *route, struct kp_call *call,
                         struct kp_str function)
{
	request->loop = route->loop;
	request->route = route;
	request->call = call;
	request->function = function;
	request->id = 0;
	request->is_oneway = request->is_probe = request->is_written = request->is_done = false;
	request->conn = NULL;
	request->attempts = 0;
	request->err = KP_OK;
	request->on_answer = NULL;
}

static void request_free(struct kp_request *request)
{
	kp_buf_fini(&request->body);
	kp_pairs_fini(&request->pairs);
	kp_free(request);
}

static void give_request(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	if (loop->free_request_count >= FREE_REQUESTS_MAX) {
		request_free(request);
		return;
	}
	if (request->body.cap > BODY_KEPT_MAX)
		kp_buf_fini(&request->body);
	kp_buf_clear(&request->body);
	if (KP_UNLIKELY(request->pairs.bytes.data != NULL))
		kp_pairs_fini(&request->pairs);
	loop->free_request_count++;
	kp_list_push_front(&loop->free_requests, &request->link);
}

void client_requests_free(struct client_loop *loop)
{
	for (struct kp_link *link; (link = kp_list_pop(&loop->free_requests)) != NULL;)
		request_free(KP_CONTAINER(link, struct kp_request, link));
}

static void give_id(struct kp_request *request)
{
	if (request->id != 0)
		inflight_remove(&request->loop->inflight, request->id);
	request->id = 0;
}

static struct kp_request *find_request(struct client_loop *loop, int32_t id)
{
	struct kp_request *request = inflight_find(&loop->inflight, id);
	return request && request->id == id ? request : NULL;
}

// --- the end of a request

static kp_err err_of_ret(int32_t ret)
{
	switch (ret) {
	case KP_RET_OK:
		return KP_OK;
	case KP_RET_NOFUNC:
		return KP_ERR_NOFUNC;
	case KP_RET_NOSERVANT:
		return KP_ERR_NOSERVANT;
	case KP_RET_OVERLOAD:
	case KP_RET_QUEUE_TIMEOUT:
		return KP_ERR_OVERLOAD;
	default:
		return KP_ERR_SERVER;
	}
}

static struct kp_bytes copy_bytes(struct kp_arena *arena, struct kp_bytes bytes)
{
	struct kp_str copy =
	        kp_arena_str(arena, (struct kp_str){(const char *)bytes.ptr, bytes.len});
	return (struct kp_bytes){(const uint8_t *)copy.ptr, copy.len};
}

// keep_answer copies what the answer brought into the call that waits for it.
static kp_err keep_answer(struct kp_request *request, const struct kp_response_packet *packet)
{
	struct kp_call *call = request->call;
	call->out.ret = packet->ret;
	call->out.reason = kp_arena_str(&call->arena, packet->reason);
	call->out.answer_context = packet->context;
	if (packet->context.count > 0)
		call->out.answer_context.bytes = copy_bytes(&call->arena, packet->context.bytes);
	struct kp_bytes body = copy_bytes(&call->arena, packet->body);
	if (!body.ptr)
		return KP_ERR_NOMEM;
	request->answer = kp_decoder(body, &call->arena);
	return KP_OK;
}

static void detach(struct kp_request *request)
{
	kp_timer_stop(&request->timer);
	kp_list_remove(&request->link);
	give_id(request);
	request->is_done = true;
}

struct callback {
	struct kp_request *request;
	struct kp_response_packet *packet; // NULL: there is none
	struct kp_block *block;
};

static void run_callback(void *arg)
{
	struct callback callback = *(struct callback *)arg;
	struct kp_request *request = callback.request;
	if (callback.packet && request->err == KP_OK) {
		struct kp_block *block = kp_block_ref(callback.block);
		struct kp_arena arena = {0};
		struct kp_decoder in = kp_decoder(callback.packet->body, &arena);
		request->on_answer(request->context, KP_OK, &in);
		kp_arena_fini(&arena);
		kp_block_unref(block);
	} else {
		request->on_answer(request->context, request->err, NULL);
	}
	struct client_loop *loop = request->loop;
	loop->asyncs--;
	give_request(request);
	client_loop_let_go(loop);
}

void client_run_callbacks(struct kp_deferred *deferred)
{
	struct client_loop *loop = KP_CONTAINER(deferred, struct client_loop, callbacks);
	for (struct kp_link *link; (link = kp_list_first(&loop->finished)) != NULL;) {
		struct callback callback = {.request = KP_CONTAINER(link, struct kp_request, link)};
		kp_list_remove(link);
		if (kp_loop_enter(loop->loop, run_callback, &callback) == KP_OK)
			continue;
		kp_list_push_front(&loop->finished, link);
		kp_loop_defer(loop->loop, &loop->callbacks);
		return;
	}
}

static void call_back_later(struct kp_request *request)
{
	kp_list_push(&request->loop->finished, &request->link);
	kp_loop_defer(request->loop->loop, &request->loop->callbacks);
}

static void finish(struct kp_request *request, kp_err err)
{
	detach(request);
	request->err = err;
	if (request->on_answer)
		call_back_later(request);
	else if (request->is_oneway || request->is_probe)
		give_request(request);
	else
		kp_wake_all(&request->done);
}

void request_fail(struct kp_request *request, kp_err err, const char *format, ...)
{
	if (request->call && !request->on_answer && !request->is_oneway) {
		va_list args;
		va_start(args, format);
		request->call->out.ret = 0;
		request->call->out.reason = kp_arena_vformat(&request->call->arena, format, args);
		va_end(args);
	}
	finish(request, err);
}

void request_answered(struct client_loop *loop, struct client_conn *conn,
                      const struct kp_response_packet *packet, struct kp_block *block)
{
	struct kp_request *request = find_request(loop, packet->request_id);
	if (!request || request->conn != conn)
		return; // late, or never asked for
	if (request->is_probe) {
		finish(request, KP_OK); // any answer is a good one
		return;
	}
	kp_err err = err_of_ret(packet->ret);
	if (!request->on_answer) {
		kp_err kept = keep_answer(request, packet);
		finish(request, kept == KP_OK ? err : kept);
		return;
	}
	detach(request);
	request->err = err;
	struct kp_response_packet copy = *packet;
	struct callback callback = {request, &copy, block};
	if (kp_loop_enter(loop->loop, run_callback, &callback) != KP_OK) {
		request->err = KP_ERR_NOMEM;
		call_back_later(request);
	}
}

static void on_deadline(struct kp_timer *timer)
{
	struct kp_request *request = KP_CONTAINER(timer, struct kp_request, timer);
	struct client_conn *conn = request->conn;
	if (conn && conn->peer && request->is_written)
		peer_on_silence(conn->peer, conn->conn.received == request->heard);
	request_fail(request, KP_ERR_TIMEOUT, "%s of %.*s was not answered in time",
	             request->route->proxy->object, KP_STR_ARG(request->function));
	if (conn)
		client_conn_settle(conn);
}

// --- sending

static int32_t remaining_ms(const struct kp_request *request)
{
	int64_t left_ns = request->deadline_ns - kp_loop_now(request->loop->loop);
	int64_t left_ms = (left_ns + KP_NS_PER_MS - 1) / KP_NS_PER_MS;
	return left_ms < 1 ? 1 : left_ms > INT32_MAX ? INT32_MAX : (int32_t)left_ms;
}

void request_write(struct kp_request *request, struct client_conn *conn)
{
	struct kp_buf *out = kp_conn_out(&conn->conn);
	struct kp_request_packet packet = {
	        .version = KP_PACKET_TARS,
	        .packet_type = request->is_oneway ? KP_PACKET_ONEWAY : KP_PACKET_NORMAL,
	        .request_id = request->id,
	        .servant = kp_str(request->route->proxy->object),
	        .function = request->function,
	        .body = kp_buf_bytes(&request->body),
	        .timeout_ms = remaining_ms(request),
	};
	packet.context =
	        kp_pairs_map(request->call ? &request->call->out.context : &request->pairs);
	request->offset = conn->conn.written + kp_conn_unsent(&conn->conn);
	kp_err err = kp_request_packet_encode(out, &packet);
	if (err != KP_OK) {
		out->err = KP_OK; // what others have put there is whole
		request_fail(request, err, "the request cannot be sent: %s", kp_err_text(err));
		return;
	}
	request->heard = conn->conn.received;
	request->is_written = true;
	if (request->is_oneway)
		finish(request, KP_OK);
	kp_conn_flush_soon(&conn->conn);
}

static void send_on(struct kp_request *request, struct client_conn *conn)
{
	request->conn = conn;
	request->is_written = false;
	kp_list_push(&conn->requests, &request->link);
	if (conn->conn.state == KP_CONN_OPEN)
		request_write(request, conn);
}

// probe asks an isolated peer for a sign of life, so that no caller has to find out. What comes of
// it is noted where answers, silence and ends of connections are.
static void probe(struct route *route, struct peer *peer)
{
	struct client_loop *loop = route->loop;
	struct kp_request *request = take_request(loop);
	if (!request)
		return;
	init_request(request, route, NULL, kp_str("tars_ping"));
	request->is_probe = true;
	request->attempts = KP_ATTEMPTS_MAX;
	request->deadline_ns = kp_clock_ns() + PROBE_TIMEOUT_NS;
	request->timer.on_timer = on_deadline;
	struct client_conn *conn = peer_conn(peer);
	if (!conn || kp_timer_start(loop->loop, &request->timer, request->deadline_ns) != KP_OK ||
	    inflight_add(&loop->inflight, request, &request->id) != KP_OK) {
		kp_timer_stop(&request->timer);
		give_request(request);
		return;
	}
	send_on(request, conn);
}

static struct peer *peer_at(const struct route *route, size_t index)
{
	return KP_CONTAINER(route->healths.ptr[index], struct peer, health);
}

void request_send(struct kp_request *request)
{
	struct route *route = request->route;
	while (request->attempts < KP_ATTEMPTS_MAX) {
		size_t probed;
		size_t index = kp_pick(&(struct kp_pick_ask){route->healths.ptr, route->healths.len,
		                                             request->tried, request->attempts,
		                                             kp_loop_now(request->loop->loop)},
		                       &route->cursor, &probed);
		if (probed < route->healths.len)
			probe(route, peer_at(route, probed));
		if (index == route->healths.len)
			break;
		struct peer *peer = peer_at(route, index);
		request->tried[request->attempts++] = &peer->health;
		struct client_conn *conn = peer_conn(peer);
		if (!conn)
			continue;
		send_on(request, conn);
		return;
	}
	request_fail(request, KP_ERR_CONNECT, "no endpoint of %s can be reached",
	             route->proxy->object);
}

// request_start finds out whom to send to first, if that is not known.
static void request_start(struct kp_request *request)
{
	struct route *route = request->route;
	const struct kp_proxy *proxy = route->proxy;
	if (request->loop->is_ending)
		request_fail(request, KP_ERR_CANCELLED, "the client was closed");
	else if (proxy->err != KP_OK)
		request_fail(request, proxy->err, "%s", proxy->why.text);
	else if (route_want(route, kp_loop_now(request->loop->loop)))
		request_send(request);
	else if (route->is_looking_up)
		kp_list_push(&route->waiting, &request->link);
	else
		request_fail(request, route->err, "%s", route->why.text);
}

// was_sent tells whether the server may have seen the request.
static bool was_sent(const struct kp_request *request, const struct client_conn *conn)
{
	return request->is_written && request->offset < conn->conn.written;
}

void request_lost(struct kp_request *request, struct client_conn *conn, enum kp_close_reason reason)
{
	request->conn = NULL;
	if (reason == KP_CLOSE_BY_US || request->loop->is_ending) {
		request_fail(request, KP_ERR_CANCELLED, "the client was closed");
		return;
	}
	if (!was_sent(request, conn)) {
		request_send(request);
		return;
	}
	char peer[KP_ADDRESS_TEXT_MAX];
	kp_address_format(&conn->conn.peer, peer);
	if (reason == KP_CLOSE_BAD_FRAME || reason == KP_CLOSE_OVERSIZED)
		request_fail(request, KP_ERR_DECODE, "%s sent what is no answer of the protocol",
		             peer);
	else
		request_fail(request, KP_ERR_CLOSED, "%s closed the connection before it answered",
		             peer);
}

// --- the stub's side

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
	struct kp_request *request = take_request(loop);
	if (!request)
		return KP_ERR_NOMEM;
	init_request(request, route, call, function);
	*ret = request;
	return KP_OK;
}

struct kp_buf *kp_request_body(struct kp_request *request)
{
	return &request->body;
}

static int64_t deadline_of(const struct kp_request *request, int64_t now_ns)
{
	const struct kp_call *call = request->call;
	int timeout_ms = call && call->out.timeout_ms ? call->out.timeout_ms
	                                              : client_timeout(request->loop->client);
	int64_t deadline_ns = now_ns + timeout_ms * (int64_t)KP_NS_PER_MS;
	return call && call->deadline_ns < deadline_ns ? call->deadline_ns : deadline_ns;
}

static bool is_driven_here(const struct client_loop *loop)
{
	return loop->is_private && !kp_fiber_current() && kp_loop_current() != loop->loop;
}

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

// prepare checks the body and starts the clock; on failure the request is gone.
static kp_err prepare(struct kp_request *request)
{
	kp_err err = request->body.err == KP_ERR_NOMEM ? KP_ERR_NOMEM : KP_OK;
	if (err == KP_OK && request->body.err != KP_OK)
		err = KP_ERR_ENCODE;
	if (err == KP_OK && is_driven_here(request->loop))
		look_around(request->loop);
	struct kp_loop *loop = request->loop->loop;
	request->deadline_ns = deadline_of(request, kp_loop_refresh(loop));
	request->timer.on_timer = on_deadline;
	if (err == KP_OK)
		err = kp_timer_start(loop, &request->timer, request->deadline_ns);
	if (err == KP_OK)
		err = inflight_add(&request->loop->inflight, request, &request->id);
	if (err != KP_OK) {
		kp_timer_stop(&request->timer);
		give_request(request);
	}
	return err;
}

// prepare_apart is prepare for a request that may outlive its scope, whose context it takes along.
static kp_err prepare_apart(struct kp_request *request)
{
	if (request->call && request->call->out.context.count > 0) {
		const struct kp_pairs *pairs = &request->call->out.context;
		kp_buf_append(&request->pairs.bytes, pairs->bytes.data, pairs->bytes.len);
		request->pairs.count = pairs->count;
		if (request->pairs.bytes.err != KP_OK)
			request->body.err = KP_ERR_NOMEM;
	}
	KP_TRY(prepare(request));
	request->call = NULL;
	return KP_OK;
}

static kp_err wait_on_fiber(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	loop->waits++;
	while (!request->is_done)
		if (kp_wait_patiently(loop->loop, &request->done, KP_NS_NEVER) != KP_OK &&
		    !request->is_done)
			request_fail(request, KP_ERR_CANCELLED, "the server is stopping");
	loop->waits--;
	client_loop_let_go(loop);
	return request->err;
}

static kp_err wait_done(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	if (kp_fiber_current())
		return wait_on_fiber(request);
	kp_loop_flush(loop->loop);
	while (!request->is_done)
		kp_loop_run_once(loop->loop);
	loop->ran_ns = kp_clock_ns();
	return request->err;
}

kp_err kp_request_wait(struct kp_request *request, struct kp_decoder *ret_in)
{
	if (!kp_fiber_current() && !is_driven_here(request->loop)) {
		give_request(request);
		return KP_ERR_STATE;
	}
	kp_assert(request->call);
	KP_TRY(prepare(request));
	request_start(request);
	kp_err err = wait_done(request);
	if (err == KP_OK)
		*ret_in = request->answer;
	give_request(request);
	return err;
}

kp_err kp_request_async(struct kp_request *request, kp_on_answer on_answer, const void *context,
                        size_t context_size)
{
	kp_assert(context_size <= KP_ASYNC_CONTEXT_MAX);
	if (context_size)
		memcpy(request->context, context, context_size);
	KP_TRY(prepare_apart(request));
	request->on_answer = on_answer;
	request->loop->asyncs++;
	request_start(request);
	return KP_OK;
}

static bool has_unsent(const struct client_loop *loop)
{
	KP_LIST_EACH (&loop->conns, link, following) {
		const struct client_conn *conn = KP_CONTAINER(link, struct client_conn, link);
		if (conn->conn.state != KP_CONN_CLOSED && (kp_conn_unsent(&conn->conn) > 0))
			return true;
	}
	return false;
}

kp_err kp_request_oneway(struct kp_request *request)
{
	struct client_loop *loop = request->loop;
	bool is_driven = is_driven_here(loop);
	request->is_oneway = true;
	KP_TRY(prepare_apart(request));
	int64_t deadline_ns = request->deadline_ns;
	int32_t id = request->id;
	request_start(request);
	// On a plain thread nobody else would carry it to the kernel.
	if (is_driven)
		kp_loop_flush(loop->loop);
	while (is_driven && kp_clock_ns() < deadline_ns &&
	       (find_request(loop, id) || has_unsent(loop)))
		kp_loop_run_once(loop->loop);
	return KP_OK;
}
