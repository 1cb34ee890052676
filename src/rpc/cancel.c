// cancel.c - calls that nobody waits for any more.
#include "rpc/cancel.h"

#include "guard/travel.h"
#include "os/clock.h"
#include "rpc/client_internal.h"
#include "rpc/server_internal.h"

bool call_is_given_up(const struct kp_call *call)
{
	return __atomic_load_n(&call->is_cancelled, __ATOMIC_SEQ_CST);
}

bool kp_call_is_cancelled(const struct kp_call *call)
{
	return call_is_given_up(call) || kp_clock_ns() >= call->deadline_ns;
}

// --- what a handler waits for

void call_add_pending(struct kp_call *call, struct kp_request *request)
{
	if (!call->in.loop || request->loop->loop != call->in.loop->loop)
		return; // on another thread it is the one who waits that looks
	if (!call->out.pending.head.next)
		kp_list_init(&call->out.pending);
	kp_list_push(&call->out.pending, &request->scope_link);
}

static void end_pending(struct kp_call *call)
{
	if (!call->out.pending.head.next)
		return;
	KP_LIST_EACH (&call->out.pending, link, following) {
		struct kp_request *request = KP_CONTAINER(link, struct kp_request, scope_link);
		if (!request->is_done)
			request_cancel(request, KP_ERR_CANCELLED, "the caller has given up");
	}
}

void call_end_scope(struct kp_call *call)
{
	for (struct kp_link *link; (link = kp_list_first(&call->out.pending)) != NULL;)
		kp_request_cancel(KP_CONTAINER(link, struct kp_request, scope_link));
	call->out.pending.head = (struct kp_link){0};
}

// --- handlers on threads of their own
//
// call->out.driven is NULL, or the loop that the handler's thread drives, or, while a message is on
// its way there, the call itself. The message lies in the call, so the thread does not go on before
// it has arrived.

static struct kp_loop *on_its_way(struct kp_call *call)
{
	return (struct kp_loop *)call;
}

static void on_wake(struct kp_task *task)
{
	struct kp_call *call = KP_CONTAINER(task, struct kp_call, out.wake);
	__atomic_store_n(&call->out.driven, NULL, __ATOMIC_SEQ_CST);
}

static void wake_driver(struct kp_call *call)
{
	struct kp_loop *loop = __atomic_load_n(&call->out.driven, __ATOMIC_SEQ_CST);
	if (!loop || !__atomic_compare_exchange_n(&call->out.driven, &loop, on_its_way(call), false,
	                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	call->out.wake.run = on_wake;
	kp_loop_post(loop, &call->out.wake);
}

void call_drive(struct kp_call *call, struct kp_loop *loop)
{
	if (call->in.loop)
		__atomic_store_n(&call->out.driven, loop, __ATOMIC_SEQ_CST);
}

void call_undrive(struct kp_call *call, struct kp_loop *loop)
{
	struct kp_loop *seen = loop;
	if (!call->in.loop || __atomic_compare_exchange_n(&call->out.driven, &seen, NULL, false,
	                                                  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	while (__atomic_load_n(&call->out.driven, __ATOMIC_SEQ_CST))
		kp_loop_run_once(loop);
}

// --- the server

static void cancel(struct kp_call *call)
{
	if (call_is_given_up(call))
		return;
	__atomic_store_n(&call->is_cancelled, true, __ATOMIC_SEQ_CST);
	KP_COUNT(call->in.adapter->stats.cancelled, 1);
	end_pending(call);
	if (call->out.sleeps)
		kp_wake_all(call->out.sleeps);
	wake_driver(call);
}

static bool wants_answer(const struct kp_call *call)
{
	return call->in.packet.packet_type != KP_PACKET_ONEWAY;
}

void server_cancel(struct server_conn *conn, int32_t request_id)
{
	KP_LIST_EACH (&conn->unfinished, link, following) {
		struct kp_call *call = KP_CONTAINER(link, struct kp_call, link);
		if (call->in.packet.request_id != request_id || !wants_answer(call))
			continue;
		cancel(call);
		return;
	}
}

void server_cancel_all(struct server_conn *conn)
{
	KP_LIST_EACH (&conn->unfinished, link, following) {
		struct kp_call *call = KP_CONTAINER(link, struct kp_call, link);
		if (wants_answer(call))
			cancel(call);
	}
}

// note_caller remembers who calls; without the memory for it the caller stays an address.
static void note_caller(struct server_conn *conn, struct kp_str caller)
{
	if (caller.len == 0 || conn->caller)
		return;
	conn->caller = kp_strndup(caller.ptr, caller.len);
	conn->caller_key = kp_limiter_caller_key(&conn->adapter->limiter, caller.ptr, caller.len);
}

void server_greet(struct server_conn *conn, const struct kp_request_packet *hello)
{
	struct kp_str text;
	struct kp_travel travel;
	if (conn->conn.state != KP_CONN_OPEN ||
	    !kp_packet_map_find(&hello->status, kp_str(KP_TRAVEL_KEY), &text))
		return;
	kp_travel_parse(text, &travel);
	if (travel.version < 1)
		return;
	conn->is_kipp = true;
	note_caller(conn, travel.caller);
	struct kp_pairs status = {0};
	struct kp_buf *out = kp_conn_out(&conn->conn);
	if (kp_pairs_add(&status, kp_str(KP_TRAVEL_KEY), kp_str("v1")) == KP_OK) {
		struct kp_response_packet answer = {.version = KP_PACKET_TARS,
		                                    .request_id = hello->request_id,
		                                    .status = kp_pairs_map(&status)};
		if (kp_response_packet_encode(out, &answer) == KP_OK)
			kp_conn_flush_soon(&conn->conn);
		else
			out->err = KP_OK; // it does without
	}
	kp_pairs_fini(&status);
}
