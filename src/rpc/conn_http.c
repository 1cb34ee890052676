// conn_http.c - requests of HTTP out of a connection's bytes, answers in order.
//
//     HEAD --> BODY --> CALLING --> HEAD ...        a request that breaks the rules, or is too
//     slow,
//       \________________/  \____> ENDING           is answered once and ends the connection
#include "rpc/conn_http.h"

#include "base/assert.h"
#include "os/clock.h"

enum {
	AHEAD_MAX = 64 << 10,       // bytes of later requests, above which we stop reading
	REQUEST_DEFAULT_MS = 10000, // for a head, and for each BODY_STEP of a body
	BODY_STEP = 64 << 10,
	LINGER_MS = 2000, // for the peer to read our last answer and hang up
};

static struct http_conn *http_of(struct kp_conn *base)
{
	return KP_CONTAINER(base, struct server_conn, conn)->http;
}

static struct kp_loop *loop_of(const struct http_conn *http)
{
	return http->conn->loop->loop;
}

static int64_t request_ns(const struct http_conn *http)
{
	int timeout_ms = http->conn->adapter->adapter->options.http_timeout_ms;
	return (int64_t)(timeout_ms > 0 ? timeout_ms : REQUEST_DEFAULT_MS) * KP_NS_PER_MS;
}

// start_timer may fail only for want of memory; then so does the connection.
static void start_timer(struct http_conn *http, int64_t deadline_ns)
{
	if (kp_timer_start(loop_of(http), &http->timer, deadline_ns) != KP_OK)
		kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
}

static bool is_open(const struct http_conn *http)
{
	return http->conn->conn.state == KP_CONN_OPEN;
}

// --- the end of a request

// begin_next readies for the next request.
static void begin_next(struct http_conn *http)
{
	http->state = HTTP_HEAD;
	http->scan = (struct kp_http_scan){0};
	http->minor = 1;
	http->is_head = false;
	kp_io_give_buf(&http->conn->loop->io, &http->in);
	kp_timer_stop(&http->timer);
	if (http->ahead.len > 0 && !http->is_taking)
		kp_loop_defer(loop_of(http), &http->go_on);
}

// end lets the peer read what was said before the connection goes; to close at once might take it
// away again.
static void end(struct http_conn *http)
{
	http->state = HTTP_ENDING;
	kp_buf_fini(&http->ahead);
	kp_io_give_buf(&http->conn->loop->io, &http->in);
	kp_conn_hold(&http->conn->conn, false);
	kp_conn_finish(&http->conn->conn);
	start_timer(http, kp_clock_ns() + (int64_t)LINGER_MS * KP_NS_PER_MS);
}

static bool may_keep(const struct http_conn *http)
{
	return http->keeps_alive && !http->conn->loop->is_draining &&
	       !http->conn->conn.is_write_shut;
}

struct kp_buf *http_answer_begin(struct http_conn *http, int status, const char *type)
{
	if (!is_open(http) || http->state == HTTP_ENDING)
		return NULL;
	struct kp_buf *out = kp_conn_out(&http->conn->conn);
	char date[KP_HTTP_DATE_SIZE];
	kp_http_date_format(kp_clock_wall_ms() / 1000, date);
	http->keeps_alive = may_keep(http);
	kp_http_response_begin(out, status);
	kp_http_header(out, "Date", kp_str(date));
	if (!http->keeps_alive)
		kp_http_header(out, "Connection", kp_str("close"));
	else if (http->minor == 0)
		kp_http_header(out, "Connection", kp_str("keep-alive"));
	kp_http_header(out, "Cache-Control", kp_str("no-store"));
	if (type) {
		kp_http_header(out, "Content-Type", kp_str(type));
		kp_http_header(out, "X-Content-Type-Options", kp_str("nosniff"));
	}
	return out;
}

void http_answer_end(struct http_conn *http, struct kp_bytes body)
{
	struct kp_conn *conn = &http->conn->conn;
	kp_http_response_end(kp_conn_out(conn), body, http->is_head);
	kp_conn_flush_soon(conn);
	if (!is_open(http))
		return;
	if (http->keeps_alive)
		begin_next(http);
	else
		end(http);
}

