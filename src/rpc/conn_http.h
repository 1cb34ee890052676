// conn_http.h - a server's connection whose peer speaks HTTP instead of packets.
//
// One request is in progress at a time, so that answers are in order and requests that change
// something are not run at once; what comes meanwhile waits (RFC 9112, section 9.3.2).
#pragma once

#include "rpc/server_internal.h"
#include "tars/http.h"

enum http_state {
	HTTP_HEAD,    // of a request; the first if `in` is empty
	HTTP_BODY,    // of a request
	HTTP_CALLING, // a request is in progress
	HTTP_ENDING,  // all is said, the peer may hang up
};

struct http_conn {
	struct server_conn *conn;
	const struct kp_conn_ops *ops; // the connection's before it was known to be this
	enum http_state state;
	struct kp_buf in;    // owned; the request's head, and its body behind that
	struct kp_buf ahead; // owned; what came while a request was in progress
	struct kp_http_scan scan;
	size_t head_size;
	struct kp_http_body body;
	uint64_t body_seen; // bytes of the body when the timer last looked
	int minor;          // of the request's version
	bool keeps_alive;
	bool is_head;               // the answer's body is not wanted
	enum kp_close_reason fault; // the peer's, for which it ends; BY_US: none
	bool is_taking;             // requests are being taken from what was read
	struct kp_timer timer;
	struct kp_deferred go_on;
};

// server_http_sniff takes a connection's first bytes, and makes it one of HTTP if they say so. It
// is a kp_conn's on_bytes.
bool server_http_sniff(struct kp_conn *conn, struct kp_bytes bytes);

// http_answer_begin starts the answer to the request in progress; more headers may be added to what
// it returns, until http_answer_end. NULL: there is nobody to answer. `type` may be NULL.
struct kp_buf *http_answer_begin(struct http_conn *http, int status, const char *type);
void http_answer_end(struct http_conn *http, struct kp_bytes body);

// http_expect_until bounds the call in progress.
void http_expect_until(struct http_conn *http, int64_t deadline_ns);

// face_http.c
// http_serve answers a whole request, or begins the call that will.
void http_serve(struct http_conn *http, const struct kp_http_request *request);
// http_problem answers with an error (RFC 9457). `ret` is the iRet of a call that failed, or 0;
// `allow` are the methods that would do, or NULL.
struct http_problem {
	int status;
	int ret;
	struct kp_str detail;
	const char *allow;
};
void http_fail(struct http_conn *http, const struct http_problem *problem);

// pages_http.c
// http_page answers a GET or HEAD that is no call.
void http_page(struct http_conn *http, const struct kp_http_request *request);
// http_find_servant finds a servant of the connection's adapter by its full name, or by its last
// part if only one has that.
const struct servant *http_find_servant(const struct http_conn *http, struct kp_str name);
