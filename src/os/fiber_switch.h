// fiber_switch.h - swapping one stack for another; one implementation per processor, ucontext for
// the rest.
#pragma once

#include <stddef.h>

#if defined(__x86_64__) || defined(__aarch64__)
struct kp_switch_point {
	void *stack_pointer;
};
#else
#include <ucontext.h>
struct kp_switch_point {
	ucontext_t context;
};
#endif

// kp_switch_init prepares `point` so that switching to it calls `entry(arg)`, which never returns,
// on the given stack.
void kp_switch_init(struct kp_switch_point *point, void *stack, size_t stack_size,
                    void (*entry)(void *), void *arg);

// kp_switch saves the running context in *from and continues *to. Caller-saved registers are not
// kept; the floating point control words are shared by all fibers of a thread.
void kp_switch(struct kp_switch_point *from, struct kp_switch_point *to);
