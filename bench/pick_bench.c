// pick_bench.c - what choosing an endpoint costs, among many.
#include "base/mem.h"
#include "route/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ENDPOINTS = 1000,
	BATCH = 256, // calls in flight together
	BATCHES = 400,
	ROUNDS = 9, // of which the median is told
};

struct service {
	struct kp_evidence_pool pool;
	struct kp_evidence evidence[ENDPOINTS];
	char names[ENDPOINTS][32];
	struct kp_decisions decisions;
};

static const struct way {
	const char *name;
	const struct kp_balancer_ops *balancer;
	enum kp_key_kind key_kind;
	int weight;
} ways[] = {
        {"round robin", &kp_balance_round_robin, KP_KEY_NONE, -1},
        {"weighted", &kp_balance_weighted, KP_KEY_NONE, 1},
        {"by remainder", &kp_balance_modulo, KP_KEY_MODULO, -1},
        {"consistent hash", &kp_balance_consistent, KP_KEY_CONSISTENT, -1},
        {"least latency", &kp_balance_latency, KP_KEY_NONE, -1},
};

static int64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool fill(struct kp_table *table, struct service *service, const struct way *way)
{
	for (int i = 0; i < ENDPOINTS; i++) {
		service->evidence[i].pool = &service->pool;
		snprintf(service->names[i], sizeof(service->names[i]), "tcp:10.0.%d.%d:9001",
		         i / 250, i % 250);
		struct kp_entry_options options = {
		        .name = service->names[i],
		        .evidence = &service->evidence[i],
		        .arg = service,
		        .weight = way->weight < 0 ? -1 : 1 + i % 100,
		        .is_weighed = way->weight >= 0,
		};
		if (kp_table_add(table, &options) != KP_OK)
			return false;
	}
	if (way->key_kind == KP_KEY_CONSISTENT)
		kp_table_want_ring(table);
	return true;
}

// run_batch picks for a batch of calls, adds what that took, and ends them.
static bool run_batch(struct kp_table *table, const struct way *way, uint64_t *key, int64_t now_ns,
                      int64_t *spent_ns)
{
	struct kp_entry *entries[BATCH];
	bool is_fine = true;
	int64_t start_ns = clock_ns();
	for (int i = 0; i < BATCH; i++) {
		*key = *key * UINT64_C(6364136223846793005) + 1442695040888963407;
		struct kp_pick_ask ask = {
		        .now_ns = now_ns, .key_kind = way->key_kind, .key = *key >> 16};
		if (kp_table_wants_refresh(table, now_ns))
			kp_table_refresh(table, now_ns);
		entries[i] = kp_table_pick(table, &ask);
		is_fine &= entries[i] != NULL;
	}
	*spent_ns += clock_ns() - start_ns;
	for (int i = 0; is_fine && i < BATCH; i++)
		kp_table_done(table, entries[i], KP_OUTCOME_GOOD, 1000000, now_ns);
	return is_fine;
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;
	return left < right ? -1 : left > right;
}

static bool measure(struct service *service, const struct way *way, double *ret_ns)
{
	memset(service, 0, sizeof(*service));
	struct kp_table table;
	kp_table_init(&table, &(struct kp_table_options){.balancer = way->balancer,
	                                                 .pool = &service->pool,
	                                                 .decisions = &service->decisions,
	                                                 .isolated_share_max = 50,
	                                                 .seed = 1});
	double rounds[ROUNDS];
	uint64_t key = 1;
	int64_t now_ns = 1;
	bool is_fine = fill(&table, service, way);
	for (int round = 0; is_fine && round < ROUNDS; round++) {
		int64_t spent_ns = 0;
		for (int i = 0; is_fine && i < BATCHES; i++, now_ns += 1000000)
			is_fine = run_batch(&table, way, &key, now_ns, &spent_ns);
		rounds[round] = (double)spent_ns / (BATCH * BATCHES);
	}
	kp_table_fini(&table);
	if (!is_fine)
		return false;
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
	*ret_ns = rounds[ROUNDS / 2];
	return true;
}

int main(int argc, char **argv)
{
	bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	struct service *service = calloc(1, sizeof(*service));
	for (size_t i = 0; service && i < sizeof(ways) / sizeof(ways[0]); i++) {
		double ns;
		if (!measure(service, &ways[i], &ns)) {
			fprintf(stderr, "pick-bench: %s went wrong\n", ways[i].name);
			free(service);
			return 1;
		}
		printf(is_json ? "%s{\"balancer\": \"%s\", \"ns\": %.2f}" : "%s%-16s %6.1f ns\n",
		       !is_json ? ""
		       : i      ? ", "
		                : "[",
		       ways[i].name, ns);
	}
	if (is_json)
		printf("]\n");
	bool is_fine = service != NULL;
	free(service);
	return is_fine ? 0 : 1;
}
