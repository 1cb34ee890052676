// start.c - starting an instance's process: ports, configuration, package, then the process itself.
#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"
#include "node/config.h"
#include "node/instance.h"
#include "node/launch.h"
#include "node/output.h"
#include "os/clock.h"
#include "os/daemon.h"
#include "os/file.h"
#include "os/rand.h"
#include "os/sock.h"
#include "tars/endpoint.h"

#include <stdio.h>

enum {
	PORT_MIN = 20000,
	PORT_COUNT = 10000,
	ADMIN_PORT_MIN = 30000,
	ADMIN_PORT_COUNT = 15000,
};

// starting is what one start needs in memory; all of it lives in the arena.
struct starting {
	struct instance *instance;
	struct kp_arena *arena;
	struct kp_why *why;
	struct config_adapter *adapters;
	struct config_setting *settings;
	size_t setting_count;
	const char *bin;
	const char *conf;
	const char *data;
	const char *log;
};

static bool can_bind(struct kp_str host, int port, bool is_udp)
{
	char text[256];
	struct kp_address address;
	int fd;
	snprintf(text, sizeof(text), "%.*s", KP_STR_ARG(host));
	if (kp_address_parse(text, port, &address) != KP_OK)
		return true; // a host's name: the server will find out
	if ((is_udp ? kp_sock_bind_udp : kp_sock_listen)(&address, &fd) != KP_OK)
		return false;
	kp_sock_close(fd);
	return true;
}

static bool is_free(struct starting *s, struct kp_str host, int port, bool is_udp)
{
	const struct instance_owner *owner = s->instance->owner;
	return !owner->ops->is_port_taken(owner->arg, port) && can_bind(host, port, is_udp);
}

// pick_port looks from a place that the agent's directory and the names of instance and adapter
// give: a lost record mostly leads to the same port, and two agents of one machine look at others.
static int pick_port(struct starting *s, struct kp_str adapter, struct kp_str host, bool is_udp,
                     int first, int count)
{
	const char *dir = s->instance->dir; // ends with the instance's id
	uint64_t seed = kp_hash(dir, strlen(dir), 0);
	int start = (int)(kp_hash(adapter.ptr, adapter.len, seed) % (uint64_t)count);
	for (int i = 0; i < count; i++) {
		int port = first + (start + i) % count;
		if (is_free(s, host, port, is_udp))
			return port;
	}
	return 0;
}

static kp_err copy_settings(struct starting *s, const struct kp_str_str_map *wished,
                            struct config_setting **ret)
{
	struct config_setting *settings =
	        kp_arena_alloc_zero(s->arena, wished->len + 1, sizeof(*settings));
	if (!settings)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < wished->len; i++)
		settings[i] = (struct config_setting){wished->ptr[i].key, wished->ptr[i].value};
	*ret = settings;
	return KP_OK;
}

static kp_err plan_adapter(struct starting *s, const struct kipp_Adapter *wished,
                           struct config_adapter *ret)
{
	struct record *record = &s->instance->record;
	struct kp_endpoint endpoint;
	KP_TRY(kp_endpoint_parse(wished->endpoint, &endpoint, s->why));
	int port = endpoint.port ? endpoint.port : record_port(record, wished->name);
	bool is_udp = endpoint.protocol == KP_PROTOCOL_UDP;
	bool is_path = endpoint.host.len > 0 && *endpoint.host.ptr == '/';
	// A kept port that somebody else took meanwhile is given up: callers learn the new one.
	if (!is_path && !endpoint.port && (!port || !can_bind(endpoint.host, port, is_udp))) {
		port = pick_port(s, wished->name, endpoint.host, is_udp, PORT_MIN, PORT_COUNT);
		if (!port)
			return kp_why_set(s->why, KP_ERR_LIMIT, "no port is free in %d..%d",
			                  PORT_MIN, PORT_MIN + PORT_COUNT - 1);
		KP_TRY(record_set_port(record, wished->name, port));
	}
	struct config_setting *settings;
	KP_TRY(copy_settings(s, &wished->settings, &settings));
	struct kp_buf text = {0};
	config_endpoint_print(wished->endpoint, (struct kp_str){0}, port, &text);
	*ret = (struct config_adapter){
	        .name = wished->name,
	        .servants = wished->servant,
	        .endpoint = kp_arena_str(s->arena, kp_buf_str(&text)),
	        .protocol = wished->protocol,
	        .threads = wished->threads,
	        .connections_max = wished->maxConnections,
	        .queue_max = wished->queueCap,
	        .queue_timeout_ms = wished->queueTimeout,
	        .settings = settings,
	        .setting_count = wished->settings.len,
	};
	kp_buf_fini(&text);
	return ret->endpoint.ptr ? KP_OK : KP_ERR_NOMEM;
}

