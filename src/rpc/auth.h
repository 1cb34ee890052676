// auth.h - AK/SK at both ends of a connection; see guard/auth.h for what it is.
#pragma once

#include "guard/auth.h"
#include "tars/auth.h"
#include "tars/packet.h"

// auth_encode appends the frame by which a client begins a connection. INVALID: object or key are
// too long for it.
kp_err auth_encode(const struct kp_auth_crypto *crypto, struct kp_str object,
                   struct kp_str access_key, struct kp_str secret_key, int64_t now_s,
                   int32_t timeout_ms, struct kp_buf *out);

// auth_read takes the claim out of a packet. DECODE: it is another one, or one of 256 bytes or
// more.
kp_err auth_read(struct kp_bytes packet, struct kp_request_packet *ret_request,
                 struct kp_auth_package *ret_package);

// auth_answer appends the answer to one who was believed.
kp_err auth_answer(const struct kp_request_packet *request, struct kp_buf *out);
// auth_is_accepted tells whether a packet is that answer.
bool auth_is_accepted(const struct kp_response_packet *packet);

// auth_crypto finds the algorithms. UNSUPPORTED: the TLS module is not installed.
kp_err auth_crypto(struct kp_auth_crypto *ret, struct kp_why *why);
