// state.h - what should be and what is: servers, instances, nodes.
//
// A pure core: time comes in as an argument, edits come in as changes (see plan.h), reports come in
// as they are, and what happened goes out as notices. A node that goes silent never loses its
// instances here; they are only shown as lost.
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "control/state/change.h"
#include "interfaces/cluster.h"

// How long a node may be silent before it counts as lost, and how long it has to come back after
// the controller's own start.
#define NODE_SILENT_NS INT64_C(10000000000)
#define NODE_RETURN_NS INT64_C(15000000000)

struct blob {
	uint8_t *ptr; // owned
	size_t len;
};

struct server {
	char *name;                          // owned; "Book.PaymentServer"
	struct blob spec;                    // an encoded kipp::Server
	KP_VEC(struct instance *) instances; // borrowed, by number
	struct kp_link changed;              // in state.changed while its routes are out of date
};

struct instance {
	char *id; // owned; "Book.PaymentServer.1"
	int32_t number;
	struct server *server; // borrowed
	struct node *node;     // borrowed; NULL: not placed yet
	bool is_running;       // by wish
	int64_t restart_count;

	enum kipp_State reported; // Pending until a status came
	struct blob status;       // an encoded kipp::Status; empty until one came
	int64_t reported_ns;
	struct kp_link unsaved; // in state.unsaved while its status is not in the store
};

struct node {
	char *name; // owned, as all texts here
	char *host;
	char *endpoint;
	char *version;
	char *boot_id; // of the agent's last report; NULL: none yet
	char *refused; // boot id of another agent that was refused last; NULL: none
	bool is_alive;
	int64_t silent_at_ns;                // when it counts as lost if it does not report before
	int64_t seen_ms;                     // for people
	KP_VEC(struct instance *) instances; // borrowed
	uint64_t digest;                     // of what it should run, whatever the order
};

// notice is something worth an event.
struct notice {
	const char *kind; // static: "node.joined", ...
	char *subject;    // owned
	char *text;       // owned
	char *node;       // owned
	int level;
};

struct state {
	struct kp_map servers;   // owned struct server
	struct kp_map instances; // owned struct instance
	struct kp_map nodes;     // owned struct node
	struct kp_list changed;  // servers whose routes are to be looked at again
	struct kp_list unsaved;  // instances whose status is to be stored
	KP_VEC(struct notice) notices;
	bool has_new_nodes; // a node came, went or moved since this was cleared
	size_t unplaced;    // instances without a node
	int64_t tick_ns;    // of the last tick; 0: none yet
};

void state_init(struct state *state);
void state_fini(struct state *state);

// state_apply carries out a change that is in the store already. NOMEM leaves the state half
// changed: throw it away and load it again.
kp_err state_apply(struct state *state, const struct change_step *steps, size_t count,
                   int64_t now_ns);

// state_restore_status takes a status from the store, before any report.
kp_err state_restore_status(struct state *state, struct kp_str id, struct kp_bytes status,
                            int64_t now_ns);

// state_report takes what a node says it runs. The node must be known. Statuses of instances that
// are not the node's are left out of account.
kp_err state_report(struct state *state, struct kp_str node, struct kp_str boot_id,
                    const struct kipp_Status *statuses, size_t count, int64_t now_ns,
                    int64_t now_ms);

// state_refuse tells whether a report is of another agent than the one that has the node's name and
// is alive. The first time an agent is refused makes a notice.
bool state_refuse(struct state *state, const struct kipp_NodeInfo *info, struct kp_str boot_id);

// state_tick finds the nodes that went silent. After a long stop of the controller itself (it was
// frozen, or busy) nobody's silence counts for the time it did not listen.
kp_err state_tick(struct state *state, int64_t now_ns);

struct server *state_server(const struct state *state, struct kp_str name);
struct instance *state_instance(const struct state *state, struct kp_str id);
struct node *state_node(const struct state *state, struct kp_str name);

// instance_is_up tells whether its endpoints are handed out as live: it should run, it said that it
// does, and its node is heard of.
bool instance_is_up(const struct instance *instance);
// instance_was_up is the same without the node's word: it ran when the node was last heard of.
bool instance_was_up(const struct instance *instance);

// node_revision numbers what the node should run: equal numbers, equal instances. Never 0.
int64_t node_revision(const struct node *node);

// state_clear_notices forgets the notices, once they are events.
void state_clear_notices(struct state *state);
kp_err state_notice(struct state *state, const char *kind, struct kp_str subject,
                    struct kp_str node, int level, const char *format, ...) KP_PRINTF(6, 7);
