// spread.h - which loop a new connection goes to.
#pragma once

#include <stddef.h>
#include <stdint.h>

// spread_load is what a loop has to do already.
struct spread_load {
	int connections;
	uint64_t calls; // of late, in a second
};

// spread_pick takes the loop with the least: its share of all connections, for any of them may
// become busy, and its share of all recent calls count alike. Equals take turns, by `turn`.
size_t spread_pick(const struct spread_load *loads, size_t count, size_t turn);
