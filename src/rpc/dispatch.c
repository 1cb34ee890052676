// dispatch.c - a request's way from its packet to its answer.
#include "rpc/face.h"

#include "base/assert.h"
#include "kipp/stub.h"
#include "os/clock.h"
#include "rpc/cancel.h"
#include "tars/describe.h"

enum {
	FREE_CALLS_MAX = 1024,
	ARENA_KEPT_MAX = 64 << 10, // of a call that is kept for the next request
	PAIRS_KEPT_MAX = 4 << 10,
	BODY_KEPT_MAX = 64 << 10,
};

// Calls in the free list are ready for a usual request: version 1, no maps, nothing said or done
// yet. So such a request stores only what it brings.
static __attribute__((noinline)) void reset_call(struct kp_call *call)
{
	call->in.packet = (struct kp_request_packet){.version = KP_PACKET_TARS};
	call->in.answer = NULL;
	call->in.face = NULL;
	call->in.udp = NULL;
	call->in.fail_code = 0;
	call->in.fail_text = (struct kp_str){0};
	call->in.service_ns = 0;
	call->in.is_deferred = call->in.is_counted = false;
	call->out.options = (struct kp_call_options){0};
}

static __attribute__((noinline)) struct kp_call *new_call(void)
{
	struct kp_call *call = kp_new(struct kp_call);
	if (call)
		reset_call(call);
	return call;
}

