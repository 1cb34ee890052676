// supervise.c - the life of one instance.
#include "node/supervise.h"

#include <stdarg.h>
#include <stdio.h>

#define MS_NS INT64_C(1000000)
#define S_NS  INT64_C(1000000000)

void supervise_limits_for(struct kp_str type, struct supervise_limits *ret)
{
	*ret = (struct supervise_limits){
	        .backoff_min_ns = 100 * MS_NS,
	        .backoff_max_ns = 30 * S_NS,
	        .healthy_ns = 60 * S_NS,
	        .starts_max = 10,
	        .starts_window_ns = 60 * S_NS,
	        .pause_ns = 600 * S_NS,
	        .start_limit_ns = 60 * S_NS,
	        .beat_limit_ns = 5 * S_NS,
	        .adapter_limit_ns = 45 * S_NS,
	        .ask_grace_ns = 3 * S_NS,
	        .term_grace_ns = 3 * S_NS,
	        .kill_again_ns = 5 * S_NS,
	        .gap_ns = 2 * S_NS,
	};
	if (kp_str_equal(type, kp_str("not_tars")) || kp_str_equal(type, kp_str("tars_php")))
		ret->beat_limit_ns = 0;
	else if (type.len > 0 && !kp_str_equal(type, kp_str("kipp")))
		ret->beat_limit_ns = 30 * S_NS;
}

void supervise_init(struct supervise *supervise, const struct supervise_limits *limits,
                    bool can_ask)
{
	*supervise = (struct supervise){.limits = *limits, .can_ask = can_ask};
}

bool supervise_is_alive(const struct supervise *supervise)
{
	return supervise->phase >= SUPERVISE_PHASE_STARTING;
}

const char *supervise_state_name(enum supervise_state state)
{
	static const char *const names[] = {
	        [SUPERVISE_PENDING] = "pending",   [SUPERVISE_FETCHING] = "fetching",
	        [SUPERVISE_STARTING] = "starting", [SUPERVISE_ACTIVE] = "active",
	        [SUPERVISE_STOPPING] = "stopping", [SUPERVISE_STOPPED] = "stopped",
	        [SUPERVISE_BACKOFF] = "backoff",   [SUPERVISE_FAILED] = "failed",
	};
	return (size_t)state < sizeof(names) / sizeof(*names) ? names[state] : "unknown";
}

static struct supervise_action *add(struct supervise_actions *actions,
                                    enum supervise_action_kind kind)
{
	// More than fit would be a fault of ours; the last one is then overwritten.
	if (actions->count == SUPERVISE_ACTIONS_MAX)
		actions->count--;
	struct supervise_action *action = &actions->items[actions->count++];
	*action = (struct supervise_action){.kind = kind};
	return action;
}

