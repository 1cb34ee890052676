// tls_session.c - one TLS session over buffers.
#include "os/tls_openssl.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

struct session {
	struct kp_tls base;
	struct context *context; // a reference
	SSL *ssl;                // owned
	struct kp_bytes in;      // what OpenSSL may read now
	struct kp_buf *out;      // where it writes now; NULL: nowhere
	struct kp_buf early;     // owned; came with the handshake's last bytes
	size_t early_start;
	SSL_SESSION *ticket; // owned or NULL
	bool is_broken;      // after an error OpenSSL is not to be asked again
};

struct ticket {
	struct kp_tls_ticket base;
	struct context *context; // a reference; another one's trust is not this one's
	SSL_SESSION *session;    // owned
};

static struct session *of(struct kp_tls *tls)
{
	return (struct session *)tls;
}

// --- the pipe between OpenSSL and our buffers

static int pipe_read(BIO *bio, char *data, size_t size, size_t *ret_size)
{
	struct session *session = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (session->in.len == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	size_t step = session->in.len < size ? session->in.len : size;
	memcpy(data, session->in.ptr, step);
	session->in.ptr += step;
	session->in.len -= step;
	*ret_size = step;
	return 1;
}

static int pipe_write(BIO *bio, const char *data, size_t size, size_t *ret_size)
{
	struct session *session = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!session->out)
		return 0;
	kp_buf_append(session->out, data, size);
	if (session->out->err != KP_OK)
		return 0;
	*ret_size = size;
	return 1;
}

static long pipe_control(BIO *bio, int command, long number, void *arg)
{
	return command == BIO_CTRL_FLUSH;
}

static int pipe_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *session_pipe(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "kipp");
	if (!method)
		return NULL;
	BIO_meth_set_read_ex(method, pipe_read);
	BIO_meth_set_write_ex(method, pipe_write);
	BIO_meth_set_ctrl(method, pipe_control);
	BIO_meth_set_create(method, pipe_create);
	return method;
}

// --- opening

static bool is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool expect(const struct session *session, const char *host)
{
	const char *name = session->context->name ? session->context->name : host;
	SSL *ssl = session->ssl;
	if (!name)
		return session->context->trusts_anybody;
	if (is_address(name))
		return session->context->trusts_anybody ||
		       X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	if (SSL_set_tlsext_host_name(ssl, name) != 1)
		return false;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return session->context->trusts_anybody || SSL_set1_host(ssl, name) == 1;
}

static bool open_pipe(struct session *session)
{
	BIO *bio = BIO_new(session->context->pipe);
	if (!bio)
		return false;
	BIO_set_data(bio, session);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	return true;
}

static void resume(const struct session *session, const struct ticket *ticket)
{
	if (ticket && ticket->context == session->context)
		(void)SSL_set_session(session->ssl, ticket->session);
}

kp_err session_open(struct kp_tls_context *base, const char *host,
                    const struct kp_tls_ticket *ticket, struct kp_tls **ret)
{
	struct session *session = kp_new(struct session);
	if (!session)
		return KP_ERR_NOMEM;
	session->base.ops = base->ops;
	session->context = (struct context *)kp_tls_context_ref(base);
	session->ssl = SSL_new(session->context->ssl);
	bool is_server = session->context->is_server;
	if (!session->ssl || !open_pipe(session) || (!is_server && !expect(session, host))) {
		ERR_clear_error();
		session_free(&session->base);
		return KP_ERR_NOMEM;
	}
	if (is_server) {
		SSL_set_accept_state(session->ssl);
	} else {
		SSL_set_connect_state(session->ssl);
		resume(session, (const struct ticket *)ticket);
	}
	*ret = &session->base;
	return KP_OK;
}

void session_free(struct kp_tls *tls)
{
	struct session *session = of(tls);
	SSL_SESSION_free(session->ticket);
	if (session->ssl) // else OpenSSL takes the end for a failure and spoils the ticket
		SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(session->ssl);
	kp_buf_fini(&session->early);
	kp_tls_context_unref(&session->context->base);
	kp_free(session);
}

