// limiter.c - which requests a server takes when it cannot serve them all.
#include "guard/limiter.h"

#include "base/hash.h"
#include "guard/travel.h"

#include <string.h>

enum {
	CEILING_DEFAULT = 10240,
	FLOOR_DEFAULT = 4,
	RESERVED_FROM = 256, // smaller ceilings keep nothing back for the important
	BURST_TARGETS = 4,   // a delay of as many targets passes once, as a burst
	FIT_TARGETS = 8,
	LATE_MIN = 16, // fewer are no overload
	FIRST_FINISHED_MIN = 16,
	LOOK_FINISHED_MIN = 64,
	LOOK_INTERVALS_MAX = 10, // a look does not wait longer for that many
	QUIET_LOOKS = 2,
	PROBES = 4, // places of a caller in the table
};

#define TARGET_NS_DEFAULT   5000000
#define BATCH_NS_DEFAULT    2000000
#define INTERVAL_NS_DEFAULT 100000000
#define CLUSTER_NS_DEFAULT  1000000000

// Of what is completed, so much is promised; the rest is for whoever comes first, and keeps the
// promises in spite of chance.
#define PROMISED 0.9

static int64_t max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

// --- options

static int kept_back(const struct kp_limiter *limiter, int part)
{
	int ceiling = limiter->options.ceiling;
	return ceiling < RESERVED_FROM ? 0 : ceiling / part;
}

void kp_limiter_set(struct kp_limiter *limiter, const struct kp_limiter_options *options)
{
	struct kp_limiter_options *own = &limiter->options;
	uint64_t seed = own->seed;
	*own = *options;
	own->seed = seed;
	if (own->ceiling <= 0)
		own->ceiling = CEILING_DEFAULT;
	if (own->loops <= 0)
		own->loops = 1;
	if (own->floor <= 0)
		own->floor = FLOOR_DEFAULT;
	if (own->target_delay_ns <= 0)
		own->target_delay_ns = TARGET_NS_DEFAULT;
	if (own->batch_ns <= 0)
		own->batch_ns = BATCH_NS_DEFAULT;
	if (own->interval_ns <= 0)
		own->interval_ns = INTERVAL_NS_DEFAULT;
	if (own->cluster_ns <= 0)
		own->cluster_ns = CLUSTER_NS_DEFAULT;
	limiter->share = (own->ceiling - kept_back(limiter, 16)) / own->loops;
	if (!kp_limiter_is_choosing(limiter))
		limiter->calm_delay_ns = own->target_delay_ns;
}

void kp_limiter_init(struct kp_limiter *limiter, const struct kp_limiter_options *options)
{
	memset(limiter, 0, sizeof(*limiter));
	limiter->options.seed = options->seed;
	limiter->level = -1;
	kp_limiter_set(limiter, options);
}

void kp_limiter_note_service(struct kp_limiter *limiter, int64_t service_ns)
{
	double known = limiter->service_ns;
	limiter->service_ns =
	        known > 0 ? known + ((double)service_ns - known) / 16 : (double)service_ns;
}

// --- callers

uint32_t kp_limiter_caller_key(const struct kp_limiter *limiter, const void *name, size_t size)
{
	uint32_t key = (uint32_t)(kp_hash(name, size, limiter->options.seed) >> 32);
	return key ? key : 1;
}

// find_slot returns the caller's slot, a free one, or the one that it has to share.
static struct kp_limiter_slot *find_slot(struct kp_limiter *limiter, uint32_t key)
{
	struct kp_limiter_slot *unused = NULL;
	for (unsigned i = 0; i < PROBES; i++) {
		struct kp_limiter_slot *slot = &limiter->slots[(key + i) % KP_LIMITER_CALLERS];
		if (slot->key == key)
			return slot;
		if (slot->key == 0 && !unused)
			unused = slot;
	}
	if (!unused)
		return &limiter->slots[key % KP_LIMITER_CALLERS];
	*unused = (struct kp_limiter_slot){.key = key};
	return unused;
}

// A slot's `offered` is four times what one interval brings when that is steady.
static double wish_of(const struct kp_limiter_slot *slot)
{
	return (double)slot->offered / 4;
}

// share_out returns the most that one caller may have, so that all that callers get of their wishes
// is `amount`: those who wish less leave the rest to the others.
static double share_out(const struct kp_limiter *limiter, double amount)
{
	double share = 0, modest = 0;
	for (int round = 0; round < 8; round++) {
		double granted = 0;
		int greedy = 0;
		for (int i = 0; i < KP_LIMITER_CALLERS; i++) {
			const struct kp_limiter_slot *slot = &limiter->slots[i];
			if (slot->key == 0)
				continue;
			if (round > 0 && wish_of(slot) <= share)
				granted += wish_of(slot);
			else
				greedy++;
		}
		if (greedy == 0 || (round > 0 && granted <= modest))
			break;
		modest = granted;
		share = (amount - granted) / greedy;
	}
	return share;
}

