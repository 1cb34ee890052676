// wait.c - fibers that wait.
#include "os/wait.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "os/loop_internal.h"

struct waiter {
	struct kp_link link;      // in what it waits for
	struct kp_link loop_link; // in all that waits on the loop
	struct kp_timer timer;
	struct kp_loop *loop;
	struct kp_fiber *fiber;
	bool is_patient;
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
	kp_list_remove(&waiter->loop_link);
	waiter->outcome = outcome;
	kp_loop_ready(waiter->loop, waiter->fiber);
}

static void on_deadline(struct kp_timer *timer)
{
	finish(KP_CONTAINER(timer, struct waiter, timer), KP_ERR_TIMEOUT);
}

static bool is_over(const struct kp_loop *loop, bool is_patient)
{
	return loop->cancels_patient_waits || (loop->cancels_waits && !is_patient);
}

static kp_err wait_on(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns,
                      bool is_patient)
{
	if (is_over(loop, is_patient))
		return KP_ERR_CANCELLED;
	struct waiter waiter = {
	        .loop = loop, .fiber = kp_fiber_current(), .is_patient = is_patient};
	kp_assert(waiter.fiber);
	waiter.timer.on_timer = on_deadline;
	if (deadline_ns != KP_NS_NEVER)
		KP_TRY(kp_timer_start(loop, &waiter.timer, deadline_ns));
	kp_list_push(&list->waiters, &waiter.link);
	kp_list_push(&loop->waiters, &waiter.loop_link);
	kp_fiber_suspend();
	return waiter.outcome;
}

kp_err kp_wait(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns)
{
	return wait_on(loop, list, deadline_ns, false);
}

kp_err kp_wait_patiently(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns)
{
	return wait_on(loop, list, deadline_ns, true);
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

void kp_loop_cancel_waits(struct kp_loop *loop, bool patient_too)
{
	loop->cancels_waits = true;
	loop->cancels_patient_waits |= patient_too;
	KP_LIST_EACH (&loop->waiters, link, following) {
		struct waiter *waiter = KP_CONTAINER(link, struct waiter, loop_link);
		if (is_over(loop, waiter->is_patient))
			finish(waiter, KP_ERR_CANCELLED);
	}
}
