// accept.c - connections of a server: where they come from, where they go, when they end.
#include "rpc/server_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "rpc/cancel.h"
#include "rpc/conn_http.h"
#include "rpc/conn_tls.h"
#include "rpc/spread.h"

enum {
	ACCEPTS_PER_WAKE = 64,
	PAUSE_MS = 100, // of accepting, when descriptors have run out
};

// --- one connection

static void reap(struct kp_deferred *deferred)
{
	struct server_conn *conn = KP_CONTAINER(deferred, struct server_conn, reap);
	kp_list_remove(&conn->link);
	kp_free(conn->caller);
	kp_free(conn->http);
	kp_free(conn);
}

static void reap_if_done(struct server_conn *conn)
{
	if (conn->conn.state == KP_CONN_CLOSED && conn->calls == 0)
		kp_loop_defer(conn->loop->loop, &conn->reap);
}

void server_conn_unref_call(struct server_conn *conn)
{
	conn->calls--;
	if (KP_UNLIKELY(conn->conn.state == KP_CONN_CLOSED))
		reap_if_done(conn);
	else if (KP_UNLIKELY(conn->loop->is_draining) && conn->calls == 0 && !conn->takes_notices)
		kp_conn_finish(&conn->conn);
}

static void on_read(struct kp_conn *base, size_t size)
{
	struct server_conn *conn = KP_CONTAINER(base, struct server_conn, conn);
	server_on_wake(conn->loop);
	if (KP_LIKELY(size >= KP_TINY_READ))
		conn->tiny_reads = 0;
	else
		server_on_dribble(conn);
	conn->active_ns = conn->loop->checked_ns;
	kp_list_remove(&conn->link);
	kp_list_push(&conn->loop->conns, &conn->link);
	server_sources_charge(conn);
}

// count and uncount keep the numbers by which connections are limited and spread.
static void count(struct adapter_loop *adapter)
{
	__atomic_fetch_add(&adapter->loop->conn_count, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&adapter->adapter->conn_count, 1, __ATOMIC_RELAXED);
}

static void uncount(struct adapter_loop *adapter)
{
	__atomic_fetch_sub(&adapter->loop->conn_count, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&adapter->adapter->conn_count, 1, __ATOMIC_RELAXED);
}

// count_bytes tells the adapter's counters what has gone over a connection since the last time.
static void count_bytes(struct server_conn *conn)
{
	struct kp_adapter_stats *stats = &conn->adapter->stats;
	KP_COUNT(stats->bytes_in, conn->conn.received - conn->received_counted);
	KP_COUNT(stats->bytes_out, conn->conn.written - conn->written_counted);
	conn->received_counted = conn->conn.received;
	conn->written_counted = conn->conn.written;
}

static void count_close(struct kp_adapter_stats *stats, enum kp_close_reason reason)
{
	switch (reason) {
	case KP_CLOSE_BY_PEER:
		KP_COUNT(stats->closed_by_peer, 1);
		break;
	case KP_CLOSE_RESET:
		KP_COUNT(stats->closed_reset, 1);
		break;
	case KP_CLOSE_BAD_FRAME:
		KP_COUNT(stats->closed_bad_frame, 1);
		break;
	case KP_CLOSE_OVERSIZED:
		KP_COUNT(stats->closed_oversized, 1);
		break;
	case KP_CLOSE_SLOW_READER:
		KP_COUNT(stats->closed_slow_reader, 1);
		break;
	case KP_CLOSE_IDLE:
		KP_COUNT(stats->closed_idle, 1);
		break;
	case KP_CLOSE_SILENT:
		KP_COUNT(stats->closed_silent, 1);
		break;
	case KP_CLOSE_BANNED:
		KP_COUNT(stats->closed_banned, 1);
		break;
	case KP_CLOSE_DENIED:
		KP_COUNT(stats->closed_denied, 1);
		break;
	case KP_CLOSE_TLS:
		KP_COUNT(stats->closed_tls, 1);
		break;
	case KP_CLOSE_BY_US:
	case KP_CLOSE_CONNECT:
	case KP_CLOSE_NOMEM:
		break;
	}
}

