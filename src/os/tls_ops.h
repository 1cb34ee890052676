// tls_ops.h - what libkipp and its TLS module say to each other.
//
// The module exports one table, kp_tls_module. A program may also be linked with it directly.
#pragma once

#include "kipp/buf.h"
#include "kipp/tls.h"

enum {
	KP_TLS_OPS_VERSION = 1,
	KP_SHA1_SIZE = 20,
	KP_MD5_SIZE = 16,
	KP_DES3_KEY_SIZE = 24,
};

struct kp_tls_ops;

// kp_tls_context is what all sessions made with the same files share.
struct kp_tls_context {
	const struct kp_tls_ops *ops;
	int refs; // atomic
};

// kp_tls is one session. It belongs to one thread at a time.
struct kp_tls {
	const struct kp_tls_ops *ops;
};

// kp_tls_ticket is a client's memory of a session.
struct kp_tls_ticket {
	const struct kp_tls_ops *ops;
};

// kp_tls_info is what a handshake came to.
struct kp_tls_info {
	const char *version; // "TLSv1.3"
	const char *cipher;  // OpenSSL's name for it
	bool is_resumed;     // an earlier session's ticket was taken
	char protocol[16];   // by ALPN: "kipp", "http/1.1", or empty
	char peer_name[128]; // the common name in the peer's certificate, or empty
};

// Each member does what the function of the same name in tls.h says.
struct kp_tls_ops {
	int version; // KP_TLS_OPS_VERSION
	kp_err (*context_new)(const struct kp_tls_options *options, bool is_server,
	                      struct kp_tls_context **ret, struct kp_why *why);
	void (*context_free)(struct kp_tls_context *context);
	kp_err (*open)(struct kp_tls_context *context, const char *host,
	               const struct kp_tls_ticket *ticket, struct kp_tls **ret);
	void (*free)(struct kp_tls *tls);
	kp_err (*shake)(struct kp_tls *tls, struct kp_bytes in, struct kp_buf *out,
	                struct kp_why *why);
	kp_err (*receive)(struct kp_tls *tls, struct kp_bytes *in, uint8_t *data, size_t size,
	                  struct kp_buf *out, size_t *ret_size, struct kp_why *why);
	kp_err (*send)(struct kp_tls *tls, struct kp_bytes plain, struct kp_buf *out);
	void (*finish)(struct kp_tls *tls, struct kp_buf *out);
	struct kp_tls_ticket *(*take_ticket)(struct kp_tls *tls);
	void (*ticket_free)(struct kp_tls_ticket *ticket);
	void (*describe)(const struct kp_tls *tls, struct kp_tls_info *ret);

	// sha1 and md5 digest bytes. NOMEM is their only error.
	kp_err (*sha1)(struct kp_bytes bytes, uint8_t ret[KP_SHA1_SIZE]);
	kp_err (*md5)(struct kp_bytes bytes, uint8_t ret[KP_MD5_SIZE]);
	// des3 encrypts or decrypts whole blocks of 8 bytes by 3DES-EDE3 in ECB mode.
	kp_err (*des3)(const uint8_t key[KP_DES3_KEY_SIZE], bool encrypts, struct kp_bytes blocks,
	               uint8_t *ret);
};

// kp_tls_context_ref and kp_tls_context_unref count the users of a context.
static inline struct kp_tls_context *kp_tls_context_ref(struct kp_tls_context *context)
{
	__atomic_fetch_add(&context->refs, 1, __ATOMIC_RELAXED);
	return context;
}

static inline void kp_tls_context_unref(struct kp_tls_context *context)
{
	if (context && __atomic_sub_fetch(&context->refs, 1, __ATOMIC_ACQ_REL) == 0)
		context->ops->context_free(context);
}
