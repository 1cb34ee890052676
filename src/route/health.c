// health.c - isolation with growing pauses.
#include "route/health.h"

static const int64_t pause_min_ns = INT64_C(200000000);
static const int64_t pause_max_ns = INT64_C(10000000000);
static const int64_t probe_patience_ns = INT64_C(3000000000); // after it another probe may go

enum {
	TIMEOUTS_MAX = 3,
	DOUBLINGS_MAX = 6,
};

bool kp_health_is_isolated(const struct kp_health *health, int64_t now_ns)
{
	if (health->until_ns == 0)
		return false;
	if (now_ns < health->until_ns)
		return true;
	return health->is_probing && now_ns - health->probe_ns < probe_patience_ns;
}

bool kp_health_may_call(struct kp_health *health, int64_t now_ns)
{
	if (health->until_ns == 0)
		return true;
	if (kp_health_is_isolated(health, now_ns))
		return false;
	health->is_probing = true;
	health->probe_ns = now_ns;
	return true;
}

void kp_health_on_answer(struct kp_health *health)
{
	*health = (struct kp_health){0};
}

static void isolate(struct kp_health *health, int64_t now_ns)
{
	int doublings = health->isolations < DOUBLINGS_MAX ? health->isolations : DOUBLINGS_MAX;
	int64_t pause_ns = pause_min_ns << doublings;
	health->until_ns = now_ns + (pause_ns < pause_max_ns ? pause_ns : pause_max_ns);
	health->isolations++;
	health->is_probing = false;
}

void kp_health_on_timeout(struct kp_health *health, int64_t now_ns)
{
	health->faults++;
	if (health->faults >= TIMEOUTS_MAX && !(health->until_ns > now_ns))
		isolate(health, now_ns);
}

void kp_health_on_broken(struct kp_health *health, int64_t now_ns)
{
	health->faults++;
	if (!(health->until_ns > now_ns))
		isolate(health, now_ns);
}
