// tls_openssl.c - TLS contexts of OpenSSL 3: files, trust, what is spoken. And its old algorithms.
#include "os/tls_openssl.h"

#include "base/mem.h"
#include "base/try.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

const char *openssl_reason(void)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;
	return reason ? reason : "no reason given";
}

// --- files

static kp_err check_readable(const char *what, const char *path, struct kp_why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kp_why_set(why, KP_ERR_INVALID, "cannot read the %s %s: %s", what, path,
		                  strerror(errno));
	close(fd);
	return KP_OK;
}

static kp_err fail_file(struct kp_why *why, const char *what, const char *path)
{
	return kp_why_set(why, KP_ERR_INVALID, "%s is no %s in PEM form: %s", path, what,
	                  openssl_reason());
}

// ask_nobody keeps OpenSSL from asking for a passphrase at the terminal.
static int ask_nobody(char *buffer, int size, int is_writing, void *arg)
{
	return -1;
}

static kp_err use_own(SSL_CTX *ssl, const struct kp_tls_options *options, struct kp_why *why)
{
	const char *key = options->key ? options->key : options->cert;
	KP_TRY(check_readable("certificate", options->cert, why));
	if (SSL_CTX_use_certificate_chain_file(ssl, options->cert) != 1)
		return fail_file(why, "certificate", options->cert);
	KP_TRY(check_readable("private key", key, why));
	SSL_CTX_set_default_passwd_cb(ssl, ask_nobody);
	if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(ssl) == 1)
		return KP_OK;
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH ||
	    reason == SSL_R_NO_CERTIFICATE_ASSIGNED)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the private key %s does not belong to the certificate %s", key,
		                  options->cert);
	return fail_file(why, "private key without a passphrase", key);
}

static kp_err use_authorities(SSL_CTX *ssl, const char *path, bool is_server, struct kp_why *why)
{
	KP_TRY(check_readable("list of authorities", path, why));
	if (SSL_CTX_load_verify_file(ssl, path) != 1)
		return fail_file(why, "list of authorities", path);
	if (is_server) {
		STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
		if (!names)
			return fail_file(why, "list of authorities", path);
		SSL_CTX_set_client_CA_list(ssl, names);
	}
	return KP_OK;
}

// --- trust

static kp_err set_trust(struct context *context, const struct kp_tls_options *options,
                        struct kp_why *why)
{
	SSL_CTX *ssl = context->ssl;
	int mode = SSL_VERIFY_NONE;
	if (context->is_server && options->verify_client) {
		if (!options->ca)
			return kp_why_set(why, KP_ERR_INVALID,
			                  "clients are to be verified, but there is no ca to "
			                  "verify them against");
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	}
	if (!context->is_server && !options->trusts_anybody)
		mode = SSL_VERIFY_PEER;
	SSL_CTX_set_verify(ssl, mode, NULL);
	if (options->ca)
		return use_authorities(ssl, options->ca, context->is_server, why);
	if (mode != SSL_VERIFY_NONE && SSL_CTX_set_default_verify_paths(ssl) != 1)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	return KP_OK;
}

// --- application protocols

// Length-prefixed, the favourite first.
static const unsigned char protocols[] = "\x04kipp\x08http/1.1";
enum {
	KIPP_LEN = 5, // of the first of them
};

static int on_protocols(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                        const unsigned char *offered, unsigned offered_len, void *arg)
{
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, ret_len, protocols, sizeof(protocols) - 1, offered,
	                          offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; // others speak TARS too, whatever they call it
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_protocols(const struct context *context)
{
	if (context->is_server) {
		SSL_CTX_set_alpn_select_cb(context->ssl, on_protocols, NULL);
		return true;
	}
	return SSL_CTX_set_alpn_protos(context->ssl, protocols, KIPP_LEN) == 0;
}

// --- contexts

static void context_free(struct kp_tls_context *base)
{
	struct context *context = (struct context *)base;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->pipe);
	kp_free(context->name);
	kp_free(context);
}

