// overload_server.c - a server of known capacity: every call takes the same time.
//
// On a pool a call sleeps, so that capacity is threads / time on any machine, however busy. On
// fibers it keeps its loop busy for that long.
#include "Demo.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
        "usage: overload-server --port PORT [options]      (port 0: any free one)\n"
        "  --pool THREADS      of the pool (0: fibers)\n"
        "  --service-us N      what a call takes (4000)\n"
        "  --target-ms N       the delay that requests may meet (0: default)\n";

struct settings {
	long port, pool, service_us, target_ms;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int32_t work(struct kp_call *call, int32_t number)
{
	const struct settings *settings = kp_call_user(call);
	int64_t end_ns = now_ns() + settings->service_us * 1000;
	if (settings->pool)
		nanosleep(&(struct timespec){.tv_nsec = settings->service_us * 1000}, NULL);
	while (now_ns() < end_ns)
		continue;
	return number;
}

static const struct Demo_Work_ops work_ops = {.work = work};

static bool parse_number(const char *text, long max, long *ret)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < 0 || value > max)
		return false;
	*ret = value;
	return true;
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
	        {"port", required_argument, NULL, 'p'},
	        {"pool", required_argument, NULL, 'n'},
	        {"service-us", required_argument, NULL, 's'},
	        {"target-ms", required_argument, NULL, 't'},
	        {0},
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		bool is_fine = option == 'p'   ? parse_number(optarg, UINT16_MAX, &settings->port)
		               : option == 'n' ? parse_number(optarg, 256, &settings->pool)
		               : option == 's' ? parse_number(optarg, 999999, &settings->service_us)
		               : option == 't' ? parse_number(optarg, 10000, &settings->target_ms)
		                               : false;
		if (!is_fine)
			return false;
	}
	return optind == argc && settings->port >= 0;
}

static kp_err open_server(struct settings *settings, struct kp_server **ret, int *ret_adapter,
                          struct kp_why *why)
{
	struct kp_server_options options = {
	        .threads = 1, .application = "Demo", .server = "WorkServer"};
	kp_err err = kp_server_open(&options, ret, why);
	if (err != KP_OK)
		return err;
	char endpoint[64];
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %ld -t 60000", settings->port);
	struct kp_adapter_options adapter = {
	        .endpoint = endpoint,
	        .pool_threads = (int)settings->pool,
	        .delay_target_ms = (int)settings->target_ms,
	};
	err = kp_server_listen(*ret, &adapter, ret_adapter, why);
	if (err == KP_OK)
		err = kp_server_serve(*ret, *ret_adapter, "WorkObj", &Demo_Work_interface,
		                      &work_ops, settings);
	return err == KP_OK ? kp_server_start(*ret) : err;
}

int main(int argc, char **argv)
{
	struct settings settings = {.port = -1, .service_us = 4000};
	if (!parse_options(argc, argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	struct kp_server *server = NULL;
	int adapter = 0;
	struct kp_why why = {""};
	kp_err err = open_server(&settings, &server, &adapter, &why);
	if (err != KP_OK) {
		fprintf(stderr, "overload-server: %s\n", why.text[0] ? why.text : kp_err_text(err));
		kp_server_close(server);
		return 1;
	}
	const char *port = strstr(kp_server_endpoint(server, adapter), "-p ");
	printf("listening on 127.0.0.1:%ld\n", port ? strtol(port + 3, NULL, 10) : 0);
	fflush(stdout);
	int signal;
	sigwait(&signals, &signal);
	kp_server_stop(server, 1000);
	kp_server_close(server);
	return 0;
}
