// instance.h - one instance on this machine: the decisions of supervise.h made real.
//
// It owns the instance's directory, its process and its record. All calls come from the agent's
// loop; what it cannot do itself it asks of its owner.
//
//     DIR/bin     -> ../../packages/<hash>, switched by one rename
//     DIR/conf/   DIR/data/   DIR/log/
//     DIR/state   the record
#pragma once

#include "base/arena.h"
#include "interfaces/cluster.h"
#include "node/record.h"
#include "node/supervise.h"
#include "os/loop.h"
#include "os/proc.h"

enum {
	INSTANCE_ID_SIZE = 200,
	INSTANCE_REASON_SIZE = 200,
};

struct instance;

struct instance_owner_ops {
	// fetch gets the package that instance->supervise.wish names. Returns true if it is there
	// already; otherwise the owner answers by instance_step later.
	bool (*fetch)(void *owner, struct instance *instance);
	// ask calls AdminObj.shutdown at instance->record.admin_port, and answers ASK_FAILED if
	// nobody listens.
	void (*ask)(void *owner, struct instance *instance);
	// tell is an event for people.
	void (*tell)(void *owner, struct instance *instance, const char *kind, int level,
	             const char *text);
	// is_port_taken tells whether another instance has a port, running or not.
	bool (*is_port_taken)(void *owner, int port);
	// forget says that the instance is over; the owner frees it later.
	void (*forget)(void *owner, struct instance *instance);
};

// What all instances of an agent share.
struct instance_owner {
	const struct instance_owner_ops *ops;
	void *arg;
	struct kp_loop *loop;
	const char *dir; // holds packages/ and servers/; absolute
	const char *node_name;
	const char *host;
	const char *locator;
	const char *endpoint; // of the agent
	char boot[40];
};

// instance_suspension says that an adapter takes no calls, by the server's own word.
struct instance_suspension {
	bool is_on;
	int64_t since_ns;
	char reason[INSTANCE_REASON_SIZE];
};

struct instance {
	const struct instance_owner *owner;
	char id[INSTANCE_ID_SIZE];
	char *dir;              // owned
	char *log_path;         // owned; NULL until it is wished for
	struct kp_arena *arena; // owned; of `wish`
	struct kipp_Instance wish;
	struct supervise supervise;
	struct supervise_actions actions; // of the step at hand; here, so that no step can fail
	struct record record;
	struct kp_proc proc;
	struct kp_watch *watch; // owned; of the process's end
	char sdk_version[32];
	struct instance_suspension suspensions[SUPERVISE_ADAPTERS_MAX]; // as adapters are numbered
	int64_t told_ns; // when the server's own events were counted anew
	int told;
	bool is_over;
};

// instance_id_is_valid tells whether a name can be part of a path.
bool instance_id_is_valid(struct kp_str id);

kp_err instance_new(const struct instance_owner *owner, struct kp_str id, struct instance **ret);
// instance_free lets go; a process runs on. NULL is fine.
void instance_free(struct instance *instance);

// instance_load reads the record and takes hold of the process if it runs. On a fiber: it may wait.
void instance_load(struct instance *instance, int64_t now_ns);

// instance_wish says what should be; everything is copied. NOMEM is its only error.
kp_err instance_wish(struct instance *instance, const struct kipp_Instance *wish, int64_t now_ns);
// instance_unwish says that it should be no more.
void instance_unwish(struct instance *instance, int64_t now_ns);

// instance_step feeds one event and does what follows from it.
void instance_step(struct instance *instance, const struct supervise_event *event, int64_t now_ns);

// instance_adapter_index numbers the adapters for heartbeats; SUPERVISE_ADAPTERS_MAX: unknown.
int instance_adapter_index(const struct instance *instance, struct kp_str name);

// instance_suspend notes that an adapter takes no calls for a reason, or takes them again (no
// reason). Returns whether that is news. A new process begins without.
bool instance_suspend(struct instance *instance, int adapter, struct kp_str reason, int64_t now_ns);

// instance_may_tell lets through so many events of a server's own in a while that nobody drowns in
// them.
bool instance_may_tell(struct instance *instance, int64_t now_ns);

// instance_status fills in what is; texts live in the arena or in the instance.
void instance_status(const struct instance *instance, struct kp_arena *arena,
                     struct kipp_Status *ret);

// start.c: instance_start writes the configuration and starts the process. On success the record
// holds it.
kp_err instance_start(struct instance *instance, struct kp_why *why);
