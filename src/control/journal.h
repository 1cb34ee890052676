// journal.h - the controller's tables in the store: desired state, last statuses, events, history.
#pragma once

#include "control/state/state.h"
#include "store/store.h"

enum {
	EVENTS_KEPT = 10000,
	CHANGES_KEPT = 10000,
	CLUSTER_SIZE = 33,
};

struct journal {
	struct kp_store *store;     // owned
	int64_t rev;                // of the last change
	int64_t event_number;       // of the last event
	char cluster[CLUSTER_SIZE]; // names this store among all others; made with it, kept for
	                            // ever
};

// journal_open opens DATA/kipp.db. Its errors are the store's.
kp_err journal_open(const char *data_dir, struct journal *ret, struct kp_why *why);
void journal_close(struct journal *journal);

// journal_load fills an empty state with what is stored.
kp_err journal_load(struct journal *journal, struct state *state, int64_t now_ns,
                    struct kp_why *why);

// journal_write makes a change durable, as one transaction, under the next `rev`. Of who changed
// what, the last CHANGES_KEPT stay.
kp_err journal_write(struct journal *journal, const struct change *change, struct kp_str who,
                     int64_t now_ms, struct kp_why *why);

// journal_save_statuses writes the statuses that changed since the last time, in one transaction.
kp_err journal_save_statuses(struct journal *journal, struct state *state, struct kp_why *why);

// journal_add_events numbers events and makes them durable; of the oldest, EVENTS_KEPT stay.
kp_err journal_add_events(struct journal *journal, const struct kipp_Event *events, size_t count,
                          struct kp_why *why);

// journal_list_events lists up to `count_max` events above `after`, oldest first, in the arena.
kp_err journal_list_events(struct journal *journal, int64_t after, size_t count_max,
                           struct kp_arena *arena, struct kipp_Event_list *ret, struct kp_why *why);
