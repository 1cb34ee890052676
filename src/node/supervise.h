// supervise.h - one instance's life: what to do next, from events and the time alone.
//
// A pure core: it reads no clock and touches no process. Whoever drives it feeds what happened and
// does what it answers. Every change of state has a reason in words.
//
//                 .--------------------- backoff <-------------.
//                 v                                            | ended, frozen
//     fetching -> (spawn) -> starting -> active ---------------+
//                               |          | stop wished       |
//                               '----------+-> stopping -> stopped
#pragma once

#include "kipp/str.h"

enum {
	SUPERVISE_STARTS_MAX = 32,
	SUPERVISE_ADAPTERS_MAX = 64,
	SUPERVISE_ACTIONS_MAX = 16,
	SUPERVISE_TEXT_SIZE = 320,
	SUPERVISE_HASH_SIZE = 65,
};

// The numbers are those of kipp::State in cluster.tars.
enum supervise_state {
	SUPERVISE_PENDING = 0,
	SUPERVISE_FETCHING = 1,
	SUPERVISE_STARTING = 2,
	SUPERVISE_ACTIVE = 3,
	SUPERVISE_STOPPING = 4,
	SUPERVISE_STOPPED = 5,
	SUPERVISE_BACKOFF = 6,
	SUPERVISE_FAILED = 7,
};

struct supervise_limits {
	int64_t backoff_min_ns; // the first wait before a start again; doubled each time
	int64_t backoff_max_ns;
	int64_t healthy_ns;       // active for so long: the wait is short again
	int starts_max;           // this many starts
	int64_t starts_window_ns; // within this time
	int64_t pause_ns;         // lead to a pause of this length
	int64_t start_limit_ns;   // from the start to the first heartbeat
	int64_t beat_limit_ns;    // without any heartbeat: frozen; 0: it sends none
	int64_t adapter_limit_ns; // without one from an adapter that had sent some
	int64_t ask_grace_ns;     // from the polite request to SIGTERM
	int64_t term_grace_ns;    // from SIGTERM to SIGKILL
	int64_t kill_again_ns;    // from a SIGKILL without effect to the next
	int64_t gap_ns;           // between events: we ourselves were away, nobody is to blame
};

// supervise_limits_for fills in what suits a server's type (contract F.1, F.8): those of Kipp send
// a heartbeat each second, those of the other SDKs each ten, scripts none.
void supervise_limits_for(struct kp_str type, struct supervise_limits *ret);

// What should be. A change of any member counts as an order: it ends back-off and pause.
struct supervise_wish {
	bool must_run;
	bool is_removed; // stop, then forget it
	char package[SUPERVISE_HASH_SIZE];
	uint64_t spec;         // a hash of all else that takes effect only by a new start
	int64_t restart_count; // raised to ask for a new start
};

enum supervise_event_kind {
	SUPERVISE_TICK, // time has passed
	SUPERVISE_WISHED,
	SUPERVISE_FETCHED,      // `package` is there, unpacked
	SUPERVISE_FETCH_FAILED, // `text` says why; `is_final`: trying again is in vain
	SUPERVISE_SPAWNED,      // as `pid`
	SUPERVISE_SPAWN_FAILED, // `text` says why
	SUPERVISE_ADOPTED, // found running as `pid`; `is_active`: it had sent heartbeats before
	SUPERVISE_ENDED,   // `text` says how: "exited with code 1"
	SUPERVISE_BEAT,    // keepAlive; `adapter` is an index, or -1: all of them
	SUPERVISE_STARTING_BEAT, // keepActiving: alive, but not ready yet
	SUPERVISE_ASK_FAILED,    // the polite request to stop found nobody
};

struct supervise_event {
	enum supervise_event_kind kind;
	int pid;
	int adapter;
	bool is_final;
	bool is_active;
	const char *package;
	const char *text;
	const struct supervise_wish *wish;    // WISHED; copied
	const struct supervise_wish *running; // ADOPTED: what it was started for; copied
};

enum supervise_action_kind {
	SUPERVISE_FETCH,    // get `package`, answer FETCHED or FETCH_FAILED
	SUPERVISE_SPAWN,    // write the config, start it, answer SPAWNED or SPAWN_FAILED
	SUPERVISE_ASK,      // call AdminObj.shutdown; answer ASK_FAILED if nobody listens
	SUPERVISE_TERM,     // SIGTERM
	SUPERVISE_EVIDENCE, // find out what the process does and tell it with `text`
	SUPERVISE_KILL,     // SIGKILL
	SUPERVISE_TELL,     // the state changed: report it; `text` is the reason
	SUPERVISE_FORGET,   // it is gone and nobody wants it: remove what is kept of it
};

struct supervise_action {
	enum supervise_action_kind kind;
	enum supervise_state state; // TELL
	int level;                  // TELL: 0 normal, 1 warning, 2 error
	char text[SUPERVISE_TEXT_SIZE];
};

struct supervise_actions {
	size_t count;
	struct supervise_action items[SUPERVISE_ACTIONS_MAX];
};

enum supervise_phase {
	SUPERVISE_PHASE_NONE,  // no process
	SUPERVISE_PHASE_SPAWN, // one was asked for
	SUPERVISE_PHASE_STARTING,
	SUPERVISE_PHASE_ACTIVE,
	SUPERVISE_PHASE_ASKED, // to stop
	SUPERVISE_PHASE_TERMED,
	SUPERVISE_PHASE_KILLED,
};

enum supervise_cause {
	SUPERVISE_CAUSE_NONE, // we did not end it
	SUPERVISE_CAUSE_WISH,
	SUPERVISE_CAUSE_REPLACE,
	SUPERVISE_CAUSE_FAULT, // frozen, or never ready
};

enum supervise_package {
	SUPERVISE_PACKAGE_ABSENT,
	SUPERVISE_PACKAGE_COMING,
	SUPERVISE_PACKAGE_READY,
	SUPERVISE_PACKAGE_REFUSED,
};

struct supervise {
	struct supervise_limits limits;
	struct supervise_wish wish;
	struct supervise_wish running; // what the process at hand was started for
	enum supervise_state state;
	char reason[SUPERVISE_TEXT_SIZE];

	enum supervise_phase phase;
	int64_t phase_ns; // since when
	int pid;
	enum supervise_cause cause;
	bool can_ask;     // has an admin port
	int64_t restarts; // starts that followed a failure
	bool has_failed;  // the next start is one of them

	enum supervise_package package; // where wish.package is
	int64_t fetch_again_ns;
	int64_t fetch_wait_ns;

	int64_t backoff_ns; // of the last wait
	int64_t start_at_ns;
	int64_t starts_ns[SUPERVISE_STARTS_MAX]; // a ring
	size_t starts_count;

	int64_t beat_ns;                                 // last sign of life
	int64_t adapter_beat_ns[SUPERVISE_ADAPTERS_MAX]; // 0: none yet
	int64_t step_ns;                                 // of the last event
	bool is_forgotten;
	bool is_wished; // until the first wish, what is found running is left alone
};

// supervise_init starts with an instance that nobody wished for yet. `can_ask` tells whether it has
// an admin port.
void supervise_init(struct supervise *supervise, const struct supervise_limits *limits,
                    bool can_ask);

// supervise_step takes one event and writes what is to be done, in order.
void supervise_step(struct supervise *supervise, const struct supervise_event *event,
                    int64_t now_ns, struct supervise_actions *ret);

// supervise_is_alive tells whether there is a process.
bool supervise_is_alive(const struct supervise *supervise);
const char *supervise_state_name(enum supervise_state state);
