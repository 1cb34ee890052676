// root.h - making files below one directory and never outside it.
//
// For content from strangers. A path is walked one component at a time and no link is followed, so
// neither "..", an absolute path nor a link that was made before can lead out. Links are accepted
// only if they cannot lead out either: relative, with ".." only at the front, and not more of them
// than the link is deep.
#pragma once

#include "kipp/err.h"

#include <stdbool.h>
#include <stdint.h>

struct kp_root {
	int fd; // owned
};

kp_err kp_root_open(const char *path, struct kp_root *ret, struct kp_why *why);
void kp_root_close(struct kp_root *root);

// kp_root_path_is_safe tells whether a path is relative, not empty and without "..".
bool kp_root_path_is_safe(const char *path);
// kp_root_link_is_safe tells whether a link at `path` to `target` stays inside.
bool kp_root_link_is_safe(const char *path, const char *target);

// kp_root_make_dir makes a directory and those above it. INVALID: the path is not safe.
kp_err kp_root_make_dir(struct kp_root *root, const char *path, struct kp_why *why);

// kp_root_create makes a new file and opens it for writing; kp_root_write fills it, kp_root_finish
// sets its mode and closes it. EXISTS: something has that name.
kp_err kp_root_create(struct kp_root *root, const char *path, int *ret_fd, struct kp_why *why);
kp_err kp_root_write(int fd, int64_t offset, const void *data, size_t size, struct kp_why *why);
kp_err kp_root_finish(int fd, unsigned mode, struct kp_why *why);

// kp_root_symlink makes a symbolic link, kp_root_hardlink a further name for a file made before.
kp_err kp_root_symlink(struct kp_root *root, const char *path, const char *target,
                       struct kp_why *why);
kp_err kp_root_hardlink(struct kp_root *root, const char *path, const char *existing,
                        struct kp_why *why);
