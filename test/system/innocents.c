// innocents.c - callers that count what the misfortune of others costs them; for the system tests.
//
// usage: innocents errors OBJECT                        40 calls in flight, others fail beside them
//        innocents load OBJECT THREADS WINDOW TIMEOUT-MS RETRIES
//                                                       WINDOW calls at a time, until SIGTERM
//        innocents sparse OBJECT CALLERS INTERVAL-MS    each calls once in an interval, until
//        SIGTERM
//
// load and sparse say "N calls" now and then. On SIGUSR1 they count anew and say "counting"; at the
// end they say "NAME COUNT" for each outcome.
#include "Soak.h"

#include "base/mem.h"
#include "os/clock.h"

#include <kipp/kipp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	IN_FLIGHT = 40,
	PAUSE_MS = 300,
	SHARE_CALLS = 200,
	WINDOW_MAX = 64,
	OUTCOMES = 64,
	THREADS_MAX = 200,
	SAY_EVERY = 100,
};

static int is_ending; // atomic
static volatile sig_atomic_t is_new_count;
static long outcomes[OUTCOMES]; // atomic; by kp_err
static long calls;              // atomic

static void on_signal(int number)
{
	if (number == SIGUSR1)
		is_new_count = 1;
	else
		__atomic_store_n(&is_ending, 1, __ATOMIC_RELAXED);
}

static void count(kp_err err)
{
	__atomic_fetch_add(&outcomes[err], 1, __ATOMIC_RELAXED);
	long number = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (number % SAY_EVERY == 0) {
		printf("%ld calls\n", number);
		fflush(stdout);
	}
}

static void print_outcomes(void)
{
	for (int i = 0; i < OUTCOMES; i++)
		if (outcomes[i])
			printf("%s %ld\n", kp_err_name((kp_err)i), outcomes[i]);
	printf("%lld allocations live\n", (long long)kp_mem_live());
}

static struct kp_client *open_client(int timeout_ms)
{
	struct kp_client *client = NULL;
	struct kp_client_options options = {.timeout_ms = timeout_ms, .caller = "Test.Innocent"};
	if (kp_client_open(&options, &client, NULL) != KP_OK)
		exit(1);
	return client;
}

// --- errors

static void on_answer(void *arg, kp_err err, const struct Soak_Work_digest_result *result)
{
	count(err != KP_OK || result->ret == 0 ? err : KP_ERR_STATE);
}

// count_shares asks who answers, and tells how many calls each got.
static void count_shares(struct Soak_Work *work, struct kp_call *call)
{
	int64_t pids[2] = {0};
	int shares[2] = {0};
	for (int i = 0; i < SHARE_CALLS; i++) {
		int64_t pid = 0;
		if (Soak_Work_pid(work, call, &pid) != KP_OK)
			continue;
		int at = pids[0] == 0 || pids[0] == pid ? 0 : 1;
		pids[at] = pid;
		shares[at]++;
	}
	printf("shares %d %d\n", shares[0], shares[1]);
}

static int run_errors(const char *object)
{
	struct kp_client *client = open_client(60000);
	struct Soak_Work *work = Soak_Work_proxy(client, object);
	struct kp_call *call;
	struct kp_bytes nothing = {0};
	int32_t ret;
	if (kp_call_open(client, &call) != KP_OK)
		return 1;
	for (int i = 0; i < IN_FLIGHT; i++)
		(void)Soak_Work_digest_async(work, i, nothing, 10, PAUSE_MS, on_answer, NULL);
	for (int i = 0; i < 8; i++) {
		bool is_right =
		        Soak_Work_fail(work, call, 7, kp_str("no"), &ret) == KP_ERR_SERVER &&
		        kp_call_ret(call) == 7;
		is_right = Soak_Work_refuse(work, call, 9, &ret) == KP_OK && ret == 9 && is_right;
		printf("%s\n", is_right ? "refused" : "wrong");
	}
	(void)kp_client_drive(client, 60000);
	count_shares(work, call);
	kp_call_close(call);
	kp_client_close(client);
	print_outcomes();
	return 0;
}

// --- load

struct load {
	struct kp_client *client;
	struct Soak_Work *work;
	int window;
	int interval_ms;
	int number;
	int count;
	pthread_t thread;
};

