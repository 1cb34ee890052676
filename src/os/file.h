// file.h - files and directories, by path: read whole, replaced at once, removed with all below.
//
// Whatever replaces something does so by a temporary name, fsync and rename: after a crash the old
// or the new is there, whole. Every function that takes `why` says there what failed and on which
// path.
#pragma once

#include "kipp/buf.h"

// kp_file_error turns the errno of a failure into the framework's outcome; never OK.
kp_err kp_file_error(int number);

// kp_file_read appends the whole file to `out`. NOTFOUND: there is none. LIMIT: it is larger than
// `size_max`.
kp_err kp_file_read(const char *path, size_t size_max, struct kp_buf *out, struct kp_why *why);

// kp_file_read_at appends up to `size_max` bytes from `offset`; past the end it appends nothing.
kp_err kp_file_read_at(const char *path, int64_t offset, size_t size_max, struct kp_buf *out,
                       struct kp_why *why);

// kp_file_replace writes the file under a temporary name beside it and renames it into place.
// `mode` as chmod takes it.
kp_err kp_file_replace(const char *path, struct kp_bytes content, unsigned mode,
                       struct kp_why *why);

// kp_file_swap is kp_file_replace without the flush: nobody ever reads half of it, but after a
// crash of the machine the old, the new or an empty file may be there. Tens of milliseconds faster.
kp_err kp_file_swap(const char *path, struct kp_bytes content, unsigned mode, struct kp_why *why);

// kp_file_write_at writes at `offset`, making the file when there is none; not flushed to disk.
kp_err kp_file_write_at(const char *path, int64_t offset, struct kp_bytes content,
                        struct kp_why *why);

// kp_file_link_replace makes `path` a symbolic link to `target`, replacing the one that is there by
// one rename; not flushed to disk.
kp_err kp_file_link_replace(const char *path, const char *target, struct kp_why *why);

// kp_file_read_link returns where a symbolic link points. NOTFOUND: there is no such link.
kp_err kp_file_read_link(const char *path, char **ret);

// kp_file_real_path returns the absolute path without links of what is there.
kp_err kp_file_real_path(const char *path, char **ret, struct kp_why *why);

// kp_file_rename moves a file or directory within one file system and makes the move durable.
kp_err kp_file_rename(const char *from, const char *to, struct kp_why *why);

// kp_file_remove removes one file or link; one that is not there is no error.
kp_err kp_file_remove(const char *path, struct kp_why *why);

// kp_file_make_dirs makes a directory and those above it that are missing.
kp_err kp_file_make_dirs(const char *path, unsigned mode, struct kp_why *why);

// kp_file_remove_tree removes a path and all below it, never following a link; a path that is not
// there is no error.
kp_err kp_file_remove_tree(const char *path, struct kp_why *why);

// kp_file_lock_tree takes the write permission from all files and directories of a tree.
kp_err kp_file_lock_tree(const char *path, struct kp_why *why);

// kp_file_sync_tree flushes the whole file system that holds `path`: one call, where thousands of
// files were written.
kp_err kp_file_sync_tree(const char *path, struct kp_why *why);

enum kp_file_kind {
	KP_FILE_OTHER,
	KP_FILE_REGULAR,
	KP_FILE_DIRECTORY,
	KP_FILE_LINK,
};

struct kp_file_info {
	enum kp_file_kind kind;
	bool is_executable;
	int64_t size;
	int64_t changed_ns; // since 1970
};

// kp_file_stat looks at a path; `follow` looks through a link. NOTFOUND: nothing is there.
kp_err kp_file_stat(const char *path, bool follow, struct kp_file_info *ret);
bool kp_file_exists(const char *path);

struct kp_file_list {
	char **names; // owned, sorted by bytes
	size_t count;
};

// kp_file_list_dir lists a directory's entries without "." and "..".
kp_err kp_file_list_dir(const char *path, struct kp_file_list *ret, struct kp_why *why);
void kp_file_list_fini(struct kp_file_list *list);

// kp_file_free_space returns the bytes that an ordinary user may still write where `path` is.
kp_err kp_file_free_space(const char *path, int64_t *ret);

// kp_file_path prints a path into memory that the caller frees; NULL when out of memory.
char *kp_file_path(const char *format, ...) KP_PRINTF(1, 2);

// kp_file_format prints into `size` bytes; LIMIT: it did not fit.
kp_err kp_file_format(char *text, size_t size, const char *format, ...) KP_PRINTF(3, 4);

// kp_file_copy copies a file's content to `to`, which it makes or overwrites; not flushed to disk.
kp_err kp_file_copy(const char *from, const char *to, struct kp_why *why);
// kp_file_empty cuts a file to nothing; who appends to it goes on from its start.
kp_err kp_file_empty(const char *path, struct kp_why *why);
