// asking.h - gives one admin command to many instances at the same time.
#pragma once

#include "cli/remote.h"

// asked is what became of it at one instance.
struct asked {
	const char *instance;
	const char *node;
	int code;           // an exit code
	const char *answer; // without line ends at its end
	const char *why;    // what went wrong, a sentence; or ""
};

struct asked_list {
	struct asked *ptr; // in the run's arena
	size_t len;
};

// asking_run gives `command` to the instances that `target` names, on `node` only unless it is
// NULL, and waits at most `timeout_s` for each. Returns an exit code of the question as a whole:
// what single instances say is in the list.
int asking_run(struct remote *remote, const char *target, const char *node, const char *command,
               int64_t timeout_s, struct asked_list *ret);

// asking_worst is the worst exit code of the list.
int asking_worst(const struct asked_list *list);
