// conn.c - reading, finding frames, gathering and writing.
#include "rpc/conn.h"

#include "base/assert.h"
#include "rpc/conn_tls.h"
#include "tars/frame.h"

enum {
	PAUSE_SIZE = 1 << 20,            // unsent bytes above which we stop reading from the peer
	DIRECT_READ_MIN = KP_BLOCK_SIZE, // missing bytes of a frame above which it is read in place
	COMPACT_MIN = 64 << 10,
};

void kp_conn_watch(struct kp_conn *conn)
{
	size_t unsent = kp_conn_unsent(conn);
	if (unsent > PAUSE_SIZE)
		conn->is_paused = conn->may_pause;
	else if (unsent <= PAUSE_SIZE / 2)
		conn->is_paused = false;
	bool wants_write = unsent > 0 || conn->state == KP_CONN_CONNECTING;
	kp_watch_set(conn->watch, (conn->is_paused || conn->is_held ? 0 : KP_READABLE) |
	                                  (wants_write ? KP_WRITABLE : 0));
}

static void release_out(struct kp_conn *conn)
{
	kp_io_give_buf(conn->io, &conn->out);
	conn->out_start = 0;
}

// say_goodbye tells a peer that takes it at once that we have not been cut off.
static void say_goodbye(struct kp_conn *conn, enum kp_close_reason reason)
{
	bool is_ours = reason == KP_CLOSE_BY_US || reason == KP_CLOSE_IDLE;
	if (!is_ours || conn->state != KP_CONN_OPEN || kp_conn_unsent(conn) > 0)
		return;
	conn->closes_when_sent = true;
	if (kp_conn_tls_seal(conn) == KP_OK)
		(void)kp_conn_tls_write(conn);
}

void kp_conn_close(struct kp_conn *conn, enum kp_close_reason reason)
{
	if (conn->state == KP_CONN_CLOSED)
		return;
	if (KP_UNLIKELY(conn->tls != NULL))
		say_goodbye(conn, reason);
	conn->state = KP_CONN_CLOSED;
	kp_loop_undefer(&conn->flush);
	kp_watch_free(conn->watch);
	conn->watch = NULL;
	kp_sock_close(conn->fd);
	conn->fd = -1;
	if (conn->partial)
		kp_block_unref(conn->partial);
	conn->partial = NULL;
	release_out(conn);
	struct kp_conn_tls *tls = conn->tls;
	struct kp_io *io = conn->io;
	conn->ops->on_close(conn, reason);
	conn->tls = NULL;
	kp_conn_tls_free(tls, io);
}

// --- receiving

// is_tls tells whether bytes are an alert, or the first word, of somebody who speaks TLS.
static bool is_tls(struct kp_bytes bytes)
{
	return bytes.len > 1 && (bytes.ptr[0] == 0x15 || bytes.ptr[0] == 0x16) && bytes.ptr[1] == 3;
}

static enum kp_close_reason reason_of_frame_error(const struct kp_conn *conn, kp_err err,
                                                  struct kp_bytes bytes)
{
	if (conn->received == bytes.len && is_tls(bytes))
		return KP_CLOSE_TLS;
	return err == KP_ERR_LIMIT ? KP_CLOSE_OVERSIZED : KP_CLOSE_BAD_FRAME;
}

// keep_partial sets aside the beginning of a frame that is not complete yet.
static bool keep_partial(struct kp_conn *conn, struct kp_bytes bytes, size_t wanted)
{
	size_t cap = wanted < KP_PART_SIZE    ? KP_PART_SIZE
	             : wanted < KP_BLOCK_SIZE ? wanted
	                                      : KP_BLOCK_SIZE - 1;
	if (cap < bytes.len)
		cap = bytes.len;
	struct kp_block *block = kp_io_part(conn->io, cap);
	if (!block)
		return false;
	memcpy(block->data, bytes.ptr, bytes.len);
	block->len = bytes.len;
	conn->partial = block;
	conn->partial_wanted = wanted;
	return true;
}

// find_frames hands on every whole frame of the batch and keeps the rest. It returns early when a
// handler had to wait and another fiber has gone on meanwhile.
static void find_frames(struct kp_conn *conn, uint64_t serial)
{
	struct kp_batch *batch = &conn->io->batch;
	while (batch->rest.len > 0) {
		struct kp_bytes packet;
		size_t used = 0;
		kp_err err = kp_frame_find(batch->rest, conn->frame_size_max, &packet, &used);
		if (KP_UNLIKELY(err == KP_ERR_AGAIN)) {
			if (!keep_partial(conn, batch->rest, used))
				kp_conn_close(conn, KP_CLOSE_NOMEM);
			return;
		}
		if (KP_UNLIKELY(err != KP_OK)) {
			kp_conn_close(conn, reason_of_frame_error(conn, err, batch->rest));
			return;
		}
		batch->rest.ptr += used;
		batch->rest.len -= used;
		conn->ops->on_frame(conn, packet, batch->block);
		if (KP_UNLIKELY(batch->serial != serial || conn->state == KP_CONN_CLOSED))
			return;
	}
}

