// agent.c - the agent's life, its instances and its events.
#include "node/agent_internal.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "node/output.h"
#include "node/package.h"
#include "os/clock.h"
#include "os/daemon.h"
#include "os/file.h"
#include "rpc/background.h"
#include "tars/endpoint.h"

#include <stdio.h>

enum {
	TICK_MS = 100,
	SWEEP_S = 60,
	STOP_LIMIT_S = 150, // twice the longest grace, and some more
	PORT = 17891,
};

struct instance *agent_find(struct agent *agent, struct kp_str id)
{
	for (size_t i = 0; i < agent->instances.len; i++)
		if (kp_str_equal(kp_str(agent->instances.ptr[i]->id), id))
			return agent->instances.ptr[i];
	return NULL;
}

void agent_touch(struct agent *agent)
{
	agent->is_changed = true;
	kp_wake_all(&agent->changed);
}

// --- events

static void event_free(struct agent_event *event)
{
	kp_free((char *)event->event.kind.ptr);
	kp_free((char *)event->event.subject.ptr);
	kp_free((char *)event->event.text.ptr);
}

void agent_events_drop(struct agent *agent, size_t count)
{
	for (size_t i = 0; i < count; i++)
		event_free(&agent->events.ptr[i]);
	for (size_t i = count; i < agent->events.len; i++)
		agent->events.ptr[i - count] = agent->events.ptr[i];
	agent->events.len -= count;
}

static struct kp_str copy(struct kp_str text)
{
	return kp_str(kp_strndup(text.ptr ? text.ptr : "", text.len));
}

void agent_note(struct agent *agent, const char *kind, struct kp_str subject, int level,
                const char *text)
{
	char line[768];
	snprintf(line, sizeof(line), "%.*s: %s: %s", KP_STR_ARG(subject), kind, text);
	if (agent->options.log)
		agent->options.log(agent->options.log_arg, level, line);
	struct agent_event event;
	kipp_Event_init(&event.event);
	event.event.timeMs = kp_clock_wall_ms();
	event.event.kind = copy(kp_str(kind));
	event.event.subject = copy(subject);
	event.event.text = copy(kp_str(text));
	event.event.level = level;
	if (!event.event.kind.ptr || !event.event.subject.ptr || !event.event.text.ptr ||
	    kp_vec_push(&agent->events, event) != KP_OK)
		event_free(&event);
	if (agent->events.len > AGENT_EVENTS_MAX)
		agent_events_drop(agent, 1);
	agent_touch(agent);
}

// --- what instances ask of us

static bool on_fetch(void *owner, struct instance *instance)
{
	return agent_fetch(owner, instance);
}

static void on_ask(void *owner, struct instance *instance)
{
	agent_ask(owner, instance);
}

static void on_tell(void *owner, struct instance *instance, const char *kind, int level,
                    const char *text)
{
	agent_note(owner, kind, kp_str(instance->id), level, text);
}

static bool is_port_taken(void *owner, int port)
{
	struct agent *agent = owner;
	for (size_t i = 0; i < agent->instances.len; i++) {
		const struct record *record = &agent->instances.ptr[i]->record;
		if (record->admin_port == port)
			return true;
		for (size_t k = 0; k < record->port_count; k++)
			if (record->ports[k].port == port)
				return true;
	}
	return false;
}

static void on_forget(void *owner, struct instance *instance)
{
	agent_touch(owner); // it is freed at the next tick
}

static const struct instance_owner_ops owner_ops = {
        .fetch = on_fetch,
        .ask = on_ask,
        .tell = on_tell,
        .is_port_taken = is_port_taken,
        .forget = on_forget,
};

// --- instances

static kp_err add(struct agent *agent, struct kp_str id, struct instance **ret)
{
	struct instance *instance;
	KP_TRY(instance_new(&agent->owner, id, &instance));
	kp_err err = kp_vec_push(&agent->instances, instance);
	if (err != KP_OK) {
		instance_free(instance);
		return err;
	}
	*ret = instance;
	return KP_OK;
}

