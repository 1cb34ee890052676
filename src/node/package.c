// package.c - unpacking what strangers packed.
#include "node/package.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/digest.h"
#include "os/file.h"
#include "os/root.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

enum {
	HASH_LEN = 64,
	BLOCK_SIZE = 64 << 10,
	MAGIC_SIZE = 4,
};

void package_limits_default(struct package_limits *ret)
{
	*ret = (struct package_limits){
	        .files_max = PACKAGE_FILES_MAX,
	        .size_max = INT64_C(4) << 30,
	        .ratio_max = 200,
	        .ratio_size_min = INT64_C(1) << 30,
	};
}

bool package_hash_is_valid(struct kp_str hash)
{
	if (hash.len != HASH_LEN)
		return false;
	for (size_t i = 0; i < hash.len; i++)
		if (!(hash.ptr[i] >= '0' && hash.ptr[i] <= '9') &&
		    !(hash.ptr[i] >= 'a' && hash.ptr[i] <= 'f'))
			return false;
	return true;
}

bool package_is_there(const char *dir, const char *hash)
{
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", dir, hash);
	struct kp_file_info info;
	return path && kp_file_stat(path, false, &info) == KP_OK && info.kind == KP_FILE_DIRECTORY;
}

// unpacking is one archive on its way into a directory.
struct unpacking {
	struct archive *archive; // owned
	struct kp_root root;     // owned
	const char *name;        // of the server: the top folder
	const struct package_limits *limits;
	int64_t packed_size;
	int64_t size;
	int64_t files;
	bool has_file;
	uint8_t *block; // owned
	struct kp_why *why;
};

static void unpacking_fini(struct unpacking *u)
{
	archive_read_free(u->archive);
	kp_root_close(&u->root);
	kp_free(u->block);
}

static kp_err refuse(struct unpacking *u, kp_err err, const char *format, ...) KP_PRINTF(3, 4);

static kp_err refuse(struct unpacking *u, kp_err err, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return kp_why_set(u->why, err, "package refused: %s", text);
}

static const char *refuse_path(struct unpacking *u, const char *path, const char *reason)
{
	refuse(u, KP_ERR_INVALID, "'%.200s' %s", path, reason);
	return NULL;
}

// strip_top returns what is below the top folder, "" for the folder itself; NULL: refused, INVALID.
static const char *strip_top(struct unpacking *u, const char *path)
{
	if (path[0] == '/')
		return refuse_path(u, path, "is an absolute path");
	while (path[0] == '.' && path[1] == '/')
		path += 1 + strspn(path + 1, "/");
	if (strcmp(path, ".") == 0)
		path = "";
	if (path[0] && !kp_root_path_is_safe(path))
		return refuse_path(u, path, "leads out of the package");
	size_t top_len = strcspn(path, "/");
	if (path[0] && (top_len != strlen(u->name) || memcmp(path, u->name, top_len) != 0)) {
		refuse(u, KP_ERR_INVALID,
		       "it holds '%.200s', but all its files must be in one top folder "
		       "named after the server, '%s/'",
		       path, u->name);
		return NULL;
	}
	path += top_len;
	return path + strspn(path, "/");
}

static kp_err check_size(struct unpacking *u, int64_t more)
{
	u->size += more;
	if (u->size > u->limits->size_max)
		return refuse(u, KP_ERR_LIMIT, "unpacked it is larger than %lld MiB",
		              (long long)(u->limits->size_max >> 20));
	if (u->size > u->limits->ratio_size_min && u->size / u->limits->ratio_max > u->packed_size)
		return refuse(u, KP_ERR_LIMIT,
		              "it unpacks to more than %lld times its size, as no honest package "
		              "does",
		              (long long)u->limits->ratio_max);
	return KP_OK;
}

static kp_err read_error(struct unpacking *u)
{
	const char *text = archive_error_string(u->archive);
	return refuse(u, KP_ERR_INVALID, "the archive is damaged (%.200s)",
	              text ? text : "no reason given");
}

static kp_err copy_content(struct unpacking *u, int fd)
{
	for (;;) {
		const void *data;
		size_t size;
		la_int64_t offset;
		int outcome = archive_read_data_block(u->archive, &data, &size, &offset);
		if (outcome == ARCHIVE_EOF)
			return KP_OK;
		if (outcome < ARCHIVE_WARN)
			return read_error(u);
		KP_TRY(check_size(u, (int64_t)size));
		KP_TRY(kp_root_write(fd, offset, data, size, u->why));
	}
}

static kp_err put_file(struct unpacking *u, struct archive_entry *entry, const char *path)
{
	int fd = -1;
	KP_TRY(kp_root_create(&u->root, path, &fd, u->why));
	kp_err err = copy_content(u, fd);
	unsigned mode = archive_entry_perm(entry) & 0111 ? 0755 : 0644;
	kp_err finish_err = kp_root_finish(fd, mode, err == KP_OK ? u->why : NULL);
	u->has_file = true;
	return err != KP_OK ? err : finish_err;
}

