// caller.c - calls an echo server through Kipp's client, and tells what that cost this process.
//
// What load does by hand is done here as a program would: asynchronous calls, calls that wait on
// fibers, or one plain thread that waits for each answer. Every answer is checked.
#include "Demo.h"
#include "base/mem.h"
#include "histogram.h"
#include "malloc_count.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
        "usage: caller --port PORT [options]\n"
        "  --mode MODE         async, fiber or plain: how to wait for answers (async)\n"
        "  --outstanding N     calls in flight, unless the mode is plain (64)\n"
        "  --size BYTES        what each call carries (128)\n"
        "  --seconds S         how long to measure (2)\n"
        "  --calls N           stop after so many calls, the warm-up's not counted\n"
        "  --warmup S          how long to call before measuring (0.2)\n"
        "  --json              print one JSON object\n";

enum {
	OUTSTANDING_MAX = 4096,
	SIZE_MAX_BYTES = 1 << 20,
	PATIENCE_MS = 600000,
	LOOK_INTERVAL = 64, // calls between two looks at the clock, and of which one is timed
};

enum mode {
	ASYNC,
	FIBER,
	PLAIN,
};

static const char *const mode_names[] = {"async", "fiber", "plain"};

struct settings {
	enum mode mode;
	long port, outstanding, size, calls;
	double seconds, warmup;
	bool is_json;
};

enum phase {
	WARMING,
	MEASURING,
	ENDING,
};

struct moment {
	int64_t time_ns, cpu_ns, allocs, mallocs;
};

struct caller {
	const struct settings *settings;
	struct kp_client *client;
	struct Demo_Echo *proxy;
	struct kp_bytes bytes;
	enum phase phase;
	uint64_t calls; // answered in this phase
	struct moment start, end;
	struct histogram latency;
	char failure[256];
};

