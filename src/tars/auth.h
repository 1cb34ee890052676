// auth.h - the package by which a C++ client of TARS proves that it knows a secret.
//
// It is the body of the first request on a connection, to the function KP_AUTH_FUNCTION, in a frame
// of less than KP_AUTH_FRAME_MAX bytes. Source: contract H.1.
#pragma once

#include "kipp/codec.h"

#define KP_AUTH_FUNCTION "InnerAuthServer"
#define KP_AUTH_ANSWER   "AUTH_SUCC"

enum {
	KP_AUTH_FRAME_MAX = 256,
	KP_AUTH_MESSAGE = 0x40, // of the request's and the answer's message type
};

struct kp_auth_package {
	struct kp_str object;
	struct kp_str access_key;
	int64_t time_s;     // since 1970
	struct kp_str hash; // "sha1" when it is left out
	struct kp_bytes signature;
};

void kp_auth_package_encode(struct kp_buf *out, const struct kp_auth_package *package);
// kp_auth_package_decode reads views. DECODE: malformed, or object, key or time are missing.
kp_err kp_auth_package_decode(struct kp_bytes bytes, struct kp_auth_package *ret);
