// table.c - endpoints, and the steps that drop some of them.
#include "route/table.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/try.h"

#include <string.h>

static const int64_t settle_ns = INT64_C(10000000); // new weights wait for so long

enum {
	WEIGHT_FULL = 100,
	RAMP_STEPS = 16, // of a slow start
	RAMP_MIN = 2,
	EASE_SHIFT = 2, // keeps the sum of all widths within 32 bits
	POINTS_FULL = 40,
	SMOOTHING = 8, // of latency and goodput
	MEAN_SMOOTHING = 32,
};

const char *kp_step_name(enum kp_step step)
{
	static const char *const names[KP_STEP_COUNT] = {
	        [KP_STEP_REGISTRY] = "registry", [KP_STEP_SET] = "set",
	        [KP_STEP_ZONE] = "zone",         [KP_STEP_LANE] = "lane",
	        [KP_STEP_HEALTH] = "health",     [KP_STEP_SUBSET] = "subset",
	        [KP_STEP_BALANCER] = "balancer",
	};
	return names[step];
}

// --- entries

void kp_table_init(struct kp_table *table, const struct kp_table_options *options)
{
	*table = (struct kp_table){
	        .options = *options,
	        .dice = {options->seed},
	        .is_changed = true,
	        .wants_ring = options->balancer == &kp_balance_consistent,
	        .due_ns = KP_TABLE_NEVER,
	        .probe_at_ns = KP_TABLE_NEVER,
	};
	kp_list_init(&table->gone);
}

void kp_table_configure(struct kp_table *table, const struct kp_balancer_ops *balancer,
                        size_t subset_size, int64_t slow_start_ns, int isolated_share_max)
{
	table->options.balancer = balancer;
	table->options.subset_size = subset_size;
	table->options.slow_start_ns = slow_start_ns;
	table->options.isolated_share_max = isolated_share_max;
	table->wants_ring = table->wants_ring || balancer == &kp_balance_consistent;
	kp_ring_fini(&table->ring); // weights may count now, or not any more
	table->is_changed = true;
}

void kp_table_fini(struct kp_table *table)
{
	for (size_t i = 0; i < table->entries.len; i++)
		kp_free(table->entries.ptr[i]);
	for (struct kp_link *link; (link = kp_list_pop(&table->gone)) != NULL;)
		kp_free(KP_CONTAINER(link, struct kp_entry, link));
	kp_vec_fini(&table->entries);
	kp_free(table->scratch);
	kp_wheel_fini(&table->wheel);
	kp_ring_fini(&table->ring);
}

