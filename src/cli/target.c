// target.c - finding out what functions an object has.
#include "cli/target.h"

#include "base/text.h"
#include "cli/remote.h"
#include "cli/settings.h"
#include "idl/idl.h"
#include "kipp/stub.h"
#include "tars/describe.h"

// object_of takes OBJECT apart into name and endpoint, either of which may come from a flag.
static int object_of(struct target *target)
{
	struct cli *cli = target->cli;
	struct kp_str text = kp_str(target->args->operands[0]);
	size_t at = kp_str_find(text, '@');
	const char *endpoint = args_text(target->args, FLAG_ENDPOINT, NULL);
	if (!endpoint && at < text.len)
		endpoint = text.ptr + at + 1;
	if (endpoint && !settings_endpoint(cli, endpoint))
		return cli_fail(
		        cli, CLI_USAGE,
		        "'%s' is not an endpoint; write \"tcp -h HOST -p PORT\" or HOST:PORT",
		        endpoint);
	struct kp_str name = kp_str_sub(text, 0, at);
	size_t parts = 0;
	for (struct kp_str rest = name, part; kp_str_split_next(&rest, '.', &part);)
		parts++;
	if (name.len == 0 || (!endpoint && parts != 3))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' is not an object's name; it has three parts, as "
		                "Demo.HelloServer.HelloObj",
		                text.ptr);
	target->object = cli_terminated(cli, name);
	target->endpoint = endpoint ? settings_endpoint(cli, endpoint) : NULL;
	return CLI_OK;
}

static int open_client(struct target *target)
{
	struct cli *cli = target->cli;
	struct kp_client_options options = {.caller = "kipp.command"};
	if (!target->endpoint) {
		options.locator = settings_controller(cli, target->args);
		if (!options.locator)
			return CLI_USAGE;
	}
	struct kp_why why = {0};
	if (kp_client_open(&options, &target->client, &why) != KP_OK)
		return cli_fail(cli, CLI_USAGE, "the controller's endpoint is wrong: %s", why.text);
	if (kp_call_open(target->client, &target->call) != KP_OK)
		return cli_fail_nomem(cli);
	kp_call_set_timeout(target->call, (int)args_number(target->args, FLAG_CALL_TIMEOUT, 0));
	const char *object = target->object;
	if (target->endpoint)
		object = cli_text(cli, "%s@%s", target->object, target->endpoint);
	target->proxy = kp_client_proxy(target->client, object);
	return target->proxy ? CLI_OK : cli_fail_nomem(cli);
}

int target_open(struct cli *cli, const struct args *args, struct target *ret)
{
	struct target target = {.cli = cli, .args = args};
	int code = object_of(&target);
	if (code == CLI_OK)
		code = open_client(&target);
	if (code != CLI_OK)
		target_close(&target);
	else
		*ret = target;
	return code;
}

void target_close(struct target *target)
{
	kp_call_close(target->call);
	if (target->client)
		kp_client_close(target->client);
	target->call = NULL;
	target->client = NULL;
}

static const char *server_of(struct target *target)
{
	const char *last = strrchr(target->object, '.');
	size_t len = last ? (size_t)(last - target->object) : strlen(target->object);
	return cli_terminated(target->cli, (struct kp_str){target->object, len});
}

// ask_platform looks for the reason with the platform: no controller answers, or it knows no such
// server. Returns CLI_OK when neither is so.
static int ask_platform(struct target *target)
{
	struct remote remote;
	int code = remote_open(target->cli, target->args, &remote);
	if (code != CLI_OK)
		return code;
	struct kipp_InstanceView_list list;
	code = remote_list(&remote, server_of(target), &list);
	remote_close(&remote);
	return code;
}

static int fail_unreachable(struct target *target, kp_err err)
{
	struct cli *cli = target->cli;
	if (target->endpoint)
		return cli_fail(cli, CLI_UNREACHABLE, "nobody answers for %s at %s: %s",
		                target->object, settings_shown(cli, target->endpoint),
		                kp_err_text(err));
	int code = ask_platform(target);
	if (code != CLI_OK)
		return code;
	const char *server = server_of(target);
	return cli_fail(cli, CLI_UNREACHABLE, "no instance of %s serves %s now; see 'kipp ps %s'",
	                server, target->object, server);
}

