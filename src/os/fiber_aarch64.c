// fiber_aarch64.c - the first frame of a new stack, as kp_switch_in will load it.
#include "os/fiber_switch.h"

#include <stdint.h>
#include <string.h>

void kp_switch_entry(void);

void kp_switch_init(struct kp_switch_point *point, void *stack, size_t stack_size,
                    void (*entry)(void *), void *arg)
{
	uintptr_t top = ((uintptr_t)stack + stack_size) & ~(uintptr_t)15;
	void **frame = (void **)(top - 160);
	memset(frame, 0, 160);
	frame[0] = (void *)(uintptr_t)entry;            // x19
	frame[1] = arg;                                 // x20
	frame[11] = (void *)(uintptr_t)kp_switch_entry; // x30
	point->stack_pointer = frame;
}
