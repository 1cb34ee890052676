// help.h - the help that the table of commands gives.
#pragma once

#include "cli/command.h"

// help_all lists the commands by their groups.
void help_all(struct cli *cli, struct kp_buf *out);

// help_command says how one command is used.
void help_command(const struct command *command, struct kp_buf *out);

// help_completion writes a bash script that completes commands and flags.
void help_completion(struct kp_buf *out);

// help_print writes what was collected to the run's output, frees it and returns an exit code.
int help_print(struct cli *cli, struct kp_buf *out);

// help_keys prints the keys of a server's configuration file.
void help_keys(struct cli *cli, struct kp_buf *out);
