// face_tup.c - packets of the versions 2 and 3: parameters as attributes (contract B.9).
//
// Answers have the layout of requests; iRet and its text travel in the status.
#include "rpc/face.h"
#include "tars/tup.h"

#include <stdio.h>

static void take_tup(struct kp_call *call)
{
	struct kp_request_packet *packet = &call->in.packet;
	struct kp_buf args = {0};
	struct kp_arena scratch = {0};
	kp_err err = kp_tup_to_body(call->in.function, KP_TUP_REQUEST, packet->version,
	                            packet->body, &scratch, &args);
	const char *why = err == KP_ERR_LIMIT    ? "there are too many attributes"
	                  : err == KP_ERR_DECODE ? "the attributes are malformed"
	                                         : kp_err_text(err);
	server_take_args(call, err, why, &args);
	kp_arena_fini(&scratch);
	kp_buf_fini(&args);
}

// outcome is what an answer says beside its attributes.
struct outcome {
	int ret;
	struct kp_str reason;
};

static void put_status(struct kp_pairs *status, const struct kp_response_packet *answer,
                       struct outcome outcome)
{
	char code[16];
	snprintf(code, sizeof(code), "%d", outcome.ret);
	kp_buf_append(&status->bytes, answer->status.bytes.ptr, answer->status.bytes.len);
	status->count = answer->status.count;
	(void)kp_pairs_add(status, kp_str(KP_TUP_CODE_KEY), kp_str(code));
	(void)kp_pairs_add(status, kp_str(KP_TUP_TEXT_KEY), outcome.reason);
}

static struct kp_request_packet describe(const struct kp_call *call,
                                         const struct kp_response_packet *answer)
{
	return (struct kp_request_packet){
	        .version = answer->version,
	        .message_type = answer->message_type,
	        .request_id = answer->request_id,
	        .servant = call->in.packet.servant,
	        .function = call->in.packet.function,
	        .context = answer->context,
	};
}

static void send_answer(struct kp_call *call, const struct kp_request_packet *packet)
{
	struct kp_buf *out = server_answer_out(call);
	if (!out)
		return;
	if (kp_request_packet_encode(out, packet) == KP_OK)
		server_answer_sent(call);
	else if (call->in.conn)
		kp_conn_close(&call->in.conn->conn, KP_CLOSE_NOMEM);
}

static void deliver_tup(struct kp_call *call, const struct kp_response_packet *answer)
{
	if (kp_call_is_oneway(call))
		return;
	struct kp_request_packet packet = describe(call, answer);
	struct kp_buf attributes = {0};
	struct kp_pairs status = {0};
	struct outcome outcome = {answer->ret, answer->reason};
	if (answer->ret == 0 &&
	    kp_tup_from_body(server_function_of(call), KP_TUP_ANSWER, answer->version, answer->body,
	                     &attributes) != KP_OK) {
		kp_buf_clear(&attributes);
		outcome = (struct outcome){KP_RET_ENCODE, kp_str("the answer cannot be encoded")};
	}
	put_status(&status, answer, outcome);
	packet.body = kp_buf_bytes(&attributes);
	packet.status = kp_pairs_map(&status);
	send_answer(call, &packet);
	kp_pairs_fini(&status);
	kp_buf_fini(&attributes);
}

const struct kp_face kp_face_tup = {.deliver = deliver_tup, .take = take_tup};