// is_alert tells whether what went wrong last is what the peer said.
static bool is_alert(void)
{
	unsigned long error = ERR_peek_last_error();
	return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
}

// --- the handshake

static kp_err explain(const struct session *session, struct kp_why *why)
{
	long verified = SSL_get_verify_result(session->ssl);
	if (session->out && session->out->err != KP_OK)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (verified != X509_V_OK)
		return kp_why_set(why, KP_ERR_DENIED, "the peer's certificate is refused: %s",
		                  X509_verify_cert_error_string(verified));
	unsigned long error = ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);
	if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return kp_why_set(why, KP_ERR_DENIED, "the peer has no certificate");
	if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
	    reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_INVALID_ALERT)
		return kp_why_set(why, KP_ERR_DECODE, "the peer does not speak TLS");
	if (is_alert())
		return kp_why_set(why, KP_ERR_DENIED, "the peer refuses the TLS handshake: %s",
		                  openssl_reason());
	return kp_why_set(why, KP_ERR_DECODE, "the TLS handshake failed: %s", openssl_reason());
}

// refuse says in TLS's own words that this is a TLS port, where OpenSSL says nothing: to whoever
// does not speak it.
static void refuse(const struct session *session)
{
	static const uint8_t unexpected[] = {0x15, 3, 1, 0, 2, 2, 10};
	if (session->context->is_server && session->out->len == 0)
		kp_buf_append(session->out, unexpected, sizeof(unexpected));
}

kp_err session_shake(struct kp_tls *tls, struct kp_bytes in, struct kp_buf *out, struct kp_why *why)
{
	struct session *session = of(tls);
	if (session->is_broken)
		return kp_why_set(why, KP_ERR_DECODE, "the TLS handshake failed before");
	ERR_clear_error();
	session->in = in;
	session->out = out;
	int done = SSL_do_handshake(session->ssl);
	kp_err err = KP_OK;
	if (done != 1 && SSL_get_error(session->ssl, done) == SSL_ERROR_WANT_READ) {
		err = KP_ERR_AGAIN;
	} else if (done != 1) {
		err = explain(session, why);
		session->is_broken = true;
		refuse(session);
	} else {
		kp_buf_append(&session->early, session->in.ptr, session->in.len);
		err = session->early.err;
	}
	session->in = (struct kp_bytes){0};
	session->out = NULL;
	ERR_clear_error();
	return err;
}

// --- data

// take_early has OpenSSL read what came behind the handshake before it reads `in`.
static bool take_early(struct session *session)
{
	struct kp_buf *early = &session->early;
	if (early->len == 0)
		return false;
	session->in.ptr = early->data + session->early_start;
	session->in.len = early->len - session->early_start;
	return true;
}

static void leave_early(struct session *session)
{
	session->early_start = session->early.len - session->in.len;
	if (session->in.len > 0)
		return;
	kp_buf_fini(&session->early);
	session->early = (struct kp_buf){0};
	session->early_start = 0;
}

// read_all decrypts until `data` is full or there is nothing left to decrypt.
static kp_err read_all(struct session *session, uint8_t *data, size_t size, size_t *ret_size,
                       struct kp_why *why)
{
	size_t got = 0, step = 0;
	while (got < size && SSL_read_ex(session->ssl, data + got, size - got, &step) == 1)
		got += step;
	*ret_size += got;
	if (got == size)
		return KP_OK;
	int error = SSL_get_error(session->ssl, 0);
	if (error == SSL_ERROR_WANT_READ)
		return got > 0 ? KP_OK : KP_ERR_AGAIN;
	if (got > 0)
		return KP_OK; // what is wrong is told again when it is asked for more
	if (error == SSL_ERROR_ZERO_RETURN)
		return KP_ERR_CLOSED;
	session->is_broken = true;
	return is_alert()
	               ? kp_why_set(why, KP_ERR_DENIED, "the peer ends TLS: %s", openssl_reason())
	               : KP_ERR_DECODE;
}

