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

// kp_switch_in saves the running context in *from and goes on with the fiber *to; kp_switch_out
// leaves the fiber *from and goes on where *to went in. Caller-saved registers are not kept; the
// floating point control words are shared by all fibers of a thread.
void kp_switch_in(struct kp_switch_point *from, struct kp_switch_point *to);

#if defined(__x86_64__)
// The processor predicts a return by the calls it has seen. kp_switch_in is called and jumps; this
// is not called and returns: so each return meets its own call, and neither switch is mispredicted.
// Only in functions that are not inlined.
static inline __attribute__((always_inline)) void kp_switch_out(struct kp_switch_point *from,
                                                                struct kp_switch_point *to)
{
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" // the red zone
	                 "leaq 1f(%%rip), %%rcx\n\t"
	                 "pushq %%rcx\n\t"
	                 "pushq %%rbp\n\t"
	                 "movq %%rsp, (%0)\n\t"
	                 "movq (%1), %%rsp\n\t"
	                 "popq %%r15\n\t"
	                 "popq %%r14\n\t"
	                 "popq %%r13\n\t"
	                 "popq %%r12\n\t"
	                 "popq %%rbx\n\t"
	                 "popq %%rbp\n\t"
	                 "ret\n"
	                 "1:\n\t"
	                 "leaq 128(%%rsp), %%rsp"
	                 : "+D"(from), "+S"(to)
	                 :
	                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
	                   "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
	                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
	                   "xmm15", "memory", "cc");
}
#else
void kp_switch_out(struct kp_switch_point *from, struct kp_switch_point *to);
#endif
