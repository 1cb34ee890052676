// soak_client.c - calls in all manners and checks every answer; for the system tests.
//
// usage: soak_client OBJECT SECONDS SEED THREADS TIMEOUT-MS
//
// At the end one line "NAME COUNT" for each outcome. What must never be is "wrong" and
// "unexpected".
#include "Soak.h"
#include "soak.h"

#include "base/mem.h"
#include "os/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	DRIVE_MS = 60000,
	FANOUT = 4,
	BODY_MAX = 300 << 10,
	THREADS_MAX = 16,
	OUTCOMES = 64,
};

struct worker {
	const char *object;
	struct kp_client *client;
	struct Soak_Work *work;
	struct kp_call *call;
	uint64_t dice;
	int64_t until_ns;
	int64_t number;
	long outcomes[OUTCOMES]; // by kp_err
	long wrong;
	long unexpected;
	long notes;
	pthread_t thread;
	uint8_t *body;
};

static uint64_t roll(struct worker *worker, uint64_t count)
{
	uint64_t z = worker->dice += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % count;
}

// count notes how a call ended. Through a bad network a call may be lost, and late, but it never
// becomes another one's answer, or bytes that nobody understands.
static bool count(struct worker *worker, kp_err err)
{
	worker->outcomes[err]++;
	bool is_expected = err == KP_OK || err == KP_ERR_TIMEOUT || err == KP_ERR_CLOSED ||
	                   err == KP_ERR_CONNECT || err == KP_ERR_NOENDPOINT;
	if (!is_expected) {
		worker->unexpected++;
		printf("unexpected: %s\n", kp_err_name(err));
	}
	return err == KP_OK;
}

// question is some bytes; their number is mostly small.
static struct kp_bytes question(struct worker *worker)
{
	static const uint64_t spans[] = {16, 200, 2000, 20000, BODY_MAX};
	size_t len = (size_t)roll(worker, spans[roll(worker, sizeof(spans) / sizeof(*spans))]);
	uint64_t word = roll(worker, UINT64_MAX);
	for (size_t i = 0; i < len; i++)
		worker->body[i] = (uint8_t)(word >> (i % 8 * 8)) ^ (uint8_t)(i >> 3);
	return (struct kp_bytes){worker->body, len};
}

static void check(struct worker *worker, int64_t number, int64_t sum, size_t size, int32_t ret,
                  const struct Soak_Seal *seal, struct kp_bytes answer)
{
	bool is_right =
	        ret == 0 && seal->number == number && seal->sum == sum && answer.len == size;
	for (size_t i = 0; is_right && i < size; i++)
		is_right = answer.ptr[i] == soak_byte(sum, i);
	if (is_right)
		return;
	worker->wrong++;
	printf("wrong: question %lld got the answer of %lld, %zu bytes of %zu\n", (long long)number,
	       (long long)seal->number, answer.len, size);
}

static int32_t answer_size(struct worker *worker)
{
	return (int32_t)roll(worker, roll(worker, 20) == 0 ? BODY_MAX : 2000);
}

static void call_and_wait(struct worker *worker)
{
	struct kp_bytes asked = question(worker), answer = {0};
	struct Soak_Seal seal = {0};
	int32_t ret = -1, size = answer_size(worker);
	int64_t number = ++worker->number;
	kp_err err = Soak_Work_digest(worker->work, worker->call, number, asked, size,
	                              (int32_t)roll(worker, 3), &seal, &answer, &ret);
	if (count(worker, err))
		check(worker, number, soak_sum(asked), (size_t)size, ret, &seal, answer);
}

// asking is one asynchronous call.
struct asking {
	struct worker *worker;
	int64_t number, sum;
	size_t size;
};

static void on_digest(void *arg, kp_err err, const struct Soak_Work_digest_result *result)
{
	struct asking *asking = arg;
	if (count(asking->worker, err))
		check(asking->worker, asking->number, asking->sum, asking->size, result->ret,
		      &result->seal, result->answer);
	kp_free(asking);
}

static void call_async(struct worker *worker)
{
	int calls = 1 + (int)roll(worker, 8);
	for (int i = 0; i < calls; i++) {
		struct kp_bytes asked = question(worker);
		int32_t size = answer_size(worker);
		struct asking *asking = kp_new(struct asking);
		*asking = (struct asking){worker, ++worker->number, soak_sum(asked), (size_t)size};
		kp_err err = Soak_Work_digest_async(worker->work, asking->number, asked, size, 0,
		                                    on_digest, asking);
		if (err != KP_OK) {
			count(worker, err);
			kp_free(asking);
		}
	}
	(void)kp_client_drive(worker->client, DRIVE_MS);
}