// fault_of says what a request that was refused tells of its peer, for the limits of sources.
static enum kp_close_reason fault_of(int status)
{
	switch (status) {
	case 408:
		return KP_CLOSE_SILENT;
	case 413:
		return KP_CLOSE_OVERSIZED;
	case 417:
	case 504:
		return KP_CLOSE_BY_US;
	default:
		return KP_CLOSE_BAD_FRAME;
	}
}

// refuse answers a request that cannot be read on, so that nothing after it can be either.
static void refuse(struct http_conn *http, int status, const char *why)
{
	http->keeps_alive = false;
	http->fault = fault_of(status);
	http_fail(http, &(struct http_problem){.status = status, .detail = kp_str(why)});
}

// --- taking requests

static const char *head_fault(int status)
{
	switch (status) {
	case 413:
		return "the body is larger than this server takes";
	case 414:
		return "the address is too long";
	case 417:
		return "only 100-continue is understood of Expect";
	case 431:
		return "the headers are too large or too many";
	case 501:
		return "only chunked is understood of Transfer-Encoding";
	case 505:
		return "only HTTP/1.1 and HTTP/1.0 are understood";
	default:
		return "the request is not well-formed HTTP";
	}
}

// on_whole is called when all of a request is there.
static void on_whole(struct http_conn *http)
{
	struct kp_http_request request;
	struct kp_str head = {(const char *)http->in.data, http->head_size};
	http->state = HTTP_CALLING;
	kp_timer_stop(&http->timer);
	int status = kp_http_head_parse(head, &request);
	kp_assert(status == 0); // as it was before
	http_serve(http, &request);
}

static void on_head(struct http_conn *http)
{
	struct kp_http_request request;
	http->head_size = http->in.len;
	int status = kp_http_head_parse(kp_buf_str(&http->in), &request);
	if (status) {
		refuse(http, status, head_fault(status));
		return;
	}
	http->minor = request.minor;
	http->keeps_alive = request.keeps_alive;
	http->is_head = kp_str_equal(request.method, kp_str("HEAD"));
	kp_http_body_init(&http->body, &request, http->conn->conn.frame_size_max);
	if (http->body.status) {
		refuse(http, http->body.status, head_fault(http->body.status));
		return;
	}
	http->state = HTTP_BODY;
	http->body_seen = 0;
	if (request.wants_continue && request.minor > 0 && http->body.state != KP_HTTP_BODY_DONE) {
		kp_buf_append_str(kp_conn_out(&http->conn->conn),
		                  kp_str("HTTP/1.1 100 Continue\r\n\r\n"));
		kp_conn_flush_soon(&http->conn->conn);
	}
}

static void take_head(struct http_conn *http, struct kp_bytes *rest)
{
	if (http->in.len == 0) {
		http->in = kp_io_take_buf(&http->conn->loop->io);
		start_timer(http, kp_loop_now(loop_of(http)) + request_ns(http));
	}
	size_t size = kp_http_scan_feed(&http->scan, *rest);
	kp_buf_append(&http->in, rest->ptr, size);
	rest->ptr += size;
	rest->len -= size;
	if (http->scan.status)
		refuse(http, http->scan.status, head_fault(http->scan.status));
	else if (http->scan.is_done && http->in.err == KP_OK)
		on_head(http);
}

static void take_body(struct http_conn *http, struct kp_bytes *rest)
{
	struct kp_bytes data;
	while (kp_http_body_next(&http->body, rest, &data))
		kp_buf_append(&http->in, data.ptr, data.len);
	if (http->body.status)
		refuse(http, http->body.status,
		       http->body.status == 400 ? "a chunk of the body is malformed"
		                                : head_fault(http->body.status));
}

// take goes through bytes, request by request, and keeps what it cannot use yet.
static void take(struct http_conn *http, struct kp_bytes rest)
{
	http->is_taking = true;
	while (is_open(http) && http->state < HTTP_CALLING && rest.len > 0) {
		if (http->state == HTTP_HEAD)
			take_head(http, &rest);
		else
			take_body(http, &rest);
		if (is_open(http) && http->in.err != KP_OK)
			kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
		else if (http->state == HTTP_BODY && http->body.state == KP_HTTP_BODY_DONE)
			on_whole(http);
	}
	http->is_taking = false;
	if (!is_open(http) || http->state != HTTP_CALLING || rest.len == 0)
		return;
	kp_buf_append(&http->ahead, rest.ptr, rest.len);
	if (http->ahead.err != KP_OK)
		kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
	else
		kp_conn_hold(&http->conn->conn, http->ahead.len > AHEAD_MAX);
}

