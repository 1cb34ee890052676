// deploy.c - `kipp deploy`.
#include "cli/instances.h"
#include "cli/package/deployment.h"
#include "cli/verbs.h"

enum {
	WAIT_S = 60
};

static int print_result(struct remote *remote, const char *target, const struct args *args)
{
	struct kipp_InstanceView_list list;
	int code = remote_list(remote, target, &list);
	if (code != CLI_OK)
		return code;
	struct table table;
	instances_table(remote->cli, &list, &table);
	return table_print(remote->cli, &table, table_format_of(args));
}

static int send_and_wait(struct remote *remote, const struct args *args,
                         struct deployment *deployment)
{
	int code = deployment_send(remote, deployment);
	if (code == CLI_OK && !args_has(args, FLAG_NO_WAIT)) {
		struct instances_wait wait = {
		        .target = deployment->name,
		        .goal = GOAL_RUNNING,
		        .timeout_s = args_number(args, FLAG_TIMEOUT, WAIT_S),
		};
		code = instances_wait(remote, &wait);
	}
	return code == CLI_OK ? print_result(remote, deployment->name, args) : code;
}

static int print_plan(struct cli *cli, const struct deployment *deployment)
{
	const struct kipp_Server *server = &deployment->server;
	const char *plan = cli_text(
	        cli, "%s: version %.*s, %d instances, a package of %zu bytes with sha256 %.*s\n",
	        deployment->name, KP_STR_ARG(server->version), server->instances,
	        deployment->package.len, KP_STR_ARG(server->package));
	return cli_print(cli, kp_str(plan)) ? CLI_OK : CLI_FAILED;
}

int verb_deploy(struct cli *cli, const struct args *args)
{
	struct remote remote;
	struct deployment deployment;
	const char *path = args->operand_count > 0 ? args->operands[0] : ".";
	int code = deployment_load(cli, args, path, &deployment);
	if (code != CLI_OK)
		return code;
	bool is_dry = args_has(args, FLAG_DRY_RUN);
	code = is_dry ? print_plan(cli, &deployment) : remote_open(cli, args, &remote);
	if (code == CLI_OK && !is_dry) {
		code = send_and_wait(&remote, args, &deployment);
		remote_close(&remote);
	}
	deployment_fini(&deployment);
	return code;
}
