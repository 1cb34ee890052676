// journal_test.c - a controller that starts again knows all that it had acknowledged.
#include "control/journal.h"
#include "control/state/world.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	char dir[64];
	struct journal journal;
	struct state state;
};

static int set_up(void **test)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/kp-journal-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(journal_open(f->dir, &f->journal, NULL), KP_OK);
	state_init(&f->state);
	*test = f;
	return 0;
}

static int tear_down(void **test)
{
	struct fixture *f = *test;
	state_fini(&f->state);
	journal_close(&f->journal);
	assert_int_equal(kp_file_remove_tree(f->dir, NULL), KP_OK);
	free(f);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void carry_out(struct fixture *f, struct change *change)
{
	if (change->steps.len) {
		assert_int_equal(journal_write(&f->journal, change, kp_str("test"), 1, NULL),
		                 KP_OK);
		assert_int_equal(world_apply(&f->state, change, 0), KP_OK);
	}
	change_fini(change);
}

static void join(struct fixture *f, const char *name)
{
	struct change change = {0};
	struct kipp_NodeInfo info = world_node(name);
	assert_int_equal(plan_node(&f->state, &info, &change, NULL), KP_OK);
	carry_out(f, &change);
}

static void deploy(struct fixture *f, const char *name, int instances)
{
	struct change change = {0};
	struct kipp_Server spec = world_spec(name, instances);
	assert_int_equal(plan_deploy(&f->state, &spec, &change, NULL), KP_OK);
	carry_out(f, &change);
}

static void start_again(struct fixture *f)
{
	state_fini(&f->state);
	journal_close(&f->journal);
	assert_int_equal(journal_open(f->dir, &f->journal, NULL), KP_OK);
	state_init(&f->state);
	assert_int_equal(journal_load(&f->journal, &f->state, 0, NULL), KP_OK);
}

// describe prints all that counts of a state, in one order, so that two can be compared.
static void describe(const struct state *state, struct kp_buf *out)
{
	struct instance_list found = {0};
	assert_int_equal(plan_find(state, kp_str(""), &found, NULL), KP_OK);
	for (size_t i = 0; i < found.all.len; i++) {
		const struct instance *instance = found.all.ptr[i];
		kp_buf_printf(out, "%s on %s %d %lld reported %d\n", instance->id,
		              instance->node ? instance->node->name : "-", instance->is_running,
		              (long long)instance->restart_count, instance->reported);
		kp_buf_append(out, instance->server->spec.ptr, instance->server->spec.len);
	}
	instance_list_fini(&found);
	for (int i = 0; i < 5; i++) {
		char name[8];
		snprintf(name, sizeof(name), "n%d", i);
		const struct node *node = state_node(state, kp_str(name));
		if (node)
			kp_buf_printf(out, "%s %s %s %lld\n", node->name, node->host,
			              node->endpoint, (long long)node_revision(node));
	}
	kp_buf_printf(out, "%zu servers, %zu unplaced\n", state->servers.len, state->unplaced);
	assert_int_equal(out->err, KP_OK);
}

static void edit_at_random(struct fixture *f, unsigned *seed)
{
	static const char *const names[] = {"A", "B", "C"};
	const char *name = names[rand_r(seed) % 3];
	char text[16];
	snprintf(text, sizeof(text), "Book.%s", name);
	struct change change = {0};
	kp_err err = KP_OK;
	switch (rand_r(seed) % 8) {
	case 0:
		snprintf(text, sizeof(text), "n%d", rand_r(seed) % 5);
		join(f, text);
		return;
	case 1:
		err = plan_remove(&f->state, kp_str("Book"), kp_str(name), &change, NULL);
		break;
	case 2:
		err = plan_run(&f->state, rand_r(seed) % 3, kp_str(text), &change, NULL);
		break;
	case 3:
		assert_int_equal(plan_place(&f->state, &change), KP_OK);
		break;
	case 4:
		snprintf(text, sizeof(text), "n%d", rand_r(seed) % 5);
		if (state_node(&f->state, kp_str(text)))
			assert_int_equal(world_report(&f->state, text, kipp_State_Active, 0),
			                 KP_OK);
		assert_int_equal(journal_save_statuses(&f->journal, &f->state, NULL), KP_OK);
		return;
	default:
		deploy(f, name, rand_r(seed) % 6);
		return;
	}
	assert_true(err == KP_OK || err == KP_ERR_NOTFOUND);
	carry_out(f, &change);
}

static void any_history_is_the_same_after_a_restart(void **test)
{
	struct fixture *f = *test;
	for (unsigned round = 1; round <= 6; round++) {
		unsigned seed = round;
		for (int step = 0; step < 40; step++)
			edit_at_random(f, &seed);
		struct kp_buf before = {0}, after = {0};
		describe(&f->state, &before);
		start_again(f);
		describe(&f->state, &after);
		if (!kp_str_equal(kp_buf_str(&before), kp_buf_str(&after)))
			fail_msg("seed %u: before\n%.*s\nafter\n%.*s", round,
			         KP_STR_ARG(kp_buf_str(&before)), KP_STR_ARG(kp_buf_str(&after)));
		kp_buf_fini(&before);
		kp_buf_fini(&after);
	}
}

static void each_change_has_a_row_that_says_who_and_what(void **test)
{
	struct fixture *f = *test;
	deploy(f, "PayServer", 1);
	deploy(f, "PayServer", 2);
	start_again(f);
	assert_int_equal(f->journal.rev, 2);
	struct kp_query *query;
	bool row;
	assert_int_equal(kp_store_query(f->journal.store,
	                                "SELECT rev, who, what, subject FROM change ORDER BY rev",
	                                &query, NULL),
	                 KP_OK);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	assert_int_equal(kp_query_i64(query, 0), 1);
	assert_true(kp_str_equal(kp_query_str(query, 1), kp_str("test")));
	assert_true(kp_str_equal(kp_query_str(query, 2), kp_str("deploy")));
	assert_true(kp_str_equal(kp_query_str(query, 3), kp_str("Book.PayServer")));
	kp_query_done(query);
}

static void moved_instance_does_not_inherit_a_status(void **test)
{
	struct fixture *f = *test;
	join(f, "n0");
	deploy(f, "PayServer", 1);
	assert_int_equal(world_report(&f->state, "n0", kipp_State_Active, 0), KP_OK);
	assert_int_equal(journal_save_statuses(&f->journal, &f->state, NULL), KP_OK);
	join(f, "n1");
	state_node(&f->state, kp_str("n0"))->is_alive = false;
	deploy(f, "PayServer", 1);
	start_again(f);
	struct instance *instance = state_instance(&f->state, kp_str("Book.PayServer.1"));
	assert_string_equal(instance->node->name, "n1");
	assert_int_equal(instance->reported, kipp_State_Pending);
}

// A change that is in the store but could not be applied for want of memory is there after a load.
static void state_that_ran_out_of_memory_is_loaded_again(void **test)
{
	struct fixture *f = *test;
	join(f, "n0");
	deploy(f, "PayServer", 1);
	for (int nth = 1, is_over = 0; !is_over; nth++) {
		struct change change = {0};
		struct kipp_Server spec = world_spec("PayServer", 1 + nth);
		kp_mem_fail_at(nth);
		kp_err err = plan_deploy(&f->state, &spec, &change, NULL);
		if (err == KP_OK)
			err = journal_write(&f->journal, &change, kp_str("test"), 1, NULL);
		bool is_stored = err == KP_OK;
		if (is_stored)
			err = world_apply(&f->state, &change, 0);
		is_over = !kp_mem_has_failed();
		assert_int_equal(err, is_over ? KP_OK : KP_ERR_NOMEM);
		kp_mem_fail_at(0);
		change_fini(&change);
		start_again(f);
		const struct server *server = state_server(&f->state, kp_str("Book.PayServer"));
		if (is_stored)
			assert_int_equal(server->instances.len, 1 + nth);
	}
}

static struct kipp_Event event_of(const char *text)
{
	struct kipp_Event event;
	kipp_Event_init(&event);
	event.timeMs = 1700000000000;
	event.kind = kp_str("test.event");
	event.text = kp_str(text);
	event.subject = kp_str("Book.PayServer.1");
	event.level = 1;
	return event;
}

static void events_are_numbered_on_over_a_restart(void **test)
{
	struct fixture *f = *test;
	struct kipp_Event events[] = {event_of("one"), event_of("two")};
	assert_int_equal(journal_add_events(&f->journal, events, 2, NULL), KP_OK);
	start_again(f);
	events[0] = event_of("three");
	assert_int_equal(journal_add_events(&f->journal, events, 1, NULL), KP_OK);

	struct kipp_Event_list list;
	struct kp_arena arena = {0};
	assert_int_equal(journal_list_events(&f->journal, 1, 10, &arena, &list, NULL), KP_OK);
	assert_int_equal(list.len, 2);
	assert_int_equal(list.ptr[0].number, 2);
	assert_true(kp_str_equal(list.ptr[0].text, kp_str("two")));
	assert_int_equal(list.ptr[1].number, 3);
	assert_true(list.ptr[1].timeMs == 1700000000000);
	assert_int_equal(list.ptr[1].level, 1);
	assert_int_equal(journal_list_events(&f->journal, 0, 2, &arena, &list, NULL), KP_OK);
	assert_int_equal(list.len, 2);
	assert_int_equal(journal_list_events(&f->journal, 3, 10, &arena, &list, NULL), KP_OK);
	assert_int_equal(list.len, 0);
	kp_arena_fini(&arena);
}

static void oldest_events_make_room(void **test)
{
	struct fixture *f = *test;
	enum {
		BATCH = 1000
	};
	struct kipp_Event *events = calloc(BATCH, sizeof(*events));
	for (int i = 0; i < BATCH; i++)
		events[i] = event_of("x");
	for (int i = 0; i < 11; i++)
		assert_int_equal(journal_add_events(&f->journal, events, BATCH, NULL), KP_OK);
	free(events);
	struct kipp_Event_list list;
	struct kp_arena arena = {0};
	assert_int_equal(journal_list_events(&f->journal, 0, 1, &arena, &list, NULL), KP_OK);
	assert_int_equal(list.ptr[0].number, 11 * BATCH - EVENTS_KEPT + 1);
	kp_arena_fini(&arena);
}

static int64_t count_rows(struct fixture *f, const char *sql)
{
	struct kp_query *query;
	bool row;
	assert_int_equal(kp_store_query(f->journal.store, sql, &query, NULL), KP_OK);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	int64_t count = row ? kp_query_i64(query, 0) : 0;
	kp_query_done(query);
	return count;
}

static void oldest_changes_make_room(void **test)
{
	struct fixture *f = *test;
	deploy(f, "PayServer", 1);
	f->journal.rev += CHANGES_KEPT - 2;
	deploy(f, "PayServer", 2);
	assert_int_equal(count_rows(f, "SELECT count(*) FROM change"), 2);
	deploy(f, "PayServer", 3);
	assert_int_equal(count_rows(f, "SELECT count(*) FROM change"), 2);
	assert_int_equal(count_rows(f, "SELECT count(*) FROM change_server"), 2);
	start_again(f);
	assert_int_equal(f->journal.rev, CHANGES_KEPT + 1);
}

static void store_keeps_its_name_and_shares_it_with_none(void **test)
{
	struct fixture *f = *test;
	char name[CLUSTER_SIZE];
	assert_int_equal(strlen(f->journal.cluster), CLUSTER_SIZE - 1);
	snprintf(name, sizeof(name), "%s", f->journal.cluster);
	start_again(f);
	assert_string_equal(f->journal.cluster, name);

	journal_close(&f->journal);
	char path[100];
	snprintf(path, sizeof(path), "%s/kipp.db", f->dir);
	assert_int_equal(kp_file_remove(path, NULL), KP_OK);
	start_again(f);
	assert_string_not_equal(f->journal.cluster, name);
}

static void exec_sql(struct kp_store *store, const char *sql)
{
	struct kp_query *query;
	assert_int_equal(kp_store_query(store, sql, &query, NULL), KP_OK);
	assert_int_equal(kp_query_run(query, NULL), KP_OK);
}

static void store_of_the_first_version_gets_a_name(void **test)
{
	struct fixture *f = *test;
	deploy(f, "PayServer", 1);
	exec_sql(f->journal.store, "DROP TABLE meta");
	exec_sql(f->journal.store, "PRAGMA user_version = 1");
	start_again(f);
	assert_int_equal(strlen(f->journal.cluster), CLUSTER_SIZE - 1);
	assert_non_null(state_server(&f->state, kp_str("Book.PayServer")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(any_history_is_the_same_after_a_restart),
	        TEST(each_change_has_a_row_that_says_who_and_what),
	        TEST(moved_instance_does_not_inherit_a_status),
	        TEST(state_that_ran_out_of_memory_is_loaded_again),
	        TEST(events_are_numbered_on_over_a_restart),
	        TEST(oldest_events_make_room),
	        TEST(oldest_changes_make_room),
	        TEST(store_keeps_its_name_and_shares_it_with_none),
	        TEST(store_of_the_first_version_gets_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