static void on_close(struct kp_conn *base, enum kp_close_reason reason)
{
	struct server_conn *conn = KP_CONTAINER(base, struct server_conn, conn);
	struct server_loop *loop = conn->loop;
	struct kp_adapter_stats *stats = &conn->adapter->stats;
	count_close(stats, reason);
	KP_COUNT(stats->connections_open, -1);
	count_bytes(conn);
	uncount(conn->adapter);
	server_sources_leave(conn, reason);
	server_end_pushes(conn);
	kp_list_remove(&conn->dribble_link);
	kp_list_remove(&conn->link);
	kp_list_push(&loop->dead, &conn->link);
	server_cancel_all(conn);
	reap_if_done(conn);
}

static void on_wait(struct kp_conn *base)
{
	server_on_wait(KP_CONTAINER(base, struct server_conn, conn)->loop);
}

static const struct kp_conn_ops conn_ops = {
        .on_read = on_read,
        .on_frame = server_on_frame,
        .on_wait = on_wait,
        .on_close = on_close,
};

static void on_proof(struct kp_conn *base, struct kp_bytes packet, struct kp_block *block)
{
	if (server_auth_accepts(KP_CONTAINER(base, struct server_conn, conn), packet))
		base->ops = &conn_ops;
	else
		kp_conn_close(base, KP_CLOSE_DENIED);
}

// The connection has yet to prove that it knows the access key.
static const struct kp_conn_ops unproven_ops = {
        .on_read = on_read,
        .on_frame = on_proof,
        .on_wait = on_wait,
        .on_close = on_close,
};

static kp_err open_conn(struct server_conn *conn, int fd)
{
	const struct adapter *adapter = conn->adapter->adapter;
	struct kp_io *io = &conn->loop->io;
	if (KP_LIKELY(!adapter->tls))
		return kp_conn_open(&conn->conn, io, fd, KP_CONN_OPEN);
	kp_err err =
	        kp_conn_tls_new(adapter->tls, NULL, NULL, adapter->may_be_plain, &conn->conn.tls);
	if (err == KP_OK)
		return kp_conn_open(&conn->conn, io, fd, KP_CONN_SHAKING);
	kp_sock_close(fd);
	return err;
}

static kp_err add_conn(struct adapter_loop *adapter, int fd, const struct kp_address *peer)
{
	struct server_loop *loop = adapter->loop;
	struct server_conn *conn = loop->is_draining ? NULL : kp_new(struct server_conn);
	if (!conn) {
		kp_sock_close(fd);
		return KP_ERR_NOMEM;
	}
	*conn = (struct server_conn){
	        .conn = {.ops = &conn_ops,
	                 .peer = *peer,
	                 .may_pause = true,
	                 .on_bytes = adapter->adapter->options.no_http ? NULL : server_http_sniff,
	                 .frame_size_max = adapter->adapter->options.frame_size_max,
	                 .backlog_size_max = adapter->adapter->options.backlog_size_max},
	        .loop = loop,
	        .adapter = adapter,
	        .opened_ns = kp_loop_now(loop->loop),
	        .active_ns = kp_loop_now(loop->loop),
	        .reap = {.run = reap},
	};
	char host[KP_ADDRESS_TEXT_MAX];
	kp_address_host(peer, host);
	conn->caller_key = kp_limiter_caller_key(&adapter->limiter, host, strlen(host));
	kp_list_init(&conn->unfinished);
	kp_list_init(&conn->pushes);
	if (KP_UNLIKELY(adapter->adapter->access_key != NULL)) {
		conn->conn.ops = &unproven_ops;
		conn->conn.on_bytes = NULL; // HTTP knows no such proof
	}
	server_sources_join(conn);
	kp_err err = open_conn(conn, fd);
	if (err != KP_OK) {
		kp_conn_tls_free(conn->conn.tls, &loop->io);
		kp_free(conn);
		return err;
	}
	kp_list_push(&loop->conns, &conn->link);
	KP_COUNT(adapter->stats.connections_accepted, 1);
	KP_COUNT(adapter->stats.connections_open, 1);
	return KP_OK;
}

// --- accepting

// handover carries a new connection to the loop that will own it.
struct handover {
	struct kp_task task;
	struct adapter_loop *adapter;
	int fd;
	struct kp_address peer;
};

