// deployment.c - makes deployments and sends them.
#include "cli/package/deployment.h"

#include "base/text.h"
#include "cli/package/manifest.h"
#include "cli/package/pack.h"
#include "os/digest.h"
#include "os/file.h"

#include <inttypes.h>

enum {
	MANIFEST_SIZE_MAX = 1 << 20,
	PART_SIZE = 1 << 20,
	PART_TIMEOUT_MS = 30000,
	TRIES_MAX = 5, // of an upload that another one got in the way of
	LABEL_LEN = 8, // of a hash, for versions without a name
};
#define PACKAGE_SIZE_MAX ((size_t)1 << 30)

void deployment_fini(struct deployment *deployment)
{
	kp_buf_fini(&deployment->package);
}

static int read_file(struct cli *cli, const char *path, size_t size_max, struct kp_buf *out)
{
	struct kp_why why;
	kp_err err = kp_file_read(path, size_max, out, &why);
	return err == KP_OK ? CLI_OK : cli_fail(cli, cli_exit_of(err), "%s", why.text);
}

// apply_flags lets the command line go before the manifest.
static int apply_flags(struct cli *cli, const struct args *args, struct deployment *deployment)
{
	struct kipp_Server *server = &deployment->server;
	const char *name = args_text(args, FLAG_NAME, NULL);
	if (name && !manifest_set_name(server, kp_str(name)))
		return cli_fail(
		        cli, CLI_USAGE,
		        "--name is '%s'; a server's name has two parts, as Demo.HelloServer", name);
	if (args_has(args, FLAG_SERVANT))
		server->adapters = (struct kipp_Adapter_list){0};
	const char *servant;
	for (int index = 0; (servant = args_next(args, FLAG_SERVANT, &index));)
		manifest_add_servant(cli, server, kp_str(servant));
	if (args_has(args, FLAG_INSTANCES))
		server->instances = (int32_t)args_number(args, FLAG_INSTANCES, 1);
	server->version = kp_str(args_text(args, FLAG_LABEL, cli_terminated(cli, server->version)));

	if (server->application.len == 0)
		return cli_fail(cli, CLI_USAGE,
		                "'%s' does not say which server it is; add --name APP.SERVER",
		                deployment->path);
	if (server->adapters.len == 0 && kp_str_equal(server->type, kp_str("kipp")))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' does not say which objects it serves; add --servant OBJECT",
		                deployment->path);
	deployment->name = cli_text(cli, "%.*s.%.*s", KP_STR_ARG(server->application),
	                            KP_STR_ARG(server->name));
	return CLI_OK;
}

static int pack_folder(struct cli *cli, const char *dir, const struct manifest *manifest,
                       struct kp_buf *out)
{
	struct pack_list list = {0};
	int code = pack_add(cli, dir, "kipp.conf", &list);
	if (code == CLI_OK && manifest->server.executable.len > 0) {
		code = pack_add(cli, dir, cli_terminated(cli, manifest->server.executable), &list);
		list.items[list.count - 1].is_executable = true;
	}
	for (size_t i = 0; i < manifest->files.len && code == CLI_OK; i++)
		code = pack_add(cli, dir, cli_terminated(cli, manifest->files.ptr[i]), &list);
	const char *top = cli_terminated(cli, manifest->server.name);
	return code == CLI_OK ? pack_write(cli, top, list.items, list.count, out) : code;
}

static int load_folder(struct cli *cli, const struct args *args, const char *path,
                       struct deployment *deployment)
{
	const char *conf = cli_text(cli, "%s/kipp.conf", path);
	if (!kp_file_exists(conf))
		return cli_fail(cli, CLI_NOTFOUND,
		                "there is no kipp.conf in '%s'; name a service's folder, a .tgz or "
		                "a program: kipp deploy PATH",
		                path);
	struct kp_buf text = {0};
	struct manifest manifest;
	int code = read_file(cli, conf, MANIFEST_SIZE_MAX, &text);
	if (code == CLI_OK)
		code = manifest_parse(cli, conf, kp_buf_str(&text), &manifest);
	kp_buf_fini(&text);
	if (code != CLI_OK)
		return code;
	deployment->server = manifest.server;
	code = apply_flags(cli, args, deployment);
	manifest.server.name = deployment->server.name;
	return code == CLI_OK ? pack_folder(cli, path, &manifest, &deployment->package) : code;
}

static int load_package(struct cli *cli, const struct args *args, const char *path,
                        struct deployment *deployment)
{
	struct pack_facts facts;
	int code = pack_check(cli, path, kp_buf_bytes(&deployment->package), &facts);
	if (code == CLI_OK && facts.config.ptr) {
		struct manifest manifest;
		code = manifest_parse(cli, cli_text(cli, "%s/%s/kipp.conf", path, facts.top),
		                      facts.config, &manifest);
		if (code == CLI_OK)
			deployment->server = manifest.server;
	}
	if (code == CLI_OK)
		code = apply_flags(cli, args, deployment);
	if (code == CLI_OK && !kp_str_equal(deployment->server.name, kp_str(facts.top)))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' is refused: its top folder is '%s', but it must have the "
		                "server's name, '%.*s'",
		                path, facts.top, KP_STR_ARG(deployment->server.name));
	return code;
}

