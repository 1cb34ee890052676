// tls.h - encryption between a connection and its descriptor.
//
// A session never touches a descriptor: it takes bytes that were read and gives bytes to write, so
// that a busy connection makes one read and one write per wake-up, encrypted or not. OpenSSL is
// in a module of its own, libkipp-tls, loaded when the first context is made; a program without
// TLS has none of it in memory.
#pragma once

#include "kipp/buf.h"
#include "kipp/tls.h"
#include "os/tls_ops.h"

// kp_tls_source is where contexts come from: the options, and the context made of them last. Any
// thread may use it.
struct kp_tls_source;

// kp_tls_source_new reads the files. INVALID: a file, told in `why`. UNSUPPORTED: the module
// is not installed.
kp_err kp_tls_source_new(const struct kp_tls_options *options, bool is_server,
                         struct kp_tls_source **ret, struct kp_why *why);
// kp_tls_source_free forgets the options; sessions go on. NULL is fine.
void kp_tls_source_free(struct kp_tls_source *source);
// kp_tls_source_reload reads the files again. Sessions go on with what they began with, later ones
// get the new files. On an error nothing changes.
kp_err kp_tls_source_reload(struct kp_tls_source *source, struct kp_why *why);

// kp_tls_source_open makes a session. `host` is what a client connects to, NULL on a server.
// `ticket` is from an earlier session of the same source with the same host, or NULL; one that is
// too old is ignored. NOMEM is its only error.
kp_err kp_tls_source_open(struct kp_tls_source *source, const char *host,
                          const struct kp_tls_ticket *ticket, struct kp_tls **ret);
// kp_tls_free ends a session at once. NULL is fine.
void kp_tls_free(struct kp_tls *tls);

// kp_tls_shake begins or goes on with the handshake: it takes all of `in`, appends what is to be
// sent to `out`, also when it fails, and tells when it is done. Bytes behind the handshake are
// kept for kp_tls_receive. AGAIN: more has to come. DENIED: the peer is not trusted. DECODE: the
// peer does not speak TLS, or not ours. `why` has the sentence.
kp_err kp_tls_shake(struct kp_tls *tls, struct kp_bytes in, struct kp_buf *out, struct kp_why *why);

// kp_tls_receive decrypts bytes from *in, whose beginning it takes, into `data`, as far as either
// goes. AGAIN: all of *in is taken and nothing came out. CLOSED: the peer has said that nothing
// more will come. DECODE: a record was damaged. DENIED: the peer
// gave up, for the reason in `why` (may be NULL): a client may hear only here that its certificate
// is refused. What the protocol itself wants to say goes to `out`.
kp_err kp_tls_receive(struct kp_tls *tls, struct kp_bytes *in, uint8_t *data, size_t size,
                      struct kp_buf *out, size_t *ret_size, struct kp_why *why);
// kp_tls_send encrypts all of `plain` to the end of `out`. NOMEM, or CLOSED after an error.
kp_err kp_tls_send(struct kp_tls *tls, struct kp_bytes plain, struct kp_buf *out);
// kp_tls_finish appends the words that nothing more will come.
void kp_tls_finish(struct kp_tls *tls, struct kp_buf *out);

// kp_tls_take_ticket returns what lets the next session skip most of the handshake, or NULL when
// the server has sent nothing of the kind.
struct kp_tls_ticket *kp_tls_take_ticket(struct kp_tls *tls);
void kp_tls_ticket_free(struct kp_tls_ticket *ticket);

// kp_tls_describe tells of a session whose handshake is done.
void kp_tls_describe(const struct kp_tls *tls, struct kp_tls_info *ret);

// kp_tls_crypto returns the old algorithms of TARS's AK/SK. UNSUPPORTED: the module is not
// installed.
kp_err kp_tls_crypto(const struct kp_tls_ops **ret, struct kp_why *why);
