// explain.h - what a table and its decisions say, as text for people.
#pragma once

#include "kipp/buf.h"
#include "route/table.h"

struct kp_explain {
	const struct kp_table *table; // under its owner's lock
	const char *name;             // of the object
	const char *where;            // whose list it is: a thread, a loop
	int64_t now_ns;
	size_t decisions_max; // the last so many are told
};

// kp_explain_format tells which endpoints there are, which step dropped which and why, and the last
// decisions. Its error is the buffer's.
void kp_explain_format(const struct kp_explain *what, struct kp_buf *out);
