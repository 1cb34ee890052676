// instance.c - one instance's directory, process and record.
#include "node/instance.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "node/config.h"
#include "os/clock.h"
#include "os/daemon.h"
#include "os/file.h"
#include "os/wait.h"

#include <signal.h>
#include <stdio.h>

enum {
	NEWBORN_ROUNDS_MAX = 10000, // of a millisecond
	TELLS_MAX = 10,             // events of a server's own in tell_span_ns
};
static const int64_t tell_span_ns = 60 * KP_NS_PER_S;

bool instance_id_is_valid(struct kp_str id)
{
	if (id.len == 0 || id.len >= INSTANCE_ID_SIZE || id.ptr[0] == '.' || id.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

kp_err instance_new(const struct instance_owner *owner, struct kp_str id, struct instance **ret)
{
	if (!instance_id_is_valid(id))
		return KP_ERR_INVALID;
	struct instance *instance = kp_new(struct instance);
	if (!instance)
		return KP_ERR_NOMEM;
	instance->owner = owner;
	instance->proc.pidfd = -1;
	memcpy(instance->id, id.ptr, id.len);
	instance->dir = kp_file_path("%s/servers/%s", owner->dir, instance->id);
	struct supervise_limits limits;
	supervise_limits_for(kp_str("kipp"), &limits);
	supervise_init(&instance->supervise, &limits, true);
	if (!instance->dir) {
		instance_free(instance);
		return KP_ERR_NOMEM;
	}
	*ret = instance;
	return KP_OK;
}

void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	kp_watch_free(instance->watch);
	kp_proc_close(&instance->proc);
	kp_arena_free(instance->arena);
	kp_free(instance->dir);
	kp_free(instance->log_path);
	kp_free(instance);
}

static void write_record(struct instance *instance)
{
	struct kp_why why = {0};
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/state", instance->dir);
	if (path && record_write(path, &instance->record, &why) != KP_OK)
		instance->owner->ops->tell(instance->owner->arg, instance, "instance.record", 2,
		                           why.text);
}

static const char *token_pair(const struct instance *instance, char *text, size_t size)
{
	snprintf(text, size, "KIPP_INSTANCE=%s/%s", instance->id, instance->record.token);
	return text;
}

// reap_family ends what the process left behind, such as its own children.
static void reap_family(struct instance *instance)
{
	char pair[INSTANCE_ID_SIZE + RECORD_TOKEN_SIZE + 16];
	if (instance->record.token[0])
		kp_proc_kill_env(token_pair(instance, pair, sizeof(pair)));
	instance->record.token[0] = '\0';
	instance->record.pid = 0;
	instance->record.is_active = false;
}

static void on_process_ended(void *arg, unsigned events)
{
	struct instance *instance = arg;
	struct kp_proc_exit exit;
	char text[128];
	if (!kp_proc_poll(&instance->proc, &exit))
		return;
	kp_proc_exit_text(&exit, text, sizeof(text));
	kp_watch_free(instance->watch);
	instance->watch = NULL;
	kp_proc_close(&instance->proc);
	reap_family(instance);
	memset(instance->suspensions, 0, sizeof(instance->suspensions));
	write_record(instance);
	instance_step(instance, &(struct supervise_event){.kind = SUPERVISE_ENDED, .text = text},
	              kp_clock_ns());
}

static kp_err watch_process(struct instance *instance)
{
	return kp_watch_new(instance->owner->loop, instance->proc.pidfd, KP_READABLE,
	                    on_process_ended, instance, &instance->watch);
}

struct search {
	struct kp_str value; // id/token
	int pid;
	uint64_t start_time;
};

// on_found keeps the oldest process that carries the token: the one that we started.
static void on_found(void *arg, const struct kp_proc_info *info, struct kp_str value)
{
	struct search *search = arg;
	if (!kp_str_equal(value, search->value))
		return;
	if (search->pid && (search->start_time < info->start_time ||
	                    (search->start_time == info->start_time && search->pid < info->pid)))
		return;
	search->pid = info->pid;
	search->start_time = info->start_time;
}

// wait_for_newborn waits until no child of a killed agent is on its way to become the server: until
// then its environment does not tell whose it is. See spawn_locked.
static void wait_for_newborn(struct instance *instance)
{
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/lock", instance->dir);
	int lock;
	for (int round = 0; path && round < NEWBORN_ROUNDS_MAX; round++) {
		kp_err err = kp_daemon_lock(path, &lock, NULL);
		if (err == KP_OK)
			kp_daemon_unlock(lock);
		if (err != KP_ERR_BUSY)
			return;
		if (kp_sleep_until(instance->owner->loop, kp_clock_ns() + KP_NS_PER_MS) != KP_OK)
			return;
	}
}

// find_process takes hold of what the record tells of: by pid, or after a crash by its token.
static bool find_process(struct instance *instance)
{
	struct record *record = &instance->record;
	char value[INSTANCE_ID_SIZE + RECORD_TOKEN_SIZE];
	if (!record->token[0] || strcmp(record->boot, instance->owner->boot) != 0)
		return false;
	if (record->pid)
		return kp_proc_open(record->pid, record->start_time, &instance->proc) == KP_OK;
	wait_for_newborn(instance);
	snprintf(value, sizeof(value), "%s/%s", instance->id, record->token);
	struct search search = {.value = kp_str(value)};
	kp_proc_find_env("KIPP_INSTANCE", on_found, &search);
	return search.pid && kp_proc_open(search.pid, search.start_time, &instance->proc) == KP_OK;
}

// end_unrecorded ends what runs with our configuration file, when the record that would tell of it
// cannot be read: else it would run beside the next one for ever.
static void end_unrecorded(struct instance *instance, const char *text)
{
	struct kp_str name = kp_str(instance->id); // "App.Server.1"
	char told[512];
	while (name.len > 0 && name.ptr[name.len - 1] != '.')
		name.len--;
	kp_cleanup(kp_freep) char *pair = kp_file_path("TARS_CONFIG=%s/conf/%.*sconfig.conf",
	                                               instance->dir, KP_STR_ARG(name));
	int count = pair ? kp_proc_kill_env(pair) : 0;
	snprintf(told, sizeof(told), "%.400s; it starts anew%s", text,
	         count ? ", and what ran was ended" : "");
	instance->owner->ops->tell(instance->owner->arg, instance, "instance.record", 2, told);
}

void instance_load(struct instance *instance, int64_t now_ns)
{
	struct kp_why why = {0};
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/state", instance->dir);
	kp_err err = path ? record_read(path, &instance->record, &why) : KP_ERR_NOMEM;
	if (err != KP_OK) {
		if (err != KP_ERR_NOTFOUND)
			end_unrecorded(instance, why.text[0] ? why.text : kp_err_text(err));
		return;
	}
	instance->supervise.restarts = instance->record.restarts;
	if (find_process(instance) && watch_process(instance) == KP_OK) {
		instance->record.pid = instance->proc.pid;
		instance->record.start_time = instance->proc.start_time;
		write_record(instance);
		struct supervise_event event = {
		        .kind = SUPERVISE_ADOPTED,
		        .pid = instance->proc.pid,
		        .is_active = instance->record.is_active,
		        .running = &instance->record.running,
		};
		instance_step(instance, &event, now_ns);
		return;
	}
	kp_proc_close(&instance->proc);
	if (!instance->record.token[0])
		return;
	instance->supervise.has_failed = true;
	instance->owner->ops->tell(instance->owner->arg, instance, "instance.ended", 1,
	                           "ended while the agent was away; how is unknown");
	if (strcmp(instance->record.boot, instance->owner->boot) != 0)
		instance->record.token[0] = '\0';
	reap_family(instance);
	write_record(instance);
}

// hash_of_spec hashes all that takes effect only by a new start.
static kp_err hash_of_spec(const struct kipp_Server *server, uint64_t *ret)
{
	struct kp_buf bytes = {0};
	struct kipp_Server spec = *server;
	spec.package = (struct kp_str){0};
	spec.version = (struct kp_str){0};
	spec.instances = 0;
	spec.isRunning = false;
	spec.restartCount = 0;
	kipp_Server_encode_fields(&bytes, &spec);
	*ret = kp_hash(bytes.data, bytes.len, 0);
	kp_err err = bytes.err;
	kp_buf_fini(&bytes);
	return err;
}

// copy_wish keeps a copy by way of its bytes: they hold all of it.
static kp_err copy_wish(struct instance *instance, const struct kipp_Instance *wish)
{
	struct kp_buf bytes = {0};
	struct kp_arena *arena = kp_arena_new(0);
	kipp_Instance_encode_fields(&bytes, wish);
	kp_err err = arena ? bytes.err : KP_ERR_NOMEM;
	uint8_t *copy = err == KP_OK ? kp_arena_alloc(arena, bytes.len) : NULL;
	struct kipp_Instance decoded;
	if (copy) {
		memcpy(copy, bytes.data, bytes.len);
		struct kp_decoder in = kp_decoder((struct kp_bytes){copy, bytes.len}, arena);
		kipp_Instance_init(&decoded);
		kipp_Instance_decode_fields(&in, &decoded);
		err = in.err;
	} else if (err == KP_OK) {
		err = KP_ERR_NOMEM;
	}
	kp_buf_fini(&bytes);
	if (err != KP_OK) {
		kp_arena_free(arena);
		return err;
	}
	kp_arena_free(instance->arena);
	instance->arena = arena;
	instance->wish = decoded;
	return KP_OK;
}

static int64_t setting_ms(const struct kipp_Server *server, const char *key, int64_t fallback)
{
	for (size_t i = 0; i < server->settings.len; i++) {
		int64_t value;
		if (kp_str_equal(server->settings.ptr[i].key, kp_str(key)) &&
		    kp_str_i64(server->settings.ptr[i].value, 0, INT32_MAX, &value) == KP_OK)
			return value;
	}
	return fallback;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void set_limits(struct instance *instance)
{
	const struct kipp_Server *server = &instance->wish.server;
	struct supervise *supervise = &instance->supervise;
	supervise_limits_for(server->type, &supervise->limits);
	int64_t grace_ms = clamp(setting_ms(server, "deactivating-timeout", 3000), 2000, 60000);
	supervise->limits.ask_grace_ns = grace_ms * KP_NS_PER_MS;
	supervise->limits.term_grace_ns = grace_ms * KP_NS_PER_MS;
	supervise->limits.start_limit_ns =
	        clamp(setting_ms(server, "activating-timeout", 60000), 2000, 3600000) *
	        KP_NS_PER_MS;
	// Scripts and PHP servers have no admin port that we know of.
	supervise->can_ask = supervise->limits.beat_limit_ns > 0;
}

kp_err instance_wish(struct instance *instance, const struct kipp_Instance *wish, int64_t now_ns)
{
	struct supervise_wish wished = {
	        .must_run = wish->isRunning && wish->server.isRunning,
	        .restart_count = wish->restartCount + wish->server.restartCount,
	};
	snprintf(wished.package, sizeof(wished.package), "%.*s", KP_STR_ARG(wish->server.package));
	KP_TRY(hash_of_spec(&wish->server, &wished.spec));
	KP_TRY(copy_wish(instance, wish));
	kp_free(instance->log_path);
	instance->log_path = kp_file_path("%s/log/%.*s.%.*s.log", instance->dir,
	                                  KP_STR_ARG(instance->wish.server.application),
	                                  KP_STR_ARG(instance->wish.server.name));
	if (!instance->log_path)
		return KP_ERR_NOMEM;
	set_limits(instance);
	instance_step(instance,
	              &(struct supervise_event){.kind = SUPERVISE_WISHED, .wish = &wished}, now_ns);
	return KP_OK;
}

void instance_unwish(struct instance *instance, int64_t now_ns)
{
	struct supervise_wish wished = instance->supervise.wish;
	wished.is_removed = true;
	instance_step(instance,
	              &(struct supervise_event){.kind = SUPERVISE_WISHED, .wish = &wished}, now_ns);
}

// forget removes what is kept but for the server's own data and its logs.
static void forget(struct instance *instance)
{
	static const char *const names[] = {"state", "bin", "conf", "lock"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", instance->dir, names[i]);
		if (path)
			kp_file_remove_tree(path, NULL);
	}
	instance->is_over = true;
	instance->owner->ops->forget(instance->owner->arg, instance);
}

static void tell_evidence(struct instance *instance, const char *text)
{
	struct kp_buf words = {0};
	kp_buf_printf(&words, "%s; ", text);
	kp_proc_evidence(instance->proc.pid, &words);
	kp_buf_append_byte(&words, '\0');
	if (words.err == KP_OK)
		instance->owner->ops->tell(instance->owner->arg, instance, "instance.evidence", 2,
		                           (const char *)words.data);
	kp_buf_fini(&words);
}

static void tell_state(struct instance *instance, const struct supervise_action *action)
{
	char kind[48];
	bool is_active = action->state == SUPERVISE_ACTIVE;
	snprintf(kind, sizeof(kind), "instance.%s", supervise_state_name(action->state));
	instance->owner->ops->tell(instance->owner->arg, instance, kind, action->level,
	                           action->text);
	if (is_active && !instance->record.is_active) {
		instance->record.is_active = true;
		write_record(instance);
	}
}

// start answers with the event of how it went.
static void start(struct instance *instance, struct kp_why *why, struct supervise_event *ret)
{
	kp_err err = instance_start(instance, why);
	if (err == KP_OK)
		err = watch_process(instance);
	if (err != KP_OK) {
		if (instance->proc.pid)
			kp_proc_signal(&instance->proc, SIGKILL);
		kp_proc_close(&instance->proc);
		reap_family(instance);
		write_record(instance);
		*ret = (struct supervise_event){.kind = SUPERVISE_SPAWN_FAILED, .text = why->text};
		return;
	}
	*ret = (struct supervise_event){.kind = SUPERVISE_SPAWNED, .pid = instance->proc.pid};
}

// perform does one action; true: *ret is an event that follows at once.
static bool perform(struct instance *instance, const struct supervise_action *action,
                    struct kp_why *why, struct supervise_event *ret)
{
	const struct instance_owner *owner = instance->owner;
	switch (action->kind) {
	case SUPERVISE_FETCH:
		if (!owner->ops->fetch(owner->arg, instance))
			return false;
		*ret = (struct supervise_event){.kind = SUPERVISE_FETCHED,
		                                .package = instance->supervise.wish.package};
		return true;
	case SUPERVISE_SPAWN:
		start(instance, why, ret);
		return true;
	case SUPERVISE_ASK:
		owner->ops->ask(owner->arg, instance);
		return false;
	case SUPERVISE_TERM:
		kp_proc_signal(&instance->proc, SIGTERM);
		return false;
	case SUPERVISE_EVIDENCE:
		tell_evidence(instance, action->text);
		return false;
	case SUPERVISE_KILL:
		kp_proc_signal(&instance->proc, SIGKILL);
		return false;
	case SUPERVISE_TELL:
		tell_state(instance, action);
		return false;
	case SUPERVISE_FORGET:
		forget(instance);
		return false;
	}
	return false;
}

void instance_step(struct instance *instance, const struct supervise_event *event, int64_t now_ns)
{
	struct supervise_event next = *event;
	struct supervise_actions *actions = &instance->actions;
	struct kp_why why;
	bool has_next = true;
	while (has_next) {
		has_next = false;
		supervise_step(&instance->supervise, &next, now_ns, actions);
		for (size_t i = 0; i < actions->count; i++)
			has_next |= perform(instance, &actions->items[i], &why, &next);
	}
}

int instance_adapter_index(const struct instance *instance, struct kp_str name)
{
	const struct kipp_Adapter_list *adapters = &instance->wish.server.adapters;
	if (kp_str_equal(name, kp_str("AdminAdapter")))
		return 0;
	for (size_t i = 0; i < adapters->len && i + 1 < SUPERVISE_ADAPTERS_MAX; i++)
		if (kp_str_equal(name, adapters->ptr[i].name) ||
		    (kp_str_ends_with(name, adapters->ptr[i].name) &&
		     name.ptr[name.len - adapters->ptr[i].name.len - 1] == '.'))
			return (int)i + 1;
	return SUPERVISE_ADAPTERS_MAX;
}

bool instance_suspend(struct instance *instance, int adapter, struct kp_str reason, int64_t now_ns)
{
	if (adapter < 0 || adapter >= SUPERVISE_ADAPTERS_MAX)
		return false;
	struct instance_suspension *suspension = &instance->suspensions[adapter];
	bool was_on = suspension->is_on;
	suspension->is_on = reason.len > 0;
	if (suspension->is_on && !was_on)
		suspension->since_ns = now_ns;
	snprintf(suspension->reason, sizeof(suspension->reason), "%.*s", KP_STR_ARG(reason));
	return was_on != suspension->is_on;
}

bool instance_may_tell(struct instance *instance, int64_t now_ns)
{
	if (instance->told_ns == 0 || now_ns - instance->told_ns >= tell_span_ns) {
		instance->told_ns = now_ns;
		instance->told = 0;
	}
	return instance->told++ < TELLS_MAX;
}

static bool is_wildcard(struct kp_str endpoint)
{
	struct kp_str word;
	bool is_host = false;
	while (kp_str_split_next(&endpoint, ' ', &word)) {
		if (is_host && word.len > 0)
			return kp_str_equal(word, kp_str("*")) ||
			       kp_str_equal(word, kp_str("0.0.0.0"));
		is_host |= kp_str_equal(word, kp_str("-h"));
	}
	return false;
}

// real_endpoint is where callers reach an adapter: with its port, and never at "every interface".
static struct kp_str real_endpoint(const struct instance *instance, struct kp_arena *arena,
                                   const struct kipp_Adapter *adapter)
{
	struct kp_buf text = {0};
	int port = config_endpoint_port(adapter->endpoint);
	if (port <= 0)
		port = record_port(&instance->record, adapter->name);
	struct kp_str host = {0};
	if (is_wildcard(adapter->endpoint))
		host = kp_str(instance->owner->host);
	config_endpoint_print(adapter->endpoint, host, port, &text);
	struct kp_str copy = kp_arena_str(arena, kp_buf_str(&text));
	kp_buf_fini(&text);
	return copy;
}

void instance_status(const struct instance *instance, struct kp_arena *arena,
                     struct kipp_Status *ret)
{
	const struct kipp_Adapter_list *wished = &instance->wish.server.adapters;
	bool is_alive = supervise_is_alive(&instance->supervise);
	kipp_Status_init(ret);
	ret->id = kp_str(instance->id);
	ret->state = (enum kipp_State)instance->supervise.state;
	ret->pid = instance->supervise.pid;
	ret->package = kp_str(is_alive ? instance->record.running.package : "");
	ret->version = kp_str(is_alive ? instance->record.version : "");
	ret->startedMs = is_alive ? instance->record.started_ms : 0;
	ret->restarts = (int32_t)instance->supervise.restarts;
	ret->reason = kp_arena_str(arena, kp_str(instance->supervise.reason));
	ret->sdkVersion = kp_arena_str(arena, kp_str(instance->sdk_version));
	ret->package = kp_arena_str(arena, ret->package);
	ret->version = kp_arena_str(arena, ret->version);
	ret->id = kp_arena_str(arena, ret->id);
	ret->adapters.ptr = kp_arena_alloc_zero(arena, wished->len, sizeof(*wished->ptr));
	if (!ret->adapters.ptr)
		return;
	ret->adapters.len = wished->len;
	for (size_t i = 0; i < wished->len; i++) {
		struct kipp_Adapter *adapter = &ret->adapters.ptr[i];
		*adapter = wished->ptr[i];
		adapter->name = kp_arena_str(arena, adapter->name);
		adapter->servant = kp_arena_str(arena, adapter->servant);
		adapter->protocol = kp_arena_str(arena, adapter->protocol);
		adapter->settings = (struct kp_str_str_map){0};
		if (i + 1 < SUPERVISE_ADAPTERS_MAX && instance->suspensions[i + 1].is_on)
			adapter->suspended =
			        kp_arena_str(arena, kp_str(instance->suspensions[i + 1].reason));
		adapter->endpoint = real_endpoint(instance, arena, adapter);
	}
}
