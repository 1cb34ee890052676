// table_test.c - the steps: who is left out, and that somebody is always left.
#include "route/fixture.h"

static const struct kp_table_options round_robin = {.balancer = &kp_balance_round_robin};

static void picking_goes_round_and_avoids_the_sick(void **state)
{
	struct service *service = service_new(4, seed_of_today());
	struct kp_table *table = table_of(service, round_robin);
	size_t counts[4] = {0};
	for (int i = 0; i < 400; i++)
		counts[pick_done(service, table, 1)]++;
	for (int i = 0; i < 4; i++)
		assert_int_equal(counts[i], 100);
	note(service, 1, KP_OUTCOME_BROKEN, 10);
	int probes = 0;
	for (int i = 0; i < 100; i++) {
		int64_t now_ns = 10 + i * 10 * ms;
		assert_int_not_equal(pick_done(service, table, now_ns), 1);
		struct kp_entry *probe = kp_table_probe(table, now_ns);
		assert_true(!probe || (index_of(service, probe) == 1 && i >= 16));
		probes += probe != NULL;
	}
	assert_int_equal(probes, 1);
	note(service, 1, KP_OUTCOME_GOOD, 1000 * ms);
	bool is_back = false;
	for (int i = 0; i < 4; i++)
		is_back = pick_done(service, table, 1001 * ms) == 1 || is_back;
	assert_true(is_back);
	table_free(table);
	kp_free(service);
}

static void never_more_than_the_allowed_share_is_isolated(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	for (int round = 0; round < 300; round++) {
		size_t count = 1 + kp_dice_below(&dice, 40);
		int share = (int)kp_dice_below(&dice, 101);
		struct service *service = service_new(count, kp_dice_roll(&dice));
		struct kp_table *table = table_of(
		        service,
		        (struct kp_table_options){.balancer = &kp_balance_round_robin,
		                                  .isolated_share_max = share ? share : 1});
		size_t sick = 0;
		for (size_t i = 0; i < count; i++)
			if (kp_dice_below(&dice, 2)) {
				note(service, i, KP_OUTCOME_BROKEN, 100);
				sick++;
			}
		size_t seen[40] = {0}, different = 0, seen_sick = 0;
		for (size_t i = 0; i < 2 * count; i++)
			seen[pick_done(service, table, 101)]++;
		for (size_t i = 0; i < count; i++) {
			different += seen[i] > 0;
			seen_sick += seen[i] > 0 && kp_evidence_is_sick(&service->evidence[i]);
		}
		size_t allowed = count * (size_t)(share ? share : 1) / 100;
		if (allowed == count && sick == count)
			allowed = 0;
		assert_int_equal(count - different, sick < allowed ? sick : allowed);
		assert_int_equal(seen_sick, sick - (count - different));
		table_free(table);
		kp_free(service);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void a_service_of_one_is_never_isolated(void **state)
{
	struct service *service = service_new(1, 1);
	struct kp_table *table = table_of(service, round_robin);
	for (int i = 1; i < 100; i++) {
		note(service, 0, KP_OUTCOME_BROKEN, i * ms);
		assert_int_equal(pick_done(service, table, i * ms), 0);
	}
	assert_int_equal(table->sick, 0);
	table_free(table);
	kp_free(service);
}

static void when_all_are_sick_somebody_is_asked_all_the_same(void **state)
{
	struct service *service = service_new(2, 1);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_round_robin,
	                                                    .isolated_share_max = 100});
	note(service, 0, KP_OUTCOME_BROKEN, 10);
	note(service, 1, KP_OUTCOME_BROKEN, 10);
	assert_true(pick_done(service, table, 11) < 2);
	uint32_t tried[2];
	struct kp_entry *entry = pick_with(table, &(struct kp_pick_ask){.now_ns = 11});
	tried[0] = entry->id;
	struct kp_entry *other = pick_with(
	        table, &(struct kp_pick_ask){.now_ns = 11, .tried = tried, .tried_count = 1});
	assert_non_null(other);
	assert_ptr_not_equal(entry, other);
	tried[1] = other->id;
	assert_null(pick_with(
	        table, &(struct kp_pick_ask){.now_ns = 11, .tried = tried, .tried_count = 2}));
	table_free(table);
	kp_free(service);
}

