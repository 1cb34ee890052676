// balancer_test.c - the ways of choosing, and what a choice costs.
#include "route/fixture.h"

static struct kp_entry *pick_key(struct kp_table *table, enum kp_key_kind kind, uint64_t key)
{
	struct kp_entry *entry =
	        pick_with(table, &(struct kp_pick_ask){.now_ns = 1, .key_kind = kind, .key = key});
	assert_non_null(entry);
	return entry;
}

static struct kp_entry *pick_key_done(struct kp_table *table, enum kp_key_kind kind, uint64_t key)
{
	struct kp_entry *entry = pick_key(table, kind, key);
	kp_table_done(table, entry, KP_OUTCOME_GOOD, ms, 1);
	return entry;
}

// --- by remainder

static void add_named(struct kp_table *table, struct service *service, size_t i, const char *name)
{
	snprintf(service->names[i], sizeof(service->names[i]), "%s", name);
	add(table, service, i, -1, 0);
}

// Ports are ordered as text, as TARS does: 10001 before 9001.
static void a_remainder_is_a_place_in_the_list_ordered_by_text(void **state)
{
	struct service *service = service_new(0, 1);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_round_robin});
	static const char *const ordered[] = {"tcp:10.0.0.10:9001", "tcp:10.0.0.1:10001",
	                                      "tcp:10.0.0.1:9001", "tcp:10.0.0.2:9001"};
	service->count = 4;
	for (size_t i = 0; i < 4; i++) {
		service->evidence[i].pool = &service->pool;
		add_named(table, service, i, ordered[(i * 3 + 1) % 4]);
	}
	for (uint64_t code = 0; code < 40; code++)
		assert_string_equal(pick_key_done(table, KP_KEY_MODULO, code)->name,
		                    ordered[code % 4]);
	// With one that is sick its codes are spread over the others, the others' stay.
	const struct kp_entry *sick = kp_table_find(table, ordered[1]);
	kp_evidence_note(sick->evidence, KP_OUTCOME_BROKEN, 1, &service->dice);
	static const int left[] = {0, 2, 3};
	for (uint64_t code = 0; code < 40; code++)
		assert_string_equal(pick_key_done(table, KP_KEY_MODULO, code)->name,
		                    ordered[code % 4 == 1 ? left[code % 3] : (int)(code % 4)]);
	table_free(table);
	kp_free(service);
}

static void keyed_balancers_without_a_key_take_turns(void **state)
{
	static const struct kp_balancer_ops *const balancers[] = {&kp_balance_modulo,
	                                                          &kp_balance_consistent};
	for (int b = 0; b < 2; b++) {
		struct service *service = service_new(5, 1);
		struct kp_table *table =
		        table_of(service, (struct kp_table_options){.balancer = balancers[b]});
		int counts[5] = {0};
		for (int i = 0; i < 50; i++)
			counts[pick_done(service, table, 1)]++;
		for (int i = 0; i < 5; i++)
			assert_int_equal(counts[i], 10);
		table_free(table);
		kp_free(service);
	}
}

// --- by ring

static void the_same_key_sticks_to_its_endpoint(void **state)
{
	enum {
		KEYS = 5000
	};
	struct service *service = service_new(40, seed_of_today());
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_round_robin});
	size_t owners[KEYS], counts[40] = {0};
	for (size_t key = 0; key < KEYS; key++)
		counts[owners[key] =
		               index_of(service, pick_key_done(table, KP_KEY_CONSISTENT, key))]++;
	for (int i = 0; i < 40; i++)
		assert_true(counts[i] > KEYS / 40 / 3 && counts[i] < KEYS / 40 * 3);
	note(service, 7, KP_OUTCOME_BROKEN, 1);
	for (size_t key = 0; key < KEYS; key++) {
		size_t index = index_of(service, pick_key_done(table, KP_KEY_CONSISTENT, key));
		assert_true(owners[key] == 7 ? index != 7 : index == owners[key]);
	}
	note(service, 7, KP_OUTCOME_GOOD, 2);
	for (size_t key = 0; key < KEYS; key++)
		assert_int_equal(index_of(service, pick_key_done(table, KP_KEY_CONSISTENT, key)),
		                 owners[key]);
	table_free(table);
	kp_free(service);
}

// Trap: consistent hash by host only, so that all ports of a host are one.
static void consistent_hash_by_host_only(void **state)
{
	struct service *service = service_new(4, seed_of_today()); // one host, four ports
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_consistent});
	int counts[4] = {0};
	for (uint64_t key = 0; key < 4000; key++)
		counts[index_of(service, pick_key_done(table, KP_KEY_CONSISTENT, key))]++;
	for (int i = 0; i < 4; i++)
		assert_true(counts[i] > 400);
	table_free(table);
	kp_free(service);
}

