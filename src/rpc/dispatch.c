// dispatch.c - a request's way from its packet to its answer.
#include "rpc/face.h"

#include "base/assert.h"
#include "kipp/stub.h"
#include "os/clock.h"
#include "tars/describe.h"

enum {
	FREE_CALLS_MAX = 1024,
	ARENA_KEPT_MAX = 64 << 10, // of a call that is kept for the next request
	PAIRS_KEPT_MAX = 4 << 10,
	BODY_KEPT_MAX = 64 << 10,
};

static struct kp_call *take_call(struct server_loop *loop)
{
	struct kp_link *link = kp_list_pop(&loop->free_calls);
	if (!link)
		return kp_new(struct kp_call);
	loop->free_call_count--;
	return KP_CONTAINER(link, struct kp_call, link);
}

// clear_arena also forgets what the last answer brought, for that lived there.
static void clear_arena(struct kp_call *call)
{
	kp_arena_reset(&call->arena);
	if (call->arena.size > ARENA_KEPT_MAX)
		kp_arena_fini(&call->arena);
	call->out.ret = 0;
	call->out.reason = (struct kp_str){0};
	call->out.answer_context = (struct kp_packet_map){0};
}

static void clear_pairs(struct kp_pairs *pairs)
{
	if (pairs->bytes.cap > PAIRS_KEPT_MAX)
		kp_pairs_fini(pairs);
	kp_pairs_clear(pairs);
}

static void give_call(struct server_loop *loop, struct kp_call *call)
{
	if (loop->free_call_count >= FREE_CALLS_MAX) {
		kp_call_close(call);
		return;
	}
	if (call->arena.blocks)
		clear_arena(call);
	if (KP_UNLIKELY((call->in.answer_context.bytes.cap | call->out.context.bytes.cap) != 0)) {
		clear_pairs(&call->in.answer_context);
		clear_pairs(&call->out.context);
	}
	if (KP_UNLIKELY(call->in.body.cap > BODY_KEPT_MAX))
		kp_buf_fini(&call->in.body);
	loop->free_call_count++;
	kp_list_push_front(&loop->free_calls, &call->link);
}

void server_free_calls(struct server_loop *loop)
{
	for (struct kp_link *link; (link = kp_list_pop(&loop->free_calls)) != NULL;)
		kp_call_close(KP_CONTAINER(link, struct kp_call, link));
}

// --- the end of a call

// count_in makes a call known that will not end before others begin; count_out takes that back. A
// call whose handler does not wait is never counted: nobody could see it.
static void count_in(struct kp_call *call)
{
	struct server_conn *conn = call->in.conn;
	call->in.is_counted = true;
	call->in.loop->calls++;
	KP_COUNT_INT(call->in.adapter->calls, 1);
	if (!conn)
		return;
	conn->calls++;
	kp_list_push(&conn->unfinished, &call->link);
}

static void count_out(struct kp_call *call)
{
	struct server_conn *conn = call->in.conn;
	call->in.loop->calls--;
	KP_COUNT_INT(call->in.adapter->calls, -1);
	if (!conn)
		return;
	kp_list_remove(&call->link);
	server_conn_unref_call(conn);
}

static inline void release(struct kp_call *call)
{
	struct server_loop *loop = call->in.loop;
	kp_block_unref(call->in.block);
	if (KP_UNLIKELY(call->in.is_counted))
		count_out(call);
	loop->running = NULL;
	give_call(loop, call);
}

void server_end_call(struct kp_call *call)
{
	call->in.loop->away--;
	server_finish(call);
	release(call);
}

// --- functions that every servant has

static void answer_ping(struct kp_call *call)
{
	if (kp_call_is_oneway(call) && call->in.conn)
		call->in.conn->takes_notices = true;
	(void)kp_call_answer(call);
}

