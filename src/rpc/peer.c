// peer.c - a client's connections.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "os/clock.h"
#include "rpc/auth.h"
#include "rpc/conn_tls.h"
#include "tars/quick_answer.h"

static const size_t client_backlog_max = (size_t)256 << 20;
static const int64_t silence_max_ns = KP_NS_PER_S;

struct peer *peer_find(struct client_loop *loop, const struct target *target)
{
	char name[KP_TARGET_NAME_MAX];
	target_name(target, name);
	struct peer *peer = kp_map_get(&loop->peers, kp_str(name));
	if (peer)
		return peer;
	peer = kp_new(struct peer);
	if (!peer)
		return NULL;
	peer->loop = loop;
	peer->target = *target;
	peer->record = record_ref(loop->client, target);
	if (peer->record && kp_map_set(&loop->peers, kp_str(name), peer) == KP_OK)
		return peer;
	if (peer->record)
		record_unref(loop->client, peer->record);
	kp_free(peer);
	return NULL;
}

// retire lets a connection finish its requests and then hang up.
static void retire(struct client_conn *conn)
{
	client_tls_keep_ticket(conn);
	if (conn->peer && conn->peer->conn == conn)
		conn->peer->conn = NULL;
	conn->peer = NULL;
	client_conn_settle(conn);
}

void peer_leave(struct peer *peer)
{
	if (--peer->routes > 0)
		return;
	if (peer->conn)
		retire(peer->conn);
	kp_map_remove(&peer->loop->peers, kp_str(peer->record->name));
	record_unref(peer->loop->client, peer->record);
	kp_tls_ticket_free(peer->ticket);
	kp_free(peer);
}

// --- events of a connection

static void reap(struct kp_deferred *deferred)
{
	struct client_conn *conn = KP_CONTAINER(deferred, struct client_conn, reap);
	struct client_loop *loop = conn->loop;
	kp_list_remove(&conn->link);
	kp_free(conn);
	client_loop_let_go(loop);
}

static void say_hello(struct client_conn *conn)
{
	struct kp_link *first = kp_list_first(&conn->requests);
	if (first && !conn->conn.is_udp)
		client_say_hello(conn,
		                 KP_CONTAINER(first, struct kp_request, link)->route->proxy->name);
}

static void make_ready(struct client_conn *conn)
{
	struct kp_conn *base = &conn->conn;
	kp_timer_stop(&conn->opening);
	conn->is_ready = true;
	say_hello(conn);
	KP_LIST_EACH (&conn->requests, link, following) {
		request_write(KP_CONTAINER(link, struct kp_request, link), conn);
		if (base->state != KP_CONN_OPEN)
			return; // and all its requests have gone elsewhere
	}
	client_conn_settle(conn);
}

static void on_open(struct kp_conn *base)
{
	struct client_conn *conn = KP_CONTAINER(base, struct client_conn, conn);
	if (KP_UNLIKELY(conn->owner > 0 && !base->is_udp))
		client_auth_start(conn); // the limit for connecting includes the answer to it
	else
		make_ready(conn);
}

static void on_proof_answered(struct client_conn *conn, const struct kp_response_packet *packet)
{
	if (!auth_is_accepted(packet)) {
		kp_conn_close(&conn->conn, KP_CLOSE_DENIED);
		return;
	}
	conn->is_proving = false;
	make_ready(conn);
}

static bool is_notice(const struct kp_response_packet *packet)
{
	return kp_str_equal(packet->reason, kp_str("_reconnect_"));
}

static void on_frame(struct kp_conn *base, struct kp_bytes bytes, struct kp_block *block)
{
	struct client_conn *conn = KP_CONTAINER(base, struct client_conn, conn);
	struct kp_response_packet packet;
	if (KP_UNLIKELY(!kp_quick_answer_read(bytes, &packet)) &&
	    kp_response_packet_decode(bytes, NULL, &packet) != KP_OK) {
		kp_conn_close(base, KP_CLOSE_BAD_FRAME);
		return;
	}
	if (KP_UNLIKELY(!conn->is_ready)) {
		on_proof_answered(conn, &packet);
		return;
	}
	conn->heard_at = base->received;
	conn->heard_ns = kp_loop_now(conn->loop->loop);
	if (KP_LIKELY(conn->peer != NULL))
		kp_evidence_note(&conn->peer->record->evidence,
		                 KP_LIKELY(packet.ret == 0) ? KP_OUTCOME_GOOD
		                                            : outcome_of_ret(packet.ret),
		                 conn->heard_ns, &conn->loop->dice);
	if (KP_UNLIKELY(packet.request_id == 0 || packet.request_id == KP_HELLO_ID)) {
		if (is_notice(&packet))
			retire(conn);
		else
			client_on_notice(conn, &packet, block);
		return;
	}
	struct kp_batch *batch = &conn->loop->io.batch;
	uint64_t serial = batch->serial;
	request_answered(conn->loop, conn, &packet, block);
	if (KP_LIKELY(batch->serial == serial)) // else a callback has waited: on_wait was there
		client_conn_settle(conn);
}

