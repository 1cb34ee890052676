// file.c - files by path.
#include "os/file.h"

#include "base/mem.h"
#include "base/try.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	READ_STEP = 64 << 10,
};

kp_err kp_file_error(int number)
{
	switch (number) {
	case ENOMEM:
		return KP_ERR_NOMEM;
	case ENOENT:
	case ENOTDIR:
	case ESRCH:
		return KP_ERR_NOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return KP_ERR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return KP_ERR_DENIED;
	case EBUSY:
	case ETXTBSY:
	case EADDRINUSE:
		return KP_ERR_BUSY;
	case ENOSPC:
	case EDQUOT:
		return KP_ERR_NOSPACE;
	case EMFILE:
	case ENFILE:
	case EFBIG:
	case EAGAIN:
		return KP_ERR_LIMIT;
	case EINVAL:
	case ENAMETOOLONG:
	case ELOOP:
		return KP_ERR_INVALID;
	default:
		return KP_ERR_IO;
	}
}

// fail says "cannot WHAT PATH: reason" of the current errno.
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

kp_err kp_file_format(char *text, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, size, format, args);
	va_end(args);
	return len >= 0 && (size_t)len < size ? KP_OK : KP_ERR_LIMIT;
}

char *kp_file_path(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *path = len < 0 ? NULL : kp_alloc((size_t)len + 1);
	if (!path)
		return NULL;
	va_start(args, format);
	vsnprintf(path, (size_t)len + 1, format, args);
	va_end(args);
	return path;
}

static kp_err read_from(int fd, size_t size_max, struct kp_buf *out)
{
	size_t left = size_max;
	while (left > 0) {
		size_t step = left < READ_STEP ? left : READ_STEP;
		uint8_t *to = kp_buf_reserve(out, step);
		if (!to)
			return out->err;
		ssize_t got = read(fd, to, step);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return kp_file_error(errno);
		if (got == 0)
			return KP_OK;
		out->len += (size_t)got;
		left -= (size_t)got;
	}
	return KP_OK;
}

kp_err kp_file_read(const char *path, size_t size_max, struct kp_buf *out, struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	size_t before = out->len;
	kp_err err = read_from(fd, size_max == SIZE_MAX ? size_max : size_max + 1, out);
	if (err == KP_OK && out->len - before > size_max)
		err = KP_ERR_LIMIT;
	if (err == KP_OK)
		return KP_OK;
	out->len = before;
	return kp_why_set(why, err, "cannot read %s: %s", path, kp_err_text(err));
}

kp_err kp_file_read_at(const char *path, int64_t offset, size_t size_max, struct kp_buf *out,
                       struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	if (lseek(fd, offset, SEEK_SET) < 0)
		return fail(why, "read", path);
	kp_err err = read_from(fd, size_max, out);
	if (err != KP_OK)
		return kp_why_set(why, err, "cannot read %s: %s", path, kp_err_text(err));
	return KP_OK;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, data, size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		data += done;
		size -= (size_t)done;
	}
	return true;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return kp_strdup(".");
	return slash == path ? kp_strdup("/") : kp_strndup(path, (size_t)(slash - path));
}

static kp_err sync_parent(const char *path, struct kp_why *why)
{
	kp_cleanup(kp_freep) char *parent = parent_of(path);
	if (!parent)
		return KP_ERR_NOMEM;
	kp_cleanup(closep) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return fail(why, "flush", parent);
	return KP_OK;
}

static bool write_new(const char *path, struct kp_bytes content, unsigned mode, bool flush)
{
	kp_cleanup(closep) int fd =
	        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	return fd >= 0 && fchmod(fd, mode) == 0 && write_all(fd, content.ptr, content.len) &&
	       (!flush || fsync(fd) == 0);
}

static kp_err replace(const char *path, struct kp_bytes content, unsigned mode, bool flush,
                      struct kp_why *why)
{
	kp_cleanup(kp_freep) char *temporary = kp_file_path("%s.new", path);
	if (!temporary)
		return KP_ERR_NOMEM;
	if (!write_new(temporary, content, mode, flush) || rename(temporary, path) < 0) {
		kp_err err = fail(why, "write", path);
		unlink(temporary);
		return err;
	}
	return flush ? sync_parent(path, why) : KP_OK;
}

kp_err kp_file_replace(const char *path, struct kp_bytes content, unsigned mode, struct kp_why *why)
{
	return replace(path, content, mode, true, why);
}

kp_err kp_file_swap(const char *path, struct kp_bytes content, unsigned mode, struct kp_why *why)
{
	return replace(path, content, mode, false, why);
}

kp_err kp_file_write_at(const char *path, int64_t offset, struct kp_bytes content,
                        struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || lseek(fd, offset, SEEK_SET) < 0 || !write_all(fd, content.ptr, content.len))
		return fail(why, "write", path);
	return KP_OK;
}

kp_err kp_file_link_replace(const char *path, const char *target, struct kp_why *why)
{
	kp_cleanup(kp_freep) char *temporary = kp_file_path("%s.new", path);
	if (!temporary)
		return KP_ERR_NOMEM;
	unlink(temporary);
	if (symlink(target, temporary) < 0 || rename(temporary, path) < 0)
		return fail(why, "link", path);
	return KP_OK;
}

kp_err kp_file_read_link(const char *path, char **ret)
{
	char target[4096];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return errno == EINVAL ? KP_ERR_NOTFOUND : kp_file_error(errno);
	*ret = kp_strndup(target, (size_t)len);
	return *ret ? KP_OK : KP_ERR_NOMEM;
}

