// wait.h - fibers that wait for something to happen on their own loop.
#pragma once

#include "os/loop.h"

// kp_wait_list holds the fibers that wait for one thing. All fibers and wakers are of one loop.
struct kp_wait_list {
	struct kp_list waiters;
};

void kp_wait_list_init(struct kp_wait_list *list);

// kp_wait suspends the fiber until it is woken (OK), `deadline_ns` has come (TIMEOUT), or the
// loop's waiting is over (CANCELLED). The condition waited for is to be looked at again afterwards:
// somebody else may have been faster.
kp_err kp_wait(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns);

// kp_wait_patiently is kp_wait for what must not be given up when a server begins to drain: only
// the end of the drain's grace cancels it.
kp_err kp_wait_patiently(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns);

void kp_wake_all(struct kp_wait_list *list);

// kp_sleep_until suspends the fiber until `deadline_ns`. CANCELLED: the loop's waiting is over.
kp_err kp_sleep_until(struct kp_loop *loop, int64_t deadline_ns);

// kp_loop_cancel_waits ends all waiting on a loop, now and from now on: that of kp_wait, and with
// `patient_too` that of kp_wait_patiently.
void kp_loop_cancel_waits(struct kp_loop *loop, bool patient_too);
