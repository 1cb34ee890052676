// table.h - the endpoints of a route, and the steps that choose one of them for a call.
//
// What an endpoint list loses on its way to a call, in this order: registry list, set, zone, lane
// (these three are the registry's part today, which lists only what fits), health, subset,
// balancer. The steps run when something has changed, in kp_table_refresh; a pick only takes what
// they left. A table belongs to one thread. Where another one reads it, for an explanation, both
// take the owner's lock: the owner for adding, removing and refreshing, but not for picking.
#pragma once

#include "base/list.h"
#include "base/vec.h"
#include "route/decision.h"
#include "route/evidence.h"
#include "route/ring.h"
#include "route/wheel.h"

// The steps, by the names that people see.
enum kp_step {
	KP_STEP_REGISTRY,
	KP_STEP_SET,
	KP_STEP_ZONE,
	KP_STEP_LANE,
	KP_STEP_HEALTH,
	KP_STEP_SUBSET,
	KP_STEP_BALANCER,
	KP_STEP_COUNT,
};

const char *kp_step_name(enum kp_step step);

// What the steps made of an endpoint.
enum kp_standing {
	KP_KEPT,
	KP_KEPT_SICK,      // by health, for too many are sick
	KP_DROPPED_SICK,   // by health
	KP_DROPPED_SUBSET, // by the subset
	KP_DROPPED_WEIGHT, // by the balancer: its weight is 0
	KP_STANDING_COUNT,
};

// kp_entry is an endpoint in a table. It stays where it is in memory until it is removed and its
// last call is done.
struct kp_entry {
	// What a choice looks at stands together.
	uint32_t in_flight;  // calls; atomic, as the three below: others may read them
	uint32_t goodput;    // share of good ends, of KP_GOODPUT_FULL, a decaying average
	uint32_t latency_us; // of good answers, a decaying average; 0: none yet
	int64_t sampled_ns;  // when one ended
	uint32_t width;      // its share of turns, among the widths of those kept
	uint32_t id;         // in this table, never used again
	enum kp_standing standing;
	const char *name;             // borrowed: "tcp:host:port"; NULL once removed
	void *arg;                    // the owner's; NULL once removed
	struct kp_evidence *evidence; // borrowed; NULL once removed
	struct kp_link link;          // in the table's gone ones
	uint64_t hash;                // of the name
	uint64_t rank;                // in this client's subset; the highest are in it
	int64_t fresh_ns;             // when it came; 0: it was there from the start
	int weight;                   // 0..100
	bool is_weighed;              // its weight counts
	uint32_t mark;                // the owner's
};

enum {
	KP_GOODPUT_FULL = 1024,
	KP_TABLE_MAX = 20000, // endpoints
};

struct kp_table;
struct kp_pick_ask;

// kp_balancer_ops is a way of choosing.
struct kp_balancer_ops {
	const char *name;
	bool is_weighted; // weights count even if the list does not say so
	bool is_keyed;    // it chooses by a key, whichever kind it is; without one it takes turns
	// pick chooses an index of the entries, of which at least one has a width; it must not
	// block and must not allocate. *why is KP_CHOSEN_TURN and may be changed.
	size_t (*pick)(struct kp_table *table, const struct kp_pick_ask *ask,
	               enum kp_why_chosen *why);
};

extern const struct kp_balancer_ops kp_balance_round_robin;
extern const struct kp_balancer_ops kp_balance_weighted;
extern const struct kp_balancer_ops kp_balance_modulo;
extern const struct kp_balancer_ops kp_balance_consistent;
extern const struct kp_balancer_ops kp_balance_latency;

struct kp_table_options {
	const struct kp_balancer_ops *balancer;
	struct kp_evidence_pool *pool;  // borrowed
	struct kp_decisions *decisions; // borrowed; NULL: not kept
	uint32_t route;                 // its number in the decisions
	size_t subset_size;             // 0: no subset
	uint64_t client_id;             // decides which subset
	int64_t slow_start_ns;          // 0: none
	int isolated_share_max;         // percent of the list
	uint64_t seed;                  // of the dice
};

