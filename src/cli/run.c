// run.c - one command line from its words to its exit code.
#include "cli/help.h"
#include "cli/verbs.h"

#include <signal.h>
#include <unistd.h>

int cli_run(struct cli *cli, int argc, char **argv)
{
	if (argc > 0)
		cli->program = argv[0];
	static char *version[] = {"kipp", "version", NULL};
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv = version;
	struct args args;
	int code = args_parse(cli, argc, argv, &args);
	if (code != CLI_OK)
		return code;
	cli->is_quiet = args_has(&args, FLAG_QUIET);
	cli->is_verbose = args_has(&args, FLAG_VERBOSE);
	cli->is_yes = args_has(&args, FLAG_YES);

	struct kp_buf out = {0};
	if (args_has(&args, FLAG_HELP)) {
		if (args.command)
			help_command(args.command, &out);
		else
			help_all(cli, &out);
		return help_print(cli, &out);
	}
	if (!args.command)
		return cli_fail(cli, CLI_USAGE, "which command? 'kipp help' lists them all");
	return args.command->run(cli, &args);
}

static void on_interrupt(int signal_number)
{
	_exit(CLI_INTERRUPTED);
}

// A reader that goes away must not kill us half way; writes then fail and are looked at.
static void set_signals(void)
{
	struct sigaction interrupt = {.sa_handler = on_interrupt};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

int cli_main(int argc, char **argv)
{
	set_signals();
	struct cli cli;
	if (cli_init(&cli, stdout, stderr) != KP_OK) {
		fputs("kipp: out of memory\n", stderr);
		return CLI_FAILED;
	}
	int code = cli_run(&cli, argc, argv);
	cli_fini(&cli);
	return code;
}
