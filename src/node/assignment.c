// assignment.c - what the controller said last, for a start without one.
#include "base/mem.h"
#include "base/try.h"
#include "node/agent_internal.h"
#include "os/file.h"

enum {
	SIZE_LIMIT = 64 << 20,
};

kp_err assignment_write(struct agent *agent, int64_t revision, struct kipp_Instance_list instances)
{
	struct kp_buf bytes = {0};
	struct kp_why why = {0};
	kp_i64_encode(&bytes, 0, revision);
	kp_list_begin(&bytes, 1, instances.len);
	for (size_t i = 0; i < instances.len; i++)
		kipp_Instance_encode(&bytes, 0, &instances.ptr[i]);
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/assignment", agent->dir);
	kp_err err = path ? bytes.err : KP_ERR_NOMEM;
	if (err == KP_OK)
		err = kp_file_replace(path, kp_buf_bytes(&bytes), 0644, &why);
	kp_buf_fini(&bytes);
	return err;
}

static kp_err decode(struct kp_bytes bytes, struct kp_arena *arena, int64_t *ret_revision,
                     struct kipp_Instance_list *ret)
{
	struct kp_decoder in = kp_decoder(bytes, arena);
	struct kipp_Instance_list list = {0};
	int64_t revision = 0;
	size_t count = 0;
	kp_i64_decode(&in, 0, KP_REQUIRED, &revision);
	if (kp_list_enter(&in, 1, KP_REQUIRED, &count)) {
		list.ptr = kp_decoder_alloc(&in, count, sizeof(*list.ptr));
		for (; list.ptr && list.len < count && in.err == KP_OK; list.len++) {
			kipp_Instance_init(&list.ptr[list.len]);
			kipp_Instance_decode(&in, 0, KP_REQUIRED, &list.ptr[list.len]);
		}
		kp_list_leave(&in);
	}
	KP_TRY(kp_decoder_skip_rest(&in));
	*ret_revision = revision;
	*ret = list;
	return KP_OK;
}

kp_err assignment_read(struct agent *agent, struct kp_arena *arena, int64_t *ret_revision,
                       struct kipp_Instance_list *ret)
{
	struct kp_buf bytes = {0};
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/assignment", agent->dir);
	kp_err err = path ? kp_file_read(path, SIZE_LIMIT, &bytes, NULL) : KP_ERR_NOMEM;
	uint8_t *copy = err == KP_OK ? kp_arena_alloc(arena, bytes.len) : NULL;
	if (err == KP_OK && !copy)
		err = KP_ERR_NOMEM;
	if (err == KP_OK) {
		memcpy(copy, bytes.data, bytes.len);
		err = decode((struct kp_bytes){copy, bytes.len}, arena, ret_revision, ret);
	}
	kp_buf_fini(&bytes);
	return err;
}
