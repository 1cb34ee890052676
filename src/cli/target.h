// target.h - finding out what functions an object has.
#pragma once

#include "cli/args.h"
#include "kipp/client.h"
#include "kipp/describe.h"

// An object that is called: where it is, and what it offers.
struct target {
	struct cli *cli;
	const struct args *args;
	struct kp_client *client;             // owned
	struct kp_call *call;                 // owned
	struct kp_proxy *proxy;               // borrowed from client
	const char *object;                   // "App.Server.Obj", without the endpoint
	const char *endpoint;                 // NULL: to be found through the controller
	const struct kp_interface *interface; // in the run's arena
};

// target_open reads the command's OBJECT and its flags. Says what is wrong and returns an exit
// code.
int target_open(struct cli *cli, const struct args *args, struct target *ret);
void target_close(struct target *target);

// target_describe finds the interface: from --idl, or by asking the object itself.
int target_describe(struct target *target);

// target_fail says why calling `function` failed, and returns the exit code.
int target_fail(struct target *target, const char *function, kp_err err);
