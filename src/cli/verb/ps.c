// ps.c - `kipp ps` and `kipp node list`.
#include "cli/instances.h"
#include "cli/verbs.h"

#include <inttypes.h>

enum {
	WATCH_MS = 1000
};

static int print_instances(struct remote *remote, const char *target, enum table_format format,
                           struct kp_buf *out)
{
	struct cli *cli = remote->cli;
	struct kipp_InstanceView_list list;
	int code = remote_list(remote, target, &list);
	if (code != CLI_OK)
		return code;
	if (list.len == 0 && format != TABLE_JSON) {
		cli_say(cli,
		        "nothing is deployed yet; 'kipp deploy' in a service's folder does it");
		return CLI_OK;
	}
	struct table table;
	instances_table(cli, &list, &table);
	table_render(&table, format, cli->has_out_colour, true, out);
	return out->err == KP_OK ? CLI_OK : cli_fail_nomem(cli);
}

// wait_for_change waits for the next event, or on a terminal for a moment, since times move on.
static int wait_for_change(struct remote *remote, int64_t *event)
{
	struct kipp_Event_list events = {0};
	int code;
	do {
		code = cli_is_read(remote->cli) ? remote_events(remote, event, WATCH_MS, &events)
		                                : CLI_FAILED;
	} while (code == CLI_OK && events.len == 0 && !remote->cli->has_out_colour);
	return code;
}

// print_once prints one round in an arena of its own, so that watching for days holds no memory.
static int print_once(struct remote *remote, const char *target, enum table_format format,
                      bool is_watch)
{
	struct cli *cli = remote->cli;
	struct kp_arena *arena = cli->arena, *round = kp_arena_new(0);
	if (!round)
		return cli_fail_nomem(cli);
	cli->arena = round;
	struct kp_buf out = {0};
	if (is_watch && cli->has_out_colour)
		kp_buf_append_str(&out, kp_str("\033[H\033[2J"));
	int code = print_instances(remote, target, format, &out);
	if (code == CLI_OK && !cli_print(cli, kp_buf_str(&out)))
		code = CLI_FAILED;
	kp_buf_fini(&out);
	cli->arena = arena;
	kp_arena_free(round);
	return code;
}

int verb_ps(struct cli *cli, const struct args *args)
{
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	const char *target = args->operand_count > 0 ? args->operands[0] : "";
	enum table_format format = table_format_of(args);
	bool is_watch = args_has(args, FLAG_WATCH);
	int64_t event = -1;
	if (is_watch)
		code = wait_for_change(&remote, &event); // the last one, which is there at once
	while (code == CLI_OK) {
		code = print_once(&remote, target, format, is_watch);
		if (!is_watch)
			break;
		if (code == CLI_OK)
			code = wait_for_change(&remote, &event);
	}
	remote_close(&remote);
	return code;
}

static const struct column node_columns[] = {
        {"NODE", "name", CELL_TEXT, IN_ALL},      {"STATE", "state", CELL_STATE, IN_ALL},
        {"HOST", "host", CELL_TEXT, IN_ALL},      {"VERSION", "version", CELL_TEXT, IN_ALL},
        {"AGENT", "endpoint", CELL_TEXT, IN_ALL}, {"SEEN", "seen", CELL_TEXT, IN_WIDE},
        {NULL, "seenMs", CELL_NUMBER, IN_JSON},
};

static int print_nodes(struct remote *remote, enum table_format format)
{
	struct cli *cli = remote->cli;
	struct kipp_NodeInfo_list nodes = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_listNodes(remote->admin, remote_scope(remote, 0), &nodes, &outcome);
	int code = remote_result(remote, err, outcome, (struct kp_str){0});
	if (code != CLI_OK)
		return code;
	if (nodes.len == 0 && format != TABLE_JSON) {
		cli_say(cli, "no machine has joined yet; 'kipp node' on one does it");
		return CLI_OK;
	}
	struct table table;
	table_init(&table, node_columns, sizeof(node_columns) / sizeof(node_columns[0]));
	for (size_t i = 0; i < nodes.len; i++) {
		const struct kipp_NodeInfo *node = &nodes.ptr[i];
		const char **row = table_add(cli, &table);
		row[0] = cli_terminated(cli, node->name);
		row[1] = node->isAlive ? "alive" : "silent";
		row[2] = cli_terminated(cli, node->host);
		row[3] = cli_terminated(cli, node->version);
		row[4] = cli_terminated(cli, node->endpoint);
		row[5] = node->seenMs > 0 ? table_time(cli, node->seenMs) : "";
		row[6] = cli_text(cli, "%" PRId64, node->seenMs);
	}
	return table_print(cli, &table, format);
}

int verb_node_list(struct cli *cli, const struct args *args)
{
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	code = print_nodes(&remote, table_format_of(args));
	remote_close(&remote);
	return code;
}