// deliver_partial hands on the set-aside frame when its last byte is there.
static void deliver_partial(struct kp_conn *conn)
{
	struct kp_block *block = conn->partial;
	struct kp_bytes packet, bytes = {block->data, block->len};
	size_t used = 0;
	kp_err err = kp_frame_find(bytes, conn->frame_size_max, &packet, &used);
	if (err == KP_ERR_AGAIN) {
		conn->partial_wanted = used;
		return;
	}
	if (err != KP_OK) {
		kp_conn_close(conn, reason_of_frame_error(conn, err, bytes));
		return;
	}
	conn->partial = NULL;
	conn->ops->on_frame(conn, packet, block);
	kp_block_unref(block);
}

static bool partial_has_room(struct kp_conn *conn, size_t size)
{
	struct kp_block *block = conn->partial;
	size_t need = block->len + size;
	if (need <= block->cap)
		return true;
	size_t cap = block->cap * 2 > need ? block->cap * 2 : need;
	if (cap > conn->partial_wanted)
		cap = conn->partial_wanted;
	return kp_block_grow(block, cap);
}

// top_up moves bytes of the batch to the set-aside frame until that is whole or nothing is left.
static void top_up(struct kp_conn *conn, uint64_t serial)
{
	struct kp_batch *batch = &conn->io->batch;
	while (conn->partial && batch->rest.len > 0) {
		size_t missing = conn->partial_wanted - conn->partial->len;
		size_t size = batch->rest.len < missing ? batch->rest.len : missing;
		if (!partial_has_room(conn, size)) {
			kp_conn_close(conn, KP_CLOSE_NOMEM);
			return;
		}
		memcpy(conn->partial->data + conn->partial->len, batch->rest.ptr, size);
		conn->partial->len += size;
		batch->rest.ptr += size;
		batch->rest.len -= size;
		if (conn->partial->len == conn->partial_wanted)
			deliver_partial(conn);
		if (batch->serial != serial || conn->state == KP_CONN_CLOSED)
			return;
	}
}

// take_batch hands on what was read, as far as this fiber gets.
static void take_batch(void *arg)
{
	struct kp_conn *conn = arg;
	struct kp_batch *batch = &conn->io->batch;
	uint64_t serial = batch->serial;
	if (conn->partial)
		top_up(conn, serial);
	if (batch->serial == serial && conn->state != KP_CONN_CLOSED)
		find_frames(conn, serial);
	if (batch->serial == serial)
		batch->is_done = true;
}

// take_on_fibers hands on what was read on as many fibers as there are handlers that wait.
static void take_on_fibers(struct kp_conn *conn)
{
	struct kp_batch *batch = &conn->io->batch;
	batch->is_on_fiber = true;
	while (!batch->is_done) {
		if (kp_loop_enter(conn->io->loop, take_batch, conn) != KP_OK)
			break;
		if (batch->is_done)
			break;
		batch->serial++;
		conn->ops->on_wait(conn);
	}
	batch->is_on_fiber = false;
	if (!batch->is_done) // there is no fiber for it: each call will be refused
		take_batch(conn);
}

void kp_conn_hand_on(struct kp_conn *conn, struct kp_bytes bytes, struct kp_block *block)
{
	if (KP_UNLIKELY(conn->on_bytes != NULL) && conn->on_bytes(conn, bytes))
		return;
	struct kp_batch *batch = &conn->io->batch;
	batch->rest = bytes;
	batch->block = block;
	batch->is_done = false;
	if (!conn->ops->on_wait) {
		take_batch(conn);
		return;
	}
	take_on_fibers(conn);
	if (kp_conn_unsent(conn) > 0) // what is answered need not wait for other connections
		kp_conn_flush(conn);
}

void kp_conn_on_read_error(struct kp_conn *conn, kp_err err)
{
	if (err == KP_ERR_AGAIN || conn->is_udp)
		return;
	bool is_reset = kp_sock_connected(conn->fd) != KP_OK || err != KP_ERR_CLOSED;
	kp_conn_close(conn, is_reset ? KP_CLOSE_RESET : KP_CLOSE_BY_PEER);
}

// kp_conn_note_read counts what came. Returns whether the connection is still open.
bool kp_conn_note_read(struct kp_conn *conn, size_t size)
{
	conn->received += size;
	if (conn->ops->on_read)
		conn->ops->on_read(conn, size);
	return conn->state != KP_CONN_CLOSED;
}

