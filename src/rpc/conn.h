// conn.h - a connection: frames in, frames out, on one loop.
//
// Frames are found where they were read. What is to be sent gathers in one buffer that is written
// once per batch. The same serves both sides, and connected UDP sockets, where a datagram is a
// frame.
#pragma once

#include "os/sock.h"
#include "rpc/io.h"

struct kp_conn;

enum kp_close_reason {
	KP_CLOSE_BY_US,
	KP_CLOSE_BY_PEER, // an orderly end
	KP_CLOSE_RESET,   // the connection broke
	KP_CLOSE_CONNECT, // it never opened
	KP_CLOSE_BAD_FRAME,
	KP_CLOSE_OVERSIZED,
	KP_CLOSE_SLOW_READER,
	KP_CLOSE_IDLE,
	KP_CLOSE_NOMEM,
	KP_CLOSE_SILENT, // no packet in time, or none that comes to its end
	KP_CLOSE_BANNED,
	KP_CLOSE_DENIED, // no proof of the access key, or a wrong one
	KP_CLOSE_TLS,    // one side wanted TLS and the other something else, or did not trust it
};

struct kp_conn_ops {
	// on_open is called when a connection that we asked for is there. May be NULL on the server
	// side.
	void (*on_open)(struct kp_conn *conn);
	// on_read tells that `size` bytes came, once for each read, before they are looked at. May
	// be NULL. It may close the connection.
	void (*on_read)(struct kp_conn *conn, size_t size);
	// on_frame takes one packet, without its length. `block` holds it; who keeps views
	// references that. It may close the connection. With on_wait it is called on a fiber and
	// may wait.
	void (*on_frame)(struct kp_conn *conn, struct kp_bytes packet, struct kp_block *block);
	// on_wait is called when on_frame waits, before the next frame is handed on. NULL: on_frame
	// does not wait.
	void (*on_wait)(struct kp_conn *conn);
	// on_close is called once, from wherever the connection ended; the connection's memory is
	// the owner's.
	void (*on_close)(struct kp_conn *conn, enum kp_close_reason reason);
};

enum kp_conn_state {
	KP_CONN_CONNECTING,
	KP_CONN_SHAKING, // connected; the TLS handshake is under way
	KP_CONN_OPEN,
	KP_CONN_CLOSED
};

struct kp_conn {
	struct kp_io *io; // borrowed
	const struct kp_conn_ops *ops;
	struct kp_watch *watch; // owned
	int fd;                 // owned
	enum kp_conn_state state;
	bool is_udp;
	bool may_pause; // a server's: a client that stops reading would wait for one that waits for
	                // it
	bool is_paused; // not reading, until the peer has read what we sent
	bool is_held;   // not reading, because the owner has enough to do
	bool closes_when_sent;
	bool is_write_shut;
	struct kp_block *partial; // owned; the beginning of a frame
	size_t partial_wanted;    // its size as far as known
	struct kp_buf out;        // owned; lent from io while not empty
	size_t out_start;         // bytes of `out` that are written
	uint64_t written;         // bytes ever written; with TLS ever sealed
	uint64_t received;        // bytes ever read
	struct kp_deferred flush;
	size_t frame_size_max;
	size_t backlog_size_max;
	struct kp_address peer;
	struct kp_conn_tls *tls; // owned; NULL: plain
	// on_bytes takes what was read, before frames are looked for. NULL, or false: it is frames.
	bool (*on_bytes)(struct kp_conn *conn, struct kp_bytes bytes);
};

// kp_conn_open takes over a socket (also when it fails). NOMEM is its only error.
kp_err kp_conn_open(struct kp_conn *conn, struct kp_io *io, int fd, enum kp_conn_state state);

// kp_conn_out returns the buffer to append whole frames to; kp_conn_flush_soon has them written at
// the batch's end.
struct kp_buf *kp_conn_out(struct kp_conn *conn);
void kp_conn_flush_soon(struct kp_conn *conn);
// kp_conn_flush has them written now. It may close the connection.
void kp_conn_flush(struct kp_conn *conn);
// kp_conn_unsent is how many bytes wait to be written.
size_t kp_conn_unsent(const struct kp_conn *conn);
// kp_conn_offset is where in the stream the next bytes will stand: once `written` is above it, the
// peer may see them.
static inline uint64_t kp_conn_offset(const struct kp_conn *conn)
{
	return conn->written + conn->out.len - conn->out_start;
}

// kp_conn_hold stops reading, and goes on.
void kp_conn_hold(struct kp_conn *conn, bool is_held);

// kp_conn_finish tells the peer that nothing more will come, once all is written.
void kp_conn_finish(struct kp_conn *conn);
// kp_conn_end closes it once all is written.
void kp_conn_end(struct kp_conn *conn);
// kp_conn_close ends it at once. Closing twice does nothing.
void kp_conn_close(struct kp_conn *conn, enum kp_close_reason reason);
