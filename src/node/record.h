// record.h - what is kept of an instance on disk, so that the next agent finds it.
//
// Written before a process is started (its token, without a pid) and again once its pid is known:
// after a crash in between, the token in the process's environment tells.
#pragma once

#include "kipp/err.h"
#include "node/supervise.h"

enum {
	RECORD_NAME_SIZE = 128,
	RECORD_TOKEN_SIZE = 33,
	RECORD_PORTS_MAX = 64,
};

struct record_port {
	char adapter[RECORD_NAME_SIZE];
	int port;
};

struct record {
	int pid; // 0: none that we know of
	uint64_t start_time;
	char boot[40];                 // of the machine; after another boot the pid means nothing
	char token[RECORD_TOKEN_SIZE]; // of the last start; empty: it has ended
	bool is_active;                // it had sent heartbeats
	struct supervise_wish running; // what it was started for
	char version[64];
	int64_t started_ms; // for people
	int64_t restarts;
	int admin_port;
	struct record_port ports[RECORD_PORTS_MAX]; // that we picked, kept for ever
	size_t port_count;
	bool has_new_ports; // that no disk knows yet
};

// record_read reads a record. NOTFOUND: there is none. CORRUPT: it cannot be read.
kp_err record_read(const char *path, struct record *ret, struct kp_why *why);
// record_write keeps a record. It is flushed to disk only if it has new ports: all else means
// nothing once the machine has crashed.
kp_err record_write(const char *path, struct record *record, struct kp_why *why);

// record_port returns the port kept for an adapter, or 0; record_set_port keeps one.
int record_port(const struct record *record, struct kp_str adapter);
kp_err record_set_port(struct record *record, struct kp_str adapter, int port);
