// face_http.c - calls by HTTP: POST /OBJ/FUNCTION with the parameters as JSON.
#include "rpc/conn_http.h"

#include "base/text.h"
#include "guard/travel.h"
#include "os/clock.h"
#include "rpc/face.h"
#include "tars/json.h"
#include "tars/transcode.h"

#define CONTEXT_PREFIX "Kipp-Context-"
#define ALLOW_CALL     "POST, OPTIONS"
#define ALLOW_PAGE     "GET, HEAD, OPTIONS"

enum {
	RET_TIMEOUT = -7, // a server that called another one may pass it on (contract B.6)
};

// --- answers

static void put_line_end(struct kp_buf *json)
{
	kp_buf_append_byte(json, '\n');
}

static void format_problem(const struct http_problem *problem, struct kp_buf *out)
{
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_COMPACT);
	kp_json_object_begin(&writer);
	kp_json_key(&writer, kp_str("title"));
	kp_json_put_str(&writer, kp_str(kp_http_status_text(problem->status)));
	kp_json_key(&writer, kp_str("status"));
	kp_json_put_i64(&writer, problem->status);
	if (problem->detail.len > 0) {
		kp_json_key(&writer, kp_str("detail"));
		kp_json_put_str(&writer, problem->detail);
	}
	if (problem->ret != 0) {
		kp_json_key(&writer, kp_str("iRet"));
		kp_json_put_i64(&writer, problem->ret);
	}
	kp_json_object_end(&writer);
	put_line_end(out);
}

// put_context makes headers of the pairs that the handler answers with.
static void put_context(struct kp_buf *out, const struct kp_packet_map *context)
{
	struct kp_str key, value;
	for (size_t cursor = 0; kp_packet_map_next(context, &cursor, &key, &value);) {
		if (key.len == 0)
			continue;
		kp_buf_append_str(out, kp_str(CONTEXT_PREFIX));
		kp_http_escape(out, key, true);
		kp_buf_append_str(out, kp_str(": "));
		kp_http_escape(out, value, false);
		kp_buf_append_str(out, kp_str("\r\n"));
	}
}

static void fail_with(struct http_conn *http, const struct http_problem *problem,
                      const struct kp_packet_map *context)
{
	struct kp_buf json = {0};
	format_problem(problem, &json);
	struct kp_buf *out = http_answer_begin(http, problem->status, "application/problem+json");
	if (out && json.err == KP_OK) {
		if (problem->status == 503)
			kp_http_header(out, "Retry-After", kp_str("1"));
		if (problem->allow)
			kp_http_header(out, "Allow", kp_str(problem->allow));
		put_context(out, context);
		http_answer_end(http, kp_buf_bytes(&json));
	} else if (out) {
		kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
	}
	kp_buf_fini(&json);
}

void http_fail(struct http_conn *http, const struct http_problem *problem)
{
	fail_with(http, problem, &(struct kp_packet_map){0});
}

static void fail_plainly(struct http_conn *http, int status, const char *detail)
{
	http_fail(http, &(struct http_problem){.status = status, .detail = kp_str(detail)});
}

static int status_of(const struct kp_call *call, int ret)
{
	switch (ret) {
	case KP_RET_DECODE:
		return 400;
	case KP_RET_NOFUNC:
	case KP_RET_NOSERVANT:
		return 404;
	case KP_RET_OVERLOAD:
		return 503;
	case KP_RET_QUEUE_TIMEOUT:
		return call->deadline_ns <= kp_clock_ns() ? 504 : 503;
	case RET_TIMEOUT:
		return 504;
	default:
		return 500;
	}
}

static void deliver_failure(struct kp_call *call, const struct kp_response_packet *answer)
{
	fail_with(call->in.conn->http,
	          &(struct http_problem){.status = status_of(call, answer->ret),
	                                 .ret = answer->ret,
	                                 .detail = answer->reason},
	          &answer->context);
}

static void deliver_json(struct kp_call *call, const struct kp_response_packet *answer,
                         const struct kp_buf *json)
{
	struct http_conn *http = call->in.conn->http;
	struct kp_buf *out = http_answer_begin(http, 200, "application/json");
	if (!out)
		return;
	put_context(out, &answer->context);
	http_answer_end(http, kp_buf_bytes(json));
}

static void deliver_http(struct kp_call *call, const struct kp_response_packet *answer)
{
	struct http_conn *http = call->in.conn->http;
	struct kp_response_packet failure = *answer;
	struct kp_buf json = {0};
	struct kp_why why = {""};
	if (http->state != HTTP_CALLING) // it was answered for want of time, or is gone
		return;
	KP_COUNT(call->in.adapter->stats.answers, 1);
	if (answer->ret == 0 &&
	    server_answer_json(call, &kp_json_form_http, answer->body, &json, &why) != KP_OK) {
		failure.ret = KP_RET_ENCODE;
		failure.reason = kp_str(why.text);
	}
	put_line_end(&json);
	if (failure.ret == 0 && json.err != KP_OK)
		kp_conn_close(&call->in.conn->conn, KP_CLOSE_NOMEM);
	else if (failure.ret == 0)
		deliver_json(call, answer, &json);
	else
		deliver_failure(call, &failure);
	kp_buf_fini(&json);
}

