// evidence.c - isolation with growing pauses, and weights that follow refusals.
#include "route/evidence.h"

static const int64_t pause_min_ns = INT64_C(200000000);
static const int64_t pause_max_ns = INT64_C(10000000000);
static const int64_t probe_patience_ns = INT64_C(3000000000); // after it another probe may go
static const int64_t forget_ns = INT64_C(30000000000);        // well for so long: pauses begin anew
static const int64_t window_ns = INT64_C(200000000);          // in which refusals are counted

enum {
	LATE_MAX = 3, // in a row
	DOUBLINGS_MAX = 6,
	SMOOTHING = 4, // a window moves the weight by a quarter of the way
};

static const uint64_t weight_change = 1;
static const uint64_t isolation_change = UINT64_C(1) << 32;

// shows_life: an answer came, whatever it said.
static bool shows_life(enum kp_outcome outcome)
{
	return outcome <= KP_OUTCOME_OVERLOAD;
}

static void tell(struct kp_evidence *evidence, uint64_t change)
{
	__atomic_fetch_add(&evidence->pool->changes, change, __ATOMIC_SEQ_CST);
}

static int64_t pause_after(int isolations, struct kp_dice *dice)
{
	int doublings = isolations < DOUBLINGS_MAX ? isolations : DOUBLINGS_MAX;
	int64_t pause_ns = pause_min_ns << doublings;
	if (pause_ns > pause_max_ns)
		pause_ns = pause_max_ns;
	// Between four fifths and six fifths, so that many clients do not probe together.
	return pause_ns * 4 / 5 + kp_dice_below(dice, (uint32_t)(pause_ns * 2 / 5));
}

// isolate begins a pause, unless one is running: the faults of all calls in flight count once.
static void isolate(struct kp_evidence *evidence, int64_t now_ns, struct kp_dice *dice)
{
	int64_t until_ns = __atomic_load_n(&evidence->until_ns, __ATOMIC_SEQ_CST);
	if (until_ns > now_ns)
		return;
	int isolations = __atomic_load_n(&evidence->isolations, __ATOMIC_SEQ_CST);
	int64_t healed_ns = __atomic_load_n(&evidence->healed_ns, __ATOMIC_SEQ_CST);
	if (until_ns == 0 && now_ns - healed_ns > forget_ns)
		isolations = 0;
	if (!__atomic_compare_exchange_n(&evidence->until_ns, &until_ns,
	                                 now_ns + pause_after(isolations, dice), false,
	                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&evidence->isolations, isolations + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&evidence->probe_ns, 0, __ATOMIC_SEQ_CST);
	if (until_ns == 0)
		tell(evidence, isolation_change);
}

static bool has_faults(const struct kp_evidence *evidence)
{
	return __atomic_load_n(&evidence->faults, __ATOMIC_SEQ_CST) != 0 ||
	       __atomic_load_n(&evidence->until_ns, __ATOMIC_SEQ_CST) != 0;
}

// heal forgets faults. Whoever finds one at the same time marks the trouble after writing it down,
// so that at worst the mark stays without a fault.
static void heal(struct kp_evidence *evidence, int64_t now_ns)
{
	__atomic_store_n(&evidence->is_troubled, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&evidence->faults, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&evidence->until_ns, __ATOMIC_SEQ_CST) == 0 ||
	    __atomic_exchange_n(&evidence->until_ns, 0, __ATOMIC_SEQ_CST) == 0)
		return;
	__atomic_store_n(&evidence->healed_ns, now_ns, __ATOMIC_SEQ_CST);
	tell(evidence, isolation_change);
}

// strain_after moves the strain by a part of the way to the share that was refused.
static int strain_after(int strain, uint32_t refused, uint32_t served)
{
	int target = (int)(KP_EASE_FULL * (uint64_t)refused / ((uint64_t)refused + served));
	int way = target - strain;
	int next = strain + way / SMOOTHING;
	if (next == strain)
		next += (way > 0) - (way < 0);
	return next > KP_EASE_FULL - KP_EASE_MIN ? KP_EASE_FULL - KP_EASE_MIN : next;
}

