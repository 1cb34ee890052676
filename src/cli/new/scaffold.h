// scaffold.h - the files of a new service, from templates.
//
// In names and texts @APP@ stands for the application, @SERVER@ for the server, @BASE@ for the
// server without the word Server, @base@ for that in small letters, @KIPP@ for this program, @c@
// for the ending of its sources.
#pragma once

#include "cli/cli.h"

enum scaffold_language {
	SCAFFOLD_C = 1,
	SCAFFOLD_CPP = 2,
	SCAFFOLD_ANY = SCAFFOLD_C | SCAFFOLD_CPP,
};

struct scaffold_file {
	const char *name;
	unsigned languages;
	const char *text;
	size_t size;
};

// scaffold_files are the templates.
extern const struct scaffold_file scaffold_files[];
extern const size_t scaffold_file_count;

struct scaffold_names {
	struct kp_str app;
	struct kp_str server;
	struct kp_str base;
	struct kp_str base_lower;
	struct kp_str ending; // of its source files
	struct kp_str kipp;
};

// scaffold_names_of takes "App.Server" apart, or says what is wrong with it and returns CLI_USAGE.
int scaffold_names_of(struct cli *cli, const char *name, struct scaffold_names *ret);

// scaffold_fill appends a template with its words replaced. Errors stay in the buffer.
void scaffold_fill(struct kp_str text, const struct scaffold_names *names, struct kp_buf *out);
