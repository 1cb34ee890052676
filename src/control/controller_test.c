// controller_test.c - the wired controller over loopback, with a real client.
#include "base/arena.h"
#include "control/controller.h"
#include "control/state/world.h"
#include "interfaces/registry.h"
#include "os/digest.h"
#include "os/file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char dir[64];
	struct controller *controller;
	struct kp_client *client;
	struct kp_call *call;
	struct kipp_Admin *admin;
	struct kipp_Cluster *cluster;
	struct tars_QueryF *query;
	char hash[KP_DIGEST_TEXT_SIZE];
};

static const struct kp_bytes content = {(const uint8_t *)"#!/bin/sh\nsleep 1\n", 18};

static void open_controller(struct fixture *f)
{
	struct kp_why why = {""};
	const struct controller_options options = {
	        .data_dir = f->dir,
	        .endpoint = "tcp -h 127.0.0.1 -p 0 -t 0",
	};
	if (controller_open(&options, &f->controller, &why) != KP_OK ||
	    controller_start(f->controller, &why) != KP_OK)
		fail_msg("%s", why.text);
}

static void connect_to(struct fixture *f, const char *endpoint)
{
	char object[200];
	const struct kp_client_options options = {.timeout_ms = 90000};
	assert_int_equal(kp_client_open(&options, &f->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(f->client, &f->call), KP_OK);
	snprintf(object, sizeof(object), "kipp.controller.AdminObj@%s", endpoint);
	f->admin = kipp_Admin_proxy(f->client, object);
	snprintf(object, sizeof(object), "kipp.controller.NodeObj@%s", endpoint);
	f->cluster = kipp_Cluster_proxy(f->client, object);
	snprintf(object, sizeof(object), "tars.tarsregistry.QueryObj@%s", endpoint);
	f->query = tars_QueryF_proxy(f->client, object);
}

static void disconnect(struct fixture *f)
{
	kp_call_close(f->call);
	kp_client_close(f->client);
	f->call = NULL;
	f->client = NULL;
}

static struct fixture *make_fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->dir, "/tmp/kp-controller-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(kp_digest_bytes(content, f->hash), KP_OK);
	return f;
}

static int set_up_files(void **test)
{
	*test = make_fixture();
	return 0;
}

static int set_up(void **test)
{
	struct fixture *f = make_fixture();
	open_controller(f);
	connect_to(f, controller_endpoint(f->controller));
	*test = f;
	return 0;
}