// Of ten, nine are dead: five of those are isolated, four are not, and each call whose first try
// was refused gets to the one that lives by its second.
static void one_that_is_well_is_found_by_the_second_try(void **state)
{
	struct service *service = service_new(10, seed_of_today());
	struct kp_table *table = table_of(service, round_robin);
	for (size_t i = 0; i < 9; i++)
		note(service, i, KP_OUTCOME_BROKEN, 10);
	for (int call = 0; call < 200; call++) {
		struct kp_entry *entry = pick_with(table, &(struct kp_pick_ask){.now_ns = 20});
		size_t index = index_of(service, entry);
		if (index == 9)
			continue;
		struct kp_entry *second =
		        pick_with(table, &(struct kp_pick_ask){.now_ns = 20,
		                                               .why = KP_CHOSEN_RETRY,
		                                               .tried = &entry->id,
		                                               .tried_count = 1});
		assert_int_equal(index_of(service, second), 9);
	}
	table_free(table);
	kp_free(service);
}

static void an_empty_table_yields_nobody(void **state)
{
	struct service *service = service_new(0, 1);
	struct kp_table *table = table_of(service, round_robin);
	assert_null(pick_with(table, &(struct kp_pick_ask){.now_ns = 1}));
	assert_null(kp_table_probe(table, 1));
	table_free(table);
	kp_free(service);
}

// --- evidence for all

// The acceptance case of the issue, without its sockets: a hundred callers, each with a loop of its
// own in one process, at a tenth of a call per second; one of ten servers is dead.
static void a_hundred_slow_callers_hardly_notice_a_dead_server(void **state)
{
	enum {
		CALLERS = 100,
		SECONDS = 60,
	};
	struct service *service = service_new(10, seed_of_today());
	struct kp_table *tables[CALLERS];
	for (int i = 0; i < CALLERS; i++)
		tables[i] = table_of(service, round_robin);
	int calls = 0, failed = 0;
	for (int tick = 0; tick < SECONDS * 10; tick++) { // ten calls a second in all
		int64_t now_ns = (1000 + tick * 100) * ms;
		struct kp_table *table = tables[kp_dice_below(&service->dice, CALLERS)];
		struct kp_entry *probe = kp_table_probe(table, now_ns);
		if (probe)
			note(service, index_of(service, probe), KP_OUTCOME_BROKEN, now_ns);
		struct kp_entry *entry = pick_with(table, &(struct kp_pick_ask){.now_ns = now_ns});
		size_t index = index_of(service, entry);
		enum kp_outcome outcome = index == 3 ? KP_OUTCOME_BROKEN : KP_OUTCOME_GOOD;
		note(service, index, outcome, now_ns);
		kp_table_done(table, entry, outcome, ms, now_ns);
		if (tick >= 50) {
			calls++;
			failed += outcome != KP_OUTCOME_GOOD;
		}
	}
	printf("%d of %d calls failed after five seconds\n", failed, calls);
	assert_true(failed * 100 < calls);
	for (int i = 0; i < CALLERS; i++)
		table_free(tables[i]);
	kp_free(service);
	assert_int_equal(kp_mem_live(), 0);
}

static void of_all_loops_one_sends_a_probe(void **state)
{
	struct service *service = service_new(3, 1);
	struct kp_table *first = table_of(service, round_robin);
	struct kp_table *second = table_of(service, round_robin);
	note(service, 0, KP_OUTCOME_BROKEN, 1);
	pick_done(service, first, 2);
	pick_done(service, second, 2);
	assert_non_null(kp_table_probe(first, 500 * ms));
	assert_null(kp_table_probe(second, 500 * ms));
	assert_null(kp_table_probe(first, 501 * ms));
	note(service, 0, KP_OUTCOME_GOOD, 502 * ms); // seen by one, good for both
	pick_done(service, second, 503 * ms);
	assert_int_equal(second->sick, 0);
	table_free(first);
	table_free(second);
	kp_free(service);
}

static void an_overloaded_endpoint_gets_less_but_never_nothing(void **state)
{
	struct service *service = service_new(4, seed_of_today());
	struct kp_table *table = table_of(service, round_robin);
	int counts[4] = {0};
	for (int i = 0; i < 100000; i++) {
		int64_t now_ns = (i + 1) * ms;
		size_t index = pick_done(service, table, now_ns);
		note(service, index, index == 2 ? KP_OUTCOME_OVERLOAD : KP_OUTCOME_GOOD, now_ns);
		if (i >= 50000)
			counts[index]++;
	}
	assert_true(counts[2] > 500 && counts[2] < counts[0] / 5);
	assert_int_equal(table->sick, 0);
	table_free(table);
	kp_free(service);
}

// --- lists that change

