// balancer.c - the ways of choosing among the endpoints that the steps have kept.
#include "route/table.h"

enum {
	TRUST_US = 1000000, // an average this old is believed half
	GOODPUT_MIN = 16,   // of KP_GOODPUT_FULL: keeps a failing endpoint comparable
	LOAD_FACTOR_4 = 5,  // quarters of an even share that one endpoint may have in flight
};

static size_t take_turn(struct kp_table *table, const struct kp_pick_ask *ask,
                        enum kp_why_chosen *why)
{
	return kp_wheel_turn(&table->wheel);
}

static bool is_fit_for_key(const struct kp_entry *entry)
{
	return entry->standing <= KP_KEPT_SICK || entry->standing == KP_DROPPED_SUBSET;
}

// pick_fit returns the nth of those that a key may lead to, or -1.
static size_t pick_fit(const struct kp_table *table, uint64_t nth)
{
	size_t fit = 0;
	for (size_t i = 0; i < table->entries.len; i++)
		fit += is_fit_for_key(table->entries.ptr[i]);
	nth = fit ? nth % fit : 0;
	for (size_t i = 0; i < table->entries.len; i++)
		if (is_fit_for_key(table->entries.ptr[i]) && nth-- == 0)
			return i;
	return 0;
}

// by_remainder is TARS's tars_hash: the code's remainder is a place in the list, ordered by
// "type:host:port"; when that one is unwell, in the list of those that are not. Source: contract
// C.1.
static size_t by_remainder(struct kp_table *table, const struct kp_pick_ask *ask,
                           enum kp_why_chosen *why)
{
	if (ask->key_kind == KP_KEY_NONE)
		return kp_wheel_turn(&table->wheel);
	size_t index = ask->key % table->entries.len;
	*why = KP_CHOSEN_KEY;
	if (KP_LIKELY(is_fit_for_key(table->entries.ptr[index])))
		return index;
	*why = KP_CHOSEN_NEXT;
	return pick_fit(table, ask->key);
}

static uint64_t mix(uint64_t key)
{
	struct kp_dice dice = {key};
	return kp_dice_roll(&dice);
}

// has_room tells whether an endpoint has less in flight than a quarter above its share.
static bool has_room(const struct kp_table *table, const struct kp_entry *entry)
{
	uint64_t share_4 = (uint64_t)(table->in_flight + 1) * LOAD_FACTOR_4 * entry->width;
	return (uint64_t)entry->in_flight * 4 * table->fit_width < share_4;
}

// by_ring is a consistent hash with bounded load: a key whose endpoint is unwell or has its hands
// full goes to the next one on the ring.
static size_t by_ring(struct kp_table *table, const struct kp_pick_ask *ask,
                      enum kp_why_chosen *why)
{
	const struct kp_ring *ring = &table->ring;
	if (ask->key_kind == KP_KEY_NONE || ring->count == 0)
		return by_remainder(table, ask, why);
	size_t first = kp_ring_find(ring, mix(ask->key)), at = first;
	*why = KP_CHOSEN_KEY;
	do {
		uint32_t who = ring->points[at].who;
		const struct kp_entry *entry = table->entries.ptr[who];
		if (KP_LIKELY(is_fit_for_key(entry) && has_room(table, entry)))
			return who;
		*why = KP_CHOSEN_NEXT;
		at = at + 1 < ring->count ? at + 1 : 0;
	} while (at != first);
	return by_remainder(table, ask, why);
}

// cost is how long one more call here may be expected to take, as a fraction that needs no
// division: the time between good answers, for each call in flight, by the share it should get.
// What was measured a while ago counts less, so that who was slow or failed is asked again; of whom
// nothing is known yet, the best is hoped.
struct cost {
	float above, below;
};

static struct cost cost_of(const struct kp_table *table, const struct kp_entry *entry,
                           int64_t now_ns)
{
	float mean = (float)table->mean_us + 1;
	uint32_t goodput = entry->goodput > GOODPUT_MIN ? entry->goodput : GOODPUT_MIN;
	float hoped = entry->goodput == KP_GOODPUT_FULL ? mean / 2 : mean;
	float above = entry->latency_us ? (float)entry->latency_us : hoped;
	float below = (float)goodput / KP_GOODPUT_FULL;
	if (above > mean * below) {
		float age_us = (float)(now_ns - entry->sampled_ns) / 1000;
		below *= 1 + (age_us > 0 ? age_us : 0) / TRUST_US;
	}
	return (struct cost){above * (float)(entry->in_flight + 1), below * (float)entry->width};
}

static bool is_cheaper(struct cost a, struct cost b)
{
	return a.above * b.below < b.above * a.below;
}

// draw takes the cheaper of two, drawn at random: nearly as good as the cheapest of all, and
// callers do not all run to the same.
static uint32_t draw(struct kp_table *table, int64_t now_ns)
{
	const struct kp_wheel *wheel = &table->wheel;
	uint32_t count = (uint32_t)wheel->count;
	uint64_t roll = kp_dice_roll(&table->dice);
	uint32_t first = (uint32_t)(((roll >> 32) * count) >> 32);
	uint32_t other = first + 1 + (uint32_t)(((roll & UINT32_MAX) * (count - 1)) >> 32);
	first = wheel->who[first];
	other = wheel->who[other < count ? other : other - count];
	return is_cheaper(cost_of(table, table->entries.ptr[other], now_ns),
	                  cost_of(table, table->entries.ptr[first], now_ns))
	               ? other
	               : first;
}

static size_t by_latency(struct kp_table *table, const struct kp_pick_ask *ask,
                         enum kp_why_chosen *why)
{
	if (table->wheel.count == 1)
		return table->wheel.who[0];
	uint32_t who = draw(table, ask->now_ns);
	if (KP_LIKELY(table->entries.ptr[who]->goodput >= KP_GOODPUT_FULL / 2))
		return who;
	// Two bad ones met: draw once more.
	uint32_t other = draw(table, ask->now_ns);
	return is_cheaper(cost_of(table, table->entries.ptr[other], ask->now_ns),
	                  cost_of(table, table->entries.ptr[who], ask->now_ns))
	               ? other
	               : who;
}

const struct kp_balancer_ops kp_balance_round_robin = {.name = "round robin", .pick = take_turn};
const struct kp_balancer_ops kp_balance_weighted = {
        .name = "weighted", .is_weighted = true, .pick = take_turn};
const struct kp_balancer_ops kp_balance_modulo = {
        .name = "modulo", .is_keyed = true, .pick = by_remainder};
const struct kp_balancer_ops kp_balance_consistent = {
        .name = "consistent hash", .is_keyed = true, .pick = by_ring};
const struct kp_balancer_ops kp_balance_latency = {.name = "least latency", .pick = by_latency};