static void free_over(struct agent *agent)
{
	for (size_t i = agent->instances.len; i-- > 0;) {
		if (!agent->instances.ptr[i]->is_over)
			continue;
		instance_free(agent->instances.ptr[i]);
		kp_vec_remove(&agent->instances, i);
	}
}

static bool is_listed(struct kipp_Instance_list list, const char *id)
{
	for (size_t i = 0; i < list.len; i++)
		if (kp_str_equal(list.ptr[i].id, kp_str(id)))
			return true;
	return false;
}

static bool has_good_names(const struct kipp_Instance *wished)
{
	return instance_id_is_valid(wished->id) && instance_id_is_valid(wished->server.name) &&
	       instance_id_is_valid(wished->server.application);
}

static kp_err assign_one(struct agent *agent, const struct kipp_Instance *wished, int64_t now_ns)
{
	struct instance *instance = agent_find(agent, wished->id);
	if (!has_good_names(wished)) {
		agent_note(agent, "instance.refused", wished->id, 2,
		           "its name has characters that no file may have");
		return KP_OK;
	}
	if (!instance)
		KP_TRY(add(agent, wished->id, &instance));
	return instance_wish(instance, wished, now_ns);
}

kp_err agent_assign(struct agent *agent, int64_t revision, struct kipp_Instance_list instances)
{
	int64_t now_ns = kp_clock_ns();
	if (agent->is_stopping)
		return KP_OK;
	free_over(agent);
	for (size_t i = 0; i < instances.len; i++)
		KP_TRY(assign_one(agent, &instances.ptr[i], now_ns));
	for (size_t i = 0; i < agent->instances.len; i++)
		if (!is_listed(instances, agent->instances.ptr[i]->id))
			instance_unwish(agent->instances.ptr[i], now_ns);
	agent->revision = revision;
	agent_touch(agent);
	return KP_OK;
}

// --- the tick

static bool is_anything_alive(const struct agent *agent)
{
	for (size_t i = 0; i < agent->instances.len; i++)
		if (agent->instances.ptr[i]->supervise.phase != SUPERVISE_PHASE_NONE)
			return true;
	return false;
}

static void clean_packages(struct agent *agent)
{
	size_t count = 0;
	const char **used = kp_alloc_zero(2 * agent->instances.len + 1, sizeof(*used));
	kp_cleanup(kp_freep) char *dir = kp_file_path("%s/packages", agent->dir);
	for (size_t i = 0; used && i < agent->instances.len; i++) {
		used[count++] = agent->instances.ptr[i]->supervise.wish.package;
		used[count++] = agent->instances.ptr[i]->supervise.running.package;
	}
	if (used && dir && agent->fetches.len == 0)
		package_clean(dir, used, count);
	kp_free(used);
}

// sweep looks after what grows: logs and packages.
static void sweep(struct agent *agent, int64_t now_ns)
{
	if (now_ns - agent->swept_ns < SWEEP_S * KP_NS_PER_S)
		return;
	agent->swept_ns = now_ns;
	for (size_t i = 0; i < agent->instances.len; i++) {
		struct kp_why why;
		struct instance *instance = agent->instances.ptr[i];
		if (instance->log_path &&
		    output_rotate(instance->log_path, OUTPUT_SIZE_MAX, &why) != KP_OK)
			agent_note(agent, "instance.log", kp_str(instance->id), 1, why.text);
	}
	clean_packages(agent);
}

static void on_tick(struct kp_timer *timer)
{
	struct agent *agent = KP_CONTAINER(timer, struct agent, tick);
	int64_t now_ns = kp_clock_ns();
	const struct supervise_event event = {.kind = SUPERVISE_TICK};
	free_over(agent);
	for (size_t i = 0; i < agent->instances.len; i++)
		instance_step(agent->instances.ptr[i], &event, now_ns);
	sweep(agent, now_ns);
	kp_timer_start(agent->loop, timer, now_ns + TICK_MS * (int64_t)KP_NS_PER_MS);
}

