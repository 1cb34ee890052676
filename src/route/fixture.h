// fixture.h - a service of many endpoints and a table of them, for the tests of this folder.
#pragma once

#include "base/mem.h"
#include "route/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	ENDPOINTS_MAX = 1000
};

static const int64_t ms = 1000000;

struct service {
	struct kp_evidence_pool pool;
	struct kp_evidence evidence[ENDPOINTS_MAX];
	char names[ENDPOINTS_MAX][32];
	size_t count;
	struct kp_dice dice;
};

static inline uint64_t seed_of_today(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static inline struct service *service_new(size_t count, uint64_t seed)
{
	struct service *service = kp_new(struct service);
	service->count = count;
	service->dice.state = seed;
	for (size_t i = 0; i < count; i++) {
		service->evidence[i].pool = &service->pool;
		snprintf(service->names[i], sizeof(service->names[i]), "tcp:10.0.%zu.%zu:%zu",
		         i / 64, i / 4 % 16, 9000 + i % 4);
	}
	return service;
}

static inline void add(struct kp_table *table, struct service *service, size_t i, int weight,
                       int64_t fresh_ns)
{
	assert_int_equal(kp_table_add(table,
	                              &(struct kp_entry_options){
	                                      .name = service->names[i],
	                                      .evidence = &service->evidence[i],
	                                      .arg = &service->evidence[i],
	                                      .weight = weight,
	                                      .fresh_ns = fresh_ns,
	                              }),
	                 KP_OK);
}

// table_of makes a table of the whole service.
static inline struct kp_table *table_of(struct service *service, struct kp_table_options options)
{
	struct kp_table *table = kp_new(struct kp_table);
	options.pool = &service->pool;
	options.seed = kp_dice_roll(&service->dice);
	if (!options.isolated_share_max)
		options.isolated_share_max = 50;
	kp_table_init(table, &options);
	for (size_t i = 0; i < service->count; i++)
		add(table, service, i, -1, 0);
	return table;
}

static inline void table_free(struct kp_table *table)
{
	kp_table_fini(table);
	kp_free(table);
}

static inline void note(struct service *service, size_t i, enum kp_outcome outcome, int64_t now_ns)
{
	kp_evidence_note(&service->evidence[i], outcome, now_ns, &service->dice);
}

static inline struct kp_entry *pick_with(struct kp_table *table, const struct kp_pick_ask *ask)
{
	if (ask->key_kind == KP_KEY_CONSISTENT)
		kp_table_want_ring(table);
	if (kp_table_wants_refresh(table, ask->now_ns))
		kp_table_refresh(table, ask->now_ns);
	return kp_table_pick(table, ask);
}

// index_of tells which endpoint of the service an entry is.
static inline size_t index_of(const struct service *service, const struct kp_entry *entry)
{
	return (size_t)((struct kp_evidence *)entry->arg - service->evidence);
}

// pick_done picks for a call that ends well at once, and returns the endpoint's index.
static inline size_t pick_done(struct service *service, struct kp_table *table, int64_t now_ns)
{
	struct kp_entry *entry = pick_with(table, &(struct kp_pick_ask){.now_ns = now_ns});
	assert_non_null(entry);
	size_t index = index_of(service, entry);
	kp_table_done(table, entry, KP_OUTCOME_GOOD, ms, now_ns);
	return index;
}
