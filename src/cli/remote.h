// remote.h - the controller, as the command sees it.
#pragma once

#include "cli/args.h"
#include "interfaces/cluster.h"

struct remote {
	struct cli *cli;
	struct kp_client *client; // owned
	struct kp_call *call;     // owned; reset before each question
	struct kipp_Admin *admin; // borrowed from client
	const char *endpoint;     // of the controller
};

// remote_open gets ready to ask the controller that flags and environment name; nothing is sent
// yet. Says what is wrong and returns an exit code.
int remote_open(struct cli *cli, const struct args *args, struct remote *ret);

// remote_open_at is remote_open for a known endpoint.
int remote_open_at(struct cli *cli, const char *endpoint, struct remote *ret);
void remote_close(struct remote *remote);

// remote_scope frees the last answers and returns the scope for the next question. `timeout_ms` 0:
// the usual time.
struct kp_call *remote_scope(struct remote *remote, int timeout_ms);

// remote_result turns an answer into an exit code and says what went wrong: `err` from the call,
// `outcome` and `why` from the controller.
int remote_result(struct remote *remote, kp_err err, int32_t outcome, struct kp_str why);

// remote_fail says why the controller did not answer.
int remote_fail(struct remote *remote, kp_err err);

// remote_list asks for the instances that `target` names ("": all), which stay valid until the next
// question. A name that nothing has is CLI_NOTFOUND, said.
int remote_list(struct remote *remote, const char *target, struct kipp_InstanceView_list *ret);

// remote_events waits at most `wait_ms` for what happened after the event number *after, and moves
// it on. A negative *after asks for the last events, at once.
int remote_events(struct remote *remote, int64_t *after, int wait_ms, struct kipp_Event_list *ret);

// remote_state_name returns "Active" and the like.
const char *remote_state_name(enum kipp_State state);
