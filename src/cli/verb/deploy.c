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

int verb_deploy(struct cli *cli, const struct args *args)
{
	struct remote remote;
	struct deployment deployment;
	const char *path = args->operand_count > 0 ? args->operands[0] : ".";
	int code = deployment_load(cli, args, path, &deployment);
	if (code != CLI_OK)
		return code;
	code = remote_open(cli, args, &remote);
	if (code == CLI_OK) {
		code = send_and_wait(&remote, args, &deployment);
		remote_close(&remote);
	}
	deployment_fini(&deployment);
	return code;
}