// on_wait does for a callback that waits what on_frame does not get to any more.
static void on_wait(struct kp_conn *base)
{
	client_conn_settle(KP_CONTAINER(base, struct client_conn, conn));
}

// replace_if_dead lets go of a connection on which nothing has come for long although it should
// have: maybe only this side still knows of it. What comes next opens another one; what is in
// flight stays.
static void replace_if_dead(struct client_conn *conn, int64_t since_ns)
{
	if (conn->silent_at != conn->conn.received || conn->silent_ns == 0) {
		conn->silent_at = conn->conn.received;
		conn->silent_ns = since_ns;
	}
	if (kp_clock_ns() - conn->silent_ns >= silence_max_ns)
		retire(conn);
}

void peer_on_silence(struct client_conn *conn, int64_t since_ns, bool is_silent)
{
	struct peer *peer = conn->peer;
	// A lost datagram is no sign of an illness.
	bool is_broken = is_silent && !conn->conn.is_udp;
	peer_on_fault(peer, is_broken ? KP_OUTCOME_BROKEN : KP_OUTCOME_LATE);
	if (is_broken)
		replace_if_dead(conn, since_ns);
}

static bool is_fault(const struct client_conn *conn, enum kp_close_reason reason)
{
	if (reason == KP_CLOSE_BY_US || reason == KP_CLOSE_NOMEM)
		return false;
	// An orderly end is no fault unless it leaves requests without an answer.
	return reason != KP_CLOSE_BY_PEER || !kp_list_is_empty(&conn->requests);
}

static void on_close(struct kp_conn *base, enum kp_close_reason reason)
{
	struct client_conn *conn = KP_CONTAINER(base, struct client_conn, conn);
	struct client_loop *loop = conn->loop;
	kp_timer_stop(&conn->opening);
	struct peer *peer = conn->peer;
	conn->is_ready = false;
	if (conn->is_proving && (reason == KP_CLOSE_BY_PEER || reason == KP_CLOSE_RESET))
		reason = KP_CLOSE_DENIED;
	client_tls_keep_ticket(conn);
	if (peer && peer->conn == conn)
		peer->conn = NULL;
	if (peer && is_fault(conn, reason))
		peer_on_fault(peer, KP_OUTCOME_BROKEN);
	conn->peer = NULL;
	kp_loop_defer(loop->loop, &conn->reap);
	for (struct kp_link *link; (link = kp_list_pop(&conn->requests)) != NULL;)
		request_lost(KP_CONTAINER(link, struct kp_request, link), conn, reason);
}

static const struct kp_conn_ops conn_ops = {
        .on_open = on_open,
        .on_frame = on_frame,
        .on_wait = on_wait,
        .on_close = on_close,
};

// --- opening

// close_unopened ends a connection that has no socket yet.
static void close_unopened(struct client_conn *conn, enum kp_close_reason reason)
{
	kp_resolve_cancel(conn->resolve);
	conn->resolve = NULL;
	conn->is_new = false;
	conn->conn.state = KP_CONN_CLOSED;
	on_close(&conn->conn, reason);
	kp_conn_tls_free(conn->conn.tls, &conn->loop->io);
	conn->conn.tls = NULL;
}

static void end(struct client_conn *conn, enum kp_close_reason reason)
{
	if (conn->is_new)
		close_unopened(conn, reason);
	else
		kp_conn_close(&conn->conn, reason);
}

static void on_opening_timer(struct kp_timer *timer)
{
	end(KP_CONTAINER(timer, struct client_conn, opening), KP_CLOSE_CONNECT);
}

static void on_hang_up_timer(struct kp_timer *timer)
{
	end(KP_CONTAINER(timer, struct client_conn, opening), KP_CLOSE_BY_US);
}

void client_conn_settle(struct client_conn *conn)
{
	struct kp_conn *base = &conn->conn;
	if (KP_LIKELY(conn->peer != NULL) || !kp_list_is_empty(&conn->requests) ||
	    base->state == KP_CONN_CLOSED || base->closes_when_sent)
		return;
	// One-way requests may still be on their way out.
	conn->opening.on_timer = on_hang_up_timer;
	int64_t limit_ns = client_connect_timeout(conn->loop->client) * (int64_t)KP_NS_PER_MS;
	if (base->state == KP_CONN_OPEN && kp_conn_unsent(base) > 0 &&
	    kp_timer_start(conn->loop->loop, &conn->opening, kp_clock_ns() + limit_ns) == KP_OK)
		kp_conn_end(base);
	else
		end(conn, KP_CLOSE_BY_US);
}

