// agent_test.c - the agent with real processes, and a controller made of a few lines.
//
// This program is three: the tests, an agent in a process of its own (--agent DIR CONTROLLER), and
// the server that agents run (--config=FILE), which sends heartbeats and can be asked to stop.
#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "interfaces/admin.h"
#include "interfaces/cluster.h"
#include "interfaces/node.h"
#include "kipp/client.h"
#include "kipp/server.h"
#include "node/agent.h"
#include "os/digest.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/thread.h"
#include "tars/conf.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	INSTANCES = 3,
	LINES_MAX = 4096,
	WAIT_LIMIT_S = 120, // a test that waits longer has failed
};

static void sleep_ms(int64_t duration_ms)
{
	struct timespec time = {duration_ms / 1000, duration_ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

// The server.

static void on_shutdown(struct kp_call *call)
{
	kp_signals_raise(SIGTERM);
}

static const struct tars_AdminF_ops admin_ops = {.shutdown = on_shutdown};

struct beater {
	char node[256];
	char application[64];
	char server[64];
};

static void *beat_main(void *arg)
{
	const struct beater *beater = arg;
	struct kp_client *client;
	struct kp_call *call;
	if (kp_client_open(&(struct kp_client_options){.timeout_ms = 1000}, &client, NULL) !=
	            KP_OK ||
	    kp_call_open(client, &call) != KP_OK)
		return NULL;
	for (;;) {
		struct tars_ServerF *node = tars_ServerF_proxy(client, beater->node);
		struct tars_ServerInfo info;
		int32_t ret;
		tars_ServerInfo_init(&info);
		info.application = kp_str(beater->application);
		info.serverName = kp_str(beater->server);
		info.pid = getpid();
		tars_ServerF_keepAlive(node, call, &info, &ret);
		kp_call_reset(call);
		sleep_ms(200);
	}
	return NULL;
}

static void get(const struct kp_conf *conf, const char *path, char *text, size_t size)
{
	struct kp_str value = {0};
	kp_conf_get(conf, path, &value);
	snprintf(text, size, "%.*s", KP_STR_ARG(value));
}

static int server_main(const char *path)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_buf text = {0};
	struct kp_conf conf;
	struct kp_why why = {0};
	struct beater beater;
	struct kp_server *server;
	char local[128];
	char mode[32];
	int adapter;
	pthread_t thread;
	kp_signals_block();
	kp_conf_init(&conf, arena);
	if (kp_file_read(path, 1 << 20, &text, &why) != KP_OK ||
	    kp_conf_parse(&conf, kp_buf_str(&text), &why) != KP_OK) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	get(&conf, "/tars/application/server<node>", beater.node, sizeof(beater.node));
	get(&conf, "/tars/application/server<app>", beater.application, sizeof(beater.application));
	get(&conf, "/tars/application/server<server>", beater.server, sizeof(beater.server));
	get(&conf, "/tars/application/server<local>", local, sizeof(local));
	get(&conf, "/tars/application/server<mode>", mode, sizeof(mode));
	if (strcmp(mode, "crash") == 0)
		_exit(3); // before a leak check has its say
	if (kp_server_open(&(struct kp_server_options){.threads = 1}, &server, &why) != KP_OK ||
	    kp_server_listen(server, &(struct kp_adapter_options){.endpoint = local}, &adapter,
	                     &why) != KP_OK ||
	    kp_server_serve(server, adapter, "AdminObj", &tars_AdminF_interface, &admin_ops,
	                    NULL) != KP_OK ||
	    kp_server_start(server) != KP_OK ||
	    kp_thread_start(&thread, beat_main, &beater) != KP_OK) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	printf("hello from %d\n", getpid());
	fflush(stdout);
	while (kp_signals_wait() == SIGHUP)
		continue;
	_exit(0);
}

// The agent in a process of its own.

static int agent_main(const char *dir, const char *controller)
{
	struct agent *agent;
	struct kp_why why = {0};
	struct agent_options options = {.data_dir = dir,
	                                .controller = controller,
	                                .name = "node-a",
	                                .endpoint = "tcp -h 127.0.0.1 -p 0"};
	kp_signals_block();
	if (agent_open(&options, &agent, &why) != KP_OK || agent_start(agent, &why) != KP_OK) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	while (kp_signals_wait() == SIGHUP)
		continue;
	agent_stop(agent);
	agent_close(agent);
	return 0;
}

// The controller: what should be, and what was said about it.

struct seen {
	enum kipp_State state;
	int pid;
	int restarts;
	char package[65];
	char reason[320];
	char endpoint[128];
};

struct world {
	char dir[64];
	char application[32];
	char hash[KP_DIGEST_TEXT_SIZE];
	char archive[256];
	struct kp_server *server;
	char controller[128];
	struct agent *agent;
	int agent_pid; // of one in a process of its own

	pthread_mutex_t lock; // of what follows
	pthread_cond_t changed;
	int64_t revision;
	const char *cluster;
	const char *refusal; // what reports are answered with; NULL: they are taken
	int refused_count;
	int instances; // how many should be
	bool must_run;
	int64_t restart_count;
	char package[65];
	const char *mode;
	struct seen seen[INSTANCES];
	struct seen then[INSTANCES]; // when the last wait ended; the test's alone
	int seen_count;
	char *lines[LINES_MAX]; // owned; events
	size_t line_count;
};

static struct world *world_of(const struct kp_call *call)
{
	struct world *world = kp_call_user(call);
	kp_assert(world);
	return world;
}

static int32_t on_report(struct kp_call *call, const struct kipp_NodeInfo *node,
                         struct kp_str boot_id, struct kipp_Status_list statuses,
                         struct kp_str *why)
{
	struct world *world = world_of(call);
	pthread_mutex_lock(&world->lock);
	const char *refusal = world->refusal;
	if (refusal) {
		world->refused_count++;
		pthread_cond_broadcast(&world->changed);
		pthread_mutex_unlock(&world->lock);
		*why = kp_str(refusal);
		return kipp_Outcome_Conflict;
	}
	memset(world->seen, 0, sizeof(world->seen));
	world->seen_count = (int)statuses.len;
	for (size_t i = 0; i < statuses.len; i++) {
		const struct kipp_Status *status = &statuses.ptr[i];
		int number = status->id.ptr[status->id.len - 1] - '1';
		struct seen *seen = &world->seen[number];
		seen->state = status->state;
		seen->pid = status->pid;
		seen->restarts = status->restarts;
		snprintf(seen->package, sizeof(seen->package), "%.*s", KP_STR_ARG(status->package));
		snprintf(seen->reason, sizeof(seen->reason), "%.*s", KP_STR_ARG(status->reason));
		if (status->adapters.len)
			snprintf(seen->endpoint, sizeof(seen->endpoint), "%.*s",
			         KP_STR_ARG(status->adapters.ptr[0].endpoint));
	}
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->lock);
	*why = kp_str("");
	return kipp_Outcome_Done;
}

