// plan_test.c - what deployments, and where instances go, promise.
#include "control/state/plan.h"
#include "control/state/spec.h"
#include "control/state/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **test)
{
	struct state *state = calloc(1, sizeof(*state));
	state_init(state);
	*test = state;
	return 0;
}

static int tear_down(void **test)
{
	state_fini(*test);
	free(*test);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static size_t count_on(const struct state *state, const char *node, const char *server)
{
	const struct node *found = state_node(state, kp_str(node));
	size_t count = 0;
	for (size_t i = 0; i < found->instances.len; i++)
		count += !server || strcmp(found->instances.ptr[i]->server->name, server) == 0;
	return count;
}

static void deploy_numbers_instances_from_one(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 3), KP_OK);
	for (int i = 1; i <= 3; i++) {
		char id[32];
		snprintf(id, sizeof(id), "Book.PayServer.%d", i);
		struct instance *instance = state_instance(state, kp_str(id));
		assert_non_null(instance);
		assert_int_equal(instance->number, i);
		assert_true(instance->is_running);
		assert_string_equal(instance->node->name, "a");
	}
	assert_null(state_instance(state, kp_str("Book.PayServer.4")));
}

static void deploy_spreads_a_server_then_the_load(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_join(state, "b", 0), KP_OK);
	assert_int_equal(world_join(state, "c", 0), KP_OK);
	assert_int_equal(world_deploy(state, "One", 2), KP_OK);
	assert_int_equal(count_on(state, "a", "Book.One"), 1);
	assert_int_equal(count_on(state, "b", "Book.One"), 1);
	assert_int_equal(world_deploy(state, "Two", 1), KP_OK);
	assert_int_equal(count_on(state, "c", "Book.Two"), 1);
	assert_int_equal(world_deploy(state, "Three", 6), KP_OK);
	assert_int_equal(count_on(state, "a", "Book.Three"), 2);
	assert_int_equal(count_on(state, "b", "Book.Three"), 2);
	assert_int_equal(count_on(state, "c", "Book.Three"), 2);
}

static void deploy_again_without_a_difference_changes_nothing(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	int64_t revision = node_revision(state_node(state, kp_str("a")));

	struct change change = {0};
	struct kipp_Server spec = world_spec("PayServer", 2);
	assert_int_equal(plan_deploy(state, &spec, &change, NULL), KP_OK);
	assert_int_equal(change.steps.len, 0);
	assert_int_equal(change.instances.len, 2);
	change_fini(&change);
	assert_true(node_revision(state_node(state, kp_str("a"))) == revision);
}

static void deploy_with_fewer_instances_drops_the_highest(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 5), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	assert_non_null(state_instance(state, kp_str("Book.PayServer.2")));
	assert_null(state_instance(state, kp_str("Book.PayServer.3")));
	assert_int_equal(count_on(state, "a", NULL), 2);
	assert_int_equal(world_deploy(state, "PayServer", 0), KP_OK);
	assert_int_equal(count_on(state, "a", NULL), 0);
	assert_non_null(state_server(state, kp_str("Book.PayServer")));
}

static void deploy_without_a_package_keeps_the_one_it_has(void **test)
{
	struct state *state = *test;
	struct change change = {0};
	struct kp_why why = {""};
	struct kipp_Server spec = world_spec("PayServer", 1);
	spec.package = kp_str("");
	assert_int_equal(plan_deploy(state, &spec, &change, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "package"));
	change_fini(&change);

	assert_int_equal(world_deploy(state, "PayServer", 1), KP_OK);
	change = (struct change){0};
	spec.instances = 2;
	assert_int_equal(plan_deploy(state, &spec, &change, &why), KP_OK);
	struct kipp_Server planned;
	assert_int_equal(spec_decode(change.steps.ptr[0].spec, &change.arena, &planned), KP_OK);
	assert_true(kp_str_equal(planned.package, kp_str(WORLD_PACKAGE)));
	change_fini(&change);
}

static void instances_without_a_node_wait_for_one(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	assert_int_equal(state->unplaced, 2);
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	struct change change = {0};
	assert_int_equal(plan_place(state, &change), KP_OK);
	assert_int_equal(change.steps.len, 2);
	assert_int_equal(world_apply(state, &change, 0), KP_OK);
	change_fini(&change);
	assert_int_equal(state->unplaced, 0);
	assert_int_equal(count_on(state, "a", "Book.PayServer"), 2);
}

