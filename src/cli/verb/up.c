// up.c - `kipp up`: the whole platform in this process.
#include "cli/daemons.h"
#include "cli/instances.h"
#include "cli/package/deployment.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "os/file.h"

enum {
	WAIT_S = 60,
	DEPLOYMENTS_MAX = 1000,
};

// What --deploy named.
struct cargo {
	struct deployment *all;
	size_t count;
};

static void cargo_fini(struct cargo *cargo)
{
	for (size_t i = 0; i < cargo->count; i++)
		deployment_fini(&cargo->all[i]);
	cargo->count = 0;
}

static int load_one(struct cli *cli, const struct args *args, const char *path, struct cargo *cargo)
{
	if (cargo->count == DEPLOYMENTS_MAX)
		return cli_fail(cli, CLI_USAGE, "--deploy names more than %d services",
		                DEPLOYMENTS_MAX);
	int code = deployment_load(cli, args, path, &cargo->all[cargo->count]);
	if (code == CLI_OK)
		cargo->count++;
	return code;
}

static bool has_manifest(struct cli *cli, const char *dir)
{
	return kp_file_exists(cli_text(cli, "%s/kipp.conf", dir));
}

// load_below takes every folder of `dir` that has a manifest.
static int load_below(struct cli *cli, const struct args *args, const char *dir,
                      struct cargo *cargo)
{
	struct kp_file_list entries = {0};
	struct kp_why why;
	kp_err err = kp_file_list_dir(dir, &entries, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err), "%s", why.text);
	size_t before = cargo->count;
	int code = CLI_OK;
	for (size_t i = 0; i < entries.count && code == CLI_OK; i++) {
		const char *path = cli_text(cli, "%s/%s", dir, entries.names[i]);
		if (has_manifest(cli, path))
			code = load_one(cli, args, path, cargo);
	}
	kp_file_list_fini(&entries);
	if (code == CLI_OK && cargo->count == before)
		return cli_fail(cli, CLI_NOTFOUND,
		                "there is no kipp.conf in '%s', nor in the folders in it", dir);
	return code;
}

static int load_cargo(struct cli *cli, const struct args *args, struct cargo *cargo)
{
	cargo->all = cli_alloc(cli, DEPLOYMENTS_MAX, sizeof(*cargo->all));
	const char *path;
	for (int index = 0; (path = args_next(args, FLAG_DEPLOY, &index));) {
		struct kp_file_info info;
		bool is_dir =
		        kp_file_stat(path, true, &info) == KP_OK && info.kind == KP_FILE_DIRECTORY;
		int code = is_dir && !has_manifest(cli, path) ? load_below(cli, args, path, cargo)
		                                              : load_one(cli, args, path, cargo);
		if (code != CLI_OK)
			return code;
	}
	return CLI_OK;
}

// is_deployed tells whether the platform has this very build, so that what was changed since, as by
// 'kipp stop', stays.
static int is_deployed(struct remote *remote, const struct deployment *deployment, bool *ret)
{
	struct kipp_InstanceView_list all;
	int code = remote_list(remote, "", &all);
	if (code != CLI_OK)
		return code;
	*ret = false;
	for (size_t i = 0; i < all.len; i++) {
		const struct kipp_Server *server = &all.ptr[i].instance.server;
		*ret |= kp_str_equal(server->application, deployment->server.application) &&
		        kp_str_equal(server->name, deployment->server.name) &&
		        kp_str_equal(server->package, deployment->server.package);
	}
	return CLI_OK;
}

static int send_cargo(struct remote *remote, struct cargo *cargo)
{
	int code = CLI_OK;
	for (size_t i = 0; i < cargo->count && code == CLI_OK; i++) {
		bool is_there = false;
		code = is_deployed(remote, &cargo->all[i], &is_there);
		if (code == CLI_OK && !is_there)
			code = deployment_send(remote, &cargo->all[i]);
	}
	return code;
}

static int show_instances(struct remote *remote)
{
	struct kipp_InstanceView_list list;
	int code = remote_list(remote, "", &list);
	if (code != CLI_OK || list.len == 0)
		return code;
	struct table table;
	instances_table(remote->cli, &list, &table);
	return table_print(remote->cli, &table, TABLE_SHORT);
}

// wait_and_show reports what does not run; the platform itself is up all the same.
static int wait_and_show(struct remote *remote, const struct args *args)
{
	struct instances_wait wait = {
	        .target = "",
	        .goal = GOAL_RUNNING,
	        .timeout_s = args_number(args, FLAG_TIMEOUT, WAIT_S),
	        .ends_with_signal = true,
	};
	int waited = instances_wait(remote, &wait);
	if (waited == CLI_INTERRUPTED)
		return waited;
	int code = show_instances(remote);
	if (code == CLI_OK)
		code = cli_print(remote->cli,
		                 kp_str(waited == CLI_OK ? "ready\n"
		                                         : "ready, but not everything runs\n"))
		               ? CLI_OK
		               : CLI_FAILED;
	return code;
}

static int bring_up(struct daemons *daemons, struct cargo *cargo)
{
	struct cli *cli = daemons->cli;
	int code = daemons_start_controller(daemons);
	if (code == CLI_OK)
		code = daemons_start_agent(daemons, true);
	if (code != CLI_OK)
		return code;
	const char *line = cli_text(cli, "controller at %s, data in %s\n",
	                            settings_shown(cli, daemons->endpoint), daemons->data);
	cli_print(cli, kp_str(line));
	struct remote remote;
	code = remote_open_at(cli, daemons->endpoint, &remote);
	if (code != CLI_OK)
		return code;
	code = send_cargo(&remote, cargo);
	if (code == CLI_OK)
		code = wait_and_show(&remote, daemons->args);
	remote_close(&remote);
	return code;
}

int verb_up(struct cli *cli, const struct args *args)
{
	struct cargo cargo = {0};
	struct daemons daemons = {0};
	int code = load_cargo(cli, args, &cargo);
	if (code == CLI_OK)
		code = daemons_init(cli, args, &daemons);
	if (code == CLI_OK)
		code = bring_up(&daemons, &cargo);
	cargo_fini(&cargo);
	if (code == CLI_OK)
		daemons_ready(&daemons);
	if (code == CLI_OK || code == CLI_INTERRUPTED) {
		daemons_wait(&daemons);
		cli_say(cli, "stopping; once more ends it at once");
		code = CLI_OK;
	}
	daemons_stop(&daemons);
	return code;
}