static kp_err plan_adapters(struct starting *s)
{
	const struct kipp_Adapter_list *wished = &s->instance->wish.server.adapters;
	s->adapters = kp_arena_alloc_zero(s->arena, wished->len + 1, sizeof(*s->adapters));
	if (!s->adapters)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < wished->len; i++)
		KP_TRY(plan_adapter(s, &wished->ptr[i], &s->adapters[i]));
	return KP_OK;
}

static kp_err plan_admin_port(struct starting *s)
{
	struct record *record = &s->instance->record;
	struct kp_str host = kp_str("127.0.0.1");
	if (record->admin_port && can_bind(host, record->admin_port, false))
		return KP_OK;
	record->admin_port =
	        pick_port(s, kp_str("AdminAdapter"), host, false, ADMIN_PORT_MIN, ADMIN_PORT_COUNT);
	if (!record->admin_port)
		return kp_why_set(s->why, KP_ERR_LIMIT, "no port is free in %d..%d", ADMIN_PORT_MIN,
		                  ADMIN_PORT_MIN + ADMIN_PORT_COUNT - 1);
	return KP_OK;
}

static kp_err plan_settings(struct starting *s)
{
	const struct kp_str_str_map *wished = &s->instance->wish.server.settings;
	KP_TRY(copy_settings(s, wished, &s->settings));
	s->setting_count = wished->len;
	return KP_OK;
}

static kp_err make_dirs(struct starting *s)
{
	const char *dir = s->instance->dir;
	const struct kipp_Server *server = &s->instance->wish.server;
	s->bin = kp_arena_format(s->arena, "%s/bin", dir).ptr;
	s->data = kp_arena_format(s->arena, "%s/data/", dir).ptr;
	s->log = kp_arena_format(s->arena, "%s/log/", dir).ptr;
	const char *conf = kp_arena_format(s->arena, "%s/conf", dir).ptr;
	s->conf = kp_arena_format(s->arena, "%s/conf/%.*s.%.*s.config.conf", dir,
	                          KP_STR_ARG(server->application), KP_STR_ARG(server->name))
	                  .ptr;
	if (!s->bin || !s->data || !s->log || !conf || !s->conf)
		return KP_ERR_NOMEM;
	KP_TRY(kp_file_make_dirs(conf, 0755, s->why));
	KP_TRY(kp_file_make_dirs(s->data, 0755, s->why));
	return kp_file_make_dirs(s->log, 0755, s->why);
}

static kp_err switch_package(struct starting *s)
{
	const char *target = kp_arena_format(s->arena, "../../packages/%s",
	                                     s->instance->supervise.running.package)
	                             .ptr;
	if (!target)
		return KP_ERR_NOMEM;
	return kp_file_link_replace(s->bin, target, s->why);
}

static kp_err write_config(struct starting *s)
{
	const struct instance_owner *owner = s->instance->owner;
	const struct kipp_Server *server = &s->instance->wish.server;
	struct config_input input = {
	        .application = server->application,
	        .server = server->name,
	        .type = server->type,
	        .node_name = kp_str(owner->node_name),
	        .host = kp_str(owner->host),
	        .locator = kp_str(owner->locator),
	        .node = kp_str(owner->endpoint),
	        .admin_port = s->instance->record.admin_port,
	        .base_path = kp_arena_format(s->arena, "%s/", s->bin),
	        .data_path = kp_str(s->data),
	        .log_path = kp_str(s->log),
	        .adapters = s->adapters,
	        .adapter_count = server->adapters.len,
	        .settings = s->settings,
	        .setting_count = s->setting_count,
	};
	struct kp_buf text = {0};
	kp_err err = config_print(&input, &text, s->why);
	kp_cleanup(kp_freep) char *old = kp_file_path("%s.bak", s->conf);
	if (err == KP_OK && old && kp_file_exists(s->conf))
		kp_file_copy(s->conf, old, NULL);
	if (err == KP_OK)
		err = kp_file_swap(s->conf, kp_buf_bytes(&text), 0644, s->why);
	kp_buf_fini(&text);
	return err;
}