// A lane is one call in flight, over and over.
struct lane {
	struct caller *caller;
	int64_t sent_ns; // 0: not timed
	uint64_t sent;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct moment look(void)
{
	return (struct moment){
	        .time_ns = clock_ns(CLOCK_MONOTONIC),
	        .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
	        .allocs = kp_mem_allocs(),
	        .mallocs = malloc_count(),
	};
}

static void set_phase(struct caller *caller, enum phase phase)
{
	caller->phase = phase;
	*(phase == MEASURING ? &caller->start : &caller->end) = look();
	if (phase == MEASURING)
		caller->calls = 0;
}

static void step_phase(struct caller *caller)
{
	const struct settings *settings = caller->settings;
	double limit = caller->phase == WARMING ? settings->warmup : settings->seconds;
	double spent = (double)(clock_ns(CLOCK_MONOTONIC) - caller->start.time_ns) / 1e9;
	if (spent >= limit && caller->phase != ENDING)
		set_phase(caller, caller->phase == WARMING ? MEASURING : ENDING);
}

static bool is_last(const struct caller *caller)
{
	return caller->phase == MEASURING && caller->settings->calls &&
	       caller->calls >= (uint64_t)caller->settings->calls;
}

static void fail(struct caller *caller, const char *what)
{
	if (!caller->failure[0])
		snprintf(caller->failure, sizeof(caller->failure), "%s", what);
	caller->phase = ENDING;
}

// take_answer counts a right answer, and ends the run with a wrong one.
static void take_answer(struct lane *lane, kp_err err, int32_t ret, struct kp_bytes rsp)
{
	struct caller *caller = lane->caller;
	if (err != KP_OK) {
		fail(caller, kp_err_text(err));
		return;
	}
	bool is_looked_at = lane->sent % LOOK_INTERVAL == 1;
	if (ret != 0 || rsp.len != caller->bytes.len ||
	    (is_looked_at && rsp.len && memcmp(rsp.ptr, caller->bytes.ptr, rsp.len) != 0)) {
		fail(caller, "an answer is wrong");
		return;
	}
	if (lane->sent_ns && caller->phase == MEASURING)
		histogram_add(&caller->latency, clock_ns(CLOCK_MONOTONIC) - lane->sent_ns);
	caller->calls++;
	if (is_last(caller))
		set_phase(caller, ENDING);
	else if (caller->calls % LOOK_INTERVAL == 0 || caller->settings->mode == PLAIN)
		step_phase(caller);
}

static void before_send(struct lane *lane)
{
	bool is_timed = lane->sent++ % LOOK_INTERVAL == 0 || lane->caller->settings->mode == PLAIN;
	lane->sent_ns = is_timed ? clock_ns(CLOCK_MONOTONIC) : 0;
}

static void on_echo(void *arg, kp_err err, const struct Demo_Echo_echo_result *result)
{
	struct lane *lane = arg;
	struct caller *caller = lane->caller;
	struct kp_bytes rsp = result ? result->rsp : (struct kp_bytes){0};
	take_answer(lane, err, result ? result->ret : 0, rsp);
	if (caller->phase == ENDING)
		return;
	before_send(lane);
	err = Demo_Echo_echo_async(caller->proxy, caller->bytes, on_echo, lane);
	if (err != KP_OK)
		fail(caller, kp_err_text(err));
}

// call_until_end makes one call after another, waiting as this thread or fiber waits.
static void call_until_end(struct lane *lane)
{
	struct caller *caller = lane->caller;
	struct kp_call *call;
	kp_err err = kp_call_open(caller->client, &call);
	if (err != KP_OK) {
		fail(caller, kp_err_text(err));
		return;
	}
	while (caller->phase != ENDING) {
		struct kp_bytes rsp = {0};
		int32_t ret = 0;
		before_send(lane);
		err = Demo_Echo_echo(caller->proxy, call, caller->bytes, &rsp, &ret);
		take_answer(lane, err, ret, rsp);
		kp_call_reset(call);
	}
	kp_call_close(call);
}

// An asynchronous callback runs on a fiber, and so can wait like a handler.
static void on_first(void *arg, kp_err err, const struct Demo_Echo_echo_result *result)
{
	struct lane *lane = arg;
	(void)result;
	if (err != KP_OK)
		fail(lane->caller, kp_err_text(err));
	call_until_end(lane);
}

static kp_err start_lane(struct lane *lane)
{
	struct caller *caller = lane->caller;
	if (caller->settings->mode == FIBER)
		return Demo_Echo_echo_async(caller->proxy, caller->bytes, on_first, lane);
	before_send(lane);
	return Demo_Echo_echo_async(caller->proxy, caller->bytes, on_echo, lane);
}

static void run_lanes(struct caller *caller, struct lane *lanes)
{
	caller->start = look();
	if (caller->settings->mode == PLAIN) {
		call_until_end(&lanes[0]);
		return;
	}
	for (long i = 0; i < caller->settings->outstanding; i++) {
		kp_err err = start_lane(&lanes[i]);
		if (err != KP_OK)
			fail(caller, kp_err_text(err));
	}
	kp_err err = kp_client_drive(caller->client, PATIENCE_MS);
	if (err != KP_OK)
		fail(caller, kp_err_text(err));
}

static kp_err open_client(struct caller *caller, struct kp_why *why)
{
	char object[96];
	snprintf(object, sizeof(object), "Demo.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %ld -t 60000",
	         caller->settings->port);
	kp_err err = kp_client_open(&(struct kp_client_options){0}, &caller->client, why);
	if (err != KP_OK)
		return err;
	caller->proxy = Demo_Echo_proxy(caller->client, object);
	return caller->proxy ? KP_OK : KP_ERR_NOMEM;
}

static void run(struct caller *caller)
{
	size_t size = (size_t)caller->settings->size;
	uint8_t *bytes = malloc(size + 1);
	struct lane *lanes = calloc(OUTSTANDING_MAX, sizeof(*lanes));
	struct kp_why why = {""};
	kp_err err = bytes && lanes ? open_client(caller, &why) : KP_ERR_NOMEM;
	if (err == KP_OK) {
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(i * 31 + 7);
		for (long i = 0; i < OUTSTANDING_MAX; i++)
			lanes[i].caller = caller;
		caller->bytes = (struct kp_bytes){bytes, size};
		run_lanes(caller, lanes);
	} else {
		fail(caller, why.text[0] ? why.text : kp_err_text(err));
	}
	if (caller->client)
		kp_client_close(caller->client);
	free(lanes);
	free(bytes);
}

static bool parse_number(const char *text, long min, long max, long *ret)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

static bool parse_seconds(const char *text, double *ret)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value <= 3600))
		return false;
	*ret = value;
	return true;
}