// end_window draws the consequences of a window's refusals. Returns whether another one follows.
static bool end_window(struct kp_evidence *evidence)
{
	uint32_t refused = __atomic_exchange_n(&evidence->refused, 0, __ATOMIC_SEQ_CST);
	uint32_t served = __atomic_exchange_n(&evidence->served, 0, __ATOMIC_SEQ_CST);
	int strain = __atomic_load_n(&evidence->strain, __ATOMIC_SEQ_CST);
	int next = refused + served > 0 ? strain_after(strain, refused, served) : strain;
	if (next != strain) {
		__atomic_store_n(&evidence->strain, next, __ATOMIC_SEQ_CST);
		tell(evidence, weight_change);
	}
	return next > 0 || refused > 0;
}

// count_refusal counts answers while an endpoint is busy. Returns whether it still is.
static bool count_refusal(struct kp_evidence *evidence, bool is_refused, int64_t now_ns)
{
	int64_t begun_ns = __atomic_load_n(&evidence->window_ns, __ATOMIC_SEQ_CST);
	if (begun_ns == 0 && !is_refused)
		return false;
	__atomic_fetch_add(is_refused ? &evidence->refused : &evidence->served, 1,
	                   __ATOMIC_SEQ_CST);
	if (begun_ns != 0 && now_ns - begun_ns < window_ns)
		return true;
	if (!__atomic_compare_exchange_n(&evidence->window_ns, &begun_ns, now_ns, false,
	                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return true;
	if (begun_ns == 0 || end_window(evidence))
		return true;
	__atomic_store_n(&evidence->window_ns, 0, __ATOMIC_SEQ_CST);
	return false;
}

void kp_evidence_weigh(struct kp_evidence *evidence, enum kp_outcome outcome, int64_t now_ns,
                       struct kp_dice *dice)
{
	if (outcome == KP_OUTCOME_GONE)
		return;
	bool is_troubled = true;
	if (shows_life(outcome)) {
		is_troubled = count_refusal(evidence, outcome == KP_OUTCOME_OVERLOAD, now_ns);
		if (!is_troubled || has_faults(evidence))
			heal(evidence, now_ns);
		// Others may have become busy while this one found that they were not.
		if (__atomic_load_n(&evidence->strain, __ATOMIC_SEQ_CST) > 0)
			is_troubled = true;
	} else {
		int faults = __atomic_add_fetch(&evidence->faults, 1, __ATOMIC_SEQ_CST);
		if (outcome == KP_OUTCOME_BROKEN || faults >= LATE_MAX)
			isolate(evidence, now_ns, dice);
	}
	if (is_troubled && !__atomic_load_n(&evidence->is_troubled, __ATOMIC_SEQ_CST))
		__atomic_store_n(&evidence->is_troubled, 1, __ATOMIC_SEQ_CST);
}

int64_t kp_evidence_probe_at(const struct kp_evidence *evidence)
{
	int64_t until_ns = __atomic_load_n(&evidence->until_ns, __ATOMIC_RELAXED);
	int64_t probe_ns = __atomic_load_n(&evidence->probe_ns, __ATOMIC_RELAXED);
	if (until_ns == 0)
		return INT64_MAX;
	int64_t again_ns = probe_ns ? probe_ns + probe_patience_ns : 0;
	return again_ns > until_ns ? again_ns : until_ns;
}

bool kp_evidence_take_probe(struct kp_evidence *evidence, int64_t now_ns)
{
	int64_t probe_ns = __atomic_load_n(&evidence->probe_ns, __ATOMIC_SEQ_CST);
	return kp_evidence_probe_at(evidence) <= now_ns &&
	       __atomic_compare_exchange_n(&evidence->probe_ns, &probe_ns, now_ns, false,
	                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