static void a_key_that_all_want_overflows_to_its_neighbours(void **state)
{
	struct service *service = service_new(10, seed_of_today());
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_consistent});
	int in_flight[10] = {0}, worst = 0;
	for (int i = 0; i < 1000; i++) {
		int count = ++in_flight[index_of(service, pick_key(table, KP_KEY_CONSISTENT, 5))];
		worst = count > worst ? count : worst;
	}
	assert_true(worst <= 1000 * 5 / 4 / 10 + 1);
	table_free(table);
	kp_free(service);
}

// A key leads beyond a client's subset: all clients must agree on whose it is.
static void all_clients_find_the_same_endpoint_by_key(void **state)
{
	struct service *service = service_new(100, seed_of_today());
	struct kp_table *tables[2];
	for (int i = 0; i < 2; i++)
		tables[i] = table_of(service,
		                     (struct kp_table_options){.balancer = &kp_balance_round_robin,
		                                               .subset_size = 3,
		                                               .client_id = (uint64_t)i});
	for (int kind = KP_KEY_MODULO; kind <= KP_KEY_CONSISTENT; kind++)
		for (uint64_t key = 0; key < 300; key++)
			assert_int_equal(index_of(service, pick_key_done(tables[0], kind, key)),
			                 index_of(service, pick_key_done(tables[1], kind, key)));
	table_free(tables[0]);
	table_free(tables[1]);
	kp_free(service);
}

// --- by latency

// run_closed has `callers` call one after the other, each server with its own latency, and counts.
static void run_closed(struct service *service, struct kp_table *table, const int64_t *latencies,
                       const enum kp_outcome *outcomes, int *counts)
{
	enum {
		CALLERS = 20
	};
	struct kp_entry *entries[CALLERS] = {NULL};
	int64_t ends_ns[CALLERS] = {0}, begun_ns[CALLERS] = {0};
	for (int64_t now_ns = 100000; now_ns < 20000 * ms; now_ns += 100000)
		for (int c = 0; c < CALLERS; c++) {
			if (entries[c] && ends_ns[c] > now_ns)
				continue;
			if (entries[c])
				kp_table_done(table, entries[c],
				              outcomes[index_of(service, entries[c])],
				              now_ns - begun_ns[c], now_ns);
			entries[c] = pick_with(table, &(struct kp_pick_ask){.now_ns = now_ns});
			size_t index = index_of(service, entries[c]);
			counts[index]++;
			begun_ns[c] = now_ns;
			ends_ns[c] = now_ns + latencies[index];
		}
	for (int c = 0; c < CALLERS; c++)
		kp_table_done(table, entries[c], KP_OUTCOME_GONE, 0, 20000 * ms);
}

static void the_slow_get_less_and_the_failing_do_not_look_fast(void **state)
{
	struct service *service = service_new(5, seed_of_today());
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_latency});
	const int64_t latencies[] = {5 * ms, 5 * ms, 50 * ms, ms / 10, ms / 10};
	const enum kp_outcome outcomes[] = {KP_OUTCOME_GOOD, KP_OUTCOME_GOOD, KP_OUTCOME_GOOD,
	                                    KP_OUTCOME_OVERLOAD, KP_OUTCOME_ANSWER};
	int counts[5] = {0};
	run_closed(service, table, latencies, outcomes, counts);
	printf("5 ms %d %d, 50 ms %d, refusing %d, failing %d\n", counts[0], counts[1], counts[2],
	       counts[3], counts[4]);
	assert_true(counts[2] > 50 && counts[2] < counts[0] / 3);
	assert_true(counts[3] > 10 && counts[3] < counts[0] / 10);
	assert_true(counts[4] > 10 && counts[4] < counts[0] / 10);
	table_free(table);
	kp_free(service);
}

static void who_was_slow_is_asked_again_in_time(void **state)
{
	struct service *service = service_new(2, seed_of_today());
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_latency});
	const int64_t slow[] = {2 * ms, 40 * ms}, even[] = {2 * ms, 2 * ms};
	const enum kp_outcome good[] = {KP_OUTCOME_GOOD, KP_OUTCOME_GOOD};
	int counts[2] = {0};
	run_closed(service, table, slow, good, counts);
	assert_true(counts[1] * 5 < counts[0]);
	counts[0] = counts[1] = 0;
	run_closed(service, table, even, good, counts);
	assert_true(counts[1] * 2 > counts[0]);
	table_free(table);
	kp_free(service);
}

