// clock.h - the only place where time comes from.
#pragma once

#include <stdint.h>

enum {
	KP_NS_PER_MS = 1000000
};
#define KP_NS_PER_S INT64_C(1000000000)
#define KP_NS_NEVER INT64_MAX

// kp_clock_ns never goes back; it counts from an arbitrary start.
int64_t kp_clock_ns(void);

// kp_clock_wall_ms is the time of day in milliseconds since 1970. For people only.
int64_t kp_clock_wall_ms(void);
