// face_json.c - packets of version 5: parameters as JSON (contract B.10).
#include "rpc/face.h"
#include "tars/transcode.h"

static void take_json(struct kp_call *call)
{
	server_take_json(call, &kp_json_form_packet);
}

static void deliver_json(struct kp_call *call, const struct kp_response_packet *answer)
{
	struct kp_response_packet packet = *answer;
	struct kp_buf json = {0};
	struct kp_why why = {""};
	if (kp_call_is_oneway(call))
		return;
	if (answer->ret == 0 &&
	    server_answer_json(call, &kp_json_form_packet, answer->body, &json, &why) != KP_OK) {
		kp_buf_clear(&json);
		packet.ret = KP_RET_ENCODE;
		packet.reason = kp_str(why.text);
	}
	packet.body = kp_buf_bytes(&json);
	kp_face_packet.deliver(call, &packet);
	kp_buf_fini(&json);
}

const struct kp_face kp_face_json = {.deliver = deliver_json, .take = take_json};