// judge_callers notes who wishes more than its share, and lets old wishes fade.
static void judge_callers(struct kp_limiter *limiter, double share)
{
	for (int i = 0; i < KP_LIMITER_CALLERS; i++) {
		struct kp_limiter_slot *slot = &limiter->slots[i];
		slot->is_greedy = limiter->options.workers == 0 && wish_of(slot) > 1.5 * share;
		slot->offered *= 0.75F;
		if (slot->offered < 0.01F)
			*slot = (struct kp_limiter_slot){0};
	}
}

// --- looks

static void begin_look(struct kp_limiter *limiter, int64_t now_ns)
{
	limiter->look_ns = now_ns;
	limiter->calm = limiter->late = limiter->finished = 0;
	limiter->contested = limiter->refused = 0;
	memset(limiter->offered, 0, sizeof(limiter->offered));
}

static void begin_choosing(struct kp_limiter *limiter, int64_t now_ns)
{
	limiter->stats.overloads++;
	limiter->calm_delay_ns = -1;
	limiter->level = -1;
	limiter->quiet_looks = 0;
	memset(limiter->slots, 0, sizeof(limiter->slots));
	begin_look(limiter, now_ns);
}

static void end_choosing(struct kp_limiter *limiter)
{
	limiter->calm_delay_ns = limiter->options.target_delay_ns;
}

// learn_capacity: what is completed by a server that has to refuse is all that it can. One that
// does not may be able to do more, which only a try can tell.
static void learn_capacity(struct kp_limiter *limiter, double finished)
{
	if (limiter->capacity <= 0)
		limiter->capacity = finished;
	else if (limiter->contested > 0)
		limiter->capacity +=
		        (finished - limiter->capacity) / (finished < limiter->capacity ? 8 : 4);
	else
		limiter->capacity =
		        1.1 * (finished > limiter->capacity ? finished : limiter->capacity);
}

// choose_level finds the priority that only in part fits into what can be completed, and what is
// left for it.
static double choose_level(struct kp_limiter *limiter, double scale)
{
	double promised = PROMISED * limiter->capacity, above = 0;
	bool is_first = limiter->level < 0;
	for (int i = 0; i < KP_LIMITER_PRIORITIES; i++) {
		double offered = (double)limiter->offered[i] * scale;
		limiter->demand[i] += (offered - limiter->demand[i]) / (is_first ? 1 : 4);
	}
	limiter->wished = 0;
	for (int i = 0; i < KP_LIMITER_PRIORITIES; i++)
		limiter->wished += limiter->demand[i];
	int level = KP_LIMITER_PRIORITIES - 1;
	for (; level > 0 && above + limiter->demand[level] <= promised; level--)
		above += limiter->demand[level];
	limiter->level = level;
	return promised - above;
}

// is_quiet: next to nothing was refused since the last look.
static bool is_quiet(const struct kp_limiter *limiter)
{
	uint64_t offered = 0;
	for (int i = 0; i < KP_LIMITER_PRIORITIES; i++)
		offered += limiter->offered[i];
	return limiter->refused * 50 <= offered;
}

static void look_while_choosing(struct kp_limiter *limiter, double scale)
{
	learn_capacity(limiter, (double)limiter->finished * scale);
	double left = choose_level(limiter, scale);
	double share = share_out(limiter, left);
	double interval_ns = (double)limiter->options.interval_ns;
	limiter->caller_ns = (int64_t)(share > 0.01 ? interval_ns / share : interval_ns * 100);
	judge_callers(limiter, share);
	limiter->quiet_looks = is_quiet(limiter) ? limiter->quiet_looks + 1 : 0;
	if (limiter->quiet_looks >= QUIET_LOOKS)
		end_choosing(limiter);
}

