// fiber_ucontext.c - switching where we have no assembly: correct, and slower, for it saves the
// signal mask too.
#include "os/fiber_switch.h"

#include <stdint.h>

static void start(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
	uint64_t entry = (uint64_t)entry_high << 32 | entry_low;
	uint64_t arg = (uint64_t)arg_high << 32 | arg_low;
	((void (*)(void *))(uintptr_t)entry)((void *)(uintptr_t)arg);
}

void kp_switch_init(struct kp_switch_point *point, void *stack, size_t stack_size,
                    void (*entry)(void *), void *arg)
{
	uint64_t entry_bits = (uintptr_t)entry;
	uint64_t arg_bits = (uintptr_t)arg;
	getcontext(&point->context);
	point->context.uc_stack.ss_sp = stack;
	point->context.uc_stack.ss_size = stack_size;
	point->context.uc_link = NULL;
	makecontext(&point->context, (void (*)(void))start, 4, (unsigned)(entry_bits >> 32),
	            (unsigned)entry_bits, (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
}

void kp_switch_in(struct kp_switch_point *from, struct kp_switch_point *to)
{
	swapcontext(&from->context, &to->context);
}

void kp_switch_out(struct kp_switch_point *from, struct kp_switch_point *to)
{
	swapcontext(&from->context, &to->context);
}
