// background.h - work of a server's own, on a fiber of its first loop.
//
// Control, node and app keep their state on that loop, so that handlers and background work need no
// locks.
#pragma once

#include "kipp/server.h"
#include "os/loop.h"

// kp_server_loop is the server's first loop. Only while it runs.
struct kp_loop *kp_server_loop(struct kp_server *server);

// kp_server_spawn has `main(arg)` run on a fiber of the first loop. It ends by itself when the
// server drains: every kp_wait then returns CANCELLED. From any thread, once the server has
// started. NOMEM is its only error.
kp_err kp_server_spawn(struct kp_server *server, kp_fiber_main main, void *arg);
