// args.h - a command line, taken apart by the table of commands.
#pragma once

#include "cli/command.h"

struct args_value {
	enum flag flag;
	const char *text; // borrowed from argv; NULL for a switch
	int64_t number;
};

struct args {
	const struct command *command; // NULL: none was named
	const char **operands;         // borrowed from argv
	int operand_count;
	struct args_value *values;
	int value_count;
};

// args_parse reads a command line into the run's arena. Returns CLI_OK, or says what is wrong and
// returns CLI_USAGE. With --help the operands are not counted.
int args_parse(struct cli *cli, int argc, char **argv, struct args *ret);

bool args_has(const struct args *args, enum flag flag);

// args_text returns the last value of a flag, or `fallback`.
const char *args_text(const struct args *args, enum flag flag, const char *fallback);
int64_t args_number(const struct args *args, enum flag flag, int64_t fallback);

// args_next walks the values of a flag that was given more than once: start with *index 0; NULL at
// the end.
const char *args_next(const struct args *args, enum flag flag, int *index);

// args_operand returns an operand by its index, or NULL.
const char *args_operand(const struct args *args, int index);
