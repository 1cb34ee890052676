// args.c - parses a command line by the table of commands.
#include "cli/args.h"

#include "base/nearest.h"
#include "base/text.h"

#include <inttypes.h>

// One pass over the command line.
struct parser {
	struct cli *cli;
	struct args *args;
	char **argv;
	int argc;
	int at;
	int word_first;  // index in argv of the command's first word, or argc
	int word_second; // of its second, or argc
};

bool args_has(const struct args *args, enum flag flag)
{
	for (int i = 0; i < args->value_count; i++) {
		if (args->values[i].flag == flag)
			return true;
	}
	return false;
}

static const struct args_value *last_value(const struct args *args, enum flag flag)
{
	for (int i = args->value_count - 1; i >= 0; i--) {
		if (args->values[i].flag == flag)
			return &args->values[i];
	}
	return NULL;
}

const char *args_text(const struct args *args, enum flag flag, const char *fallback)
{
	const struct args_value *value = last_value(args, flag);
	return value ? value->text : fallback;
}

int64_t args_number(const struct args *args, enum flag flag, int64_t fallback)
{
	const struct args_value *value = last_value(args, flag);
	return value ? value->number : fallback;
}

const char *args_next(const struct args *args, enum flag flag, int *index)
{
	while (*index < args->value_count) {
		const struct args_value *value = &args->values[(*index)++];
		if (value->flag == flag)
			return value->text;
	}
	return NULL;
}

const char *args_operand(const struct args *args, int index)
{
	return index < args->operand_count ? args->operands[index] : NULL;
}

static bool is_flag(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static uint64_t flags_of(const struct parser *parser)
{
	const struct command *command = parser->args->command;
	return FLAG_GLOBAL | (command ? command->flags : 0);
}

// find_flag looks a flag up by name (`letter` 0) or by letter. Returns FLAG_COUNT if there is none.
static enum flag find_flag(uint64_t allowed, struct kp_str name, char letter)
{
	const struct flag_row *rows = flag_rows();
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (!(allowed & FLAG_BIT(i)))
			continue;
		if (letter ? rows[i].letter == letter : kp_str_equal(kp_str(rows[i].name), name))
			return (enum flag)i;
	}
	return FLAG_COUNT;
}

// skip_global_flag steps over a flag that stands before the command's name.
static int skip_global_flag(char **argv, int argc, int at)
{
	const char *word = argv[at];
	enum flag flag = word[1] == '-' ? find_flag(FLAG_GLOBAL, kp_str(word + 2), 0)
	                                : find_flag(FLAG_GLOBAL, (struct kp_str){0}, word[1]);
	bool takes_next = flag < FLAG_COUNT && flag_rows()[flag].kind != FLAG_SWITCH &&
	                  (word[1] == '-' || word[2] == '\0');
	return takes_next && at + 1 < argc ? at + 2 : at + 1;
}

static int fail_unknown_command(struct cli *cli, const char *word)
{
	const char *near = command_nearest(cli, word);
	if (near)
		return cli_fail(cli, CLI_USAGE, "there is no command '%s'; did you mean 'kipp %s'?",
		                word, near);
	return cli_fail(cli, CLI_USAGE, "there is no command '%s'; 'kipp help' lists them all",
	                word);
}

// find_command looks for the command's one or two words among the flags.
static int find_command(struct parser *parser)
{
	int at = 1;
	while (at < parser->argc && is_flag(parser->argv[at]))
		at = skip_global_flag(parser->argv, parser->argc, at);
	if (at >= parser->argc)
		return CLI_OK;
	const char *first = parser->argv[at];
	parser->word_first = at;
	if (at + 1 < parser->argc) {
		const char *both = cli_text(parser->cli, "%s %s", first, parser->argv[at + 1]);
		parser->args->command = command_find(both);
	}
	if (parser->args->command)
		parser->word_second = at + 1;
	else
		parser->args->command = command_find(first);
	if (!parser->args->command)
		return fail_unknown_command(parser->cli, first);
	return CLI_OK;
}

static const char *command_name(const struct parser *parser)
{
	return parser->args->command ? parser->args->command->name : "help";
}

static int fail_unknown_flag(const struct parser *parser, const char *shown, struct kp_str name)
{
	const char *names[FLAG_COUNT];
	size_t count = 0;
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (flags_of(parser) & FLAG_BIT(i))
			names[count++] = flag_rows()[i].name;
	}
	const char *near =
	        name.len > 0 ? kp_nearest_find(cli_terminated(parser->cli, name), names, count)
	                     : NULL;
	if (near)
		return cli_fail(parser->cli, CLI_USAGE,
		                "'kipp %s' has no flag '%s'; did you mean '--%s'?",
		                command_name(parser), shown, near);
	return cli_fail(parser->cli, CLI_USAGE,
	                "'kipp %s' has no flag '%s'; 'kipp %s --help' lists them",
	                command_name(parser), shown, command_name(parser));
}

static bool is_choice(const char *choices, const char *text)
{
	struct kp_str rest = kp_str(choices), choice;
	while (kp_str_split_next(&rest, '|', &choice)) {
		if (kp_str_equal(choice, kp_str(text)))
			return true;
	}
	return false;
}

