// clock.c - the system's clocks.
#include "os/clock.h"

#include <time.h>

int64_t kp_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * KP_NS_PER_S + now.tv_nsec;
}

int64_t kp_clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / KP_NS_PER_MS;
}
