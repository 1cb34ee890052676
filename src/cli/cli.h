// cli.h - one run of the `kipp` command: where it writes, and how it says what went wrong.
//
// Data goes to `out`, messages to `err`. All texts of a run live in its arena.
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"
#include "kipp/err.h"
#include "kipp/str.h"

#include <stdio.h>

// Exit codes, as the conventions say.
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOTFOUND = 3,
	CLI_DENIED = 4,
	CLI_CONFLICT = 5,
	CLI_UNREACHABLE = 6,
	CLI_INTERRUPTED = 130,
};

struct cli {
	FILE *out;              // borrowed; data
	FILE *err;              // borrowed; messages
	struct kp_arena *arena; // owned
	bool is_quiet;          // -q: no messages but errors
	bool is_verbose;        // -v
	bool is_yes;            // -y: no questions
	bool has_out_colour;
	bool has_err_colour;
	bool has_terminal;   // messages go to a person
	bool has_progress;   // a progress line stands on the terminal
	const char *program; // argv[0]
};

// cli_init starts a run on the given streams. NOMEM is its only error.
kp_err cli_init(struct cli *cli, FILE *out, FILE *err);
void cli_fini(struct cli *cli);

// cli_main runs one command line and returns the exit code.
int cli_main(int argc, char **argv);

// cli_run is cli_main on a run that is open already.
int cli_run(struct cli *cli, int argc, char **argv);

// cli_fail prints "kipp: " and one sentence on `err`, and returns `code`.
int cli_fail(struct cli *cli, enum cli_exit code, const char *format, ...) KP_PRINTF(3, 4);

// cli_fail_nomem says that memory ran out.
int cli_fail_nomem(struct cli *cli);

// cli_exit_of tells which exit code an outcome of the framework means.
enum cli_exit cli_exit_of(kp_err err);

// cli_warn prints a sentence that is not fatal; cli_say one that -q hides; cli_note one that only
// -v shows.
void cli_warn(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);
void cli_say(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);
void cli_note(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);

// cli_progress shows a line that the next one replaces, on a terminal only.
void cli_progress(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);

// cli_print writes a text to `out` at once. False when nobody reads any more.
bool cli_print(struct cli *cli, struct kp_str text);

// cli_is_read tells whether somebody still reads `out`: what waits for news must not wait for
// nobody.
bool cli_is_read(const struct cli *cli);

// cli_confirm asks a yes-or-no question. With -y, or without a terminal, it does not ask: yes.
bool cli_confirm(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);

// cli_text formats into the run's arena; NUL-terminated. Never NULL: out of memory ends the
// program.
const char *cli_text(struct cli *cli, const char *format, ...) KP_PRINTF(2, 3);

// cli_terminated copies a view with a NUL behind it, as cli_text does.
const char *cli_terminated(struct cli *cli, struct kp_str text);

// cli_alloc returns cleared memory of the run; out of memory ends the program.
void *cli_alloc(struct cli *cli, size_t count, size_t size);