static int check_value(const struct parser *parser, struct args_value *value)
{
	const struct flag_row *row = &flag_rows()[value->flag];
	if (row->kind == FLAG_CHOICE && !is_choice(row->value, value->text))
		return cli_fail(parser->cli, CLI_USAGE, "--%s takes one of %s, not '%s'", row->name,
		                row->value, value->text);
	if (row->kind == FLAG_NUMBER &&
	    kp_str_i64(kp_str(value->text), row->min, row->max, &value->number) != KP_OK)
		return cli_fail(parser->cli, CLI_USAGE,
		                "--%s takes a number from %" PRId64 " to %" PRId64 ", not '%s'",
		                row->name, row->min, row->max, value->text);
	return CLI_OK;
}

// add_flag takes the flag's value from `attached`, or else from the next word.
static int add_flag(struct parser *parser, enum flag flag, const char *attached)
{
	const struct flag_row *row = &flag_rows()[flag];
	struct args_value *value = &parser->args->values[parser->args->value_count];
	*value = (struct args_value){.flag = flag};
	if (row->kind == FLAG_SWITCH && attached)
		return cli_fail(parser->cli, CLI_USAGE, "--%s takes no value", row->name);
	if (row->kind != FLAG_SWITCH) {
		if (!attached && parser->at + 1 >= parser->argc)
			return cli_fail(parser->cli, CLI_USAGE, "--%s wants a value: --%s %s",
			                row->name, row->name, row->value);
		value->text = attached ? attached : parser->argv[++parser->at];
	}
	int code = check_value(parser, value);
	if (code == CLI_OK)
		parser->args->value_count++;
	return code;
}

static int parse_long(struct parser *parser, const char *word)
{
	struct kp_str name = kp_str(word + 2);
	size_t equals = kp_str_find(name, '=');
	const char *attached = equals < name.len ? name.ptr + equals + 1 : NULL;
	name.len = equals;
	enum flag flag = find_flag(flags_of(parser), name, 0);
	if (flag == FLAG_COUNT)
		return fail_unknown_flag(parser, word, name);
	return add_flag(parser, flag, attached);
}

// parse_short reads "-q", "-qv", "-n 5" and "-n5".
static int parse_short(struct parser *parser, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		enum flag flag = find_flag(flags_of(parser), (struct kp_str){0}, *letter);
		if (flag == FLAG_COUNT)
			return fail_unknown_flag(parser, word, (struct kp_str){0});
		bool is_switch = flag_rows()[flag].kind == FLAG_SWITCH;
		const char *attached = !is_switch && letter[1] ? letter + 1 : NULL;
		int code = add_flag(parser, flag, attached);
		if (code != CLI_OK || !is_switch)
			return code;
	}
	return CLI_OK;
}

static int parse_words(struct parser *parser)
{
	bool has_ended = false; // after "--" nothing is a flag
	for (parser->at = 1; parser->at < parser->argc; parser->at++) {
		const char *word = parser->argv[parser->at];
		if (parser->at == parser->word_first || parser->at == parser->word_second)
			continue;
		int code = CLI_OK;
		if (has_ended || !is_flag(word))
			parser->args->operands[parser->args->operand_count++] = word;
		else if (strcmp(word, "--") == 0)
			has_ended = true;
		else if (word[1] == '-')
			code = parse_long(parser, word);
		else
			code = parse_short(parser, word);
		if (code != CLI_OK)
			return code;
	}
	return CLI_OK;
}

static int check_operands(struct cli *cli, const struct args *args)
{
	const struct command *command = args->command;
	if (!command || args_has(args, FLAG_HELP))
		return CLI_OK;
	const char *usage = cli_text(cli, "kipp %s%s%s", command->name,
	                             *command->operands ? " " : "", command->operands);
	if (args->operand_count < command->operand_min)
		return cli_fail(cli, CLI_USAGE, "'kipp %s' wants more: %s", command->name, usage);
	if (command->operand_max < 0 || args->operand_count <= command->operand_max)
		return CLI_OK;
	const char *extra = args->operands[command->operand_max];
	const char *near = command_nearest(cli, cli_text(cli, "%s %s", command->name, extra));
	if (command->operand_max == 0 && near && strchr(near, ' '))
		return cli_fail(cli, CLI_USAGE,
		                "there is no command '%s %s'; did you mean 'kipp %s'?",
		                command->name, extra, near);
	return cli_fail(cli, CLI_USAGE, "'kipp %s' does not know what to do with '%s'; usage: %s",
	                command->name, extra, usage);
}

int args_parse(struct cli *cli, int argc, char **argv, struct args *ret)
{
	*ret = (struct args){0};
	size_t letters = 0; // a word of n letters holds at most n flags
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	ret->operands = cli_alloc(cli, (size_t)argc + 1, sizeof(*ret->operands));
	ret->values = cli_alloc(cli, letters + 1, sizeof(*ret->values));

	struct parser parser = {.cli = cli,
	                        .args = ret,
	                        .argv = argv,
	                        .argc = argc,
	                        .word_first = argc,
	                        .word_second = argc};
	int code = find_command(&parser);
	if (code == CLI_OK)
		code = parse_words(&parser);
	if (code == CLI_OK)
		code = check_operands(cli, ret);
	return code;
}