static void call_fanout(struct worker *worker)
{
	struct kp_request *requests[FANOUT] = {0};
	int64_t numbers[FANOUT], sums[FANOUT];
	int32_t sizes[FANOUT];
	for (int i = 0; i < FANOUT; i++) {
		struct kp_bytes asked = question(worker);
		numbers[i] = ++worker->number;
		sums[i] = soak_sum(asked);
		sizes[i] = answer_size(worker);
		kp_err err = Soak_Work_digest_begin(worker->work, worker->call, numbers[i], asked,
		                                    sizes[i], 0, &requests[i]);
		if (err != KP_OK)
			count(worker, err);
	}
	(void)kp_join_all(worker->call, requests, FANOUT, 0, NULL);
	for (int i = 0; i < FANOUT; i++) {
		struct Soak_Seal seal = {0};
		struct kp_bytes answer = {0};
		int32_t ret = -1;
		if (!requests[i])
			continue;
		if (roll(worker, 8) == 0) {
			kp_request_cancel(requests[i]);
			continue;
		}
		kp_err err = Soak_Work_digest_end(requests[i], &seal, &answer, &ret);
		if (count(worker, err))
			check(worker, numbers[i], sums[i], (size_t)sizes[i], ret, &seal, answer);
	}
}

static void call_oneway(struct worker *worker)
{
	if (count(worker, Soak_Work_note_oneway(worker->work, ++worker->number)))
		worker->notes++;
}

// call_no asks for an application's "no" and for a handler's failure: each is what it is.
static void call_no(struct worker *worker)
{
	int32_t ret = -1, code = 1 + (int32_t)roll(worker, 100);
	if (count(worker, Soak_Work_refuse(worker->work, worker->call, code, &ret)) && ret != code)
		worker->wrong++;
	kp_err err = Soak_Work_fail(worker->work, worker->call, code, kp_str("no"), &ret);
	if (err != KP_ERR_SERVER)
		(void)count(worker, err);
	else if (kp_call_ret(worker->call) != code ||
	         !kp_str_equal(kp_call_reason(worker->call), kp_str("no")))
		worker->wrong++;
	if (err == KP_OK)
		worker->wrong++;
}

static void *work(void *arg)
{
	static void (*const manners[])(struct worker *) = {call_and_wait, call_async, call_fanout,
	                                                   call_oneway, call_no};
	struct worker *worker = arg;
	while (kp_clock_ns() < worker->until_ns) {
		manners[roll(worker, sizeof(manners) / sizeof(*manners))](worker);
		kp_call_reset(worker->call);
	}
	(void)kp_client_drive(worker->client, DRIVE_MS);
	kp_call_close(worker->call);
	kp_free(worker->body);
	return NULL;
}

static void print_outcomes(const struct worker *workers, int worker_count)
{
	struct worker sum = {0};
	for (int i = 0; i < worker_count; i++) {
		for (int k = 0; k < OUTCOMES; k++)
			sum.outcomes[k] += workers[i].outcomes[k];
		sum.wrong += workers[i].wrong;
		sum.unexpected += workers[i].unexpected;
		sum.notes += workers[i].notes;
	}
	for (int k = 0; k < OUTCOMES; k++)
		if (sum.outcomes[k])
			printf("%s %ld\n", kp_err_name((kp_err)k), sum.outcomes[k]);
	printf("wrong %ld\nunexpected %ld\nnotes %ld\n", sum.wrong, sum.unexpected, sum.notes);
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS_MAX] = {0};
	struct kp_client *client;
	struct kp_why why = {""};
	if (argc != 6)
		return 2;
	int threads = (int)strtol(argv[4], NULL, 10) < THREADS_MAX ? (int)strtol(argv[4], NULL, 10)
	                                                           : THREADS_MAX;
	struct kp_tls_options tls = {.trusts_anybody = true};
	struct kp_client_options options = {
	        .tls = &tls, .timeout_ms = (int)strtol(argv[5], NULL, 10), .caller = "Test.Soak"};
	if (kp_client_open(&options, &client, &why) != KP_OK) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	for (int i = 0; i < threads; i++) {
		struct worker *worker = &workers[i];
		worker->client = client;
		worker->work = Soak_Work_proxy(client, argv[1]);
		worker->dice = strtoull(argv[3], NULL, 10) * 1000 + (uint64_t)i;
		worker->number = (int64_t)i << 40;
		worker->until_ns = kp_clock_ns() + strtoll(argv[2], NULL, 10) * KP_NS_PER_S;
		worker->body = kp_alloc(BODY_MAX);
		if (!worker->body || kp_call_open(client, &worker->call) != KP_OK ||
		    pthread_create(&worker->thread, NULL, work, worker) != 0)
			return 1;
	}
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	kp_client_close(client);
	print_outcomes(workers, threads);
	printf("%lld allocations live\n", (long long)kp_mem_live());
	return 0;
}