kp_err session_receive(struct kp_tls *tls, struct kp_bytes *in, uint8_t *data, size_t size,
                       struct kp_buf *out, size_t *ret_size, struct kp_why *why)
{
	struct session *session = of(tls);
	size_t got = 0;
	kp_err err = KP_OK;
	if (session->is_broken)
		return KP_ERR_DECODE;
	ERR_clear_error();
	session->out = out;
	if (take_early(session)) {
		err = read_all(session, data, size, &got, why);
		leave_early(session);
	}
	if (err == KP_ERR_AGAIN)
		err = KP_OK;
	if (err == KP_OK && got < size && session->early.len == 0) {
		session->in = *in;
		err = read_all(session, data + got, size - got, &got, why);
		*in = session->in;
	}
	session->in = (struct kp_bytes){0};
	session->out = NULL;
	ERR_clear_error();
	*ret_size = got;
	return got > 0 ? KP_OK : err;
}

kp_err session_send(struct kp_tls *tls, struct kp_bytes plain, struct kp_buf *out)
{
	struct session *session = of(tls);
	if (session->is_broken)
		return KP_ERR_CLOSED;
	ERR_clear_error();
	session->out = out;
	while (plain.len > 0) {
		size_t step = 0;
		if (SSL_write_ex(session->ssl, plain.ptr, plain.len, &step) != 1) {
			session->is_broken = true;
			break;
		}
		plain.ptr += step;
		plain.len -= step;
	}
	session->out = NULL;
	ERR_clear_error();
	if (!session->is_broken)
		return KP_OK;
	return out->err != KP_OK ? KP_ERR_NOMEM : KP_ERR_CLOSED;
}

void session_finish(struct kp_tls *tls, struct kp_buf *out)
{
	struct session *session = of(tls);
	if (session->is_broken || !SSL_is_init_finished(session->ssl))
		return;
	session->out = out;
	(void)SSL_shutdown(session->ssl);
	session->out = NULL;
	ERR_clear_error();
}

// --- resumption

int session_on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct session *session = SSL_get_app_data(ssl);
	SSL_SESSION_free(session->ticket);
	session->ticket = ticket;
	return 1; // it is ours now
}

struct kp_tls_ticket *session_take_ticket(struct kp_tls *tls)
{
	struct session *session = of(tls);
	struct ticket *ticket = session->ticket ? kp_new(struct ticket) : NULL;
	if (!ticket)
		return NULL;
	ticket->base.ops = tls->ops;
	ticket->context = (struct context *)kp_tls_context_ref(&session->context->base);
	ticket->session = kp_take(&session->ticket);
	return &ticket->base;
}

void session_ticket_free(struct kp_tls_ticket *base)
{
	struct ticket *ticket = (struct ticket *)base;
	SSL_SESSION_free(ticket->session);
	kp_tls_context_unref(&ticket->context->base);
	kp_free(ticket);
}

// --- looking at it

void session_describe(const struct kp_tls *tls, struct kp_tls_info *ret)
{
	const struct session *session = (const struct session *)tls;
	SSL *ssl = session->ssl;
	const unsigned char *protocol = NULL;
	unsigned len = 0;
	*ret = (struct kp_tls_info){
	        .version = SSL_get_version(ssl),
	        .cipher = SSL_get_cipher_name(ssl),
	        .is_resumed = SSL_session_reused(ssl) == 1,
	};
	SSL_get0_alpn_selected(ssl, &protocol, &len);
	if (len < sizeof(ret->protocol))
		snprintf(ret->protocol, sizeof(ret->protocol), "%.*s", (int)len,
		         protocol ? (const char *)protocol : "");
	X509 *peer = SSL_get0_peer_certificate(ssl);
	if (peer)
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName,
		                          ret->peer_name, sizeof(ret->peer_name));
	ERR_clear_error();
}
