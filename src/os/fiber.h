// fiber.h - a stack of its own for work that waits.
//
// A fiber belongs to the thread that started it. It runs when that thread switches to it and goes
// on until it suspends or ends. Waking a fiber only puts it on its loop's ready list (loop.h);
// nothing ever runs inside its waker.
#pragma once

#include "base/list.h"
#include "kipp/err.h"

#include <stdbool.h>

struct kp_fiber;
struct kp_fiber_pool;

typedef void (*kp_fiber_main)(void *arg);

// kp_fiber_pool keeps finished fibers for the next ones, at most `kept_max`, and never has more
// than `fibers_max`.
struct kp_fiber_pool *kp_fiber_pool_new(int kept_max, int fibers_max);
// kp_fiber_pool_free frees a pool whose fibers have all ended. NULL is fine.
void kp_fiber_pool_free(struct kp_fiber_pool *pool);
int kp_fiber_pool_live(const struct kp_fiber_pool *pool);

// kp_fiber_run starts `main(arg)` on a fiber and returns when that ends or first suspends. Not from
// inside a fiber. NOMEM: no stack to be had; LIMIT: fibers_max are alive.
kp_err kp_fiber_run(struct kp_fiber_pool *pool, kp_fiber_main main, void *arg);

// kp_fiber_current returns the fiber that is running on this thread, or NULL.
struct kp_fiber *kp_fiber_current(void);

// kp_fiber_suspend leaves the current fiber until somebody resumes it.
void kp_fiber_suspend(void);
// kp_fiber_resume continues a suspended fiber and returns when it ends or suspends again. Not from
// inside a fiber.
void kp_fiber_resume(struct kp_fiber *fiber);

// kp_fiber_link is a place in the ready list of whoever schedules the fiber.
struct kp_link *kp_fiber_link(struct kp_fiber *fiber);
struct kp_fiber *kp_fiber_of_link(struct kp_link *link);
