// call.c - what handlers and callers ask of a call.
#include "rpc/call_internal.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/thread.h"
#include "os/wait.h"
#include "rpc/cancel.h"
#include "rpc/server_internal.h"

enum {
	SLEEP_SLICE_NS = 20 * KP_NS_PER_MS,
};

kp_err kp_pairs_add(struct kp_pairs *pairs, struct kp_str key, struct kp_str value)
{
	size_t len = pairs->bytes.len;
	kp_packet_pair_encode(&pairs->bytes, key, value);
	kp_err err = pairs->bytes.err;
	if (err == KP_OK) {
		pairs->count++;
	} else { // the pairs that are there stay good
		pairs->bytes.len = len;
		pairs->bytes.err = KP_OK;
	}
	return err;
}

void kp_pairs_clear(struct kp_pairs *pairs)
{
	kp_buf_clear(&pairs->bytes);
	pairs->count = 0;
}

void kp_pairs_fini(struct kp_pairs *pairs)
{
	kp_buf_fini(&pairs->bytes);
	pairs->count = 0;
}

struct kp_packet_map kp_pairs_map(const struct kp_pairs *pairs)
{
	return (struct kp_packet_map){kp_buf_bytes(&pairs->bytes), pairs->count};
}

// --- scopes

kp_err kp_call_open(struct kp_client *client, struct kp_call **ret)
{
	struct kp_call *call = kp_new(struct kp_call);
	if (!call)
		return KP_ERR_NOMEM;
	call->out.client = client;
	call->deadline_ns = KP_NS_NEVER;
	*ret = call;
	return KP_OK;
}

void kp_call_reset(struct kp_call *call)
{
	kp_arena_reset(&call->arena);
	call->out.ret = 0;
	call->out.reason = (struct kp_str){0};
	call->out.answer_context = (struct kp_packet_map){0};
}

void kp_call_close(struct kp_call *call)
{
	if (!call)
		return;
	if (call->out.pending.head.next)
		call_end_scope(call);
	kp_arena_fini(&call->arena);
	kp_pairs_fini(&call->out.context);
	kp_pairs_fini(&call->in.answer_context);
	kp_buf_fini(&call->in.body);
	kp_free(call);
}

void kp_call_set_timeout(struct kp_call *call, int timeout_ms)
{
	call->out.options.timeout_ms = timeout_ms > 0 ? timeout_ms : 0;
}

void kp_call_set_priority(struct kp_call *call, int priority)
{
	int bounded = priority < 0 ? 0 : priority > KP_PRIORITY_MAX ? KP_PRIORITY_MAX : priority;
	call->out.options.priority = (int8_t)(bounded + 1);
}

void kp_call_set_hash(struct kp_call *call, uint32_t hash)
{
	call->out.options.has_hash = true;
	call->out.options.is_key = false;
	call->out.hash = hash;
}

void kp_call_set_key(struct kp_call *call, struct kp_str key)
{
	kp_call_set_hash(call, (uint32_t)kp_hash(key.ptr, key.len, 0));
	call->out.options.has_hash = call->out.options.is_key = key.len > 0;
}

kp_err kp_call_set_context(struct kp_call *call, struct kp_str key, struct kp_str value)
{
	return kp_pairs_add(&call->out.context, key, value);
}

struct kp_str kp_call_context(const struct kp_call *call, struct kp_str key)
{
	const struct kp_packet_map *map =
	        call->in.loop ? &call->in.packet.context : &call->out.answer_context;
	struct kp_str value = {0};
	kp_packet_map_find(map, key, &value);
	return value;
}

int kp_call_ret(const struct kp_call *call)
{
	return call->out.ret;
}

struct kp_str kp_call_reason(const struct kp_call *call)
{
	return call->out.reason;
}

// --- memory

struct kp_arena *kp_call_arena(struct kp_call *call)
{
	return &call->arena;
}

void *kp_call_alloc(struct kp_call *call, size_t size)
{
	return kp_arena_alloc(&call->arena, size);
}

struct kp_str kp_call_str(struct kp_call *call, struct kp_str str)
{
	return kp_arena_str(&call->arena, str);
}

struct kp_str kp_call_format(struct kp_call *call, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str str = kp_arena_vformat(&call->arena, format, args);
	va_end(args);
	return str;
}

// --- handlers

kp_err kp_call_answer_context(struct kp_call *call, struct kp_str key, struct kp_str value)
{
	return kp_pairs_add(&call->in.answer_context, key, value);
}

void kp_call_fail(struct kp_call *call, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	call->in.fail_code = code != 0 ? code : KP_RET_UNKNOWN;
	call->in.fail_text = kp_arena_vformat(&call->arena, format, args);
	va_end(args);
}

void *kp_call_user(const struct kp_call *call)
{
	kp_assert(call->in.servant); // a handler's call has one
	return call->in.servant->user;
}

struct kp_str kp_call_servant(const struct kp_call *call)
{
	return call->in.packet.servant;
}

struct kp_str kp_call_function(const struct kp_call *call)
{
	return call->in.packet.function;
}

struct kp_str kp_call_peer(struct kp_call *call)
{
	char text[KP_ADDRESS_TEXT_MAX];
	kp_address_format(call->in.conn ? &call->in.conn->conn.peer : &call->in.peer, text);
	return kp_call_str(call, kp_str(text));
}

bool kp_call_is_oneway(const struct kp_call *call)
{
	return call->in.packet.packet_type == KP_PACKET_ONEWAY;
}

static kp_err sleep_here(struct kp_call *call, struct kp_loop *loop, int64_t until_ns)
{
	if (call_is_given_up(call))
		return KP_ERR_CANCELLED;
	struct kp_wait_list nobody;
	kp_wait_list_init(&nobody);
	call->out.sleeps = &nobody;
	kp_err err = kp_wait(loop, &nobody, until_ns);
	call->out.sleeps = NULL;
	return err == KP_OK ? KP_ERR_CANCELLED : err == KP_ERR_TIMEOUT ? KP_OK : err;
}

// sleep_on_thread looks now and then whether it is still worth it.
static kp_err sleep_on_thread(struct kp_call *call, int64_t until_ns)
{
	for (int64_t now_ns = kp_clock_ns(); now_ns < until_ns; now_ns = kp_clock_ns()) {
		if (call_is_given_up(call))
			return KP_ERR_CANCELLED;
		int64_t next_ns = now_ns + SLEEP_SLICE_NS;
		kp_thread_sleep_until(next_ns < until_ns ? next_ns : until_ns);
	}
	return KP_OK;
}

kp_err kp_call_sleep(struct kp_call *call, int duration_ms)
{
	struct kp_loop *loop = kp_loop_current();
	int64_t until_ns = kp_clock_ns() + (int64_t)duration_ms * KP_NS_PER_MS;
	bool is_short = call->deadline_ns < until_ns;
	if (is_short)
		until_ns = call->deadline_ns;
	kp_err err = KP_OK;
	if (loop && kp_fiber_current())
		err = sleep_here(call, loop, until_ns);
	else if (loop)
		return KP_ERR_STATE;
	else
		err = sleep_on_thread(call, until_ns);
	return err == KP_OK && is_short ? KP_ERR_TIMEOUT : err;
}
