// settings.c - finds the data directory and the controller.
#include "cli/settings.h"

#include "base/text.h"
#include "os/file.h"
#include "tars/endpoint.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	ENDPOINT_SIZE_MAX = 4096
};

static const char *from_environment(const char *name)
{
	const char *text = getenv(name);
	return text && *text ? text : NULL;
}

static const char *default_data(struct cli *cli)
{
	if (geteuid() == 0)
		return "/var/lib/kipp";
	const char *state = from_environment("XDG_STATE_HOME");
	if (state)
		return cli_text(cli, "%s/kipp", state);
	const char *home = from_environment("HOME");
	return home ? cli_text(cli, "%s/.local/state/kipp", home) : "/tmp/kipp";
}

const char *settings_data(struct cli *cli, const struct args *args)
{
	const char *data = args_text(args, FLAG_DATA, from_environment("KIPP_DATA"));
	return data ? data : default_data(cli);
}

const char *settings_endpoint_file(struct cli *cli, const char *data)
{
	return cli_text(cli, "%s/controller.endpoint", data);
}

static bool is_endpoint_list(struct kp_str text)
{
	struct kp_endpoint endpoint;
	kp_err err;
	size_t count = 0;
	while ((err = kp_endpoint_next(&text, &endpoint, NULL)) == KP_OK) {
		if (endpoint.port <= 0)
			return false;
		count++;
	}
	return err == KP_ERR_NOTFOUND && count > 0;
}

const char *settings_endpoint(struct cli *cli, const char *text)
{
	struct kp_str trimmed = kp_str_trim(kp_str(text));
	if (trimmed.len == 0)
		return NULL;
	if (kp_str_find(trimmed, ' ') < trimmed.len)
		return is_endpoint_list(trimmed) ? cli_terminated(cli, trimmed) : NULL;
	size_t colon = kp_str_find(trimmed, ':');
	struct kp_str host = kp_str_sub(trimmed, 0, colon);
	int64_t port = SETTINGS_PORT;
	if (host.len == 0 ||
	    (colon < trimmed.len &&
	     kp_str_i64(kp_str_sub(trimmed, colon + 1, trimmed.len), 1, 65535, &port) != KP_OK))
		return NULL;
	return cli_text(cli, "tcp -h %.*s -p %d", KP_STR_ARG(host), (int)port);
}

const char *settings_shown(struct cli *cli, const char *text)
{
	struct kp_endpoint endpoint;
	struct kp_str rest = kp_str(text);
	if (kp_endpoint_next(&rest, &endpoint, NULL) != KP_OK)
		return text;
	return cli_text(cli, "%.*s:%d", KP_STR_ARG(endpoint.host), endpoint.port);
}

// left_by_controller reads what a controller left in the data directory, or returns NULL.
static const char *left_by_controller(struct cli *cli, const char *data)
{
	struct kp_buf text = {0};
	const char *endpoint = NULL;
	if (kp_file_read(settings_endpoint_file(cli, data), ENDPOINT_SIZE_MAX, &text, NULL) ==
	    KP_OK)
		endpoint = settings_endpoint(cli, cli_terminated(cli, kp_buf_str(&text)));
	kp_buf_fini(&text);
	return endpoint;
}

static const char *checked(struct cli *cli, const char *text, const char *source)
{
	const char *endpoint = settings_endpoint(cli, text);
	if (!endpoint)
		cli_fail(cli, CLI_USAGE,
		         "%s is '%s', which is not an endpoint; write \"tcp -h HOST -p PORT\" or "
		         "HOST:PORT",
		         source, text);
	return endpoint;
}

const char *settings_controller(struct cli *cli, const struct args *args)
{
	const char *flag = args_text(args, FLAG_CONTROLLER, NULL);
	if (flag)
		return checked(cli, flag, "--controller");
	const char *left = NULL;
	if (args_has(args, FLAG_DATA))
		left = left_by_controller(cli, settings_data(cli, args));
	const char *environment = from_environment("KIPP_CONTROLLER");
	if (!left && environment)
		return checked(cli, environment, "KIPP_CONTROLLER");
	if (!left)
		left = left_by_controller(cli, settings_data(cli, args));
	return left ? left : cli_text(cli, "tcp -h 127.0.0.1 -p %d", SETTINGS_PORT);
}
