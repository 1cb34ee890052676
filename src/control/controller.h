// controller.h - the controller: registry, desired state and events on one RPC port.
//
// Everything it knows is in memory; everything it acknowledged is in the store. One loop thread
// owns all of it.
#pragma once

#include "kipp/err.h"

struct controller;

struct controller_options {
	const char *data_dir; // made if need be; one controller at a time
	const char *endpoint; // NULL: "tcp -h 0.0.0.0 -p 17890 -t 60000"
	const char *host; // where others reach it; NULL: the endpoint's, or 127.0.0.1 if that is
	                  // everywhere
};

// controller_open reads the store and binds the port. Errors that a person can mend, each with its
// sentence: BUSY (the port, or the store, is in use), CORRUPT, NOSPACE and DENIED (the store),
// INVALID (the endpoint).
kp_err controller_open(const struct controller_options *options, struct controller **ret,
                       struct kp_why *why);

// controller_start starts its thread and returns.
kp_err controller_start(struct controller *controller, struct kp_why *why);

// controller_stop ends long polls, lets calls in progress finish, and saves what is not saved yet.
void controller_stop(struct controller *controller);

// controller_close frees a controller; it is stopped first if it runs. NULL is fine.
void controller_close(struct controller *controller);

// controller_endpoint is where it listens, with the real port: "tcp -h H -p P".
const char *controller_endpoint(const struct controller *controller);
