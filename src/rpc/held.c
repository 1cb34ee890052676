// held.c - handlers that hold a loop, so that all its other calls wait.
//
// A loop notes what it runs. Whoever asks for a server's events looks whether it still runs the
// same as when last asked, so that even a handler that never ends is named.
#include "kipp/limits.h"
#include "os/clock.h"
#include "rpc/server_internal.h"

#include <stdio.h>

// progress_of is a number that grows with each call that begins.
static uint64_t progress_of(const struct server_loop *loop)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		sum += __atomic_load_n(&loop->adapters[i].stats.requests, __ATOMIC_RELAXED);
	return sum;
}

static int adapter_of(const struct server_loop *loop)
{
	return __atomic_load_n(&loop->at_adapter, __ATOMIC_RELAXED)->adapter->index;
}

static bool is_held(struct server_loop *loop, int64_t now_ns)
{
	struct held_watch *watch = &loop->watch;
	uint64_t progress = progress_of(loop);
	bool is_busy = __atomic_load_n(&loop->running, __ATOMIC_RELAXED) != NULL;
	if (!is_busy || progress != watch->progress || watch->since_ns == 0) {
		*watch =
		        (struct held_watch){.progress = progress, .since_ns = is_busy ? now_ns : 0};
		return false;
	}
	struct kp_limits limits = {0};
	(void)kp_server_limits(loop->server, adapter_of(loop), &limits);
	return limits.held_ms > 0 && !watch->is_told &&
	       now_ns - watch->since_ns >= limits.held_ms * KP_NS_PER_MS;
}

static void tell(struct server_loop *loop, int64_t now_ns, struct kp_server_event *ret)
{
	const struct servant *servant = __atomic_load_n(&loop->at_servant, __ATOMIC_RELAXED);
	const struct kp_function *function = __atomic_load_n(&loop->at_function, __ATOMIC_RELAXED);
	loop->watch.is_told = true;
	*ret = (struct kp_server_event){.kind = KP_EVENT_HELD, .adapter = adapter_of(loop)};
	snprintf(ret->text, sizeof(ret->text),
	         "%.*s/%s has held loop %d for %lld ms; what blocks or computes belongs on a pool",
	         KP_STR_ARG(servant->name), function ? function->name : "?", loop->index,
	         (long long)((now_ns - loop->watch.since_ns) / KP_NS_PER_MS));
}

bool server_next_held(struct kp_server *server, struct kp_server_event *ret)
{
	int64_t now_ns = kp_clock_ns();
	bool has_event = false;
	pthread_mutex_lock(&server->watch_lock);
	for (int i = 0; server->loops && !has_event && i < server->loop_count; i++) {
		struct server_loop *loop = &server->loops[i];
		has_event = is_held(loop, now_ns);
		if (has_event)
			tell(loop, now_ns, ret);
	}
	pthread_mutex_unlock(&server->watch_lock);
	return has_event;
}
