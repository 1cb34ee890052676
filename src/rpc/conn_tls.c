// conn_tls.c - sealing, opening and shaking hands on a connection.
#include "rpc/conn_tls.h"

#include "base/mem.h"
#include "base/try.h"

enum {
	SEALED_MAX = 1 << 20,  // above it plain bytes wait: the peer may never take them
	HANDSHAKE_BYTE = 0x16, // that every TLS connection begins with
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

bool kp_conn_tls_is_plain(const struct kp_conn_tls *tls, struct kp_bytes in)
{
	return tls->may_be_plain && !tls->session && in.len > 0 && in.ptr[0] != HANDSHAKE_BYTE;
}

// --- receiving

kp_err kp_conn_tls_read(struct kp_conn *conn, struct kp_bytes *ret)
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

kp_err kp_conn_tls_shake(struct kp_conn *conn, struct kp_bytes in)
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

kp_err kp_conn_tls_open(struct kp_conn *conn, struct kp_bytes *in, uint8_t *data, size_t size,
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