static void fill_instance(struct world *world, struct kp_call *call, int number,
                          struct kipp_Instance *ret)
{
	kipp_Instance_init(ret);
	ret->id = kp_call_format(call, "%s.TestServer.%d", world->application, number);
	ret->number = number;
	kipp_Server_init(&ret->server);
	ret->server.application = kp_str(world->application);
	ret->server.name = kp_str("TestServer");
	ret->server.package = kp_call_str(call, kp_str(world->package));
	ret->server.version = kp_str("1");
	ret->server.restartCount = world->restart_count;
	ret->isRunning = world->must_run;
	struct kipp_Adapter *adapter = kp_call_alloc(call, sizeof(*adapter));
	kipp_Adapter_init(adapter);
	adapter->name = kp_str("TestObjAdapter");
	adapter->servant = kp_str("TestObj");
	adapter->endpoint = kp_str("tcp -h 127.0.0.1 -p 0 -t 60000");
	ret->server.adapters = (struct kipp_Adapter_list){adapter, 1};
	struct kp_str_str_map_entry *entry = kp_call_alloc(call, sizeof(*entry));
	*entry = (struct kp_str_str_map_entry){kp_str("mode"), kp_str(world->mode)};
	ret->server.settings = (struct kp_str_str_map){entry, 1};
}

