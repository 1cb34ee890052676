// loop.h - one thread's events: descriptors, timers, fibers, messages from other threads.
//
// All but kp_loop_post and kp_loop_stop belong to the loop's thread. A batch is what one wake-up
// brought: callbacks of descriptors and timers, then the fibers that became ready, then what was
// deferred to the batch's end (the writes).
#pragma once

#include "base/list.h"
#include "kipp/err.h"
#include "os/fiber.h"

#include <stdint.h>

struct kp_loop;

kp_err kp_loop_new(struct kp_loop **ret);
// kp_loop_free frees a loop that does not run. Its fibers have ended, its watches and timers are
// gone. NULL is fine.
void kp_loop_free(struct kp_loop *loop);

// kp_loop_run handles events until kp_loop_stop. kp_loop_run_once waits for one batch and handles
// it.
void kp_loop_run(struct kp_loop *loop);
void kp_loop_run_once(struct kp_loop *loop);
void kp_loop_poll(struct kp_loop *loop);
// kp_loop_flush does what is ready and deferred on a loop that is not running, so that
// kp_loop_run_once does not wait for an event that only that would have caused.
void kp_loop_flush(struct kp_loop *loop);
// kp_loop_stop makes kp_loop_run return after the batch at hand. Any thread.
void kp_loop_stop(struct kp_loop *loop);

// kp_loop_current returns the loop that this thread is running, or NULL.
struct kp_loop *kp_loop_current(void);

// kp_loop_now is the time of the batch at hand, read at most once per batch; outside a batch it is
// the clock's. kp_loop_refresh reads the clock anew, for what must not be late by what a handler
// took.
int64_t kp_loop_now(struct kp_loop *loop);
int64_t kp_loop_refresh(struct kp_loop *loop);
// kp_loop_woke is the first time that was read in the batch at hand.
int64_t kp_loop_woke(struct kp_loop *loop);

// kp_loop_set_private marks a loop that only its owner drives and frees: nothing else may settle on
// it.
void kp_loop_set_private(struct kp_loop *loop);
bool kp_loop_is_private(const struct kp_loop *loop);

// kp_task is a message to a loop; it is the poster's memory until `run` is called, which may free
// it.
struct kp_task {
	struct kp_task *next;
	void (*run)(struct kp_task *task);
};
// kp_loop_post has `run` called on the loop's thread. Any thread; tasks of one thread run in order.
// Once `run` is called the poster is done with the loop, which may be freed.
void kp_loop_post(struct kp_loop *loop, struct kp_task *task);

// kp_deferred is work for the end of the batch. Deferring what is deferred already does nothing.
struct kp_deferred {
	struct kp_link link;
	void (*run)(struct kp_deferred *deferred);
};
void kp_loop_defer(struct kp_loop *loop, struct kp_deferred *deferred);
void kp_loop_undefer(struct kp_deferred *deferred);

enum {
	KP_READABLE = 1,
	KP_WRITABLE = 2,
};

struct kp_watch;
typedef void (*kp_on_ready)(void *arg, unsigned events);

// kp_watch_new watches a descriptor for `events` (0: nothing yet). The descriptor stays the
// caller's; free the watch before closing it. An error on the descriptor is reported as all that is
// watched for.
kp_err kp_watch_new(struct kp_loop *loop, int fd, unsigned events, kp_on_ready on_ready, void *arg,
                    struct kp_watch **ret);
void kp_watch_set(struct kp_watch *watch, unsigned events);
// kp_watch_free may be called from the watch's own callback. NULL is fine.
void kp_watch_free(struct kp_watch *watch);

// kp_timer calls back once. All zero is a valid timer that is not running.
struct kp_timer {
	int64_t deadline_ns;
	size_t place; // in the loop's heap, from 1; 0: not running
	struct kp_loop *loop;
	void (*on_timer)(struct kp_timer *timer);
};
// kp_timer_start (re)starts a timer for a time of kp_clock_ns. NOMEM is its only error.
kp_err kp_timer_start(struct kp_loop *loop, struct kp_timer *timer, int64_t deadline_ns);
void kp_timer_stop(struct kp_timer *timer);

// kp_loop_spawn has `main(arg)` started on a fiber of its own in this batch. NOMEM is its only
// error.
kp_err kp_loop_spawn(struct kp_loop *loop, kp_fiber_main main, void *arg);
// kp_loop_enter runs `main(arg)` on a fiber at once, until it ends or waits. Not from inside a
// fiber. NOMEM, LIMIT.
kp_err kp_loop_enter(struct kp_loop *loop, kp_fiber_main main, void *arg);
// kp_loop_ready puts a suspended fiber on the ready list.
void kp_loop_ready(struct kp_loop *loop, struct kp_fiber *fiber);
// kp_loop_fibers is how many fibers have not ended.
int kp_loop_fibers(const struct kp_loop *loop);