// read_in_place reads a large frame straight to where it stays.
static void read_in_place(struct kp_conn *conn)
{
	struct kp_block *block = conn->partial;
	size_t missing = conn->partial_wanted - block->len;
	size_t step = block->len > DIRECT_READ_MIN ? block->len : DIRECT_READ_MIN;
	if (block->cap == block->len && !partial_has_room(conn, missing < step ? missing : step)) {
		kp_conn_close(conn, KP_CLOSE_NOMEM);
		return;
	}
	size_t size;
	kp_err err =
	        kp_sock_read(conn->fd, block->data + block->len, block->cap - block->len, &size);
	if (err != KP_OK) {
		kp_conn_on_read_error(conn, err);
		return;
	}
	block->len += size;
	if (kp_conn_note_read(conn, size) && block->len == conn->partial_wanted)
		deliver_partial(conn);
}

static void read_datagram(struct kp_conn *conn, struct kp_bytes bytes, struct kp_block *block)
{
	struct kp_bytes packet;
	size_t used = 0;
	if (kp_frame_find(bytes, conn->frame_size_max, &packet, &used) == KP_OK &&
	    used == bytes.len)
		conn->ops->on_frame(conn, packet, block);
}

static void read_some(struct kp_conn *conn)
{
	if (conn->partial && conn->partial_wanted - conn->partial->len >= DIRECT_READ_MIN) {
		read_in_place(conn);
		return;
	}
	struct kp_block *block = kp_io_receiver(conn->io, conn->is_udp ? KP_BLOCK_SIZE : 0);
	if (!block) {
		kp_conn_close(conn, KP_CLOSE_NOMEM);
		return;
	}
	struct kp_bytes bytes = {block->data + block->len, 0};
	kp_err err = kp_sock_read(conn->fd, block->data + block->len, block->cap - block->len,
	                          &bytes.len);
	if (err != KP_OK) {
		kp_conn_on_read_error(conn, err);
		return;
	}
	size_t size = bytes.len;
	struct kp_io *io = conn->io;
	if (!kp_conn_note_read(conn, size))
		return;
	if (conn->is_udp)
		read_datagram(conn, bytes, block);
	else
		kp_conn_hand_on(conn, bytes, block);
	kp_io_received(io, size);
}

// --- sending

size_t kp_conn_unsent(const struct kp_conn *conn)
{
	size_t sealed = KP_UNLIKELY(conn->tls != NULL) ? kp_conn_tls_unsent(conn->tls) : 0;
	return conn->out.len - conn->out_start + sealed;
}

struct kp_buf *kp_conn_out(struct kp_conn *conn)
{
	if (!conn->out.data)
		conn->out = kp_io_take_buf(conn->io);
	return &conn->out;
}

static void compact(struct kp_conn *conn)
{
	if (conn->out_start < COMPACT_MIN || conn->out_start < conn->out.len / 2)
		return;
	size_t unsent = kp_conn_unsent(conn);
	memmove(conn->out.data, conn->out.data + conn->out_start, unsent);
	conn->out.len = unsent;
	conn->out_start = 0;
}

// write_datagrams sends each frame as a datagram of its own; what the kernel has no room for is
// lost, as UDP may.
static void write_datagrams(struct kp_conn *conn)
{
	struct kp_bytes bytes = {conn->out.data, conn->out.len};
	struct kp_bytes packet;
	size_t used, size;
	while (bytes.len > 0 && kp_frame_find(bytes, SIZE_MAX, &packet, &used) == KP_OK) {
		(void)kp_sock_write(conn->fd, bytes.ptr, used, &size);
		bytes.ptr += used;
		bytes.len -= used;
	}
	conn->written += conn->out.len;
	release_out(conn);
}

static void write_some(struct kp_conn *conn)
{
	size_t unsent = kp_conn_unsent(conn);
	size_t size = 0;
	kp_err err = kp_sock_write(conn->fd, conn->out.data + conn->out_start, unsent, &size);
	if (err != KP_OK && err != KP_ERR_AGAIN) {
		kp_conn_close(conn, KP_CLOSE_RESET);
		return;
	}
	conn->written += size;
	conn->out_start += size;
	if (size == unsent) {
		release_out(conn);
		return;
	}
	compact(conn);
	if (kp_conn_unsent(conn) > conn->backlog_size_max)
		kp_conn_close(conn, KP_CLOSE_SLOW_READER);
}

