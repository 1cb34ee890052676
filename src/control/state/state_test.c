// state_test.c - what reports and silence do to the picture of the cluster.
#include "control/state/state.h"
#include "control/state/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **test)
{
	struct state *state = calloc(1, sizeof(*state));
	state_init(state);
	*test = state;
	assert_int_equal(world_join(state, "a", 0), KP_OK);
	assert_int_equal(world_deploy(state, "PayServer", 2), KP_OK);
	return 0;
}

static int tear_down(void **test)
{
	state_fini(*test);
	free(*test);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static struct instance *first(struct state *state)
{
	return state_instance(state, kp_str("Book.PayServer.1"));
}

static bool has_notice(const struct state *state, const char *kind)
{
	for (size_t i = 0; i < state->notices.len; i++)
		if (strcmp(state->notices.ptr[i].kind, kind) == 0)
			return true;
	return false;
}

static size_t count_unsaved(const struct state *state)
{
	size_t count = 0;
	KP_LIST_EACH (&state->unsaved, link, next)
		count++;
	return count;
}

static void report_makes_instances_active(void **test)
{
	struct state *state = *test;
	assert_false(instance_is_up(first(state)));
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	assert_true(instance_is_up(first(state)));
	assert_int_equal(count_unsaved(state), 2);
}

static void report_without_news_marks_nothing(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	while (kp_list_pop(&state->unsaved))
		;
	while (kp_list_pop(&state->changed))
		;
	assert_int_equal(world_report(state, "a", kipp_State_Active, 2 * SECOND), KP_OK);
	assert_int_equal(count_unsaved(state), 0);
	assert_true(kp_list_is_empty(&state->changed));
	assert_int_equal(world_report(state, "a", kipp_State_Backoff, 3 * SECOND), KP_OK);
	assert_int_equal(count_unsaved(state), 2);
	assert_false(kp_list_is_empty(&state->changed));
	assert_false(instance_is_up(first(state)));
}

static void report_of_a_stranger_is_refused_or_left_out(void **test)
{
	struct state *state = *test;
	assert_int_equal(state_report(state, kp_str("nobody"), kp_str("b"), NULL, 0, 0, 0),
	                 KP_ERR_NOTFOUND);
	struct kipp_Status status;
	kipp_Status_init(&status);
	status.id = kp_str("Book.Nothing.1");
	status.state = kipp_State_Active;
	assert_int_equal(state_report(state, kp_str("a"), kp_str("b"), &status, 1, SECOND, 0),
	                 KP_OK);
	assert_int_equal(world_join(state, "b", 0), KP_OK);
	status.id = kp_str("Book.PayServer.1");
	assert_int_equal(state_report(state, kp_str("b"), kp_str("b"), &status, 1, SECOND, 0),
	                 KP_OK);
	assert_false(instance_is_up(first(state)));
}

static void stopped_by_wish_is_down_at_once(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(world_run(state, PLAN_STOP, "Book.PayServer.1"), KP_OK);
	assert_false(instance_is_up(first(state)));
	assert_false(instance_was_up(first(state)));
}

static void node_that_stops_reporting_is_lost_and_can_return(void **test)
{
	struct state *state = *test;
	struct node *node = state_node(state, kp_str("a"));
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	for (int64_t now = SECOND; now < SECOND + NODE_SILENT_NS; now += SECOND)
		assert_int_equal(state_tick(state, now), KP_OK);
	assert_true(node->is_alive);
	assert_int_equal(state_tick(state, SECOND + NODE_SILENT_NS), KP_OK);
	assert_false(node->is_alive);
	assert_true(has_notice(state, "node.silent"));
	assert_false(instance_is_up(first(state)));
	assert_true(instance_was_up(first(state)));

	state_clear_notices(state);
	assert_int_equal(world_report(state, "a", kipp_State_Active, 20 * SECOND), KP_OK);
	assert_true(node->is_alive);
	assert_true(has_notice(state, "node.returned"));
	assert_true(instance_is_up(first(state)));
}

static void node_has_longer_after_the_controllers_start(void **test)
{
	struct state *state = *test;
	struct node *node = state_node(state, kp_str("a"));
	for (int64_t now = 0; now < NODE_RETURN_NS; now += SECOND) {
		assert_int_equal(state_tick(state, now), KP_OK);
		assert_true(node->is_alive);
	}
	assert_int_equal(state_tick(state, NODE_RETURN_NS), KP_OK);
	assert_false(node->is_alive);
}

static void controller_that_was_frozen_blames_nobody(void **test)
{
	struct state *state = *test;
	struct node *node = state_node(state, kp_str("a"));
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(state_tick(state, SECOND), KP_OK);
	assert_int_equal(state_tick(state, 1000 * SECOND), KP_OK);
	assert_true(node->is_alive);
	assert_int_equal(world_report(state, "a", kipp_State_Active, 1001 * SECOND), KP_OK);
	assert_int_equal(state_tick(state, 1001 * SECOND), KP_OK);
	assert_true(instance_is_up(first(state)));
	for (int64_t now = 1002; now < 1012; now++)
		assert_int_equal(state_tick(state, now * SECOND), KP_OK);
	assert_false(node->is_alive);
}

static void instance_that_is_left_out_of_reports_does_not_run(void **test)
{
	struct state *state = *test;
	assert_int_equal(world_report(state, "a", kipp_State_Active, SECOND), KP_OK);
	for (int64_t now = 2; now < 11; now++) {
		assert_int_equal(state_report(state, kp_str("a"), kp_str("boot-2"), NULL, 0,
		                              now * SECOND, 0),
		                 KP_OK);
		assert_true(instance_is_up(first(state)));
	}
	assert_int_equal(
	        state_report(state, kp_str("a"), kp_str("boot-2"), NULL, 0, 11 * SECOND, 0), KP_OK);
	assert_false(instance_was_up(first(state)));
	assert_true(has_notice(state, "instance.unreported"));
}

static void revision_depends_on_the_content_alone(void **test)
{
	struct state *state = *test, other;
	state_init(&other);
	assert_int_equal(world_join(&other, "a", 0), KP_OK);
	int64_t empty = node_revision(state_node(&other, kp_str("a")));
	assert_int_equal(world_deploy(&other, "PayServer", 1), KP_OK);
	assert_int_equal(world_deploy(&other, "PayServer", 2), KP_OK);
	assert_true(node_revision(state_node(&other, kp_str("a"))) ==
	            node_revision(state_node(state, kp_str("a"))));
	assert_int_equal(world_deploy(&other, "PayServer", 0), KP_OK);
	assert_true(node_revision(state_node(&other, kp_str("a"))) == empty);
	assert_true(empty != 0);
	state_fini(&other);
}

static void restored_status_counts_until_the_node_reports(void **test)
{
	struct state *state = *test;
	struct kp_buf out = {0};
	struct kipp_Status status;
	kipp_Status_init(&status);
	status.id = kp_str("Book.PayServer.1");
	status.state = kipp_State_Active;
	kipp_Status_encode(&out, 0, &status);
	assert_int_equal(state_restore_status(state, status.id, kp_buf_bytes(&out), 0), KP_OK);
	assert_true(instance_is_up(first(state)));
	assert_int_equal(state_restore_status(state, kp_str("Book.Gone.1"), kp_buf_bytes(&out), 0),
	                 KP_OK);
	out.len /= 2;
	assert_int_equal(
	        state_restore_status(state, kp_str("Book.PayServer.2"), kp_buf_bytes(&out), 0),
	        KP_OK);
	kp_buf_fini(&out);
}

// Told of both at once, as after a silence, an agent must not take them for none.
static void revision_tells_two_stopped_instances_from_two_running_ones(void **test)
{
	struct state *state = *test;
	const struct node *node = state_node(state, kp_str("a"));
	assert_int_equal(world_deploy(state, "PayServer", 4), KP_OK);
	int64_t before = node_revision(node);
	assert_int_equal(world_run(state, PLAN_STOP, "Book.PayServer.1"), KP_OK);
	int64_t between = node_revision(node);
	assert_int_equal(world_run(state, PLAN_STOP, "Book.PayServer.2"), KP_OK);
	assert_true(node_revision(node) != before);
	assert_true(node_revision(node) != between);
	assert_int_equal(world_run(state, PLAN_START, "Book.PayServer.1"), KP_OK);
	assert_int_equal(world_run(state, PLAN_START, "Book.PayServer.2"), KP_OK);
	assert_true(node_revision(node) == before);
}

static kp_err report_as(struct state *state, const char *boot_id, int64_t now_ns, bool *ret_refused)
{
	struct kipp_NodeInfo info = world_node("a");
	*ret_refused = state_refuse(state, &info, kp_str(boot_id));
	if (*ret_refused)
		return KP_OK;
	return state_report(state, info.name, kp_str(boot_id), NULL, 0, now_ns, 0);
}

static void node_has_one_agent_at_a_time(void **test)
{
	struct state *state = *test;
	bool is_refused;
	assert_int_equal(report_as(state, "one.1", 0, &is_refused), KP_OK);
	assert_false(is_refused);
	assert_int_equal(report_as(state, "two.1", SECOND, &is_refused), KP_OK);
	assert_true(is_refused);
	assert_true(has_notice(state, "node.refused"));
	state_clear_notices(state);
	assert_int_equal(report_as(state, "two.1", 2 * SECOND, &is_refused), KP_OK);
	assert_true(is_refused);
	assert_false(has_notice(state, "node.refused"));
	assert_int_equal(report_as(state, "one.2", 3 * SECOND, &is_refused), KP_OK);
	assert_false(is_refused);

	assert_int_equal(state_tick(state, 4 * SECOND), KP_OK);
	for (int i = 5; i < 20; i++)
		assert_int_equal(state_tick(state, i * SECOND), KP_OK);
	assert_int_equal(report_as(state, "two.1", 20 * SECOND, &is_refused), KP_OK);
	assert_false(is_refused);
	assert_int_equal(report_as(state, "one.2", 21 * SECOND, &is_refused), KP_OK);
	assert_true(is_refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(report_makes_instances_active),
	        TEST(report_without_news_marks_nothing),
	        TEST(report_of_a_stranger_is_refused_or_left_out),
	        TEST(stopped_by_wish_is_down_at_once),
	        TEST(node_that_stops_reporting_is_lost_and_can_return),
	        TEST(node_has_longer_after_the_controllers_start),
	        TEST(controller_that_was_frozen_blames_nobody),
	        TEST(instance_that_is_left_out_of_reports_does_not_run),
	        TEST(revision_depends_on_the_content_alone),
	        TEST(revision_tells_two_stopped_instances_from_two_running_ones),
	        TEST(node_has_one_agent_at_a_time),
	        TEST(restored_status_counts_until_the_node_reports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
