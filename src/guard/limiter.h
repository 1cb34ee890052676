// limiter.h - which requests a server takes when it cannot serve them all.
//
// One limiter guards one adapter on one loop and is asked once per request, before anything is
// queued. It looks at the delay that the request would meet. As long as that is small it costs two
// comparisons (kp_limiter_is_calm). Above, short bursts still pass; a delay that stays makes the
// limiter choose: most important first, fairly among callers, as much as the server completes.
//
//     if (KP_UNLIKELY(!kp_limiter_is_calm(limiter, in_progress, delay_ns)) &&
//         kp_limiter_ask(limiter, &(struct kp_limiter_ask){...}) != KP_ADMIT)
//             refuse with -9, and the mark "busy" for callers that know it;
//     ...
//     kp_limiter_finished(limiter, service_ns);
//
// Delay: of a pool, the longer of what the first in its queue has waited and what its queue's
// length means at the measured time per request; of fibers, how long the wake-up's batch has been
// running.
//
// Callers have slots in a table of KP_LIMITER_CALLERS. Above that size callers share slots, and
// those of one slot count as one caller: together they get one share. Slots of silent callers are
// reused.
//
// Callers of an old SDK shun a server for seconds after one refusal. They are taken as long as the
// delay stays bearable, except for one of them at a time, which is refused everything for a while.
#pragma once

#include "kipp/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KP_LIMITER_CALLERS = 128, // slots; a power of two
	KP_LIMITER_PRIORITIES = 8,
	KP_LIMITER_TOP = 6, // this priority and above are refused only when they alone are too much
};

typedef enum kp_verdict {
	KP_ADMIT,
	KP_REFUSE_CEILING,  // as many requests in progress as there may ever be
	KP_REFUSE_DELAY,    // it would wait too long, as would any other
	KP_REFUSE_SHARE,    // its caller has more than its share already
	KP_REFUSE_PRIORITY, // more important ones are enough to do
	KP_REFUSE_CLUSTER,  // the one old caller whose turn it is
	KP_VERDICTS,
} kp_verdict;

// kp_limiter_options may be all zero; each zero means the default.
struct kp_limiter_options {
	int ceiling;             // requests in progress over all loops, never exceeded; 0: 10240
	int loops;               // that share the ceiling; 0: 1
	int workers;             // threads of the pool; 0: handlers run on fibers
	int floor;               // as many may always wait for a worker; 0: 4
	int64_t target_delay_ns; // that a request may meet for long; 0: 5 ms
	int64_t batch_ns;        // fibers: what one wake-up may do before it refuses; 0: 2 ms
	int64_t interval_ns;     // between two looks at what was completed; 0: 100 ms
	int64_t cluster_ns;      // for how long one old caller is refused; 0: 1 s
	uint64_t seed;           // dice for the callers' table, so that nobody can aim at a slot
	bool is_shadow; // count what would be refused and admit it; the ceiling holds even so
};

struct kp_limiter_stats {
	uint64_t refused[KP_VERDICTS];
	uint64_t shadowed[KP_VERDICTS]; // would have been refused
	uint64_t overloads;             // times that it began to choose
};

// kp_limiter_slot is what is known of one caller.
struct kp_limiter_slot {
	uint32_t key;  // 0: free
	float offered; // requests since the last look, and three quarters of what was there then
	bool is_greedy;
	int64_t next_ns; // when its next request is within its share
};

struct kp_limiter {
	int share;             // of the ceiling; below it the other loops need not be asked
	int64_t calm_delay_ns; // below it nothing is decided; -1 while choosing
	uint64_t calm;         // requests since the last look that met no delay
	uint64_t finished;     // requests completed since the last look

	struct kp_limiter_options options; // with the defaults filled in
	struct kp_limiter_stats stats;
	int64_t look_ns;                         // when the last look was
	uint64_t late;                           // requests since then that met a delay
	uint64_t offered[KP_LIMITER_PRIORITIES]; // since the last look, while choosing
	uint64_t contested; // refused since then for delay or share: the server was busy
	uint64_t refused;   // since then, for whatever reason
	int quiet_looks;    // in a row, without a refusal

	double service_ns; // of one request with a worker, averaged; 0: not known
	double capacity;   // requests completed in one interval when busy; 0: not known
	double demand[KP_LIMITER_PRIORITIES]; // requests in one interval, averaged
	double wished;                        // all of it together
	int level;            // the contested priority: above it all is taken; -1: not known
	int64_t caller_ns;    // between two requests of one caller within its share
	uint32_t cluster_key; // the old caller that is refused
	int64_t cluster_until_ns;
	struct kp_limiter_slot slots[KP_LIMITER_CALLERS];
};

void kp_limiter_init(struct kp_limiter *limiter, const struct kp_limiter_options *options);

// kp_limiter_set changes the options while it runs; the seed stays.
void kp_limiter_set(struct kp_limiter *limiter, const struct kp_limiter_options *options);

// kp_limiter_is_calm is the way of nearly all requests. `in_progress` counts this loop's admitted
// and unfinished requests, without the one at hand. False: ask.
static inline bool kp_limiter_is_calm(struct kp_limiter *limiter, int in_progress, int64_t delay_ns)
{
	if (KP_UNLIKELY(in_progress >= limiter->share || delay_ns > limiter->calm_delay_ns))
		return false;
	limiter->calm++;
	return true;
}

struct kp_limiter_ask {
	int64_t now_ns;   // may be the batch's
	int64_t delay_ns; // as told to kp_limiter_is_calm: the age of the pool queue's first, 0
	                  // when it is empty; fibers: how long this batch has been running
	int in_progress;  // over all loops
	int waiting;      // in the pool's queue; 0 on fibers
	int priority;     // 0..7; -1: the default
	uint32_t caller;  // kp_limiter_caller_key; 0: not known, all such share a slot
	bool knows_busy;  // false: an old SDK, that takes a refusal for a fault
};

// kp_limiter_ask decides over one request that was not calm.
kp_verdict kp_limiter_ask(struct kp_limiter *limiter, const struct kp_limiter_ask *ask);

// kp_limiter_note_service averages how long requests keep a worker.
void kp_limiter_note_service(struct kp_limiter *limiter, int64_t service_ns);

// kp_limiter_finished notes that an admitted request is done. `service_ns` is how long it kept a
// worker of a pool; 0 on fibers, where nobody needs to know.
static inline void kp_limiter_finished(struct kp_limiter *limiter, int64_t service_ns)
{
	limiter->finished++;
	if (service_ns > 0)
		kp_limiter_note_service(limiter, service_ns);
}

// kp_limiter_caller_key makes a caller's key of its name, or of its address if it has none. Made
// once per connection; never 0.
uint32_t kp_limiter_caller_key(const struct kp_limiter *limiter, const void *name, size_t size);

// kp_limiter_is_choosing tells whether it refuses what it cannot serve at present.
static inline bool kp_limiter_is_choosing(const struct kp_limiter *limiter)
{
	return limiter->calm_delay_ns < 0;
}

// kp_limiter_shadowed is how many it would have refused.
uint64_t kp_limiter_shadowed(const struct kp_limiter *limiter);

// kp_verdict_text says why for a person: "its caller has more than its share".
const char *kp_verdict_text(kp_verdict verdict);