// write_sealed is write_some for a connection with TLS.
static void write_sealed(struct kp_conn *conn)
{
	kp_err err = kp_conn_tls_seal(conn);
	if (err == KP_OK)
		err = kp_conn_tls_write(conn);
	if (err != KP_OK && err != KP_ERR_AGAIN)
		kp_conn_close(conn, err == KP_ERR_NOMEM ? KP_CLOSE_NOMEM : KP_CLOSE_RESET);
	else if (kp_conn_unsent(conn) > conn->backlog_size_max)
		kp_conn_close(conn, KP_CLOSE_SLOW_READER);
}

void kp_conn_flush(struct kp_conn *conn)
{
	if (conn->state != KP_CONN_OPEN)
		return;
	kp_loop_undefer(&conn->flush);
	if (conn->out.err != KP_OK) {
		kp_conn_close(conn, KP_CLOSE_NOMEM);
		return;
	}
	if (KP_UNLIKELY(conn->tls != NULL)) {
		write_sealed(conn);
	} else if (kp_conn_unsent(conn) > 0) {
		if (conn->is_udp)
			write_datagrams(conn);
		else
			write_some(conn);
	}
	if (conn->state != KP_CONN_OPEN)
		return;
	if (conn->closes_when_sent && kp_conn_unsent(conn) == 0) {
		kp_conn_close(conn, KP_CLOSE_BY_US);
		return;
	}
	if (conn->is_write_shut && kp_conn_unsent(conn) == 0)
		kp_sock_shutdown_write(conn->fd);
	kp_conn_watch(conn);
}

static void on_flush(struct kp_deferred *deferred)
{
	kp_conn_flush(KP_CONTAINER(deferred, struct kp_conn, flush));
}

void kp_conn_flush_soon(struct kp_conn *conn)
{
	if (conn->state == KP_CONN_CLOSED)
		return;
	if (KP_UNLIKELY(kp_conn_unsent(conn) > conn->backlog_size_max))
		kp_conn_flush(conn);
	else
		kp_loop_defer(conn->io->loop, &conn->flush);
}

void kp_conn_hold(struct kp_conn *conn, bool is_held)
{
	if (conn->state != KP_CONN_OPEN || conn->is_held == is_held)
		return;
	conn->is_held = is_held;
	kp_conn_watch(conn);
}

void kp_conn_finish(struct kp_conn *conn)
{
	if (conn->is_write_shut)
		return;
	conn->is_write_shut = true;
	kp_conn_flush_soon(conn);
}

void kp_conn_end(struct kp_conn *conn)
{
	conn->closes_when_sent = true;
	if (conn->state == KP_CONN_OPEN)
		kp_loop_defer(conn->io->loop, &conn->flush);
	else
		kp_conn_close(conn, KP_CLOSE_BY_US);
}

// --- life

// is_own_end tells whether a socket is connected to itself, as happens on the loopback when nobody
// listens on a port and the kernel picks that very port for our end.
static bool is_own_end(const struct kp_conn *conn)
{
	struct kp_address local;
	return !conn->is_udp && kp_sock_local(conn->fd, &local) == KP_OK &&
	       local.len == conn->peer.len &&
	       memcmp(&local.storage, &conn->peer.storage, local.len) == 0;
}

static void on_connected(struct kp_conn *conn)
{
	if (kp_sock_connected(conn->fd) != KP_OK || is_own_end(conn)) {
		kp_conn_close(conn, KP_CLOSE_CONNECT);
		return;
	}
	if (conn->tls) {
		kp_conn_tls_begin(conn);
		return;
	}
	conn->state = KP_CONN_OPEN;
	if (conn->ops->on_open)
		conn->ops->on_open(conn);
	if (conn->state == KP_CONN_OPEN)
		kp_conn_flush(conn);
}

static void on_ready(void *arg, unsigned events)
{
	struct kp_conn *conn = arg;
	if (conn->state == KP_CONN_CONNECTING) {
		on_connected(conn);
		return;
	}
	if (events & KP_WRITABLE)
		kp_conn_flush(conn);
	if (KP_UNLIKELY(conn->tls != NULL)) {
		kp_conn_tls_on_ready(conn, events);
		return;
	}
	if (conn->state == KP_CONN_OPEN && (events & KP_READABLE))
		read_some(conn);
}

kp_err kp_conn_open(struct kp_conn *conn, struct kp_io *io, int fd, enum kp_conn_state state)
{
	kp_assert(conn->ops && conn->frame_size_max > 0);
	conn->io = io;
	conn->fd = fd;
	conn->state = state;
	conn->flush.run = on_flush;
	unsigned events = state == KP_CONN_CONNECTING ? KP_WRITABLE : KP_READABLE;
	kp_err err = kp_watch_new(io->loop, fd, events, on_ready, conn, &conn->watch);
	if (err != KP_OK) {
		kp_sock_close(fd);
		conn->fd = -1;
		conn->state = KP_CONN_CLOSED;
	}
	return err;
}