static void a_removed_endpoint_stays_until_its_calls_are_done(void **state)
{
	struct service *service = service_new(3, 1);
	struct kp_table *table = table_of(service, round_robin);
	struct kp_entry *held[6];
	for (int i = 0; i < 6; i++)
		held[i] = pick_with(table, &(struct kp_pick_ask){.now_ns = 1});
	struct kp_entry *gone = kp_table_find(table, service->names[1]);
	kp_table_remove(table, gone);
	assert_null(kp_table_find(table, service->names[1]));
	assert_int_equal(table->in_flight, 4);
	for (int i = 0; i < 6; i++)
		kp_table_done(table, held[i], KP_OUTCOME_GOOD, ms, 2);
	assert_int_equal(table->in_flight, 0);
	assert_true(kp_list_is_empty(&table->gone));
	for (int i = 0; i < 10; i++)
		assert_int_not_equal(pick_done(service, table, 3), 1);
	add(table, service, 1, -1, 0);
	assert_true(kp_table_find(table, service->names[1])->id > 3);
	// What is still held when the table goes is freed with it.
	kp_table_remove(table, pick_with(table, &(struct kp_pick_ask){.now_ns = 4}));
	table_free(table);
	kp_free(service);
	assert_int_equal(kp_mem_live(), 0);
}

static void weights_count_where_the_list_says_so(void **state)
{
	struct service *service = service_new(3, seed_of_today());
	for (int way = 0; way < 3; way++) {
		struct kp_table *table = table_of(
		        service,
		        (struct kp_table_options){.balancer = way == 2 ? &kp_balance_weighted
		                                                       : &kp_balance_round_robin});
		static const int weights[] = {60, 30, 0};
		for (int i = 0; i < 3; i++)
			kp_table_set_weight(table, kp_table_find(table, service->names[i]),
			                    weights[i], way == 1);
		int counts[3] = {0};
		for (int i = 0; i < 900; i++)
			counts[pick_done(service, table, 1)]++;
		assert_int_equal(counts[0], way ? 600 : 300);
		assert_int_equal(counts[1], 300);
		assert_int_equal(counts[2], way ? 0 : 300);
		table_free(table);
	}
	kp_free(service);
}

static void if_all_weights_are_zero_all_are_alike(void **state)
{
	struct service *service = service_new(3, 1);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_weighted});
	for (int i = 0; i < 3; i++)
		kp_table_set_weight(table, kp_table_find(table, service->names[i]), 0, true);
	int counts[3] = {0};
	for (int i = 0; i < 30; i++)
		counts[pick_done(service, table, 1)]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts[i], 10);
	table_free(table);
	kp_free(service);
}

static void a_fresh_endpoint_starts_slowly_the_first_list_does_not(void **state)
{
	struct service *service = service_new(4, seed_of_today());
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_round_robin,
	                                                    .slow_start_ns = 1000 * ms});
	kp_table_remove(table, kp_table_find(table, service->names[3]));
	int counts[4] = {0};
	for (int i = 0; i < 300; i++)
		counts[pick_done(service, table, 1)]++;
	assert_int_equal(counts[0], 100);
	add(table, service, 3, -1, 5000 * ms);
	int before = 0;
	for (int tenth = 0; tenth < 10; tenth++) {
		int fresh = 0;
		for (int i = 0; i < 1000; i++)
			fresh += pick_done(service, table, (5000 + tenth * 100 + i / 10) * ms) == 3;
		assert_true(fresh + 10 >= before);
		assert_true(tenth > 0 || (fresh > 10 && fresh < 80));
		before = fresh;
	}
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 400; i++)
		counts[pick_done(service, table, 6001 * ms)]++;
	for (int i = 0; i < 4; i++)
		assert_int_equal(counts[i], 100);
	table_free(table);
	kp_free(service);
}

// --- subsets

static void a_subset_is_even_and_hardly_moves(void **state)
{
	enum {
		CLIENTS = 1000,
		COUNT = 200,
		SIZE = 20,
	};
	struct service *service = service_new(COUNT, seed_of_today());
	int users[COUNT] = {0}, moved = 0;
	struct kp_table_options options = {.balancer = &kp_balance_round_robin,
	                                   .subset_size = SIZE};
	for (int client = 0; client < CLIENTS; client++) {
		options.client_id = kp_dice_roll(&service->dice);
		struct kp_table *table = table_of(service, options);
		bool is_member[COUNT] = {false};
		for (int i = 0; i < SIZE; i++)
			is_member[pick_done(service, table, 1)] = true;
		int members = 0;
		for (int i = 0; i < COUNT; i++) {
			users[i] += is_member[i];
			members += is_member[i];
		}
		assert_int_equal(members, SIZE);
		kp_table_remove(table, kp_table_find(table, service->names[client % COUNT]));
		for (int i = 0; i < SIZE; i++)
			moved += !is_member[pick_done(service, table, 2)];
		table_free(table);
	}
	for (int i = 0; i < COUNT; i++)
		assert_true(users[i] > 50 && users[i] < 160); // of 100 in the mean
	// One of 200 left: a tenth of the clients had it, and each of those took one other.
	assert_true(moved > 50 && moved < 160);
	kp_free(service);
}