static void whoever_comes_first_the_faster_is_found(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	for (int round = 0; round < 100; round++) {
		struct service *service = service_new(2, kp_dice_roll(&dice));
		struct kp_table *table = table_of(
		        service, (struct kp_table_options){.balancer = &kp_balance_latency});
		int64_t now_ns = ms;
		int counts[2] = {0};
		for (int i = 0; i < 300; i++) {
			struct kp_entry *entry =
			        pick_with(table, &(struct kp_pick_ask){.now_ns = now_ns});
			size_t index = index_of(service, entry);
			int64_t took_ns = index ? 20 * ms : ms / 50;
			now_ns += took_ns;
			kp_table_done(table, entry, KP_OUTCOME_GOOD, took_ns, now_ns);
			counts[index]++;
		}
		assert_true(counts[1] > 0 && counts[1] < 20);
		table_free(table);
		kp_free(service);
	}
}

static void latencies_of_any_length_are_taken(void **state)
{
	struct service *service = service_new(1, 1);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_latency});
	static const int64_t lengths[] = {-5, 0, 1, INT64_MAX};
	for (int i = 0; i < 4; i++) {
		struct kp_entry *entry = pick_with(table, &(struct kp_pick_ask){.now_ns = 1});
		kp_table_done(table, entry, KP_OUTCOME_GOOD, lengths[i], 1);
		assert_true(entry->latency_us > 0);
	}
	table_free(table);
	kp_free(service);
}

// --- what it costs

static int64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double ns_per_pick(struct kp_table *table, enum kp_key_kind kind)
{
	enum {
		PICKS = 200000
	};
	int64_t best_ns = INT64_MAX;
	for (int round = 0; round < 5; round++) {
		int64_t begun_ns = clock_ns();
		for (uint64_t i = 0; i < PICKS; i++) {
			struct kp_pick_ask ask = {
			        .now_ns = 1, .key_kind = kind, .key = i * 2654435769};
			kp_table_done(table, pick_with(table, &ask), KP_OUTCOME_GONE, 0, 1);
		}
		int64_t took_ns = clock_ns() - begun_ns;
		best_ns = took_ns < best_ns ? took_ns : best_ns;
	}
	return (double)best_ns / PICKS;
}

// The time is printed, for people; what is held is that nothing is allocated.
static void picking_of_a_thousand_allocates_nothing(void **state)
{
	static const struct {
		const struct kp_balancer_ops *balancer;
		enum kp_key_kind kind;
	} ways[] = {{&kp_balance_round_robin, KP_KEY_NONE},
	            {&kp_balance_weighted, KP_KEY_NONE},
	            {&kp_balance_modulo, KP_KEY_MODULO},
	            {&kp_balance_consistent, KP_KEY_CONSISTENT},
	            {&kp_balance_latency, KP_KEY_NONE}};
	for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
		struct service *service = service_new(1000, 1);
		struct kp_decisions *decisions = kp_new(struct kp_decisions);
		struct kp_table *table =
		        table_of(service, (struct kp_table_options){.balancer = ways[w].balancer,
		                                                    .decisions = decisions});
		for (size_t i = 0; i < service->count; i++)
			kp_table_set_weight(table, kp_table_find(table, service->names[i]),
			                    1 + (int)(i % 100), false);
		int64_t begun_ns = clock_ns();
		pick_key_done(table, ways[w].kind, 1);
		double refresh_us = (double)(clock_ns() - begun_ns) / 1000;
		int64_t allocs = kp_mem_allocs();
		double ns = ns_per_pick(table, ways[w].kind);
		assert_int_equal(kp_mem_allocs(), allocs);
		printf("%-16s 1000 endpoints: %5.1f ns a pick with its end, refresh %.0f us\n",
		       ways[w].balancer->name, ns, refresh_us);
		table_free(table);
		kp_free(decisions);
		kp_free(service);
	}
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_remainder_is_a_place_in_the_list_ordered_by_text),
	        cmocka_unit_test(keyed_balancers_without_a_key_take_turns),
	        cmocka_unit_test(the_same_key_sticks_to_its_endpoint),
	        cmocka_unit_test(consistent_hash_by_host_only),
	        cmocka_unit_test(a_key_that_all_want_overflows_to_its_neighbours),
	        cmocka_unit_test(all_clients_find_the_same_endpoint_by_key),
	        cmocka_unit_test(the_slow_get_less_and_the_failing_do_not_look_fast),
	        cmocka_unit_test(who_was_slow_is_asked_again_in_time),
	        cmocka_unit_test(whoever_comes_first_the_faster_is_found),
	        cmocka_unit_test(latencies_of_any_length_are_taken),
	        cmocka_unit_test(picking_of_a_thousand_allocates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