// look takes stock when it is time. While nothing is known it is time sooner.
static void look(struct kp_limiter *limiter, int64_t now_ns)
{
	int64_t interval_ns = limiter->options.interval_ns;
	int64_t elapsed_ns = now_ns - limiter->look_ns;
	bool is_choosing = kp_limiter_is_choosing(limiter);
	if (elapsed_ns < (is_choosing && limiter->level < 0 ? interval_ns / 4 : interval_ns))
		return;
	if (!is_choosing) {
		bool is_recent = elapsed_ns < 2 * interval_ns;
		if (is_recent && limiter->late > limiter->calm && limiter->late >= LATE_MIN)
			begin_choosing(limiter, now_ns);
		begin_look(limiter, now_ns);
		return;
	}
	uint64_t wanted = limiter->level < 0 ? FIRST_FINISHED_MIN : LOOK_FINISHED_MIN;
	if (limiter->finished < wanted && elapsed_ns < LOOK_INTERVALS_MAX * interval_ns)
		return;
	look_while_choosing(limiter, (double)interval_ns / (double)elapsed_ns);
	begin_look(limiter, now_ns);
}

// --- one request

// meeting is what the request at hand would meet.
struct meeting {
	int64_t delay_ns;
	int64_t target_ns; // for those with no right to more
	int64_t fit_ns;    // for those that fit by count: it does not stay
	bool is_free;      // nobody waits
	bool is_low;       // few enough wait for it to be no matter how long
};

// is_flooded: clearly more is asked than can be done.
static bool is_flooded(const struct kp_limiter *limiter)
{
	return limiter->level >= 0 && limiter->wished > 1.2 * limiter->capacity;
}

// On fibers all answers leave at the end of a batch, and what is promised fills most of the next
// one; so what is admitted beyond the promises must be little for batches to stay short.
static struct meeting meet_on_fibers(const struct kp_limiter *limiter,
                                     const struct kp_limiter_ask *ask)
{
	int64_t batch_ns = limiter->options.batch_ns;
	bool is_flood = is_flooded(limiter);
	return (struct meeting){
	        .delay_ns = ask->delay_ns,
	        .target_ns = is_flood ? batch_ns / 16 : batch_ns,
	        .fit_ns = is_flood ? batch_ns : 8 * batch_ns,
	};
}

static struct meeting meet(const struct kp_limiter *limiter, const struct kp_limiter_ask *ask)
{
	const struct kp_limiter_options *options = &limiter->options;
	if (options->workers == 0)
		return meet_on_fibers(limiter, ask);
	double each_ns = limiter->service_ns / options->workers;
	int64_t low_ns = (int64_t)(each_ns * options->floor);
	return (struct meeting){
	        .delay_ns = max_ns(ask->delay_ns, (int64_t)(each_ns * ask->waiting)),
	        .target_ns = max_ns(options->target_delay_ns, low_ns),
	        .fit_ns = max_ns(FIT_TARGETS * options->target_delay_ns, 4 * low_ns),
	        .is_free = ask->waiting == 0,
	        .is_low = ask->waiting < options->floor,
	};
}

// step_of is the time between two requests of a caller within its share. Those that wish more get
// their share in part by promise and the rest like anybody, lest promises fill whole batches.
static int64_t step_of(const struct kp_limiter *limiter, const struct kp_limiter_slot *slot)
{
	return slot->is_greedy ? 2 * limiter->caller_ns : limiter->caller_ns;
}

// choose_contested decides over a request of the priority that only in part fits. The top ones may
// wait longer, for chance alone must not refuse them.
static kp_verdict choose_contested(struct kp_limiter *limiter, const struct kp_limiter_ask *ask,
                                   struct kp_limiter_slot *slot, const struct meeting *meeting)
{
	bool is_top = limiter->level >= KP_LIMITER_TOP;
	bool is_crowded = ask->in_progress >= limiter->options.ceiling - kept_back(limiter, 8);
	int64_t slack_ns = limiter->options.interval_ns / 2 + 7 * limiter->caller_ns;
	if (limiter->level >= 0 && slot->next_ns <= ask->now_ns + slack_ns) {
		// On fibers the few of modest callers may stretch a batch.
		bool may_stretch = limiter->options.workers == 0 && !slot->is_greedy;
		if (meeting->delay_ns >= meeting->fit_ns * (is_top ? 8 : may_stretch ? 4 : 1))
			return KP_REFUSE_DELAY;
		slot->next_ns = max_ns(slot->next_ns, ask->now_ns) + step_of(limiter, slot);
		return KP_ADMIT;
	}
	int64_t most_ns = is_top ? 4 * meeting->fit_ns : meeting->target_ns;
	if (!is_crowded && (meeting->is_low || meeting->delay_ns < most_ns))
		return KP_ADMIT;
	return limiter->level < 0 ? KP_REFUSE_DELAY : KP_REFUSE_SHARE;
}

