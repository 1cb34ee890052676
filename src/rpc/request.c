// request.c - the life of an outgoing call: its memory, its answer, its end.
#include "rpc/client_internal.h"

#include "os/clock.h"

enum {
	FREE_REQUESTS_MAX = 1024,
	BODY_KEPT_MAX = 64 << 10,
	HELD_NS = 250 * KP_NS_PER_MS,
};

// --- memory

struct kp_request *request_take(struct client_loop *loop)
{
	struct kp_link *link = kp_list_pop(&loop->free_requests);
	if (!link)
		return kp_new(struct kp_request);
	loop->free_request_count--;
	return KP_CONTAINER(link, struct kp_request, link);
}

void request_init(struct kp_request *request, struct route *route, enum request_kind kind,
                  struct kp_str function)
{
	request->loop = route->loop;
	request->route = route;
	request->call = NULL;
	request->function = function;
	request->id = 0;
	request->kind = kind;
	request->is_written = request->is_done = request->is_held = request->is_begun = false;
	request->is_lost = request->is_retry = request->is_final = false;
	request->is_bounded = request->tells_deadline = request->is_plain = false;
	request->priority = KP_PRIORITY_DEFAULT;
	request->conn = NULL;
	request->entry = NULL;
	request->key_kind = KP_KEY_NONE;
	request->attempts = 0;
	request->retries = 0;
	request->policy = &policy_default;
	request->other = NULL;
	request->waiting = NULL;
	request->err = KP_OK;
	request->ret = 0;
	request->reason = (struct kp_str){0};
	request->answer_context = (struct kp_packet_map){0};
}

static void free_request(struct kp_request *request)
{
	kp_buf_fini(&request->body);
	kp_pairs_fini(&request->pairs);
	kp_free(request);
}

static void give_id(struct kp_request *request)
{
	if (request->id != 0)
		inflight_remove(&request->loop->inflight, request->id);
	request->id = 0;
}

void request_give(struct kp_request *request)
{
	give_id(request);
	route_end(request, KP_OUTCOME_GONE);
	struct client_loop *loop = request->loop;
	if (loop->free_request_count >= FREE_REQUESTS_MAX) {
		free_request(request);
		return;
	}
	if (KP_UNLIKELY(request->body.cap > BODY_KEPT_MAX))
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
		free_request(KP_CONTAINER(link, struct kp_request, link));
}

struct kp_request *request_find(struct client_loop *loop, int32_t id)
{
	struct kp_request *request = inflight_find(&loop->inflight, id);
	return request && request->id == id ? request : NULL;
}

// --- the end of a request

static void detach(struct kp_request *request)
{
	due_stop(&request->due);
	kp_list_remove(&request->link);
	if (KP_UNLIKELY(request->scope_link.next != NULL && !request->is_begun))
		kp_list_remove(&request->scope_link);
	if (KP_UNLIKELY(request->other != NULL))
		request_hedge_drop(request);
	give_id(request);
	route_end(request, KP_OUTCOME_GONE);
	request->is_done = true;
}

struct callback {
	struct kp_request *request;
	const struct kp_response_packet *packet; // read before it waits; NULL: there is none
	struct kp_block *block;
};

static void tell_failure(const struct callback *callback)
{
	struct kp_request *request = callback->request;
	struct kp_block *block = NULL;
	request->ret = 0;
	request->reason = (struct kp_str){0};
	if (callback->packet) {
		block = kp_block_ref(callback->block);
		request->ret = callback->packet->ret;
		request->reason = callback->packet->reason; // a view into the block
	}
	request->on_answer(request->context, request->err, NULL);
	if (block)
		kp_block_unref(block);
}

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
		tell_failure(&callback);
	}
	struct client_loop *loop = request->loop;
	loop->asyncs--;
	request_give(request);
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

void request_finish(struct kp_request *request, kp_err err)
{
	if (KP_UNLIKELY(request->kind == REQUEST_HEDGE)) {
		request_hedge_over(request);
		return;
	}
	detach(request);
	request->err = err;
	switch (request->kind) {
	case REQUEST_WAITING:
		if (KP_LIKELY(request->waiting != NULL))
			waiting_note(request);
		break;
	case REQUEST_ASYNC:
		call_back_later(request);
		break;
	case REQUEST_ONEWAY:
		request->loop->oneways--;
		if (request->conn && !request->is_written)
			request->conn->oneways.unwritten--;
		if (!request->is_held)
			request_give(request);
		break;
	default:
		request_give(request);
	}
}

void request_fail(struct kp_request *request, kp_err err, const char *format, ...)
{
	if (request->kind == REQUEST_WAITING) {
		va_list args;
		va_start(args, format);
		request->ret = 0;
		request->reason = kp_arena_vformat(&request->call->arena, format, args);
		va_end(args);
	}
	request_finish(request, err);
}