// move_to changes the state and tells it, unless state and reason are what they were.
static void move_to(struct supervise *s, struct supervise_actions *actions,
                    enum supervise_state state, int level, const char *format, ...)
{
	char reason[SUPERVISE_TEXT_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	if (s->state == state && strcmp(s->reason, reason) == 0)
		return;
	s->state = state;
	memcpy(s->reason, reason, sizeof(reason));
	struct supervise_action *action = add(actions, SUPERVISE_TELL);
	action->state = state;
	action->level = level;
	memcpy(action->text, reason, sizeof(reason));
}

static void enter(struct supervise *s, enum supervise_phase phase, int64_t now_ns)
{
	s->phase = phase;
	s->phase_ns = now_ns;
}

static double seconds(int64_t duration_ns)
{
	return (double)duration_ns / (double)S_NS;
}

static void forget_trouble(struct supervise *s, int64_t now_ns)
{
	s->backoff_ns = 0;
	s->start_at_ns = now_ns;
	s->starts_count = 0;
	s->fetch_again_ns = now_ns;
	s->fetch_wait_ns = 0;
}

static bool is_same_wish(const struct supervise_wish *a, const struct supervise_wish *b)
{
	return a->must_run == b->must_run && a->is_removed == b->is_removed && a->spec == b->spec &&
	       a->restart_count == b->restart_count && strcmp(a->package, b->package) == 0;
}

static void on_wished(struct supervise *s, const struct supervise_wish *wish, int64_t now_ns)
{
	if (s->is_wished && is_same_wish(&s->wish, wish))
		return;
	bool was_wished = s->is_wished;
	s->is_wished = true;
	if (strcmp(s->wish.package, wish->package) != 0 || s->package == SUPERVISE_PACKAGE_REFUSED)
		s->package = SUPERVISE_PACKAGE_ABSENT;
	s->wish = *wish;
	s->has_failed &= !was_wished;
	if (!was_wished)
		s->beat_ns = now_ns; // until now heartbeats could not be told apart
	s->is_forgotten = false;
	forget_trouble(s, now_ns);
}

// tell_fetch_failed: a server that runs keeps running what it runs.
static void tell_fetch_failed(struct supervise *s, enum supervise_state state, int level,
                              const char *text, struct supervise_actions *actions)
{
	if (supervise_is_alive(s))
		move_to(s, actions, s->state, level, "keeps running what it runs: %s", text);
	else
		move_to(s, actions, state, level, "%s", text);
}

static void on_fetch_failed(struct supervise *s, const struct supervise_event *event,
                            int64_t now_ns, struct supervise_actions *actions)
{
	if (event->is_final) {
		s->package = SUPERVISE_PACKAGE_REFUSED;
		tell_fetch_failed(s, SUPERVISE_FAILED, 2, event->text, actions);
		return;
	}
	s->package = SUPERVISE_PACKAGE_ABSENT;
	s->fetch_wait_ns = s->fetch_wait_ns ? s->fetch_wait_ns * 2 : s->limits.backoff_min_ns;
	if (s->fetch_wait_ns > s->limits.backoff_max_ns)
		s->fetch_wait_ns = s->limits.backoff_max_ns;
	s->fetch_again_ns = now_ns + s->fetch_wait_ns;
	tell_fetch_failed(s, SUPERVISE_FETCHING, 1, event->text, actions);
}

static void on_fetch_answer(struct supervise *s, const struct supervise_event *event,
                            int64_t now_ns, struct supervise_actions *actions)
{
	if (s->package != SUPERVISE_PACKAGE_COMING || strcmp(event->package, s->wish.package) != 0)
		return;
	if (event->kind == SUPERVISE_FETCHED) {
		s->package = SUPERVISE_PACKAGE_READY;
		s->fetch_wait_ns = 0;
	} else {
		on_fetch_failed(s, event, now_ns, actions);
	}
}

static void begin_process(struct supervise *s, int pid, int64_t now_ns)
{
	s->pid = pid;
	s->cause = SUPERVISE_CAUSE_NONE;
	s->beat_ns = now_ns;
	memset(s->adapter_beat_ns, 0, sizeof(s->adapter_beat_ns));
}

static void become_active(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	int64_t waited_ns = now_ns - s->phase_ns;
	enter(s, SUPERVISE_PHASE_ACTIVE, now_ns);
	if (s->limits.beat_limit_ns == 0)
		move_to(s, actions, SUPERVISE_ACTIVE, 0,
		        "runs as process %d; it sends no heartbeats", s->pid);
	else
		move_to(s, actions, SUPERVISE_ACTIVE, 0,
		        "ready as process %d, %.1f s after its start", s->pid, seconds(waited_ns));
}

static void on_spawned(struct supervise *s, const struct supervise_event *event, int64_t now_ns,
                       struct supervise_actions *actions)
{
	if (s->phase != SUPERVISE_PHASE_SPAWN)
		return;
	begin_process(s, event->pid, now_ns);
	enter(s, SUPERVISE_PHASE_STARTING, now_ns);
	move_to(s, actions, SUPERVISE_STARTING, 0, "started as process %d", event->pid);
	if (s->limits.beat_limit_ns == 0)
		become_active(s, now_ns, actions);
}

static void on_adopted(struct supervise *s, const struct supervise_event *event, int64_t now_ns,
                       struct supervise_actions *actions)
{
	if (s->phase != SUPERVISE_PHASE_NONE)
		return;
	begin_process(s, event->pid, now_ns);
	s->running = *event->running;
	enter(s, event->is_active ? SUPERVISE_PHASE_ACTIVE : SUPERVISE_PHASE_STARTING, now_ns);
	move_to(s, actions, event->is_active ? SUPERVISE_ACTIVE : SUPERVISE_STARTING, 0,
	        "found running as process %d when the agent started", event->pid);
	if (!event->is_active && s->limits.beat_limit_ns == 0)
		become_active(s, now_ns, actions);
}

// has_started_too_often looks at the time between the last start and the one some starts before it.
static bool has_started_too_often(const struct supervise *s)
{
	size_t limit = (size_t)s->limits.starts_max;
	if (limit == 0 || limit > SUPERVISE_STARTS_MAX || s->starts_count < limit)
		return false;
	int64_t first_ns = s->starts_ns[(s->starts_count - limit) % SUPERVISE_STARTS_MAX];
	int64_t last_ns = s->starts_ns[(s->starts_count - 1) % SUPERVISE_STARTS_MAX];
	return last_ns - first_ns <= s->limits.starts_window_ns;
}

static void pause_starts(struct supervise *s, int64_t now_ns, struct supervise_actions *actions,
                         const char *text)
{
	forget_trouble(s, now_ns);
	s->start_at_ns = now_ns + s->limits.pause_ns;
	move_to(s, actions, SUPERVISE_BACKOFF, 2,
	        "%s; started %d times within %.0f s, so the next start is in %.0f s, or when asked",
	        text, s->limits.starts_max, seconds(s->limits.starts_window_ns),
	        seconds(s->limits.pause_ns));
}

// after_failure waits before the next start: longer each time, short again after good health.
static void after_failure(struct supervise *s, bool was_healthy, int64_t now_ns,
                          struct supervise_actions *actions, const char *text)
{
	if (was_healthy)
		forget_trouble(s, now_ns);
	s->has_failed = true;
	bool is_wanted = s->wish.must_run && !s->wish.is_removed;
	if (is_wanted && has_started_too_often(s)) {
		pause_starts(s, now_ns, actions, text);
		return;
	}
	s->backoff_ns = s->backoff_ns ? s->backoff_ns * 2 : s->limits.backoff_min_ns;
	if (s->backoff_ns > s->limits.backoff_max_ns)
		s->backoff_ns = s->limits.backoff_max_ns;
	s->start_at_ns = now_ns + s->backoff_ns;
	if (is_wanted)
		move_to(s, actions, SUPERVISE_BACKOFF, 1, "%s; starts again in %.1f s", text,
		        seconds(s->backoff_ns));
}

static void on_ended(struct supervise *s, const char *text, int64_t now_ns,
                     struct supervise_actions *actions)
{
	if (!supervise_is_alive(s))
		return;
	enum supervise_cause cause = s->cause;
	bool was_healthy =
	        s->phase == SUPERVISE_PHASE_ACTIVE && now_ns - s->phase_ns >= s->limits.healthy_ns;
	enter(s, SUPERVISE_PHASE_NONE, now_ns);
	s->pid = 0;
	s->cause = SUPERVISE_CAUSE_NONE;
	if (cause == SUPERVISE_CAUSE_NONE)
		after_failure(s, was_healthy, now_ns, actions, text);
	else if (cause == SUPERVISE_CAUSE_FAULT)
		after_failure(s, was_healthy, now_ns, actions, s->reason);
	if (s->wish.must_run || s->wish.is_removed)
		return;
	if (cause == SUPERVISE_CAUSE_NONE)
		move_to(s, actions, SUPERVISE_STOPPED, 0, "%s", text);
	else
		move_to(s, actions, SUPERVISE_STOPPED, 0, "stopped as asked (%s)", text);
}

static void on_beat(struct supervise *s, int adapter, int64_t now_ns,
                    struct supervise_actions *actions)
{
	if (!supervise_is_alive(s))
		return;
	s->beat_ns = now_ns;
	for (int i = 0; i < SUPERVISE_ADAPTERS_MAX; i++)
		if (adapter == i || (adapter < 0 && s->adapter_beat_ns[i]))
			s->adapter_beat_ns[i] = now_ns;
	if (s->phase == SUPERVISE_PHASE_STARTING)
		become_active(s, now_ns, actions);
}

// excuse moves all timers of others forward by the time that we ourselves were away.
static void excuse(struct supervise *s, int64_t now_ns)
{
	int64_t gap_ns = s->step_ns ? now_ns - s->step_ns : 0;
	s->step_ns = now_ns;
	if (gap_ns <= s->limits.gap_ns || !supervise_is_alive(s))
		return;
	s->beat_ns += gap_ns;
	if (s->phase == SUPERVISE_PHASE_STARTING)
		s->phase_ns += gap_ns;
	for (int i = 0; i < SUPERVISE_ADAPTERS_MAX; i++)
		if (s->adapter_beat_ns[i])
			s->adapter_beat_ns[i] += gap_ns;
}

static void ask_to_stop(struct supervise *s, enum supervise_cause cause, const char *reason,
                        int64_t now_ns, struct supervise_actions *actions)
{
	s->cause = cause;
	move_to(s, actions, SUPERVISE_STOPPING, 0, "%s", reason);
	enter(s, s->can_ask ? SUPERVISE_PHASE_ASKED : SUPERVISE_PHASE_TERMED, now_ns);
	add(actions, s->can_ask ? SUPERVISE_ASK : SUPERVISE_TERM);
}

static void kill_faulty(struct supervise *s, const char *reason, int64_t now_ns,
                        struct supervise_actions *actions)
{
	s->cause = SUPERVISE_CAUSE_FAULT;
	move_to(s, actions, SUPERVISE_STOPPING, 2, "%s", reason);
	snprintf(add(actions, SUPERVISE_EVIDENCE)->text, SUPERVISE_TEXT_SIZE, "%s", reason);
	enter(s, SUPERVISE_PHASE_KILLED, now_ns);
	add(actions, SUPERVISE_KILL);
}

static void start(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	if (now_ns < s->start_at_ns)
		return;
	s->starts_ns[s->starts_count++ % SUPERVISE_STARTS_MAX] = now_ns;
	if (s->starts_count >= 2 * SUPERVISE_STARTS_MAX)
		s->starts_count -= SUPERVISE_STARTS_MAX;
	s->running = s->wish;
	s->restarts += s->has_failed;
	s->has_failed = false;
	enter(s, SUPERVISE_PHASE_SPAWN, now_ns);
	add(actions, SUPERVISE_SPAWN);
}

// has_package asks for the wished package if need be.
static bool has_package(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	if (s->package == SUPERVISE_PACKAGE_ABSENT && now_ns >= s->fetch_again_ns) {
		s->package = SUPERVISE_PACKAGE_COMING;
		add(actions, SUPERVISE_FETCH);
		if (!supervise_is_alive(s) && s->fetch_wait_ns == 0)
			move_to(s, actions, SUPERVISE_FETCHING, 0, "getting its package");
	}
	return s->package == SUPERVISE_PACKAGE_READY;
}

static void advance_without_process(struct supervise *s, int64_t now_ns,
                                    struct supervise_actions *actions)
{
	if (!s->is_wished)
		return;
	if (s->wish.is_removed) {
		if (s->is_forgotten)
			return;
		s->is_forgotten = true;
		move_to(s, actions, SUPERVISE_STOPPED, 0, "removed");
		add(actions, SUPERVISE_FORGET);
	} else if (!s->wish.must_run) {
		if (s->state != SUPERVISE_STOPPED)
			move_to(s, actions, SUPERVISE_STOPPED, 0, "stopped as asked");
	} else if (has_package(s, now_ns, actions)) {
		start(s, now_ns, actions);
	}
}

// find_silent returns the index of an adapter that fell silent, or -1.
static int find_silent(const struct supervise *s, int64_t now_ns)
{
	for (int i = 0; i < SUPERVISE_ADAPTERS_MAX; i++)
		if (s->adapter_beat_ns[i] &&
		    now_ns - s->adapter_beat_ns[i] > s->limits.adapter_limit_ns)
			return i;
	return -1;
}

static void check_health(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	char text[SUPERVISE_TEXT_SIZE];
	int64_t silent_ns = now_ns - s->beat_ns;
	if (s->limits.beat_limit_ns == 0)
		return;
	if (s->phase == SUPERVISE_PHASE_STARTING) {
		if (silent_ns <= s->limits.start_limit_ns)
			return;
		snprintf(text, sizeof(text), "not ready within %.0f s of its start",
		         seconds(s->limits.start_limit_ns));
	} else if (silent_ns > s->limits.beat_limit_ns) {
		snprintf(text, sizeof(text), "frozen: no heartbeat for %.1f s", seconds(silent_ns));
	} else if (find_silent(s, now_ns) >= 0) {
		snprintf(text, sizeof(text), "frozen: one adapter sent no heartbeat for %.0f s",
		         seconds(s->limits.adapter_limit_ns));
	} else {
		return;
	}
	kill_faulty(s, text, now_ns, actions);
}

static void advance_with_process(struct supervise *s, int64_t now_ns,
                                 struct supervise_actions *actions)
{
	if (!s->is_wished)
		return;
	if (s->wish.is_removed || !s->wish.must_run) {
		ask_to_stop(s, SUPERVISE_CAUSE_WISH,
		            s->wish.is_removed ? "removed" : "asked to stop", now_ns, actions);
		return;
	}
	bool is_other_package = strcmp(s->running.package, s->wish.package) != 0;
	bool is_other_count = s->running.restart_count != s->wish.restart_count;
	bool is_other = is_other_package || is_other_count || s->running.spec != s->wish.spec;
	if (is_other && has_package(s, now_ns, actions))
		ask_to_stop(s, SUPERVISE_CAUSE_REPLACE,
		            is_other_package ? "stops for another package"
		            : is_other_count ? "asked to restart"
		                             : "stops for a new configuration",
		            now_ns, actions);
	else
		check_health(s, now_ns, actions);
}

static void advance_stopping(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	int64_t waited_ns = now_ns - s->phase_ns;
	if (s->phase == SUPERVISE_PHASE_ASKED && waited_ns >= s->limits.ask_grace_ns) {
		enter(s, SUPERVISE_PHASE_TERMED, now_ns);
		add(actions, SUPERVISE_TERM);
	} else if (s->phase == SUPERVISE_PHASE_TERMED && waited_ns >= s->limits.term_grace_ns) {
		enter(s, SUPERVISE_PHASE_KILLED, now_ns);
		move_to(s, actions, SUPERVISE_STOPPING, 1,
		        "did not stop when asked nor on SIGTERM; killed");
		add(actions, SUPERVISE_KILL);
	} else if (s->phase == SUPERVISE_PHASE_KILLED && waited_ns >= s->limits.kill_again_ns) {
		enter(s, SUPERVISE_PHASE_KILLED, now_ns);
		snprintf(add(actions, SUPERVISE_EVIDENCE)->text, SUPERVISE_TEXT_SIZE,
		         "still there %.0f s after SIGKILL", seconds(waited_ns));
		add(actions, SUPERVISE_KILL);
	}
}

static void advance(struct supervise *s, int64_t now_ns, struct supervise_actions *actions)
{
	switch (s->phase) {
	case SUPERVISE_PHASE_NONE:
		advance_without_process(s, now_ns, actions);
		break;
	case SUPERVISE_PHASE_SPAWN:
		break;
	case SUPERVISE_PHASE_STARTING:
	case SUPERVISE_PHASE_ACTIVE:
		advance_with_process(s, now_ns, actions);
		break;
	default:
		advance_stopping(s, now_ns, actions);
	}
}

static void take_event(struct supervise *s, const struct supervise_event *event, int64_t now_ns,
                       struct supervise_actions *actions)
{
	switch (event->kind) {
	case SUPERVISE_TICK:
		break;
	case SUPERVISE_WISHED:
		on_wished(s, event->wish, now_ns);
		break;
	case SUPERVISE_FETCHED:
	case SUPERVISE_FETCH_FAILED:
		on_fetch_answer(s, event, now_ns, actions);
		break;
	case SUPERVISE_SPAWNED:
		on_spawned(s, event, now_ns, actions);
		break;
	case SUPERVISE_SPAWN_FAILED:
		if (s->phase != SUPERVISE_PHASE_SPAWN)
			break;
		enter(s, SUPERVISE_PHASE_NONE, now_ns);
		after_failure(s, false, now_ns, actions, event->text);
		break;
	case SUPERVISE_ADOPTED:
		on_adopted(s, event, now_ns, actions);
		break;
	case SUPERVISE_ENDED:
		on_ended(s, event->text, now_ns, actions);
		break;
	case SUPERVISE_BEAT:
		on_beat(s, event->adapter, now_ns, actions);
		break;
	case SUPERVISE_STARTING_BEAT:
		s->beat_ns = now_ns;
		break;
	case SUPERVISE_ASK_FAILED:
		if (s->phase != SUPERVISE_PHASE_ASKED)
			break;
		enter(s, SUPERVISE_PHASE_TERMED, now_ns);
		add(actions, SUPERVISE_TERM);
		break;
	}
}

void supervise_step(struct supervise *supervise, const struct supervise_event *event,
                    int64_t now_ns, struct supervise_actions *ret)
{
	ret->count = 0;
	excuse(supervise, now_ns);
	take_event(supervise, event, now_ns, ret);
	advance(supervise, now_ns, ret);
}
