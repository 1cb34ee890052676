// help.c - prints help and completion from the table of commands.
#include "cli/help.h"

#include "cli/verbs.h"

static void heading(struct kp_buf *out, const struct cli *cli, const char *text)
{
	if (cli->has_out_colour)
		kp_buf_printf(out, "\n\033[1m%s\033[0m\n", text);
	else
		kp_buf_printf(out, "\n%s\n", text);
}

void help_all(struct cli *cli, struct kp_buf *out)
{
	kp_buf_printf(out, "kipp builds, deploys and watches services.\n\n"
	                   "usage: kipp COMMAND [FLAGS] [ARGUMENTS]\n");
	size_t count;
	const struct command *commands = command_rows(&count);
	const char *group = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!commands[i].group)
			continue;
		if (!group || strcmp(group, commands[i].group) != 0)
			heading(out, cli, commands[i].group);
		group = commands[i].group;
		kp_buf_printf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	}
	heading(out, cli, "Exit codes");
	kp_buf_printf(
	        out, "  0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 in conflict with "
	             "what is there,\n  6 unreachable or timed out, 130 interrupted\n"
	             "\n'kipp help COMMAND' says more about one, 'kipp help config' tells the "
	             "keys of a server's configuration.\n");
}

static void print_flag(struct kp_buf *out, const struct flag_row *row)
{
	char left[64];
	const char *blank = row->value ? " " : "", *value = row->value ? row->value : "";
	if (row->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", row->letter, row->name, blank, value);
	else
		snprintf(left, sizeof(left), "    --%s%s%s", row->name, blank, value);
	kp_buf_printf(out, "  %-34s %s\n", left, row->help);
}

static void print_flags(struct kp_buf *out, const char *title, uint64_t flags)
{
	if (flags == 0)
		return;
	kp_buf_printf(out, "\n%s\n", title);
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (flags & FLAG_BIT(i))
			print_flag(out, &flag_rows()[i]);
	}
}

void help_command(const struct command *command, struct kp_buf *out)
{
	kp_buf_printf(out, "kipp %s: %s\n\nusage: kipp %s%s%s%s\n", command->name, command->summary,
	              command->name, command->flags ? " [FLAGS]" : "",
	              *command->operands ? " " : "", command->operands);
	if (command->details)
		kp_buf_printf(out, "\n%s", command->details);
	print_flags(out, "Flags", command->flags);
	print_flags(out, "Flags of every command", FLAG_GLOBAL);
}

static void print_words(struct kp_buf *out, uint64_t flags)
{
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (flags & FLAG_BIT(i))
			kp_buf_printf(out, " --%s", flag_rows()[i].name);
	}
}

void help_completion(struct kp_buf *out)
{
	size_t count;
	const struct command *commands = command_rows(&count);
	kp_buf_printf(out, "# completes kipp's commands and flags in bash\n"
	                   "_kipp() {\n"
	                   "\tlocal word=${COMP_WORDS[COMP_CWORD]} words=\n"
	                   "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"");
	for (size_t i = 0; i < count; i++) {
		if (commands[i].group && !strchr(commands[i].name, ' '))
			kp_buf_printf(out, "%s ", commands[i].name);
	}
	kp_buf_printf(out, "\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < count; i++) {
		if (strchr(commands[i].name, ' '))
			continue;
		kp_buf_printf(out, "\t\t%s) words=\"", commands[i].name);
		print_words(out, commands[i].flags | FLAG_GLOBAL);
		kp_buf_printf(out, "\" ;;\n");
	}
	kp_buf_printf(out, "\t\tesac\n\tfi\n"
	                   "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	                   "}\n"
	                   "complete -o default -F _kipp kipp\n");
}

int help_print(struct cli *cli, struct kp_buf *out)
{
	bool has_all = out->err == KP_OK;
	bool is_read = cli_print(cli, kp_buf_str(out));
	kp_buf_fini(out);
	if (!has_all)
		return cli_fail_nomem(cli);
	return is_read ? CLI_OK : CLI_FAILED;
}

int verb_help(struct cli *cli, const struct args *args)
{
	struct kp_buf out = {0};
	if (args->operand_count == 0) {
		help_all(cli, &out);
		return help_print(cli, &out);
	}
	if (args->operand_count == 1 && strcmp(args->operands[0], "config") == 0) {
		help_keys(cli, &out);
		return help_print(cli, &out);
	}
	const char *name = args->operand_count == 1
	                           ? args->operands[0]
	                           : cli_text(cli, "%s %s", args->operands[0], args->operands[1]);
	const struct command *command = command_find(name);
	if (!command) {
		const char *near = command_nearest(cli, name);
		return cli_fail(cli, CLI_USAGE, "there is no command '%s'%s%s%s", name,
		                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	help_command(command, &out);
	return help_print(cli, &out);
}

int verb_completion(struct cli *cli, const struct args *args)
{
	if (strcmp(args->operands[0], "bash") != 0)
		return cli_fail(cli, CLI_USAGE, "completion is there for bash, not for '%s'",
		                args->operands[0]);
	struct kp_buf out = {0};
	help_completion(&out);
	return help_print(cli, &out);
}
