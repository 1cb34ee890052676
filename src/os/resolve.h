// resolve.h - looking a host's name up without blocking the loop.
#pragma once

#include "os/loop.h"
#include "os/sock.h"

struct kp_resolve;

// on_resolved is called once, later, unless the look-up is cancelled. NOTFOUND: there is no such
// host.
typedef void (*kp_on_resolved)(void *arg, kp_err err, const struct kp_address *address);

kp_err kp_resolve_start(struct kp_loop *loop, const char *host, int port,
                        kp_on_resolved on_resolved, void *arg, struct kp_resolve **ret);
// kp_resolve_cancel gives up; the callback is not called any more. NULL is fine.
void kp_resolve_cancel(struct kp_resolve *resolve);