static int32_t on_watch(struct kp_call *call, struct kp_str node, int64_t revision, int32_t wait_ms,
                        int64_t *new_revision, struct kipp_Instance_list *instances,
                        struct kp_str *cluster)
{
	struct world *world = world_of(call);
	*cluster = kp_str(world->cluster);
	for (int waited_ms = 0; waited_ms < wait_ms; waited_ms += 10) {
		pthread_mutex_lock(&world->lock);
		bool is_same = world->revision == revision;
		pthread_mutex_unlock(&world->lock);
		if (!is_same || kp_call_sleep(call, 10) != KP_OK)
			break;
	}
	pthread_mutex_lock(&world->lock);
	*new_revision = world->revision;
	instances->ptr = kp_call_alloc(call, INSTANCES * sizeof(*instances->ptr));
	for (instances->len = 0; instances->len < (size_t)world->instances; instances->len++)
		fill_instance(world, call, (int)instances->len + 1,
		              &instances->ptr[instances->len]);
	pthread_mutex_unlock(&world->lock);
	return kipp_Outcome_Done;
}

static int32_t on_get_package(struct kp_call *call, struct kp_str hash, int64_t offset,
                              struct kp_bytes *part, int64_t *size, struct kp_str *why)
{
	struct world *world = world_of(call);
	struct kp_buf bytes = {0};
	struct kp_file_info info;
	*why = kp_str("no such package");
	*part = (struct kp_bytes){0};
	*size = 0;
	pthread_mutex_lock(&world->lock);
	bool is_there = kp_file_stat(world->archive, true, &info) == KP_OK &&
	                kp_file_read_at(world->archive, offset, 256 << 10, &bytes, NULL) == KP_OK;
	pthread_mutex_unlock(&world->lock);
	if (!is_there)
		return kipp_Outcome_NotFound;
	struct kp_str copy = kp_call_str(call, kp_buf_str(&bytes));
	kp_buf_fini(&bytes);
	*part = (struct kp_bytes){(const uint8_t *)copy.ptr, copy.len};
	*size = info.size;
	return kipp_Outcome_Done;
}

static int32_t on_add_events(struct kp_call *call, struct kipp_Event_list events)
{
	struct world *world = world_of(call);
	pthread_mutex_lock(&world->lock);
	for (size_t i = 0; i < events.len && world->line_count < LINES_MAX; i++)
		world->lines[world->line_count++] = kp_file_path(
		        "%.*s %.*s %.*s", KP_STR_ARG(events.ptr[i].subject),
		        KP_STR_ARG(events.ptr[i].kind), KP_STR_ARG(events.ptr[i].text));
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->lock);
	return kipp_Outcome_Done;
}

static const struct kipp_Cluster_ops cluster_ops = {
        .report = on_report,
        .watch = on_watch,
        .getPackage = on_get_package,
        .addEvents = on_add_events,
};

static void start_controller(struct world *world)
{
	int adapter;
	struct kp_why why = {0};
	struct kp_adapter_options options = {
	        .endpoint = world->controller[0] ? world->controller : "tcp -h 127.0.0.1 -p 0"};
	assert_int_equal(
	        kp_server_open(&(struct kp_server_options){.threads = 1}, &world->server, &why),
	        KP_OK);
	assert_int_equal(kp_server_listen(world->server, &options, &adapter, &why), KP_OK);
	assert_int_equal(kp_server_serve(world->server, adapter, "kipp.controller.NodeObj",
	                                 &kipp_Cluster_interface, &cluster_ops, world),
	                 KP_OK);
	snprintf(world->controller, sizeof(world->controller), "%s",
	         kp_server_endpoint(world->server, adapter));
	assert_int_equal(kp_server_start(world->server), KP_OK);
}