int target_fail(struct target *target, const char *function, kp_err err)
{
	struct cli *cli = target->cli;
	struct kp_str reason = kp_call_reason(target->call);
	switch (err) {
	case KP_ERR_NOENDPOINT:
	case KP_ERR_CONNECT:
		return fail_unreachable(target, err);
	case KP_ERR_CLOSED:
		return cli_fail(cli, CLI_UNREACHABLE,
		                "%s may have run '%s' or not: the instance at %.*s", target->object,
		                function, KP_STR_ARG(reason));
	case KP_ERR_TIMEOUT:
		return cli_fail(cli, CLI_UNREACHABLE,
		                "%s did not answer '%s' in time; --timeout gives it longer",
		                target->object, function);
	case KP_ERR_NOSERVANT:
		return cli_fail(cli, CLI_NOTFOUND,
		                "the server answers, but it serves no object '%s'", target->object);
	default:
		return cli_fail(cli, cli_exit_of(err) == CLI_NOTFOUND ? CLI_NOTFOUND : CLI_FAILED,
		                "%s answered '%s' with code %d (%s)%s%.*s", target->object,
		                function, kp_call_ret(target->call), kp_err_text(err),
		                reason.len ? ": " : "", KP_STR_ARG(reason));
	}
}

static bool has_function(const struct kp_interface *interface, const char *name)
{
	return kp_interface_find(interface, kp_str(name)) >= 0;
}

// pick_interface chooses the one that has the function, or the only one there is.
static int pick_interface(struct target *target, const char *path,
                          const struct kp_idl_description *description)
{
	const char *function = args_operand(target->args, 1);
	const struct kp_interface *found = NULL;
	size_t count = 0;
	for (size_t i = 0; i < description->interface_count; i++) {
		const struct kp_interface *interface = &description->interfaces[i];
		if (function && description->interface_count > 1 &&
		    !has_function(interface, function))
			continue;
		found = interface;
		count++;
	}
	if (description->interface_count == 0)
		return cli_fail(target->cli, CLI_USAGE, "'%s' has no interface in it", path);
	if (count == 0)
		return cli_fail(target->cli, CLI_NOTFOUND,
		                "no interface in '%s' has a function '%s'", path, function);
	if (count > 1)
		return cli_fail(target->cli, CLI_USAGE,
		                "'%s' has %zu interfaces%s%s%s; keep one in a file of its own",
		                path, count, function ? " with a function '" : "",
		                function ? function : "", function ? "'" : "");
	target->interface = found;
	return CLI_OK;
}

static int describe_from_idl(struct target *target, const char *path)
{
	struct cli *cli = target->cli;
	const char **dirs = cli_alloc(cli, (size_t)target->args->value_count + 1, sizeof(*dirs));
	struct kp_idl_options options = {.include_dirs = dirs};
	const char *dir;
	for (int index = 0; (dir = args_next(target->args, FLAG_INCLUDE, &index));)
		dirs[options.include_dir_count++] = dir;

	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	kp_err err = kp_idl_open(path, &options, &idl, &messages);
	int code = CLI_OK;
	if (err != KP_OK && messages.len > 0)
		fprintf(cli->err, "%.*s", KP_STR_ARG(kp_buf_str(&messages)));
	if (err != KP_OK)
		code = cli_fail(cli, err == KP_ERR_NOTFOUND ? CLI_NOTFOUND : CLI_USAGE,
		                "'%s' cannot be used: %s", path,
		                messages.len > 0 ? "see above" : kp_err_text(err));
	kp_buf_fini(&messages);
	struct kp_idl_description description = {0};
	if (code == CLI_OK && kp_idl_describe(idl, cli->arena, &description) != KP_OK)
		code = cli_fail_nomem(cli);
	kp_idl_close(idl);
	return code == CLI_OK ? pick_interface(target, path, &description) : code;
}

static kp_err ask_description(struct target *target, struct kp_bytes *ret)
{
	struct kp_request *request;
	struct kp_decoder in;
	kp_err err = kp_request_open(target->proxy, target->call, kp_str(KP_DESCRIBE_FUNCTION),
	                             &request);
	if (err == KP_OK)
		err = kp_request_wait(request, &in);
	if (err == KP_OK && !kp_bytes_decode(&in, 0, KP_REQUIRED, ret))
		err = in.err;
	return err;
}

static int describe_by_asking(struct target *target)
{
	struct cli *cli = target->cli;
	struct kp_bytes bytes = {0};
	struct kp_interface *interface = NULL;
	kp_err err = ask_description(target, &bytes);
	bool has_answered = err != KP_OK && err != KP_ERR_NOSERVANT && kp_call_ret(target->call);
	if (has_answered || err == KP_ERR_DECODE)
		return cli_fail(cli, CLI_USAGE,
		                "%s does not describe itself, it is no Kipp server; name its .tars "
		                "file with --idl",
		                target->object);
	if (err != KP_OK)
		return target_fail(target, KP_DESCRIBE_FUNCTION, err);
	if (kp_interface_decode(bytes, cli->arena, &interface) != KP_OK)
		return cli_fail(
		        cli, CLI_FAILED,
		        "the description that %s gives of itself is not understood; name its "
		        ".tars file with --idl",
		        target->object);
	target->interface = interface;
	kp_call_reset(target->call);
	return CLI_OK;
}

int target_describe(struct target *target)
{
	const char *path = args_text(target->args, FLAG_IDL, NULL);
	return path ? describe_from_idl(target, path) : describe_by_asking(target);
}