static void the_same_client_has_the_same_subset_and_replaces_the_sick(void **state)
{
	struct service *service = service_new(50, 1);
	struct kp_table_options options = {
	        .balancer = &kp_balance_round_robin, .subset_size = 5, .client_id = 42};
	struct kp_table *first = table_of(service, options), *second = table_of(service, options);
	bool in_first[50] = {false};
	size_t a_member = 0;
	for (int i = 0; i < 5; i++)
		in_first[a_member = pick_done(service, first, 1)] = true;
	for (int i = 0; i < 5; i++)
		assert_true(in_first[pick_done(service, second, 1)]);
	note(service, a_member, KP_OUTCOME_BROKEN, 2);
	int others = 0;
	for (int i = 0; i < 5; i++) {
		size_t index = pick_done(service, first, 3);
		assert_int_not_equal(index, a_member);
		others += !in_first[index];
	}
	assert_int_equal(others, 1);
	table_free(first);
	table_free(second);
	kp_free(service);
}

static void tables_survive_running_out_of_memory(void **state)
{
	struct service *service = service_new(20, 1);
	int64_t live = kp_mem_live();
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_table table;
		kp_table_init(&table, &(struct kp_table_options){.balancer = &kp_balance_consistent,
		                                                 .pool = &service->pool,
		                                                 .isolated_share_max = 50});
		kp_err err = KP_OK;
		for (size_t i = 0; i < 20 && err == KP_OK; i++)
			err = kp_table_add(&table, &(struct kp_entry_options){
			                                   .name = service->names[i],
			                                   .evidence = &service->evidence[i]});
		if (!kp_mem_has_failed())
			assert_int_equal(err, KP_OK);
		if (table.entries.len > 0)
			assert_non_null(pick_with(
			        &table,
			        &(struct kp_pick_ask){.now_ns = 1, .key_kind = KP_KEY_CONSISTENT}));
		kp_table_fini(&table);
		assert_int_equal(kp_mem_live(), live);
	}
	kp_free(service);
}

// --- anything

enum {
	HELD_MAX = 64
};

// life is a table to which anything happens, and what ought to be true of it.
struct life {
	struct service *service;
	struct kp_table *table;
	struct kp_dice dice;
	bool is_listed[40];
	struct kp_entry *held[HELD_MAX];
	size_t held_count;
	int64_t now_ns;
	int share;
};

static void end_one(struct life *life)
{
	if (life->held_count == 0)
		return;
	size_t which = kp_dice_below(&life->dice, (uint32_t)life->held_count);
	struct kp_entry *entry = life->held[which];
	life->held[which] = life->held[--life->held_count];
	enum kp_outcome outcome = kp_dice_below(&life->dice, KP_OUTCOME_GONE + 1);
	if (entry->evidence)
		kp_evidence_note(entry->evidence, outcome, life->now_ns, &life->dice);
	kp_table_done(life->table, entry, outcome, (int64_t)(kp_dice_roll(&life->dice) >> 30),
	              life->now_ns);
}

static void list_one(struct life *life)
{
	size_t which = kp_dice_below(&life->dice, 40);
	struct kp_entry *entry = kp_table_find(life->table, life->service->names[which]);
	assert_int_equal(entry != NULL, life->is_listed[which]);
	if (entry)
		kp_table_remove(life->table, entry);
	else
		add(life->table, life->service, which, (int)kp_dice_below(&life->dice, 102) - 1,
		    life->now_ns);
	life->is_listed[which] = !entry;
}

static void configure_anyhow(struct life *life)
{
	static const struct kp_balancer_ops *const balancers[] = {
	        &kp_balance_round_robin, &kp_balance_weighted, &kp_balance_modulo,
	        &kp_balance_consistent, &kp_balance_latency};
	life->share = (int)kp_dice_below(&life->dice, 101);
	kp_table_configure(life->table, balancers[kp_dice_below(&life->dice, 5)],
	                   kp_dice_below(&life->dice, 12),
	                   kp_dice_below(&life->dice, 3) * INT64_C(1000000000), life->share);
}

