// echo_server.c - Kipp's own echo server, for the benchmark and for trying clients on.
//
// It runs without a platform. SIGUSR1 makes it print its counters, which is how the benchmark
// learns what was allocated between two moments.
#include "Demo.h"
#include "base/mem.h"
#include "malloc_count.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t echo(struct kp_call *call, struct kp_bytes req, struct kp_bytes *rsp)
{
	(void)call;
	*rsp = req;
	return 0;
}

static int32_t add(struct kp_call *call, int32_t a, int32_t b)
{
	(void)call;
	return (int32_t)((uint32_t)a + (uint32_t)b);
}

static void ping(struct kp_call *call)
{
	(void)call;
}

static const struct Demo_Echo_ops echo_ops = {.echo = echo, .add = add, .ping = ping};

struct settings {
	long port;
	long threads;
};

static bool parse_number(const char *text, long min, long max, long *ret)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
	        {"port", required_argument, NULL, 'p'},
	        {"threads", required_argument, NULL, 't'},
	        {0},
	};
	for (int option; (option = getopt_long(argc, argv, "p:t:", options, NULL)) != -1;) {
		bool is_fine = option == 'p' ? parse_number(optarg, 0, UINT16_MAX, &settings->port)
		               : option == 't' ? parse_number(optarg, 1, 256, &settings->threads)
		                               : false;
		if (!is_fine)
			return false;
	}
	return optind == argc && settings->port >= 0;
}

static void print_counters(const struct kp_server *server, int adapter)
{
	int64_t allocs = kp_mem_allocs();
	int64_t mallocs = malloc_count();
	struct kp_adapter_stats stats;
	kp_server_stats(server, adapter, &stats);
	printf("requests %" PRIu64 " allocs %" PRId64 " mallocs %" PRId64 " open %" PRIu64
	       " bytes %" PRId64 "\n",
	       stats.requests, allocs, mallocs, stats.connections_open, malloc_bytes());
	fflush(stdout);
}

// wait_for_end prints the counters whenever asked, until SIGTERM or SIGINT.
static void wait_for_end(const sigset_t *signals, const struct kp_server *server, int adapter)
{
	int signal;
	while (sigwait(signals, &signal) == 0 && signal == SIGUSR1)
		print_counters(server, adapter);
}

static sigset_t block_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signals;
}

static kp_err open_server(const struct settings *settings, struct kp_server **ret, int *ret_adapter,
                          struct kp_why *why)
{
	struct kp_server_options options = {
	        .threads = (int)settings->threads,
	        .application = "Demo",
	        .server = "EchoServer",
	};
	kp_err err = kp_server_open(&options, ret, why);
	if (err != KP_OK)
		return err;
	char endpoint[64];
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %ld -t 60000", settings->port);
	struct kp_adapter_options adapter = {.endpoint = endpoint};
	err = kp_server_listen(*ret, &adapter, ret_adapter, why);
	if (err == KP_OK)
		err = kp_server_serve(*ret, *ret_adapter, "EchoObj", &Demo_Echo_interface,
		                      &echo_ops, NULL);
	return err == KP_OK ? kp_server_start(*ret) : err;
}

static void print_port(const struct kp_server *server, int adapter)
{
	const char *port = strstr(kp_server_endpoint(server, adapter), "-p ");
	printf("listening on 127.0.0.1:%ld\n", port ? strtol(port + 3, NULL, 10) : 0);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct settings settings = {.port = -1, .threads = 1};
	if (!parse_options(argc, argv, &settings)) {
		fprintf(stderr,
		        "usage: echo-server --port PORT [--threads N]    (port 0: any free one)\n");
		return 2;
	}
	sigset_t signals = block_signals();
	struct kp_server *server = NULL;
	int adapter = 0;
	struct kp_why why = {""};
	kp_err err = open_server(&settings, &server, &adapter, &why);
	if (err != KP_OK) {
		fprintf(stderr, "echo-server: %s\n", why.text[0] ? why.text : kp_err_text(err));
		kp_server_close(server);
		return 1;
	}
	print_port(server, adapter);
	wait_for_end(&signals, server, adapter);
	kp_server_stop(server, 1000);
	kp_server_close(server);
	return 0;
}
