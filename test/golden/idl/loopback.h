// loopback.h - a network that is one function call: what generated clients and servers need, for
// tests of the generated code alone.
#pragma once

#include "base/mem.h"
#include <kipp/kipp.h>

// kp_call is both ends of one call.
struct kp_call {
	struct kp_arena *arena; // owned
	struct kp_buf answer;   // owned
	const struct kp_interface *interface;
	const void *ops;
	int ret;          // what kp_call_fail said
	bool is_unwanted; // no answer is wanted
	bool is_deferred;
	int asked; // how many requests came
	int done;  // how many deferred ones ended
};

struct kp_request {
	struct kp_call *call;
	struct kp_str function;
	struct kp_buf body; // owned
};

// loopback_start makes ends whose requests go to `ops`; a proxy is the call itself.
void loopback_start(struct kp_call *call, const struct kp_interface *interface, const void *ops);
void loopback_stop(struct kp_call *call);