// --- answers

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
	struct kp_arena *arena = &request->call->arena;
	request->ret = packet->ret;
	if (KP_UNLIKELY(packet->reason.len > 0))
		request->reason = kp_arena_str(arena, packet->reason);
	if (KP_UNLIKELY(packet->context.count > 0)) {
		request->answer_context = packet->context;
		request->answer_context.bytes = copy_bytes(arena, packet->context.bytes);
	}
	struct kp_bytes body = copy_bytes(arena, packet->body);
	if (!body.ptr)
		return KP_ERR_NOMEM;
	request->answer = kp_decoder(body, arena);
	return KP_OK;
}

static void call_back_now(struct kp_request *request, kp_err err,
                          const struct kp_response_packet *packet, struct kp_block *block)
{
	detach(request);
	request->err = err;
	struct callback callback = {request, packet, block};
	if (KP_LIKELY(request->loop->io.batch.is_on_fiber)) {
		run_callback(&callback);
	} else if (kp_loop_enter(request->loop->loop, run_callback, &callback) != KP_OK) {
		request->err = KP_ERR_NOMEM;
		call_back_later(request);
	}
}

void request_answered(struct client_loop *loop, struct client_conn *conn,
                      const struct kp_response_packet *packet, struct kp_block *block)
{
	struct kp_request *request = request_find(loop, packet->request_id);
	if (KP_UNLIKELY(!request || request->conn != conn))
		return; // late, or never asked for
	kp_err err = KP_LIKELY(packet->ret == 0) ? KP_OK : err_of_ret(packet->ret);
	route_end(request,
	          KP_LIKELY(packet->ret == 0) ? KP_OUTCOME_GOOD : outcome_of_ret(packet->ret));
	if (KP_UNLIKELY(request->kind >= REQUEST_PROBE)) {
		if (request->kind == REQUEST_PROBE || err == KP_ERR_OVERLOAD) {
			request_finish(request, KP_OK); // of a probe any answer is a good one
			return;
		}
		request = request_hedge_won(request);
	} else if (KP_UNLIKELY(err == KP_ERR_OVERLOAD) && request_retry(request, err, false)) {
		return;
	}
	if (request->kind == REQUEST_ASYNC) {
		call_back_now(request, err, packet, block);
		return;
	}
	kp_err kept = keep_answer(request, packet);
	request_finish(request, kept == KP_OK ? err : kept);
}

// --- no answer

// silent_since returns since when nothing has come where a request waited: since it was picked, or
// for most of its time, for the answers of others that were under way when an endpoint froze may
// have come after it was written. 0: it was not silent.
static int64_t silent_since(const struct kp_request *request)
{
	const struct client_conn *conn = request->conn;
	if (conn->conn.received == request->heard)
		return request->picked_ns;
	int64_t waited_ns = request->deadline_ns - request->picked_ns;
	int64_t silent_ns = request->deadline_ns - conn->heard_ns;
	return conn->conn.received == conn->heard_at && silent_ns >= waited_ns / 4 * 3
	               ? conn->heard_ns
	               : 0;
}

// blame tells the endpoint's health that a request got no answer there. A handler that had next to
// no time left for it is no witness of silence; nor is a loop that was held meanwhile, by a handler
// or with its whole process: what it waited for may have come long ago.
static void blame(struct kp_request *request)
{
	struct client_conn *conn = request->conn;
	bool was_held = kp_loop_now(request->loop->loop) - request->deadline_ns > HELD_NS;
	if (conn && conn->peer && request->is_written && !was_held) {
		int64_t since_ns = request->is_bounded ? 0 : silent_since(request);
		peer_on_silence(conn, since_ns, since_ns > 0);
	}
	route_end(request, request->is_written ? KP_OUTCOME_LATE : KP_OUTCOME_GONE);
}

static void expire(struct kp_request *request)
{
	struct client_conn *conn = request->conn;
	blame(request);
	if (request->other)
		blame(request->other);
	request_fail(request, KP_ERR_TIMEOUT, "%s of %.*s was not answered in time",
	             request->route->proxy->object, KP_STR_ARG(request->function));
	if (conn)
		client_conn_settle(conn);
}

void request_on_due(struct kp_timer *timer)
{
	struct kp_request *request = KP_CONTAINER(timer, struct kp_request, due.timer);
	if (KP_LIKELY(timer->deadline_ns >= request->deadline_ns)) {
		expire(request);
		return;
	}
	request_hedge(request);
	if (due_start(&request->loop->dues, &request->due, request->deadline_ns) != KP_OK)
		request_fail(request, KP_ERR_NOMEM, "out of memory");
}

void request_cancel(struct kp_request *request, kp_err err, const char *why)
{
	struct client_conn *conn = request->conn;
	request_call_off(request);
	request_fail(request, err, "%s", why);
	if (conn)
		client_conn_settle(conn);
	// On a plain thread nobody else would carry the notice to the kernel.
	if (client_is_driven_here(request->loop))
		kp_loop_flush(request->loop->loop);
}
