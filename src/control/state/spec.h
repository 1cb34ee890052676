// spec.h - checks a server's description before it becomes desired state.
#pragma once

#include "interfaces/cluster.h"

enum {
	INSTANCES_MAX = 1000,
	ADAPTERS_MAX = 64,
	SETTINGS_MAX = 256,
};

// spec_check refuses what could not run or could not be written into a server's configuration file:
// INVALID and one sentence that names the field.
kp_err spec_check(const struct kipp_Server *spec, struct kp_why *why);

// spec_encode appends a description as one struct with tag 0; spec_decode reads it back, its views
// into `bytes`, its lists in `arena`.
kp_err spec_encode(const struct kipp_Server *spec, struct kp_buf *out);
kp_err spec_decode(struct kp_bytes bytes, struct kp_arena *arena, struct kipp_Server *ret);
