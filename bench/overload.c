// overload.c - offers a server more than it can serve, from several callers, and tells who was
// served.
//
// Calls are made by the clock, whatever becomes of the earlier ones, as a crowd makes them. One
// caller is greedy: the others want four fifths of a fair share each, whatever it does, and it
// makes up the rest. A twentieth of the capacity of each caller's calls is important, and half of
// what the greedy one adds is not important at all.
#include "Demo.h"
#include "histogram.h"

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
        "usage: overload --port PORT --capacity RATE [options]\n"
        "       overload --port PORT --closed N [options]      how much it serves N at a time\n"
        "  --times X           of the capacity, is offered (2)\n"
        "  --seconds S         measured (2)\n"
        "  --warmup S          before that (1)\n"
        "  --timeout-ms N      of a call (500)\n";

enum {
	CALLERS = 4, // the last one is greedy
	GREEDY = CALLERS - 1,
	CLOSED_MAX = 1024,
	DRAIN_MS = 5000,
	TICK_MS = 1,
};

static const double modest_share = 0.2; // of the capacity, that a modest caller offers
static const double important_share =
        0.05; // of the capacity, that each caller's important calls are

enum rank {
	IMPORTANT,
	NORMAL,
	UNIMPORTANT,
	RANKS,
};

static const int priorities[RANKS] = {[IMPORTANT] = 7, [NORMAL] = 4, [UNIMPORTANT] = 1};

struct settings {
	long port, closed, timeout_ms;
	double capacity, times, seconds, warmup;
};

struct tally {
	uint64_t sent, good, refused, late, failed;
};

struct caller {
	const struct settings *settings;
	int index;
	pthread_t thread;
	struct kp_client *client;
	struct kp_proxy *proxy;
	struct kp_call *scopes[RANKS];
	double rates[RANKS];      // calls per second
	double due[RANKS];        // calls that should have been made by now and were not
	int64_t start_ns, end_ns; // of what is measured
	struct tally tallies[RANKS];
	struct histogram good, refused;
	const char *failure;
};

