// drive.h - calls echo as fast as the server answers, over some connections, and checks every
// answer.
//
// Each connection keeps `outstanding` calls in flight: an answer is replaced by the next request. A
// wake-up costs one read and one write per connection, as on the server's side.
#pragma once

#include "histogram.h"
#include "kipp/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct drive_options {
	const char *host; // an IPv4 address
	uint16_t port;
	int connections; // 1..1024
	int outstanding; // 1..4096, on each of them
	size_t size;     // bytes of a request, at most 1 MiB
	int64_t warmup_ns;
	int64_t duration_ns;
	uint64_t calls; // measured calls to stop after, before the time is up; 0: time alone counts
	pid_t pid;      // whose CPU time to measure; 0: nobody's
	bool has_marks; // send SIGUSR1 to `pid` when measuring starts and when it ends
	bool is_fresh;  // encode every request anew, as a client must, instead of copying the last
	                // one
};

struct drive_result {
	uint64_t calls;
	int64_t elapsed_ns;
	int64_t server_cpu_ns; // -1: not asked for
	int64_t own_cpu_ns;    // of this process
	struct histogram latency;
};

// drive_run makes the calls and measures those after the warm-up. The first wrong answer, a closed
// connection or five seconds of silence end it, with a sentence in `why`. CONNECT: no server.
// CORRUPT: a wrong answer.
kp_err drive_run(const struct drive_options *options, struct drive_result *ret, struct kp_why *why);
