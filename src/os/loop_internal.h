// loop_internal.h - what loop.c, timer.c and watch.c share.
#pragma once

#include "base/vec.h"
#include "os/loop.h"

#include <pthread.h>
#include <uv.h>

struct kp_loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;  // active while a fiber is left ready at a batch's end
	int64_t now_ns;  // 0: not read in this batch
	int64_t woke_ns; // the first time read in this batch; 0: none yet
	bool is_stopping;
	bool is_running; // a batch is under way
	bool is_private;

	struct kp_list ready;    // fibers
	struct kp_list deferred; // kp_deferred
	struct kp_fiber_pool *fibers;
	struct kp_list waiters; // all fibers that wait (wait.c)
	bool cancels_waits;
	bool cancels_patient_waits;

	pthread_mutex_t posted_lock;
	struct kp_task *posted_first;
	struct kp_task *posted_last;

	KP_VEC(struct kp_timer *) timers; // a heap, earliest first
	int timer_fd;
	int64_t armed_ns; // what timer_fd is set to; KP_NS_NEVER: not set
	struct kp_watch *timer_watch;
};

kp_err kp_loop_timers_init(struct kp_loop *loop);
void kp_loop_timers_fini(struct kp_loop *loop);
