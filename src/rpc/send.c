// send.c - from a request to a connection, and from there elsewhere when that breaks.
#include "rpc/client_internal.h"

#include "os/clock.h"
#include "tars/quick_write.h"

enum {
	PROBE_TIMEOUT_NS = 1000 * KP_NS_PER_MS,
};

// --- what is on its way to one endpoint

// oneways_waiting also forgets what has left meanwhile. Of a buffer that never runs empty it sees
// but two parts, so it may say too much, never too little.
static int oneways_waiting(struct client_conn *conn)
{
	struct oneway_tally *tally = &conn->oneways;
	while (tally->parts[0].count > 0 && conn->conn.written >= tally->parts[0].end) {
		tally->parts[0] = tally->parts[1];
		tally->parts[1].count = 0;
	}
	return tally->unwritten + tally->parts[0].count + tally->parts[1].count;
}

static void note_oneway(struct client_conn *conn)
{
	struct oneway_tally *tally = &conn->oneways;
	struct oneway_part *part = &tally->parts[tally->parts[0].count > 0];
	part->count++;
	part->end = kp_conn_offset(&conn->conn);
	tally->unwritten--;
}

// is_writable tells whether the kernel has taken all that it was offered.
static bool is_writable(const struct client_conn *conn)
{
	return conn->is_ready && conn->conn.state == KP_CONN_OPEN &&
	       (kp_conn_unsent(&conn->conn) == 0 ||
	        (conn->conn.out_start == 0 && kp_link_is_in_list(&conn->conn.flush.link)));
}

// admit_oneway keeps one-way calls, which nobody waits for, from piling up without end.
static kp_err admit_oneway(const struct kp_request *request, struct client_conn *conn)
{
	int max = policy_oneway_max(request->route->proxy);
	if (max < 0)
		return is_writable(conn) ? KP_OK : KP_ERR_AGAIN;
	return oneways_waiting(conn) < max ? KP_OK : KP_ERR_OVERLOAD;
}

// --- writing

// add_travel says what the next hop should know beside the arguments.
static void add_travel(const struct kp_request *request, int64_t left_ns,
                       struct kp_request_packet *packet)
{
	struct kp_pairs *pairs = &request->loop->travel;
	struct kp_travel travel = kp_travel_none();
	if (request->tells_deadline)
		travel.left_us = left_ns / 1000;
	if (request->priority != KP_PRIORITY_DEFAULT)
		travel.priority = request->priority;
	travel.is_retry = request->is_retry;
	char text[KP_TRAVEL_TEXT_MAX];
	struct kp_str value = {text, kp_travel_format(&travel, text)};
	kp_pairs_clear(pairs);
	if (kp_pairs_add(pairs, kp_str(KP_TRAVEL_KEY), value) == KP_OK) // else it goes without
		packet->status = kp_pairs_map(pairs);
}

static inline int32_t timeout_ms_of(int64_t left_ns)
{
	int64_t left_ms = (left_ns + KP_NS_PER_MS - 1) / KP_NS_PER_MS;
	return left_ms > INT32_MAX ? INT32_MAX : (int32_t)left_ms;
}

static inline struct kp_request_packet describe(const struct kp_request *request)
{
	return (struct kp_request_packet){
	        .version = KP_PACKET_TARS,
	        .request_id = request->id,
	        .servant = request->route->proxy->name,
	        .function = request->function,
	};
}

// encode_fully writes what is not an ordinary request.
static __attribute__((noinline)) kp_err encode_fully(const struct kp_request *request,
                                                     struct kp_buf *out, int64_t left_ns)
{
	// A hedge carries what its first request carries.
	const struct kp_request *source = request->kind == REQUEST_HEDGE ? request->other : request;
	struct kp_request_packet packet = describe(request);
	packet.packet_type = request->kind == REQUEST_ONEWAY ? KP_PACKET_ONEWAY : KP_PACKET_NORMAL;
	packet.body = kp_buf_bytes(&source->body);
	packet.timeout_ms = timeout_ms_of(left_ns);
	packet.context = kp_pairs_map(request_context(source));
	if (request_travels(request))
		add_travel(request, left_ns, &packet);
	return kp_request_packet_encode(out, &packet);
}

