// conn_tls.c - sealing, opening and shaking hands on a connection.
#include "rpc/conn_tls.h"

#include "base/mem.h"
#include "base/try.h"

enum {
	SEALED_MAX = 256 << 10, // above it plain bytes wait: the peer may never take them
	HANDSHAKE_BYTE = 0x16,  // that every TLS connection begins with
};

kp_err kp_conn_tls_new(struct kp_tls_source *source, const char *host,
                       const struct kp_tls_ticket *ticket, bool may_be_plain,
                       struct kp_conn_tls **ret)
{
	struct kp_conn_tls *tls = kp_new(struct kp_conn_tls);
	if (!tls)
		return KP_ERR_NOMEM;
	tls->source = source;
	tls->may_be_plain = may_be_plain;
	kp_err err = host ? kp_tls_source_open(source, host, ticket, &tls->session) : KP_OK;
	if (err != KP_OK) {
		kp_free(tls);
		return err;
	}
	*ret = tls;
	return KP_OK;
}

void kp_conn_tls_free(struct kp_conn_tls *tls, struct kp_io *io)
{
	if (!tls)
		return;
	kp_tls_free(tls->session);
	if (io)
		kp_io_give_buf(io, &tls->out);
	kp_free(tls->why);
	kp_free(tls);
}

// is_plain tells, of the first bytes, whether the connection goes on without TLS.
static bool is_plain(const struct kp_conn_tls *tls, struct kp_bytes in)
{
	return tls->may_be_plain && !tls->session && in.len > 0 && in.ptr[0] != HANDSHAKE_BYTE;
}

// --- receiving

static kp_err read_socket(struct kp_conn *conn, struct kp_bytes *ret)
{
	struct kp_io *io = conn->io;
	if (!io->sealed)
		io->sealed = kp_block_new(io, KP_BLOCK_SIZE);
	if (!io->sealed)
		return KP_ERR_NOMEM;
	ret->ptr = io->sealed->data;
	return kp_sock_read(conn->fd, io->sealed->data, io->sealed->cap, &ret->len);
}

static struct kp_buf *sealed_out(struct kp_conn *conn)
{
	struct kp_conn_tls *tls = conn->tls;
	if (!tls->out.data)
		tls->out = kp_io_take_buf(conn->io);
	return &tls->out;
}

static void keep_why(struct kp_conn_tls *tls, const struct kp_why *why)
{
	if (!tls->why)
		tls->why = kp_new(struct kp_why);
	if (tls->why)
		*tls->why = *why;
}

static kp_err shake_hands(struct kp_conn *conn, struct kp_bytes in)
{
	struct kp_conn_tls *tls = conn->tls;
	struct kp_why why = {""};
	if (!tls->session)
		KP_TRY(kp_tls_source_open(tls->source, NULL, NULL, &tls->session));
	kp_err err = kp_tls_shake(tls->session, in, sealed_out(conn), &why);
	if (err == KP_OK || err == KP_ERR_AGAIN)
		return err;
	keep_why(tls, &why);
	return err;
}

static kp_err open_sealed(struct kp_conn *conn, struct kp_bytes *in, uint8_t *data, size_t size,
                          size_t *ret_size)
{
	struct kp_conn_tls *tls = conn->tls;
	struct kp_why why = {""};
	kp_err err = kp_tls_receive(tls->session, in, data, size, sealed_out(conn), ret_size, &why);
	if (err == KP_OK)
		tls->is_proven = true;
	if (err == KP_ERR_DENIED)
		keep_why(tls, &why);
	return err;
}

// --- sending

static void say_farewell(struct kp_conn *conn)
{
	if (conn->tls->is_finished || (!conn->is_write_shut && !conn->closes_when_sent))
		return;
	conn->tls->is_finished = true;
	kp_tls_finish(conn->tls->session, sealed_out(conn));
}

kp_err kp_conn_tls_seal(struct kp_conn *conn)
{
	struct kp_conn_tls *tls = conn->tls;
	size_t unsent = conn->out.len - conn->out_start, waiting = kp_conn_tls_unsent(tls);
	size_t size = waiting >= SEALED_MAX ? 0 : SEALED_MAX - waiting;
	if (size > unsent)
		size = unsent;
	struct kp_bytes plain = {conn->out.data + conn->out_start, size};
	if (size > 0)
		KP_TRY(kp_tls_send(tls->session, plain, sealed_out(conn)));
	conn->written += size;
	conn->out_start += size;
	if (size < unsent)
		return KP_OK;
	kp_io_give_buf(conn->io, &conn->out);
	conn->out_start = 0;
	say_farewell(conn);
	return tls->out.err;
}

// close_gap moves what is unsent to the buffer's beginning, once that is worth it.
static void close_gap(struct kp_conn_tls *tls)
{
	size_t unsent = kp_conn_tls_unsent(tls);
	if (tls->out_start < SEALED_MAX && tls->out_start < unsent)
		return;
	memmove(tls->out.data, tls->out.data + tls->out_start, unsent);
	tls->out.len = unsent;
	tls->out_start = 0;
}