void server_adopt(struct adapter_loop *adapter, int fd, const struct kp_address *peer)
{
	count(adapter);
	if (add_conn(adapter, fd, peer) == KP_OK)
		return;
	uncount(adapter);
	server_sources_lose(adapter->adapter, peer);
}

static void on_handover(struct kp_task *task)
{
	struct handover *handover = KP_CONTAINER(task, struct handover, task);
	uncount(handover->adapter); // it was counted when it left
	server_adopt(handover->adapter, handover->fd, &handover->peer);
	kp_free(handover);
}

static struct server_loop *pick_loop(struct adapter_loop *acceptor)
{
	struct kp_server *server = acceptor->loop->server;
	struct spread_load loads[SERVER_LOOPS_MAX];
	for (int i = 0; i < server->loop_count; i++)
		loads[i] = (struct spread_load){
		        __atomic_load_n(&server->loops[i].conn_count, __ATOMIC_RELAXED),
		        __atomic_load_n(&server->loops[i].recent_calls, __ATOMIC_RELAXED)};
	size_t count = (size_t)server->loop_count;
	return &server->loops[spread_pick(loads, count, acceptor->turn++)];
}

static void hand_over(struct adapter_loop *acceptor, int fd, const struct kp_address *peer)
{
	struct server_loop *loop = pick_loop(acceptor);
	struct adapter_loop *adapter = &loop->adapters[acceptor->adapter->index];
	if (adapter == acceptor) {
		server_adopt(adapter, fd, peer);
		return;
	}
	count(adapter);
	struct handover *handover = kp_new(struct handover);
	if (!handover) {
		uncount(adapter);
		server_sources_lose(adapter->adapter, peer);
		kp_sock_close(fd);
		return;
	}
	*handover = (struct handover){{.run = on_handover}, adapter, fd, *peer};
	kp_loop_post(loop->loop, &handover->task);
}

static void on_pause_end(struct kp_timer *timer)
{
	struct adapter_loop *acceptor = KP_CONTAINER(timer, struct adapter_loop, pause);
	acceptor->is_paused = false;
	if (!acceptor->is_suspended)
		kp_watch_set(acceptor->watch, KP_READABLE);
}

void server_accept_suspend(struct adapter_loop *acceptor, bool is_suspended)
{
	acceptor->is_suspended = is_suspended;
	if (acceptor->watch && !acceptor->is_paused)
		kp_watch_set(acceptor->watch, is_suspended ? 0 : KP_READABLE);
}

bool server_accept_is_paused(const struct adapter_loop *acceptor)
{
	return acceptor->is_paused;
}

static void pause_accepting(struct adapter_loop *acceptor)
{
	struct kp_loop *loop = acceptor->loop->loop;
	acceptor->pause.on_timer = on_pause_end;
	if (kp_timer_start(loop, &acceptor->pause, kp_loop_now(loop) + PAUSE_MS * KP_NS_PER_MS) ==
	    KP_OK) {
		kp_watch_set(acceptor->watch, 0);
		acceptor->is_paused = true;
	}
}

static void on_acceptable(void *arg, unsigned events)
{
	struct adapter_loop *acceptor = arg;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
		int fd;
		struct kp_address peer;
		kp_err err = kp_sock_accept(acceptor->adapter->fd, &fd, &peer);
		if (err == KP_ERR_LIMIT || err == KP_ERR_NOMEM)
			pause_accepting(acceptor);
		if (err != KP_OK)
			return;
		if (!server_sources_accept(acceptor, &peer)) {
			kp_sock_close(fd);
			continue;
		}
		hand_over(acceptor, fd, &peer);
	}
}

kp_err server_accept_start(struct adapter_loop *adapter)
{
	return kp_watch_new(adapter->loop->loop, adapter->adapter->fd, KP_READABLE, on_acceptable,
	                    adapter, &adapter->watch);
}

void server_accept_stop(struct adapter_loop *adapter)
{
	kp_timer_stop(&adapter->pause);
	kp_watch_free(adapter->watch);
	adapter->watch = NULL;
}