// check_pick picks, and sees whether that was right.
static void check_pick(struct life *life)
{
	uint32_t tried[4];
	size_t tried_count = kp_dice_below(&life->dice, 3);
	size_t count = life->table->entries.len;
	for (size_t i = 0; i < tried_count; i++)
		tried[i] = count ? life->table->entries
		                           .ptr[kp_dice_below(&life->dice, (uint32_t)count)]
		                           ->id
		                 : 1;
	struct kp_entry *entry = pick_with(
	        life->table, &(struct kp_pick_ask){.now_ns = life->now_ns,
	                                           .key_kind = kp_dice_below(&life->dice, 3),
	                                           .key = kp_dice_below(&life->dice, 1000),
	                                           .tried = tried,
	                                           .tried_count = tried_count});
	size_t isolated = 0, sick = 0;
	for (size_t i = 0; i < count; i++) {
		isolated += life->table->entries.ptr[i]->standing == KP_DROPPED_SICK;
		sick += kp_evidence_is_sick(life->table->entries.ptr[i]->evidence);
	}
	assert_true(isolated <= sick);
	assert_true(isolated * 100 <= count * (size_t)life->share);
	assert_true(count == 0 || tried_count > 0 || entry);
	if (!entry)
		return;
	for (size_t i = 0; i < tried_count; i++)
		assert_int_not_equal(entry->id, tried[i]);
	assert_true(tried_count > 0 || entry->standing != KP_DROPPED_SICK);
	assert_true(entry->standing != KP_DROPPED_WEIGHT);
	life->held[life->held_count++] = entry;
	if (life->held_count == HELD_MAX)
		end_one(life);
}

static void whatever_happens_the_rules_hold(void **state)
{
	struct life life = {.dice = {seed_of_today()}, .now_ns = 1};
	for (int round = 0; round < 40; round++) {
		life.service = service_new(40, kp_dice_roll(&life.dice));
		life.table = table_of(life.service, round_robin);
		memset(life.is_listed, true, sizeof(life.is_listed));
		configure_anyhow(&life);
		for (int step = 0; step < 3000; step++) {
			life.now_ns += kp_dice_below(&life.dice, 20000000);
			switch (kp_dice_below(&life.dice, 16)) {
			case 0:
				list_one(&life);
				break;
			case 1:
				note(life.service, kp_dice_below(&life.dice, 40),
				     kp_dice_below(&life.dice, KP_OUTCOME_GONE + 1), life.now_ns);
				break;
			case 2:
				if (kp_dice_below(&life.dice, 20) == 0)
					configure_anyhow(&life);
				(void)kp_table_probe(life.table, life.now_ns);
				break;
			case 3:
			case 4:
			case 5:
			case 6:
				end_one(&life);
				break;
			default:
				check_pick(&life);
			}
		}
		while (life.held_count > 0)
			end_one(&life);
		assert_int_equal(life.table->in_flight, 0);
		assert_true(kp_list_is_empty(&life.table->gone));
		table_free(life.table);
		kp_free(life.service);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void every_step_has_a_name(void **state)
{
	for (enum kp_step step = 0; step < KP_STEP_COUNT; step++)
		assert_true(strlen(kp_step_name(step)) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(picking_goes_round_and_avoids_the_sick),
	        cmocka_unit_test(never_more_than_the_allowed_share_is_isolated),
	        cmocka_unit_test(a_service_of_one_is_never_isolated),
	        cmocka_unit_test(when_all_are_sick_somebody_is_asked_all_the_same),
	        cmocka_unit_test(one_that_is_well_is_found_by_the_second_try),
	        cmocka_unit_test(an_empty_table_yields_nobody),
	        cmocka_unit_test(a_hundred_slow_callers_hardly_notice_a_dead_server),
	        cmocka_unit_test(of_all_loops_one_sends_a_probe),
	        cmocka_unit_test(an_overloaded_endpoint_gets_less_but_never_nothing),
	        cmocka_unit_test(a_removed_endpoint_stays_until_its_calls_are_done),
	        cmocka_unit_test(weights_count_where_the_list_says_so),
	        cmocka_unit_test(if_all_weights_are_zero_all_are_alike),
	        cmocka_unit_test(a_fresh_endpoint_starts_slowly_the_first_list_does_not),
	        cmocka_unit_test(a_subset_is_even_and_hardly_moves),
	        cmocka_unit_test(the_same_client_has_the_same_subset_and_replaces_the_sick),
	        cmocka_unit_test(tables_survive_running_out_of_memory),
	        cmocka_unit_test(whatever_happens_the_rules_hold),
	        cmocka_unit_test(every_step_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
