// decision.c - reading what was decided.
#include "route/decision.h"

static const char *const texts[KP_CHOSEN_COUNT] = {
        [KP_CHOSEN_TURN] = "its turn",    [KP_CHOSEN_KEY] = "by key",
        [KP_CHOSEN_NEXT] = "next by key", [KP_CHOSEN_FALLBACK] = "sick, but so are too many",
        [KP_CHOSEN_PROBE] = "probe",      [KP_CHOSEN_RETRY] = "retry",
        [KP_CHOSEN_HEDGE] = "hedge",      [KP_CHOSEN_NOBODY] = "all tried",
};

const char *kp_chosen_text(enum kp_why_chosen why)
{
	return why < KP_CHOSEN_COUNT ? texts[why] : "?";
}

uint64_t kp_decisions_count(const struct kp_decisions *decisions)
{
	return __atomic_load_n(&decisions->count, __ATOMIC_ACQUIRE);
}

bool kp_decisions_get(const struct kp_decisions *decisions, uint64_t number,
                      struct kp_decision *ret)
{
	const struct kp_decision_record *record = &decisions->records[number % KP_DECISIONS_MAX];
	if (number == 0 || __atomic_load_n(&record->number, __ATOMIC_ACQUIRE) != number)
		return false;
	int64_t now_ns = (int64_t)__atomic_load_n(&record->words[0], __ATOMIC_ACQUIRE);
	uint64_t chosen = __atomic_load_n(&record->words[1], __ATOMIC_ACQUIRE);
	uint64_t counts = __atomic_load_n(&record->words[2], __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&record->number, __ATOMIC_ACQUIRE) != number)
		return false;
	*ret = (struct kp_decision){
	        .now_ns = now_ns,
	        .route = (uint32_t)chosen,
	        .entry = (uint32_t)(chosen >> 32),
	        .listed = (uint16_t)(counts >> 48),
	        .sick = (uint16_t)(counts >> 32),
	        .left_out = (uint16_t)(counts >> 16),
	        .tried = (uint8_t)(counts >> 8),
	        .why = (uint8_t)counts,
	};
	return true;
}