static inline bool encode_plain(const struct kp_request *request, struct kp_buf *out,
                                int64_t left_ns)
{
	struct kp_request_packet packet = describe(request);
	packet.body = kp_buf_bytes(&request->body);
	packet.timeout_ms = timeout_ms_of(left_ns);
	return kp_quick_request_write(out, &packet);
}

static inline kp_err encode(const struct kp_request *request, struct kp_buf *out, int64_t left_ns)
{
	if (KP_LIKELY(request->is_plain) && KP_LIKELY(encode_plain(request, out, left_ns)))
		return KP_OK;
	return encode_fully(request, out, left_ns);
}

void request_write(struct kp_request *request, struct client_conn *conn)
{
	int64_t left_ns = request->deadline_ns - kp_loop_now(request->loop->loop);
	if (KP_UNLIKELY(left_ns <= 0)) { // nobody would wait for the answer
		request_fail(request, KP_ERR_TIMEOUT, "there was no time left to send it");
		return;
	}
	struct kp_buf *out = kp_conn_out(&conn->conn);
	request->offset = kp_conn_offset(&conn->conn);
	kp_err err = encode(request, out, left_ns);
	if (KP_UNLIKELY(err != KP_OK)) {
		out->err = KP_OK; // what others have put there is whole
		request_fail(request, err, "the request cannot be sent: %s", kp_err_text(err));
		return;
	}
	request->heard = conn->conn.received;
	request->is_written = true;
	if (KP_UNLIKELY(request->kind == REQUEST_ONEWAY)) {
		note_oneway(conn);
		request_finish(request, KP_OK);
	}
	kp_conn_flush_soon(&conn->conn);
}

static void send_on(struct kp_request *request, struct client_conn *conn)
{
	request->conn = conn;
	request->is_written = false;
	if (KP_UNLIKELY(request->kind == REQUEST_ONEWAY)) {
		kp_err err = admit_oneway(request, conn);
		if (err != KP_OK) {
			request->conn = NULL;
			request_finish(request, err);
			return;
		}
		conn->oneways.unwritten++;
	}
	kp_list_push(&conn->requests, &request->link);
	if (KP_LIKELY(conn->is_ready))
		request_write(request, conn);
}

void request_leave(struct kp_request *request)
{
	struct client_conn *conn = request->conn;
	kp_list_remove(&request->link);
	route_end(request, KP_OUTCOME_GONE);
	request->conn = NULL;
	request->is_written = false;
	if (conn)
		client_conn_settle(conn);
}

void request_call_off(struct kp_request *request)
{
	struct client_conn *conn = request->conn;
	if (!conn || !conn->is_kipp || !request->is_written || conn->conn.state != KP_CONN_OPEN)
		return;
	struct kp_request_packet notice = {
	        .version = KP_PACKET_TARS,
	        .packet_type = KP_PACKET_ONEWAY,
	        .request_id = request->id,
	        .servant = request->route->proxy->name,
	        .function = kp_str(KP_CANCEL_FUNCTION),
	};
	struct kp_buf *out = kp_conn_out(&conn->conn);
	if (kp_request_packet_encode(out, &notice) != KP_OK)
		out->err = KP_OK; // the server finds out by itself
	// Later in any case: a connection that broke now would end what is just being ended.
	kp_loop_defer(request->loop->loop, &conn->conn.flush);
}

// --- choosing where to

// What comes of a probe is noted where answers, silence and ends of connections are.
void request_probe(struct route *route, struct peer *peer)
{
	struct client_loop *loop = route->loop;
	struct kp_request *request = request_take(loop);
	if (!request)
		return;
	request_init(request, route, REQUEST_PROBE, kp_str("tars_ping"));
	request->attempts = KP_ATTEMPTS_MAX;
	request->picked_ns = kp_clock_ns();
	request->deadline_ns = request->picked_ns + PROBE_TIMEOUT_NS;
	request->due.timer.on_timer = request_on_due;
	struct client_conn *conn = peer_conn(peer);
	if (!conn || due_start(&loop->dues, &request->due, request->deadline_ns) != KP_OK ||
	    inflight_add(&loop->inflight, request, &request->id) != KP_OK) {
		due_stop(&request->due);
		request_give(request);
		return;
	}
	send_on(request, conn);
}

