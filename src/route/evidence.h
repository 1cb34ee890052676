// evidence.h - what a process knows about an endpoint: whether it is sick, and how busy it is.
//
// One record per endpoint, shared by all loops of a process: one loop's finding spares the others.
// Reading is a relaxed load; writing happens only on faults, on overload and on recovery. Isolation
// means no new calls; those in flight stay. After a growing pause the endpoint is to be probed, by
// a ping and not by somebody's call; only an answer ends the isolation. Source: design section 4.
#pragma once

#include "kipp/api.h"
#include "route/dice.h"

#include <stdbool.h>
#include <stdint.h>

// How an attempt to call ended, by what it says about the endpoint.
enum kp_outcome {
	KP_OUTCOME_GOOD,     // a result
	KP_OUTCOME_ANSWER,   // the application's answer: an error
	KP_OUTCOME_CALLER,   // the caller's fault: cannot be decoded, no such function
	KP_OUTCOME_OVERLOAD, // refused before it was queued
	KP_OUTCOME_BROKEN,   // no connection, a broken one, or one that stayed silent
	KP_OUTCOME_LATE,     // no answer in time, though others were answered meanwhile
	KP_OUTCOME_GONE,     // cancelled, or its deadline passed before anything was sent
};

// kp_evidence_pool is what all endpoints of a process share: a count that moves when something
// changed that choices depend on, isolations in its upper half and weights in its lower.
struct kp_evidence_pool {
	uint64_t changes; // atomic
};

enum {
	KP_EASE_FULL = 256, // of an endpoint that refuses nothing
	KP_EASE_MIN = 26,
};

// All but `pool` zero is an endpoint of which nothing bad is known. All fields are atomic.
struct kp_evidence {
	struct kp_evidence_pool *pool; // borrowed
	uint32_t is_troubled;          // there is something that an answer changes
	int32_t faults;                // in a row, with no answer in between
	int32_t isolations;            // in a row, or shortly after each other
	int32_t strain;                // KP_EASE_FULL less what it is eased to; 0: not busy
	int64_t until_ns;              // isolated; to be probed from then on; 0: not isolated
	int64_t probe_ns;              // when the last probe was sent; 0: never
	int64_t healed_ns;             // when it was last taken back; 0: it was never isolated
	int64_t window_ns;             // since when refusals are being counted; 0: they are not
	uint32_t refused, served;      // in that window
};

static inline bool kp_evidence_is_sick(const struct kp_evidence *evidence)
{
	return __atomic_load_n(&evidence->until_ns, __ATOMIC_RELAXED) != 0;
}

// kp_evidence_ease is the share of its weight that an endpoint should get, of KP_EASE_FULL: about
// the share of calls that it does not refuse.
static inline int kp_evidence_ease(const struct kp_evidence *evidence)
{
	return KP_EASE_FULL - __atomic_load_n(&evidence->strain, __ATOMIC_RELAXED);
}

// kp_evidence_probe_at is the time from which a sick endpoint is to be probed.
int64_t kp_evidence_probe_at(const struct kp_evidence *evidence);
// kp_evidence_take_probe tells whether a probe is due; only one of those who ask at the same time
// is told so, and sends it.
bool kp_evidence_take_probe(struct kp_evidence *evidence, int64_t now_ns);

void kp_evidence_weigh(struct kp_evidence *evidence, enum kp_outcome outcome, int64_t now_ns,
                       struct kp_dice *dice);

// kp_evidence_note tells how an attempt ended. The dice spread the pauses.
static inline void kp_evidence_note(struct kp_evidence *evidence, enum kp_outcome outcome,
                                    int64_t now_ns, struct kp_dice *dice)
{
	if (KP_LIKELY(outcome <= KP_OUTCOME_CALLER &&
	              !__atomic_load_n(&evidence->is_troubled, __ATOMIC_RELAXED)))
		return;
	kp_evidence_weigh(evidence, outcome, now_ns, dice);
}