// A sent travels with its call.
struct sent {
	struct caller *caller;
	int64_t at_ns;
	int32_t rank;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void send_call(struct caller *caller, enum rank rank);

static void on_answer(void *context, kp_err err, struct kp_decoder *in)
{
	const struct sent *sent = context;
	struct caller *caller = sent->caller;
	(void)in;
	int64_t now = now_ns();
	if (sent->at_ns >= caller->start_ns && sent->at_ns < caller->end_ns) {
		struct tally *tally = &caller->tallies[sent->rank];
		tally->sent++;
		tally->good += err == KP_OK;
		tally->refused += err == KP_ERR_OVERLOAD;
		tally->late += err == KP_ERR_TIMEOUT;
		tally->failed += err != KP_OK && err != KP_ERR_OVERLOAD && err != KP_ERR_TIMEOUT;
		if (err == KP_OK)
			histogram_add(&caller->good, now - sent->at_ns);
		else if (err == KP_ERR_OVERLOAD)
			histogram_add(&caller->refused, now - sent->at_ns);
	}
	if (caller->settings->closed && now < caller->end_ns)
		send_call(caller, NORMAL);
}

static void send_call(struct caller *caller, enum rank rank)
{
	struct kp_request *request;
	struct sent sent = {caller, now_ns(), (int32_t)rank};
	kp_err err = kp_request_open(caller->proxy, caller->scopes[rank], kp_str("work"), &request);
	if (err == KP_OK) {
		kp_i32_encode(kp_request_body(request), 1, 0);
		err = kp_request_async(request, on_answer, &sent, sizeof(sent));
	}
	if (err != KP_OK)
		caller->failure = kp_err_text(err);
}

// send_due makes the calls that are due after `spent` seconds more, ranks mixed as they come.
static void send_due(struct caller *caller, double spent)
{
	for (int rank = 0; rank < RANKS; rank++) {
		caller->due[rank] += caller->rates[rank] * spent;
		for (; caller->due[rank] >= 1 && !caller->failure; caller->due[rank]--)
			send_call(caller, (enum rank)rank);
	}
}

static void run_open(struct caller *caller)
{
	int64_t last_ns = now_ns();
	while (last_ns < caller->end_ns && !caller->failure) {
		kp_client_listen(caller->client, TICK_MS);
		int64_t now = now_ns();
		send_due(caller, (double)(now - last_ns) / 1e9);
		last_ns = now;
	}
}

static void *run_caller(void *arg)
{
	struct caller *caller = arg;
	if (caller->settings->closed) {
		for (long i = 0; i < caller->settings->closed; i++)
			send_call(caller, NORMAL);
		int64_t left_ms = (caller->end_ns - now_ns()) / 1000000;
		kp_client_drive(caller->client, (int)left_ms + DRAIN_MS);
	} else {
		run_open(caller);
		kp_client_drive(caller->client, DRAIN_MS);
	}
	return NULL;
}

static kp_err open_caller(struct caller *caller, const struct settings *settings, int index)
{
	char name[32], object[96];
	snprintf(name, sizeof(name), "Bench.Caller%d", index);
	snprintf(object, sizeof(object), "Demo.WorkServer.WorkObj@tcp -h 127.0.0.1 -p %ld -t 60000",
	         settings->port);
	struct kp_client_options options = {.timeout_ms = (int)settings->timeout_ms,
	                                    .caller = name};
	kp_err err = kp_client_open(&options, &caller->client, NULL);
	if (err != KP_OK)
		return err;
	caller->proxy = kp_client_proxy(caller->client, object);
	if (!caller->proxy)
		return KP_ERR_NOMEM;
	// A refused call is told, not sent again: what is offered is what was asked for.
	struct kp_function_policy policy = {.retries_max = -1};
	err = kp_proxy_configure(
	        caller->proxy, &(struct kp_proxy_options){.policies = &policy, .policy_count = 1});
	for (int rank = 0; rank < RANKS && err == KP_OK; rank++) {
		err = kp_call_open(caller->client, &caller->scopes[rank]);
		if (err == KP_OK)
			kp_call_set_priority(caller->scopes[rank], priorities[rank]);
	}
	return err;
}

static void share_out(struct caller *caller)
{
	const struct settings *settings = caller->settings;
	double modest = modest_share * settings->capacity;
	double all = settings->times * settings->capacity;
	double own = caller->index == GREEDY ? all - GREEDY * modest : modest;
	double rest = own - important_share * settings->capacity;
	caller->rates[IMPORTANT] = important_share * settings->capacity;
	caller->rates[NORMAL] = caller->index == GREEDY ? rest / 2 : rest;
	caller->rates[UNIMPORTANT] = rest - caller->rates[NORMAL];
}

static void close_caller(struct caller *caller)
{
	for (int rank = 0; rank < RANKS; rank++)
		kp_call_close(caller->scopes[rank]);
	if (caller->client)
		kp_client_close(caller->client);
}

static const char *run(struct caller *callers, const struct settings *settings, int count)
{
	int64_t start_ns = now_ns() + (int64_t)(settings->warmup * 1e9);
	int64_t end_ns = start_ns + (int64_t)(settings->seconds * 1e9);
	const char *failure = NULL;
	int started = 0;
	for (int i = 0; i < count && !failure; i++) {
		struct caller *caller = &callers[i];
		*caller = (struct caller){
		        .settings = settings, .index = i, .start_ns = start_ns, .end_ns = end_ns};
		kp_err err = open_caller(caller, settings, i);
		if (err != KP_OK)
			failure = kp_err_text(err);
		share_out(caller);
	}
	for (; started < count && !failure; started++)
		if (pthread_create(&callers[started].thread, NULL, run_caller, &callers[started]) !=
		    0)
			failure = "cannot start a thread";
	for (int i = 0; i < started; i++)
		pthread_join(callers[i].thread, NULL);
	for (int i = 0; i < count; i++) {
		failure = failure ? failure : callers[i].failure;
		close_caller(&callers[i]);
	}
	return failure;
}

static void add(struct tally *sum, const struct tally *tally)
{
	sum->sent += tally->sent;
	sum->good += tally->good;
	sum->refused += tally->refused;
	sum->late += tally->late;
	sum->failed += tally->failed;
}

static void merge(struct histogram *sum, const struct histogram *histogram)
{
	sum->count += histogram->count;
	if (histogram->max_ns > sum->max_ns)
		sum->max_ns = histogram->max_ns;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum->buckets[i] += histogram->buckets[i];
}

static void print_tally(const char *name, const struct tally *tally)
{
	printf("\"%s\": {\"sent\": %" PRIu64 ", \"good\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"late\": %" PRIu64 ", \"failed\": %" PRIu64 "}, ",
	       name, tally->sent, tally->good, tally->refused, tally->late, tally->failed);
}

static double quantile_ms(const struct histogram *histogram, double quantile)
{
	return (double)histogram_quantile(histogram, quantile) / 1e6;
}

static void print_result(struct caller *callers, int count)
{
	struct tally all = {0}, modest = {0}, ranks[RANKS] = {{0}};
	for (int i = 0; i < count; i++) {
		for (int rank = 0; rank < RANKS; rank++) {
			add(&all, &callers[i].tallies[rank]);
			add(&ranks[rank], &callers[i].tallies[rank]);
			if (i != GREEDY)
				add(&modest, &callers[i].tallies[rank]);
		}
		if (i > 0) {
			merge(&callers[0].good, &callers[i].good);
			merge(&callers[0].refused, &callers[i].refused);
		}
	}
	const struct histogram *good = &callers[0].good, *refused = &callers[0].refused;
	printf("{");
	print_tally("all", &all);
	print_tally("modest", &modest);
	print_tally("important", &ranks[IMPORTANT]);
	print_tally("normal", &ranks[NORMAL]);
	print_tally("unimportant", &ranks[UNIMPORTANT]);
	printf("\"good_per_s\": %.1f, \"good_p99_ms\": %.3f, \"refused_p50_ms\": %.3f, "
	       "\"refused_p99_ms\": %.3f, \"refused_max_ms\": %.3f}\n",
	       (double)all.good / callers[0].settings->seconds, quantile_ms(good, 0.99),
	       quantile_ms(refused, 0.5), quantile_ms(refused, 0.99), quantile_ms(refused, 1));
}

static bool parse_double(const char *text, double max, double *ret)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value <= max))
		return false;
	*ret = value;
	return true;
}

