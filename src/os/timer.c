// timer.c - a heap of timers behind one timerfd, which is exact to microseconds where epoll's own
// timeout is not.
//
// The descriptor is only set when the earliest deadline moves forward in time: a call's timer that
// is stopped before it fires costs no system call, at the price of a wake-up now and then that
// finds nothing due.
#include "base/try.h"
#include "os/clock.h"
#include "os/loop_internal.h"

#include <sys/timerfd.h>
#include <unistd.h>

static void put(struct kp_loop *loop, size_t index, struct kp_timer *timer)
{
	loop->timers.ptr[index] = timer;
	timer->place = index + 1;
}

static void sift_up(struct kp_loop *loop, size_t index, struct kp_timer *timer)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;
		if (loop->timers.ptr[parent]->deadline_ns <= timer->deadline_ns)
			break;
		put(loop, index, loop->timers.ptr[parent]);
		index = parent;
	}
	put(loop, index, timer);
}

static void sift_down(struct kp_loop *loop, size_t index, struct kp_timer *timer)
{
	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= loop->timers.len)
			break;
		if (child + 1 < loop->timers.len &&
		    loop->timers.ptr[child + 1]->deadline_ns < loop->timers.ptr[child]->deadline_ns)
			child++;
		if (timer->deadline_ns <= loop->timers.ptr[child]->deadline_ns)
			break;
		put(loop, index, loop->timers.ptr[child]);
		index = child;
	}
	put(loop, index, timer);
}

static void arm(struct kp_loop *loop)
{
	if (loop->timers.len == 0 || loop->timers.ptr[0]->deadline_ns >= loop->armed_ns)
		return;
	loop->armed_ns = loop->timers.ptr[0]->deadline_ns;
	int64_t at_ns = loop->armed_ns > 0 ? loop->armed_ns : 1;
	struct itimerspec when = {.it_value = {at_ns / KP_NS_PER_S, at_ns % KP_NS_PER_S}};
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

kp_err kp_timer_start(struct kp_loop *loop, struct kp_timer *timer, int64_t deadline_ns)
{
	kp_timer_stop(timer);
	KP_TRY(kp_vec_push(&loop->timers, timer));
	timer->loop = loop;
	timer->deadline_ns = deadline_ns;
	sift_up(loop, loop->timers.len - 1, timer);
	if (timer->place == 1)
		arm(loop);
	return KP_OK;
}

void kp_timer_stop(struct kp_timer *timer)
{
	if (timer->place == 0)
		return;
	struct kp_loop *loop = timer->loop;
	size_t index = timer->place - 1;
	timer->place = 0;
	struct kp_timer *last = loop->timers.ptr[--loop->timers.len];
	if (last == timer)
		return;
	if (index > 0 && loop->timers.ptr[(index - 1) / 2]->deadline_ns > last->deadline_ns)
		sift_up(loop, index, last);
	else
		sift_down(loop, index, last);
}

static void on_timer_fd(void *arg, unsigned events)
{
	(void)events;
	struct kp_loop *loop = arg;
	uint64_t expirations;
	if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0)
		return;
	loop->armed_ns = KP_NS_NEVER;
	// The batch's time is read anew: a timer must never see a time before its own, and one that
	// starts itself again from a stale time would be due for ever.
	int64_t now_ns = kp_clock_ns();
	loop->now_ns = now_ns;
	while (loop->timers.len > 0 && loop->timers.ptr[0]->deadline_ns <= now_ns) {
		struct kp_timer *timer = loop->timers.ptr[0];
		kp_timer_stop(timer);
		timer->on_timer(timer);
	}
	arm(loop);
}

kp_err kp_loop_timers_init(struct kp_loop *loop)
{
	loop->armed_ns = KP_NS_NEVER;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0)
		return KP_ERR_LIMIT;
	return kp_watch_new(loop, loop->timer_fd, KP_READABLE, on_timer_fd, loop,
	                    &loop->timer_watch);
}

void kp_loop_timers_fini(struct kp_loop *loop)
{
	kp_watch_free(loop->timer_watch);
	loop->timer_watch = NULL;
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	loop->timer_fd = -1;
}
