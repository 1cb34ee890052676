// admin.c - `kipp admin`.
#include "base/text.h"
#include "cli/asking.h"
#include "cli/table.h"
#include "cli/verbs.h"

enum {
	TIMEOUT_S = 5
};

static const struct column columns[] = {
        {"INSTANCE", "instance", CELL_TEXT, IN_ALL}, {"NODE", "node", CELL_TEXT, IN_WIDE | IN_JSON},
        {"ANSWER", "answer", CELL_TEXT, IN_ALL},     {"ERROR", "error", CELL_TEXT, IN_ALL},
        {NULL, "code", CELL_NUMBER, IN_JSON},
};

// print_text prints one instance's answer as it is, several with the instance before each.
static int print_text(struct cli *cli, const struct asked_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct asked *asked = &list->ptr[i];
		bool has_head = list->len > 1;
		if (asked->code != CLI_OK) {
			bool is_named =
			        kp_str_starts_with(kp_str(asked->why), kp_str(asked->instance));
			cli_fail(cli, (enum cli_exit)asked->code, "%s%s%s",
			         is_named ? "" : asked->instance, is_named ? "" : ": ", asked->why);
			continue;
		}
		const char *text = cli_text(cli, "%s%s%s%s\n", has_head ? "== " : "",
		                            has_head ? asked->instance : "", has_head ? "\n" : "",
		                            asked->answer);
		if (!cli_print(cli, kp_str(text)))
			return CLI_FAILED;
	}
	return asking_worst(list);
}

static int print_table(struct cli *cli, const struct asked_list *list, enum table_format format)
{
	struct table table;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < list->len; i++) {
		const struct asked *asked = &list->ptr[i];
		const char **row = table_add(cli, &table);
		row[0] = asked->instance;
		row[1] = asked->node;
		row[2] = asked->answer;
		row[3] = asked->code == CLI_OK ? "" : asked->why;
		row[4] = cli_text(cli, "%d", asked->code);
	}
	int code = table_print(cli, &table, format);
	return code == CLI_OK ? asking_worst(list) : code;
}

int verb_admin(struct cli *cli, const struct args *args)
{
	struct remote remote;
	struct asked_list list;
	const char *command = args->operands[1];
	for (int i = 2; i < args->operand_count; i++)
		command = cli_text(cli, "%s %s", command, args->operands[i]);
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	code = asking_run(&remote, args->operands[0], NULL, command,
	                  args_number(args, FLAG_TIMEOUT, TIMEOUT_S), &list);
	enum table_format format = table_format_of(args);
	if (code == CLI_OK)
		code = args_has(args, FLAG_OUTPUT) && format != TABLE_SHORT
		               ? print_table(cli, &list, format)
		               : print_text(cli, &list);
	remote_close(&remote);
	return code;
}
