// settings.c - finds the data directory and the controller.
#include "cli/settings.h"

#include "base/text.h"
#include "os/file.h"
#include "tars/conf.h"
#include "tars/endpoint.h"

#include <stdlib.h>
#include <unistd.h>

#define SETTINGS_DIR "/etc/kipp"

enum {
	ENDPOINT_SIZE_MAX = 4096
};

static const char *from_environment(const char *name)
{
	const char *text = getenv(name);
	return text && *text ? text : NULL;
}

// read_file lays one file over the tree.
static void read_file(struct cli *cli, const char *path, struct kp_conf *conf)
{
	struct kp_buf text = {0};
	struct kp_why why = {0};
	kp_err err = kp_file_read(path, KP_CONF_SIZE_MAX, &text, &why);
	if (err == KP_OK) {
		err = kp_conf_parse(conf, kp_buf_str(&text), &why);
		if (err != KP_OK)
			cli_warn(cli, "%s:%s; the rest of this file is not used", path,
			         *why.text ? why.text : kp_err_text(err));
	} else if (err != KP_ERR_NOTFOUND) {
		cli_warn(cli, "%s; it is not used", why.text);
	}
	kp_buf_fini(&text);
}

const char *settings_from_files(struct cli *cli, const char *dir, const char *key)
{
	struct kp_conf conf;
	kp_conf_init(&conf, cli->arena);
	read_file(cli, cli_text(cli, "%s/kipp.conf", dir), &conf);
	const char *more = cli_text(cli, "%s/conf.d", dir);
	struct kp_file_list files = {0};
	if (kp_file_list_dir(more, &files, NULL) == KP_OK) {
		for (size_t i = 0; i < files.count; i++)
			read_file(cli, cli_text(cli, "%s/%s", more, files.names[i]), &conf);
	}
	kp_file_list_fini(&files);
	struct kp_str value;
	bool is_there = kp_conf_get(&conf, cli_text(cli, "/kipp<%s>", key), &value);
	return is_there && value.len > 0 ? cli_terminated(cli, value) : NULL;
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
	if (!data)
		data = settings_from_files(cli, SETTINGS_DIR, "data");
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
	if (left)
		return left;
	const char *file = settings_from_files(cli, SETTINGS_DIR, "controller");
	if (file)
		return checked(cli, file, "the controller of " SETTINGS_DIR "/kipp.conf");
	return cli_text(cli, "tcp -h 127.0.0.1 -p %d", SETTINGS_PORT);
}
