// serve.c - what the agent offers: heartbeats for servers, logs for people.
#include "base/mem.h"
#include "base/try.h"
#include "interfaces/admin.h"
#include "interfaces/node.h"
#include "kipp/version.h"
#include "node/agent_internal.h"
#include "node/output.h"
#include "os/clock.h"

#include <stdio.h>

enum {
	POLL_MS = 50,
	WAIT_MAX_MS = 60000,
	UNKNOWN = -1,
};

// --- heartbeats

static bool is_of(const struct instance *instance, struct kp_str application, struct kp_str server)
{
	return kp_str_equal(instance->wish.server.application, application) &&
	       kp_str_equal(instance->wish.server.name, server);
}

static bool is_at(const struct instance *instance, int pid)
{
	return supervise_is_alive(&instance->supervise) && instance->supervise.pid == pid;
}

// find_sender finds which instance a heartbeat is from: by its pid, by an ancestor's pid (a server
// started by a script), or because there is only one.
static struct instance *find_sender(struct agent *agent, const struct tars_ServerInfo *info)
{
	struct instance *only = NULL;
	size_t count = 0;
	for (size_t i = 0; i < agent->instances.len; i++) {
		struct instance *instance = agent->instances.ptr[i];
		// Adopted, and nobody has said yet what it is.
		if (!instance->supervise.is_wished && is_at(instance, info->pid))
			return instance;
		if (!is_of(instance, info->application, info->serverName))
			continue;
		if (is_at(instance, info->pid))
			return instance;
		only = instance;
		count++;
	}
	for (size_t i = 0; i < agent->instances.len; i++) {
		struct instance *instance = agent->instances.ptr[i];
		if (is_of(instance, info->application, info->serverName) &&
		    supervise_is_alive(&instance->supervise) &&
		    kp_proc_is_below(info->pid, instance->supervise.pid))
			return instance;
	}
	return count == 1 ? only : NULL;
}

static int32_t keep_alive(struct kp_call *call, const struct tars_ServerInfo *info)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = find_sender(agent, info);
	if (!instance)
		return UNKNOWN;
	struct supervise_event event = {.kind = SUPERVISE_BEAT, .adapter = -1};
	if (info->adapter.len > 0)
		event.adapter = instance_adapter_index(instance, info->adapter);
	instance_step(instance, &event, kp_clock_ns());
	return 0;
}

static int32_t keep_activing(struct kp_call *call, const struct tars_ServerInfo *info)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = find_sender(agent, info);
	if (!instance)
		return UNKNOWN;
	instance_step(instance, &(struct supervise_event){.kind = SUPERVISE_STARTING_BEAT},
	              kp_clock_ns());
	return 0;
}

static int32_t report_version(struct kp_call *call, struct kp_str application, struct kp_str server,
                              struct kp_str version)
{
	struct agent *agent = kp_call_user(call);
	int32_t ret = UNKNOWN;
	for (size_t i = 0; i < agent->instances.len; i++) {
		struct instance *instance = agent->instances.ptr[i];
		if (!is_of(instance, application, server))
			continue;
		snprintf(instance->sdk_version, sizeof(instance->sdk_version), "%.*s",
		         KP_STR_ARG(version));
		ret = 0;
	}
	return ret;
}

static uint32_t latest_keep_alive_time(struct kp_call *call)
{
	struct agent *agent = kp_call_user(call);
	int64_t latest_ns = 0;
	for (size_t i = 0; i < agent->instances.len; i++)
		if (agent->instances.ptr[i]->supervise.beat_ns > latest_ns)
			latest_ns = agent->instances.ptr[i]->supervise.beat_ns;
	if (latest_ns == 0)
		return 0;
	int64_t ago_ms = (kp_clock_ns() - latest_ns) / KP_NS_PER_MS;
	return (uint32_t)((kp_clock_wall_ms() - ago_ms) / 1000);
}

// shown cuts a text from a server to what an event may hold, and leaves no control characters.
static void shown(struct kp_str text, char *ret, size_t size)
{
	snprintf(ret, size, "%.*s", KP_STR_ARG(text));
	for (char *at = ret; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = ' ';
}

static int32_t report_adapter(struct kp_call *call, const struct tars_ServerInfo *info,
                              struct kp_str reason)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = find_sender(agent, info);
	char name[128], why[INSTANCE_REASON_SIZE], text[512];
	if (!instance)
		return UNKNOWN;
	int adapter = instance_adapter_index(instance, info->adapter);
	shown(reason, why, sizeof(why));
	shown(info->adapter, name, sizeof(name));
	if (!instance_suspend(instance, adapter, kp_str(why), kp_clock_ns()))
		return adapter < SUPERVISE_ADAPTERS_MAX ? 0 : UNKNOWN;
	int64_t since_ns = instance->suspensions[adapter].since_ns;
	if (why[0])
		snprintf(text, sizeof(text), "%s suspended: %s", name, why);
	else
		snprintf(text, sizeof(text), "%s resumed after %lld s", name,
		         (long long)((kp_clock_ns() - since_ns) / KP_NS_PER_S));
	agent_note(agent, why[0] ? "adapter.suspended" : "adapter.resumed", kp_str(instance->id),
	           why[0] ? 1 : 0, text);
	return 0;
}

static int32_t report_event(struct kp_call *call, const struct tars_ServerInfo *info,
                            struct kp_str kind, int32_t level, struct kp_str text)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = find_sender(agent, info);
	char name[64], word[48], sentence[512];
	if (!instance)
		return UNKNOWN;
	if (!instance_may_tell(instance, kp_clock_ns()))
		return 0;
	shown(kind, word, sizeof(word));
	shown(text, sentence, sizeof(sentence));
	snprintf(name, sizeof(name), "server.%s", word);
	agent_note(agent, name, kp_str(instance->id), level < 0 || level > 2 ? 2 : level, sentence);
	return 0;
}

