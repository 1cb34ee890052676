// spread.c - which loop a new connection goes to.
#include "rpc/spread.h"

size_t spread_pick(const struct spread_load *loads, size_t count, size_t turn)
{
	double connections = 1, calls = 1;
	for (size_t i = 0; i < count; i++) {
		connections += loads[i].connections;
		calls += (double)loads[i].calls;
	}
	size_t best = 0;
	double least = 3; // more than any two shares
	for (size_t i = 0; i < count; i++) {
		size_t at = (turn + i) % count;
		double share =
		        loads[at].connections / connections + (double)loads[at].calls / calls;
		if (share < least) {
			least = share;
			best = at;
		}
	}
	return best;
}