// --- starting

static void load_instances(struct agent *agent)
{
	struct kp_file_list list;
	struct kp_why why;
	kp_cleanup(kp_freep) char *dir = kp_file_path("%s/servers", agent->dir);
	if (!dir || kp_file_list_dir(dir, &list, &why) != KP_OK)
		return;
	for (size_t i = 0; i < list.count; i++) {
		struct instance *instance;
		kp_cleanup(kp_freep) char *state = kp_file_path("%s/%s/state", dir, list.names[i]);
		if (state && kp_file_exists(state) &&
		    add(agent, kp_str(list.names[i]), &instance) == KP_OK)
			instance_load(instance, kp_clock_ns());
	}
	kp_file_list_fini(&list);
}

static void load_assignment(struct agent *agent)
{
	struct kipp_Instance_list list = {0};
	int64_t revision = 0;
	struct kp_arena *arena = kp_arena_new(0);
	kp_err err = arena ? assignment_read(agent, arena, &revision, &list) : KP_ERR_NOMEM;
	// The revision is not taken over: the controller is asked for all of it anyway.
	if (err == KP_OK)
		err = agent_assign(agent, 0, list);
	if (err != KP_OK && err != KP_ERR_NOTFOUND)
		agent_note(agent, "node.assignment", kp_str(agent->name), 2,
		           "what the controller said last cannot be read; waiting for it to say it "
		           "again");
	kp_arena_free(arena);
}

static void start_main(void *arg)
{
	struct agent *agent = arg;
	char text[512];
	snprintf(text, sizeof(text), "the agent is up at %s", agent_endpoint(agent));
	agent_note(agent, "node.started", kp_str(agent->name), 0, text);
	clean_packages(agent);
	agent_load_cluster(agent);
	load_instances(agent);
	load_assignment(agent);
	on_tick(&agent->tick);
	kp_server_spawn(agent->server, agent_watch_main, agent);
	kp_server_spawn(agent->server, agent_report_main, agent);
}

kp_err agent_start(struct agent *agent, struct kp_why *why)
{
	kp_err err = kp_server_start(agent->server);
	if (err != KP_OK)
		return kp_why_set(why, err, "cannot start the agent: %s", kp_err_text(err));
	agent->is_running = true;
	agent->loop = kp_server_loop(agent->server);
	agent->owner.loop = agent->loop;
	err = kp_server_spawn(agent->server, start_main, agent);
	if (err != KP_OK)
		return kp_why_set(why, err, "cannot start the agent: %s", kp_err_text(err));
	return KP_OK;
}

// --- stopping

static void stop_servers(struct agent *agent)
{
	int64_t until_ns = kp_clock_ns() + STOP_LIMIT_S * KP_NS_PER_S;
	for (size_t i = 0; i < agent->instances.len; i++) {
		struct supervise_wish wish = agent->instances.ptr[i]->supervise.wish;
		wish.must_run = false;
		instance_step(agent->instances.ptr[i],
		              &(struct supervise_event){.kind = SUPERVISE_WISHED, .wish = &wish},
		              kp_clock_ns());
	}
	while (is_anything_alive(agent) && kp_clock_ns() < until_ns)
		if (kp_wait(agent->loop, &agent->changed, until_ns) == KP_ERR_CANCELLED)
			return;
}

static void stop_main(void *arg)
{
	struct agent *agent = arg;
	agent->is_stopping = true;
	if (agent->options.stop_servers_on_exit)
		stop_servers(agent);
	kp_timer_stop(&agent->tick);
	for (size_t i = 0; i < agent->instances.len; i++)
		instance_free(agent->instances.ptr[i]);
	kp_vec_fini(&agent->instances);
	pthread_mutex_lock(&agent->stop_lock);
	agent->is_stopped = true;
	pthread_cond_signal(&agent->stop_done);
	pthread_mutex_unlock(&agent->stop_lock);
}