static kp_err put_hardlink(struct unpacking *u, const char *path, const char *target)
{
	const char *existing = strip_top(u, target);
	if (!existing)
		return KP_ERR_INVALID;
	if (kp_root_hardlink(&u->root, path, existing, NULL) != KP_OK)
		return refuse(u, KP_ERR_INVALID, "the link '%.100s' -> '%.100s' leads nowhere",
		              path, target);
	return KP_OK;
}

static kp_err put_symlink(struct unpacking *u, const char *path, const char *target)
{
	if (!kp_root_link_is_safe(path, target))
		return refuse(u, KP_ERR_INVALID,
		              "the link '%.100s' -> '%.100s' leads out of the package", path,
		              target);
	return kp_root_symlink(&u->root, path, target, u->why);
}

static kp_err put_entry(struct unpacking *u, struct archive_entry *entry)
{
	const char *full = archive_entry_pathname(entry);
	if (!full)
		return refuse(u, KP_ERR_INVALID, "a file's name cannot be read");
	if (++u->files > u->limits->files_max)
		return refuse(u, KP_ERR_LIMIT, "it holds more than %lld files",
		              (long long)u->limits->files_max);
	const char *path = strip_top(u, full);
	if (!path)
		return KP_ERR_INVALID;
	mode_t type = archive_entry_filetype(entry);
	const char *hardlink = archive_entry_hardlink(entry);
	if (path[0] == '\0') {
		if (type == AE_IFDIR)
			return KP_OK;
		return refuse(u, KP_ERR_INVALID, "its top folder '%.200s' is not a folder", full);
	}
	if (hardlink)
		return put_hardlink(u, path, hardlink);
	if (type == AE_IFREG)
		return put_file(u, entry, path);
	if (type == AE_IFDIR)
		return kp_root_make_dir(&u->root, path, u->why);
	if (type == AE_IFLNK)
		return put_symlink(u, path, archive_entry_symlink(entry));
	return refuse(u, KP_ERR_INVALID, "'%.200s' is a device, pipe or socket", full);
}

static kp_err put_archive(struct unpacking *u, const char *path)
{
	u->archive = archive_read_new();
	if (!u->archive)
		return KP_ERR_NOMEM;
	archive_read_support_filter_gzip(u->archive);
	archive_read_support_format_tar(u->archive);
	if (archive_read_open_filename(u->archive, path, BLOCK_SIZE) != ARCHIVE_OK)
		return refuse(u, KP_ERR_INVALID, "it is compressed, but not a .tgz archive");
	for (;;) {
		struct archive_entry *entry;
		int outcome = archive_read_next_header(u->archive, &entry);
		if (outcome == ARCHIVE_EOF)
			break;
		if (outcome < ARCHIVE_WARN)
			return read_error(u);
		kp_err err = put_entry(u, entry);
		if (err == KP_ERR_EXISTS)
			return refuse(u, KP_ERR_INVALID, "it holds '%.200s' twice",
			              archive_entry_pathname(entry));
		KP_TRY(err);
	}
	return u->has_file ? KP_OK : refuse(u, KP_ERR_INVALID, "it holds no file");
}

// put_executable copies a bare executable under the server's name.
static kp_err put_executable(struct unpacking *u, const char *path)
{
	int fd = -1;
	KP_TRY(check_size(u, u->packed_size));
	KP_TRY(kp_root_create(&u->root, u->name, &fd, u->why));
	struct kp_buf block = {.data = NULL};
	kp_err err = KP_OK;
	for (int64_t offset = 0; err == KP_OK; offset += (int64_t)block.len) {
		kp_buf_clear(&block);
		err = kp_file_read_at(path, offset, BLOCK_SIZE, &block, u->why);
		if (err != KP_OK || block.len == 0)
			break;
		err = kp_root_write(fd, offset, block.data, block.len, u->why);
	}
	kp_buf_fini(&block);
	kp_err finish_err = kp_root_finish(fd, 0755, err == KP_OK ? u->why : NULL);
	return err != KP_OK ? err : finish_err;
}

// describe_magic writes how a file begins, for people.
static void describe_magic(struct kp_str magic, char *text, size_t size)
{
	size_t printable = 0;
	while (printable < magic.len && magic.ptr[printable] >= ' ' && magic.ptr[printable] <= '~')
		printable++;
	if (magic.len == 0)
		snprintf(text, size, "it is empty");
	else if (printable > 1)
		snprintf(text, size, "it begins with '%.*s'", (int)printable, magic.ptr);
	else
		snprintf(text, size, "it begins with the bytes %02x %02x", (uint8_t)magic.ptr[0],
		         magic.len > 1 ? (uint8_t)magic.ptr[1] : 0);
}

static void buf_finip(struct kp_buf *buf)
{
	kp_buf_fini(buf);
}

