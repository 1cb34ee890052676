// events.c - `kipp events`.
#include "cli/remote.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <inttypes.h>

enum {
	LINES_DEFAULT = 50,
	WAIT_MS = 2000, // then it looks whether somebody still reads
};

static const struct column columns[] = {
        {"NUMBER", "number", CELL_NUMBER, IN_JSON | IN_WIDE},
        {"TIME", "time", CELL_TEXT, IN_ALL},
        {"LEVEL", "level", CELL_LEVEL, IN_ALL},
        {"KIND", "kind", CELL_TEXT, IN_ALL},
        {"SUBJECT", "subject", CELL_TEXT, IN_ALL},
        {"NODE", "node", CELL_TEXT, IN_WIDE | IN_JSON},
        {"TEXT", "text", CELL_TEXT, IN_ALL},
        {NULL, "timeMs", CELL_NUMBER, IN_JSON},
};

static const char *level_name(int32_t level)
{
	static const char *const names[] = {"normal", "warning", "error"};
	return level >= 0 && level <= 2 ? names[level] : "error";
}

// In a table a package's hash is cut: twelve digits tell it from any other.
static const char *short_subject(struct cli *cli, struct kp_str subject, enum table_format format)
{
	bool is_hash =
	        subject.len == 64 && strspn(cli_terminated(cli, subject), "0123456789abcdef") == 64;
	if (is_hash && format == TABLE_SHORT)
		subject.len = 12;
	return cli_terminated(cli, subject);
}

static void fill_table(struct cli *cli, const struct kipp_Event_list *events,
                       enum table_format format, struct table *table)
{
	table_init(table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < events->len; i++) {
		const struct kipp_Event *event = &events->ptr[i];
		const char **row = table_add(cli, table);
		row[0] = cli_text(cli, "%" PRId64, event->number);
		row[1] = table_time(cli, event->timeMs);
		row[2] = level_name(event->level);
		row[3] = cli_terminated(cli, event->kind);
		row[4] = short_subject(cli, event->subject, format);
		row[5] = cli_terminated(cli, event->node);
		row[6] = cli_terminated(cli, event->text);
		row[7] = cli_text(cli, "%" PRId64, event->timeMs);
	}
}

// One run of `kipp events`.
struct stream {
	struct remote *remote;
	enum table_format format;
	int64_t after; // as remote_events takes it
	size_t widths[TABLE_COLUMNS_MAX];
	bool is_begun;
	bool is_silent; // what comes next was there before, and is not asked for
};

static int print_events(struct stream *stream, const struct kipp_Event_list *events)
{
	struct cli *cli = stream->remote->cli;
	struct kp_arena *arena = cli->arena, *round = kp_arena_new(0);
	if (!round)
		return cli_fail_nomem(cli);
	cli->arena = round;
	struct table table;
	fill_table(cli, events, stream->format, &table);
	table.widths = stream->widths;
	struct kp_buf out = {0};
	table_render(&table, stream->format, cli->has_out_colour, !stream->is_begun, &out);
	int code = out.err == KP_OK ? CLI_OK : cli_fail_nomem(cli);
	if (code == CLI_OK && !cli_print(cli, kp_buf_str(&out)))
		code = CLI_FAILED;
	kp_buf_fini(&out);
	cli->arena = arena;
	kp_arena_free(round);
	stream->is_begun = true;
	return code;
}

static int ask_events(struct stream *stream, int wait_ms)
{
	struct kipp_Event_list events = {0};
	int code = remote_events(stream->remote, &stream->after, wait_ms, &events);
	if (stream->is_silent)
		events.len = 0;
	stream->is_silent = false;
	if (code != CLI_OK || (events.len == 0 && stream->is_begun))
		return code;
	return print_events(stream, &events);
}

int verb_events(struct cli *cli, const struct args *args)
{
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	bool is_follow = args_has(args, FLAG_FOLLOW);
	struct stream stream = {.remote = &remote, .format = table_format_of(args)};
	if (stream.format == TABLE_JSON && is_follow)
		stream.format = TABLE_JSON_LINES;
	int64_t lines = args_number(args, FLAG_LINES, LINES_DEFAULT);
	stream.after = lines > 0 ? -lines : -1; // -1 tells at least where the new ones begin
	stream.is_silent = lines == 0;
	code = ask_events(&stream, 0);
	while (code == CLI_OK && is_follow)
		code = cli_is_read(cli) ? ask_events(&stream, WAIT_MS) : CLI_FAILED;
	remote_close(&remote);
	return code;
}