void agent_stop(struct agent *agent)
{
	if (!agent->is_running)
		return;
	agent->is_running = false;
	while (kp_server_spawn(agent->server, stop_main, agent) != KP_OK)
		continue;
	pthread_mutex_lock(&agent->stop_lock);
	while (!agent->is_stopped)
		pthread_cond_wait(&agent->stop_done, &agent->stop_lock);
	pthread_mutex_unlock(&agent->stop_lock);
	kp_server_stop(agent->server, 1000);
}

void agent_close(struct agent *agent)
{
	if (!agent)
		return;
	agent_stop(agent);
	kp_server_close(agent->server);
	kp_client_close(agent->client);
	agent_events_drop(agent, agent->events.len);
	kp_vec_fini(&agent->events);
	kp_vec_fini(&agent->fetches);
	kp_vec_fini(&agent->instances);
	kp_daemon_unlock(agent->lock);
	pthread_mutex_destroy(&agent->stop_lock);
	pthread_cond_destroy(&agent->stop_done);
	kp_free(agent->dir);
	kp_free(agent->name);
	kp_free(agent->host);
	kp_free(agent->locator);
	kp_free(agent->controller);
	kp_free(agent);
}

// --- opening

static kp_err listen_at(struct agent *agent, const char *endpoint, struct kp_why *why)
{
	struct kp_adapter_options options = {.name = "AgentAdapter", .endpoint = endpoint};
	return kp_server_listen(agent->server, &options, &agent->adapter, why);
}

static int kept_port(struct agent *agent)
{
	struct kp_buf text = {0};
	int64_t port = 0;
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/port", agent->dir);
	if (path && kp_file_read(path, 16, &text, NULL) == KP_OK)
		kp_str_i64(kp_str_trim(kp_buf_str(&text)), 1, 65535, &port);
	kp_buf_fini(&text);
	return (int)port;
}

// keep_port remembers where we listen: servers that outlive us know us by it.
static kp_err keep_port(struct agent *agent, struct kp_why *why)
{
	struct kp_endpoint endpoint;
	char text[16];
	KP_TRY(kp_endpoint_parse(kp_str(agent_endpoint(agent)), &endpoint, why));
	int len = snprintf(text, sizeof(text), "%d\n", (int)endpoint.port);
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/port", agent->dir);
	struct kp_bytes bytes = {(const uint8_t *)text, (size_t)len};
	return path ? kp_file_replace(path, bytes, 0644, why) : KP_ERR_NOMEM;
}

// listen_somewhere tries the port of last time, the usual one and any one.
static kp_err listen_somewhere(struct agent *agent, struct kp_why *why)
{
	const int ports[] = {kept_port(agent), PORT, 0};
	char endpoint[64];
	kp_err err = KP_ERR_BUSY;
	for (size_t i = ports[0] ? 0 : 1; i < 3 && err == KP_ERR_BUSY; i++) {
		snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %d", ports[i]);
		err = listen_at(agent, endpoint, why);
	}
	return err;
}

static kp_err listen_as_told(struct agent *agent, const char *text, struct kp_why *why)
{
	struct kp_endpoint endpoint;
	KP_TRY(kp_endpoint_parse(kp_str(text), &endpoint, why));
	int port = endpoint.port ? 0 : kept_port(agent);
	char kept[300];
	snprintf(kept, sizeof(kept), "tcp -h %.*s -p %d", KP_STR_ARG(endpoint.host), port);
	if (port && listen_at(agent, kept, NULL) == KP_OK)
		return KP_OK;
	return listen_at(agent, text, why);
}