static void answer_description(struct kp_call *call)
{
	struct kp_buf bytes = {0};
	kp_interface_encode(call->in.servant->interface, &bytes);
	struct kp_buf *out = bytes.err == KP_OK ? kp_call_answer(call) : NULL;
	if (out)
		kp_bytes_encode(out, 0, kp_buf_bytes(&bytes));
	else
		kp_call_fail(call, KP_RET_ENCODE, "the description does not fit into memory");
	kp_buf_fini(&bytes);
}

static void run_unknown(struct kp_call *call)
{
	struct kp_str function = call->in.packet.function;
	if (kp_str_equal(function, kp_str("tars_ping")))
		answer_ping(call);
	else if (kp_str_equal(function, kp_str("kipp_describe")))
		answer_description(call);
	else
		kp_call_fail(call, KP_RET_NOFUNC, "%.*s has no function %.*s",
		             KP_STR_ARG(call->in.packet.servant), KP_STR_ARG(function));
}

void server_run_function(struct kp_call *call)
{
	struct kp_decoder in = kp_decoder(call->in.packet.body, &call->arena);
	call->in.function->dispatch(call->in.servant->ops, call, &in);
	if (KP_LIKELY(in.err == KP_OK) || call->in.answer || call->in.is_deferred)
		return;
	if (call->in.fail_code == 0)
		kp_call_fail(call, KP_RET_DECODE, "%s at tag %u of the arguments of %s",
		             kp_err_text(in.err), in.tag, call->in.function->name);
}

// park leaves a call to whoever will answer it.
static void park(struct kp_call *call)
{
	if (!call->in.is_counted)
		count_in(call);
	call->in.loop->running = NULL;
	call->in.loop->away++;
	server_call_park(call);
}

static void run(void *arg)
{
	struct kp_call *call = arg;
	if (KP_LIKELY(call->in.function != NULL))
		server_run_function(call);
	else
		run_unknown(call);
	if (KP_UNLIKELY(call->in.is_deferred)) {
		park(call);
		return;
	}
	server_finish(call);
	release(call);
}

// --- arrival

static const struct servant *find_servant(struct adapter_loop *adapter, struct server_conn *conn,
                                          struct kp_str name)
{
	const struct servant *last = conn ? conn->last_servant : NULL;
	if (KP_LIKELY(last && kp_str_equal(last->name, name)))
		return last;
	const struct servant *servant = kp_map_get(&adapter->adapter->servants, name);
	if (conn && servant)
		conn->last_servant = servant;
	return servant;
}

// look_up finds servant and function, or fails the call; a function that the interface lacks may
// still be one that every servant has.
static void look_up(struct kp_call *call)
{
	struct kp_str name = call->in.packet.servant;
	call->in.servant = find_servant(call->in.adapter, call->in.conn, name);
	if (KP_UNLIKELY(!call->in.servant)) {
		kp_call_fail(call, KP_RET_NOSERVANT, "there is no servant %.*s here",
		             KP_STR_ARG(name));
		return;
	}
	const struct kp_interface *interface = call->in.servant->interface;
	int index = interface->find(call->in.packet.function);
	call->in.function = index < 0 ? NULL : &interface->functions[index];
}

static void refuse(struct kp_call *call)
{
	kp_call_fail(call, KP_RET_OVERLOAD, "%d calls are in progress already",
	             call->in.adapter->calls);
	KP_COUNT(call->in.adapter->stats.refused_overload, 1);
}

static void begin(struct kp_call *call, const struct arrival *arrival, const struct kp_face *face,
                  void *face_arg)
{
	struct server_loop *loop = arrival->adapter->loop;
	struct kp_call_in *in = &call->in;
	in->loop = loop;
	in->adapter = arrival->adapter;
	in->conn = arrival->conn;
	in->udp = arrival->udp;
	if (!arrival->conn)
		in->peer = *arrival->peer;
	in->block = kp_block_ref(arrival->block);
	in->answer = NULL;
	in->face = face;
	in->face_arg = face_arg;
	in->fail_code = 0;
	in->is_deferred = in->is_counted = false;
	call->out.timeout_ms = 0;
	int64_t timeout_ms = in->packet.timeout_ms;
	in->begun_ns = kp_loop_now(loop->loop);
	call->deadline_ns = timeout_ms > 0 ? in->begun_ns + timeout_ms * KP_NS_PER_MS : KP_NS_NEVER;
	if (in->conn)
		in->conn->requests++;
}