static void stop_controller(struct world *world)
{
	kp_server_close(world->server);
	world->server = NULL;
}

static void print_story(struct world *world)
{
	for (size_t i = 0; i < world->line_count; i++)
		print_error("  %s\n", world->lines[i]);
	for (int i = 0; i < INSTANCES; i++)
		print_error("  %d: state %d pid %d %s\n", i + 1, world->seen[i].state,
		            world->seen[i].pid, world->seen[i].reason);
}

// wait_for waits until `is_so` holds of what the controller has heard.
static void wait_for(struct world *world, const char *what,
                     bool (*is_so)(struct world *world, int64_t arg), int64_t arg)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_LIMIT_S;
	pthread_mutex_lock(&world->lock);
	int failed = 0;
	while (!is_so(world, arg) && !failed)
		failed = pthread_cond_timedwait(&world->changed, &world->lock, &until);
	if (failed)
		print_story(world);
	memcpy(world->then, world->seen, sizeof(world->then));
	pthread_mutex_unlock(&world->lock);
	if (failed)
		fail_msg("waited in vain: %s", what);
}

// What should be is changed between begin_change and end_change.
static void begin_change(struct world *world)
{
	pthread_mutex_lock(&world->lock);
}

static void end_change(struct world *world)
{
	world->revision++;
	pthread_mutex_unlock(&world->lock);
}

static bool are_active(struct world *world, int64_t count)
{
	int active = 0;
	for (int i = 0; i < INSTANCES; i++)
		active += world->seen[i].state == kipp_State_Active;
	return active == count && world->seen_count == count;
}

static bool is_first_pid_other(struct world *world, int64_t pid)
{
	return world->seen[0].state == kipp_State_Active && world->seen[0].pid != pid;
}

static bool is_first_in(struct world *world, int64_t state)
{
	return world->seen[0].state == (enum kipp_State)state;
}

static bool has_line_of(struct world *world, const char *words)
{
	for (size_t i = 0; i < world->line_count; i++)
		if (strstr(world->lines[i], words))
			return true;
	return false;
}

static bool has_line(struct world *world, int64_t words)
{
	return has_line_of(world, (const char *)(intptr_t)words);
}

static bool is_refused(struct world *world, int64_t count)
{
	return world->refused_count >= count;
}

static bool is_empty(struct world *world, int64_t arg)
{
	return world->seen_count == 0;
}