static kp_err set_texts(struct agent *agent, const struct agent_options *options)
{
	char name[256];
	kp_proc_host_name(name, sizeof(name));
	agent->name = kp_strdup(options->name ? options->name : name);
	agent->host = kp_strdup(options->host ? options->host : "127.0.0.1");
	agent->locator = kp_file_path("tars.tarsregistry.QueryObj@%s", options->controller);
	agent->controller = kp_file_path("kipp.controller.NodeObj@%s", options->controller);
	return agent->name && agent->host && agent->locator && agent->controller ? KP_OK
	                                                                         : KP_ERR_NOMEM;
}

static kp_err make_dirs(struct agent *agent, const char *data_dir, struct kp_why *why)
{
	kp_cleanup(kp_freep) char *node = kp_file_path("%s/node", data_dir);
	if (!node)
		return KP_ERR_NOMEM;
	KP_TRY(kp_file_make_dirs(node, 0755, why));
	KP_TRY(kp_file_real_path(node, &agent->dir, why));
	static const char *const names[] = {"packages", "servers", "lib"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", agent->dir, names[i]);
		if (!path)
			return KP_ERR_NOMEM;
		KP_TRY(kp_file_make_dirs(path, 0755, why));
	}
	kp_cleanup(kp_freep) char *lock = kp_file_path("%s/lock", agent->dir);
	if (!lock)
		return KP_ERR_NOMEM;
	kp_err err = kp_daemon_lock(lock, &agent->lock, why);
	if (err == KP_ERR_BUSY)
		return kp_why_set(why, err, "another agent runs on %s", agent->dir);
	return err;
}

static kp_err open_rpc(struct agent *agent, const struct agent_options *options, struct kp_why *why)
{
	struct kp_server_options server = {.threads = 1, .application = "kipp", .server = "node"};
	struct kp_client_options client = {.caller = "kipp.node", .timeout_ms = 5000};
	KP_TRY(kp_client_open(&client, &agent->client, why));
	KP_TRY(kp_server_open(&server, &agent->server, why));
	KP_TRY(options->endpoint ? listen_as_told(agent, options->endpoint, why)
	                         : listen_somewhere(agent, why));
	KP_TRY(keep_port(agent, why));
	return agent_serve(agent);
}

static void fill_owner(struct agent *agent)
{
	agent->owner = (struct instance_owner){
	        .ops = &owner_ops,
	        .arg = agent,
	        .dir = agent->dir,
	        .node_name = agent->name,
	        .host = agent->host,
	        .locator = agent->locator,
	        .endpoint = agent_endpoint(agent),
	};
	kp_proc_boot_id(agent->owner.boot);
}

static kp_err open_agent(struct agent *agent, const struct agent_options *options,
                         struct kp_why *why)
{
	if (!options->data_dir || !options->controller)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "an agent needs a data directory and a controller");
	KP_TRY(set_texts(agent, options));
	if (!instance_id_is_valid(kp_str(agent->name)))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "'%s' is no name for a node: letters, digits, '.', '-' and '_'",
		                  agent->name);
	KP_TRY(make_dirs(agent, options->data_dir, why));
	KP_TRY(agent_name_start(agent, why));
	KP_TRY(open_rpc(agent, options, why));
	fill_owner(agent);
	return KP_OK;
}

kp_err agent_open(const struct agent_options *options, struct agent **ret, struct kp_why *why)
{
	struct agent *agent = kp_new(struct agent);
	struct kp_why own = {0};
	if (!agent)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	agent->options = *options;
	agent->lock = -1;
	agent->tick.on_timer = on_tick;
	kp_wait_list_init(&agent->changed);
	pthread_mutex_init(&agent->stop_lock, NULL);
	pthread_cond_init(&agent->stop_done, NULL);
	kp_err err = open_agent(agent, options, &own);
	if (err != KP_OK) {
		agent_close(agent);
		return kp_why_set(why, err, "%s", own.text[0] ? own.text : kp_err_text(err));
	}
	*ret = agent;
	return KP_OK;
}

const char *agent_endpoint(const struct agent *agent)
{
	return kp_server_endpoint(agent->server, agent->adapter);
}
