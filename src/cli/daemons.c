// daemons.c - starts and stops controller and agent, and keeps one of each per data directory.
#include "cli/daemons.h"

#include "cli/settings.h"
#include "control/controller.h"
#include "node/agent.h"
#include "os/daemon.h"
#include "os/file.h"
#include "os/thread.h"
#include "tars/endpoint.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

int daemons_init(struct cli *cli, const struct args *args, struct daemons *ret)
{
	kp_signals_block();
	*ret = (struct daemons){.cli = cli, .args = args, .data = settings_data(cli, args)};
	struct kp_why why = {0};
	kp_err err = kp_file_make_dirs(ret->data, 0755, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err),
		                "the data directory cannot be made: %s; name another with --data",
		                why.text);
	return CLI_OK;
}

static int take_lock(struct daemons *daemons, const char *what, int *ret_lock)
{
	struct kp_why why = {0};
	const char *path = cli_text(daemons->cli, "%s/%s.lock", daemons->data, what);
	kp_err err = kp_daemon_lock(path, ret_lock, &why);
	if (err == KP_ERR_BUSY)
		return cli_fail(daemons->cli, CLI_CONFLICT,
		                "another %s runs on %s; stop it first, or name another directory "
		                "with --data",
		                what, daemons->data);
	return err == KP_OK ? CLI_OK : cli_fail(daemons->cli, cli_exit_of(err), "%s", why.text);
}

static int fail_to_start(struct daemons *daemons, const char *what, kp_err err,
                         const struct kp_why *why)
{
	const char *advice = "";
	if (err == KP_ERR_BUSY)
		advice = "; stop what uses it, or pick another with --port";
	else if (err == KP_ERR_NOSPACE)
		advice = "; make room on the disk, or name another directory with --data";
	else if (err == KP_ERR_DENIED)
		advice = "; name a directory of your own with --data";
	return cli_fail(daemons->cli, cli_exit_of(err), "the %s cannot start: %s%s", what,
	                *why->text ? why->text : kp_err_text(err), advice);
}

static int leave_endpoint(struct daemons *daemons)
{
	struct kp_why why = {0};
	const char *line = cli_text(daemons->cli, "%s\n", daemons->endpoint);
	struct kp_bytes content = {(const uint8_t *)line, strlen(line)};
	const char *path = settings_endpoint_file(daemons->cli, daemons->data);
	kp_err err = kp_file_replace(path, content, 0644, &why);
	return err == KP_OK ? CLI_OK : cli_fail(daemons->cli, cli_exit_of(err), "%s", why.text);
}

// reachable_endpoint is where this machine reaches a controller that listens everywhere.
static const char *reachable_endpoint(struct cli *cli, const char *text)
{
	struct kp_endpoint endpoint;
	if (kp_endpoint_parse(kp_str(text), &endpoint, NULL) != KP_OK)
		return cli_text(cli, "%s", text);
	if (kp_str_equal(endpoint.host, kp_str("0.0.0.0")))
		endpoint.host = kp_str("127.0.0.1");
	else if (kp_str_equal(endpoint.host, kp_str("::")))
		endpoint.host = kp_str("::1");
	return cli_text(cli, "tcp -h %.*s -p %d", KP_STR_ARG(endpoint.host), endpoint.port);
}

int daemons_start_controller(struct daemons *daemons)
{
	struct cli *cli = daemons->cli;
	int code = take_lock(daemons, "controller", &daemons->controller_lock);
	if (code != CLI_OK)
		return code;
	daemons->has_controller_lock = true;

	const char *host = args_text(daemons->args, FLAG_HOST, "127.0.0.1");
	int64_t port = args_number(daemons->args, FLAG_PORT, SETTINGS_PORT);
	struct controller_options options = {
	        .data_dir = daemons->data,
	        .endpoint = cli_text(cli, "tcp -h %s -p %" PRId64 " -t 60000", host, port),
	};
	struct kp_why why = {0};
	kp_err err = controller_open(&options, &daemons->controller, &why);
	if (err == KP_OK)
		err = controller_start(daemons->controller, &why);
	if (err != KP_OK)
		return fail_to_start(daemons, "controller", err, &why);
	daemons->endpoint = reachable_endpoint(cli, controller_endpoint(daemons->controller));
	return leave_endpoint(daemons);
}

// log_event is called on the agent's thread. What goes wrong is always told, the rest by a daemon
// or with -v.
static void log_event(void *arg, int level, const char *text)
{
	struct daemons *daemons = arg;
	struct cli *cli = daemons->cli;
	if (level == 0 && (cli->is_quiet || (daemons->controller && !cli->is_verbose)))
		return;
	static const char *const levels[] = {"", "warning: ", "error: "};
	fprintf(cli->err, "%s%s\n", levels[level >= 0 && level <= 2 ? level : 2], text);
}

int daemons_start_agent(struct daemons *daemons, bool stops_servers)
{
	int code = take_lock(daemons, "node", &daemons->agent_lock);
	if (code != CLI_OK)
		return code;
	daemons->has_agent_lock = true;
	if (!daemons->endpoint)
		daemons->endpoint = settings_controller(daemons->cli, daemons->args);
	if (!daemons->endpoint)
		return CLI_USAGE;
	const char *host = args_text(daemons->args, FLAG_HOST, NULL);
	struct agent_options options = {
	        .data_dir = daemons->data,
	        .controller = daemons->endpoint,
	        .name = args_text(daemons->args, FLAG_NODE_NAME, NULL),
	        .host = host,
	        .stop_servers_on_exit = stops_servers,
	        .log = log_event,
	        .log_arg = daemons,
	};
	if (!daemons->controller && (host || args_has(daemons->args, FLAG_PORT)))
		options.endpoint = cli_text(daemons->cli, "tcp -h %s -p %" PRId64 " -t 60000",
		                            host ? host : "127.0.0.1",
		                            args_number(daemons->args, FLAG_PORT, 0));
	struct kp_why why = {0};
	kp_err err = agent_open(&options, &daemons->agent, &why);
	if (err == KP_OK)
		err = agent_start(daemons->agent, &why);
	return err == KP_OK ? CLI_OK : fail_to_start(daemons, "agent", err, &why);
}

void daemons_ready(struct daemons *daemons)
{
	kp_daemon_notify("READY=1");
}

static void on_second_signal(int number)
{
	_exit(CLI_INTERRUPTED);
}

void daemons_wait(struct daemons *daemons)
{
	int number;
	do {
		number = kp_signals_wait();
	} while (number == SIGHUP);
	kp_daemon_notify("STOPPING=1");

	struct sigaction action = {.sa_handler = on_second_signal};
	sigset_t both;
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

void daemons_stop(struct daemons *daemons)
{
	if (daemons->agent) {
		agent_stop(daemons->agent);
		agent_close(daemons->agent);
	}
	if (daemons->controller) {
		controller_stop(daemons->controller);
		controller_close(daemons->controller);
		kp_file_remove(settings_endpoint_file(daemons->cli, daemons->data), NULL);
	}
	if (daemons->has_agent_lock)
		kp_daemon_unlock(daemons->agent_lock);
	if (daemons->has_controller_lock)
		kp_daemon_unlock(daemons->controller_lock);
	*daemons = (struct daemons){0};
}
