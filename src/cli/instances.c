// instances.c - instances as rows, and waiting for what they become.
#include "cli/instances.h"

#include "cli/logs.h"
#include "os/clock.h"

#include <inttypes.h>
#include <signal.h>

enum {
	CRASHES_MAX = 3, // restarts while waiting, after which waiting is in vain
	LOG_LINES = 10,  // shown of one that failed
	EVENT_WAIT_MS = 500,
};

static const struct column columns[] = {
        {"INSTANCE", "instance", CELL_TEXT, IN_ALL},
        {"STATE", "state", CELL_STATE, IN_ALL},
        {"PID", "pid", CELL_NUMBER, IN_ALL},
        {"VERSION", "version", CELL_TEXT, IN_ALL},
        {"UPTIME", "uptime", CELL_TEXT, IN_TABLES},
        {"RESTARTS", "restarts", CELL_NUMBER, IN_ALL},
        {"NODE", "node", CELL_TEXT, IN_ALL},
        {"ENDPOINTS", "endpoints", CELL_LIST, IN_ALL},
        {"PACKAGE", "package", CELL_TEXT, IN_WIDE},
        {"REASON", "reason", CELL_TEXT, IN_WIDE | IN_JSON},
        {NULL, "package", CELL_TEXT, IN_JSON},
        {NULL, "uptimeSeconds", CELL_NUMBER, IN_JSON},
        {NULL, "startedMs", CELL_NUMBER, IN_JSON},
        {NULL, "application", CELL_TEXT, IN_JSON},
        {NULL, "server", CELL_TEXT, IN_JSON},
        {NULL, "number", CELL_NUMBER, IN_JSON},
        {NULL, "sdkVersion", CELL_TEXT, IN_JSON},
        {NULL, "agent", CELL_TEXT, IN_JSON},
};
enum {
	ID,
	STATE,
	PID,
	VERSION,
	UPTIME,
	RESTARTS,
	NODE,
	ENDPOINTS,
	PACKAGE_SHORT,
	REASON,
	PACKAGE,
	UPTIME_SECONDS,
	STARTED_MS,
	APPLICATION,
	SERVER,
	NUMBER,
	SDK_VERSION,
	AGENT,
	COLUMN_COUNT
};

static const char *number_text(struct cli *cli, int64_t number)
{
	return cli_text(cli, "%" PRId64, number);
}

static const char *endpoints_text(struct cli *cli, const struct kipp_Adapter_list *adapters)
{
	const char *text = "";
	for (size_t i = 0; i < adapters->len; i++)
		text = cli_text(cli, "%s%s%.*s", text, i > 0 ? "\n" : "",
		                KP_STR_ARG(adapters->ptr[i].endpoint));
	return text;
}

// suspended_text says which adapters take no calls, and why; empty: all do.
static const char *suspended_text(struct cli *cli, const struct kipp_Adapter_list *adapters)
{
	const char *text = "";
	for (size_t i = 0; i < adapters->len; i++)
		if (adapters->ptr[i].suspended.len > 0)
			text = cli_text(cli, "%s%s%.*s suspended: %.*s", text, *text ? "; " : "",
			                KP_STR_ARG(adapters->ptr[i].name),
			                KP_STR_ARG(adapters->ptr[i].suspended));
	return text;
}

static bool has_process(const struct kipp_Status *status)
{
	return status->pid > 0 && status->startedMs > 0;
}

