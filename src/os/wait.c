// wait.c - fibers that wait.
#include "os/wait.h"

#include "base/assert.h"
#include "base/try.h"

struct waiter {
	struct kp_link link;
	struct kp_timer timer;
	struct kp_loop *loop;
	struct kp_fiber *fiber;
	kp_err outcome;
};

void kp_wait_list_init(struct kp_wait_list *list)
{
	kp_list_init(&list->waiters);
}

static void finish(struct waiter *waiter, kp_err outcome)
{
	kp_timer_stop(&waiter->timer);
	kp_list_remove(&waiter->link);
	waiter->outcome = outcome;
	kp_loop_ready(waiter->loop, waiter->fiber);
}

static void on_deadline(struct kp_timer *timer)
{
	finish(KP_CONTAINER(timer, struct waiter, timer), KP_ERR_TIMEOUT);
}

kp_err kp_wait(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns)
{
	struct waiter waiter = {.loop = loop, .fiber = kp_fiber_current()};
	kp_assert(waiter.fiber);
	waiter.timer.on_timer = on_deadline;
	KP_TRY(kp_timer_start(loop, &waiter.timer, deadline_ns));
	kp_list_push(&list->waiters, &waiter.link);
	kp_fiber_suspend();
	return waiter.outcome;
}

void kp_wake_all(struct kp_wait_list *list)
{
	for (struct kp_link *link; (link = kp_list_first(&list->waiters)) != NULL;)
		finish(KP_CONTAINER(link, struct waiter, link), KP_OK);
}

kp_err kp_sleep_until(struct kp_loop *loop, int64_t deadline_ns)
{
	struct kp_wait_list nobody;
	kp_wait_list_init(&nobody);
	kp_err err = kp_wait(loop, &nobody, deadline_ns);
	return err == KP_ERR_TIMEOUT ? KP_OK : err;
}
