// cli.c - the streams and sentences of one run.
#include "cli/cli.h"

#include "os/pipe.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_colour(FILE *stream)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	if (no_colour && *no_colour)
		return false;
	if (!terminal || strcmp(terminal, "dumb") == 0)
		return false;
	return isatty(fileno(stream)) == 1;
}

kp_err cli_init(struct cli *cli, FILE *out, FILE *err)
{
	*cli = (struct cli){.out = out, .err = err, .program = "kipp"};
	cli->arena = kp_arena_new(0);
	if (!cli->arena)
		return KP_ERR_NOMEM;
	cli->has_out_colour = has_colour(out);
	cli->has_err_colour = has_colour(err);
	cli->has_terminal = isatty(fileno(err)) == 1;
	return KP_OK;
}

void cli_fini(struct cli *cli)
{
	kp_arena_free(cli->arena);
	cli->arena = NULL;
}

static void end_progress(struct cli *cli)
{
	if (cli->has_progress)
		fputs("\r\033[K", cli->err);
	cli->has_progress = false;
}

static void print_line(struct cli *cli, const char *head, const char *format, va_list args)
{
	end_progress(cli);
	fputs(head, cli->err);
	vfprintf(cli->err, format, args);
	fputc('\n', cli->err);
	fflush(cli->err);
}

int cli_fail(struct cli *cli, enum cli_exit code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_line(cli, cli->has_err_colour ? "\033[31mkipp:\033[0m " : "kipp: ", format, args);
	va_end(args);
	return code;
}

int cli_fail_nomem(struct cli *cli)
{
	return cli_fail(cli, CLI_FAILED, "out of memory");
}

enum cli_exit cli_exit_of(kp_err err)
{
	switch (err) {
	case KP_OK:
		return CLI_OK;
	case KP_ERR_INVALID:
		return CLI_USAGE;
	case KP_ERR_NOTFOUND:
	case KP_ERR_NOSERVANT:
	case KP_ERR_NOFUNC:
		return CLI_NOTFOUND;
	case KP_ERR_DENIED:
		return CLI_DENIED;
	case KP_ERR_EXISTS:
	case KP_ERR_CONFLICT:
	case KP_ERR_BUSY:
		return CLI_CONFLICT;
	case KP_ERR_TIMEOUT:
	case KP_ERR_CLOSED:
	case KP_ERR_CONNECT:
	case KP_ERR_NOENDPOINT:
		return CLI_UNREACHABLE;
	default:
		return CLI_FAILED;
	}
}

void cli_warn(struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_line(cli, cli->has_err_colour ? "\033[33mkipp:\033[0m " : "kipp: ", format, args);
	va_end(args);
}

void cli_say(struct cli *cli, const char *format, ...)
{
	if (cli->is_quiet)
		return;
	va_list args;
	va_start(args, format);
	print_line(cli, "", format, args);
	va_end(args);
}

void cli_note(struct cli *cli, const char *format, ...)
{
	if (!cli->is_verbose)
		return;
	va_list args;
	va_start(args, format);
	print_line(cli, "", format, args);
	va_end(args);
}

void cli_progress(struct cli *cli, const char *format, ...)
{
	if (!cli->has_terminal || cli->is_quiet)
		return;
	va_list args;
	va_start(args, format);
	fputs("\r\033[K", cli->err);
	vfprintf(cli->err, format, args);
	va_end(args);
	fflush(cli->err);
	cli->has_progress = true;
}

bool cli_print(struct cli *cli, struct kp_str text)
{
	end_progress(cli);
	if (text.len > 0)
		fwrite(text.ptr, 1, text.len, cli->out);
	return fflush(cli->out) == 0;
}

bool cli_is_read(const struct cli *cli)
{
	return kp_pipe_has_reader(fileno(cli->out));
}

bool cli_confirm(struct cli *cli, const char *format, ...)
{
	if (cli->is_yes || !cli->has_terminal || isatty(STDIN_FILENO) != 1)
		return true;
	va_list args;
	va_start(args, format);
	vfprintf(cli->err, format, args);
	va_end(args);
	fputs(" [y/N] ", cli->err);
	fflush(cli->err);
	char line[16];
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static void die_of_hunger(void)
{
	fputs("kipp: out of memory\n", stderr);
	exit(CLI_FAILED);
}

const char *cli_text(struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(cli->arena, format, args);
	va_end(args);
	if (!text.ptr)
		die_of_hunger();
	return text.ptr;
}

const char *cli_terminated(struct cli *cli, struct kp_str text)
{
	struct kp_str copy = kp_arena_str(cli->arena, text);
	if (!copy.ptr)
		die_of_hunger();
	return copy.ptr;
}

void *cli_alloc(struct cli *cli, size_t count, size_t size)
{
	void *memory = kp_arena_alloc_zero(cli->arena, count, size);
	if (!memory)
		die_of_hunger();
	return memory;
}
