// instances.h - instances as rows, and waiting for what they become.
#pragma once

#include "cli/remote.h"
#include "cli/table.h"

// instances_table fills a table with one row for each instance.
void instances_table(struct cli *cli, const struct kipp_InstanceView_list *instances,
                     struct table *ret);

// What is waited for.
enum instances_goal {
	GOAL_RUNNING,   // all that shall run are Active, with the package wished for
	GOAL_STOPPED,   // all are Stopped
	GOAL_RESTARTED, // all are Active, and started after `before` was taken
};

// instances_mark is one process that an instance had.
struct instances_mark {
	struct kp_str id;
	int32_t pid;
	int64_t started_ms;
};

struct instances_marks {
	struct instances_mark *ptr; // in the run's arena
	size_t len;
};

struct instances_wait {
	const char *target;
	enum instances_goal goal;
	int64_t timeout_s;
	struct instances_marks before; // for GOAL_RESTARTED
	bool ends_with_signal; // a waiting SIGINT or SIGTERM, which are blocked, ends the wait
};

// instances_now notes who runs now.
struct instances_marks instances_now(struct cli *cli, const struct kipp_InstanceView_list *list);

// instances_wait returns once the goal is reached (CLI_OK), cannot be reached any more (CLI_FAILED)
// or the time is up (CLI_UNREACHABLE); in the last two cases it has said which instance is why, and
// shown the end of its log. CLI_INTERRUPTED: a signal waits.
int instances_wait(struct remote *remote, const struct instances_wait *wait);
