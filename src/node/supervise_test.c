// supervise_test.c - what the life of an instance promises, under virtual time.
#include "node/supervise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MS_NS INT64_C(1000000)
#define S_NS  INT64_C(1000000000)

// A world of one instance: virtual time, and what was asked of us.
struct world {
	struct supervise s;
	int64_t now_ns;
	struct supervise_actions last;
	unsigned seen; // kinds of actions since the last look
};

static bool has(struct world *w, enum supervise_action_kind kind)
{
	bool was_seen = w->seen & (1u << kind);
	w->seen &= ~(1u << kind);
	return was_seen;
}

static void feed(struct world *w, struct supervise_event event)
{
	supervise_step(&w->s, &event, w->now_ns, &w->last);
	for (size_t i = 0; i < w->last.count; i++) {
		w->seen |= 1u << w->last.items[i].kind;
		if (w->last.items[i].kind == SUPERVISE_TELL)
			assert_true(w->last.items[i].text[0] != '\0');
	}
}

#define FEED(w, event_kind, ...) \
	feed(w, (struct supervise_event){.kind = (event_kind), __VA_ARGS__})

// pass lets time go by in ticks of 100 ms; `beats` says whether the server is well meanwhile.
static void pass(struct world *w, int64_t duration_ns, bool beats)
{
	for (int64_t end = w->now_ns + duration_ns; w->now_ns < end;) {
		w->now_ns += 100 * MS_NS;
		if (beats && w->now_ns % S_NS == 0)
			FEED(w, SUPERVISE_BEAT, .adapter = -1);
		FEED(w, SUPERVISE_TICK);
	}
}

static void setup(struct world *w, const char *type)
{
	struct supervise_limits limits;
	supervise_limits_for(kp_str(type), &limits);
	*w = (struct world){.now_ns = S_NS};
	supervise_init(&w->s, &limits, true);
}

static void wish(struct world *w, bool must_run, const char *package, int64_t restart_count)
{
	struct supervise_wish wished = {.must_run = must_run, .restart_count = restart_count};
	snprintf(wished.package, sizeof(wished.package), "%s", package);
	FEED(w, SUPERVISE_WISHED, .wish = &wished);
}

static void bring_up(struct world *w, const char *type)
{
	setup(w, type);
	wish(w, true, "p1", 0);
	assert_true(has(w, SUPERVISE_FETCH));
	FEED(w, SUPERVISE_FETCHED, .package = "p1");
	assert_true(has(w, SUPERVISE_SPAWN));
	FEED(w, SUPERVISE_SPAWNED, .pid = 100);
	assert_int_equal(w->s.state, SUPERVISE_STARTING);
	FEED(w, SUPERVISE_BEAT, .adapter = -1);
	assert_int_equal(w->s.state, SUPERVISE_ACTIVE);
	w->seen = 0;
}

static void supervise_fetches_starts_and_is_active_at_the_first_beat(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	assert_int_equal(w.s.pid, 100);
	pass(&w, 3600 * S_NS, true);
	assert_int_equal(w.seen, 0);
}

