// due.h - the deadlines of many requests, for the price of a few list links each.
//
// Most requests of a client wait equally long, so they become due in the order in which they were
// made: a list is enough, and one timer for its head that nobody touches while answers come. A few
// such lists serve a few different timeouts; whoever fits into none has a timer of its own.
#pragma once

#include "os/loop.h"

enum {
	KP_DUE_LINES = 4,
};

struct due_line {
	struct kp_list dues; // earliest first
	struct kp_timer timer;
	struct due_table *table;
};

struct due_table {
	struct kp_loop *loop; // borrowed
	struct due_line lines[KP_DUE_LINES];
};

// due is embedded in what becomes due. All zero is a valid one that is not started.
struct due {
	struct kp_timer timer; // deadline_ns counts in any case; runs if no line fits
	struct kp_link link;   // in a line
};

void due_table_init(struct due_table *table, struct kp_loop *loop);
// due_table_fini stops the timers; nobody is in a line any more.
void due_table_fini(struct due_table *table);

// due_start has timer.on_timer(&due->timer) called at `at_ns`, once, as a timer would. NOMEM is its
// only error.
kp_err due_start(struct due_table *table, struct due *due, int64_t at_ns);
void due_stop(struct due *due);
