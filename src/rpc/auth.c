// auth.c - the frames of AK/SK.
#include "rpc/auth.h"

#include "base/try.h"
#include "os/tls.h"

#include <strings.h>

kp_err auth_crypto(struct kp_auth_crypto *ret, struct kp_why *why)
{
	const struct kp_tls_ops *ops;
	KP_TRY(kp_tls_crypto(&ops, why));
	*ret = (struct kp_auth_crypto){ops->sha1, ops->md5, ops->des3};
	return KP_OK;
}

kp_err auth_encode(const struct kp_auth_crypto *crypto, struct kp_str object,
                   struct kp_str access_key, struct kp_str secret_key, int64_t now_s,
                   int32_t timeout_ms, struct kp_buf *out)
{
	uint8_t signature[KP_AUTH_SIGNATURE_SIZE];
	struct kp_buf body = {0};
	size_t start = out->len;
	KP_TRY(kp_auth_sign(crypto, secret_key, now_s, signature));
	struct kp_auth_package package = {
	        object, access_key, now_s, kp_str("sha1"), {signature, sizeof(signature)}};
	kp_auth_package_encode(&body, &package);
	struct kp_request_packet request = {
	        .version = KP_PACKET_TARS,
	        .message_type = KP_AUTH_MESSAGE,
	        .request_id = 1,
	        .servant = object,
	        .function = kp_str(KP_AUTH_FUNCTION),
	        .body = kp_buf_bytes(&body),
	        .timeout_ms = timeout_ms,
	};
	kp_err err = body.err != KP_OK ? body.err : kp_request_packet_encode(out, &request);
	kp_buf_fini(&body);
	if (err != KP_OK || out->len - start < KP_AUTH_FRAME_MAX)
		return err;
	out->len = start;
	return KP_ERR_INVALID;
}

kp_err auth_read(struct kp_bytes packet, struct kp_request_packet *ret_request,
                 struct kp_auth_package *ret_package)
{
	if (packet.len + KP_FRAME_HEAD_SIZE >= KP_AUTH_FRAME_MAX)
		return KP_ERR_DECODE;
	KP_TRY(kp_request_packet_decode(packet, NULL, ret_request));
	if (ret_request->version != KP_PACKET_TARS ||
	    !kp_str_equal(ret_request->function, kp_str(KP_AUTH_FUNCTION)))
		return KP_ERR_DECODE;
	return kp_auth_package_decode(ret_request->body, ret_package);
}

kp_err auth_answer(const struct kp_request_packet *request, struct kp_buf *out)
{
	static const struct kp_str answer = KP_STR(KP_AUTH_ANSWER);
	struct kp_response_packet packet = {
	        .version = KP_PACKET_TARS,
	        .request_id = request->request_id,
	        .message_type = KP_AUTH_MESSAGE,
	        .body = {(const uint8_t *)answer.ptr, answer.len},
	};
	return kp_response_packet_encode(out, &packet);
}

bool auth_is_accepted(const struct kp_response_packet *packet)
{
	return packet->ret == 0 && packet->body.len == strlen(KP_AUTH_ANSWER) &&
	       strncasecmp((const char *)packet->body.ptr, KP_AUTH_ANSWER, packet->body.len) == 0;
}
