// idl.h - the compiler of .tars files.
//
// A kp_idl is one file with all that it includes, parsed and checked. It can be turned into C, or
// into tables that describe its interfaces to a tool.
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"
#include "kipp/describe.h"

struct kp_idl;

struct kp_idl_options {
	const char *const *include_dirs; // searched after the folder of the including file
	size_t include_dir_count;

	// read appends the content of a file; NOTFOUND lets the search go on. NULL: from the disk.
	kp_err (*read)(void *arg, const char *path, struct kp_buf *out);
	void *arg;
};

// kp_idl_open reads and checks `path` and what it includes. INVALID: the text has errors, which are
// appended to `messages` for people, each with its line and a caret. Other errors leave one
// sentence there.
kp_err kp_idl_open(const char *path, const struct kp_idl_options *options, struct kp_idl **ret,
                   struct kp_buf *messages);

// kp_idl_close frees the tree. NULL is fine.
void kp_idl_close(struct kp_idl *idl);

// kp_idl_emit_c appends the C header and source of the file itself, not of those it includes.
// `stem` is the name of both without the ending.
kp_err kp_idl_emit_c(struct kp_idl *idl, const char *stem, struct kp_buf *header,
                     struct kp_buf *source);

// kp_idl_emit_cpp appends the C++ header that goes with them.
kp_err kp_idl_emit_cpp(struct kp_idl *idl, const char *stem, struct kp_buf *header);

// kp_idl_list_files appends the paths of all files that were read, each behind a blank, the first
// one first.
void kp_idl_list_files(const struct kp_idl *idl, struct kp_buf *out);

// kp_idl_description is what kp_idl_describe makes: every interface and every struct of the file
// and of those it includes.
struct kp_idl_description {
	const struct kp_interface *interfaces;
	size_t interface_count;
	const struct kp_struct_type *structs;
	size_t struct_count;
};

// kp_idl_describe builds the same tables that the generated code holds, in `arena`, which they need
// and outlive the kp_idl with; `find` and `dispatch` are NULL.
kp_err kp_idl_describe(const struct kp_idl *idl, struct kp_arena *arena,
                       struct kp_idl_description *ret);

// kp_idl_run is the command `kipp-idl FILE.tars... -o DIR [-I DIR]...`: it prints errors on stderr
// and returns the exit code (0, 1 failed, 2 usage, 3 no such file, 4 denied). `name` is what the
// command is called in its help.
int kp_idl_run(const char *name, int argc, char **argv);
