// steer.c - `kipp start`, `stop`, `restart` and `remove`.
#include "cli/instances.h"
#include "cli/verbs.h"

#include "base/text.h"

enum {
	WAIT_S = 60
};

typedef kp_err (*steer_call)(struct kipp_Admin *admin, struct kp_call *call, struct kp_str target,
                             struct kp_str_list *ret_instances, struct kp_str *ret_why,
                             int32_t *ret);

// One of the three verbs.
struct steer {
	steer_call call;
	const char *doing; // "stopping"
	enum instances_goal goal;
};

static int steer_and_wait(struct remote *remote, const struct args *args, const struct steer *steer)
{
	struct cli *cli = remote->cli;
	struct instances_wait wait = {
	        .target = args->operands[0],
	        .goal = steer->goal,
	        .timeout_s = args_number(args, FLAG_TIMEOUT, WAIT_S),
	};
	struct kipp_InstanceView_list before;
	int code = remote_list(remote, wait.target, &before);
	if (code != CLI_OK)
		return code;
	wait.before = instances_now(cli, &before);

	struct kp_str_list names = {0};
	struct kp_str why = {0};
	int32_t outcome = 0;
	kp_err err = steer->call(remote->admin, remote_scope(remote, 0), kp_str(wait.target),
	                         &names, &why, &outcome);
	code = remote_result(remote, err, outcome, why);
	if (code != CLI_OK)
		return code;
	for (size_t i = 0; i < names.len; i++)
		cli_say(cli, "%s %.*s", steer->doing, KP_STR_ARG(names.ptr[i]));
	return args_has(args, FLAG_WAIT) ? instances_wait(remote, &wait) : CLI_OK;
}

static int run_steer(struct cli *cli, const struct args *args, const struct steer *steer)
{
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	code = steer_and_wait(&remote, args, steer);
	remote_close(&remote);
	return code;
}

int verb_start(struct cli *cli, const struct args *args)
{
	return run_steer(cli, args, &(struct steer){kipp_Admin_start, "starting", GOAL_RUNNING});
}

int verb_stop(struct cli *cli, const struct args *args)
{
	return run_steer(cli, args, &(struct steer){kipp_Admin_stop, "stopping", GOAL_STOPPED});
}

int verb_restart(struct cli *cli, const struct args *args)
{
	return run_steer(cli, args,
	                 &(struct steer){kipp_Admin_restart, "restarting", GOAL_RESTARTED});
}

int verb_remove(struct cli *cli, const struct args *args)
{
	struct kp_str server = kp_str(args->operands[0]), application = {0};
	kp_str_split_next(&server, '.', &application);
	if (server.len == 0 || application.len == 0 || kp_str_find(server, '.') < server.len)
		return cli_fail(
		        cli, CLI_USAGE,
		        "'%s' is not a server's name; it has two parts, as Demo.HelloServer",
		        args->operands[0]);
	if (!cli_confirm(cli, "Take %s off the platform?", args->operands[0]))
		return cli_fail(cli, CLI_FAILED, "nothing was done");
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	struct kp_str why = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_remove(remote.admin, remote_scope(&remote, 0), application, server,
	                               &why, &outcome);
	code = remote_result(&remote, err, outcome, why);
	if (code == CLI_OK)
		cli_say(cli, "removed %s", args->operands[0]);
	remote_close(&remote);
	return code;
}
