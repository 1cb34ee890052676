// controller_test.c - the wired controller over loopback, with a real client.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/fixture.h"

static void deployment_goes_from_the_command_to_the_registry(void **test)
{
	struct fixture *f = *test;
	upload(f);
	report_nothing(f, "node-a");
	deploy(f, "PayServer", 2);
	struct kipp_InstanceView_list found = list(f, "Book");
	assert_int_equal(found.len, 2);
	assert_true(kp_str_equal(found.ptr[0].instance.id, kp_str("Book.PayServer.1")));
	assert_true(kp_str_equal(found.ptr[0].node, kp_str("node-a")));
	assert_int_equal(found.ptr[0].status.state, kipp_State_Pending);

	report_active(f, "node-a", "Book.PayServer.2", 9002);
	found = list(f, "Book.PayServer.2");
	assert_int_equal(found.len, 1);
	assert_int_equal(found.ptr[0].status.state, kipp_State_Active);
	assert_int_equal(found.ptr[0].status.pid, 4711);

	struct tars_EndpointF_list active, inactive;
	int32_t ret;
	const struct kp_str id = kp_str("Book.PayServer.MainObj");
	assert_int_equal(
	        tars_QueryF_findObjectById4Any(f->query, f->call, id, &active, &inactive, &ret),
	        KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(active.len, 1);
	assert_int_equal(inactive.len, 0);
	assert_int_equal(active.ptr[0].port, 9002);
	assert_true(kp_str_equal(active.ptr[0].nodeName, kp_str("node-a")));
}

static void agent_is_told_what_to_run_and_gets_the_package(void **test)
{
	struct fixture *f = *test;
	upload(f);
	report_nothing(f, "node-a");
	deploy(f, "PayServer", 1);
	struct kp_str cluster;
	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("node-a"), 0, 60000,
	                                    &revision, &instances, &cluster, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_true(revision != 0);
	assert_int_equal(instances.len, 1);
	assert_true(kp_str_equal(instances.ptr[0].id, kp_str("Book.PayServer.1")));
	assert_true(kp_str_equal(instances.ptr[0].server.package, kp_str(f->hash)));
	assert_true(instances.ptr[0].isRunning);

	struct kp_bytes part;
	int64_t size, same;
	struct kp_str why;
	assert_int_equal(kipp_Cluster_getPackage(f->cluster, f->call, kp_str(f->hash), 0, &part,
	                                         &size, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(size, content.len);
	assert_true(kp_bytes_equal(part, content));

	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("node-a"), revision, 1,
	                                    &same, &instances, &cluster, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_true(same == revision);
	assert_int_equal(instances.len, 1);
}

struct heard {
	int count;
	kp_err err;
	int32_t ret;
	int64_t revision;
	size_t len;
};

static void on_watch(void *arg, kp_err err, const struct kipp_Cluster_watch_result *result)
{
	struct heard *heard = arg;
	*heard = (struct heard){heard->count + 1, err, result ? result->ret : -1,
	                        result ? result->newRevision : 0,
	                        result ? result->instances.len : 0};
}

static void on_events(void *arg, kp_err err, const struct kipp_Admin_listEvents_result *result)
{
	struct heard *heard = arg;
	*heard = (struct heard){heard->count + 1, err, result ? result->ret : -1, 0,
	                        result ? result->events.len : 0};
}

// Each wait asks for a minute; hearing of it sooner means that the change woke it.
static void watch_wakes_when_the_nodes_instances_change(void **test)
{
	struct fixture *f = *test;
	upload(f);
	report_nothing(f, "node-a");
	report_nothing(f, "node-b");
	struct kp_str cluster;
	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("node-a"), 0, 0, &revision,
	                                    &instances, &cluster, &ret),
	                 KP_OK);
	assert_int_equal(instances.len, 0);

	struct heard heard = {0};
	assert_int_equal(kipp_Cluster_watch_async(f->cluster, kp_str("node-a"), revision, 60000,
	                                          on_watch, &heard),
	                 KP_OK);
	deploy(f, "PayServer", 2);
	assert_int_equal(kp_client_drive(f->client, 30000), KP_OK);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.err, KP_OK);
	assert_int_equal(heard.ret, kipp_Outcome_Done);
	assert_int_equal(heard.len, 1);
	assert_true(heard.revision != revision);
}

