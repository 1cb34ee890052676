// join.c - waiting for requests: for one, for all, for any, for the first good one.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "rpc/cancel.h"

void waiting_init(struct waiting *waiting, size_t needed, bool is_for_good)
{
	*waiting = (struct waiting){.needed = needed, .is_for_good = is_for_good};
	kp_wait_list_init(&waiting->fibers);
}

static bool is_over(const struct waiting *waiting)
{
	return waiting->done >= waiting->needed || (waiting->is_for_good && waiting->good);
}

void waiting_note(struct kp_request *request)
{
	struct waiting *waiting = request->waiting;
	waiting->done++;
	waiting->last = request;
	if (!waiting->good && request->err == KP_OK)
		waiting->good = request;
	if (is_over(waiting))
		kp_wake_all(&waiting->fibers);
}

// --- one wait

bool client_is_driven_here(const struct client_loop *loop)
{
	return loop->is_private && !kp_fiber_current() && kp_loop_current() != loop->loop;
}

static kp_err wait_on_fiber(struct waiting *waiting, struct client_loop *loop, int64_t deadline_ns)
{
	kp_err err = KP_OK;
	loop->waits++;
	while (err == KP_OK && !is_over(waiting))
		err = kp_wait_patiently(loop->loop, &waiting->fibers, deadline_ns);
	loop->waits--;
	client_loop_let_go(loop);
	return err;
}

static void on_wait_end(struct kp_timer *timer)
{
	(void)timer; // its firing ends the batch
}

static kp_err wait_on_thread(struct waiting *waiting, struct client_loop *loop,
                             struct kp_call *call, int64_t deadline_ns)
{
	struct kp_timer timer = {.on_timer = on_wait_end};
	if (deadline_ns != KP_NS_NEVER)
		KP_TRY(kp_timer_start(loop->loop, &timer, deadline_ns));
	kp_err err = KP_OK;
	call_drive(call, loop->loop);
	kp_loop_flush(loop->loop);
	while (err == KP_OK && !is_over(waiting)) {
		if (call_is_given_up(call))
			err = KP_ERR_CANCELLED;
		else if (deadline_ns != KP_NS_NEVER && kp_clock_ns() >= deadline_ns)
			err = KP_ERR_TIMEOUT;
		else
			kp_loop_run_once(loop->loop);
	}
	call_undrive(call, loop->loop);
	kp_timer_stop(&timer);
	loop->ran_ns = kp_clock_ns();
	return err;
}

kp_err waiting_wait(struct waiting *waiting, struct client_loop *loop, struct kp_call *call,
                    int64_t deadline_ns)
{
	kp_err err = kp_fiber_current() ? wait_on_fiber(waiting, loop, deadline_ns)
	                                : wait_on_thread(waiting, loop, call, deadline_ns);
	return is_over(waiting) ? KP_OK : err;
}

// --- many requests

static size_t index_of(struct kp_request *const *requests, size_t count,
                       const struct kp_request *wanted)
{
	size_t i = 0;
	while (i < count && requests[i] != wanted)
		i++;
	return i;
}

// find_loop finds where the requests are under way. STATE: in two places, as those of two clients
// on a plain thread, which cannot run both.
static kp_err find_loop(struct kp_request *const *requests, size_t count, struct client_loop **ret)
{
	struct client_loop *loop = NULL;
	for (size_t i = 0; i < count; i++) {
		if (requests[i] && loop && requests[i]->loop->loop != loop->loop)
			return KP_ERR_STATE;
		if (requests[i])
			loop = requests[i]->loop;
	}
	*ret = loop;
	return loop ? KP_OK : KP_ERR_NOTFOUND;
}

// look_at counts what is done already and has the rest tell `waiting`.
static void look_at(struct waiting *waiting, struct kp_request **requests, size_t count,
                    struct kp_call *call)
{
	for (size_t i = 0; i < count; i++) {
		struct kp_request *request = requests[i];
		if (!request)
			continue;
		kp_assert(request->call == call && request->is_begun && !request->waiting);
		request->waiting = waiting;
		if (request->is_done)
			waiting_note(request);
	}
}

static void look_away(struct kp_request **requests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (requests[i])
			requests[i]->waiting = NULL;
}

static void end_rest(struct kp_request **requests, size_t count, kp_err err)
{
	const char *why = err == KP_ERR_TIMEOUT ? "it was not answered in the time for all"
	                                        : "nobody waits for the answer any more";
	for (size_t i = 0; i < count; i++)
		if (requests[i] && !requests[i]->is_done)
			request_cancel(requests[i], err, why);
}

static kp_err join(struct waiting *waiting, struct kp_call *call, struct kp_request **requests,
                   size_t count, int timeout_ms)
{
	struct client_loop *loop;
	KP_TRY(find_loop(requests, count, &loop));
	look_at(waiting, requests, count, call);
	int64_t limit_ns = KP_NS_NEVER;
	if (timeout_ms > 0)
		limit_ns = kp_clock_ns() + timeout_ms * (int64_t)KP_NS_PER_MS;
	kp_err err = KP_ERR_STATE; // nobody would wake a loop's own thread
	if (is_over(waiting))
		err = KP_OK;
	else if (kp_fiber_current() || client_is_driven_here(loop))
		err = waiting_wait(waiting, loop, call, limit_ns);
	look_away(requests, count);
	if (err != KP_OK && err != KP_ERR_STATE)
		end_rest(requests, count, err);
	return err;
}

static size_t count_of(struct kp_request **requests, size_t count)
{
	size_t present = 0;
	for (size_t i = 0; i < count; i++)
		present += requests[i] != NULL;
	return present;
}

kp_err kp_join_all(struct kp_call *call, struct kp_request **requests, size_t count, int timeout_ms,
                   size_t *ret_index)
{
	struct waiting waiting;
	waiting_init(&waiting, count_of(requests, count), false);
	KP_TRY(join(&waiting, call, requests, count, timeout_ms));
	size_t bad = 0;
	while (bad < count && (!requests[bad] || requests[bad]->err == KP_OK))
		bad++;
	if (ret_index)
		*ret_index = bad;
	return KP_OK;
}

kp_err kp_join_any(struct kp_call *call, struct kp_request **requests, size_t count, int timeout_ms,
                   size_t *ret_index)
{
	struct waiting waiting;
	waiting_init(&waiting, 1, false);
	KP_TRY(join(&waiting, call, requests, count, timeout_ms));
	if (ret_index)
		*ret_index = index_of(requests, count, waiting.last);
	return KP_OK;
}

kp_err kp_join_good(struct kp_call *call, struct kp_request **requests, size_t count,
                    int timeout_ms, size_t *ret_index)
{
	struct waiting waiting;
	waiting_init(&waiting, count_of(requests, count), true);
	KP_TRY(join(&waiting, call, requests, count, timeout_ms));
	const struct kp_request *chosen = waiting.good ? waiting.good : waiting.last;
	if (ret_index)
		*ret_index = index_of(requests, count, chosen);
	return chosen->err;
}