static bool set_option(struct settings *settings, int option, const char *text)
{
	double value;
	switch (option) {
	case 'c':
		return parse_double(text, 1e6, &settings->capacity);
	case 'x':
		return parse_double(text, 1000, &settings->times) && settings->times >= 1;
	case 's':
		return parse_double(text, 600, &settings->seconds) && settings->seconds > 0;
	case 'w':
		return parse_double(text, 600, &settings->warmup);
	default:
		break;
	}
	if (!parse_double(text, UINT16_MAX, &value))
		return false;
	long *number = option == 'p'   ? &settings->port
	               : option == 'n' ? &settings->closed
	               : option == 't' ? &settings->timeout_ms
	                               : NULL;
	if (!number)
		return false;
	*number = (long)value;
	return true;
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
	        {"port", required_argument, NULL, 'p'},
	        {"capacity", required_argument, NULL, 'c'},
	        {"closed", required_argument, NULL, 'n'},
	        {"times", required_argument, NULL, 'x'},
	        {"seconds", required_argument, NULL, 's'},
	        {"warmup", required_argument, NULL, 'w'},
	        {"timeout-ms", required_argument, NULL, 't'},
	        {0},
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == '?' || !set_option(settings, option, optarg))
			return false;
	}
	return optind == argc && settings->port && settings->closed <= CLOSED_MAX &&
	       (settings->closed || settings->capacity > 0);
}

int main(int argc, char **argv)
{
	struct settings settings = {.times = 2, .seconds = 2, .warmup = 1, .timeout_ms = 500};
	if (!parse_options(argc, argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	struct caller *callers = calloc(CALLERS, sizeof(*callers));
	if (!callers) {
		fprintf(stderr, "overload: out of memory\n");
		return 1;
	}
	int count = settings.closed ? 1 : CALLERS;
	const char *failure = run(callers, &settings, count);
	if (failure)
		fprintf(stderr, "overload: %s\n", failure);
	else
		print_result(callers, count);
	free(callers);
	return failure ? 1 : 0;
}
