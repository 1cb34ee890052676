// load.c - the load generator: calls an echo server and tells how fast it answered.
#include "drive.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
        "usage: load --port PORT [options]\n"
        "  --host ADDRESS      where the server is (127.0.0.1)\n"
        "  --connections N     how many connections (1)\n"
        "  --outstanding N     calls in flight on each (1)\n"
        "  --size BYTES        what each call carries (128)\n"
        "  --seconds S         how long to measure (2)\n"
        "  --calls N           stop after so many measured calls, and after 60 seconds at the "
        "latest\n"
        "  --warmup S          how long to call before measuring (0.2)\n"
        "  --pid PID           the server's process, to measure its CPU time\n"
        "  --mark              send SIGUSR1 to it when measuring starts and when it ends\n"
        "  --fresh             encode every request anew, as a client does\n"
        "  --json              print one JSON object\n";

struct settings {
	struct drive_options drive;
	bool is_json;
};

static const struct option long_options[] = {
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"outstanding", required_argument, NULL, 'o'},
        {"size", required_argument, NULL, 's'},
        {"seconds", required_argument, NULL, 't'},
        {"calls", required_argument, NULL, 'n'},
        {"warmup", required_argument, NULL, 'w'},
        {"pid", required_argument, NULL, 'P'},
        {"mark", no_argument, NULL, 'm'},
        {"fresh", no_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {0},
};

static bool parse_whole(const char *text, long max, long *ret)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < 0 || value > max)
		return false;
	*ret = value;
	return true;
}

static bool parse_seconds(const char *text, int64_t *ret_ns)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value <= 3600))
		return false;
	*ret_ns = (int64_t)(value * 1e9);
	return true;
}

static bool set_number(struct drive_options *drive, int option, long value)
{
	switch (option) {
	case 'p':
		drive->port = (uint16_t)value;
		return value <= UINT16_MAX;
	case 'c':
		drive->connections = (int)value;
		return true;
	case 'o':
		drive->outstanding = (int)value;
		return true;
	case 's':
		drive->size = (size_t)value;
		return true;
	case 'n':
		drive->calls = (uint64_t)value;
		return true;
	case 'P':
		drive->pid = (pid_t)value;
		return true;
	default:
		return false;
	}
}

static bool set_option(struct settings *settings, int option, const char *text)
{
	long value;
	switch (option) {
	case 'h':
		settings->drive.host = text;
		return true;
	case 't':
		return parse_seconds(text, &settings->drive.duration_ns);
	case 'w':
		return parse_seconds(text, &settings->drive.warmup_ns);
	case 'm':
		settings->drive.has_marks = true;
		return true;
	case 'f':
		settings->drive.is_fresh = true;
		return true;
	case 'j':
		settings->is_json = true;
		return true;
	default:
		return text && parse_whole(text, 1000000000, &value) &&
		       set_number(&settings->drive, option, value);
	}
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (!set_option(settings, option, optarg))
			return false;
	}
	if (settings->drive.duration_ns == 0)
		settings->drive.duration_ns = settings->drive.calls ? 60000000000 : 2000000000;
	return optind == argc && settings->drive.port;
}

// The quantiles that are told.
static const struct {
	const char *name;
	const char *key;
	double quantile;
} quantiles[] = {
        {"p50", "p50_us", 0.5},
        {"p99", "p99_us", 0.99},
        {"p99.9", "p999_us", 0.999},
        {"max", "max_us", 1},
};

static void print_result(const struct drive_result *result, bool is_json)
{
	double seconds = (double)result->elapsed_ns / 1e9;
	printf(is_json ? "{\"calls\": %" PRIu64 ", \"seconds\": %.3f, \"calls_per_s\": %.0f"
	               : "%" PRIu64 " calls in %.3f s, %.0f calls/s",
	       result->calls, seconds, (double)result->calls / seconds);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		int64_t latency = histogram_quantile(&result->latency, quantiles[i].quantile);
		if (is_json)
			printf(", \"%s\": %.2f", quantiles[i].key, (double)latency / 1e3);
		else
			printf(", %s %.1f µs", quantiles[i].name, (double)latency / 1e3);
	}
	if (result->server_cpu_ns >= 0) {
		double cpu_us = (double)result->server_cpu_ns / 1e3 / (double)result->calls;
		printf(is_json ? ", \"server_cpu_us\": %.4f" : ", server CPU %.3f µs/call", cpu_us);
	}
	double own_us = (double)result->own_cpu_ns / 1e3 / (double)result->calls;
	printf(is_json ? ", \"client_cpu_us\": %.4f}\n" : ", own CPU %.3f µs/call\n", own_us);
}

int main(int argc, char **argv)
{
	struct settings settings = {
	        .drive = {.host = "127.0.0.1",
	                  .connections = 1,
	                  .outstanding = 1,
	                  .size = 128,
	                  .warmup_ns = 200000000},
	};
	if (!parse_options(argc, argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	struct drive_result result;
	struct kp_why why = {""};
	kp_err err = drive_run(&settings.drive, &result, &why);
	if (err == KP_OK && result.calls == 0)
		err = kp_why_set(&why, KP_ERR_TIMEOUT, "no call was answered in the time given");
	if (err != KP_OK) {
		fprintf(stderr, "load: %s\n", why.text);
		return err == KP_ERR_CONNECT || err == KP_ERR_TIMEOUT ? 6 : 1;
	}
	print_result(&result, settings.is_json);
	return 0;
}