static kp_err open_socket(struct client_conn *conn, const struct kp_address *address)
{
	int fd = -1;
	conn->conn.peer = *address;
	kp_err err = kp_sock_connect(address, conn->conn.is_udp, &fd);
	if (err == KP_OK)
		err = kp_conn_open(&conn->conn, &conn->loop->io, fd, KP_CONN_CONNECTING);
	if (err == KP_OK)
		conn->is_new = false;
	return err;
}

// is_own_lack: what we have run out of says nothing about the endpoint.
static bool is_own_lack(kp_err err)
{
	return err == KP_ERR_LIMIT || err == KP_ERR_NOMEM;
}

static void on_resolved(void *arg, kp_err err, const struct kp_address *address)
{
	struct client_conn *conn = arg;
	conn->resolve = NULL;
	if (err == KP_OK)
		err = open_socket(conn, address);
	if (err != KP_OK)
		close_unopened(conn, is_own_lack(err) ? KP_CLOSE_NOMEM : KP_CLOSE_CONNECT);
}

static void on_refused(struct kp_timer *timer)
{
	close_unopened(KP_CONTAINER(timer, struct client_conn, opening), KP_CLOSE_CONNECT);
}

static void on_no_tls(struct kp_timer *timer)
{
	close_unopened(KP_CONTAINER(timer, struct client_conn, opening), KP_CLOSE_TLS);
}

static kp_err start_opening(struct client_conn *conn)
{
	struct kp_loop *loop = conn->loop->loop;
	const struct target *target = &conn->peer->target;
	struct kp_address address;
	int64_t limit_ns = client_connect_timeout(conn->loop->client) * (int64_t)KP_NS_PER_MS;
	conn->opening.on_timer = on_opening_timer;
	kp_err err = kp_timer_start(loop, &conn->opening, kp_clock_ns() + limit_ns);
	if (err == KP_OK && target->is_tls)
		err = client_tls_start(conn);
	if (err != KP_OK && err != KP_ERR_NOMEM) {
		conn->opening.on_timer = on_no_tls;
		return kp_timer_start(loop, &conn->opening, 0);
	}
	if (err != KP_OK)
		return err;
	if (kp_address_parse(target->host, target->port, &address) != KP_OK)
		return kp_resolve_start(loop, target->host, target->port, on_resolved, conn,
		                        &conn->resolve);
	err = open_socket(conn, &address);
	if (err == KP_OK || is_own_lack(err))
		return err;
	// Refused on the spot: told like any other failure, later, so that nobody is called back
	// inside a call.
	conn->opening.on_timer = on_refused;
	return kp_timer_start(loop, &conn->opening, 0);
}

struct client_conn *peer_conn(struct peer *peer)
{
	if (KP_LIKELY(peer->conn != NULL))
		return peer->conn;
	struct client_loop *loop = peer->loop;
	struct client_conn *conn = kp_new(struct client_conn);
	if (!conn)
		return NULL;
	*conn = (struct client_conn){
	        .conn = {.ops = &conn_ops,
	                 .is_udp = peer->target.is_udp,
	                 .state = KP_CONN_CONNECTING,
	                 .fd = -1,
	                 .io = &loop->io,
	                 .frame_size_max = loop->client->frame_size_max,
	                 .backlog_size_max = client_backlog_max},
	        .loop = loop,
	        .peer = peer,
	        .owner = peer->target.owner,
	        .reap = {.run = reap},
	        .is_new = true,
	};
	kp_list_init(&conn->requests);
	if (start_opening(conn) != KP_OK) {
		kp_timer_stop(&conn->opening);
		kp_conn_tls_free(conn->conn.tls, &loop->io);
		kp_free(conn);
		return NULL;
	}
	kp_list_push(&loop->conns, &conn->link);
	peer->conn = conn;
	return conn;
}

void client_conns_close(struct client_loop *loop)
{
	KP_LIST_EACH (&loop->conns, link, following) {
		struct client_conn *conn = KP_CONTAINER(link, struct client_conn, link);
		end(conn, KP_CLOSE_BY_US);
	}
}

void client_conns_free(struct client_loop *loop)
{
	KP_LIST_EACH (&loop->conns, dead, next_dead) {
		struct client_conn *conn = KP_CONTAINER(dead, struct client_conn, link);
		kp_loop_undefer(&conn->reap);
		reap(&conn->reap);
	}
}
