// change.h - an edit of the desired state as data: planned from the state, written to the store in
// one transaction, then applied to the state.
//
// Loading the store applies the same steps, so there is one way only in which the state comes to
// be.
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "kipp/err.h"
#include "kipp/str.h"

enum change_kind {
	CHANGE_PUT_SERVER,
	CHANGE_DROP_SERVER,
	CHANGE_PUT_INSTANCE,
	CHANGE_DROP_INSTANCE,
	CHANGE_PUT_NODE,
};

// change_step is one row written or dropped. Views are in the change's arena, or last as long as
// the row they were read from.
struct change_step {
	enum change_kind kind;
	struct kp_str key;    // "Book.PaymentServer", "Book.PaymentServer.1", "node-a"
	struct kp_bytes spec; // PUT_SERVER: the encoded kipp::Server
	struct kp_str server; // PUT_INSTANCE and what follows
	int32_t number;
	struct kp_str node; // empty: not placed yet
	bool is_running;
	int64_t restart_count;
	struct kp_str host; // PUT_NODE and what follows
	struct kp_str endpoint;
	struct kp_str version;
};

// All zero is a valid empty change.
struct change {
	struct kp_arena arena;
	KP_VEC(struct change_step) steps;
	struct kp_str what;    // "deploy", "remove", "start", "stop", "restart", "node", "place"
	struct kp_str subject; // what it is about
	KP_VEC(struct kp_str) instances; // ids that it is about, in the arena
};

void change_fini(struct change *change);

// change_add appends a step. NOMEM is its only error.
kp_err change_add(struct change *change, struct change_step step);
