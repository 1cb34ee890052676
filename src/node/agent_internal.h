// agent_internal.h - the inside of the agent. All but open and close happens on its server's loop.
#pragma once

#include "base/vec.h"
#include "interfaces/cluster.h"
#include "kipp/client.h"
#include "kipp/server.h"
#include "node/agent.h"
#include "node/instance.h"
#include "os/thread.h"
#include "os/wait.h"

enum {
	AGENT_EVENTS_MAX = 1000, // that wait for a controller; the oldest go first
	AGENT_PART_SIZE_MAX = 16 << 20,
	AGENT_CLUSTER_SIZE = 65,
};

struct agent_event {
	struct kipp_Event event; // its texts are owned
};

struct agent {
	struct agent_options options; // log and stop_servers_on_exit count
	char *dir;                    // owned; absolute
	char *name;                   // owned
	char *host;                   // owned
	char *locator;                // owned
	char *controller;             // owned; object and endpoints of kipp.controller.NodeObj
	int lock;                     // of the directory; -1: none
	char boot_id[66]; // "ID.START": of the directory, which outlives us, and of this start
	struct kp_server *server; // owned
	int adapter;
	struct kp_client *client; // owned
	struct kp_loop *loop;     // the server's
	bool is_running;

	struct instance_owner owner;
	KP_VEC(struct instance *) instances; // owned
	int64_t revision;                    // of the assignment; 0: none heard yet
	char cluster[AGENT_CLUSTER_SIZE];    // of the store that is obeyed; empty: none yet
	char stranger[AGENT_CLUSTER_SIZE];   // that was refused last, and told of; empty: none
	bool is_recognised;                // the controller that answers is the one that is obeyed
	bool is_accepted;                  // and took the last report
	KP_VEC(struct agent_event) events; // not yet taken by the controller
	KP_VEC(struct fetch *) fetches;    // under way
	struct kp_timer tick;
	struct kp_wait_list changed; // the report fiber waits here
	bool is_changed;
	bool is_connected; // the controller answered last time
	bool is_link_told; // whether it does was told once
	bool is_stopping;
	int64_t swept_ns; // logs and packages were looked after

	pthread_mutex_t stop_lock; // of what follows
	pthread_cond_t stop_done;
	bool is_stopped;
};

// agent.c
struct instance *agent_find(struct agent *agent, struct kp_str id);
// agent_note records an event and has it logged; all texts are copied.
void agent_note(struct agent *agent, const char *kind, struct kp_str subject, int level,
                const char *text);
// agent_touch has a report sent at once.
void agent_touch(struct agent *agent);
// agent_assign makes the list the node's instances.
kp_err agent_assign(struct agent *agent, int64_t revision, struct kipp_Instance_list instances);
// agent_events_drop frees the oldest events.
void agent_events_drop(struct agent *agent, size_t count);

// obey.c
// agent_name_start makes the boot id, which begins with the name that the directory keeps.
kp_err agent_name_start(struct agent *agent, struct kp_why *why);
// agent_load_cluster reads from disk whom we obey.
void agent_load_cluster(struct agent *agent);
// agent_obeys tells whether a controller with the store `cluster` is to be obeyed; it is kept if
// there was none to obey before.
bool agent_obeys(struct agent *agent, struct kp_str cluster);

// link.c: fibers that talk to the controller.
void agent_watch_main(void *arg);
void agent_report_main(void *arg);

// fetch.c
// agent_fetch gets an instance's package. True: it is there.
bool agent_fetch(struct agent *agent, struct instance *instance);
// agent_ask has an instance's admin servant asked to shut down.
void agent_ask(struct agent *agent, struct instance *instance);

// assignment.c: the last assignment, on disk.
kp_err assignment_write(struct agent *agent, int64_t revision, struct kipp_Instance_list instances);
// assignment_read reads it. NOTFOUND: there is none yet.
kp_err assignment_read(struct agent *agent, struct kp_arena *arena, int64_t *ret_revision,
                       struct kipp_Instance_list *ret);

// serve.c
kp_err agent_serve(struct agent *agent);
