// limiter_sim.h - a server in virtual time behind a limiter, for its tests.
//
// Callers send as they like, whatever is answered. Two kinds of server: a pool of workers with one
// queue, and a loop that runs its requests to their end, batch by batch.
#pragma once

#include "base/assert.h"
#include "guard/limiter.h"

#include <math.h>
#include <string.h>

enum {
	SIM_SOURCES = 200,
	SIM_QUEUE = 1 << 16,
	SIM_WORKERS = 64,
};

// sim_source is one caller with one priority.
struct sim_source {
	double rate; // requests per second
	int priority;
	uint32_t caller;
	bool is_old;
	int64_t next_ns;
	uint64_t offered, served, refused; // counted after the warm-up
	int64_t first_refused_ns, last_refused_ns;
};

struct sim {
	struct kp_limiter limiter;
	struct sim_source sources[SIM_SOURCES];
	int source_count;
	int workers;        // 0: a loop
	int64_t service_ns; // on average
	bool is_fixed;      // all requests take the same time
	int64_t refusal_ns; // what a refusal costs a loop
	int64_t warm_ns, end_ns;
	uint64_t seed;

	int64_t now_ns;
	int in_progress;
	uint64_t served;        // in time
	int64_t wait_max_ns;    // of what was served
	int64_t refusal_max_ns; // a loop's: from arrival to answer
	uint64_t refusals, slow_refusals;
	struct sim_waiting {
		struct sim_source *source;
		int64_t arrived_ns;
	} queue[SIM_QUEUE];
	size_t head, tail;
	struct sim_running {
		struct sim_source *source;
		int64_t arrived_ns, until_ns, service_ns;
	} running[SIM_WORKERS];
};

static inline uint64_t sim_dice(struct sim *sim)
{
	sim->seed = sim->seed * 6364136223846793005u + 1442695040888963407u;
	return sim->seed >> 20;
}

// sim_exponential draws a time between events that come by chance.
static inline int64_t sim_exponential(struct sim *sim, double mean_ns)
{
	double even = (double)(sim_dice(sim) % (1u << 30) + 1) / (double)(1u << 30);
	return (int64_t)(-log(even) * mean_ns);
}

static inline int64_t sim_service(struct sim *sim)
{
	return sim->is_fixed ? sim->service_ns : sim_exponential(sim, (double)sim->service_ns) + 1;
}

// sim_source_add adds a caller; loads are multiples of what the server can do.
static inline struct sim_source *sim_source_add(struct sim *sim, double load, int priority,
                                                uint32_t caller)
{
	kp_assert(sim->source_count < SIM_SOURCES);
	struct sim_source *source = &sim->sources[sim->source_count++];
	int servers = sim->workers ? sim->workers : 1;
	*source = (struct sim_source){.rate = load * servers * 1e9 / (double)sim->service_ns,
	                              .priority = priority,
	                              .caller = caller};
	source->next_ns = sim->now_ns + sim_exponential(sim, 1e9 / source->rate);
	return source;
}

static inline struct sim_source *sim_next_source(struct sim *sim)
{
	struct sim_source *next = &sim->sources[0];
	for (int i = 1; i < sim->source_count; i++)
		if (sim->sources[i].next_ns < next->next_ns)
			next = &sim->sources[i];
	return next;
}

static inline bool sim_is_measured(const struct sim *sim)
{
	return sim->now_ns >= sim->warm_ns;
}

static inline bool sim_admit(struct sim *sim, struct sim_source *source, int64_t delay_ns)
{
	if (sim_is_measured(sim))
		source->offered++;
	if (kp_limiter_is_calm(&sim->limiter, sim->in_progress, delay_ns))
		return true;
	struct kp_limiter_ask ask = {
	        .now_ns = sim->now_ns,
	        .delay_ns = delay_ns,
	        .in_progress = sim->in_progress,
	        .waiting = (int)(sim->tail - sim->head),
	        .priority = source->priority,
	        .caller = source->caller,
	        .knows_busy = !source->is_old,
	};
	if (kp_limiter_ask(&sim->limiter, &ask) == KP_ADMIT)
		return true;
	if (source->refused == 0)
		source->first_refused_ns = sim->now_ns;
	source->last_refused_ns = sim->now_ns;
	if (sim_is_measured(sim))
		source->refused++;
	return false;
}

static inline void sim_finish(struct sim *sim, struct sim_source *source, int64_t arrived_ns,
                              int64_t service_ns)
{
	sim->in_progress--;
	kp_limiter_finished(&sim->limiter, sim->workers ? service_ns : 0);
	if (!sim_is_measured(sim))
		return;
	int64_t wait_ns = sim->now_ns - service_ns - arrived_ns;
	if (wait_ns > sim->wait_max_ns)
		sim->wait_max_ns = wait_ns;
	source->served++;
	if (wait_ns <= 100000000)
		sim->served++;
}

// --- a pool

static inline void sim_work(struct sim *sim, struct sim_running *worker, struct sim_source *source,
                            int64_t arrived_ns)
{
	int64_t service_ns = sim_service(sim);
	*worker = (struct sim_running){source, arrived_ns, sim->now_ns + service_ns, service_ns};
}

