// health.h - whether an endpoint deserves calls. Pure: stepped by events, with the time passed in.
//
// Isolation means no new calls; those in flight stay. After a growing pause one call at a time is
// let through as a probe. Only what speaks about the endpoint counts here: failed connects, resets,
// and timeouts with no answer at all. Source: design section 4.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// All zero is a healthy endpoint.
struct kp_health {
	int faults;       // in a row, with no answer in between
	int isolations;   // in a row
	int64_t until_ns; // isolated until then; 0: not isolated
	int64_t probe_ns; // when the last probe was let through
	bool is_probing;
};

// kp_health_may_call tells whether a call may go there now; a probe that is let through is noted.
bool kp_health_may_call(struct kp_health *health, int64_t now_ns);
// kp_health_is_isolated tells without letting anything through.
bool kp_health_is_isolated(const struct kp_health *health, int64_t now_ns);

// kp_health_on_answer: any answer shows that the endpoint lives, whatever it says.
void kp_health_on_answer(struct kp_health *health);
// kp_health_on_timeout: a call ended without an answer; the third in a row isolates.
void kp_health_on_timeout(struct kp_health *health, int64_t now_ns);
// kp_health_on_broken: a connection could not be made, or broke; isolates at once.
void kp_health_on_broken(struct kp_health *health, int64_t now_ns);