static int tear_down(void **test)
{
	struct fixture *f = *test;
	disconnect(f);
	controller_close(f->controller);
	assert_int_equal(kp_file_remove_tree(f->dir, NULL), KP_OK);
	free(f);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void restart_controller(struct fixture *f)
{
	disconnect(f);
	controller_close(f->controller);
	open_controller(f);
	connect_to(f, controller_endpoint(f->controller));
}

static void upload(struct fixture *f)
{
	int64_t stored;
	struct kp_str why;
	int32_t ret;
	const struct kp_str hash = kp_str(f->hash);
	assert_int_equal(
	        kipp_Admin_putPackage(f->admin, f->call, hash, 0, content, &stored, &why, &ret),
	        KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(stored, content.len);
	assert_int_equal(kipp_Admin_putPackage(f->admin, f->call, hash, (int64_t)content.len,
	                                       (struct kp_bytes){0}, &stored, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
}

static int32_t deploy_spec(struct fixture *f, const struct kipp_Server *spec, struct kp_str *why)
{
	struct kp_str_list instances;
	int32_t ret;
	assert_int_equal(kipp_Admin_deploy(f->admin, f->call, spec, &instances, why, &ret), KP_OK);
	if (ret == kipp_Outcome_Done)
		assert_int_equal(instances.len, spec->instances);
	return ret;
}

static void deploy(struct fixture *f, const char *name, int instances)
{
	struct kipp_Server spec = world_spec(name, instances);
	struct kp_str why;
	spec.package = kp_str(f->hash);
	assert_int_equal(deploy_spec(f, &spec, &why), kipp_Outcome_Done);
	assert_int_equal(why.len, 0);
}

static int32_t report_as(struct fixture *f, const char *node, struct kipp_Status_list statuses,
                         struct kp_str *why)
{
	struct kipp_NodeInfo info = world_node(node);
	int32_t ret;
	assert_int_equal(kipp_Cluster_report(f->cluster, f->call, &info, kp_str("boot-1"), statuses,
	                                     why, &ret),
	                 KP_OK);
	return ret;
}

static void report_nothing(struct fixture *f, const char *node)
{
	struct kp_str why;
	assert_int_equal(report_as(f, node, (struct kipp_Status_list){0}, &why), kipp_Outcome_Done);
}

static void report_active(struct fixture *f, const char *node, const char *id, int port)
{
	char endpoint[64];
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %d -t 60000", port);
	struct kipp_Adapter adapter = world_spec("X", 1).adapters.ptr[0];
	adapter.endpoint = kp_str(endpoint);
	struct kipp_Status status;
	kipp_Status_init(&status);
	status.id = kp_str(id);
	status.state = kipp_State_Active;
	status.pid = 4711;
	status.adapters.ptr = &adapter;
	status.adapters.len = 1;
	struct kp_str why;
	assert_int_equal(report_as(f, node, (struct kipp_Status_list){&status, 1}, &why),
	                 kipp_Outcome_Done);
}

static struct kipp_InstanceView_list list(struct fixture *f, const char *target)
{
	struct kipp_InstanceView_list found;
	int32_t ret;
	assert_int_equal(kipp_Admin_listInstances(f->admin, f->call, kp_str(target), &found, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	return found;
}

static int64_t last_event(struct fixture *f)
{
	struct kipp_Event_list events;
	int32_t ret;
	assert_int_equal(kipp_Admin_listEvents(f->admin, f->call, -1, 0, &events, &ret), KP_OK);
	return events.len ? events.ptr[0].number : 0;
}

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
	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("node-a"), 0, 60000,
	                                    &revision, &instances, &ret),
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
	                                    &same, &instances, &ret),
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
	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("node-a"), 0, 0, &revision,
	                                    &instances, &ret),
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

	struct kipp_Instance_list instances;
	int64_t revision;
	int32_t ret;
	assert_int_equal(kipp_Cluster_watch(f->cluster, f->call, kp_str("nobody"), 0, 1, &revision,
	                                    &instances, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_NotFound);
}

static void events_wake_those_who_wait_and_are_kept(void **test)
{
	struct fixture *f = *test;
	int64_t last = last_event(f);
	struct heard heard = {0};
	assert_int_equal(kipp_Admin_listEvents_async(f->admin, last + 1, 60000, on_events, &heard),
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
	assert_int_equal(heard.len, 1);

	restart_controller(f);
	struct kipp_Event_list found;
	assert_int_equal(kipp_Admin_listEvents(f->admin, f->call, last, 0, &found, &ret), KP_OK);
	assert_true(found.len >= 2);
	assert_int_equal(found.ptr[1].number, last + 2);
	assert_true(kp_str_equal(found.ptr[1].text, kp_str("signal 9")));
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

static void damaged_store_is_left_as_it_is(void **test)
{
	struct fixture *f = *test;
	struct controller *controller = NULL;
	struct kp_why why = {""};
	char path[100];
	snprintf(path, sizeof(path), "%s/kipp.db", f->dir);
	const struct kp_bytes garbage = {(const uint8_t *)"this is no database at all, not one",
	                                 35};
	assert_int_equal(kp_file_replace(path, garbage, 0644, NULL), KP_OK);
	const struct controller_options options = {f->dir, "tcp -h 127.0.0.1 -p 0", NULL};
	assert_int_equal(controller_open(&options, &controller, &why), KP_ERR_CORRUPT);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "move it away"));
	struct kp_buf after = {0};
	assert_int_equal(kp_file_read(path, 1000, &after, NULL), KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&after), garbage));
	kp_buf_fini(&after);
}

// The child is a whole controller; the pipe tells its endpoint, and SIGKILL is its end.
static void run_child(struct fixture *f, int fd)
{
	open_controller(f);
	const char *endpoint = controller_endpoint(f->controller);
	if (write(fd, endpoint, strlen(endpoint)) < 0)
		_exit(2);
	close(fd);
	for (;;)
		pause();
}

static pid_t start_child(struct fixture *f, rlim_t disk_size)
{
	int fds[2];
	char endpoint[200];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		// A file that may not grow is what a full disk looks like.
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){disk_size, disk_size});
		run_child(f, fds[1]);
	}
	close(fds[1]);
	size_t len = 0;
	for (ssize_t n; (n = read(fds[0], endpoint + len, sizeof(endpoint) - 1 - len)) > 0;)
		len += (size_t)n;
	endpoint[len] = 0;
	close(fds[0]);
	assert_true(len > 0);
	connect_to(f, endpoint);
	return pid;
}

