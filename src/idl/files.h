// files.h - the disk, as far as the compiler needs it.
#pragma once

#include "kipp/buf.h"

// idl_file_read appends a file's content. NOTFOUND: there is none; IO: it cannot be read.
kp_err idl_file_read(const char *path, struct kp_buf *out);

// idl_file_write makes `path` hold `text`: through a temporary file beside it and a rename, so that
// nobody sees half of it. A file that holds the text already is not touched.
kp_err idl_file_write(const char *path, struct kp_str text, struct kp_why *why);

// idl_dir_make makes a folder and those above it, where they are missing.
kp_err idl_dir_make(const char *path, struct kp_why *why);