static void make_token(char token[RECORD_TOKEN_SIZE])
{
	uint8_t bytes[16];
	kp_rand_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
}

// write_record_for_start writes the token before there is a process that carries it.
static kp_err write_record_for_start(struct starting *s, const char *path)
{
	struct instance *instance = s->instance;
	struct record *record = &instance->record;
	make_token(record->token);
	record->pid = 0;
	record->is_active = false;
	record->running = instance->supervise.running;
	memcpy(record->boot, instance->owner->boot, sizeof(record->boot));
	record->started_ms = kp_clock_wall_ms();
	record->restarts = instance->supervise.restarts;
	snprintf(record->version, sizeof(record->version), "%.*s",
	         KP_STR_ARG(instance->wish.server.version));
	return record_write(path, record, s->why);
}

// spawn_locked starts the process while the lock of the instance's directory is held. A child that
// has not become the server yet shares the lock, so that an agent which follows us when we are
// killed right here knows that there is one.
static kp_err spawn_locked(struct starting *s)
{
	struct instance *instance = s->instance;
	const struct kipp_Server *server = &instance->wish.server;
	const char *state = kp_arena_format(s->arena, "%s/state", instance->dir).ptr;
	const char *lib = kp_arena_format(s->arena, "%s/lib", instance->owner->dir).ptr;
	if (!state || !lib)
		return KP_ERR_NOMEM;
	KP_TRY(write_record_for_start(s, state));
	struct launch_input input = {
	        .application = server->application,
	        .server = server->name,
	        .type = server->type,
	        .executable = server->executable,
	        .base_path = s->bin,
	        .config_path = s->conf,
	        .library_path = lib,
	        .token = kp_arena_format(s->arena, "%s/%s", instance->id, instance->record.token)
	                         .ptr,
	        .settings = s->settings,
	        .setting_count = s->setting_count,
	        .environment = kp_proc_environ(),
	};
	struct launch launch;
	if (!input.token)
		return KP_ERR_NOMEM;
	KP_TRY(launch_plan(&input, s->arena, &launch, s->why));
	struct kp_proc_options options = {
	        .path = launch.path,
	        .argv = launch.argv,
	        .env = launch.env,
	        .directory = s->log,
	        .output = instance->log_path,
	};
	KP_TRY(kp_proc_spawn(&options, &instance->proc, s->why));
	instance->record.pid = instance->proc.pid;
	instance->record.start_time = instance->proc.start_time;
	// Should this fail, the token still leads to the process.
	record_write(state, &instance->record, NULL);
	return KP_OK;
}

static kp_err spawn(struct starting *s)
{
	int lock;
	const char *path = kp_arena_format(s->arena, "%s/lock", s->instance->dir).ptr;
	if (!path)
		return KP_ERR_NOMEM;
	KP_TRY(kp_daemon_lock(path, &lock, s->why));
	kp_err err = spawn_locked(s);
	kp_daemon_unlock(lock);
	return err;
}

static kp_err start(struct starting *s)
{
	KP_TRY(plan_adapters(s));
	KP_TRY(plan_admin_port(s));
	KP_TRY(plan_settings(s));
	KP_TRY(make_dirs(s));
	KP_TRY(switch_package(s));
	KP_TRY(write_config(s));
	KP_TRY(output_rotate(s->instance->log_path, OUTPUT_SIZE_MAX, s->why));
	return spawn(s);
}

kp_err instance_start(struct instance *instance, struct kp_why *why)
{
	struct kp_arena *arena = kp_arena_new(0);
	if (!arena)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	struct starting starting = {.instance = instance, .arena = arena, .why = why};
	why->text[0] = '\0';
	kp_err err = start(&starting);
	if (err != KP_OK && why->text[0] == '\0')
		kp_why_set(why, err, "cannot start: %s", kp_err_text(err));
	kp_arena_free(arena);
	return err;
}
