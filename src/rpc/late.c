// late.c - calls that leave their loop: to a pool's thread, or to whoever will answer them later.
//
//     its loop --> handler (fiber or pool) --> returned --+
//                     \--> kp_call_defer ... kp_call_done +--> its loop: the answer is sent
//
// Each that still has the call is a holder; the loop finishes the call when the last lets go.
#include "base/assert.h"
#include "rpc/face.h"

static void let_go(struct kp_call *call)
{
	if (--call->in.holders == 0)
		server_end_call(call);
}

static void on_returned(struct kp_task *task)
{
	let_go(KP_CONTAINER(task, struct kp_call, in.returned));
}

static void on_done(struct kp_task *task)
{
	let_go(KP_CONTAINER(task, struct kp_call, in.done));
}

void server_call_lend(struct kp_call *call)
{
	call->in.holders = 1;
	if (!call->in.face)
		call->in.face = &kp_face_packet;
}

void server_call_returned(struct kp_call *call)
{
	call->in.returned.run = on_returned;
	kp_loop_post(call->in.loop->loop, &call->in.returned);
}

void server_call_park(struct kp_call *call)
{
	let_go(call);
}

void kp_call_defer(struct kp_call *call)
{
	kp_assert(call->in.loop && !call->in.is_deferred);
	call->in.is_deferred = true;
	server_call_lend(call);
	call->in.holders = 2; // the handler and whoever answers
}

void kp_call_done(struct kp_call *call)
{
	kp_assert(call->in.is_deferred);
	call->in.done.run = on_done;
	kp_loop_post(call->in.loop->loop, &call->in.done);
}