static void supervise_starting_beats_do_not_make_it_active(void **state)
{
	struct world w;
	setup(&w, "tars_cpp");
	wish(&w, true, "p1", 0);
	FEED(&w, SUPERVISE_FETCHED, .package = "p1");
	FEED(&w, SUPERVISE_SPAWNED, .pid = 100);
	for (int i = 0; i < 40; i++) {
		pass(&w, 5 * S_NS, false);
		FEED(&w, SUPERVISE_STARTING_BEAT);
	}
	assert_int_equal(w.s.state, SUPERVISE_STARTING);
	assert_false(has(&w, SUPERVISE_KILL));
	pass(&w, 61 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
	assert_non_null(strstr(w.s.reason, "not ready within 60 s"));
}

static void supervise_backs_off_doubling_up_to_the_limit(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	w.s.limits.starts_max = 0;
	int64_t expected_ns = 100 * MS_NS;
	for (int round = 0; round < 14; round++) {
		FEED(&w, SUPERVISE_ENDED, .text = "exited with code 1");
		assert_int_equal(w.s.state, SUPERVISE_BACKOFF);
		assert_false(has(&w, SUPERVISE_SPAWN));
		pass(&w, expected_ns - 100 * MS_NS, false);
		assert_false(has(&w, SUPERVISE_SPAWN));
		pass(&w, 100 * MS_NS, false);
		assert_true(has(&w, SUPERVISE_SPAWN));
		FEED(&w, SUPERVISE_SPAWNED, .pid = 101 + round);
		expected_ns = expected_ns * 2 > 30 * S_NS ? 30 * S_NS : expected_ns * 2;
	}
}

static void supervise_forgives_after_a_minute_of_health(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	for (int round = 0; round < 5; round++) {
		FEED(&w, SUPERVISE_ENDED, .text = "killed by signal 9 (Killed)");
		pass(&w, 100 * MS_NS, false);
		assert_true(has(&w, SUPERVISE_SPAWN));
		FEED(&w, SUPERVISE_SPAWNED, .pid = 101);
		FEED(&w, SUPERVISE_BEAT, .adapter = -1);
		pass(&w, 61 * S_NS, true);
	}
}

static void supervise_pauses_after_too_many_starts(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	int starts = 1;
	for (int64_t end = w.now_ns + 90 * S_NS; w.now_ns < end;) {
		if (w.s.phase == SUPERVISE_PHASE_SPAWN) {
			FEED(&w, SUPERVISE_SPAWNED, .pid = 7);
			starts++;
		}
		FEED(&w, SUPERVISE_ENDED, .text = "exited with code 1");
		pass(&w, 100 * MS_NS, false);
	}
	assert_int_equal(starts, 10);
	assert_int_equal(w.s.state, SUPERVISE_BACKOFF);
	assert_non_null(strstr(w.s.reason, "started 10 times within 60 s"));
	pass(&w, 500 * S_NS, false);
	assert_int_equal(w.s.phase, SUPERVISE_PHASE_NONE);
	pass(&w, 100 * S_NS, false);
	assert_int_equal(w.s.phase, SUPERVISE_PHASE_SPAWN);
}

static void supervise_an_order_ends_the_pause(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	w.s.limits.starts_max = 1;
	FEED(&w, SUPERVISE_ENDED, .text = "exited with code 1");
	pass(&w, 10 * S_NS, false);
	assert_int_equal(w.s.phase, SUPERVISE_PHASE_NONE);
	wish(&w, true, "p1", 1);
	assert_int_equal(w.s.phase, SUPERVISE_PHASE_SPAWN);
}

static void supervise_finds_a_frozen_server_of_kipp_in_seconds(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	pass(&w, 20 * S_NS, true);
	pass(&w, 5 * S_NS, false);
	assert_false(has(&w, SUPERVISE_KILL));
	pass(&w, 200 * MS_NS, false);
	assert_true(has(&w, SUPERVISE_EVIDENCE));
	assert_true(has(&w, SUPERVISE_KILL));
	assert_int_equal(w.s.state, SUPERVISE_STOPPING);
	FEED(&w, SUPERVISE_ENDED, .text = "killed by signal 9 (Killed)");
	assert_int_equal(w.s.state, SUPERVISE_BACKOFF);
	assert_non_null(strstr(w.s.reason, "frozen: no heartbeat"));
	pass(&w, 200 * MS_NS, false);
	assert_true(has(&w, SUPERVISE_SPAWN));
}

static void supervise_gives_other_sdks_their_slower_beat(void **state)
{
	struct world w;
	bring_up(&w, "tars_go");
	pass(&w, 29 * S_NS, false);
	assert_false(has(&w, SUPERVISE_KILL));
	pass(&w, 2 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
}

static void supervise_finds_one_silent_adapter(void **state)
{
	struct world w;
	bring_up(&w, "tars_cpp");
	FEED(&w, SUPERVISE_BEAT, .adapter = 3);
	for (int i = 0; i < 50 && !has(&w, SUPERVISE_KILL); i++) {
		FEED(&w, SUPERVISE_BEAT, .adapter = 4);
		pass(&w, S_NS, false);
	}
	assert_non_null(strstr(w.s.reason, "one adapter"));
}

static void supervise_expects_no_beat_from_scripts(void **state)
{
	struct world w;
	setup(&w, "not_tars");
	wish(&w, true, "p1", 0);
	FEED(&w, SUPERVISE_FETCHED, .package = "p1");
	FEED(&w, SUPERVISE_SPAWNED, .pid = 5);
	assert_int_equal(w.s.state, SUPERVISE_ACTIVE);
	w.seen = 0;
	pass(&w, 3600 * S_NS, false);
	assert_int_equal(w.seen, 0);
}

static void supervise_blames_nobody_for_its_own_absence(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	for (int i = 0; i < 10; i++) {
		w.now_ns += 60 * S_NS;
		FEED(&w, i % 2 ? SUPERVISE_TICK : SUPERVISE_STARTING_BEAT);
		assert_false(has(&w, SUPERVISE_KILL));
	}
	pass(&w, 6 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
}

static void supervise_asks_then_terminates_then_kills(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	wish(&w, false, "p1", 0);
	assert_true(has(&w, SUPERVISE_ASK));
	assert_int_equal(w.s.state, SUPERVISE_STOPPING);
	pass(&w, 3 * S_NS - 100 * MS_NS, false);
	assert_false(has(&w, SUPERVISE_TERM));
	pass(&w, 100 * MS_NS, false);
	assert_true(has(&w, SUPERVISE_TERM));
	pass(&w, 3 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
	pass(&w, 5 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
	FEED(&w, SUPERVISE_ENDED, .text = "killed by signal 9 (Killed)");
	assert_int_equal(w.s.state, SUPERVISE_STOPPED);
	w.seen = 0;
	pass(&w, 100 * S_NS, false);
	assert_int_equal(w.seen, 0);
}

static void supervise_terminates_at_once_when_nobody_listens(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	wish(&w, false, "p1", 0);
	FEED(&w, SUPERVISE_ASK_FAILED);
	assert_true(has(&w, SUPERVISE_TERM));
}

static void supervise_fetches_the_new_package_before_it_stops_the_old(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	wish(&w, true, "p2", 0);
	assert_true(has(&w, SUPERVISE_FETCH));
	pass(&w, 10 * S_NS, true);
	assert_int_equal(w.s.state, SUPERVISE_ACTIVE);
	FEED(&w, SUPERVISE_FETCHED, .package = "p1");
	assert_int_equal(w.s.state, SUPERVISE_ACTIVE);
	FEED(&w, SUPERVISE_FETCHED, .package = "p2");
	assert_true(has(&w, SUPERVISE_ASK));
	FEED(&w, SUPERVISE_ENDED, .text = "exited with code 0");
	assert_true(has(&w, SUPERVISE_SPAWN));
	assert_string_equal(w.s.running.package, "p2");
}

static void supervise_keeps_the_old_when_the_new_package_is_bad(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	wish(&w, true, "p2", 0);
	FEED(&w, SUPERVISE_FETCH_FAILED, .package = "p2", .is_final = true, .text = "bad archive");
	pass(&w, 100 * S_NS, true);
	assert_int_equal(w.s.state, SUPERVISE_ACTIVE);
	assert_non_null(strstr(w.s.reason, "bad archive"));
	assert_false(has(&w, SUPERVISE_ASK));
}

static void supervise_tries_again_when_the_controller_was_away(void **state)
{
	struct world w;
	setup(&w, "kipp");
	wish(&w, true, "p1", 0);
	assert_true(has(&w, SUPERVISE_FETCH));
	FEED(&w, SUPERVISE_FETCH_FAILED, .package = "p1", .text = "no controller answers");
	assert_int_equal(w.s.state, SUPERVISE_FETCHING);
	pass(&w, S_NS, false);
	assert_true(has(&w, SUPERVISE_FETCH));
	FEED(&w, SUPERVISE_FETCH_FAILED, .package = "p1", .is_final = true, .text = "bad archive");
	assert_int_equal(w.s.state, SUPERVISE_FAILED);
	pass(&w, 100 * S_NS, false);
	assert_false(has(&w, SUPERVISE_FETCH));
}

static void supervise_adopts_without_touching(void **state)
{
	struct world w;
	struct supervise_wish running = {.must_run = true, .package = "p1"};
	setup(&w, "kipp");
	FEED(&w, SUPERVISE_ADOPTED, .pid = 50, .is_active = true, .running = &running,
	     .wish = NULL);
	// Nobody said yet what should be: until then it is not ours to stop.
	assert_false(has(&w, SUPERVISE_ASK));
	assert_int_equal(w.s.state, SUPERVISE_ACTIVE);
	wish(&w, true, "p1", 0);
	pass(&w, 60 * S_NS, true);
	assert_false(has(&w, SUPERVISE_ASK) || has(&w, SUPERVISE_SPAWN));
	FEED(&w, SUPERVISE_ENDED, .text = "ended");
	assert_true(has(&w, SUPERVISE_FETCH));
}

static void supervise_forgets_what_is_removed(void **state)
{
	struct world w;
	bring_up(&w, "kipp");
	FEED(&w, SUPERVISE_WISHED, .wish = &(struct supervise_wish){.is_removed = true});
	assert_true(has(&w, SUPERVISE_ASK));
	assert_false(has(&w, SUPERVISE_FORGET));
	FEED(&w, SUPERVISE_ENDED, .text = "exited with code 0");
	assert_true(has(&w, SUPERVISE_FORGET));
	pass(&w, S_NS, false);
	assert_false(has(&w, SUPERVISE_FORGET));
}

// A random world comes next: processes die, freeze and resist, packages fail, people change their
// minds.
struct dice {
	uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides)
{
	dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice->state >> 33) % sides;
}

struct random_world {
	struct world w;
	struct dice dice;
	bool is_process;
	bool is_frozen;
	bool fetch_pending;
	bool spawn_pending;
	bool is_dying;
	int pid;
	int spawned;
};

static void obey(struct random_world *r)
{
	struct supervise_actions actions = r->w.last;
	for (size_t i = 0; i < actions.count; i++) {
		switch (actions.items[i].kind) {
		case SUPERVISE_FETCH:
			assert_false(r->fetch_pending &&
			             r->w.s.package == SUPERVISE_PACKAGE_ABSENT);
			r->fetch_pending = true;
			break;
		case SUPERVISE_SPAWN:
			assert_false(r->is_process); // never two
			assert_false(r->spawn_pending);
			assert_true(r->w.s.wish.must_run);
			r->spawn_pending = true;
			break;
		case SUPERVISE_ASK:
		case SUPERVISE_TERM:
			assert_true(r->is_process);
			r->is_dying = !r->is_frozen && roll(&r->dice, 2);
			break;
		case SUPERVISE_KILL:
			assert_true(r->is_process);
			r->is_dying = roll(&r->dice, 8) != 0;
			break;
		default:
			break;
		}
	}
}

static void tell(struct random_world *r, struct supervise_event event)
{
	feed(&r->w, event);
	obey(r);
}

#define TELL(r, event_kind, ...) \
	tell(r, (struct supervise_event){.kind = (event_kind), __VA_ARGS__})

static void answer_fetch(struct random_world *r, bool is_kind)
{
	char package[SUPERVISE_HASH_SIZE];
	if (!r->fetch_pending || (!is_kind && roll(&r->dice, 4)))
		return;
	r->fetch_pending = false;
	memcpy(package, r->w.s.wish.package, sizeof(package));
	if (is_kind || roll(&r->dice, 3))
		TELL(r, SUPERVISE_FETCHED, .package = package);
	else
		TELL(r, SUPERVISE_FETCH_FAILED, .package = package, .text = "no controller");
}

static void answer_spawn(struct random_world *r, bool is_kind)
{
	if (!r->spawn_pending)
		return;
	r->spawn_pending = false;
	if (!is_kind && roll(&r->dice, 5) == 0) {
		TELL(r, SUPERVISE_SPAWN_FAILED, .text = "cannot start");
		return;
	}
	r->is_process = true;
	r->is_frozen = r->is_dying = false;
	r->spawned++;
	TELL(r, SUPERVISE_SPAWNED, .pid = ++r->pid);
}

static void live(struct random_world *r, bool is_kind)
{
	r->w.now_ns += 100 * MS_NS;
	answer_fetch(r, is_kind);
	answer_spawn(r, is_kind);
	if (r->is_process && (r->is_dying || (!is_kind && roll(&r->dice, 60) == 0))) {
		r->is_process = false;
		TELL(r, SUPERVISE_ENDED, .text = "ended");
	}
	if (r->is_process && !is_kind && roll(&r->dice, 100) == 0)
		r->is_frozen = true;
	if (r->is_process && !r->is_frozen && (is_kind || roll(&r->dice, 10) == 0))
		TELL(r, SUPERVISE_BEAT, .adapter = -1);
	TELL(r, SUPERVISE_TICK);
}

static void change_mind(struct random_world *r)
{
	struct supervise_wish wished = r->w.s.wish;
	switch (roll(&r->dice, 4)) {
	case 0:
		wished.must_run = !wished.must_run;
		break;
	case 1:
		wished.restart_count++;
		break;
	case 2:
		wished.spec++;
		break;
	default:
		snprintf(wished.package, sizeof(wished.package), "p%u", roll(&r->dice, 3));
	}
	TELL(r, SUPERVISE_WISHED, .wish = &wished);
}

static void run_random_world(uint64_t seed)
{
	struct random_world r = {.dice = {seed}};
	setup(&r.w, "kipp");
	for (int step = 0; step < 3000; step++) {
		live(&r, false);
		if (roll(&r.dice, 50) == 0)
			change_mind(&r);
	}
	// A kind world: whatever happened before, it converges on what is wished.
	bool must_run = roll(&r.dice, 2);
	struct supervise_wish wished = {.must_run = must_run, .package = "last"};
	TELL(&r, SUPERVISE_WISHED, .wish = &wished);
	for (int step = 0; step < 1200; step++)
		live(&r, true);
	assert_int_equal(r.is_process, must_run);
	assert_int_equal(r.w.s.state, must_run ? SUPERVISE_ACTIVE : SUPERVISE_STOPPED);
	if (must_run)
		assert_string_equal(r.w.s.running.package, "last");
}

static void supervise_never_runs_two_and_always_converges(void **state)
{
	const char *given = getenv("KIPP_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++)
		run_random_world(seed + (uint64_t)round);
}

// An agent that waits for its first assignment does not hear all heartbeats.
static void supervise_blames_nobody_before_the_first_wish(void **state)
{
	struct world w;
	struct supervise_wish running = {.must_run = true, .package = "p1"};
	setup(&w, "kipp");
	FEED(&w, SUPERVISE_ADOPTED, .pid = 100, .is_active = true, .running = &running);
	pass(&w, 60 * S_NS, false);
	wish(&w, true, "p1", 0);
	assert_false(has(&w, SUPERVISE_KILL));
	pass(&w, 4 * S_NS, false);
	assert_false(has(&w, SUPERVISE_KILL));
	pass(&w, 2 * S_NS, false);
	assert_true(has(&w, SUPERVISE_KILL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(supervise_fetches_starts_and_is_active_at_the_first_beat),
	        cmocka_unit_test(supervise_starting_beats_do_not_make_it_active),
	        cmocka_unit_test(supervise_backs_off_doubling_up_to_the_limit),
	        cmocka_unit_test(supervise_forgives_after_a_minute_of_health),
	        cmocka_unit_test(supervise_pauses_after_too_many_starts),
	        cmocka_unit_test(supervise_an_order_ends_the_pause),
	        cmocka_unit_test(supervise_finds_a_frozen_server_of_kipp_in_seconds),
	        cmocka_unit_test(supervise_gives_other_sdks_their_slower_beat),
	        cmocka_unit_test(supervise_finds_one_silent_adapter),
	        cmocka_unit_test(supervise_expects_no_beat_from_scripts),
	        cmocka_unit_test(supervise_blames_nobody_for_its_own_absence),
	        cmocka_unit_test(supervise_blames_nobody_before_the_first_wish),
	        cmocka_unit_test(supervise_asks_then_terminates_then_kills),
	        cmocka_unit_test(supervise_terminates_at_once_when_nobody_listens),
	        cmocka_unit_test(supervise_fetches_the_new_package_before_it_stops_the_old),
	        cmocka_unit_test(supervise_keeps_the_old_when_the_new_package_is_bad),
	        cmocka_unit_test(supervise_tries_again_when_the_controller_was_away),
	        cmocka_unit_test(supervise_adopts_without_touching),
	        cmocka_unit_test(supervise_forgets_what_is_removed),
	        cmocka_unit_test(supervise_never_runs_two_and_always_converges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