static bool parse_mode(const char *text, enum mode *ret)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			*ret = (enum mode)i;
			return true;
		}
	}
	return false;
}

static bool set_option(struct settings *settings, int option, const char *text)
{
	switch (option) {
	case 'p':
		return parse_number(text, 1, UINT16_MAX, &settings->port);
	case 'm':
		return parse_mode(text, &settings->mode);
	case 'o':
		return parse_number(text, 1, OUTSTANDING_MAX, &settings->outstanding);
	case 's':
		return parse_number(text, 0, SIZE_MAX_BYTES, &settings->size);
	case 't':
		return parse_seconds(text, &settings->seconds);
	case 'n':
		return parse_number(text, 1, 1000000000, &settings->calls);
	case 'w':
		return parse_seconds(text, &settings->warmup);
	case 'j':
		settings->is_json = true;
		return true;
	default:
		return false;
	}
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
	        {"port", required_argument, NULL, 'p'},
	        {"mode", required_argument, NULL, 'm'},
	        {"outstanding", required_argument, NULL, 'o'},
	        {"size", required_argument, NULL, 's'},
	        {"seconds", required_argument, NULL, 't'},
	        {"calls", required_argument, NULL, 'n'},
	        {"warmup", required_argument, NULL, 'w'},
	        {"json", no_argument, NULL, 'j'},
	        {0},
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (!set_option(settings, option, optarg))
			return false;
	}
	if (settings->seconds == 0)
		settings->seconds = settings->calls ? 600 : 2;
	return optind == argc && settings->port;
}

static void print_result(const struct caller *caller)
{
	double calls = (double)caller->calls;
	double seconds = (double)(caller->end.time_ns - caller->start.time_ns) / 1e9;
	double cpu_us = (double)(caller->end.cpu_ns - caller->start.cpu_ns) / 1e3 / calls;
	double p50_us = (double)histogram_quantile(&caller->latency, 0.5) / 1e3;
	double p99_us = (double)histogram_quantile(&caller->latency, 0.99) / 1e3;
	if (!caller->settings->is_json) {
		printf("%" PRIu64 " calls in %.3f s, %.0f calls/s, p50 %.1f µs, p99 %.1f µs, own "
		       "CPU %.3f µs/call\n",
		       caller->calls, seconds, calls / seconds, p50_us, p99_us, cpu_us);
		return;
	}
	printf("{\"calls\": %" PRIu64 ", \"seconds\": %.3f, \"calls_per_s\": %.0f, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"client_cpu_us\": %.4f, \"allocs\": %" PRId64
	       ", \"mallocs\": %" PRId64 "}\n",
	       caller->calls, seconds, calls / seconds, p50_us, p99_us, cpu_us,
	       caller->end.allocs - caller->start.allocs,
	       caller->end.mallocs - caller->start.mallocs);
}

int main(int argc, char **argv)
{
	struct settings settings = {.outstanding = 64, .size = 128, .warmup = 0.2};
	if (!parse_options(argc, argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	struct caller *caller = calloc(1, sizeof(*caller));
	if (!caller) {
		fprintf(stderr, "caller: out of memory\n");
		return 1;
	}
	caller->settings = &settings;
	run(caller);
	if (!caller->failure[0] && caller->calls == 0)
		fail(caller, "no call was answered in the time given");
	int code = caller->failure[0] ? 1 : 0;
	if (code)
		fprintf(stderr, "caller: %s\n", caller->failure);
	else
		print_result(caller);
	free(caller);
	return code;
}