static void fill_row(struct cli *cli, const struct kipp_InstanceView *view, const char **row)
{
	const struct kipp_Status *status = &view->status;
	const struct kipp_Server *server = &view->instance.server;
	struct kp_str package = status->package.len > 0 ? status->package : server->package;
	struct kp_str version = status->version.len > 0 ? status->version : server->version;
	row[ID] = cli_terminated(cli, view->instance.id);
	row[STATE] = remote_state_name(status->state);
	row[VERSION] = cli_terminated(cli, version);
	row[RESTARTS] = number_text(cli, status->restarts);
	row[NODE] = cli_terminated(cli, view->node);
	row[ENDPOINTS] = endpoints_text(cli, &status->adapters);
	row[PACKAGE_SHORT] = cli_text(cli, "%.12s", cli_terminated(cli, package));
	row[REASON] = cli_terminated(cli, status->reason);
	const char *suspended = suspended_text(cli, &status->adapters);
	if (*suspended && status->state == kipp_State_Active) {
		row[STATE] = "Suspended";
		row[REASON] = suspended;
	}
	row[PACKAGE] = cli_terminated(cli, package);
	row[APPLICATION] = cli_terminated(cli, server->application);
	row[SERVER] = cli_terminated(cli, server->name);
	row[NUMBER] = number_text(cli, view->instance.number);
	row[SDK_VERSION] = cli_terminated(cli, status->sdkVersion);
	row[AGENT] = cli_terminated(cli, view->agent);
	if (!has_process(status))
		return;
	int64_t uptime_ms = kp_clock_wall_ms() - status->startedMs;
	row[PID] = number_text(cli, status->pid);
	row[UPTIME] = table_duration(cli, uptime_ms);
	row[UPTIME_SECONDS] = number_text(cli, uptime_ms < 0 ? 0 : uptime_ms / 1000);
	row[STARTED_MS] = number_text(cli, status->startedMs);
}

void instances_table(struct cli *cli, const struct kipp_InstanceView_list *instances,
                     struct table *ret)
{
	table_init(ret, columns, COLUMN_COUNT);
	for (size_t i = 0; i < instances->len; i++)
		fill_row(cli, &instances->ptr[i], table_add(cli, ret));
}

struct instances_marks instances_now(struct cli *cli, const struct kipp_InstanceView_list *list)
{
	struct instances_marks marks = {cli_alloc(cli, list->len + 1, sizeof(*marks.ptr)), 0};
	for (size_t i = 0; i < list->len; i++) {
		const struct kipp_InstanceView *view = &list->ptr[i];
		marks.ptr[marks.len++] =
		        (struct instances_mark){kp_str(cli_terminated(cli, view->instance.id)),
		                                view->status.pid, view->status.startedMs};
	}
	return marks;
}

static bool is_marked(const struct instances_marks *marks, const struct kipp_InstanceView *view)
{
	for (size_t i = 0; i < marks->len; i++) {
		const struct instances_mark *mark = &marks->ptr[i];
		if (kp_str_equal(mark->id, view->instance.id))
			return mark->pid == view->status.pid &&
			       mark->started_ms == view->status.startedMs;
	}
	return false;
}

static bool is_wanted(const struct kipp_InstanceView *view)
{
	return view->instance.isRunning && view->instance.server.isRunning;
}

// is_reached tells whether one instance is where it shall be.
static bool is_reached(const struct instances_wait *wait, const struct kipp_InstanceView *view)
{
	const struct kipp_Status *status = &view->status;
	if (wait->goal == GOAL_STOPPED || (wait->goal == GOAL_RUNNING && !is_wanted(view)))
		return status->state == kipp_State_Stopped || status->state == kipp_State_Failed;
	if (status->state != kipp_State_Active)
		return false;
	if (wait->goal == GOAL_RESTARTED)
		return !is_marked(&wait->before, view);
	return kp_str_equal(status->package, view->instance.server.package);
}

// One wait: what the restart counters were at its start.
struct waiting {
	struct remote *remote;
	const struct instances_wait *wait;
	int64_t deadline_ns;
	int64_t event; // number of the last one seen
	struct instances_marks starts;
	int32_t *restarts; // of each of `starts`
};

static int32_t restarts_since(struct waiting *waiting, const struct kipp_InstanceView *view)
{
	for (size_t i = 0; i < waiting->starts.len; i++) {
		if (kp_str_equal(waiting->starts.ptr[i].id, view->instance.id))
			return view->status.restarts - waiting->restarts[i];
	}
	return view->status.restarts;
}

