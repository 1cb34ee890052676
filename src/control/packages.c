// packages.c - grow, check, rename.
#include "control/packages.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "control/state/names.h"
#include "os/digest.h"
#include "os/file.h"

#include <stdlib.h>

static kp_err out_of_memory(struct kp_why *why)
{
	return kp_why_set(why, KP_ERR_NOMEM, "the controller is out of memory: try again");
}

static kp_err check_hash(struct kp_str hash, struct kp_why *why)
{
	if (hash_is_valid(hash))
		return KP_OK;
	return kp_why_set(why, KP_ERR_INVALID,
	                  "a package is named by its sha256 in 64 lower-case hex digits");
}

static char *path_of(const struct packages *packages, struct kp_str hash, const char *suffix)
{
	return kp_file_path("%s/%.*s.%s", packages->dir, KP_STR_ARG(hash), suffix);
}

// size_of returns -1 when there is no such file.
static int64_t size_of(const char *path)
{
	struct kp_file_info info;
	if (kp_file_stat(path, false, &info) != KP_OK || info.kind != KP_FILE_REGULAR)
		return -1;
	return info.size;
}

static kp_err remove_leftovers(const char *dir, struct kp_why *why)
{
	struct kp_file_list list = {0};
	KP_TRY(kp_file_list_dir(dir, &list, why));
	kp_err err = KP_OK;
	for (size_t i = 0; i < list.count && err == KP_OK; i++) {
		if (!kp_str_ends_with(kp_str(list.names[i]), kp_str(".part")))
			continue;
		kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", dir, list.names[i]);
		err = path ? kp_file_remove(path, why) : out_of_memory(why);
	}
	kp_file_list_fini(&list);
	return err;
}

kp_err packages_open(const char *data_dir, struct packages *ret, struct kp_why *why)
{
	kp_cleanup(kp_freep) char *dir = kp_file_path("%s/packages", data_dir);
	if (!dir)
		return out_of_memory(why);
	KP_TRY(kp_file_make_dirs(dir, 0755, why));
	KP_TRY(remove_leftovers(dir, why));
	*ret = (struct packages){kp_take(&dir)};
	return KP_OK;
}

void packages_close(struct packages *packages)
{
	kp_free(kp_take(&packages->dir));
}

bool packages_has(const struct packages *packages, struct kp_str hash)
{
	if (!hash_is_valid(hash))
		return false;
	kp_cleanup(kp_freep) char *path = path_of(packages, hash, "pkg");
	return path && size_of(path) >= 0;
}

static kp_err start_over(const char *part_path, int64_t *ret_stored, kp_err err)
{
	kp_file_remove(part_path, NULL);
	*ret_stored = 0;
	return err;
}

// keep checks what was uploaded and gives it its name.
static kp_err keep(const char *part_path, const char *path, struct kp_str hash, int64_t offset,
                   int64_t *stored, struct kp_why *why)
{
	if (*stored == 0)
		return kp_why_set(why, KP_ERR_INVALID, "an empty package cannot run");
	if (offset != *stored)
		return start_over(part_path, stored,
		                  kp_why_set(why, KP_ERR_CONFLICT,
		                             "the upload ends at byte %lld and %lld are here: "
		                             "upload again from the start",
		                             (long long)offset, (long long)*stored));
	char found[KP_DIGEST_TEXT_SIZE];
	KP_TRY(kp_digest_file(part_path, found, why));
	if (!kp_str_equal(kp_str(found), hash))
		return start_over(part_path, stored,
		                  kp_why_set(why, KP_ERR_INVALID,
		                             "the package's content has the sha256 %.12s..., not "
		                             "%.12s...: upload it again",
		                             found, hash.ptr));
	KP_TRY(kp_file_sync_tree(part_path, why));
	return kp_file_rename(part_path, path, why);
}

static kp_err grow(const char *part_path, int64_t offset, struct kp_bytes part, int64_t *stored,
                   struct kp_why *why)
{
	int64_t end = offset + (int64_t)part.len;
	if (end > PACKAGE_SIZE_MAX)
		return kp_why_set(why, KP_ERR_LIMIT, "a package may have %lld bytes",
		                  (long long)PACKAGE_SIZE_MAX);
	KP_TRY(kp_file_write_at(part_path, offset, part, why));
	if (end > *stored)
		*stored = end;
	return KP_OK;
}

