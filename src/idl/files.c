// files.c - reads sources and writes results.
#include "idl/files.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static kp_err err_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return KP_ERR_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return KP_ERR_DENIED;
	case ENOSPC:
		return KP_ERR_NOSPACE;
	default:
		return KP_ERR_IO;
	}
}

kp_err idl_file_read(const char *path, struct kp_buf *out)
{
	FILE *file = fopen(path, "rbe");
	if (!file)
		return err_of_errno();
	size_t got = 1;
	while (got > 0 && out->err == KP_OK) {
		uint8_t *to = kp_buf_reserve(out, 4096);
		got = to ? fread(to, 1, 4096, file) : 0;
		out->len += got;
	}
	kp_err err = ferror(file) ? KP_ERR_IO : out->err;
	fclose(file);
	return err;
}

static bool holds_already(const char *path, struct kp_str text)
{
	struct kp_buf old = {.len_max = text.len + 4096};
	bool is_same = idl_file_read(path, &old) == KP_OK && kp_str_equal(kp_buf_str(&old), text);
	kp_buf_fini(&old);
	return is_same;
}

static kp_err write_new(const char *path, struct kp_str text)
{
	FILE *file = fopen(path, "wbxe");
	if (!file)
		return err_of_errno();
	bool is_written = fwrite(text.ptr, 1, text.len, file) == text.len;
	kp_err err = is_written ? KP_OK : err_of_errno();
	if (fclose(file) != 0 && err == KP_OK)
		err = err_of_errno();
	return err;
}

kp_err idl_file_write(const char *path, struct kp_str text)
{
	if (holds_already(path, text))
		return KP_OK;
	char other[4096];
	int len = snprintf(other, sizeof(other), "%s.%ld.tmp", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(other))
		return KP_ERR_LIMIT;
	unlink(other);
	kp_err err = write_new(other, text);
	if (err == KP_OK && rename(other, path) != 0)
		err = err_of_errno();
	if (err != KP_OK)
		unlink(other);
	return err;
}

kp_err idl_dir_make(const char *path)
{
	char part[4096];
	for (size_t i = 0; i < sizeof(part); i++) {
		part[i] = path[i];
		if (path[i] != '/' && path[i] != '\0')
			continue;
		part[i] = '\0';
		if (i > 0 && mkdir(part, 0777) != 0 && errno != EEXIST)
			return err_of_errno();
		part[i] = path[i];
		if (path[i] == '\0')
			return KP_OK;
	}
	return KP_ERR_LIMIT;
}
