// inspect.h - looking into a running server from another loop: its connections, what is in
// progress.
#pragma once

#include "kipp/server.h"
#include "os/sock.h"

enum {
	KP_CALLER_TEXT_MAX = 128,
};

// kp_conn_view is one connection at one moment.
struct kp_conn_view {
	int adapter;
	struct kp_address peer;
	char caller[KP_CALLER_TEXT_MAX]; // "App.Server", if it said so
	int64_t age_ns;
	int64_t silent_ns; // since its last request
	uint64_t requests;
	int calls; // in progress
	uint64_t bytes_in;
	uint64_t bytes_out;
	size_t bytes_waiting; // for it to read them
};

struct kp_conn_views {
	struct kp_conn_view *ptr; // owned
	size_t count;
	size_t left_out;  // beyond what was asked for
	int silent_loops; // that did not answer in time: a handler holds them
};

// kp_server_inspect lists at most `count_max` connections of all loops. On a fiber of a loop that
// is not the server's own; waits at most `wait_ms` for the loops. STATE: the server does not run.
kp_err kp_server_inspect(struct kp_server *server, size_t count_max, int wait_ms,
                         struct kp_conn_views *ret);
void kp_conn_views_fini(struct kp_conn_views *views);

// kp_server_calls is how many calls of an adapter are in progress or wait.
int kp_server_calls(const struct kp_server *server, int adapter);

// kp_server_loops is how many loops serve.
int kp_server_loops(const struct kp_server *server);