kp_err packages_put(struct packages *packages, struct kp_str hash, int64_t offset,
                    struct kp_bytes part, int64_t *ret_stored, bool *ret_is_new, struct kp_why *why)
{
	*ret_stored = 0;
	*ret_is_new = false;
	KP_TRY(check_hash(hash, why));
	kp_cleanup(kp_freep) char *path = path_of(packages, hash, "pkg");
	kp_cleanup(kp_freep) char *part_path = path_of(packages, hash, "part");
	if (!path || !part_path)
		return out_of_memory(why);
	int64_t kept = size_of(path);
	if (kept >= 0) {
		*ret_stored = kept;
		return KP_OK;
	}

	int64_t stored = size_of(part_path);
	*ret_stored = stored < 0 ? 0 : stored;
	if (offset < 0 || part.len > PACKAGE_PART_MAX)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "a part starts at 0 or more and has at most %d bytes",
		                  PACKAGE_PART_MAX);
	if (offset > *ret_stored)
		return kp_why_set(why, KP_ERR_CONFLICT,
		                  "the part leaves a gap: the upload goes on at byte %lld",
		                  (long long)*ret_stored);
	if (part.len)
		return grow(part_path, offset, part, ret_stored, why);
	KP_TRY(keep(part_path, path, hash, offset, ret_stored, why));
	*ret_is_new = true;
	return KP_OK;
}

kp_err packages_read(const struct packages *packages, struct kp_str hash, int64_t offset,
                     struct kp_buf *out, int64_t *ret_size, struct kp_why *why)
{
	KP_TRY(check_hash(hash, why));
	kp_cleanup(kp_freep) char *path = path_of(packages, hash, "pkg");
	if (!path)
		return out_of_memory(why);
	int64_t size = size_of(path);
	if (size < 0)
		return kp_why_set(why, KP_ERR_NOTFOUND, "the package %.12s... is not stored here",
		                  hash.ptr);
	if (offset < 0 || offset > size)
		return kp_why_set(why, KP_ERR_INVALID, "the package has %lld bytes",
		                  (long long)size);
	KP_TRY(kp_file_read_at(path, offset, PACKAGE_READ_SIZE, out, why));
	*ret_size = size;
	return KP_OK;
}

struct aged {
	const char *name; // borrowed
	int64_t changed_ns;
};

static int newest_first(const void *a, const void *b)
{
	int64_t left = ((const struct aged *)a)->changed_ns;
	int64_t right = ((const struct aged *)b)->changed_ns;
	return left < right ? 1 : left > right ? -1 : 0;
}

static bool is_unused(const char *name, const struct kp_map *used, struct kp_str now)
{
	struct kp_str hash = kp_str(name);
	if (!kp_str_ends_with(hash, kp_str(".pkg")))
		return false;
	hash.len -= 4;
	// A clock that was set back makes what is new look old.
	return !kp_str_equal(hash, now) && !kp_map_get(used, hash);
}

static size_t list_unused(const struct packages *packages, const struct kp_file_list *list,
                          const struct kp_map *used, struct kp_str now, struct aged *ret)
{
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct kp_file_info info;
		kp_cleanup(kp_freep) char *path =
		        kp_file_path("%s/%s", packages->dir, list->names[i]);
		if (path && is_unused(list->names[i], used, now) &&
		    kp_file_stat(path, false, &info) == KP_OK)
			ret[count++] = (struct aged){list->names[i], info.changed_ns};
	}
	if (count > 1)
		qsort(ret, count, sizeof(*ret), newest_first);
	return count;
}

void packages_clean(const struct packages *packages, const struct kp_map *used, struct kp_str now)
{
	struct kp_file_list list = {0};
	if (kp_file_list_dir(packages->dir, &list, NULL) != KP_OK)
		return;
	struct aged *unused = kp_alloc_zero(list.count + 1, sizeof(*unused));
	size_t count = unused ? list_unused(packages, &list, used, now, unused) : 0;
	for (size_t i = PACKAGES_KEPT_UNUSED; i < count; i++) {
		kp_cleanup(kp_freep) char *path =
		        kp_file_path("%s/%s", packages->dir, unused[i].name);
		if (path)
			kp_file_remove(path, NULL);
	}
	kp_free(unused);
	kp_file_list_fini(&list);
}