static inline void sim_pool_arrive(struct sim *sim, struct sim_source *source)
{
	int64_t delay_ns = 0;
	if (sim->tail != sim->head)
		delay_ns = sim->now_ns - sim->queue[sim->head % SIM_QUEUE].arrived_ns;
	if (!sim_admit(sim, source, delay_ns))
		return;
	sim->in_progress++;
	for (int i = 0; i < sim->workers; i++) {
		if (!sim->running[i].source) {
			sim_work(sim, &sim->running[i], source, sim->now_ns);
			return;
		}
	}
	kp_assert(sim->tail - sim->head < SIM_QUEUE);
	sim->queue[sim->tail++ % SIM_QUEUE] = (struct sim_waiting){source, sim->now_ns};
}

static inline void sim_pool_finish(struct sim *sim, struct sim_running *worker)
{
	sim_finish(sim, worker->source, worker->arrived_ns, worker->service_ns);
	worker->source = NULL;
	if (sim->head == sim->tail)
		return;
	struct sim_waiting *waiting = &sim->queue[sim->head++ % SIM_QUEUE];
	sim_work(sim, worker, waiting->source, waiting->arrived_ns);
}

static inline void sim_run_pool(struct sim *sim)
{
	while (sim->now_ns < sim->end_ns) {
		struct sim_source *source = sim_next_source(sim);
		struct sim_running *first = NULL;
		for (int i = 0; i < sim->workers; i++) {
			struct sim_running *worker = &sim->running[i];
			if (worker->source && (!first || worker->until_ns < first->until_ns))
				first = worker;
		}
		if (first && first->until_ns <= source->next_ns) {
			sim->now_ns = first->until_ns;
			sim_pool_finish(sim, first);
			continue;
		}
		sim->now_ns = source->next_ns;
		source->next_ns += sim_exponential(sim, 1e9 / source->rate) + 1;
		sim_pool_arrive(sim, source);
	}
}

// --- a loop

static inline void sim_answer_refusals(struct sim *sim, const int64_t *arrived_ns, size_t count)
{
	for (size_t i = 0; i < count && sim_is_measured(sim); i++) {
		int64_t took_ns = sim->now_ns - arrived_ns[i];
		sim->refusals++;
		sim->slow_refusals += took_ns > 5000000;
		if (took_ns > sim->refusal_max_ns)
			sim->refusal_max_ns = took_ns;
	}
}

// sim_run_batch serves what has arrived by its begin. Refusals leave at its end.
static inline void sim_run_batch(struct sim *sim)
{
	static int64_t refused_ns[SIM_QUEUE];
	size_t refused = 0;
	int64_t begin_ns = sim->now_ns;
	for (;;) {
		struct sim_source *source = sim_next_source(sim);
		if (source->next_ns > begin_ns)
			break;
		int64_t arrived_ns = source->next_ns;
		source->next_ns += sim_exponential(sim, 1e9 / source->rate) + 1;
		if (!sim_admit(sim, source, sim->now_ns - begin_ns)) {
			sim->now_ns += sim->refusal_ns;
			kp_assert(refused < SIM_QUEUE);
			refused_ns[refused++] = arrived_ns;
			continue;
		}
		int64_t service_ns = sim_service(sim);
		sim->in_progress++;
		sim->now_ns += service_ns;
		sim_finish(sim, source, arrived_ns, service_ns);
	}
	sim_answer_refusals(sim, refused_ns, refused);
}

static inline void sim_run_loop(struct sim *sim)
{
	while (sim->now_ns < sim->end_ns) {
		struct sim_source *source = sim_next_source(sim);
		if (source->next_ns > sim->now_ns)
			sim->now_ns = source->next_ns;
		sim_run_batch(sim);
	}
}

// --- all of it

// sim_init readies a server whose requests take `service_ns`; add sources, then sim_run.
static inline void sim_init(struct sim *sim, int workers, int64_t service_ns, uint64_t seed)
{
	memset(sim, 0, sizeof(*sim));
	sim->workers = workers;
	sim->service_ns = service_ns;
	sim->refusal_ns = 2000;
	sim->seed = seed;
	sim->now_ns = 1000000000;
	kp_limiter_init(&sim->limiter,
	                &(struct kp_limiter_options){.workers = workers, .seed = seed});
}

static inline void sim_run(struct sim *sim, int64_t warm_ns, int64_t measured_ns)
{
	sim->warm_ns = sim->now_ns + warm_ns;
	sim->end_ns = sim->warm_ns + measured_ns;
	if (sim->workers)
		sim_run_pool(sim);
	else
		sim_run_loop(sim);
}

// sim_goodput is the share of the server's capacity that went into requests served in time.
static inline double sim_goodput(const struct sim *sim)
{
	double capacity = (sim->workers ? sim->workers : 1) * 1e9 / (double)sim->service_ns;
	return (double)sim->served / capacity / ((double)(sim->end_ns - sim->warm_ns) / 1e9);
}

// sim_served_share is how much of what a source asked was done.
static inline double sim_served_share(const struct sim_source *source)
{
	return 1 - (double)source->refused / (double)(source->offered ? source->offered : 1);
}