static const struct tars_ServerF_ops server_ops = {
        .keepAlive = keep_alive,
        .keepActiving = keep_activing,
        .reportVersion = report_version,
        .getLatestKeepAliveTime = latest_keep_alive_time,
        .reportAdapter = report_adapter,
        .reportEvent = report_event,
};

// --- logs

// read_some waits for the log to have more than `offset`. The instance may go meanwhile.
static kp_err read_some(struct kp_call *call, const char *path, int64_t offset, int32_t wait_ms,
                        struct kp_buf *out, int64_t *ret_next, struct kp_why *why)
{
	if (wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	int64_t until_ns = kp_clock_ns() + wait_ms * (int64_t)KP_NS_PER_MS;
	for (;;) {
		KP_TRY(output_read(path, offset, out, ret_next, why));
		if (out->len > 0 || kp_clock_ns() >= until_ns)
			return KP_OK;
		offset = *ret_next;
		if (kp_call_sleep(call, POLL_MS) != KP_OK)
			return KP_OK;
	}
}

static int32_t read_log(struct kp_call *call, struct kp_str id, int64_t offset, int32_t wait_ms,
                        struct kp_bytes *part, int64_t *next_offset, struct kp_str *why)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = agent_find(agent, id);
	*part = (struct kp_bytes){0};
	*next_offset = 0;
	*why = (struct kp_str){0};
	if (!instance || !instance->log_path) {
		*why = kp_call_format(call, "no instance %.*s runs on node %s", KP_STR_ARG(id),
		                      agent->name);
		return kipp_Outcome_NotFound;
	}
	struct kp_buf out = {0};
	struct kp_why reason = {0};
	struct kp_str path = kp_call_str(call, kp_str(instance->log_path));
	kp_err err =
	        path.ptr ? read_some(call, path.ptr, offset, wait_ms, &out, next_offset, &reason)
	                 : KP_ERR_NOMEM;
	struct kp_str copy = kp_call_str(call, kp_buf_str(&out));
	*part = (struct kp_bytes){(const uint8_t *)copy.ptr, copy.len};
	if (err == KP_OK && out.len > 0 && !copy.ptr)
		err = KP_ERR_NOMEM;
	kp_buf_fini(&out);
	if (err == KP_OK)
		return kipp_Outcome_Done;
	*why = kp_call_format(call, "%s", reason.text[0] ? reason.text : kp_err_text(err));
	return kipp_Outcome_Failed;
}

// --- admin commands

// give asks the instance's admin servant. The instance may go meanwhile.
static kp_err give(struct kp_call *call, struct agent *agent, int port, struct kp_str command,
                   int32_t wait_ms, struct kp_str *answer)
{
	struct kp_str object = kp_call_format(call, "AdminObj@tcp -h 127.0.0.1 -p %d", port);
	struct tars_AdminF *admin =
	        object.ptr ? tars_AdminF_proxy(agent->client, object.ptr) : NULL;
	if (!admin)
		return KP_ERR_NOMEM;
	kp_call_set_timeout(call, wait_ms);
	return tars_AdminF_notify(admin, call, command, answer);
}

static int32_t admin(struct kp_call *call, struct kp_str id, struct kp_str command, int32_t wait_ms,
                     struct kp_str *answer, struct kp_str *why)
{
	struct agent *agent = kp_call_user(call);
	struct instance *instance = agent_find(agent, id);
	*answer = *why = (struct kp_str){0};
	if (wait_ms <= 0 || wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	if (!instance) {
		*why = kp_call_format(call, "no instance %.*s runs on node %s", KP_STR_ARG(id),
		                      agent->name);
		return kipp_Outcome_NotFound;
	}
	if (!supervise_is_alive(&instance->supervise)) {
		*why = kp_call_format(call, "%.*s is %s and takes no commands", KP_STR_ARG(id),
		                      supervise_state_name(instance->supervise.state));
		return kipp_Outcome_Unavailable;
	}
	if (!instance->supervise.can_ask || !instance->record.admin_port) {
		*why = kp_call_format(call, "%.*s has no port for admin commands", KP_STR_ARG(id));
		return kipp_Outcome_Invalid;
	}
	kp_err err = give(call, agent, instance->record.admin_port, command, wait_ms, answer);
	if (err == KP_OK)
		return kipp_Outcome_Done;
	if (err == KP_ERR_TIMEOUT)
		*why = kp_call_format(call, "%.*s does not answer within %d ms", KP_STR_ARG(id),
		                      wait_ms);
	else
		*why = kp_call_format(call, "%.*s cannot be asked: %s", KP_STR_ARG(id),
		                      kp_err_text(err));
	return kipp_Outcome_Unavailable;
}

static int32_t ping(struct kp_call *call, struct kp_str *version)
{
	*version = kp_str(KP_VERSION_TEXT);
	return kipp_Outcome_Done;
}

static const struct kipp_Agent_ops agent_ops = {
        .readLog = read_log,
        .ping = ping,
        .admin = admin,
};

kp_err agent_serve(struct agent *agent)
{
	KP_TRY(kp_server_serve(agent->server, agent->adapter, "tars.tarsnode.ServerObj",
	                       &tars_ServerF_interface, &server_ops, agent));
	return kp_server_serve(agent->server, agent->adapter, "kipp.node.AgentObj",
	                       &kipp_Agent_interface, &agent_ops, agent);
}