void server_accept_end(struct adapter_loop *adapter)
{
	if (!adapter->watch)
		return;
	server_accept_stop(adapter);
	if (adapter->udp)
		return; // answers still go out through it
	kp_sock_unlisten(&adapter->adapter->address, adapter->adapter->fd);
	adapter->adapter->fd = -1;
}

// --- all connections of a loop

// is_idle also notes whether the peer has taken bytes since the last sweep.
static bool is_idle(struct server_conn *conn, int64_t now_ns)
{
	int64_t idle_ns = conn->adapter->adapter->idle_ns;
	if (conn->written_seen != conn->conn.written) {
		conn->written_seen = conn->conn.written;
		conn->active_ns = now_ns;
	}
	return idle_ns > 0 && now_ns - conn->active_ns >= idle_ns && conn->calls == 0;
}

// hangs_in_handshake: whoever wants TLS, or has something to prove, has to get there soon, however
// busy it looks.
static bool hangs_in_handshake(const struct server_conn *conn, int64_t now_ns)
{
	return (conn->conn.state == KP_CONN_SHAKING || conn->conn.ops == &unproven_ops) &&
	       now_ns - conn->opened_ns >= conn->adapter->adapter->shake_limit_ns;
}

// count_recent averages how many calls a loop has in a second, for those who deal out connections.
static void count_recent(struct server_loop *loop)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		sum += loop->adapters[i].stats.requests;
	uint64_t recent = (loop->recent_calls + sum - loop->calls_seen) / 2;
	__atomic_store_n(&loop->recent_calls, recent, __ATOMIC_RELAXED);
	loop->calls_seen = sum;
}

void server_sweep(struct server_loop *loop, int64_t now_ns)
{
	count_recent(loop);
	server_sources_sweep(loop, now_ns);
	KP_LIST_EACH (&loop->conns, link, following) {
		struct server_conn *conn = KP_CONTAINER(link, struct server_conn, link);
		count_bytes(conn);
		if (hangs_in_handshake(conn, now_ns)) {
			kp_conn_close(&conn->conn, conn->conn.state == KP_CONN_SHAKING
			                                   ? KP_CLOSE_TLS
			                                   : KP_CLOSE_DENIED);
			continue;
		}
		if (!is_idle(conn, now_ns))
			continue;
		bool is_stuck = kp_conn_unsent(&conn->conn) > 0;
		kp_conn_close(&conn->conn, is_stuck ? KP_CLOSE_SLOW_READER : KP_CLOSE_IDLE);
	}
}

// send_notice asks the client to open its next calls elsewhere and to hang up when it has all its
// answers.
static void send_notice(struct server_conn *conn)
{
	struct kp_response_packet notice = {.version = KP_PACKET_TARS,
	                                    .reason = kp_str("_reconnect_")};
	if (kp_response_packet_encode(kp_conn_out(&conn->conn), &notice) == KP_OK)
		kp_conn_flush_soon(&conn->conn);
	else
		kp_conn_close(&conn->conn, KP_CLOSE_NOMEM);
}

void server_drain_conns(struct server_loop *loop)
{
	KP_LIST_EACH (&loop->conns, link, following) {
		struct server_conn *conn = KP_CONTAINER(link, struct server_conn, link);
		if (conn->takes_notices)
			send_notice(conn);
		else if (conn->calls == 0)
			kp_conn_finish(&conn->conn);
	}
}

bool server_is_drained(const struct server_loop *loop)
{
	return loop->calls == 0 && kp_list_is_empty(&loop->conns);
}

bool server_has_unsent(const struct server_loop *loop)
{
	KP_LIST_EACH (&loop->conns, link, following) {
		if (kp_conn_unsent(&KP_CONTAINER(link, struct server_conn, link)->conn) > 0)
			return true;
	}
	return false;
}

void server_close_conns(struct server_loop *loop)
{
	KP_LIST_EACH (&loop->conns, link, following) {
		kp_conn_close(&KP_CONTAINER(link, struct server_conn, link)->conn, KP_CLOSE_BY_US);
	}
}

void server_reap_all(struct server_loop *loop)
{
	KP_LIST_EACH (&loop->dead, link, following) {
		struct server_conn *conn = KP_CONTAINER(link, struct server_conn, link);
		kp_loop_undefer(&conn->reap);
		reap(&conn->reap);
	}
}
