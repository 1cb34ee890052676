// wait.h - fibers that wait for something to happen on their own loop.
#pragma once

#include "os/loop.h"

// kp_wait_list holds the fibers that wait for one thing. All fibers and wakers are of one loop.
struct kp_wait_list {
	struct kp_list waiters;
};

void kp_wait_list_init(struct kp_wait_list *list);

// kp_wait suspends the fiber until it is woken (OK) or `deadline_ns` has come (TIMEOUT). The
// condition waited for is to be looked at again afterwards: somebody else may have been faster.
kp_err kp_wait(struct kp_loop *loop, struct kp_wait_list *list, int64_t deadline_ns);

void kp_wake_all(struct kp_wait_list *list);

// kp_sleep_until suspends the fiber until `deadline_ns`.
kp_err kp_sleep_until(struct kp_loop *loop, int64_t deadline_ns);
