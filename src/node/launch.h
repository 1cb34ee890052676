// launch.h - how a server of each type is started (contract F.1): its program, arguments and
// environment.
#pragma once

#include "base/arena.h"
#include "node/config.h"

struct launch_input {
	struct kp_str application;
	struct kp_str server;
	struct kp_str type;
	struct kp_str executable; // path inside the package; empty: found by the rules
	const char *base_path;    // of the unpacked package
	const char *config_path;
	const char *library_path; // directory for LD_LIBRARY_PATH besides the package
	const char *token;        // value of KIPP_INSTANCE
	const struct config_setting *settings;
	size_t setting_count;
	const char *const *environment; // of ourselves
};

struct launch {
	const char *path;
	const char *const *argv;
	const char *const *env;
};

// launch_plan finds the program and builds arguments and environment; all of it lives in the arena.
// NOTFOUND, INVALID: it cannot be started, said in `why`.
kp_err launch_plan(const struct launch_input *input, struct kp_arena *arena, struct launch *ret,
                   struct kp_why *why);
