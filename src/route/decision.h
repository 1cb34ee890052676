// decision.h - the last choices of a loop, kept as small records.
//
// One thread writes; any thread may read meanwhile. A record carries its number, which is taken
// away before the record is overwritten and put back behind it, so that a reader sees a whole
// record or none.
#pragma once

#include "kipp/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KP_DECISIONS_MAX = 4096, // a power of two
};

// Why an endpoint was chosen.
enum kp_why_chosen {
	KP_CHOSEN_TURN,     // it was its turn among those that are well
	KP_CHOSEN_KEY,      // the call's key or hash belongs to it
	KP_CHOSEN_NEXT,     // the key's own endpoint was unwell, full or tried
	KP_CHOSEN_FALLBACK, // it is sick, but so are too many
	KP_CHOSEN_PROBE,    // to see whether it is well again
	KP_CHOSEN_RETRY,
	KP_CHOSEN_HEDGE,
	KP_CHOSEN_NOBODY, // there was none that had not been tried
	KP_CHOSEN_COUNT,
};

// kp_chosen_text returns a short text for people.
const char *kp_chosen_text(enum kp_why_chosen why);

struct kp_decision {
	int64_t now_ns;
	uint32_t route;    // whose list it was
	uint32_t entry;    // the id of the endpoint; 0: nobody
	uint16_t listed;   // endpoints
	uint16_t sick;     // dropped by health
	uint16_t left_out; // dropped by weight or by the subset
	uint8_t tried;     // before, by the same call
	uint8_t why;       // kp_why_chosen
};

struct kp_decision_record {
	uint64_t number; // atomic; counts from 1; 0: being written
	uint64_t words[3];
};

struct kp_decisions {
	uint64_t count; // atomic; ever made
	struct kp_decision_record records[KP_DECISIONS_MAX];
};

// kp_decisions_push keeps a decision in place of the oldest. Only the owner's thread.
static inline void kp_decisions_push(struct kp_decisions *decisions,
                                     const struct kp_decision *decision)
{
	uint64_t number = decisions->count + 1;
	struct kp_decision_record *record = &decisions->records[number % KP_DECISIONS_MAX];
	uint64_t chosen = (uint64_t)decision->entry << 32 | decision->route;
	uint64_t counts = (uint64_t)decision->listed << 48 | (uint64_t)decision->sick << 32 |
	                  (uint64_t)decision->left_out << 16 | (uint64_t)decision->tried << 8 |
	                  decision->why;
	__atomic_store_n(&record->number, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&record->words[0], (uint64_t)decision->now_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&record->words[1], chosen, __ATOMIC_RELEASE);
	__atomic_store_n(&record->words[2], counts, __ATOMIC_RELEASE);
	__atomic_store_n(&record->number, number, __ATOMIC_RELEASE);
	__atomic_store_n(&decisions->count, number, __ATOMIC_RELEASE);
}

// kp_decisions_count is how many were ever made; the last KP_DECISIONS_MAX of the numbers up to it
// can be had. Any thread.
uint64_t kp_decisions_count(const struct kp_decisions *decisions);
// kp_decisions_get copies a decision by its number. Returns false when it has been overwritten. Any
// thread.
bool kp_decisions_get(const struct kp_decisions *decisions, uint64_t number,
                      struct kp_decision *ret);