static kp_verdict choose(struct kp_limiter *limiter, const struct kp_limiter_ask *ask, int priority,
                         const struct meeting *meeting)
{
	limiter->offered[priority]++;
	struct kp_limiter_slot *slot = find_slot(limiter, ask->caller ? ask->caller : 1);
	if (priority < limiter->level)
		return meeting->is_free ? KP_ADMIT : KP_REFUSE_PRIORITY;
	bool is_contested =
	        limiter->level < 0 ? priority < KP_LIMITER_TOP : priority == limiter->level;
	if (is_contested) {
		slot->offered++;
		return choose_contested(limiter, ask, slot, meeting);
	}
	bool is_late = meeting->delay_ns >= meeting->fit_ns;
	return is_late && priority < KP_LIMITER_TOP ? KP_REFUSE_DELAY : KP_ADMIT;
}

// is_burst lets bursts pass; one that is too long for that begins an overload.
static bool is_burst(struct kp_limiter *limiter, const struct kp_limiter_ask *ask,
                     const struct meeting *meeting)
{
	int64_t target_ns = max_ns(meeting->target_ns, limiter->options.target_delay_ns);
	if (meeting->delay_ns >= target_ns)
		limiter->late++;
	else
		limiter->calm++;
	return meeting->delay_ns < BURST_TARGETS * target_ns &&
	       ask->in_progress < limiter->options.ceiling - kept_back(limiter, 16);
}

// spare_old turns most refusals of old callers into admissions, and gathers the others on one.
static kp_verdict spare_old(struct kp_limiter *limiter, const struct kp_limiter_ask *ask,
                            const struct meeting *meeting, kp_verdict verdict)
{
	bool is_chosen = limiter->cluster_key == ask->caller;
	if (is_chosen && ask->now_ns < limiter->cluster_until_ns)
		return KP_REFUSE_CLUSTER;
	if (verdict == KP_ADMIT || meeting->delay_ns >= 2 * meeting->fit_ns)
		return verdict;
	if (ask->now_ns < limiter->cluster_until_ns)
		return KP_ADMIT;
	limiter->cluster_key = ask->caller;
	limiter->cluster_until_ns = ask->now_ns + limiter->options.cluster_ns;
	return KP_REFUSE_CLUSTER;
}

static kp_verdict decide(struct kp_limiter *limiter, const struct kp_limiter_ask *ask)
{
	struct meeting meeting = meet(limiter, ask);
	int priority = ask->priority < 0 ? KP_PRIORITY_DEFAULT : ask->priority;
	int kept = priority >= KP_LIMITER_TOP ? 0 : kept_back(limiter, 16);
	look(limiter, ask->now_ns);
	if (!kp_limiter_is_choosing(limiter)) {
		if (is_burst(limiter, ask, &meeting))
			return KP_ADMIT;
		begin_choosing(limiter, ask->now_ns);
	}
	if (ask->in_progress >= limiter->options.ceiling - kept)
		return KP_REFUSE_CEILING;
	kp_verdict verdict = choose(limiter, ask, priority, &meeting);
	return ask->knows_busy ? verdict : spare_old(limiter, ask, &meeting, verdict);
}

kp_verdict kp_limiter_ask(struct kp_limiter *limiter, const struct kp_limiter_ask *ask)
{
	kp_verdict verdict = decide(limiter, ask);
	if (verdict == KP_ADMIT)
		return KP_ADMIT;
	limiter->refused++;
	if (verdict == KP_REFUSE_DELAY || verdict == KP_REFUSE_SHARE ||
	    verdict == KP_REFUSE_CEILING)
		limiter->contested++;
	if (limiter->options.is_shadow && verdict != KP_REFUSE_CEILING) {
		limiter->stats.shadowed[verdict]++;
		return KP_ADMIT;
	}
	limiter->stats.refused[verdict]++;
	return verdict;
}

uint64_t kp_limiter_shadowed(const struct kp_limiter *limiter)
{
	uint64_t sum = 0;
	for (int i = 0; i < KP_VERDICTS; i++)
		sum += limiter->stats.shadowed[i];
	return sum;
}

const char *kp_verdict_text(kp_verdict verdict)
{
	static const char *const texts[KP_VERDICTS] = {
	        [KP_ADMIT] = "admitted",
	        [KP_REFUSE_CEILING] = "as many calls are in progress as there may be",
	        [KP_REFUSE_DELAY] = "it would wait too long",
	        [KP_REFUSE_SHARE] = "its caller has its share already",
	        [KP_REFUSE_PRIORITY] = "more important calls are enough to do",
	        [KP_REFUSE_CLUSTER] = "its caller is asked to stay away for a while",
	};
	return texts[verdict];
}
