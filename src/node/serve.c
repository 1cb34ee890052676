// serve.c - what the agent offers: heartbeats for servers, logs for people.
#include "base/mem.h"
#include "base/try.h"
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

static const struct tars_ServerF_ops server_ops = {
        .keepAlive = keep_alive,
        .keepActiving = keep_activing,
        .reportVersion = report_version,
        .getLatestKeepAliveTime = latest_keep_alive_time,
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

static int32_t ping(struct kp_call *call, struct kp_str *version)
{
	*version = kp_str(KP_VERSION_TEXT);
	return kipp_Outcome_Done;
}

static const struct kipp_Agent_ops agent_ops = {
        .readLog = read_log,
        .ping = ping,
};

kp_err agent_serve(struct agent *agent)
{
	KP_TRY(kp_server_serve(agent->server, agent->adapter, "tars.tarsnode.ServerObj",
	                       &tars_ServerF_interface, &server_ops, agent));
	return kp_server_serve(agent->server, agent->adapter, "kipp.node.AgentObj",
	                       &kipp_Agent_interface, &agent_ops, agent);
}
