// fiber_x86_64.c - the first frame of a new stack, as kp_switch_in and kp_switch_entry will pop it.
#include "os/fiber_switch.h"

#include <stdint.h>

void kp_switch_entry(void);

void kp_switch_init(struct kp_switch_point *point, void *stack, size_t stack_size,
                    void (*entry)(void *), void *arg)
{
	uintptr_t top = ((uintptr_t)stack + stack_size) & ~(uintptr_t)15;
	void **frame = (void **)top - 4;
	frame[0] = NULL; // rbp
	frame[1] = (void *)(uintptr_t)kp_switch_entry;
	frame[2] = arg;
	frame[3] = (void *)(uintptr_t)entry;
	point->stack_pointer = frame;
}