static int setup(void **state)
{
	static int round;
	struct world *world = kp_new(struct world);
	pthread_mutex_init(&world->lock, NULL);
	pthread_cond_init(&world->changed, NULL);
	snprintf(world->dir, sizeof(world->dir), "/tmp/kipp-agent-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->application, sizeof(world->application), "T%d-%d", getpid(), ++round);
	ssize_t len = readlink("/proc/self/exe", world->archive, sizeof(world->archive) - 1);
	assert_true(len > 0);
	world->archive[len] = '\0';
	assert_int_equal(kp_digest_file(world->archive, world->hash, NULL), KP_OK);
	memcpy(world->package, world->hash, sizeof(world->package));
	world->revision = 1;
	world->cluster = "cluster-1";
	world->instances = INSTANCES;
	world->must_run = true;
	world->mode = "";
	start_controller(world);
	*state = world;
	return 0;
}

struct count {
	const char *application;
	int number;
	int count;
	bool must_end;
};

static void on_found(void *arg, const struct kp_proc_info *info, struct kp_str value)
{
	struct count *count = arg;
	char id[96];
	snprintf(id, sizeof(id), "%s.TestServer.%d/", count->application, count->number);
	if (!kp_str_starts_with(value, kp_str(id)))
		return;
	count->count++;
	if (count->must_end)
		kill(info->pid, SIGKILL);
}

static int count_processes(struct world *world, int number)
{
	struct count count = {.application = world->application, .number = number};
	kp_proc_find_env("KIPP_INSTANCE", on_found, &count);
	return count.count;
}

static int teardown(void **state)
{
	struct world *world = *state;
	agent_stop(world->agent ? world->agent : NULL);
	agent_close(world->agent);
	// After a test that failed, an agent of its own and servers may be left.
	if (world->agent_pid)
		kill(world->agent_pid, SIGKILL);
	stop_controller(world);
	int left = 0;
	for (int i = 1; i <= INSTANCES; i++) {
		struct count count = {world->application, i, 0, true};
		kp_proc_find_env("KIPP_INSTANCE", on_found, &count);
		left += count.count;
	}
	for (size_t i = 0; i < world->line_count; i++)
		kp_free(world->lines[i]);
	kp_file_remove_tree(world->dir, NULL);
	pthread_mutex_destroy(&world->lock);
	pthread_cond_destroy(&world->changed);
	kp_free(world);
	assert_int_equal(left, 0);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void start_agent(struct world *world)
{
	struct kp_why why = {0};
	struct agent_options options = {
	        .data_dir = world->dir,
	        .controller = world->controller,
	        .name = "node-a",
	        .endpoint = "tcp -h 127.0.0.1 -p 0",
	        .stop_servers_on_exit = true,
	};
	kp_err err = agent_open(&options, &world->agent, &why);
	if (err != KP_OK)
		print_error("%s\n", why.text);
	assert_int_equal(err, KP_OK);
	assert_int_equal(agent_start(world->agent, &why), KP_OK);
}

static void agent_runs_what_it_is_told(void **state)
{
	struct world *world = *state;
	start_agent(world);
	wait_for(world, "all active", are_active, INSTANCES);
	for (int i = 0; i < INSTANCES; i++) {
		assert_int_equal(count_processes(world, i + 1), 1);
		assert_string_equal(world->then[i].package, world->hash);
		assert_null(strstr(world->then[i].endpoint, "-p 0 "));
		assert_int_equal(world->then[i].restarts, 0);
	}
	assert_string_not_equal(world->then[0].endpoint, world->then[1].endpoint);
	begin_change(world);
	world->instances = 1;
	end_change(world);
	wait_for(world, "one is left", are_active, 1);
	assert_int_equal(count_processes(world, 2), 0);
	begin_change(world);
	world->instances = 0;
	end_change(world);
	wait_for(world, "none is left", is_empty, 0);
}

static void agent_restarts_what_was_killed(void **state)
{
	struct world *world = *state;
	char endpoint[128];
	start_agent(world);
	wait_for(world, "all active", are_active, INSTANCES);
	int pid = world->then[0].pid;
	memcpy(endpoint, world->then[0].endpoint, sizeof(endpoint));
	kill(pid, SIGKILL);
	wait_for(world, "another one", is_first_pid_other, pid);
	assert_int_equal(world->then[0].restarts, 1);
	assert_string_equal(world->then[0].endpoint, endpoint);
	wait_for(world, "the event", has_line,
	         (intptr_t) "killed by signal 9 (Killed); starts again");
}

static void agent_replaces_what_is_frozen(void **state)
{
	struct world *world = *state;
	world->instances = 1;
	start_agent(world);
	wait_for(world, "active", are_active, 1);
	int pid = world->then[0].pid;
	kill(pid, SIGSTOP);
	wait_for(world, "another one", is_first_pid_other, pid);
	wait_for(world, "evidence", has_line, (intptr_t) "is stopped by a signal (T)");
}

static void agent_stops_and_starts_as_wished(void **state)
{
	struct world *world = *state;
	world->instances = 1;
	start_agent(world);
	wait_for(world, "active", are_active, 1);
	int pid = world->then[0].pid;
	begin_change(world);
	world->must_run = false;
	end_change(world);
	wait_for(world, "stopped", is_first_in, kipp_State_Stopped);
	assert_int_equal(count_processes(world, 1), 0);
	wait_for(world, "politely", has_line, (intptr_t) "stopped as asked (exited with code 0)");
	begin_change(world);
	world->must_run = true;
	end_change(world);
	wait_for(world, "another one", is_first_pid_other, pid);
	pid = world->then[0].pid;
	begin_change(world);
	world->restart_count++;
	end_change(world);
	wait_for(world, "yet another one", is_first_pid_other, pid);
}

static void agent_backs_off_from_what_crashes(void **state)
{
	struct world *world = *state;
	world->instances = 1;
	world->mode = "crash";
	start_agent(world);
	wait_for(world, "a second failure", has_line,
	         (intptr_t) "exited with code 3; starts again in 0.2 s");
	begin_change(world);
	world->mode = "";
	end_change(world);
	wait_for(world, "active", are_active, 1);
}

static void agent_refuses_a_bad_package(void **state)
{
	struct world *world = *state;
	struct kp_bytes bytes = {(const uint8_t *)"PK\3\4", 4};
	world->instances = 1;
	snprintf(world->archive, sizeof(world->archive), "%s/bad", world->dir);
	assert_int_equal(kp_file_replace(world->archive, bytes, 0644, NULL), KP_OK);
	assert_int_equal(kp_digest_file(world->archive, world->package, NULL), KP_OK);
	start_agent(world);
	wait_for(world, "failed", is_first_in, kipp_State_Failed);
	assert_non_null(strstr(world->then[0].reason, "it begins with 'PK'"));
	begin_change(world);
	snprintf(world->archive, sizeof(world->archive), "%s/gone", world->dir);
	memset(world->package, 'a', 64);
	end_change(world);
	wait_for(world, "no such package", has_line, (intptr_t) "no such package");
}

static void agent_gives_logs_and_keeps_its_directory_for_itself(void **state)
{
	struct world *world = *state;
	struct kp_client *client;
	struct kp_call *call;
	struct agent *second;
	struct kp_why why;
	char object[160];
	char id[64];
	char expected[64];
	world->instances = 1;
	start_agent(world);
	wait_for(world, "active", are_active, 1);
	struct agent_options options = {.data_dir = world->dir, .controller = world->controller};
	assert_int_equal(agent_open(&options, &second, &why), KP_ERR_BUSY);
	assert_non_null(strstr(why.text, "another agent runs on"));

	assert_int_equal(kp_client_open(&(struct kp_client_options){0}, &client, NULL), KP_OK);
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	snprintf(object, sizeof(object), "kipp.node.AgentObj@%s", agent_endpoint(world->agent));
	snprintf(id, sizeof(id), "%s.TestServer.1", world->application);
	snprintf(expected, sizeof(expected), "hello from %d\n", world->then[0].pid);
	struct kipp_Agent *agent = kipp_Agent_proxy(client, object);
	struct kp_bytes part;
	struct kp_str reason;
	int64_t next;
	int32_t ret;
	assert_int_equal(
	        kipp_Agent_readLog(agent, call, kp_str(id), 0, 2000, &part, &next, &reason, &ret),
	        KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(next, strlen(expected));
	assert_memory_equal(part.ptr, expected, part.len);
	assert_int_equal(kipp_Agent_readLog(agent, call, kp_str("No.Such.1"), 0, 0, &part, &next,
	                                    &reason, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_NotFound);
	kp_call_close(call);
	kp_client_close(client);
}

static void spawn_agent(struct world *world, struct kp_proc *ret)
{
	char exe[256];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[len] = '\0';
	const char *argv[] = {exe, "--agent", world->dir, world->controller, NULL};
	struct kp_proc_options options = {
	        .path = exe, .argv = argv, .env = kp_proc_environ(), .output = "/dev/stderr"};
	assert_int_equal(kp_proc_spawn(&options, ret, NULL), KP_OK);
	world->agent_pid = ret->pid;
}

static void end_process(struct kp_proc *proc, int number)
{
	struct kp_proc_exit exit;
	kp_proc_signal(proc, number);
	assert_int_equal(kp_proc_wait(proc, -1, &exit), KP_OK);
	kp_proc_close(proc);
}

// finish has an agent of our own end what runs.
static void finish(struct world *world)
{
	pthread_mutex_lock(&world->lock);
	world->seen_count = 0;
	pthread_mutex_unlock(&world->lock);
	start_agent(world);
	wait_for(world, "all active", are_active, INSTANCES);
}

// settles waits until exactly one process of each instance runs; there never are two.
static void settles(struct world *world)
{
	for (int waited = 0; waited < WAIT_LIMIT_S * 50; waited++) {
		int running = 0;
		for (int i = 1; i <= INSTANCES; i++) {
			int count = count_processes(world, i);
			assert_true(count <= 1);
			running += count;
		}
		if (running == INSTANCES)
			return;
		sleep_ms(20);
	}
	print_story(world);
	fail_msg("not every instance runs");
}

static void agent_killed_at_any_point_starts_nothing_twice(void **state)
{
	struct world *world = *state;
	const char *given = getenv("KIPP_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	for (int round = 0; round < 25; round++) {
		struct kp_proc proc;
		spawn_agent(world, &proc);
		sleep_ms(rand_r(&seed) % (round % 2 ? 60 : 250));
		end_process(&proc, SIGKILL);
		world->agent_pid = 0;
		for (int i = 1; i <= INSTANCES; i++)
			assert_true(count_processes(world, i) <= 1);
		if (rand_r(&seed) % 4 == 0) {
			begin_change(world);
			world->restart_count++;
			end_change(world);
		}
	}
	finish(world);
	settles(world);
}

static void agent_leaves_its_servers_running_and_finds_them_again(void **state)
{
	struct world *world = *state;
	struct kp_proc proc;
	int pids[INSTANCES];
	spawn_agent(world, &proc);
	wait_for(world, "all active", are_active, INSTANCES);
	for (int i = 0; i < INSTANCES; i++)
		pids[i] = world->then[i].pid;
	end_process(&proc, SIGTERM);
	world->agent_pid = 0;
	for (int i = 0; i < INSTANCES; i++)
		assert_int_equal(count_processes(world, i + 1), 1);
	struct kp_proc server;
	assert_int_equal(kp_proc_open(pids[1], 0, &server), KP_OK);
	end_process(&server, SIGKILL);
	finish(world);
	assert_int_equal(world->then[0].pid, pids[0]);
	assert_int_not_equal(world->then[1].pid, pids[1]);
	assert_int_equal(world->then[2].pid, pids[2]);
	wait_for(world, "the event", has_line, (intptr_t) "ended while the agent was away");
}

static void agent_starts_without_a_controller(void **state)
{
	struct world *world = *state;
	struct kp_proc proc;
	spawn_agent(world, &proc);
	wait_for(world, "all active", are_active, INSTANCES);
	end_process(&proc, SIGKILL);
	stop_controller(world);
	for (int i = 0; i < INSTANCES; i++)
		kill(world->then[i].pid, SIGKILL);
	spawn_agent(world, &proc);
	settles(world);
	end_process(&proc, SIGTERM);
	world->agent_pid = 0;
	start_controller(world);
	finish(world);
}

static void agent_runs_nothing_twice_when_a_record_is_damaged(void **state)
{
	struct world *world = *state;
	struct kp_proc proc;
	spawn_agent(world, &proc);
	wait_for(world, "all active", are_active, INSTANCES);
	int pid = world->then[1].pid;
	end_process(&proc, SIGKILL);
	world->agent_pid = 0;
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/node/servers/%s.TestServer.1/state",
	                                               world->dir, world->application);
	assert_int_equal(kp_file_replace(path, (struct kp_bytes){0}, 0644, NULL), KP_OK);
	finish(world);
	settles(world);
	assert_int_equal(world->then[1].pid, pid);
	wait_for(world, "the event", has_line, (intptr_t) "what ran was ended");
}

// become_another is what a controller does whose data directory was lost: it knows of nothing.
static void become_another(struct world *world, int instances)
{
	stop_controller(world);
	begin_change(world);
	world->cluster = "cluster-2";
	world->instances = instances;
	world->seen_count = -1; // no report yet
	end_change(world);
	start_controller(world);
}

static void agent_does_not_obey_a_stranger_until_told_to(void **state)
{
	struct world *world = *state;
	int pids[INSTANCES];
	struct kp_proc server;
	start_agent(world);
	wait_for(world, "all active", are_active, INSTANCES);
	for (int i = 0; i < INSTANCES; i++)
		pids[i] = world->then[i].pid;
	become_another(world, 0);
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/node/cluster", world->dir);
	kp_cleanup(kp_freep) char *words = kp_file_path("or remove %s", path);
	wait_for(world, "the event", has_line, (intptr_t)words);
	for (int i = 0; i < INSTANCES; i++) {
		assert_int_equal(kp_proc_open(pids[i], 0, &server), KP_OK);
		kp_proc_close(&server);
		assert_int_equal(count_processes(world, i + 1), 1);
	}
	assert_int_equal(world->seen_count, -1);

	assert_int_equal(kp_file_remove(path, NULL), KP_OK);
	wait_for(world, "follows", is_empty, 0);
	for (int i = 0; i < INSTANCES; i++)
		assert_int_equal(count_processes(world, i + 1), 0);
	struct kp_buf text = {0};
	assert_int_equal(kp_file_read(path, 100, &text, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&text), kp_str("cluster-2\n")));
	kp_buf_fini(&text);
}

static void agent_knows_a_stranger_after_its_own_restart(void **state)
{
	struct world *world = *state;
	struct kp_proc proc;
	spawn_agent(world, &proc);
	wait_for(world, "all active", are_active, INSTANCES);
	end_process(&proc, SIGKILL);
	world->agent_pid = 0;
	become_another(world, 0);
	start_agent(world);
	wait_for(world, "the event", has_line, (intptr_t) "is not obeyed and what runs goes on");
	for (int i = 0; i < INSTANCES; i++)
		assert_int_equal(count_processes(world, i + 1), 1);
	become_another(world, INSTANCES);
	stop_controller(world);
	world->cluster = "cluster-1";
	start_controller(world);
	wait_for(world, "the old one is obeyed", are_active, INSTANCES);
}

static void agent_that_runs_nothing_follows_anybody(void **state)
{
	struct world *world = *state;
	world->instances = 0;
	start_agent(world);
	wait_for(world, "joined", is_empty, 0);
	become_another(world, 1);
	wait_for(world, "active", are_active, 1);
}

static void agent_that_is_refused_starts_nothing(void **state)
{
	struct world *world = *state;
	world->refusal = "somebody else is node-a";
	start_agent(world);
	wait_for(world, "refusals", is_refused, 3);
	for (int i = 0; i < INSTANCES; i++)
		assert_int_equal(count_processes(world, i + 1), 0);
	begin_change(world);
	world->refusal = NULL;
	end_change(world);
	wait_for(world, "all active", are_active, INSTANCES);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        CASE(agent_runs_what_it_is_told),
	        CASE(agent_restarts_what_was_killed),
	        CASE(agent_replaces_what_is_frozen),
	        CASE(agent_stops_and_starts_as_wished),
	        CASE(agent_backs_off_from_what_crashes),
	        CASE(agent_refuses_a_bad_package),
	        CASE(agent_gives_logs_and_keeps_its_directory_for_itself),
	        CASE(agent_killed_at_any_point_starts_nothing_twice),
	        CASE(agent_leaves_its_servers_running_and_finds_them_again),
	        CASE(agent_starts_without_a_controller),
	        CASE(agent_runs_nothing_twice_when_a_record_is_damaged),
	        CASE(agent_does_not_obey_a_stranger_until_told_to),
	        CASE(agent_knows_a_stranger_after_its_own_restart),
	        CASE(agent_that_runs_nothing_follows_anybody),
	        CASE(agent_that_is_refused_starts_nothing),
	};
	if (argc == 4 && strcmp(argv[1], "--agent") == 0)
		return agent_main(argv[2], argv[3]);
	if (argc == 2 && strncmp(argv[1], "--config=", 9) == 0)
		return server_main(argv[1] + 9);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