kp_err kp_conn_tls_write(struct kp_conn *conn)
{
	struct kp_conn_tls *tls = conn->tls;
	size_t unsent = kp_conn_tls_unsent(tls), size = 0;
	if (unsent > 0)
		KP_TRY(kp_sock_write(conn->fd, tls->out.data + tls->out_start, unsent, &size));
	tls->out_start += size;
	if (size < unsent) {
		close_gap(tls);
		return KP_ERR_AGAIN;
	}
	kp_io_give_buf(conn->io, &tls->out);
	tls->out_start = 0;
	return KP_OK;
}

// --- events

static void open_up(struct kp_conn *conn)
{
	conn->state = KP_CONN_OPEN;
	if (conn->ops->on_open)
		conn->ops->on_open(conn);
	kp_conn_flush(conn);
}

// shake goes on with the handshake. Returns whether there is an agreement.
static bool shake(struct kp_conn *conn, struct kp_bytes in)
{
	kp_err err = shake_hands(conn, in);
	kp_err sent = kp_conn_tls_write(conn);
	if (err == KP_OK) {
		open_up(conn);
	} else if (err != KP_ERR_AGAIN) {
		kp_conn_close(conn, err == KP_ERR_NOMEM ? KP_CLOSE_NOMEM : KP_CLOSE_TLS);
	} else if (sent != KP_OK && sent != KP_ERR_AGAIN) {
		kp_conn_close(conn, KP_CLOSE_TLS);
	} else {
		kp_conn_watch(conn);
	}
	return conn->state == KP_CONN_OPEN;
}

// take_plain goes on without TLS: the first byte was none of it.
static void take_plain(struct kp_conn *conn, struct kp_bytes in)
{
	struct kp_block *block = kp_io_receiver(conn->io, KP_BLOCK_SIZE);
	if (!block) {
		kp_conn_close(conn, KP_CLOSE_NOMEM);
		return;
	}
	kp_conn_tls_free(conn->tls, conn->io);
	conn->tls = NULL;
	conn->state = KP_CONN_OPEN;
	struct kp_bytes bytes = {block->data + block->len, in.len};
	memcpy(block->data + block->len, in.ptr, in.len);
	struct kp_io *io = conn->io;
	kp_conn_hand_on(conn, bytes, block);
	kp_io_received(io, bytes.len);
}

// reason_of_tls_error: a peer that gives up before its first word has not accepted our handshake.
static enum kp_close_reason reason_of_tls_error(const struct kp_conn *conn, kp_err err)
{
	if (err == KP_ERR_CLOSED)
		return KP_CLOSE_BY_PEER;
	if (err == KP_ERR_DENIED)
		return conn->tls->is_proven ? KP_CLOSE_RESET : KP_CLOSE_TLS;
	return err == KP_ERR_NOMEM ? KP_CLOSE_NOMEM : KP_CLOSE_BAD_FRAME;
}

// open_some decrypts once and hands on what came out. Returns whether there may be more.
static bool open_some(struct kp_conn *conn, struct kp_bytes *in)
{
	struct kp_io *io = conn->io;
	struct kp_block *block = kp_io_receiver(io, in->len);
	struct kp_bytes bytes = {NULL, 0};
	kp_err err = KP_ERR_NOMEM;
	if (block) {
		bytes.ptr = block->data + block->len;
		err = open_sealed(conn, in, block->data + block->len, block->cap - block->len,
		                  &bytes.len);
	}
	if (err == KP_OK) {
		kp_conn_hand_on(conn, bytes, block);
		kp_io_received(io, bytes.len);
	} else if (err != KP_ERR_AGAIN) {
		kp_conn_close(conn, reason_of_tls_error(conn, err));
	}
	return err == KP_OK && conn->state == KP_CONN_OPEN;
}

// read_sealed is read_some for a connection with TLS.
static void read_sealed(struct kp_conn *conn)
{
	struct kp_bytes in = {NULL, 0};
	kp_err err = read_socket(conn, &in);
	if (err != KP_OK && err != KP_ERR_AGAIN && conn->state == KP_CONN_SHAKING) {
		kp_conn_close(conn, KP_CLOSE_TLS);
		return;
	}
	if (err != KP_OK) {
		kp_conn_on_read_error(conn, err);
		return;
	}
	if (!kp_conn_note_read(conn, in.len))
		return;
	if (is_plain(conn->tls, in)) {
		take_plain(conn, in);
		return;
	}
	if (conn->state == KP_CONN_SHAKING) {
		if (!shake(conn, in))
			return;
		in.len = 0;
	}
	while (open_some(conn, &in))
		continue;
	if (conn->state == KP_CONN_OPEN && kp_conn_unsent(conn) > 0)
		kp_conn_flush_soon(conn);
}

// write_hands writes what the handshake has to say.
static void write_hands(struct kp_conn *conn)
{
	kp_err err = kp_conn_tls_write(conn);
	if (err != KP_OK && err != KP_ERR_AGAIN)
		kp_conn_close(conn, KP_CLOSE_TLS);
	else
		kp_conn_watch(conn);
}

void kp_conn_tls_begin(struct kp_conn *conn)
{
	conn->state = KP_CONN_SHAKING;
	(void)shake(conn, (struct kp_bytes){NULL, 0});
}

void kp_conn_tls_on_ready(struct kp_conn *conn, unsigned events)
{
	if (conn->state == KP_CONN_SHAKING && (events & KP_WRITABLE))
		write_hands(conn);
	if (conn->state != KP_CONN_CLOSED && (events & KP_READABLE))
		read_sealed(conn);
}
