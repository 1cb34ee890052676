// health.h - whether an endpoint deserves calls. Pure: stepped by events, with the time passed in.
//
// Isolation means no new calls; those in flight stay. After a growing pause the endpoint is to be
// probed, by a ping and not by somebody's call; only an answer ends the isolation. Only what speaks
// about the endpoint counts here: failed connects, resets, and timeouts with no answer at all.
// Source: design section 4.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// All zero is a healthy endpoint.
struct kp_health {
	int faults;       // in a row, with no answer in between
	int isolations;   // in a row
	int64_t until_ns; // isolated; to be probed from then on; 0: not isolated
	int64_t probe_ns; // when the last probe was sent; 0: never
};

bool kp_health_is_isolated(const struct kp_health *health);

// kp_health_wants_probe tells whether a probe is due, and notes that it is being sent.
bool kp_health_wants_probe(struct kp_health *health, int64_t now_ns);

// kp_health_on_answer: any answer shows that the endpoint lives, whatever it says.
void kp_health_on_answer(struct kp_health *health);
// kp_health_on_timeout: a call was not answered, others were meanwhile; the third in a row
// isolates.
void kp_health_on_timeout(struct kp_health *health, int64_t now_ns);
// kp_health_on_broken: a connection could not be made, broke, or stayed silent for as long as a
// call waited; isolates at once.
void kp_health_on_broken(struct kp_health *health, int64_t now_ns);
