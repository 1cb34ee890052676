// controller_internal.h - what the controller's servants share.
//
// All of it belongs to the loop thread once the controller runs.
#pragma once

#include "base/mem.h"
#include "control/controller.h"
#include "control/journal.h"
#include "control/packages.h"
#include "control/registry/registry.h"
#include "control/state/plan.h"
#include "kipp/server.h"
#include "os/wait.h"

enum {
	WAIT_MS_MAX = 60000,        // of a long poll
	EVENTS_LISTED = 1000,       // of one answer
	EVENTS_ADDED = 1000,        // of one call
	STATUSES_REPORTED = 100000, // of one call
};

struct controller {
	struct journal journal;
	struct state state;
	struct registry registry;
	struct packages packages;
	struct kp_server *server; // owned
	int adapter;
	char *host; // owned
	bool is_running;
	bool is_stale; // memory and store differ: the state is to be loaded again

	struct kp_loop *loop;          // borrowed from the server
	struct kp_task start_task;     // starts the ticks
	struct kp_timer tick;          // every second
	struct kp_wait_list watchers;  // of what nodes should run
	struct kp_wait_list listeners; // to events, and to what instances do
};

extern const struct kipp_Admin_ops admin_ops;
extern const struct kipp_Cluster_ops cluster_ops;
extern const struct tars_QueryF_ops query_ops;

// controller_of returns the controller that a call is for.
struct controller *controller_of(const struct kp_call *call);

// controller_ready loads the state again if it is stale. To be called first by every handler.
kp_err controller_ready(struct controller *controller, struct kp_why *why);

// controller_carry_out makes a planned change durable, then real, then known to those who wait.
// `kind` and `text` are of the event that tells of it. A change without steps does nothing.
kp_err controller_carry_out(struct controller *controller, struct change *change, struct kp_str who,
                            const char *kind, const char *text, struct kp_why *why);

// controller_settle passes on what a report or a tick brought: routes, events, wake-ups.
void controller_settle(struct controller *controller);

// controller_wake_listeners ends the waiting for events: something happened.
void controller_wake_listeners(struct controller *controller);

// controller_note makes one event of the controller's own, at the next settling.
void controller_note(struct controller *controller, const char *kind, struct kp_str subject,
                     const char *text);

// controller_deadline is when a long poll that asked for `wait_ms` is over.
int64_t controller_deadline(int32_t wait_ms);

// controller_outcome turns an error into the number that travels; controller_answer does so and
// gives the sentence to the caller.
enum kipp_Outcome controller_outcome(kp_err err);
int32_t controller_answer(struct kp_call *call, kp_err err, const struct kp_why *why,
                          struct kp_str *ret_why);

// explain.c
int32_t controller_explain(struct kp_call *call, struct kp_str object,
                           struct kipp_EndpointView_list *ret_endpoints, bool *ret_is_held,
                           struct kp_str *ret_why);

// controller_view fills what is shown of an instance; texts are in the call or in the state.
kp_err controller_view(struct kp_call *call, const struct instance *instance,
                       struct kipp_InstanceView *ret);
// controller_instance fills what an agent is told of an instance.
kp_err controller_instance(struct kp_call *call, const struct instance *instance,
                           struct kipp_Instance *ret);
