// verbs.h - what each command does. Each returns an exit code and has said what went wrong.
#pragma once

#include "cli/args.h"

int verb_up(struct cli *cli, const struct args *args);
int verb_controller(struct cli *cli, const struct args *args);
int verb_node(struct cli *cli, const struct args *args);
int verb_node_list(struct cli *cli, const struct args *args);
int verb_new(struct cli *cli, const struct args *args);
int verb_idl(struct cli *cli, const struct args *args);
int verb_deploy(struct cli *cli, const struct args *args);
int verb_remove(struct cli *cli, const struct args *args);
int verb_ps(struct cli *cli, const struct args *args);
int verb_start(struct cli *cli, const struct args *args);
int verb_stop(struct cli *cli, const struct args *args);
int verb_restart(struct cli *cli, const struct args *args);
int verb_logs(struct cli *cli, const struct args *args);
int verb_events(struct cli *cli, const struct args *args);
int verb_admin(struct cli *cli, const struct args *args);
int verb_explain(struct cli *cli, const struct args *args);
int verb_call(struct cli *cli, const struct args *args);
int verb_completion(struct cli *cli, const struct args *args);
int verb_version(struct cli *cli, const struct args *args);
int verb_help(struct cli *cli, const struct args *args);