// set_resumption: a server's sessions are all in its tickets, a client's in its callback.
static bool set_resumption(const struct context *context)
{
	static const unsigned char id[] = "kipp";
	if (context->is_server) {
		SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
		return SSL_CTX_set_session_id_context(context->ssl, id, sizeof(id) - 1) == 1;
	}
	SSL_CTX_set_session_cache_mode(context->ssl,
	                               SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context->ssl, session_on_ticket);
	return true;
}

static kp_err fill(struct context *context, const struct kp_tls_options *options,
                   struct kp_why *why)
{
	SSL_CTX *ssl = context->ssl;
	if (!ssl || !context->pipe || (options->name && !context->name))
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 || !set_protocols(context) ||
	    !set_resumption(context))
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (options->ciphers && SSL_CTX_set_cipher_list(ssl, options->ciphers) != 1)
		return kp_why_set(why, KP_ERR_INVALID, "'%s' is no list of ciphers: %s",
		                  options->ciphers, openssl_reason());
	if (context->is_server && !options->cert)
		return kp_why_set(why, KP_ERR_INVALID, "TLS needs a certificate: set cert and key");
	if (options->cert)
		KP_TRY(use_own(ssl, options, why));
	return set_trust(context, options, why);
}

// At the end of this file.
extern const struct kp_tls_ops kp_tls_module;

static kp_err context_new(const struct kp_tls_options *options, bool is_server,
                          struct kp_tls_context **ret, struct kp_why *why)
{
	ERR_clear_error();
	struct context *context = kp_new(struct context);
	if (!context)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	*context = (struct context){
	        .base = {&kp_tls_module, 1},
	        .ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method()),
	        .pipe = session_pipe(),
	        .name = options->name ? kp_strdup(options->name) : NULL,
	        .is_server = is_server,
	        .trusts_anybody = options->trusts_anybody,
	};
	kp_err err = fill(context, options, why);
	ERR_clear_error();
	if (err != KP_OK) {
		context_free(&context->base);
		return err;
	}
	*ret = &context->base;
	return KP_OK;
}

// --- what AK/SK needs

static kp_err sha1(struct kp_bytes bytes, uint8_t ret[KP_SHA1_SIZE])
{
	return EVP_Digest(bytes.ptr, bytes.len, ret, NULL, EVP_sha1(), NULL) == 1 ? KP_OK
	                                                                          : KP_ERR_NOMEM;
}

static kp_err md5(struct kp_bytes bytes, uint8_t ret[KP_MD5_SIZE])
{
	return EVP_Digest(bytes.ptr, bytes.len, ret, NULL, EVP_md5(), NULL) == 1 ? KP_OK
	                                                                         : KP_ERR_NOMEM;
}

static kp_err des3(const uint8_t key[KP_DES3_KEY_SIZE], bool encrypts, struct kp_bytes blocks,
                   uint8_t *ret)
{
	int len = 0;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	bool is_fine =
	        cipher &&
	        EVP_CipherInit_ex(cipher, EVP_des_ede3_ecb(), NULL, key, NULL, encrypts) == 1 &&
	        EVP_CIPHER_CTX_set_padding(cipher, 0) == 1 &&
	        EVP_CipherUpdate(cipher, ret, &len, blocks.ptr, (int)blocks.len) == 1 &&
	        (size_t)len == blocks.len;
	EVP_CIPHER_CTX_free(cipher);
	return is_fine ? KP_OK : KP_ERR_NOMEM;
}

KP_API const struct kp_tls_ops kp_tls_module = {
        .version = KP_TLS_OPS_VERSION,
        .context_new = context_new,
        .context_free = context_free,
        .open = session_open,
        .free = session_free,
        .shake = session_shake,
        .receive = session_receive,
        .send = session_send,
        .finish = session_finish,
        .take_ticket = session_take_ticket,
        .ticket_free = session_ticket_free,
        .describe = session_describe,
        .sha1 = sha1,
        .md5 = md5,
        .des3 = des3,
};
