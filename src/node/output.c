// output.c - logs of servers.
#include "node/output.h"

#include "base/mem.h"
#include "base/try.h"
#include "os/file.h"

static kp_err shift(const char *path, struct kp_why *why)
{
	for (int i = OUTPUT_OLD_MAX - 1; i >= 1; i--) {
		kp_cleanup(kp_freep) char *from = kp_file_path("%s.%d", path, i);
		kp_cleanup(kp_freep) char *to = kp_file_path("%s.%d", path, i + 1);
		if (!from || !to)
			return KP_ERR_NOMEM;
		if (kp_file_exists(from))
			KP_TRY(kp_file_rename(from, to, why));
	}
	return KP_OK;
}

kp_err output_rotate(const char *path, int64_t size_max, struct kp_why *why)
{
	struct kp_file_info info;
	if (kp_file_stat(path, true, &info) != KP_OK || info.size <= size_max)
		return KP_OK;
	kp_cleanup(kp_freep) char *first = kp_file_path("%s.1", path);
	if (!first)
		return KP_ERR_NOMEM;
	KP_TRY(shift(path, why));
	KP_TRY(kp_file_copy(path, first, why));
	return kp_file_empty(path, why);
}

kp_err output_read(const char *path, int64_t offset, struct kp_buf *out, int64_t *ret_next,
                   struct kp_why *why)
{
	struct kp_file_info info;
	kp_err err = kp_file_stat(path, true, &info);
	if (err == KP_ERR_NOTFOUND) {
		*ret_next = 0;
		return KP_OK;
	}
	KP_TRY(err);
	if (offset < 0)
		offset = info.size + offset < 0 ? 0 : info.size + offset;
	if (offset > info.size)
		offset = 0;
	size_t before = out->len;
	KP_TRY(kp_file_read_at(path, offset, OUTPUT_PART_MAX, out, why));
	*ret_next = offset + (int64_t)(out->len - before);
	return KP_OK;
}