static inline struct kp_call *take_call(struct server_loop *loop)
{
	struct kp_call *call = loop->free_calls;
	if (KP_UNLIKELY(!call))
		return new_call();
	loop->free_calls = call->next_free;
	loop->free_call_count--;
	return call;
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

// clean_call frees what a call gathered beyond what the next one may use.
static __attribute__((noinline)) void clean_call(struct kp_call *call)
{
	if (call->out.pending.head.next)
		call_end_scope(call);
	clear_arena(call);
	clear_pairs(&call->in.answer_context);
	clear_pairs(&call->out.context);
	if (call->in.body.cap > BODY_KEPT_MAX)
		kp_buf_fini(&call->in.body);
	call->out.options = (struct kp_call_options){0};
}

static inline bool is_clean(const struct kp_call *call)
{
	return !call->arena.blocks && !call->out.pending.head.next &&
	       (call->in.answer_context.bytes.cap | call->out.context.bytes.cap |
	        call->in.body.cap | kp_call_options_word(&call->out.options)) == 0;
}

// keep_call returns a call whose request and outcome were usual to the free list.
static inline void keep_call(struct server_loop *loop, struct kp_call *call)
{
	if (KP_UNLIKELY(loop->free_call_count >= FREE_CALLS_MAX)) {
		kp_call_close(call);
		return;
	}
	if (!is_clean(call))
		clean_call(call);
	loop->free_call_count++;
	call->next_free = loop->free_calls;
	loop->free_calls = call;
}

static void give_call(struct server_loop *loop, struct kp_call *call)
{
	reset_call(call);
	keep_call(loop, call);
}

void server_free_calls(struct server_loop *loop)
{
	while (loop->free_calls) {
		struct kp_call *call = loop->free_calls;
		loop->free_calls = call->next_free;
		kp_call_close(call);
	}
}

// note_running says what a loop is busy with, for those who look from outside; note_idle that it is
// not any more.
static inline void note_running(struct server_loop *loop, struct kp_call *call)
{
	__atomic_store_n(&loop->at_adapter, call->in.adapter, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->at_servant, call->in.servant, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->at_function, call->in.function, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->running, call, __ATOMIC_RELEASE);
}

static inline void note_idle(struct server_loop *loop)
{
	__atomic_store_n(&loop->running, NULL, __ATOMIC_RELAXED);
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
	__atomic_store_n(&call->is_cancelled, false, __ATOMIC_RELAXED);
	call->in.loop->calls--;
	KP_COUNT_INT(call->in.adapter->calls, -1);
	if (!conn)
		return;
	kp_list_remove(&call->link);
	server_conn_unref_call(conn);
}

// is_turned_away: it was refused, or thrown out of a queue; no handler has seen it.
static bool is_turned_away(const struct kp_call *call)
{
	return call->in.fail_code == KP_RET_OVERLOAD ||
	       (call->in.fail_code == KP_RET_QUEUE_TIMEOUT && call->in.service_ns == 0);
}

static void release(struct kp_call *call)
{
	struct server_loop *loop = call->in.loop;
	kp_block_unref(call->in.block);
	if (KP_LIKELY(!is_turned_away(call)))
		kp_limiter_finished(&call->in.adapter->limiter, call->in.service_ns);
	if (KP_UNLIKELY(call->in.is_counted))
		count_out(call);
	note_idle(loop);
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
	if (kp_call_is_oneway(call) && call->in.conn) {
		call->in.conn->takes_notices = true;
		server_greet(call->in.conn, &call->in.packet);
	}
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

// check_arguments fails a call whose arguments were not understood.
static __attribute__((noinline)) void check_arguments(struct kp_call *call,
                                                      const struct kp_decoder *in)
{
	if (in->err == KP_OK || call->in.answer || call->in.is_deferred || call->in.fail_code != 0)
		return;
	kp_call_fail(call, KP_RET_DECODE, "%s at tag %u of the arguments of %s",
	             kp_err_text(in->err), in->tag, call->in.function->name);
}

static inline void run_function(struct kp_call *call)
{
	struct kp_decoder in = kp_decoder(call->in.packet.body, &call->arena);
	call->in.function->dispatch(call->in.servant->ops, call, &in);
	if (KP_UNLIKELY(in.err != KP_OK))
		check_arguments(call, &in);
}

void server_run_function(struct kp_call *call)
{
	run_function(call);
}

// park leaves a call to whoever will answer it.
static void park(struct kp_call *call)
{
	if (!call->in.is_counted)
		count_in(call);
	note_idle(call->in.loop);
	call->in.loop->away++;
	server_call_park(call);
}

// after_function ends a call that its handler is done with.
static void after_function(struct kp_call *call)
{
	if (KP_UNLIKELY(call->in.is_deferred)) {
		park(call);
		return;
	}
	server_finish(call);
	release(call);
}

static void run(void *arg)
{
	struct kp_call *call = arg;
	if (KP_LIKELY(call->in.function != NULL))
		run_function(call);
	else
		run_unknown(call);
	after_function(call);
}

// --- arrival

static const struct servant *find_servant(const struct adapter_loop *adapter, struct kp_str name)
{
	return kp_map_get(&adapter->adapter->servants, name);
}

static const struct kp_function *find_function(const struct servant *servant, struct kp_str name)
{
	int index = servant->interface->find(name);
	return index < 0 ? NULL : &servant->interface->functions[index];
}

// look_up finds servant and function, or fails the call; a function that the interface lacks may
// still be one that every servant has.
static void look_up(struct kp_call *call)
{
	struct kp_str name = call->in.packet.servant;
	call->in.servant = find_servant(call->in.adapter, name);
	if (KP_UNLIKELY(!call->in.servant)) {
		kp_call_fail(call, KP_RET_NOSERVANT, "there is no servant %.*s here",
		             KP_STR_ARG(name));
		return;
	}
	call->in.function = find_function(call->in.servant, call->in.packet.function);
	const struct kp_face *face = call->in.face;
	if (face && face->take && call->in.function)
		face->take(call);
}

static void refuse(struct kp_call *call)
{
	kp_call_fail(call, KP_RET_OVERLOAD, "%d calls are in progress already",
	             call->in.adapter->calls);
	KP_COUNT(call->in.adapter->stats.refused_overload, 1);
}

static inline void begin(struct kp_call *call, struct adapter_loop *adapter,
                         struct server_conn *conn, struct kp_block *block)
{
	struct server_loop *loop = adapter->loop;
	struct kp_call_in *in = &call->in;
	in->loop = loop;
	in->adapter = adapter;
	in->conn = conn;
	in->block = kp_block_ref(block);
	int64_t timeout_ms = in->packet.timeout_ms;
	in->begun_ns = kp_loop_now(loop->loop);
	call->deadline_ns =
	        KP_LIKELY(timeout_ms > 0) ? in->begun_ns + timeout_ms * KP_NS_PER_MS : KP_NS_NEVER;
	KP_COUNT(adapter->stats.requests, 1);
}

// is_late: whoever asked has stopped waiting.
static bool is_late(const struct kp_call *call)
{
	return call->deadline_ns <= call->in.begun_ns;
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

// is_control tells whether a packet speaks about another one.
static bool is_control(const struct arrival *arrival, const struct kp_call *call)
{
	return kp_call_is_oneway(call) && arrival->conn &&
	       kp_str_equal(call->in.packet.function, kp_str(KP_CANCEL_FUNCTION));
}

void server_on_wait(struct server_loop *loop)
{
	if (loop->running)
		count_in(loop->running);
	note_idle(loop);
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
	note_running(loop, call);
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

// go_on runs a call whose function is known, or ends it.
static inline void go_on(struct kp_call *call)
{
	if (KP_LIKELY(call->in.fail_code == 0)) {
		start(call);
		return;
	}
	server_finish(call);
	release(call);
}

static void arrive(struct kp_call *call, const struct arrival *arrival, const struct kp_face *face,
                   void *face_arg)
{
	struct server_loop *loop = arrival->adapter->loop;
	if (--loop->until_check <= 0)
		server_check_clock(loop);
	begin(call, arrival->adapter, arrival->conn, arrival->block);
	call->in.udp = arrival->udp;
	call->in.face = face;
	call->in.face_arg = face_arg;
	if (arrival->conn)
		arrival->conn->requests++;
	else
		call->in.peer = *arrival->peer;
	if (KP_UNLIKELY(call->in.packet.status.count > 0))
		server_inherit(call);
	if (is_late(call))
		kp_call_fail(call, KP_RET_QUEUE_TIMEOUT, "its deadline had passed when it came");
	else if (server_admit(call))
		look_up(call);
	go_on(call);
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
	if (KP_UNLIKELY(is_control(arrival, call))) {
		server_cancel(arrival->conn, call->in.packet.request_id);
		give_call(loop, call);
		return;
	}
	if (KP_UNLIKELY(is_unanswerable(arrival, call))) {
		give_call(loop, call);
		return;
	}
	arrive(call, arrival, server_face_of(call->in.packet.version), NULL);
}

// --- the short way

static inline struct known_request *known_at(struct adapter_loop *adapter, struct kp_bytes names)
{
	uint64_t end = kp_quick_load64(names.ptr + names.len - sizeof(end));
	uint64_t hash = (end ^ names.len) * UINT64_C(0x9e3779b97f4a7c15);
	return &adapter->known[hash >> (64 - KNOWN_REQUESTS_BITS)];
}

static inline bool is_known(const struct known_request *known, struct kp_bytes names)
{
	return KP_LIKELY(known->names_len == names.len) &&
	       KP_LIKELY(kp_quick_equal(known->names, names.ptr, names.len));
}

// learn looks up what the names stand for, in place of what was known there. Calls for a pool go
// the long way.
static __attribute__((noinline)) bool learn(struct adapter_loop *adapter,
                                            struct known_request *known, struct kp_bytes names)
{
	const char *at = (const char *)names.ptr;
	struct kp_str name = {at + 2, names.ptr[1]};
	struct kp_str function = {at + 4 + name.len, names.ptr[3 + name.len]};
	const struct servant *servant = adapter->adapter->pool ? NULL : find_servant(adapter, name);
	const struct kp_function *found = servant ? find_function(servant, function) : NULL;
	if (!found)
		return false;
	known->names_len = names.len;
	memcpy(known->names, names.ptr, names.len);
	known->servant = servant;
	known->function = found;
	known->function_name = kp_str(found->name);
	return true;
}

// recognise finds what a request that was read quickly asks for, or NULL.
static inline const struct known_request *recognise(struct adapter_loop *adapter,
                                                    struct kp_bytes names)
{
	if (KP_UNLIKELY(names.len < sizeof(uint64_t) || names.len > KP_QUICK_NAMES_MAX))
		return NULL;
	struct known_request *known = known_at(adapter, names);
	return KP_LIKELY(is_known(known, names)) || learn(adapter, known, names) ? known : NULL;
}

static inline void take_quick(struct kp_call *call, const struct kp_quick_request *quick,
                              const struct known_request *known)
{
	struct kp_request_packet *packet = &call->in.packet;
	packet->request_id = quick->request_id;
	packet->servant = known->servant->name;
	packet->function = known->function_name;
	packet->body = quick->body;
	packet->timeout_ms = quick->timeout_ms;
	call->in.servant = known->servant;
	call->in.function = known->function;
}

// is_usual tells whether a handler has simply answered.
static inline bool is_usual(const struct kp_call *call)
{
	// A deferred call may be in other hands already.
	return KP_LIKELY(!call->in.is_deferred) && KP_LIKELY(!call->in.is_counted) &&
	       KP_LIKELY(call->in.answer != NULL) && KP_LIKELY(call->in.fail_code == 0) &&
	       KP_LIKELY(call->in.answer_context.count == 0);
}

// run_quick runs a handler inside its connection's batch, at whose end the answers are written.
static inline void run_quick(struct kp_call *call, struct server_loop *loop, struct kp_conn *conn)
{
	note_running(loop, call);
	run_function(call);
	if (KP_UNLIKELY(!is_usual(call)) ||
	    KP_UNLIKELY(!kp_quick_response_end(call->in.answer, &call->in.mark))) {
		after_function(call);
		return;
	}
	call->in.answer = NULL;
	kp_limiter_finished(&call->in.adapter->limiter, 0);
	KP_COUNT(call->in.adapter->stats.answers, 1);
	if (KP_UNLIKELY(kp_conn_unsent(conn) > conn->backlog_size_max))
		kp_conn_flush_soon(conn);
	kp_block_unref(call->in.block);
	note_idle(loop);
	keep_call(loop, call);
}

static __attribute__((noinline)) void on_unusual(struct server_conn *conn, struct kp_bytes packet,
                                                 struct kp_block *block)
{
	server_dispatch(&(struct arrival){
	        .adapter = conn->adapter, .conn = conn, .packet = packet, .block = block});
}

void server_on_frame(struct kp_conn *base, struct kp_bytes packet, struct kp_block *block)
{
	struct server_conn *conn = KP_CONTAINER(base, struct server_conn, conn);
	struct adapter_loop *adapter = conn->adapter;
	struct server_loop *loop = conn->loop;
	struct kp_quick_request quick;
	const struct known_request *known = NULL;
	if (KP_LIKELY(kp_quick_request_read(packet, &quick)))
		known = recognise(adapter, quick.names);
	struct kp_call *call = NULL;
	if (KP_LIKELY(known && !base->is_write_shut && loop->io.batch.is_on_fiber))
		call = take_call(loop);
	if (KP_UNLIKELY(!call)) {
		on_unusual(conn, packet, block);
		return;
	}
	if (KP_UNLIKELY(--loop->until_check <= 0))
		server_check_clock(loop);
	take_quick(call, &quick, known);
	begin(call, adapter, conn, block);
	conn->requests++;
	if (KP_UNLIKELY(!kp_limiter_is_calm(&adapter->limiter, adapter->calls, loop->delay_ns)) &&
	    !server_admit(call)) {
		after_function(call);
		return;
	}
	run_quick(call, loop, base);
}