bool request_send_elsewhere(struct kp_request *request)
{
	struct peer *peer;
	while ((peer = route_pick(request)) != NULL) {
		struct client_conn *conn = peer_conn(peer);
		if (KP_UNLIKELY(!conn))
			continue;
		send_on(request, conn);
		return true;
	}
	return false;
}

void request_send(struct kp_request *request)
{
	if (KP_LIKELY(request_send_elsewhere(request)) || request_rest(request, KP_ERR_CONNECT))
		return;
	if (request->retries > 0) // what went wrong first says more
		request_fail(request, request->err, "%s, and nobody else can be reached",
		             kp_err_text(request->err));
	else if (request->route->trouble)
		request_fail(request, KP_ERR_CONNECT, "no endpoint of %s can be reached: %s",
		             request->route->proxy->object, request->route->trouble->text);
	else
		request_fail(request, KP_ERR_CONNECT, "no endpoint of %s can be reached",
		             request->route->proxy->object);
}

void request_start(struct kp_request *request)
{
	struct route *route = request->route;
	const struct kp_proxy *proxy = route->proxy;
	if (request->loop->is_ending)
		request_fail(request, KP_ERR_CANCELLED, "the client was closed");
	else if (proxy->err != KP_OK)
		request_fail(request, proxy->err, "%s", proxy->why.text);
	else if (KP_LIKELY(route_want(route, kp_loop_now(request->loop->loop))))
		request_send(request);
	else if (route->is_looking_up)
		kp_list_push(&route->waiting, &request->link);
	else
		request_fail(request, route->err, "%s", route->why.text);
}

// --- when a connection ends

// was_sent tells whether the server may have seen the request.
static bool was_sent(const struct kp_request *request, const struct client_conn *conn)
{
	return request->is_written && request->offset < conn->conn.written;
}

static void explain_loss(struct kp_request *request, const struct client_conn *conn,
                         enum kp_close_reason reason)
{
	char peer[KP_ADDRESS_TEXT_MAX];
	kp_address_format(&conn->conn.peer, peer);
	if (reason == KP_CLOSE_BAD_FRAME || reason == KP_CLOSE_OVERSIZED)
		request_fail(request, KP_ERR_DECODE, "%s sent what is no answer of the protocol",
		             peer);
	else
		request_fail(request, KP_ERR_CLOSED, "%s closed the connection before it answered",
		             peer);
}

// is_repeatable: an answer too large for us would be too large again, and our own lack of memory
// says nothing about the endpoint.
static bool is_repeatable(enum kp_close_reason reason)
{
	return reason != KP_CLOSE_OVERSIZED && reason != KP_CLOSE_NOMEM;
}

void request_lost(struct kp_request *request, struct client_conn *conn, enum kp_close_reason reason)
{
	bool may_have_run =
	        was_sent(request, conn) && reason != KP_CLOSE_TLS && reason != KP_CLOSE_DENIED;
	bool is_fault = reason != KP_CLOSE_BY_US && reason != KP_CLOSE_NOMEM;
	route_end(request, is_fault ? KP_OUTCOME_BROKEN : KP_OUTCOME_GONE);
	client_note_trouble(request->route, conn, reason);
	request->conn = NULL;
	request->is_written = false;
	if (reason == KP_CLOSE_BY_US || request->loop->is_ending)
		request_fail(request, KP_ERR_CANCELLED, "the client was closed");
	else if (!may_have_run)
		request_send(request);
	else if (!is_repeatable(reason) || !request_retry(request, KP_ERR_CLOSED, true))
		explain_loss(request, conn, reason);
}