// is_over_queue_max looks at the other loops only once this one has its share of what is allowed.
static bool is_over_queue_max(const struct adapter_loop *adapter)
{
	const struct kp_server *server = adapter->loop->server;
	int max = adapter->adapter->options.queue_max;
	if (KP_LIKELY(adapter->calls < adapter->calls_share))
		return false;
	int sum = 0;
	for (int i = 0; i < server->loop_count; i++)
		sum += __atomic_load_n(&server->loops[i].adapters[adapter->adapter->index].calls,
		                       __ATOMIC_RELAXED);
	return sum >= max;
}

static void reject_packet(const struct arrival *arrival)
{
	if (arrival->conn)
		kp_conn_close(&arrival->conn->conn, KP_CLOSE_BAD_FRAME);
	else
		KP_COUNT(arrival->adapter->stats.datagrams_dropped, 1);
}

// is_unanswerable: we have told this peer that nothing more will come; it may ask elsewhere.
static bool is_unanswerable(const struct arrival *arrival, const struct kp_call *call)
{
	return arrival->conn && arrival->conn->conn.is_write_shut && !kp_call_is_oneway(call);
}

void server_on_wait(struct server_loop *loop)
{
	if (loop->running)
		count_in(loop->running);
	loop->running = NULL;
}

// start runs a call: at once and as far as it goes on a fiber, or on a thread of its adapter's
// pool.
static inline void start(struct kp_call *call)
{
	struct server_loop *loop = call->in.loop;
	struct server_pool *pool = call->in.adapter->adapter->pool;
	if (KP_UNLIKELY(pool && call->in.function)) {
		loop->away++;
		count_in(call);
		server_pool_push(pool, call);
		return;
	}
	loop->running = call;
	if (KP_LIKELY(loop->io.batch.is_on_fiber)) {
		run(call);
	} else if (kp_loop_enter(loop->loop, run, call) == KP_OK) {
		server_on_wait(loop);
	} else {
		refuse(call);
		server_finish(call);
		release(call);
	}
}

static void arrive(struct kp_call *call, const struct arrival *arrival, const struct kp_face *face,
                   void *face_arg)
{
	KP_COUNT(arrival->adapter->stats.requests, 1);
	bool is_full = is_over_queue_max(arrival->adapter);
	begin(call, arrival, face, face_arg);
	if (KP_UNLIKELY(is_full))
		refuse(call);
	else
		look_up(call);
	if (KP_LIKELY(call->in.fail_code == 0)) {
		start(call);
		return;
	}
	server_finish(call);
	release(call);
}

bool server_begin(const struct arrival *arrival, const struct kp_request_packet *packet,
                  const struct kp_face *face, void *face_arg)
{
	struct kp_call *call = take_call(arrival->adapter->loop);
	if (!call)
		return false;
	call->in.packet = *packet;
	arrive(call, arrival, face, face_arg);
	return true;
}

void server_dispatch(const struct arrival *arrival)
{
	struct server_loop *loop = arrival->adapter->loop;
	struct kp_call *call = take_call(loop);
	if (KP_UNLIKELY(!call)) {
		if (arrival->conn)
			kp_conn_close(&arrival->conn->conn, KP_CLOSE_NOMEM);
		return;
	}
	if (KP_UNLIKELY(kp_request_packet_decode(arrival->packet, &call->arena, &call->in.packet) !=
	                KP_OK)) {
		give_call(loop, call);
		reject_packet(arrival);
		return;
	}
	if (KP_UNLIKELY(is_unanswerable(arrival, call))) {
		give_call(loop, call);
		return;
	}
	arrive(call, arrival, NULL, NULL);
}