static bool is_hopeless(struct waiting *waiting, const struct kipp_InstanceView *view)
{
	const struct kipp_Status *status = &view->status;
	if (waiting->wait->goal == GOAL_STOPPED || !is_wanted(view))
		return false;
	bool is_of_this_package = status->package.len == 0 ||
	                          kp_str_equal(status->package, view->instance.server.package);
	return (status->state == kipp_State_Failed && is_of_this_package) ||
	       (status->state == kipp_State_Backoff &&
	        restarts_since(waiting, view) >= CRASHES_MAX);
}

static int fail_instance(struct waiting *waiting, const struct kipp_InstanceView *view,
                         enum cli_exit code)
{
	struct cli *cli = waiting->remote->cli;
	const struct kipp_Status *status = &view->status;
	const char *id = cli_terminated(cli, view->instance.id);
	const char *agent = cli_terminated(cli, view->agent);
	const char *state = remote_state_name(status->state);
	const char *reason = cli_terminated(cli, status->reason);
	const char *tail = logs_tail(waiting->remote, agent, id, LOG_LINES);
	if (code == CLI_UNREACHABLE)
		cli_fail(cli, code,
		         "%s is still %s after %" PRId64 " s%s%s; 'kipp events' and "
		         "'kipp logs %s' say more",
		         id, state, waiting->wait->timeout_s, *reason ? ": " : "", reason, id);
	else
		cli_fail(cli, code, "%s is %s: %s; 'kipp logs %s' says more", id, state,
		         *reason ? reason : "no reason was given", id);
	if (*tail && !cli->is_quiet)
		cli_say(cli, "the end of its log:\n%s", tail);
	return code;
}

static void note_starts(struct waiting *waiting, const struct kipp_InstanceView_list *list)
{
	struct cli *cli = waiting->remote->cli;
	waiting->starts = instances_now(cli, list);
	waiting->restarts = cli_alloc(cli, list->len + 1, sizeof(*waiting->restarts));
	for (size_t i = 0; i < list->len; i++)
		waiting->restarts[i] = list->ptr[i].status.restarts;
}

// look_once returns true when the wait is over, with its exit code.
static bool look_once(struct waiting *waiting, int *ret_code)
{
	struct cli *cli = waiting->remote->cli;
	struct kipp_InstanceView_list list;
	*ret_code = remote_list(waiting->remote, waiting->wait->target, &list);
	if (*ret_code != CLI_OK)
		return true;
	if (!waiting->restarts)
		note_starts(waiting, &list);
	size_t reached = 0;
	const struct kipp_InstanceView *late = NULL;
	for (size_t i = 0; i < list.len; i++) {
		if (is_hopeless(waiting, &list.ptr[i])) {
			*ret_code = fail_instance(waiting, &list.ptr[i], CLI_FAILED);
			return true;
		}
		if (is_reached(waiting->wait, &list.ptr[i]))
			reached++;
		else if (!late)
			late = &list.ptr[i];
	}
	if (!late)
		return true;
	if (kp_clock_ns() > waiting->deadline_ns) {
		*ret_code = fail_instance(waiting, late, CLI_UNREACHABLE);
		return true;
	}
	cli_progress(cli, "%zu of %zu; %.*s is %s", reached, list.len,
	             KP_STR_ARG(late->instance.id), remote_state_name(late->status.state));
	return false;
}

static bool has_signal(const struct instances_wait *wait)
{
	sigset_t waiting;
	return wait->ends_with_signal && sigpending(&waiting) == 0 &&
	       (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

int instances_wait(struct remote *remote, const struct instances_wait *wait)
{
	struct waiting waiting = {
	        .remote = remote,
	        .wait = wait,
	        .deadline_ns = kp_clock_ns() + wait->timeout_s * KP_NS_PER_S,
	        .event = -1,
	};
	int code;
	while (!look_once(&waiting, &code)) {
		if (has_signal(wait))
			return CLI_INTERRUPTED;
		struct kipp_Event_list news;
		code = remote_events(remote, &waiting.event, EVENT_WAIT_MS, &news);
		if (code != CLI_OK)
			break;
	}
	return code;
}