// find returns the place of a name, or where it would be.
static size_t find(const struct kp_table *table, const char *name)
{
	size_t low = 0, high = table->entries.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(table->entries.ptr[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct kp_entry *kp_table_find(const struct kp_table *table, const char *name)
{
	size_t at = find(table, name);
	if (at == table->entries.len || strcmp(table->entries.ptr[at]->name, name) != 0)
		return NULL;
	return table->entries.ptr[at];
}

static kp_err make_room(struct kp_table *table)
{
	size_t count = table->entries.len + 1;
	if (count > KP_TABLE_MAX)
		return KP_ERR_LIMIT;
	size_t cap = table->entries.cap;
	if (!kp_vec_grow((void **)&table->entries.ptr, &table->entries.cap, count,
	                 sizeof(*table->entries.ptr)))
		return KP_ERR_NOMEM;
	if (cap != table->entries.cap || !table->scratch) {
		uint64_t *scratch =
		        kp_realloc(table->scratch, table->entries.cap * sizeof(*table->scratch));
		if (!scratch) {
			table->entries.cap = cap; // no more than that has a place in scratch
			return KP_ERR_NOMEM;
		}
		table->scratch = scratch;
	}
	return kp_wheel_grow(&table->wheel, count);
}

kp_err kp_table_add(struct kp_table *table, const struct kp_entry_options *options)
{
	KP_TRY(make_room(table));
	struct kp_entry *entry = kp_new(struct kp_entry);
	if (!entry)
		return KP_ERR_NOMEM;
	uint64_t hash = kp_hash(options->name, strlen(options->name), 0);
	*entry = (struct kp_entry){
	        .evidence = options->evidence,
	        .name = options->name,
	        .arg = options->arg,
	        .hash = hash,
	        .rank = kp_hash(&hash, sizeof(hash), table->options.client_id),
	        .fresh_ns = options->fresh_ns,
	        .id = ++table->last_id,
	        .goodput = KP_GOODPUT_FULL,
	};
	kp_table_set_weight(table, entry, options->weight, options->is_weighed);
	size_t at = find(table, options->name);
	struct kp_entry **entries = table->entries.ptr;
	memmove(entries + at + 1, entries + at, (table->entries.len - at) * sizeof(*entries));
	entries[at] = entry;
	table->entries.len++;
	kp_ring_fini(&table->ring);
	table->is_changed = true;
	return KP_OK;
}

void kp_table_set_weight(struct kp_table *table, struct kp_entry *entry, int weight,
                         bool is_weighed)
{
	weight = weight < 0 || weight > WEIGHT_FULL ? WEIGHT_FULL : weight;
	if (entry->weight == weight && entry->is_weighed == is_weighed)
		return;
	entry->weight = weight;
	entry->is_weighed = is_weighed;
	kp_ring_fini(&table->ring);
	table->is_changed = true;
}

void kp_table_remove(struct kp_table *table, struct kp_entry *entry)
{
	size_t at = find(table, entry->name);
	kp_assert(at < table->entries.len && table->entries.ptr[at] == entry);
	kp_vec_remove(&table->entries, at);
	kp_ring_fini(&table->ring);
	table->is_changed = true;
	table->in_flight -= entry->in_flight;
	entry->evidence = NULL;
	entry->name = NULL;
	entry->arg = NULL;
	if (entry->in_flight > 0)
		kp_list_push(&table->gone, &entry->link);
	else
		kp_free(entry);
}

// --- the steps

// threshold_of returns the nth largest of `count` >= nth > 0 keys, and moves them.
static uint64_t threshold_of(uint64_t *keys, size_t count, size_t nth)
{
	size_t from = 0, to = count, wanted = nth - 1;
	while (to - from > 1) {
		uint64_t pivot = keys[from + (to - from) / 2];
		size_t larger = from, at = from, smaller = to;
		while (at < smaller) {
			uint64_t key = keys[at];
			if (key > pivot) {
				keys[at++] = keys[larger];
				keys[larger++] = key;
			} else if (key < pivot) {
				keys[at] = keys[--smaller];
				keys[smaller] = key;
			} else {
				at++;
			}
		}
		if (wanted < larger)
			to = larger;
		else if (wanted >= smaller)
			from = smaller;
		else
			return pivot;
	}
	return keys[from];
}

// sickness orders the sick: who has failed more often goes first.
static uint64_t sickness(const struct kp_entry *entry)
{
	int32_t isolations = __atomic_load_n(&entry->evidence->isolations, __ATOMIC_RELAXED);
	return (uint64_t)(uint32_t)isolations << 48 | entry->hash >> 16;
}

// step_health drops the sick, but never more than the allowed share.
static void step_health(struct kp_table *table)
{
	size_t count = table->entries.len, sick = 0;
	for (size_t i = 0; i < count; i++) {
		struct kp_entry *entry = table->entries.ptr[i];
		bool is_sick = kp_evidence_is_sick(entry->evidence);
		entry->standing = is_sick ? KP_KEPT_SICK : KP_KEPT;
		if (is_sick)
			table->scratch[sick++] = sickness(entry);
	}
	size_t allowed = count * (size_t)table->options.isolated_share_max / 100;
	if (allowed >= count)
		allowed = sick < count ? sick : 0; // a call to the sick is better than none
	size_t dropped = sick < allowed ? sick : allowed;
	uint64_t threshold = dropped ? threshold_of(table->scratch, sick, dropped) : 0;
	table->sick = 0;
	for (size_t i = 0; i < count && table->sick < dropped; i++) {
		struct kp_entry *entry = table->entries.ptr[i];
		if (entry->standing != KP_KEPT_SICK || sickness(entry) < threshold)
			continue;
		entry->standing = KP_DROPPED_SICK;
		table->sick++;
	}
}

// ramp is how far an endpoint's slow start has come, of RAMP_STEPS.
static uint32_t ramp(struct kp_table *table, const struct kp_entry *entry, int64_t now_ns)
{
	int64_t length_ns = table->options.slow_start_ns;
	int64_t begun_ns = __atomic_load_n(&entry->evidence->healed_ns, __ATOMIC_RELAXED);
	if (begun_ns < entry->fresh_ns)
		begun_ns = entry->fresh_ns;
	if (length_ns == 0 || begun_ns == 0 || now_ns - begun_ns >= length_ns)
		return RAMP_STEPS;
	int64_t next_ns = now_ns + length_ns / RAMP_STEPS + 1;
	if (next_ns > begun_ns + length_ns)
		next_ns = begun_ns + length_ns;
	if (table->due_ns > next_ns)
		table->due_ns = next_ns;
	int64_t steps = (now_ns - begun_ns) * RAMP_STEPS / length_ns;
	return steps < RAMP_MIN ? RAMP_MIN : (uint32_t)steps;
}

static bool has_weights(const struct kp_table *table)
{
	bool is_weighed = true;
	for (size_t i = 0; i < table->entries.len; i++)
		is_weighed = is_weighed && table->entries.ptr[i]->is_weighed;
	return is_weighed || table->options.balancer->is_weighted;
}

// has_weight tells whether anybody who was kept may have calls at all.
static bool has_weight(const struct kp_table *table)
{
	for (size_t i = 0; i < table->entries.len; i++)
		if (table->entries.ptr[i]->weight > 0 &&
		    table->entries.ptr[i]->standing != KP_DROPPED_SICK)
			return true;
	return false;
}

// step_weight finds out what share each endpoint is to have, and drops those without one.
static void step_weight(struct kp_table *table, int64_t now_ns)
{
	bool counts = has_weights(table) && has_weight(table);
	table->skipped = 0;
	table->due_ns = KP_TABLE_NEVER;
	for (size_t i = 0; i < table->entries.len; i++) {
		struct kp_entry *entry = table->entries.ptr[i];
		uint32_t weight = counts ? (uint32_t)entry->weight : WEIGHT_FULL;
		uint32_t ease = (uint32_t)kp_evidence_ease(entry->evidence) >> EASE_SHIFT;
		entry->width = weight * ease * ramp(table, entry, now_ns);
		if (weight == 0 && entry->standing != KP_DROPPED_SICK) {
			entry->standing = KP_DROPPED_WEIGHT;
			table->skipped++;
		}
	}
}

// step_subset keeps this client's share of a large service, chosen from those that are well.
static void step_subset(struct kp_table *table)
{
	size_t size = table->options.subset_size, well = 0;
	if (size == 0)
		return;
	for (size_t i = 0; i < table->entries.len; i++)
		if (table->entries.ptr[i]->standing == KP_KEPT)
			table->scratch[well++] = table->entries.ptr[i]->rank;
	if (well <= size)
		return;
	uint64_t threshold = threshold_of(table->scratch, well, size);
	for (size_t i = 0; i < table->entries.len; i++) {
		struct kp_entry *entry = table->entries.ptr[i];
		if (entry->standing != KP_KEPT || entry->rank >= threshold)
			continue;
		entry->standing = KP_DROPPED_SUBSET;
		table->skipped++;
	}
}

static void lay_wheel(struct kp_table *table)
{
	table->fit_width = 0;
	kp_wheel_begin(&table->wheel);
	for (size_t i = 0; i < table->entries.len; i++) {
		const struct kp_entry *entry = table->entries.ptr[i];
		if (entry->standing == KP_KEPT || entry->standing == KP_KEPT_SICK)
			kp_wheel_add(&table->wheel, (uint32_t)i, entry->width);
		if (entry->standing <= KP_KEPT_SICK || entry->standing == KP_DROPPED_SUBSET)
			table->fit_width += entry->width;
	}
	kp_wheel_end(&table->wheel, (uint32_t)(kp_dice_roll(&table->dice) >> 32));
}

// build_ring makes the ring of all endpoints, well or not: an endpoint that falls ill and recovers
// must find its keys again.
static void build_ring(struct kp_table *table)
{
	size_t count = table->entries.len;
	struct kp_ring_member *members = kp_alloc_zero(count, sizeof(*members));
	bool counts = has_weights(table);
	for (size_t i = 0; members && i < count; i++) {
		const struct kp_entry *entry = table->entries.ptr[i];
		uint32_t points = POINTS_FULL;
		if (counts)
			points = POINTS_FULL * (uint32_t)entry->weight / WEIGHT_FULL;
		members[i] = (struct kp_ring_member){entry->hash, points ? points : 1};
	}
	if (members)
		(void)kp_ring_build(&table->ring, members, count); // else keys go by remainder
	kp_free(members);
}

bool kp_table_is_stale(const struct kp_table *table, int64_t now_ns)
{
	uint64_t changes = __atomic_load_n(&table->options.pool->changes, __ATOMIC_RELAXED);
	return table->is_changed || now_ns >= table->due_ns || changes >> 32 != table->seen >> 32 ||
	       now_ns - table->refreshed_ns >= settle_ns;
}

void kp_table_refresh(struct kp_table *table, int64_t now_ns)
{
	table->seen = __atomic_load_n(&table->options.pool->changes, __ATOMIC_SEQ_CST);
	table->is_changed = false;
	table->refreshed_ns = now_ns;
	step_health(table);
	step_weight(table, now_ns);
	step_subset(table);
	lay_wheel(table);
	table->probe_at_ns = KP_TABLE_NEVER;
	for (size_t i = 0; i < table->entries.len; i++) {
		int64_t at_ns = kp_evidence_probe_at(table->entries.ptr[i]->evidence);
		if (at_ns < table->probe_at_ns)
			table->probe_at_ns = at_ns;
	}
	if (table->wants_ring && !table->ring.points && table->entries.len > 0)
		build_ring(table);
}

// --- picking

static bool is_tried(const struct kp_pick_ask *ask, const struct kp_entry *entry)
{
	for (size_t i = 0; i < ask->tried_count; i++)
		if (ask->tried[i] == entry->id)
			return true;
	return false;
}

// preference orders those that are left when the balancer's choice was tried; 0: not at all.
static int preference(enum kp_standing standing)
{
	static const int preferences[KP_STANDING_COUNT] = {
	        [KP_KEPT] = 3,
	        [KP_DROPPED_SUBSET] = 2,
	        [KP_KEPT_SICK] = 1,
	        [KP_DROPPED_SICK] = 1,
	};
	return preferences[standing];
}

// find_untried looks for the best one that was not tried, from `index` on.
static struct kp_entry *find_untried(const struct kp_table *table, const struct kp_pick_ask *ask,
                                     size_t index)
{
	struct kp_entry *best = NULL;
	for (size_t seen = 0; seen < table->entries.len; seen++, index++) {
		if (index >= table->entries.len)
			index = 0;
		struct kp_entry *entry = table->entries.ptr[index];
		if (preference(entry->standing) > (best ? preference(best->standing) : 0) &&
		    !is_tried(ask, entry))
			best = entry;
	}
	return best;
}

static const struct kp_balancer_ops *balancer_for(const struct kp_table *table,
                                                  const struct kp_pick_ask *ask)
{
	const struct kp_balancer_ops *own = table->options.balancer;
	if (KP_LIKELY(ask->key_kind == KP_KEY_NONE) || own->is_keyed)
		return own;
	return ask->key_kind == KP_KEY_MODULO ? &kp_balance_modulo : &kp_balance_consistent;
}

static void record(struct kp_table *table, const struct kp_pick_ask *ask,
                   const struct kp_entry *entry, enum kp_why_chosen why)
{
	if (!table->options.decisions)
		return;
	kp_decisions_push(table->options.decisions, &(struct kp_decision){
	                                                    .now_ns = ask->now_ns,
	                                                    .route = table->options.route,
	                                                    .entry = entry ? entry->id : 0,
	                                                    .listed = (uint16_t)table->entries.len,
	                                                    .sick = table->sick,
	                                                    .left_out = table->skipped,
	                                                    .tried = (uint8_t)ask->tried_count,
	                                                    .why = (uint8_t)why,
	                                            });
}

static inline void add_relaxed(uint32_t *count, uint32_t by)
{
	__atomic_store_n(count, *count + by, __ATOMIC_RELAXED);
}

struct kp_entry *kp_table_pick(struct kp_table *table, const struct kp_pick_ask *ask)
{
	struct kp_entry *entry = NULL;
	enum kp_why_chosen why = KP_CHOSEN_TURN;
	if (KP_LIKELY(table->wheel.total > 0)) {
		size_t index = balancer_for(table, ask)->pick(table, ask, &why);
		entry = table->entries.ptr[index];
		// A second try does not go where a first one would only go for want of better.
		if (KP_UNLIKELY(ask->tried_count > 0) &&
		    (is_tried(ask, entry) || entry->standing != KP_KEPT))
			entry = find_untried(table, ask, index + 1);
	}
	if (entry && entry->standing == KP_KEPT_SICK)
		why = KP_CHOSEN_FALLBACK;
	if (ask->why != KP_CHOSEN_TURN)
		why = ask->why;
	if (KP_UNLIKELY(!entry))
		why = KP_CHOSEN_NOBODY;
	record(table, ask, entry, why);
	if (KP_UNLIKELY(!entry))
		return NULL;
	add_relaxed(&entry->in_flight, 1);
	table->in_flight++;
	return entry;
}

struct kp_entry *kp_table_find_probe(struct kp_table *table, int64_t now_ns)
{
	struct kp_entry *found = NULL;
	table->probe_at_ns = KP_TABLE_NEVER;
	for (size_t i = 0; i < table->entries.len; i++) {
		struct kp_entry *entry = table->entries.ptr[i];
		if (!found && kp_evidence_take_probe(entry->evidence, now_ns))
			found = entry;
		int64_t at_ns = kp_evidence_probe_at(entry->evidence);
		if (at_ns < table->probe_at_ns)
			table->probe_at_ns = at_ns;
	}
	if (found)
		record(table, &(struct kp_pick_ask){.now_ns = now_ns}, found, KP_CHOSEN_PROBE);
	return found;
}

static uint32_t blend(uint32_t average, uint32_t sample, int smoothing)
{
	int64_t way = (int64_t)sample - average;
	int64_t step = way / smoothing;
	if (step == 0)
		step = (way > 0) - (way < 0);
	return (uint32_t)(average + step);
}

// sample takes an end into the averages. An error is no good answer, however fast it came; what is
// the caller's fault says nothing.
static void sample(struct kp_table *table, struct kp_entry *entry, enum kp_outcome outcome,
                   int64_t took_ns, int64_t now_ns)
{
	if (outcome == KP_OUTCOME_CALLER || outcome == KP_OUTCOME_GONE)
		return;
	bool is_good = outcome == KP_OUTCOME_GOOD;
	if (KP_UNLIKELY(!is_good || entry->goodput < KP_GOODPUT_FULL)) {
		uint32_t goodput = blend(entry->goodput, is_good ? KP_GOODPUT_FULL : 0, SMOOTHING);
		__atomic_store_n(&entry->goodput, goodput, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&entry->sampled_ns, now_ns, __ATOMIC_RELAXED);
	if (!is_good)
		return;
	int64_t us = took_ns / 1000;
	uint32_t took_us = us < 1 ? 1 : us > INT32_MAX ? INT32_MAX : (uint32_t)us;
	uint32_t before_us = entry->latency_us;
	uint32_t latency_us = before_us ? blend(before_us, took_us, SMOOTHING) : took_us;
	__atomic_store_n(&entry->latency_us, latency_us, __ATOMIC_RELAXED);
	table->mean_us = table->mean_us ? blend(table->mean_us, took_us, MEAN_SMOOTHING) : took_us;
}

void kp_table_done(struct kp_table *table, struct kp_entry *entry, enum kp_outcome outcome,
                   int64_t took_ns, int64_t now_ns)
{
	add_relaxed(&entry->in_flight, (uint32_t)-1);
	if (KP_LIKELY(entry->name != NULL)) {
		table->in_flight--;
		sample(table, entry, outcome, took_ns, now_ns);
	} else if (entry->in_flight == 0) {
		kp_list_remove(&entry->link);
		kp_free(entry);
	}
}
