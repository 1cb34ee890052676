// answer.c - a call's answer, from what the handler left to the connection's buffer.
#include "kipp/stub.h"
#include "rpc/face.h"

struct kp_buf *server_answer_out(struct kp_call *call)
{
	struct server_conn *conn = call->in.conn;
	if (KP_UNLIKELY(!conn))
		return server_udp_out(call->in.udp);
	return conn->conn.state == KP_CONN_OPEN ? kp_conn_out(&conn->conn) : NULL;
}

void server_answer_sent(struct kp_call *call)
{
	if (KP_UNLIKELY(!call->in.conn)) {
		server_udp_answer(call->in.udp, &call->in.peer);
		return;
	}
	KP_COUNT(call->in.adapter->stats.answers, 1);
	kp_conn_flush_soon(&call->in.conn->conn);
}

struct kp_buf *kp_call_answer_late(struct kp_call *call)
{
	if (kp_call_is_oneway(call) || call->in.fail_code != 0)
		return NULL;
	kp_buf_clear(&call->in.body);
	call->in.answer = &call->in.body;
	return call->in.answer;
}

struct kp_buf *kp_call_answer(struct kp_call *call)
{
	if (KP_UNLIKELY(call->in.face || call->in.fail_code != 0 || kp_call_is_oneway(call)))
		return call->in.is_deferred || !call->in.face ? NULL : kp_call_answer_late(call);
	struct kp_buf *out = server_answer_out(call);
	if (!out)
		return NULL;
	call->in.answer = out;
	const struct kp_request_packet *packet = &call->in.packet;
	bool is_usual = packet->version == KP_PACKET_TARS && packet->message_type == 0;
	if (KP_UNLIKELY(!is_usual ||
	                !kp_quick_response_begin(out, &call->in.mark, packet->request_id)))
		kp_response_begin(out, &call->in.mark, packet->version, packet->request_id,
		                  packet->message_type);
	return out;
}

// busy_status tells callers of ours that a refusal is no fault. Source: guard/travel.h.
static struct kp_packet_map busy_status(const struct kp_call *call)
{
	static const uint8_t pair[] = {0x06, 4, 'K', 'I', 'P', 'P', 0x16, 2, 'b', '1'};
	bool is_busy =
	        call->in.fail_code == KP_RET_OVERLOAD || call->in.fail_code == KP_RET_QUEUE_TIMEOUT;
	if (!is_busy || !call->in.conn || !call->in.conn->is_kipp)
		return (struct kp_packet_map){0};
	return (struct kp_packet_map){{pair, sizeof(pair)}, 1};
}

// describe_answer fills in what an answer without a body consists of.
static struct kp_response_packet describe_answer(const struct kp_call *call)
{
	return (struct kp_response_packet){
	        .version = call->in.packet.version,
	        .request_id = call->in.packet.request_id,
	        .message_type = call->in.packet.message_type,
	        .ret = call->in.fail_code,
	        .status = busy_status(call),
	        .reason = call->in.fail_text,
	        .context = kp_pairs_map(&call->in.answer_context),
	};
}

static void deliver_packet(struct kp_call *call, const struct kp_response_packet *answer)
{
	struct kp_buf *out = kp_call_is_oneway(call) ? NULL : server_answer_out(call);
	if (!out)
		return;
	if (kp_response_packet_encode(out, answer) == KP_OK)
		server_answer_sent(call);
	else if (call->in.conn) // not even that: better no connection than one that says nothing
		kp_conn_close(&call->in.conn->conn, KP_CLOSE_NOMEM);
}

const struct kp_face kp_face_packet = {deliver_packet};

static void answer_error(struct kp_call *call)
{
	struct kp_response_packet answer = describe_answer(call);
	deliver_packet(call, &answer);
}

static void finish_here(struct kp_call *call)
{
	bool has_context = call->in.answer_context.count > 0;
	struct kp_packet_map context = {0};
	if (KP_UNLIKELY(has_context))
		context = kp_pairs_map(&call->in.answer_context);
	kp_err err = kp_response_end(call->in.answer, &call->in.mark, NULL,
	                             has_context ? &context : NULL);
	if (KP_LIKELY(err == KP_OK)) {
		server_answer_sent(call);
		return;
	}
	kp_response_abort(call->in.answer, &call->in.mark);
	kp_call_fail(call, KP_RET_ENCODE, "the answer cannot be encoded: %s", kp_err_text(err));
	answer_error(call);
}

static void finish_apart(struct kp_call *call)
{
	struct kp_buf *body = call->in.answer;
	if (call->in.fail_code == 0 && body && body->err != KP_OK)
		kp_call_fail(call, KP_RET_ENCODE, "the answer cannot be encoded: %s",
		             kp_err_text(body->err));
	if (call->in.fail_code == 0 && !body && !kp_call_is_oneway(call))
		kp_call_fail(call, KP_RET_UNKNOWN, "the handler gave no answer");
	struct kp_response_packet answer = describe_answer(call);
	if (answer.ret == 0 && body)
		answer.body = kp_buf_bytes(body);
	call->in.face->deliver(call, &answer);
}

void server_finish(struct kp_call *call)
{
	if (KP_UNLIKELY(call->in.face != NULL))
		finish_apart(call);
	else if (KP_LIKELY(call->in.answer != NULL))
		finish_here(call);
	else if (call->in.fail_code != 0)
		answer_error(call);
	if (KP_UNLIKELY(kp_call_is_oneway(call)))
		KP_COUNT(call->in.adapter->stats.oneways, 1);
}
