// admit.c - whether a request is taken, before anything is queued.
//
// The clock is read as seldom as the handlers allow: after each when they take long, after sixteen
// when they do not.
#include "os/clock.h"
#include "os/rand.h"
#include "rpc/server_internal.h"

#include <limits.h>

enum {
	STRIDE_MAX = 16,
};
static const int64_t check_ns = 100000;            // between two looks at the clock
static const int64_t never_ns = KP_NS_NEVER >> 16; // as good as, and no multiple of it overflows

// stride_for is how many requests of `each_ns` may go by unseen.
static int stride_for(int64_t each_ns)
{
	if (each_ns >= check_ns)
		return 1;
	return each_ns <= check_ns / STRIDE_MAX ? STRIDE_MAX : (int)(check_ns / each_ns);
}

void server_check_clock(struct server_loop *loop)
{
	int64_t now_ns = kp_loop_refresh(loop->loop);
	int count = loop->checked_at - loop->until_check; // since the last look
	int wanted = stride_for((now_ns - loop->checked_ns) / (count > 0 ? count : 1));
	loop->stride = wanted < 2 * loop->stride ? wanted : 2 * loop->stride;
	loop->until_check = loop->checked_at = loop->stride;
	loop->checked_ns = now_ns;
	loop->delay_ns = now_ns - kp_loop_woke(loop->loop);
}

void server_on_wake(struct server_loop *loop)
{
	int64_t woke_ns = kp_loop_woke(loop->loop);
	if (woke_ns == loop->woke_ns) // for another connection; its requests add to the same delay
		return;
	// The count goes on, so that a few slow requests at each wake-up are noticed as well.
	loop->woke_ns = woke_ns;
	loop->checked_ns = kp_loop_now(loop->loop);
	loop->checked_at = loop->until_check;
	loop->delay_ns = loop->checked_ns - woke_ns;
}

static struct kp_limiter_options limiter_options(const struct adapter_loop *adapter)
{
	const struct adapter *shared = adapter->adapter;
	const struct kp_limits *limits = &adapter->limits;
	int64_t max = limits->queue_max, target_ms = limits->delay_target_ms;
	bool is_short = target_ms >= 0 && target_ms < never_ns / KP_NS_PER_MS;
	return (struct kp_limiter_options){
	        .ceiling = max < 0 || max > INT_MAX ? INT_MAX : (int)max,
	        .loops = shared->server->loop_count,
	        .workers = shared->options.pool_threads,
	        .target_delay_ns = is_short ? target_ms * KP_NS_PER_MS : never_ns,
	        .is_shadow = limits->is_shadow > 0,
	        .seed = kp_rand_u64(),
	};
}

void server_limiter_init(struct adapter_loop *adapter)
{
	server_sources_read(adapter);
	struct kp_limiter_options options = limiter_options(adapter);
	kp_limiter_init(&adapter->limiter, &options);
}

void server_limiter_set(struct adapter_loop *adapter)
{
	struct kp_limiter_options options = limiter_options(adapter);
	kp_limiter_set(&adapter->limiter, &options);
}

// calls_of_all is how many calls of an adapter wait, over all loops.
static int calls_of_all(const struct adapter_loop *adapter)
{
	const struct kp_server *server = adapter->loop->server;
	int sum = 0;
	for (int i = 0; i < server->loop_count; i++)
		sum += __atomic_load_n(&server->loops[i].adapters[adapter->adapter->index].calls,
		                       __ATOMIC_RELAXED);
	return sum;
}

static struct kp_limiter_ask describe(const struct kp_call *call, int64_t delay_ns)
{
	const struct server_conn *conn = call->in.conn;
	const struct server_pool *pool = call->in.adapter->adapter->pool;
	return (struct kp_limiter_ask){
	        .now_ns = call->in.begun_ns,
	        .delay_ns = delay_ns,
	        .in_progress = calls_of_all(call->in.adapter),
	        .waiting = pool ? server_pool_waiting(pool) : 0,
	        .priority = call->out.options.priority - 1,
	        .caller = conn ? conn->caller_key : 0,
	        .knows_busy = conn && conn->is_kipp,
	};
}

// send_refusals lets go what this connection's batch has gathered, before a handler that may take
// its time.
static void send_refusals(struct kp_call *call)
{
	struct server_conn *conn = call->in.conn;
	if (conn && kp_conn_unsent(&conn->conn) > 0)
		kp_conn_flush(&conn->conn);
}

bool server_admit(struct kp_call *call)
{
	struct adapter_loop *adapter = call->in.adapter;
	const struct server_pool *pool = adapter->adapter->pool;
	int64_t delay_ns =
	        pool ? server_pool_delay(pool, call->in.begun_ns) : adapter->loop->delay_ns;
	if (kp_limiter_is_calm(&adapter->limiter, adapter->calls, delay_ns))
		return true;
	struct kp_limiter_ask ask = describe(call, delay_ns);
	kp_verdict verdict = kp_limiter_ask(&adapter->limiter, &ask);
	if (verdict == KP_ADMIT) {
		uint64_t shadowed = kp_limiter_shadowed(&adapter->limiter);
		__atomic_store_n(&adapter->stats.shadow_refused, shadowed, __ATOMIC_RELAXED);
		send_refusals(call);
		return true;
	}
	kp_call_fail(call, KP_RET_OVERLOAD, "%s", kp_verdict_text(verdict));
	KP_COUNT(adapter->stats.refused_overload, 1);
	return false;
}
