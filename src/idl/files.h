// files.h - the disk, as far as the compiler needs it.
#pragma once

#include "kipp/buf.h"

// idl_file_read appends a file's content. NOTFOUND: there is none; IO: it cannot be read.
kp_err idl_file_read(const char *path, struct kp_buf *out);

// idl_output is a file to be.
struct idl_output {
	const char *path;
	struct kp_str text;
};

enum {
	IDL_OUTPUTS_MAX = 4
};

// idl_files_write makes at most IDL_OUTPUTS_MAX files hold their texts: each goes into a
// temporary file beside it, and only when all are written they are renamed, so that nobody sees
// half of one. A file that holds its text already is not touched.
kp_err idl_files_write(const struct idl_output *outputs, size_t count, struct kp_why *why);

// idl_dir_make makes a folder and those above it, where they are missing.
kp_err idl_dir_make(const char *path, struct kp_why *why);
