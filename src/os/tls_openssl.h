// tls_openssl.h - the inside of the TLS module.
#pragma once

#include "os/tls_ops.h"

#include <openssl/ssl.h>

struct context {
	struct kp_tls_context base;
	SSL_CTX *ssl;     // owned
	BIO_METHOD *pipe; // owned; between a session and its buffers
	char *name;       // owned or NULL; what a client expects in certificates
	bool is_server;
	bool trusts_anybody;
};

// tls_session.c
kp_err session_open(struct kp_tls_context *context, const char *host,
                    const struct kp_tls_ticket *ticket, struct kp_tls **ret);
void session_free(struct kp_tls *tls);
kp_err session_shake(struct kp_tls *tls, struct kp_bytes in, struct kp_buf *out,
                     struct kp_why *why);
kp_err session_receive(struct kp_tls *tls, struct kp_bytes *in, uint8_t *data, size_t size,
                       struct kp_buf *out, size_t *ret_size, struct kp_why *why);
kp_err session_send(struct kp_tls *tls, struct kp_bytes plain, struct kp_buf *out);
void session_finish(struct kp_tls *tls, struct kp_buf *out);
struct kp_tls_ticket *session_take_ticket(struct kp_tls *tls);
void session_ticket_free(struct kp_tls_ticket *ticket);
void session_describe(const struct kp_tls *tls, struct kp_tls_info *ret);
// session_pipe makes what context->pipe points to. NULL when out of memory.
BIO_METHOD *session_pipe(void);
// session_on_ticket is OpenSSL's callback for tickets that a client gets.
int session_on_ticket(SSL *ssl, SSL_SESSION *session);

// openssl_reason is OpenSSL's word for what went wrong last on this thread.
const char *openssl_reason(void);
