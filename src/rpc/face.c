// face.c - what all faces share.
#include "rpc/face.h"

#include "tars/describe.h"
#include "tars/transcode.h"

const struct kp_face *server_face_of(int version)
{
	switch (version) {
	case KP_PACKET_TUP2:
	case KP_PACKET_TUP3:
		return &kp_face_tup;
	case KP_PACKET_JSON:
		return &kp_face_json;
	default:
		return NULL;
	}
}

const struct kp_function *server_function_of(const struct kp_call *call)
{
	static const struct kp_type nothing = {.kind = KP_KIND_VOID},
	                            bytes = {.kind = KP_KIND_BYTES};
	static const struct kp_function ping = {.name = "tars_ping", .result = &nothing};
	static const struct kp_function describe = {.name = KP_DESCRIBE_FUNCTION, .result = &bytes};
	if (call->in.function)
		return call->in.function;
	bool is_describe = kp_str_equal(call->in.packet.function, kp_str(KP_DESCRIBE_FUNCTION));
	return is_describe ? &describe : &ping;
}

void server_take_args(struct kp_call *call, kp_err err, const char *why, const struct kp_buf *args)
{
	if (err != KP_OK) {
		kp_call_fail(call, KP_RET_DECODE, "%s", why);
		return;
	}
	uint8_t *copy = kp_arena_alloc(&call->arena, args->len);
	if (!copy) {
		kp_call_fail(call, KP_RET_DECODE, "%s", kp_err_text(KP_ERR_NOMEM));
		return;
	}
	if (args->len > 0)
		memcpy(copy, args->data, args->len);
	call->in.packet.body = (struct kp_bytes){copy, args->len};
}

void server_take_json(struct kp_call *call, const struct kp_json_form *form)
{
	struct kp_bytes body = call->in.packet.body;
	struct kp_str text = {(const char *)body.ptr, body.len};
	struct kp_buf args = {0};
	struct kp_why why = {""};
	struct kp_arena tree = {0}; // many times as large as the text: not to be kept
	kp_err err = kp_json_to_args_form(call->in.function, form, text, &args, &tree, &why);
	kp_arena_fini(&tree);
	server_take_args(call, err, why.text, &args);
	kp_buf_fini(&args);
}

kp_err server_answer_json(struct kp_call *call, const struct kp_json_form *form,
                          struct kp_bytes body, struct kp_buf *out, struct kp_why *why)
{
	struct kp_arena scratch = {0};
	kp_err err = kp_args_to_json_form(server_function_of(call), form, body, out, &scratch, why);
	kp_arena_fini(&scratch);
	return err == KP_OK || err == KP_ERR_NOMEM ? err : KP_ERR_ENCODE;
}
