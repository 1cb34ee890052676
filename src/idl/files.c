// files.c - reads sources and writes results.
#include "idl/files.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	PATH_SIZE_MAX = 4096,
	TEMPORARY_NAMES_MAX = 100,
};

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

static kp_err fail(const char *verb, const char *path, struct kp_why *why)
{
	return kp_why_set(why, err_of_errno(), "cannot %s %s: %s", verb, path, strerror(errno));
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

// open_beside makes a new file next to `path` and leaves its name in `name`.
static FILE *open_beside(const char *path, char *name, size_t size)
{
	for (int i = 0; i < TEMPORARY_NAMES_MAX; i++) {
		int len = snprintf(name, size, "%s.%d.tmp", path, i);
		if (len < 0 || (size_t)len >= size) {
			errno = ENAMETOOLONG;
			return NULL;
		}
		FILE *file = fopen(name, "wbxe");
		if (file || errno != EEXIST)
			return file;
	}
	return NULL;
}

// write_beside leaves the text in a new file; its name is in `name`.
static kp_err write_beside(const struct idl_output *output, char *name, struct kp_why *why)
{
	FILE *file = open_beside(output->path, name, PATH_SIZE_MAX);
	if (!file) {
		name[0] = '\0';
		return fail("write", output->path, why);
	}
	struct kp_str text = output->text;
	bool is_written = fwrite(text.ptr, 1, text.len, file) == text.len && fflush(file) == 0;
	kp_err err = is_written ? KP_OK : fail("write", output->path, why);
	fclose(file);
	return err;
}

kp_err idl_files_write(const struct idl_output *outputs, size_t count, struct kp_why *why)
{
	char names[IDL_OUTPUTS_MAX][PATH_SIZE_MAX];
	kp_err err = KP_OK;
	kp_assert(count <= IDL_OUTPUTS_MAX);
	for (size_t i = 0; i < count; i++) {
		names[i][0] = '\0';
		if (err == KP_OK && !holds_already(outputs[i].path, outputs[i].text))
			err = write_beside(&outputs[i], names[i], why);
	}
	for (size_t i = 0; i < count; i++) {
		if (names[i][0] && err == KP_OK && rename(names[i], outputs[i].path) == 0)
			continue;
		if (names[i][0] && err == KP_OK)
			err = fail("write", outputs[i].path, why);
		if (names[i][0])
			remove(names[i]);
	}
	return err;
}

kp_err idl_dir_make(const char *path, struct kp_why *why)
{
	char part[PATH_SIZE_MAX];
	for (size_t i = 0; i < sizeof(part); i++) {
		part[i] = path[i];
		if (path[i] != '/' && path[i] != '\0')
			continue;
		part[i] = '\0';
		if (i > 0 && mkdir(part, 0777) != 0 && errno != EEXIST)
			return fail("make", part, why);
		part[i] = path[i];
		if (path[i] == '\0')
			return KP_OK;
	}
	return kp_why_set(why, KP_ERR_LIMIT, "cannot make a folder whose path is that long");
}
