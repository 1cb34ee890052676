// remote.c - asks the controller, and says so when it does not answer.
#include "cli/remote.h"

#include "cli/settings.h"

enum {
	ANSWER_MS = 5000 // beyond what was asked to wait
};

int remote_open_at(struct cli *cli, const char *endpoint, struct remote *ret)
{
	struct remote remote = {.cli = cli, .endpoint = endpoint};
	struct kp_client_options options = {.locator = endpoint, .caller = "kipp.command"};
	struct kp_why why = {0};
	kp_err err = kp_client_open(&options, &remote.client, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err), "'%s' is no endpoint: %s", endpoint,
		                *why.text ? why.text : kp_err_text(err));
	const char *object = cli_text(cli, "kipp.controller.AdminObj@%s", endpoint);
	remote.admin = kipp_Admin_proxy(remote.client, object);
	if (!remote.admin || kp_call_open(remote.client, &remote.call) != KP_OK) {
		remote_close(&remote);
		return cli_fail_nomem(cli);
	}
	*ret = remote;
	return CLI_OK;
}

int remote_open(struct cli *cli, const struct args *args, struct remote *ret)
{
	const char *endpoint = settings_controller(cli, args);
	return endpoint ? remote_open_at(cli, endpoint, ret) : CLI_USAGE;
}

void remote_close(struct remote *remote)
{
	kp_call_close(remote->call);
	if (remote->client)
		kp_client_close(remote->client);
	*remote = (struct remote){0};
}

struct kp_call *remote_scope(struct remote *remote, int timeout_ms)
{
	kp_call_reset(remote->call);
	kp_call_set_timeout(remote->call, timeout_ms);
	return remote->call;
}

int remote_fail(struct remote *remote, kp_err err)
{
	const char *shown = settings_shown(remote->cli, remote->endpoint);
	struct kp_str reason = kp_call_reason(remote->call);
	switch (err) {
	case KP_ERR_CONNECT:
	case KP_ERR_CLOSED:
	case KP_ERR_NOENDPOINT:
		return cli_fail(remote->cli, CLI_UNREACHABLE,
		                "no controller answers at %s; start one with 'kipp up', or name "
		                "another with --controller",
		                shown);
	case KP_ERR_TIMEOUT:
		return cli_fail(remote->cli, CLI_UNREACHABLE,
		                "the controller at %s does not answer in time; look at its log, or "
		                "name another with --controller",
		                shown);
	case KP_ERR_NOSERVANT:
	case KP_ERR_NOFUNC:
		return cli_fail(remote->cli, CLI_FAILED,
		                "what answers at %s is no controller of this version; name another "
		                "with --controller",
		                shown);
	default:
		return cli_fail(remote->cli, cli_exit_of(err), "the controller at %s failed: %.*s",
		                shown,
		                KP_STR_ARG(reason.len > 0 ? reason : kp_str(kp_err_text(err))));
	}
}

static enum cli_exit exit_of(int32_t outcome)
{
	switch (outcome) {
	case kipp_Outcome_Done:
		return CLI_OK;
	case kipp_Outcome_Invalid:
		return CLI_USAGE;
	case kipp_Outcome_NotFound:
		return CLI_NOTFOUND;
	case kipp_Outcome_Denied:
		return CLI_DENIED;
	case kipp_Outcome_Conflict:
		return CLI_CONFLICT;
	case kipp_Outcome_Unavailable:
		return CLI_UNREACHABLE;
	default:
		return CLI_FAILED;
	}
}

int remote_result(struct remote *remote, kp_err err, int32_t outcome, struct kp_str why)
{
	if (err != KP_OK)
		return remote_fail(remote, err);
	if (outcome == kipp_Outcome_Done)
		return CLI_OK;
	if (why.len == 0)
		why = kp_str("the controller refused and did not say why; look at its log");
	return cli_fail(remote->cli, exit_of(outcome), "%.*s", KP_STR_ARG(why));
}

int remote_list(struct remote *remote, const char *target, struct kipp_InstanceView_list *ret)
{
	struct kipp_InstanceView_list instances = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_listInstances(remote->admin, remote_scope(remote, 0),
	                                      kp_str(target), &instances, &outcome);
	if (err != KP_OK)
		return remote_fail(remote, err);
	if (*target && (outcome == kipp_Outcome_NotFound || instances.len == 0))
		return cli_fail(remote->cli, CLI_NOTFOUND,
		                "nothing here is called '%s'; 'kipp ps' lists what there is",
		                target);
	int code = remote_result(remote, KP_OK, outcome, (struct kp_str){0});
	if (code == CLI_OK)
		*ret = instances;
	return code;
}

int remote_events(struct remote *remote, int64_t *after, int wait_ms, struct kipp_Event_list *ret)
{
	struct kipp_Event_list events = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_listEvents(remote->admin, remote_scope(remote, wait_ms + ANSWER_MS),
	                                   *after, wait_ms, &events, &outcome);
	int code = remote_result(remote, err, outcome, (struct kp_str){0});
	if (code != CLI_OK)
		return code;
	if (events.len > 0)
		*after = events.ptr[events.len - 1].number;
	*ret = events;
	return CLI_OK;
}

const char *remote_state_name(enum kipp_State state)
{
	const char *name = kipp_State_name(state);
	return name ? name : "Unknown";
}
