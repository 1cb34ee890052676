// root.c - making files below one directory.
#include "os/root.h"

#include "base/mem.h"
#include "base/try.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static kp_err fail(struct kp_why *why, const char *what, const char *path)
{
	int number = errno;
	return kp_why_set(why, kp_file_error(number), "cannot %s %s: %s", what, path,
	                  strerror(number));
}

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

kp_err kp_root_open(const char *path, struct kp_root *ret, struct kp_why *why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open directory", path);
	ret->fd = fd;
	return KP_OK;
}

void kp_root_close(struct kp_root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
}

// next_part takes the next component of a path, skipping "." and doubled slashes.
static bool next_part(const char **path, struct kp_str *ret)
{
	for (;;) {
		*path += strspn(*path, "/");
		size_t len = strcspn(*path, "/");
		if (len == 0)
			return false;
		struct kp_str part = {*path, len};
		*path += len;
		if (len == 1 && part.ptr[0] == '.')
			continue;
		*ret = part;
		return true;
	}
}

static bool is_up(struct kp_str part)
{
	return kp_str_equal(part, kp_str(".."));
}

bool kp_root_path_is_safe(const char *path)
{
	if (path[0] == '/')
		return false;
	struct kp_str part;
	bool has_parts = false;
	while (next_part(&path, &part)) {
		if (is_up(part) || part.len > 255)
			return false;
		has_parts = true;
	}
	return has_parts;
}

static int depth_of(const char *path)
{
	struct kp_str part;
	int depth = 0;
	while (next_part(&path, &part))
		depth++;
	return depth;
}

bool kp_root_link_is_safe(const char *path, const char *target)
{
	if (!kp_root_path_is_safe(path) || target[0] == '/' || target[0] == '\0')
		return false;
	int ups_left = depth_of(path) - 1;
	bool has_name = false;
	struct kp_str part;
	while (next_part(&target, &part)) {
		if (!is_up(part))
			has_name = true;
		else if (has_name || --ups_left < 0)
			return false;
	}
	return true;
}

// open_parent opens the directory that holds the last component, which it copies to `name`. With
// `make` it makes what is missing.
static kp_err open_parent(struct kp_root *root, const char *path, bool make, char name[256],
                          int *ret_fd, struct kp_why *why)
{
	if (!kp_root_path_is_safe(path))
		return kp_why_set(why, KP_ERR_INVALID, "'%s' leads out of its directory", path);
	int fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return fail(why, "open", path);
	const char *rest = path;
	struct kp_str part;
	struct kp_str following;
	if (!next_part(&rest, &part))
		part = kp_str(".");
	while (next_part(&rest, &following)) {
		memcpy(name, part.ptr, part.len);
		name[part.len] = '\0';
		if (make && mkdirat(fd, name, 0755) < 0 && errno != EEXIST) {
			close(fd);
			return fail(why, "make directory of", path);
		}
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int number = errno;
		close(fd);
		errno = number;
		if (below < 0)
			return fail(why, "open directory of", path);
		fd = below;
		part = following;
	}
	memcpy(name, part.ptr, part.len);
	name[part.len] = '\0';
	*ret_fd = fd;
	return KP_OK;
}

kp_err kp_root_make_dir(struct kp_root *root, const char *path, struct kp_why *why)
{
	char name[256];
	kp_cleanup(closep) int fd = -1;
	KP_TRY(open_parent(root, path, true, name, &fd, why));
	if (mkdirat(fd, name, 0755) == 0)
		return KP_OK;
	struct stat stat;
	if (errno == EEXIST && fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(stat.st_mode))
		return KP_OK;
	return fail(why, "make directory", path);
}

kp_err kp_root_create(struct kp_root *root, const char *path, int *ret_fd, struct kp_why *why)
{
	char name[256];
	kp_cleanup(closep) int parent = -1;
	KP_TRY(open_parent(root, path, true, name, &parent, why));
	int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(why, "make", path);
	*ret_fd = fd;
	return KP_OK;
}

kp_err kp_root_write(int fd, int64_t offset, const void *data, size_t size, struct kp_why *why)
{
	const char *from = data;
	while (size > 0) {
		ssize_t done = pwrite(fd, from, size, offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return kp_why_set(why, kp_file_error(errno), "cannot write: %s",
			                  strerror(errno));
		from += done;
		offset += done;
		size -= (size_t)done;
	}
	return KP_OK;
}

kp_err kp_root_finish(int fd, unsigned mode, struct kp_why *why)
{
	kp_err err = KP_OK;
	if (fchmod(fd, mode & 0777) < 0)
		err = kp_why_set(why, kp_file_error(errno), "cannot set a mode: %s",
		                 strerror(errno));
	if (close(fd) < 0 && err == KP_OK)
		err = kp_why_set(why, kp_file_error(errno), "cannot write: %s", strerror(errno));
	return err;
}

kp_err kp_root_symlink(struct kp_root *root, const char *path, const char *target,
                       struct kp_why *why)
{
	if (!kp_root_link_is_safe(path, target))
		return kp_why_set(why, KP_ERR_INVALID, "link '%s' -> '%s' leads out", path, target);
	char name[256];
	kp_cleanup(closep) int parent = -1;
	KP_TRY(open_parent(root, path, true, name, &parent, why));
	if (symlinkat(target, parent, name) < 0)
		return fail(why, "make", path);
	return KP_OK;
}

kp_err kp_root_hardlink(struct kp_root *root, const char *path, const char *existing,
                        struct kp_why *why)
{
	char name[256];
	char old_name[256];
	kp_cleanup(closep) int parent = -1;
	kp_cleanup(closep) int old_parent = -1;
	KP_TRY(open_parent(root, existing, false, old_name, &old_parent, why));
	KP_TRY(open_parent(root, path, true, name, &parent, why));
	if (linkat(old_parent, old_name, parent, name, 0) < 0)
		return fail(why, "make", path);
	return KP_OK;
}