struct kp_table {
	struct kp_table_options options;
	KP_VEC(struct kp_entry *) entries; // owned; by name
	struct kp_list gone;               // removed, with calls in flight
	uint32_t last_id;
	struct kp_dice dice;
	uint32_t in_flight; // calls of entries not removed
	uint64_t seen;      // of the pool's changes
	bool is_changed;    // since the last refresh
	bool wants_ring;    // somebody has asked by key
	int64_t refreshed_ns;
	int64_t due_ns;         // time itself changes something; KP_TABLE_NEVER: nothing
	int64_t probe_at_ns;    // somebody may be due to be probed
	uint64_t *scratch;      // owned; as many as the entries have room for
	struct kp_wheel wheel;  // of those kept
	struct kp_ring ring;    // of all
	uint32_t fit_width;     // the sum of those that a key may lead to
	uint32_t mean_us;       // of good answers
	uint16_t sick, skipped; // as the last refresh left them
};

#define KP_TABLE_NEVER INT64_MAX

// What a call asks for.
enum kp_key_kind {
	KP_KEY_NONE,
	KP_KEY_MODULO,     // tars_hash: the remainder is the place in the list, by name
	KP_KEY_CONSISTENT, // the same key, the same endpoint, as far as possible
};

struct kp_pick_ask {
	int64_t now_ns;
	enum kp_key_kind key_kind;
	uint64_t key;
	enum kp_why_chosen why; // TURN, RETRY or HEDGE
	const uint32_t *tried;  // ids, to be left out
	size_t tried_count;
};

void kp_table_init(struct kp_table *table, const struct kp_table_options *options);
void kp_table_fini(struct kp_table *table);

struct kp_entry_options {
	const char *name;             // lives as long as the entry is in the table
	struct kp_evidence *evidence; // so does this
	void *arg;
	int weight;      // 0..100; below 0: unset
	bool is_weighed; // the list says that weights count
	int64_t fresh_ns;
};

// kp_table_add adds an endpoint whose name is not in the table. NOMEM, LIMIT.
kp_err kp_table_add(struct kp_table *table, const struct kp_entry_options *options);
// kp_table_find returns an endpoint by its name, or NULL.
struct kp_entry *kp_table_find(const struct kp_table *table, const char *name);
void kp_table_remove(struct kp_table *table, struct kp_entry *entry);
// kp_table_set_weight changes a weight, as in kp_entry_options.
void kp_table_set_weight(struct kp_table *table, struct kp_entry *entry, int weight,
                         bool is_weighed);

// kp_table_configure changes how a table chooses.
void kp_table_configure(struct kp_table *table, const struct kp_balancer_ops *balancer,
                        size_t subset_size, int64_t slow_start_ns, int isolated_share_max);

// kp_table_want_ring has the next refresh prepare for calls with a key.
static inline void kp_table_want_ring(struct kp_table *table)
{
	if (KP_LIKELY(table->wants_ring))
		return;
	table->wants_ring = table->is_changed = true;
}

bool kp_table_is_stale(const struct kp_table *table, int64_t now_ns);
// kp_table_wants_refresh tells whether something has changed that choices depend on. New weights
// are good for a few milliseconds.
static inline bool kp_table_wants_refresh(const struct kp_table *table, int64_t now_ns)
{
	if (KP_LIKELY(__atomic_load_n(&table->options.pool->changes, __ATOMIC_RELAXED) ==
	                      table->seen &&
	              !table->is_changed && now_ns < table->due_ns))
		return false;
	return kp_table_is_stale(table, now_ns);
}

// kp_table_refresh runs the steps.
void kp_table_refresh(struct kp_table *table, int64_t now_ns);

// kp_table_pick chooses an endpoint for a call, which is then in flight there until kp_table_done.
// Returns NULL when all were tried. A sick endpoint that was not tried is better than nobody. A
// table that wants it has been refreshed before.
struct kp_entry *kp_table_pick(struct kp_table *table, const struct kp_pick_ask *ask);

// kp_table_probe returns a sick endpoint that is due to be probed, and notes that it is; or NULL.
struct kp_entry *kp_table_find_probe(struct kp_table *table, int64_t now_ns);
static inline struct kp_entry *kp_table_probe(struct kp_table *table, int64_t now_ns)
{
	return KP_LIKELY(now_ns < table->probe_at_ns) ? NULL : kp_table_find_probe(table, now_ns);
}

// kp_table_done says how a call ended, and after how long. The evidence is told apart, by whoever
// sees the connection.
void kp_table_done(struct kp_table *table, struct kp_entry *entry, enum kp_outcome outcome,
                   int64_t took_ns, int64_t now_ns);
