// auth.h - TARS's AK/SK: whether somebody knows a secret.
//
// The scheme is old (SHA-1, MD5, 3DES, nothing ties it to the connection) and here for peers that
// know no other. The algorithms come from outside, so that this stays pure. Source: contract H.1.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

enum {
	KP_AUTH_SECRET_SIZE = 40, // hex of a SHA-1
	KP_AUTH_KEY_SIZE = 32,    // hex of an MD5, of which 3DES takes 24
	KP_AUTH_SIGNATURE_SIZE = 48,
	KP_AUTH_SKEW_S = 3600, // that two clocks may differ
};

// kp_auth_crypto are the algorithms; NOMEM is their only error. des3 is 3DES-EDE3 in ECB mode on
// whole blocks of 8 bytes.
struct kp_auth_crypto {
	kp_err (*sha1)(struct kp_bytes bytes, uint8_t ret[20]);
	kp_err (*md5)(struct kp_bytes bytes, uint8_t ret[16]);
	kp_err (*des3)(const uint8_t key[24], bool encrypts, struct kp_bytes blocks, uint8_t *ret);
};

// The numbers are those of TARS's AUTH_STATE.
enum kp_auth_state {
	KP_AUTH_OK = 0,
	KP_AUTH_WRONG_OBJECT = -101,
	KP_AUTH_WRONG_KEY = -102,
	KP_AUTH_WRONG_TIME = -103,
	KP_AUTH_WRONG_HASH = -104,
	KP_AUTH_WRONG_SIGNATURE = -105,
	KP_AUTH_ERROR = -106,
};

// kp_auth_claim is what somebody says to prove who he is.
struct kp_auth_claim {
	bool has_object; // the object is one that is served here
	struct kp_str access_key;
	int64_t time_s;
	struct kp_str hash;
	struct kp_bytes signature;
};

// kp_auth_secret1 writes the lower-case hex of SHA1(secret key), kp_auth_key the key of the
// signature made at a time.
kp_err kp_auth_secret1(const struct kp_auth_crypto *crypto, struct kp_str secret_key,
                       char ret[KP_AUTH_SECRET_SIZE]);
kp_err kp_auth_key(const struct kp_auth_crypto *crypto, const char secret1[KP_AUTH_SECRET_SIZE],
                   int64_t time_s, char ret[KP_AUTH_KEY_SIZE]);

// kp_auth_sign makes a client's signature.
kp_err kp_auth_sign(const struct kp_auth_crypto *crypto, struct kp_str secret_key, int64_t time_s,
                    uint8_t ret[KP_AUTH_SIGNATURE_SIZE]);

// kp_auth_check tells what a claim is worth at `now_s`. How long that takes says nothing about the
// keys.
enum kp_auth_state kp_auth_check(const struct kp_auth_crypto *crypto,
                                 const struct kp_auth_claim *claim, struct kp_str access_key,
                                 struct kp_str secret_key, int64_t now_s);
