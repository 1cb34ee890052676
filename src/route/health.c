// health.c - isolation with growing pauses.
#include "route/health.h"

static const int64_t pause_min_ns = INT64_C(200000000);
static const int64_t pause_max_ns = INT64_C(10000000000);
static const int64_t probe_patience_ns = INT64_C(3000000000); // after it another probe may go

enum {
	TIMEOUTS_MAX = 3,
	DOUBLINGS_MAX = 6,
};

bool kp_health_is_isolated(const struct kp_health *health)
{
	return health->until_ns != 0;
}

bool kp_health_wants_probe(struct kp_health *health, int64_t now_ns)
{
	if (health->until_ns == 0 || now_ns < health->until_ns)
		return false;
	if (health->probe_ns != 0 && now_ns - health->probe_ns < probe_patience_ns)
		return false;
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
	health->probe_ns = 0;
}

void kp_health_on_timeout(struct kp_health *health, int64_t now_ns)
{
	health->faults++;
	if (health->faults >= TIMEOUTS_MAX && health->until_ns <= now_ns)
		isolate(health, now_ns);
}

void kp_health_on_broken(struct kp_health *health, int64_t now_ns)
{
	health->faults++;
	if (health->until_ns <= now_ns)
		isolate(health, now_ns);
}
