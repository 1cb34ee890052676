// change.c - the list of steps.
#include "control/state/change.h"

void change_fini(struct change *change)
{
	kp_vec_fini(&change->steps);
	kp_vec_fini(&change->instances);
	kp_arena_fini(&change->arena);
}

kp_err change_add(struct change *change, struct change_step step)
{
	return kp_vec_push(&change->steps, step);
}
