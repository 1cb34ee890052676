// command.h - the table of commands: parsing, help and completion all read it.
#pragma once

#include "cli/cli.h"

// Every flag of the command, once. Two flags may share a letter when no command has both.
enum flag {
	FLAG_CONTROLLER,
	FLAG_DATA,
	FLAG_HELP,
	FLAG_QUIET,
	FLAG_VERBOSE,
	FLAG_YES,
	FLAG_OUTPUT,
	FLAG_WATCH,
	FLAG_WAIT,
	FLAG_NO_WAIT,
	FLAG_DRY_RUN,
	FLAG_TIMEOUT,
	FLAG_PORT,
	FLAG_HOST,
	FLAG_DEPLOY,
	FLAG_NODE_NAME,
	FLAG_NAME,
	FLAG_SERVANT,
	FLAG_INSTANCES,
	FLAG_LABEL,
	FLAG_FOLLOW,
	FLAG_LINES,
	FLAG_CPP,
	FLAG_IDL,
	FLAG_INCLUDE,
	FLAG_ENDPOINT,
	FLAG_CALL_TIMEOUT,
	FLAG_ONEWAY,
	FLAG_DIR,
	FLAG_FROM,
	FLAG_COUNT
};

#define FLAG_BIT(flag) (1ull << (flag))

enum flag_kind {
	FLAG_SWITCH,
	FLAG_TEXT,
	FLAG_NUMBER, // within min..max
	FLAG_CHOICE, // one of the words in `value`, separated by '|'
};

struct flag_row {
	char letter; // 0: none
	enum flag_kind kind;
	const char *name;
	const char *value; // how help names the value
	int64_t min;
	int64_t max;
	const char *help;
};

struct args;

struct command {
	const char *name;     // "ps", or two words: "node list"
	const char *operands; // "[TARGET]"
	const char *group;    // heading in the help, or NULL: not listed
	const char *summary;
	const char *details; // further help, or NULL
	uint64_t flags;
	int operand_min;
	int operand_max; // -1: any number
	int (*run)(struct cli *cli, const struct args *args);
};

// command_rows and flag_rows are the tables.
const struct command *command_rows(size_t *ret_count);
const struct flag_row *flag_rows(void);

// FLAG_GLOBAL are the flags that every command takes.
#define FLAG_GLOBAL                                                              \
	(FLAG_BIT(FLAG_CONTROLLER) | FLAG_BIT(FLAG_DATA) | FLAG_BIT(FLAG_HELP) | \
	 FLAG_BIT(FLAG_QUIET) | FLAG_BIT(FLAG_VERBOSE) | FLAG_BIT(FLAG_YES))

// command_has tells whether a command takes a flag.
static inline bool command_has(const struct command *command, enum flag flag)
{
	return ((command->flags | FLAG_GLOBAL) & FLAG_BIT(flag)) != 0;
}

// command_find returns the command called `name`, which may have two words, or NULL.
const struct command *command_find(const char *name);

// command_nearest returns the name of the command that was probably meant, or NULL.
const char *command_nearest(struct cli *cli, const char *name);
