// conn_tls.h - the encrypted side of a connection: what stands between its buffers and its socket.
//
// A connection with `tls` shakes hands first (KP_CONN_SHAKING). What it has to say is still
// gathered in `out`, sealed when it is flushed, and written from here.
#pragma once

#include "os/tls.h"
#include "rpc/conn.h"

struct kp_conn_tls {
	struct kp_tls_source *source; // borrowed; until the session is open
	struct kp_tls *session;       // owned; NULL: the first byte has not come yet
	bool may_be_plain;            // the first byte tells
	bool is_finished;             // the peer was told that nothing more will come
	bool is_proven;               // the peer has sent something after its handshake
	struct kp_buf out;            // owned; sealed bytes; lent from io while not empty
	size_t out_start;             // bytes of it that are written
	struct kp_why *why;           // owned or NULL; why there was no agreement
};

// kp_conn_tls_new readies a connection for TLS, before kp_conn_open. A server's has no `host`; it
// then waits for the client, and with `may_be_plain` takes a client that does not begin with TLS as
// it is. `ticket` may be NULL.
kp_err kp_conn_tls_new(struct kp_tls_source *source, const char *host,
                       const struct kp_tls_ticket *ticket, bool may_be_plain,
                       struct kp_conn_tls **ret);
void kp_conn_tls_free(struct kp_conn_tls *tls, struct kp_io *io);

// kp_conn_tls_begin begins a client's handshake. kp_conn_tls_on_ready does for a connection with
// TLS what its descriptor is ready for, but for writing what is sealed once it is open.
void kp_conn_tls_begin(struct kp_conn *conn);
void kp_conn_tls_on_ready(struct kp_conn *conn, unsigned events);

// kp_conn_tls_seal encrypts what the connection has to say, as far as it may be written soon, and
// its farewell behind the last of it.
kp_err kp_conn_tls_seal(struct kp_conn *conn);
// kp_conn_tls_write makes one write of what is sealed. AGAIN: the peer takes nothing now.
kp_err kp_conn_tls_write(struct kp_conn *conn);

static inline size_t kp_conn_tls_unsent(const struct kp_conn_tls *tls)
{
	return tls->out.len - tls->out_start;
}

// What conn.c lends: kp_conn_hand_on hands on bytes that were read (they lie in `block`),
// kp_conn_note_read counts them and tells whether the connection is still open,
// kp_conn_on_read_error ends it, kp_conn_watch watches for what it waits for.
void kp_conn_hand_on(struct kp_conn *conn, struct kp_bytes bytes, struct kp_block *block);
bool kp_conn_note_read(struct kp_conn *conn, size_t size);
void kp_conn_on_read_error(struct kp_conn *conn, kp_err err);
void kp_conn_watch(struct kp_conn *conn);