static kp_err put_any(struct unpacking *u, const char *path)
{
	kp_cleanup(buf_finip) struct kp_buf begin = {0};
	KP_TRY(kp_file_read_at(path, 0, MAGIC_SIZE, &begin, u->why));
	struct kp_str magic = kp_buf_str(&begin);
	if (kp_str_starts_with(magic, kp_str("\x1f\x8b")))
		return put_archive(u, path);
	if (kp_str_starts_with(magic, kp_str("\x7f"
	                                     "ELF")) ||
	    kp_str_starts_with(magic, kp_str("#!")))
		return put_executable(u, path);
	char text[64];
	describe_magic(magic, text, sizeof(text));
	return kp_why_set(u->why, KP_ERR_INVALID,
	                  "package is not a .tgz archive nor an executable (%s)", text);
}

static kp_err unpack_into(const char *into, const char *archive, const char *name,
                          const struct package_limits *limits, struct kp_why *why)
{
	struct kp_file_info info;
	kp_err err = kp_file_stat(archive, true, &info);
	if (err != KP_OK)
		return kp_why_set(why, err, "cannot read the package %s: %s", archive,
		                  kp_err_text(err));
	kp_cleanup(unpacking_fini) struct unpacking u = {
	        .root.fd = -1,
	        .name = name,
	        .limits = limits,
	        .packed_size = info.size,
	        .why = why,
	};
	KP_TRY(kp_file_make_dirs(into, 0755, why));
	KP_TRY(kp_root_open(into, &u.root, why));
	KP_TRY(put_any(&u, archive));
	KP_TRY(kp_file_sync_tree(into, why));
	return KP_OK;
}

static kp_err check_hash(const char *archive, const char *hash, struct kp_why *why)
{
	char real[KP_DIGEST_TEXT_SIZE];
	if (!package_hash_is_valid(kp_str(hash)))
		return kp_why_set(why, KP_ERR_INVALID, "package refused: '%.80s' is no SHA-256",
		                  hash);
	KP_TRY(kp_digest_file(archive, real, why));
	if (strcmp(real, hash) != 0)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "package refused: its hash is %s, but %s was announced", real,
		                  hash);
	return KP_OK;
}

kp_err package_unpack(const char *dir, const char *archive, const char *hash, const char *name,
                      const struct package_limits *limits, struct kp_why *why)
{
	struct package_limits defaults;
	package_limits_default(&defaults);
	KP_TRY(check_hash(archive, hash, why));
	if (package_is_there(dir, hash))
		return KP_OK;
	kp_cleanup(kp_freep) char *fresh = kp_file_path("%s/%s.new", dir, hash);
	kp_cleanup(kp_freep) char *final = kp_file_path("%s/%s", dir, hash);
	if (!fresh || !final)
		return KP_ERR_NOMEM;
	KP_TRY(kp_file_remove_tree(fresh, why));
	kp_err err = unpack_into(fresh, archive, name, limits ? limits : &defaults, why);
	if (err == KP_OK)
		err = kp_file_rename(fresh, final, why);
	if (err == KP_OK)
		err = kp_file_lock_tree(final, why);
	if (err != KP_OK)
		kp_file_remove_tree(fresh, NULL);
	return err;
}

struct aged {
	char *name; // borrowed
	int64_t changed_ns;
};

static int newest_first(const void *a, const void *b)
{
	int64_t left = ((const struct aged *)a)->changed_ns;
	int64_t right = ((const struct aged *)b)->changed_ns;
	return left < right ? 1 : left > right ? -1 : 0;
}

static bool is_used(const char *hash, const char *const *used, size_t used_count)
{
	for (size_t i = 0; i < used_count; i++)
		if (strcmp(hash, used[i]) == 0)
			return true;
	return false;
}

static void remove_below(const char *dir, const char *name)
{
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", dir, name);
	if (path)
		kp_file_remove_tree(path, NULL);
}

kp_err package_clean(const char *dir, const char *const *used, size_t used_count)
{
	struct kp_file_list list;
	KP_TRY(kp_file_list_dir(dir, &list, NULL));
	struct aged *unused = kp_alloc_zero(list.count + 1, sizeof(*unused));
	size_t count = 0;
	for (size_t i = 0; unused && i < list.count; i++) {
		struct kp_file_info info;
		kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", dir, list.names[i]);
		if (!path || is_used(list.names[i], used, used_count) ||
		    kp_file_stat(path, false, &info) != KP_OK)
			continue;
		if (package_hash_is_valid(kp_str(list.names[i])))
			unused[count++] = (struct aged){list.names[i], info.changed_ns};
		else if (kp_str_ends_with(kp_str(list.names[i]), kp_str(".new")))
			kp_file_remove_tree(path, NULL);
	}
	if (count > 1)
		qsort(unused, count, sizeof(*unused), newest_first);
	for (size_t i = PACKAGE_KEPT_UNUSED; i < count; i++)
		remove_below(dir, unused[i].name);
	kp_free(unused);
	kp_file_list_fini(&list);
	return KP_OK;
}