static void take_http(struct kp_call *call)
{
	server_take_json(call, &kp_json_form_http);
}

static const struct kp_face face_http = {.deliver = deliver_http, .take = take_http};

// --- what a request's headers say about the call

// wishes is what the caller asks for beside the call itself.
struct wishes {
	int32_t timeout_ms;
	struct kp_travel travel;
	struct kp_pairs context;
	struct kp_pairs status;
	kp_err err;
};

static void add_context(struct wishes *wishes, struct kp_str key, struct kp_str value)
{
	kp_err err = kp_pairs_add(&wishes->context, key, value);
	if (err != KP_OK)
		wishes->err = err;
}

static struct kp_str unescape(struct kp_str text)
{
	// The bytes are the connection's own, and nobody reads the head again.
	return kp_http_unescape((char *)text.ptr, text.len);
}

static kp_err read_number(struct kp_str text, int64_t min, int64_t max, int64_t *ret)
{
	bool is_plain = text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9';
	return is_plain ? kp_str_i64(text, min, max, ret) : KP_ERR_INVALID;
}

static const char *read_wish(struct wishes *wishes, const struct kp_http_header *header)
{
	size_t prefix = strlen(CONTEXT_PREFIX);
	int64_t number;
	if (kp_http_name_equal(header->name, kp_str("kipp-timeout"))) {
		if (read_number(header->value, 1, INT32_MAX, &number) != KP_OK)
			return "Kipp-Timeout takes milliseconds, 1 or more";
		wishes->timeout_ms = (int32_t)number;
	} else if (kp_http_name_equal(header->name, kp_str("kipp-priority"))) {
		if (read_number(header->value, 0, KP_PRIORITY_MAX, &number) != KP_OK)
			return "Kipp-Priority takes a number, 0 to 7";
		wishes->travel.priority = (int)number;
	} else if (kp_http_name_equal(header->name, kp_str("traceparent"))) {
		add_context(wishes, kp_str("traceparent"), header->value);
	} else if (kp_http_name_equal(header->name, kp_str("tracestate"))) {
		add_context(wishes, kp_str("tracestate"), header->value);
	} else if (header->name.len > prefix &&
	           kp_http_name_equal(kp_str_sub(header->name, 0, prefix),
	                              kp_str(CONTEXT_PREFIX))) {
		struct kp_str name = kp_str_sub(header->name, prefix, header->name.len);
		add_context(wishes, unescape(name), unescape(header->value));
	}
	return NULL;
}

static const char *read_wishes(struct wishes *wishes, const struct kp_http_request *request)
{
	wishes->travel = kp_travel_none();
	for (size_t i = 0; i < request->header_count; i++) {
		const char *fault = read_wish(wishes, &request->headers[i]);
		if (fault)
			return fault;
	}
	char text[KP_TRAVEL_TEXT_MAX];
	size_t len = kp_travel_format(&wishes->travel, text);
	if (len > 0 && kp_pairs_add(&wishes->status, kp_str(KP_TRAVEL_KEY),
	                            (struct kp_str){text, len}) != KP_OK)
		wishes->err = KP_ERR_NOMEM;
	return NULL;
}

// --- the call

// block_of makes a block of a buffer's memory. NULL when out of memory; the buffer is gone then.
static struct kp_block *block_of(struct kp_io *io, struct kp_buf *buf)
{
	struct kp_block *block = buf->err == KP_OK ? kp_new(struct kp_block) : NULL;
	if (!block) {
		kp_buf_fini(buf);
		return NULL;
	}
	*block = (struct kp_block){
	        .io = io, .refs = 1, .len = buf->len, .cap = buf->cap, .data = buf->data};
	*buf = (struct kp_buf){0};
	return block;
}

// add_pairs puts pairs behind a request's body, where they live as long as that does.
static struct kp_packet_map add_pairs(struct kp_buf *in, const struct kp_pairs *pairs)
{
	kp_buf_append(in, pairs->bytes.data, pairs->bytes.len);
	return (struct kp_packet_map){{NULL, pairs->bytes.len}, pairs->count};
}

// target is what is called; `function` is a view into the head.
struct target {
	const struct servant *servant;
	struct kp_str function;
};