static void kill_child(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void on_deploy(void *arg, kp_err err, const struct kipp_Admin_deploy_result *result)
{
	int *acknowledged = arg;
	if (err == KP_OK && result->ret == kipp_Outcome_Done)
		++*acknowledged;
}

// A few deployments are under way when the controller is killed; each that was acknowledged is
// there afterwards, and each is there whole or not at all.
static int deploy_until_killed(struct fixture *f, int round)
{
	enum {
		COUNT = 12
	};
	int acknowledged[COUNT] = {0}, sum = 0;
	pid_t pid = start_child(f, RLIM_INFINITY);
	upload(f);
	for (int i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "R%dS%d", round, i);
		struct kipp_Server spec = world_spec(name, 3);
		spec.package = kp_str(f->hash);
		assert_int_equal(
		        kipp_Admin_deploy_async(f->admin, &spec, on_deploy, &acknowledged[i]),
		        KP_OK);
		if (i == round * 2)
			(void)last_event(f);
	}
	kill_child(pid);
	(void)kp_client_drive(f->client, 30000);
	disconnect(f);

	pid = start_child(f, RLIM_INFINITY);
	for (int i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "Book.R%dS%d", round, i);
		struct kipp_InstanceView_list found;
		int32_t ret;
		assert_int_equal(
		        kipp_Admin_listInstances(f->admin, f->call, kp_str(name), &found, &ret),
		        KP_OK);
		if (acknowledged[i])
			assert_int_equal(ret, kipp_Outcome_Done);
		if (ret == kipp_Outcome_Done)
			assert_int_equal(found.len, 3);
		sum += acknowledged[i];
	}
	kill_child(pid);
	disconnect(f);
	return sum;
}

static void killed_controller_loses_nothing_acknowledged(void **test)
{
	struct fixture *f = *test;
	int sum = 0;
	for (int round = 0; round < 4; round++)
		sum += deploy_until_killed(f, round);
	assert_true(sum > 0);
}

static void full_disk_is_said_and_loses_nothing(void **test)
{
	struct fixture *f = *test;
	pid_t pid = start_child(f, 512 << 10);
	upload(f);
	report_nothing(f, "node-a");
	int32_t ret = kipp_Outcome_Done;
	struct kp_str why = {0};
	int count = 0;
	for (; ret == kipp_Outcome_Done && count < 10000; count++) {
		char name[32];
		snprintf(name, sizeof(name), "S%d", count);
		struct kipp_Server spec = world_spec(name, 20);
		spec.package = kp_str(f->hash);
		ret = deploy_spec(f, &spec, &why);
	}
	assert_int_equal(ret, kipp_Outcome_Failed);
	assert_non_null(memmem(why.ptr, why.len, "free space", 10));
	count--;
	assert_true(count > 0);
	assert_int_equal(list(f, "").len, count * 20);
	kill_child(pid);
	disconnect(f);

	pid = start_child(f, RLIM_INFINITY);
	assert_int_equal(list(f, "").len, count * 20);
	deploy(f, "More", 1);
	kill_child(pid);
	disconnect(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(killed_controller_loses_nothing_acknowledged,
	                                        set_up_files, tear_down),
	        cmocka_unit_test_setup_teardown(full_disk_is_said_and_loses_nothing, set_up_files,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(damaged_store_is_left_as_it_is, set_up_files,
	                                        tear_down),
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