static void watch_of_a_node_to_come_waits_for_it(void **test)
{
	struct fixture *f = *test;
	struct heard heard = {0};
	assert_int_equal(
	        kipp_Cluster_watch_async(f->cluster, kp_str("node-z"), 0, 60000, on_watch, &heard),
	        KP_OK);
	report_nothing(f, "node-z");
	assert_int_equal(kp_client_drive(f->client, 30000), KP_OK);
	assert_int_equal(heard.ret, kipp_Outcome_Done);

	struct kp_str cluster;
	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("nobody"), 0, 1, &revision,
	                                    &instances, &cluster, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_NotFound);
	assert_int_equal(cluster.len, 32); // so an agent knows who speaks before it joins
}

static void events_wake_those_who_wait_and_are_kept(void **test)
{
	struct fixture *f = *test;
	int64_t last = last_event(f);
	struct heard heard = {0};
	assert_int_equal(kipp_Admin_listEvents_async(f->admin, last, 60000, on_events, &heard),
	                 KP_OK);

	struct kipp_Event events[2];
	for (int i = 0; i < 2; i++) {
		kipp_Event_init(&events[i]);
		events[i].kind = kp_str("instance.exited");
		events[i].text = kp_str("signal 9");
		events[i].node = kp_str("node-a");
	}
	int32_t ret;
	assert_int_equal(kipp_Cluster_addEvents(f->cluster, f->call,
	                                        (struct kipp_Event_list){events, 2}, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(kp_client_drive(f->client, 30000), KP_OK);
	assert_int_equal(heard.ret, kipp_Outcome_Done);
	assert_int_equal(heard.len, 2);

	restart_controller(f);
	struct kipp_Event_list found;
	assert_int_equal(kipp_Admin_listEvents(f->admin, f->call, last, 0, &found, &ret), KP_OK);
	assert_true(found.len >= 2);
	assert_int_equal(found.ptr[1].number, last + 2);
	assert_true(kp_str_equal(found.ptr[1].text, kp_str("signal 9")));

	// Who followed the events of a store that is lost hears of those of the new one.
	assert_int_equal(kipp_Admin_listEvents(f->admin, f->call, last + 1000, 60000, &found, &ret),
	                 KP_OK);
	assert_true(found.len >= 2);
}

static void long_polls_end_when_the_controller_stops(void **test)
{
	struct fixture *f = *test;
	struct heard heard = {0};
	assert_int_equal(kipp_Admin_listEvents_async(f->admin, 1000, 60000, on_events, &heard),
	                 KP_OK);
	(void)last_event(f);
	controller_stop(f->controller);
	assert_int_equal(kp_client_drive(f->client, 30000), KP_OK);
	assert_int_equal(heard.count, 1);
}

static void start_stop_restart_and_remove_reach_the_agent(void **test)
{
	struct fixture *f = *test;
	struct kp_str_list ids;
	struct kp_str why;
	int32_t ret;
	upload(f);
	report_nothing(f, "node-a");
	deploy(f, "PayServer", 2);
	assert_int_equal(
	        kipp_Admin_stop(f->admin, f->call, kp_str("Book.PayServer.1"), &ids, &why, &ret),
	        KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(ids.len, 1);
	assert_false(list(f, "Book").ptr[0].instance.isRunning);
	assert_int_equal(
	        kipp_Admin_start(f->admin, f->call, kp_str("Book.PayServer"), &ids, &why, &ret),
	        KP_OK);
	assert_int_equal(ids.len, 2);
	assert_true(list(f, "Book").ptr[0].instance.isRunning);
	assert_int_equal(
	        kipp_Admin_restart(f->admin, f->call, kp_str("Book.PayServer.2"), &ids, &why, &ret),
	        KP_OK);
	assert_int_equal(list(f, "Book").ptr[1].instance.restartCount, 1);
	assert_int_equal(kipp_Admin_remove(f->admin, f->call, kp_str("Book"), kp_str("PayServer"),
	                                   &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(list(f, "").len, 0);
}

static void bad_input_is_answered_with_an_outcome_and_a_sentence(void **test)
{
	struct fixture *f = *test;
	struct kp_str why = {0};
	struct kp_str_list ids;
	int32_t ret;
	int64_t number;
	struct kipp_Server spec = world_spec("PayServer", 1);
	assert_int_equal(deploy_spec(f, &spec, &why), kipp_Outcome_NotFound);
	assert_true(why.len > 20);
	spec = world_spec("Pay Server", 1);
	assert_int_equal(deploy_spec(f, &spec, &why), kipp_Outcome_NotFound);
	spec.package = kp_str("nonsense");
	assert_int_equal(deploy_spec(f, &spec, &why), kipp_Outcome_Invalid);
	assert_true(why.len > 20);
	assert_int_equal(kipp_Admin_stop(f->admin, f->call, kp_str("No.Such"), &ids, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_NotFound);
	assert_true(why.len > 10);
	assert_int_equal(kipp_Admin_stop(f->admin, f->call, kp_str("a b"), &ids, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Invalid);
	assert_int_equal(kipp_Admin_putPackage(f->admin, f->call, kp_str("../x"), 0, content,
	                                       &number, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Invalid);
	struct kp_bytes part;
	assert_int_equal(kipp_Cluster_getPackage(f->cluster, f->call, kp_str(f->hash), 0, &part,
	                                         &number, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_NotFound);
	assert_true(why.len > 10);
	assert_int_equal(report_as(f, "bad name!", (struct kipp_Status_list){0}, &why),
	                 kipp_Outcome_Invalid);
	assert_true(why.len > 10);
	bool is_there = true;
	assert_int_equal(kipp_Admin_hasPackage(f->admin, f->call, kp_str("x"), &is_there, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Invalid);
	assert_false(is_there);
}

static void registry_knows_the_framework_and_echoes_the_context(void **test)
{
	struct fixture *f = *test;
	report_nothing(f, "node-a");
	const char *const objects[] = {"tars.tarsregistry.QueryObj", "kipp.controller.AdminObj",
	                               "kipp.controller.NodeObj", "kipp.node.AgentObj"};
	assert_int_equal(kp_call_set_context(f->call, kp_str("node_name"), kp_str("10.0.0.9")),
	                 KP_OK);
	for (size_t i = 0; i < 4; i++) {
		struct tars_EndpointF_list active;
		assert_int_equal(
		        tars_QueryF_findObjectById(f->query, f->call, kp_str(objects[i]), &active),
		        KP_OK);
		assert_int_equal(active.len, 1);
		assert_true(active.ptr[0].port > 0);
		assert_true(kp_str_equal(kp_call_context(f->call, kp_str("node_name")),
		                         kp_str("10.0.0.9")));
	}
}

static void all_functions_of_the_registry_answer(void **test)
{
	struct fixture *f = *test;
	const struct kp_str id = kp_str("No.Such.Obj");
	struct tars_EndpointF_list active, inactive;
	struct kp_str_list nodes;
	struct tars_GetMasterSlaveLock lock;
	struct kp_call *call = f->call;
	int32_t ret;
	tars_GetMasterSlaveLock_init(&lock);
	assert_int_equal(tars_QueryF_findObjectById(f->query, call, id, &active), KP_OK);
	assert_int_equal(active.len, 0);
	assert_int_equal(
	        tars_QueryF_findObjectById4All(f->query, call, id, &active, &inactive, &ret),
	        KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(
	        tars_QueryF_findObjectByIdInSameGroup(f->query, call, id, &active, &inactive, &ret),
	        KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(tars_QueryF_findObjectByIdInSameStation(f->query, call, id, kp_str("x"),
	                                                         &active, &inactive, &ret),
	                 KP_OK);
	assert_int_equal(ret, -1);
	assert_int_equal(tars_QueryF_findObjectByIdInSameSet(f->query, call, id, kp_str("a.b.c"),
	                                                     &active, &inactive, &ret),
	                 KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(tars_QueryF_findObjectNodeName(f->query, call, id, &nodes, &ret), KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(tars_QueryF_registerChange(f->query, call, (struct kp_str_str_map){0},
	                                            kp_str("x"), &ret),
	                 KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(tars_QueryF_registerQuery(f->query, call, id, kp_str("x"), &ret), KP_OK);
	assert_int_equal(ret, 0);
	assert_int_equal(tars_QueryF_getLocker(f->query, call, &lock, &ret), KP_OK);
	assert_int_equal(ret, -1);
}

static void restart_keeps_lists_nodes_and_last_statuses(void **test)
{
	struct fixture *f = *test;
	upload(f);
	report_nothing(f, "node-a");
	deploy(f, "PayServer", 1);
	report_active(f, "node-a", "Book.PayServer.1", 9001);
	restart_controller(f);
	assert_int_equal(list(f, "Book.PayServer").ptr[0].status.state, kipp_State_Active);
	struct tars_EndpointF_list active;
	assert_int_equal(tars_QueryF_findObjectById(f->query, f->call,
	                                            kp_str("Book.PayServer.MainObj"), &active),
	                 KP_OK);
	assert_int_equal(active.len, 1);
	struct kipp_NodeInfo_list nodes;
	int32_t ret;
	assert_int_equal(kipp_Admin_listNodes(f->admin, f->call, &nodes, &ret), KP_OK);
	assert_int_equal(nodes.len, 1);
	assert_true(nodes.ptr[0].isAlive);
	bool is_there = false;
	assert_int_equal(kipp_Admin_hasPackage(f->admin, f->call, kp_str(f->hash), &is_there, &ret),
	                 KP_OK);
	assert_true(is_there);
}

static void second_controller_says_what_is_in_use(void **test)
{
	struct fixture *f = *test;
	struct controller *second = NULL;
	struct kp_why why = {""};
	struct controller_options options = {f->dir, "tcp -h 127.0.0.1 -p 0", NULL};
	assert_int_equal(controller_open(&options, &second, &why), KP_ERR_BUSY);
	assert_non_null(strstr(why.text, "kipp.db"));

	char dir[80];
	snprintf(dir, sizeof(dir), "%s/second", f->dir);
	options = (struct controller_options){dir, controller_endpoint(f->controller), NULL};
	assert_int_equal(controller_open(&options, &second, &why), KP_ERR_BUSY);
	assert_non_null(strstr(why.text, "port"));
	options.endpoint = "nonsense";
	assert_int_equal(controller_open(&options, &second, &why), KP_ERR_INVALID);
	assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(deployment_goes_from_the_command_to_the_registry),
	        TEST(agent_is_told_what_to_run_and_gets_the_package),
	        TEST(watch_wakes_when_the_nodes_instances_change),
	        TEST(watch_of_a_node_to_come_waits_for_it),
	        TEST(events_wake_those_who_wait_and_are_kept),
	        TEST(long_polls_end_when_the_controller_stops),
	        TEST(start_stop_restart_and_remove_reach_the_agent),
	        TEST(bad_input_is_answered_with_an_outcome_and_a_sentence),
	        TEST(registry_knows_the_framework_and_echoes_the_context),
	        TEST(all_functions_of_the_registry_answer),
	        TEST(restart_keeps_lists_nodes_and_last_statuses),
	        TEST(second_controller_says_what_is_in_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