static void deploy_moves_only_what_is_on_a_silent_node(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_join(state, "b", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 4), KP_OK);
	state_node(state, kp_str("b"))->is_alive = false;
	assert_int_equal(world_deploy(state, "PayServer", 5), KP_OK);
	assert_int_equal(count_on(state, "a", "Book.PayServer"), 5);
	assert_int_equal(count_on(state, "b", "Book.PayServer"), 0);

	state_node(state, kp_str("a"))->is_alive = false;
	assert_int_equal(world_deploy(state, "PayServer", 4), KP_OK);
	assert_int_equal(count_on(state, "a", "Book.PayServer"), 4);
}

static void stop_and_start_set_the_wish(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 3), KP_OK);
	int64_t revision = node_revision(state_node(state, kp_str("a")));
	struct instance *first = state_instance(state, kp_str("Book.PayServer.1"));
	struct instance *second = state_instance(state, kp_str("Book.PayServer.2"));

	assert_int_equal(world_run(state, PLAN_STOP, "Book.PayServer.1"), KP_OK);
	assert_false(first->is_running);
	assert_true(second->is_running);
	assert_true(node_revision(state_node(state, kp_str("a"))) != revision);
	assert_int_equal(world_run(state, PLAN_START, "Book.PayServer"), KP_OK);
	assert_true(first->is_running);
	assert_true(node_revision(state_node(state, kp_str("a"))) == revision);

	assert_int_equal(world_run(state, PLAN_STOP, "Book"), KP_OK);
	assert_false(first->is_running);
	assert_false(second->is_running);
	assert_int_equal(world_run(state, PLAN_START, "Book.PayServer.2"), KP_OK);
	assert_false(first->is_running);
	assert_true(second->is_running);
}

static void restart_raises_a_counter_that_deploy_keeps(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	int64_t before = node_revision(state_node(state, kp_str("a")));
	assert_int_equal(world_run(state, PLAN_RESTART, "Book.PayServer.2"), KP_OK);
	assert_int_equal(state_instance(state, kp_str("Book.PayServer.2"))->restart_count, 1);
	assert_int_equal(state_instance(state, kp_str("Book.PayServer.1"))->restart_count, 0);
	int64_t between = node_revision(state_node(state, kp_str("a")));
	assert_true(before != between);

	assert_int_equal(world_run(state, PLAN_RESTART, "Book.PayServer"), KP_OK);
	int64_t after = node_revision(state_node(state, kp_str("a")));
	assert_true(after != between);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	assert_true(node_revision(state_node(state, kp_str("a"))) == after);
}

static void remove_takes_the_server_and_its_instances(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	struct change change = {0};
	struct kp_why why = {""};
	assert_int_equal(plan_remove(state, kp_str("Book"), kp_str("Nothing"), &change, &why),
	                 KP_ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "Book.Nothing"));
	assert_int_equal(plan_remove(state, kp_str("Book"), kp_str("PayServer"), &change, &why),
	                 KP_OK);
	assert_int_equal(world_apply(state, &change, 0), KP_OK);
	change_fini(&change);
	assert_null(state_server(state, kp_str("Book.PayServer")));
	assert_null(state_instance(state, kp_str("Book.PayServer.1")));
	assert_int_equal(count_on(state, "a", NULL), 0);
}

static void targets_that_name_nothing_are_not_found(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	const char *const missing[] = {"Boo", "Books", "Book.Pay", "Book.PayServer.3"};
	for (size_t i = 0; i < 4; i++) {
		struct change change = {0};
		struct instance_list found = {0};
		struct kp_why why = {""};
		assert_int_equal(plan_run(state, PLAN_STOP, kp_str(missing[i]), &change, &why),
		                 KP_ERR_NOTFOUND);
		assert_non_null(strstr(why.text, missing[i]));
		assert_int_equal(plan_find(state, kp_str(missing[i]), &found, &why),
		                 KP_ERR_NOTFOUND);
		instance_list_fini(&found);
		change_fini(&change);
	}
}

static void find_lists_by_server_and_number(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_deploy(state, "B", 11), KP_OK);
	assert_int_equal(world_deploy(state, "A", 1), KP_OK);
	struct instance_list found = {0};
	assert_int_equal(plan_find(state, kp_str(""), &found, NULL), KP_OK);
	assert_int_equal(found.all.len, 12);
	assert_string_equal(found.all.ptr[0]->id, "Book.A.1");
	assert_string_equal(found.all.ptr[2]->id, "Book.B.2");
	assert_string_equal(found.all.ptr[11]->id, "Book.B.11");
	instance_list_fini(&found);
}