static void call_window(struct load *load, struct kp_call *call)
{
	struct kp_request *requests[WINDOW_MAX] = {0};
	struct kp_bytes nothing = {0};
	for (int i = 0; i < load->window; i++) {
		kp_err err =
		        Soak_Work_digest_begin(load->work, call, i, nothing, 100, 2, &requests[i]);
		if (err != KP_OK)
			count(err);
	}
	(void)kp_join_all(call, requests, (size_t)load->window, 0, NULL);
	for (int i = 0; i < load->window; i++) {
		struct Soak_Seal seal;
		struct kp_bytes answer;
		int32_t ret;
		if (requests[i])
			count(Soak_Work_digest_end(requests[i], &seal, &answer, &ret));
	}
}

static void *load_main(void *arg)
{
	struct load *load = arg;
	struct kp_call *call;
	if (kp_call_open(load->client, &call) != KP_OK)
		return NULL;
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
		call_window(load, call);
		kp_call_reset(call);
	}
	kp_call_close(call);
	return NULL;
}

// watch_signals counts anew when told to, until the end.
static void watch_signals(void)
{
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
		struct timespec pause = {.tv_nsec = 2000000};
		nanosleep(&pause, NULL);
		if (!is_new_count)
			continue;
		is_new_count = 0;
		for (int i = 0; i < OUTCOMES; i++)
			__atomic_store_n(&outcomes[i], 0, __ATOMIC_RELAXED);
		printf("counting\n");
		fflush(stdout);
	}
}

static int run_load(char **args)
{
	static struct load loads[THREADS_MAX];
	int threads = (int)strtol(args[1], NULL, 10);
	bool may_retry = strcmp(args[4], "0") != 0;
	struct kp_client *client = open_client((int)strtol(args[3], NULL, 10));
	struct Soak_Work *work = Soak_Work_proxy(client, args[0]);
	struct kp_function_policy policy = {.is_idempotent = may_retry,
	                                    .retries_max = may_retry ? 3 : -1};
	struct kp_proxy_options options = {.policies = &policy, .policy_count = 1};
	if (kp_proxy_configure((struct kp_proxy *)work, &options) != KP_OK)
		return 1;
	for (int i = 0; i < threads; i++) {
		loads[i] = (struct load){
		        .client = client, .work = work, .window = (int)strtol(args[2], NULL, 10)};
		if (pthread_create(&loads[i].thread, NULL, load_main, &loads[i]) != 0)
			return 1;
	}
	watch_signals();
	for (int i = 0; i < threads; i++)
		pthread_join(loads[i].thread, NULL);
	kp_client_close(client);
	print_outcomes();
	return 0;
}

// --- sparse

static void *sparse_main(void *arg)
{
	struct load *load = arg;
	struct kp_call *call;
	if (kp_call_open(load->client, &call) != KP_OK)
		return NULL;
	int64_t phase_ns = load->interval_ms * (int64_t)KP_NS_PER_MS * load->number / load->count;
	int64_t next_ns = kp_clock_ns() + phase_ns;
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
		struct timespec pause = {.tv_nsec = 5000000};
		int64_t pid;
		if (kp_clock_ns() < next_ns) {
			nanosleep(&pause, NULL);
			continue;
		}
		count(Soak_Work_pid(load->work, call, &pid));
		kp_call_reset(call);
		next_ns += load->interval_ms * (int64_t)KP_NS_PER_MS;
	}
	kp_call_close(call);
	return NULL;
}

static int run_sparse(char **args)
{
	static struct load loads[THREADS_MAX];
	int callers = (int)strtol(args[1], NULL, 10);
	for (int i = 0; i < callers; i++) {
		struct kp_client *client = open_client(1000);
		loads[i] = (struct load){.client = client,
		                         .work = Soak_Work_proxy(client, args[0]),
		                         .interval_ms = (int)strtol(args[2], NULL, 10),
		                         .number = i,
		                         .count = callers};
		if (pthread_create(&loads[i].thread, NULL, sparse_main, &loads[i]) != 0)
			return 1;
	}
	watch_signals();
	for (int i = 0; i < callers; i++) {
		pthread_join(loads[i].thread, NULL);
		kp_client_close(loads[i].client);
	}
	print_outcomes();
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (argc == 3 && strcmp(argv[1], "errors") == 0)
		return run_errors(argv[2]);
	if (argc == 7 && strcmp(argv[1], "load") == 0)
		return run_load(argv + 2);
	if (argc == 5 && strcmp(argv[1], "sparse") == 0)
		return run_sparse(argv + 2);
	return 2;
}