// on_go_on takes the requests that came while another was in progress.
static void on_go_on(struct kp_deferred *deferred)
{
	struct http_conn *http = KP_CONTAINER(deferred, struct http_conn, go_on);
	struct server_conn *conn = http->conn;
	struct kp_buf ahead = http->ahead;
	http->ahead = (struct kp_buf){0};
	kp_conn_hold(&conn->conn, false);
	take(http, kp_buf_bytes(&ahead));
	kp_buf_fini(&ahead);
}

static bool on_bytes(struct kp_conn *base, struct kp_bytes bytes)
{
	struct http_conn *http = http_of(base);
	if (http->state == HTTP_ENDING || base->is_write_shut)
		return true; // there is no answer any more
	if (http->ahead.len == 0) {
		take(http, bytes);
		return true;
	}
	kp_buf_append(&http->ahead, bytes.ptr, bytes.len);
	if (http->ahead.err != KP_OK)
		kp_conn_close(base, KP_CLOSE_NOMEM);
	else
		kp_conn_hold(base, http->ahead.len > AHEAD_MAX);
	return true;
}

// --- time

void http_expect_until(struct http_conn *http, int64_t deadline_ns)
{
	if (is_open(http) && http->state == HTTP_CALLING && deadline_ns != KP_NS_NEVER)
		start_timer(http, deadline_ns);
}

// is_slow tells whether a body has not come on as it should since it was last looked at.
static bool is_slow(struct http_conn *http)
{
	uint64_t seen = http->in.len - http->head_size;
	bool is = seen - http->body_seen < BODY_STEP;
	http->body_seen = seen;
	return is;
}

static void on_timer(struct kp_timer *timer)
{
	struct http_conn *http = KP_CONTAINER(timer, struct http_conn, timer);
	switch (http->state) {
	case HTTP_BODY:
		if (!is_slow(http)) {
			start_timer(http, kp_clock_ns() + request_ns(http));
			return;
		}
		refuse(http, 408, "the body comes too slowly");
		return;
	case HTTP_HEAD:
		refuse(http, 408, "the headers come too slowly");
		return;
	case HTTP_CALLING: // the call goes on alone, and hears that nobody waits when we hang up
		refuse(http, 504, "the deadline passed before there was an answer");
		return;
	case HTTP_ENDING:
		kp_conn_close(&http->conn->conn, KP_CLOSE_BY_US);
	}
}

// --- life

static void on_close(struct kp_conn *base, enum kp_close_reason reason)
{
	struct http_conn *http = http_of(base);
	const struct kp_conn_ops *ops = http->ops;
	kp_timer_stop(&http->timer);
	kp_loop_undefer(&http->go_on);
	kp_buf_fini(&http->in);
	kp_buf_fini(&http->ahead);
	http->state = HTTP_ENDING;
	ops->on_close(base, http->fault == KP_CLOSE_BY_US ? reason : http->fault);
}

static void on_read(struct kp_conn *base, size_t size)
{
	http_of(base)->ops->on_read(base, size);
}

static const struct kp_conn_ops http_ops = {
        .on_read = on_read,
        .on_close = on_close,
};

static bool is_letter(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

bool server_http_sniff(struct kp_conn *base, struct kp_bytes bytes)
{
	struct server_conn *conn = KP_CONTAINER(base, struct server_conn, conn);
	if (!is_letter(bytes.ptr[0])) {
		base->on_bytes = NULL;
		return false;
	}
	struct http_conn *http = kp_new(struct http_conn);
	if (!http) {
		kp_conn_close(base, KP_CLOSE_NOMEM);
		return true;
	}
	http->conn = conn;
	http->minor = 1;
	http->ops = base->ops;
	http->timer.on_timer = on_timer;
	http->go_on.run = on_go_on;
	conn->http = http;
	base->ops = &http_ops;
	base->on_bytes = on_bytes;
	return on_bytes(base, bytes);
}
