// inherit.c - what a request brings with it for the calls that are made for its sake.
#include "guard/travel.h"
#include "os/clock.h"
#include "rpc/server_internal.h"

void server_inherit(struct kp_call *call)
{
	struct kp_str text;
	struct kp_travel travel;
	if (!kp_packet_map_find(&call->in.packet.status, kp_str(KP_TRAVEL_KEY), &text))
		return;
	kp_travel_parse(text, &travel);
	call->out.options.is_retry = travel.is_retry;
	if (travel.priority >= 0)
		call->out.options.priority = (int8_t)(travel.priority + 1);
	// What is left is more exact than the milliseconds of iTimeout, and may be nothing at all.
	int64_t left_ns = travel.left_us * 1000;
	if (travel.left_us >= 0 && left_ns < call->deadline_ns - call->in.begun_ns)
		call->deadline_ns = call->in.begun_ns + left_ns;
}
