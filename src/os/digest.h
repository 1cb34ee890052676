// digest.h - the digest that names packages. Apart from the rest of os, because it needs OpenSSL.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

enum {
	KP_DIGEST_TEXT_SIZE = 65
}; // 64 hex digits and a NUL

// kp_digest_file writes the SHA-256 of a file's content in hex.
kp_err kp_digest_file(const char *path, char ret[KP_DIGEST_TEXT_SIZE], struct kp_why *why);

// kp_digest_bytes does the same for bytes in memory. NOMEM is its only error.
kp_err kp_digest_bytes(struct kp_bytes bytes, char ret[KP_DIGEST_TEXT_SIZE]);