static int load_program(struct cli *cli, const struct args *args, const char *path,
                        struct deployment *deployment)
{
	int code = apply_flags(cli, args, deployment);
	if (code != CLI_OK)
		return code;
	const char *name = cli_terminated(cli, deployment->server.name);
	deployment->server.executable = deployment->server.name;
	struct pack_item item = {path, name, true};
	return pack_write(cli, name, &item, 1, &deployment->package);
}

static bool is_package_name(struct kp_str path)
{
	return kp_str_ends_with(path, kp_str(".tgz")) || kp_str_ends_with(path, kp_str(".tar.gz"));
}

static int load_path(struct cli *cli, const struct args *args, const char *path,
                     struct deployment *deployment)
{
	struct kp_file_info info;
	if (kp_file_stat(path, true, &info) != KP_OK)
		return cli_fail(cli, CLI_NOTFOUND, "there is no file or folder '%s'", path);
	if (info.kind == KP_FILE_DIRECTORY)
		return load_folder(cli, args, path, deployment);
	if (info.kind == KP_FILE_REGULAR && is_package_name(kp_str(path))) {
		int code = read_file(cli, path, PACKAGE_SIZE_MAX, &deployment->package);
		return code == CLI_OK ? load_package(cli, args, path, deployment) : code;
	}
	if (info.kind == KP_FILE_REGULAR && info.is_executable)
		return load_program(cli, args, path, deployment);
	return cli_fail(cli, CLI_USAGE,
	                "'%s' is neither a folder with a kipp.conf, nor a .tgz, nor a program",
	                path);
}

int deployment_load(struct cli *cli, const struct args *args, const char *path,
                    struct deployment *ret)
{
	struct deployment deployment = {.path = path};
	kipp_Server_init(&deployment.server);
	int code = load_path(cli, args, path, &deployment);
	if (code == CLI_OK && deployment.package.len > PACKAGE_SIZE_MAX)
		code = cli_fail(cli, CLI_USAGE, "'%s' is too large: a package has at most 1 GiB",
		                path);
	char hash[KP_DIGEST_TEXT_SIZE];
	if (code == CLI_OK && kp_digest_bytes(kp_buf_bytes(&deployment.package), hash) != KP_OK)
		code = cli_fail_nomem(cli);
	if (code != CLI_OK) {
		deployment_fini(&deployment);
		return code;
	}
	deployment.server.package = kp_str(cli_text(cli, "%s", hash));
	if (deployment.server.version.len == 0)
		deployment.server.version = kp_str_sub(deployment.server.package, 0, LABEL_LEN);
	*ret = deployment;
	return CLI_OK;
}

// put_part sends the part at *offset and moves it to where the upload goes on.
static int put_part(struct remote *remote, const struct deployment *deployment, int64_t *offset,
                    int *tries)
{
	struct kp_bytes whole = kp_buf_bytes(&deployment->package);
	size_t left = whole.len - (size_t)*offset;
	struct kp_bytes part = {whole.ptr + *offset, left < PART_SIZE ? left : PART_SIZE};
	int64_t stored = *offset;
	struct kp_str why = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_putPackage(remote->admin, remote_scope(remote, PART_TIMEOUT_MS),
	                                   deployment->server.package, *offset, part, &stored, &why,
	                                   &outcome);
	bool is_placed = stored >= 0 && (size_t)stored <= whole.len;
	if (err == KP_OK && outcome == kipp_Outcome_Conflict && is_placed && --*tries > 0) {
		*offset = stored;
		return CLI_OK;
	}
	int code = remote_result(remote, err, outcome, why);
	if (code == CLI_OK && part.len > 0)
		*offset = is_placed && stored > *offset ? stored : *offset + (int64_t)part.len;
	else if (code == CLI_OK)
		*offset = -1; // the end is confirmed
	return code;
}

static int upload(struct remote *remote, const struct deployment *deployment)
{
	struct cli *cli = remote->cli;
	bool is_there = false;
	int32_t outcome = 0;
	kp_err err = kipp_Admin_hasPackage(remote->admin, remote_scope(remote, 0),
	                                   deployment->server.package, &is_there, &outcome);
	int code = remote_result(remote, err, outcome, (struct kp_str){0});
	if (code != CLI_OK)
		return code;
	if (is_there) {
		cli_note(cli, "the controller has this package, nothing to upload");
		return CLI_OK;
	}
	int tries = TRIES_MAX;
	for (int64_t offset = 0; offset >= 0 && code == CLI_OK;) {
		cli_progress(cli, "uploading %s: %" PRId64 " of %zu KiB", deployment->name,
		             offset >> 10, deployment->package.len >> 10);
		code = put_part(remote, deployment, &offset, &tries);
	}
	return code;
}

int deployment_send(struct remote *remote, struct deployment *deployment)
{
	int code = upload(remote, deployment);
	if (code != CLI_OK)
		return code;
	struct kp_str_list instances = {0};
	struct kp_str why = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_deploy(remote->admin, remote_scope(remote, 0), &deployment->server,
	                               &instances, &why, &outcome);
	code = remote_result(remote, err, outcome, why);
	if (code == CLI_OK)
		cli_note(remote->cli, "%s: %zu instances of %.*s", deployment->name, instances.len,
		         KP_STR_ARG(deployment->server.version));
	return code;
}
