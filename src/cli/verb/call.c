// call.c - `kipp call`: any function of any object, by name and in JSON.
#include "base/nearest.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "kipp/stub.h"
#include "os/file.h"
#include "tars/describe.h"
#include "tars/transcode.h"

#include <unistd.h>

enum {
	ARGUMENTS_SIZE_MAX = 64 << 20
};

static int print_functions(struct target *target)
{
	struct cli *cli = target->cli;
	struct kp_buf out = {0};
	if (cli->is_verbose) {
		out.err = kp_interface_print(target->interface, &out);
	} else {
		for (size_t i = 0; i < target->interface->function_count; i++) {
			kp_function_signature(&target->interface->functions[i], &out);
			kp_buf_append_byte(&out, '\n');
		}
	}
	bool has_all = out.err == KP_OK;
	bool is_read = cli_print(cli, kp_buf_str(&out));
	kp_buf_fini(&out);
	if (!has_all)
		return cli_fail_nomem(cli);
	return is_read ? CLI_OK : CLI_FAILED;
}

static int fail_unknown_function(struct target *target, const char *name)
{
	const struct kp_interface *interface = target->interface;
	const char **names = cli_alloc(target->cli, interface->function_count + 1, sizeof(*names));
	const char *known = "";
	for (size_t i = 0; i < interface->function_count; i++) {
		names[i] = interface->functions[i].name;
		known = cli_text(target->cli, "%s%s%s", known, i > 0 ? ", " : "", names[i]);
	}
	const char *near = kp_nearest_find(name, names, interface->function_count);
	return cli_fail(target->cli, CLI_NOTFOUND, "%s has no function '%s'; it has %s%s%s%s",
	                target->object, name, *known ? known : "none at all",
	                near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int read_stdin(struct cli *cli, struct kp_buf *out)
{
	char part[4096];
	size_t size;
	out->len_max = ARGUMENTS_SIZE_MAX;
	while ((size = fread(part, 1, sizeof(part), stdin)) > 0)
		kp_buf_append(out, part, size);
	if (out->err != KP_OK)
		return cli_fail(cli, CLI_USAGE, "what comes in is too large: at most %d MiB",
		                ARGUMENTS_SIZE_MAX >> 20);
	return ferror(stdin) ? cli_fail(cli, CLI_FAILED, "cannot read the standard input") : CLI_OK;
}

// read_arguments takes the JSON from the command line, a file or the standard input.
static int read_arguments(struct target *target, struct kp_buf *out)
{
	struct cli *cli = target->cli;
	const char *text = args_operand(target->args, 2);
	if (!text)
		return CLI_OK;
	if (strcmp(text, "-") == 0)
		return read_stdin(cli, out);
	if (text[0] != '@') {
		kp_buf_append_str(out, kp_str(text));
		return out->err == KP_OK ? CLI_OK : cli_fail_nomem(cli);
	}
	struct kp_why why;
	kp_err err = kp_file_read(text + 1, ARGUMENTS_SIZE_MAX, out, &why);
	return err == KP_OK ? CLI_OK : cli_fail(cli, cli_exit_of(err), "%s", why.text);
}

static int print_answer(struct target *target, const struct kp_function *function,
                        const struct kp_decoder *in)
{
	struct cli *cli = target->cli;
	struct kp_buf out = {0};
	struct kp_why why;
	struct kp_bytes body = {in->ptr, (size_t)(in->end - in->ptr)};
	enum kp_json_style style = isatty(fileno(cli->out)) == 1 ? KP_JSON_PRETTY : KP_JSON_LINE;
	kp_err err = kp_args_to_json(function, body, style, &out, cli->arena, &why);
	int code = CLI_OK;
	if (err == KP_ERR_DECODE)
		code = cli_fail(cli, CLI_FAILED,
		                "the answer does not fit the description of '%s': %s",
		                function->name, why.text);
	else if (err != KP_OK)
		code = cli_fail(cli, CLI_FAILED, "%s", kp_err_text(err));
	kp_buf_append_byte(&out, '\n');
	if (code == CLI_OK && !cli_print(cli, kp_buf_str(&out)))
		code = CLI_FAILED;
	kp_buf_fini(&out);
	return code;
}

static int send_request(struct target *target, const struct kp_function *function,
                        struct kp_str body)
{
	struct kp_request *request;
	struct kp_decoder in;
	kp_err err = kp_request_open(target->proxy, target->call, kp_str(function->name), &request);
	if (err != KP_OK)
		return target_fail(target, function->name, err);
	kp_buf_append_str(kp_request_body(request), body);
	if (args_has(target->args, FLAG_ONEWAY)) {
		err = kp_request_oneway(request);
		return err == KP_OK ? CLI_OK : target_fail(target, function->name, err);
	}
	err = kp_request_wait(request, &in);
	return err == KP_OK ? print_answer(target, function, &in)
	                    : target_fail(target, function->name, err);
}

static int call_function(struct target *target, const char *name)
{
	int index = kp_interface_find(target->interface, kp_str(name));
	if (index < 0)
		return fail_unknown_function(target, name);
	const struct kp_function *function = &target->interface->functions[index];
	struct kp_buf json = {0}, body = {0};
	int code = read_arguments(target, &json);
	struct kp_why why;
	if (code == CLI_OK) {
		kp_err err = kp_json_to_args(function, kp_buf_str(&json), &body, target->cli->arena,
		                             &why);
		if (err == KP_ERR_NOMEM)
			code = cli_fail_nomem(target->cli);
		else if (err != KP_OK)
			code = cli_fail(target->cli, CLI_USAGE,
			                "the arguments of '%s' are wrong: %s", name, why.text);
	}
	if (code == CLI_OK)
		code = send_request(target, function, kp_buf_str(&body));
	kp_buf_fini(&json);
	kp_buf_fini(&body);
	return code;
}

int verb_call(struct cli *cli, const struct args *args)
{
	struct target target;
	int code = target_open(cli, args, &target);
	if (code != CLI_OK)
		return code;
	code = target_describe(&target);
	const char *function = args_operand(args, 1);
	if (code == CLI_OK)
		code = function ? call_function(&target, function) : print_functions(&target);
	target_close(&target);
	return code;
}