static void begin_call(struct http_conn *http, const struct target *target,
                       const struct wishes *wishes)
{
	struct kp_buf *in = &http->in;
	struct server_conn *conn = http->conn;
	size_t function = (size_t)(target->function.ptr - (const char *)in->data);
	size_t body_size = in->len - http->head_size;
	struct kp_request_packet packet = {
	        .version = KP_PACKET_JSON,
	        .servant = target->servant->name,
	        .timeout_ms = wishes->timeout_ms,
	};
	packet.context = add_pairs(in, &wishes->context);
	packet.status = add_pairs(in, &wishes->status);
	struct kp_block *block = block_of(&conn->loop->io, in);
	if (!block) {
		kp_conn_close(&conn->conn, KP_CLOSE_NOMEM);
		return;
	}
	const uint8_t *at = block->data + http->head_size;
	packet.function = (struct kp_str){(char *)block->data + function, target->function.len};
	packet.body = (struct kp_bytes){at, body_size};
	packet.context.bytes.ptr = at + body_size;
	packet.status.bytes.ptr = packet.context.bytes.ptr + packet.context.bytes.len;
	struct arrival arrival = {.adapter = conn->adapter, .conn = conn, .block = block};
	int64_t until_ns = wishes->timeout_ms > 0
	                           ? kp_clock_ns() + wishes->timeout_ms * (int64_t)KP_NS_PER_MS
	                           : KP_NS_NEVER;
	bool is_begun = server_begin(&arrival, &packet, &face_http, NULL);
	kp_block_unref(block);
	if (is_begun)
		http_expect_until(http, until_ns);
	else
		kp_conn_close(&conn->conn, KP_CLOSE_NOMEM);
}

static void serve_call(struct http_conn *http, const struct kp_http_request *request,
                       const struct target *target)
{
	struct wishes wishes = {0};
	const char *fault = read_wishes(&wishes, request);
	if (fault)
		fail_plainly(http, 400, fault);
	else if (wishes.err != KP_OK)
		kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
	else
		begin_call(http, target, &wishes);
	kp_pairs_fini(&wishes.context);
	kp_pairs_fini(&wishes.status);
}

// --- requests

static struct kp_str value_of(const struct kp_http_request *request, const char *name)
{
	const struct kp_http_header *header = kp_http_find(request, kp_str(name));
	return header ? header->value : (struct kp_str){0};
}

// is_from_page tells whether a browser sends this for some page. We serve no pages, so it is
// another site's, perhaps under a name that only pretends to be this machine's; it must not act for
// its reader. Browsers say themselves where a request is from; links may lead here.
static bool is_from_page(const struct kp_http_request *request)
{
	struct kp_str site = value_of(request, "sec-fetch-site");
	bool is_link =
	        kp_http_name_equal(value_of(request, "sec-fetch-mode"), kp_str("navigate")) &&
	        !kp_str_equal(request->method, kp_str("POST"));
	if (site.len > 0)
		return !kp_http_name_equal(site, kp_str("none")) && !is_link;
	return kp_http_find(request, kp_str("origin")) != NULL;
}

static bool is_encoded(const struct kp_http_request *request)
{
	struct kp_str coding = value_of(request, "content-encoding");
	return coding.len > 0 && !kp_http_name_equal(coding, kp_str("identity"));
}

// split_path makes "/OBJ/FUNCTION" of it. Returns false when it has no second part.
static bool split_path(struct kp_str path, struct kp_str *ret_object, struct kp_str *ret_function)
{
	struct kp_str rest = kp_str_sub(path, 1, path.len);
	size_t slash = kp_str_find(rest, '/');
	*ret_object = kp_str_sub(rest, 0, slash);
	*ret_function =
	        slash < rest.len ? kp_str_sub(rest, slash + 1, rest.len) : (struct kp_str){0};
	return ret_function->len > 0;
}

static void serve_post(struct http_conn *http, const struct kp_http_request *request,
                       struct kp_str object, struct kp_str function)
{
	struct target target = {http_find_servant(http, object), function};
	if (is_encoded(request))
		fail_plainly(http, 415, "bodies are taken without Content-Encoding");
	else if (!target.servant)
		fail_plainly(http, 404, "there is no such servant here; GET / lists them");
	else
		serve_call(http, request, &target);
}

static void answer_options(struct http_conn *http, const char *allow)
{
	struct kp_buf *out = http_answer_begin(http, 200, NULL);
	if (!out)
		return;
	kp_http_header(out, "Allow", kp_str(allow));
	http_answer_end(http, (struct kp_bytes){0});
}

static void serve_page(struct http_conn *http, const struct kp_http_request *request)
{
	http->conn->requests++; // for the limits of its source
	http_page(http, request);
}

void http_serve(struct http_conn *http, const struct kp_http_request *request)
{
	struct kp_str object, function, method = request->method;
	bool is_call = split_path(request->path, &object, &function);
	const char *allow = is_call ? ALLOW_CALL : ALLOW_PAGE;
	bool is_get = kp_str_equal(method, kp_str("GET")) || http->is_head;
	if (is_from_page(request))
		fail_plainly(http, 403, "pages in browsers are not served");
	else if (kp_str_equal(method, kp_str("OPTIONS")))
		answer_options(http, kp_str_equal(request->path, kp_str("*"))
		                             ? "GET, HEAD, POST, OPTIONS"
		                             : allow);
	else if (is_call && kp_str_equal(method, kp_str("POST")))
		serve_post(http, request, object, function);
	else if (!is_call && is_get)
		serve_page(http, request);
	else
		http_fail(http, &(struct http_problem){.status = 405, .allow = allow});
}
