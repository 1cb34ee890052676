// http.h - HTTP/1.1 as bytes: a strict reader of requests, a writer of responses.
//
// It owns no memory and no socket. What two readers of one stream might take differently is refused
// (RFC 9112, section 11.2): both lengths, folded headers, bare line feeds, blanks before a colon.
#pragma once

#include "kipp/buf.h"

enum {
	KP_HTTP_HEADERS_MAX = 64,
	KP_HTTP_HEAD_SIZE_MAX = 16 << 10, // request line and headers
	KP_HTTP_TARGET_SIZE_MAX = 4 << 10,
	KP_HTTP_CHUNK_LINE_MAX = 256, // a chunk's size with its extensions
	KP_HTTP_TRAILER_SIZE_MAX = 4 << 10,
};

// --- the head

// kp_http_scan looks for a head's end while it comes, in whatever pieces. All zero is its start.
struct kp_http_scan {
	size_t size; // of the head so far
	size_t line; // bytes since the last line's end
	bool was_cr;
	bool is_done;
	int status; // 0, or what to refuse the request with
};

// kp_http_scan_feed returns how many of `bytes` belong to the head, all of them until is_done. A
// head that breaks the rules of lines is refused as soon as that shows: status 400 or 431.
size_t kp_http_scan_feed(struct kp_http_scan *scan, struct kp_bytes bytes);

struct kp_http_header {
	struct kp_str name;
	struct kp_str value; // without blanks around
};

// kp_http_request is a head as views into its bytes.
struct kp_http_request {
	struct kp_str method;
	struct kp_str path; // "/a/b", or "*"
	struct kp_str query;
	int minor; // of HTTP/1.x
	bool keeps_alive;
	bool wants_continue; // 100-continue
	bool is_chunked;
	bool has_length;
	uint64_t content_length;
	size_t header_count;
	struct kp_http_header headers[KP_HTTP_HEADERS_MAX];
};

// kp_http_head_parse reads a whole head, empty line included. Returns 0, or the status that says
// why it is refused.
int kp_http_head_parse(struct kp_str head, struct kp_http_request *ret);

// kp_http_find returns the first header called `name`, in whatever case, or NULL.
const struct kp_http_header *kp_http_find(const struct kp_http_request *request,
                                          struct kp_str name);

// kp_http_name_equal compares two names of headers or tokens without regard to case.
bool kp_http_name_equal(struct kp_str a, struct kp_str b);

// kp_http_list_has tells whether a header's list of tokens, parameters aside, has `token`.
bool kp_http_list_has(struct kp_str list, struct kp_str token);

// --- the body

enum kp_http_body_state {
	KP_HTTP_BODY_DATA, // of known length
	KP_HTTP_CHUNK_SIZE,
	KP_HTTP_CHUNK_EXTENSION,
	KP_HTTP_CHUNK_DATA,
	KP_HTTP_CHUNK_END,
	KP_HTTP_TRAILER,
	KP_HTTP_BODY_DONE,
};

// kp_http_body takes a body apart while it comes.
struct kp_http_body {
	enum kp_http_body_state state;
	uint64_t left;     // of the data at hand; while a chunk's size is read, that size
	uint64_t size;     // of all data announced so far
	uint64_t size_max; // above it: status 413
	size_t line;       // bytes of a chunk's line
	int digits;        // of its size
	bool was_cr;
	struct kp_http_scan trailer;
	int status; // 0, or what to refuse the request with
};

// kp_http_body_init readies for the body that the head announces.
void kp_http_body_init(struct kp_http_body *body, const struct kp_http_request *request,
                       uint64_t size_max);

// kp_http_body_next takes bytes from *rest and gives the next run of data among them. Returns false
// when there is none: the body is done, is refused, or *rest is used up.
bool kp_http_body_next(struct kp_http_body *body, struct kp_bytes *rest, struct kp_bytes *ret_data);

// --- responses

// kp_http_status_text returns "Not Found" for 404.
const char *kp_http_status_text(int status);

enum {
	KP_HTTP_DATE_SIZE = 30
};

// kp_http_date_format writes "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970.
void kp_http_date_format(int64_t unix_s, char text[KP_HTTP_DATE_SIZE]);

// kp_http_response_begin appends the status line. Headers follow, then kp_http_response_end.
void kp_http_response_begin(struct kp_buf *out, int status);
// kp_http_header appends a header; a value with a line's end in it would be another header, so what
// a header cannot hold becomes a blank.
void kp_http_header(struct kp_buf *out, const char *name, struct kp_str value);
// kp_http_response_end appends the length, the empty line, and the body unless `is_head`: then only
// what a GET would have said about it.
void kp_http_response_end(struct kp_buf *out, struct kp_bytes body, bool is_head);

// kp_http_escape appends bytes as a part of a header's name or value: those that it cannot hold,
// and '%', as %XX. kp_http_unescape takes that back, in place; a '%' without two digits stays.
void kp_http_escape(struct kp_buf *out, struct kp_str text, bool is_name);
struct kp_str kp_http_unescape(char *text, size_t len);
