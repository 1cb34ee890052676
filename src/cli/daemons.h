// daemons.h - controller and agent as parts of this process, from start to stop.
#pragma once

#include "cli/args.h"

struct controller;
struct agent;

// What runs in this process. All zero is nothing.
struct daemons {
	struct cli *cli;
	const struct args *args;
	const char *data; // the data directory
	int controller_lock;
	int agent_lock;
	bool has_controller_lock;
	bool has_agent_lock;
	struct controller *controller; // owned
	struct agent *agent;           // owned
	const char *endpoint;          // of the controller
};

// daemons_init finds and makes the data directory, and keeps the signals for daemons_wait. Says
// what is wrong and returns an exit code.
int daemons_init(struct cli *cli, const struct args *args, struct daemons *ret);

// daemons_start_controller starts the controller and leaves its endpoint in the data directory.
int daemons_start_controller(struct daemons *daemons);

// daemons_start_agent starts the agent. `stops_servers`: when it stops, so do its servers.
int daemons_start_agent(struct daemons *daemons, bool stops_servers);

// daemons_ready tells the service manager that all runs.
void daemons_ready(struct daemons *daemons);

// daemons_wait waits until SIGINT or SIGTERM asks to end. After it, a second one ends the process
// at once.
void daemons_wait(struct daemons *daemons);

// daemons_stop stops what was started, the agent first, and lets go of the data directory.
void daemons_stop(struct daemons *daemons);
