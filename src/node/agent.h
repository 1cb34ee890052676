// agent.h - the agent of a machine: runs what the controller assigns to its node, and reports.
//
// It trusts nobody: what it runs survives its death, what it was told last it knows without a
// controller, and a server that freezes is found and replaced. It runs on threads of its own.
#pragma once

#include "kipp/err.h"

#include <stdbool.h>

struct agent;

struct agent_options {
	const char *data_dir;      // everything is kept in its node/
	const char *controller;    // endpoints: "tcp -h 127.0.0.1 -p 17890", more joined by ':'
	const char *name;          // of the node; NULL: the host's name
	const char *host;          // where clients reach this node; NULL: 127.0.0.1
	const char *endpoint;      // of its own; NULL: port 17891 of 127.0.0.1, or a free one
	bool stop_servers_on_exit; // agent_stop ends the servers first
	// log, if not NULL, hears of every event: 0 normal, 1 warning, 2 error. Called from the
	// agent's thread.
	void (*log)(void *arg, int level, const char *text);
	void *log_arg;
};

// agent_open checks the options, takes the directory and binds the port. BUSY: another agent has
// the directory, or somebody the port.
kp_err agent_open(const struct agent_options *options, struct agent **ret, struct kp_why *why);

// agent_endpoint is where the agent's own servants are.
const char *agent_endpoint(const struct agent *agent);

// agent_start finds what runs already, starts what should run, and returns.
kp_err agent_start(struct agent *agent, struct kp_why *why);

// agent_stop ends the agent, and before it the servers if so wished. From a plain thread.
void agent_stop(struct agent *agent);

// agent_close frees a stopped agent. NULL is fine.
void agent_close(struct agent *agent);