// Any order of deploys, stops and silences keeps these: ids are 1..N, no instance on a live node
// moves, the counters agree, and a server is spread as evenly as its live nodes allow when new.
struct before {
	const char *node;
	bool is_alive;
};

static void check_world(const struct state *state)
{
	size_t index = 0, unplaced = 0, placed = 0;
	void *value;
	while (kp_map_next(&state->servers, &index, NULL, &value)) {
		const struct server *server = value;
		for (size_t i = 0; i < server->instances.len; i++) {
			assert_int_equal(server->instances.ptr[i]->number, i + 1);
			unplaced += !server->instances.ptr[i]->node;
			placed += server->instances.ptr[i]->node != NULL;
		}
	}
	assert_int_equal(state->unplaced, unplaced);
	for (index = 0; kp_map_next(&state->nodes, &index, NULL, &value);)
		placed -= ((struct node *)value)->instances.len;
	assert_int_equal(placed, 0);
}

static void deploy_at_random(struct state *state, unsigned *seed)
{
	static const char *const names[] = {"A", "B", "C", "D"};
	const char *name = names[rand_r(seed) % 4];
	int instances = rand_r(seed) % 9;
	struct kp_arena arena = {0};
	struct kp_str full = kp_arena_format(&arena, "Book.%s", name);
	struct server *server = state_server(state, full);
	struct before before[16] = {{0}};
	size_t known = server ? server->instances.len : 0;
	for (size_t i = 0; i < known; i++) {
		const struct node *node = server->instances.ptr[i]->node;
		before[i] = (struct before){node ? node->name : NULL, node && node->is_alive};
	}
	assert_int_equal(world_deploy(state, name, instances), KP_OK);
	server = state_server(state, full);
	assert_int_equal(server->instances.len, instances);
	for (size_t i = 0; i < known && i < (size_t)instances; i++)
		if (before[i].is_alive)
			assert_string_equal(server->instances.ptr[i]->node->name, before[i].node);
	kp_arena_fini(&arena);
}

static void any_order_of_edits_keeps_the_rules(void **test)
{
	for (unsigned round = 1; round <= 50; round++) {
		unsigned seed = round;
		struct state state;
		state_init(&state);
		for (int step = 0; step < 60; step++) {
			char node[8];
			snprintf(node, sizeof(node), "n%d", rand_r(&seed) % 5);
			struct node *known = state_node(&state, kp_str(node));
			switch (rand_r(&seed) % 4) {
			case 0:
				assert_int_equal(world_join(&state, node, 0), KP_OK);
				break;
			case 1:
				if (known)
					known->is_alive = !known->is_alive;
				break;
			default:
				deploy_at_random(&state, &seed);
			}
			check_world(&state);
		}
		state_fini(&state);
		if (kp_mem_live() != 0)
			fail_msg("seed %u leaks", round);
	}
}

static void planning_survives_running_out_of_memory(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	int64_t live = kp_mem_live();
	for (int fault = 0; kp_fault_next(&fault);) {
		struct change change = {0};
		struct kipp_Server spec = world_spec("PayServer", 4);
		kp_err err = plan_deploy(state, &spec, &change, NULL);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		change_fini(&change);
		assert_int_equal(kp_mem_live(), live);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(deploy_numbers_instances_from_one),
	        TEST(deploy_spreads_a_server_then_the_load),
	        TEST(deploy_again_without_a_difference_changes_nothing),
	        TEST(deploy_with_fewer_instances_drops_the_highest),
	        TEST(deploy_without_a_package_keeps_the_one_it_has),
	        TEST(instances_without_a_node_wait_for_one),
	        TEST(deploy_moves_only_what_is_on_a_silent_node),
	        TEST(stop_and_start_set_the_wish),
	        TEST(restart_raises_a_counter_that_deploy_keeps),
	        TEST(remove_takes_the_server_and_its_instances),
	        TEST(targets_that_name_nothing_are_not_found),
	        TEST(find_lists_by_server_and_number),
	        TEST(any_order_of_edits_keeps_the_rules),
	        TEST(planning_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
