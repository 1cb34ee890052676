// fiber_x86_64.c - the first frame of a new stack, as kp_switch will pop it.
#include "os/fiber_switch.h"

#include <stdint.h>

void kp_switch_entry(void);

void kp_switch_init(struct kp_switch_point *point, void *stack, size_t stack_size,
                    void (*entry)(void *), void *arg)
{
	uintptr_t top = ((uintptr_t)stack + stack_size) & ~(uintptr_t)15;
	void **frame = (void **)top - 9;     // so that the stack is aligned once all is popped
	frame[0] = NULL;                     // r15
	frame[1] = NULL;                     // r14
	frame[2] = arg;                      // r13
	frame[3] = (void *)(uintptr_t)entry; // r12
	frame[4] = NULL;                     // rbx
	frame[5] = NULL;                     // rbp
	frame[6] = (void *)(uintptr_t)kp_switch_entry;
	frame[7] = NULL;
	point->stack_pointer = frame;
}
