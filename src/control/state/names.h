// names.h - which names, hashes and targets are accepted from outside.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include <stdint.h>

enum {
	NAME_SIZE_MAX = 64
};

// name_is_valid accepts 1 to NAME_SIZE_MAX letters, digits and underscores, the first no digit.
bool name_is_valid(struct kp_str name);

// node_name_is_valid accepts letters, digits and `-_.`, so that host names and addresses do.
bool node_name_is_valid(struct kp_str name);

// hash_is_valid accepts 64 hex digits in lower case.
bool hash_is_valid(struct kp_str hash);

// target is "Book", "Book.PaymentServer" or "Book.PaymentServer.1", taken apart.
struct target {
	struct kp_str application;
	struct kp_str server; // empty: all of the application
	int32_t number;       // 0: all instances
};

// target_parse accepts the empty text as "everything" (an empty application). INVALID otherwise.
kp_err target_parse(struct kp_str text, struct target *ret, struct kp_why *why);