kp_err kp_file_real_path(const char *path, char **ret, struct kp_why *why)
{
	char real[PATH_MAX];
	if (!realpath(path, real))
		return fail(why, "find", path);
	*ret = kp_strdup(real);
	return *ret ? KP_OK : KP_ERR_NOMEM;
}

kp_err kp_file_rename(const char *from, const char *to, struct kp_why *why)
{
	if (rename(from, to) < 0)
		return fail(why, "rename to", to);
	return sync_parent(to, why);
}

kp_err kp_file_remove(const char *path, struct kp_why *why)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(why, "remove", path);
	return KP_OK;
}

static bool is_directory(const char *path)
{
	struct stat stat;
	return fstatat(AT_FDCWD, path, &stat, 0) == 0 && S_ISDIR(stat.st_mode);
}

kp_err kp_file_make_dirs(const char *path, unsigned mode, struct kp_why *why)
{
	kp_cleanup(kp_freep) char *copy = kp_strdup(path);
	if (!copy)
		return KP_ERR_NOMEM;
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return fail(why, "make directory", copy);
		*at = '/';
	}
	if (mkdir(copy, mode) == 0)
		return KP_OK;
	int number = errno;
	if (is_directory(copy))
		return KP_OK;
	errno = number == EEXIST ? ENOTDIR : number;
	return fail(why, "make directory", path);
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	return remove(path);
}

// open_up gives us back the right to remove what a locked directory holds.
static int open_up(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	if (type == FTW_D || type == FTW_DNR)
		chmod(path, stat->st_mode | 0700);
	return 0;
}

kp_err kp_file_remove_tree(const char *path, struct kp_why *why)
{
	nftw(path, open_up, 16, FTW_PHYS);
	if (nftw(path, remove_entry, 16, FTW_PHYS | FTW_DEPTH) < 0 && errno != ENOENT)
		return fail(why, "remove", path);
	return KP_OK;
}

static int lock_entry(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	return type == FTW_SL ? 0 : chmod(path, stat->st_mode & 0555);
}

kp_err kp_file_lock_tree(const char *path, struct kp_why *why)
{
	if (nftw(path, lock_entry, 16, FTW_PHYS | FTW_DEPTH) < 0)
		return fail(why, "make read-only", path);
	return KP_OK;
}

kp_err kp_file_sync_tree(const char *path, struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		return fail(why, "flush", path);
	return KP_OK;
}

static enum kp_file_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return KP_FILE_REGULAR;
	if (S_ISDIR(mode))
		return KP_FILE_DIRECTORY;
	return S_ISLNK(mode) ? KP_FILE_LINK : KP_FILE_OTHER;
}

kp_err kp_file_stat(const char *path, bool follow, struct kp_file_info *ret)
{
	struct stat stat;
	if (fstatat(AT_FDCWD, path, &stat, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return kp_file_error(errno);
	*ret = (struct kp_file_info){
	        .kind = kind_of(stat.st_mode),
	        .is_executable = S_ISREG(stat.st_mode) && (stat.st_mode & 0111),
	        .size = stat.st_size,
	        .changed_ns = stat.st_mtim.tv_sec * INT64_C(1000000000) + stat.st_mtim.tv_nsec,
	};
	return KP_OK;
}

bool kp_file_exists(const char *path)
{
	struct kp_file_info info;
	return kp_file_stat(path, false, &info) == KP_OK;
}

static void close_dirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

kp_err kp_file_list_dir(const char *path, struct kp_file_list *ret, struct kp_why *why)
{
	kp_cleanup(close_dirp) DIR *dir = opendir(path);
	if (!dir)
		return fail(why, "list", path);
	KP_VEC(char *) names = {0};
	kp_err err = KP_OK;
	for (struct dirent *entry; err == KP_OK && (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		char *name = kp_strdup(entry->d_name);
		err = name ? kp_vec_push(&names, name) : KP_ERR_NOMEM;
		if (err != KP_OK)
			kp_free(name);
	}
	struct kp_file_list list = {names.ptr, names.len};
	if (err != KP_OK) {
		kp_file_list_fini(&list);
		return err;
	}
	if (list.count > 1)
		qsort(list.names, list.count, sizeof(*list.names), compare_names);
	*ret = list;
	return KP_OK;
}

void kp_file_list_fini(struct kp_file_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		kp_free(list->names[i]);
	kp_free(list->names);
	*list = (struct kp_file_list){0};
}

kp_err kp_file_free_space(const char *path, int64_t *ret)
{
	struct statvfs space;
	if (statvfs(path, &space) < 0)
		return kp_file_error(errno);
	*ret = (int64_t)(space.f_bavail * space.f_frsize);
	return KP_OK;
}

static bool copy_all(int from, int to)
{
	uint8_t *block = kp_alloc(READ_STEP);
	ssize_t got = 0;
	bool is_ok = block && ftruncate(to, 0) == 0;
	while (is_ok && ((got = read(from, block, READ_STEP)) > 0 || (got < 0 && errno == EINTR)))
		is_ok = got < 0 || write_all(to, block, (size_t)got);
	kp_free(block);
	return is_ok && got == 0;
}

kp_err kp_file_copy(const char *from, const char *to, struct kp_why *why)
{
	kp_cleanup(closep) int source = open(from, O_RDONLY | O_CLOEXEC);
	if (source < 0)
		return fail(why, "open", from);
	kp_cleanup(closep) int target = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (target < 0 || !copy_all(source, target))
		return fail(why, "write", to);
	return KP_OK;
}

kp_err kp_file_empty(const char *path, struct kp_why *why)
{
	if (truncate(path, 0) < 0)
		return fail(why, "empty", path);
	return KP_OK;
}
