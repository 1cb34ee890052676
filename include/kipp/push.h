// push.h - messages that a server sends on a connection without having been asked.
//
// A client asks to be pushed to by calling a function of the application, whose handler opens the
// way back over the caller's connection. Only do so for callers that expect it: the C++ SDK without
// a push callback closes the connection at a message that answers nothing. A client of this library
// takes messages with kp_proxy_on_push. Source: contract B.11.
#pragma once

#include "kipp/call.h"

KP_BEGIN_DECLS

struct kp_push;

// kp_push_open opens the way back, in a handler; it lasts as long as the connection. UNSUPPORTED:
// the call did not come over a packet connection.
KP_API kp_err kp_push_open(struct kp_call *call, struct kp_push **ret);

// kp_push_send sends one message, from any thread; messages of one thread arrive in order.
// `function` says what it is about and may be empty. CLOSED: the connection is gone. OVERLOAD: too
// much of what was sent has not left yet.
KP_API kp_err kp_push_send(struct kp_push *push, struct kp_str function, struct kp_bytes body);

KP_API bool kp_push_is_open(struct kp_push *push);

// kp_push_close gives the way back up; what was sent still leaves. From any thread, also after the
// server's end. NULL is fine.
KP_API void kp_push_close(struct kp_push *push);

KP_END_DECLS
