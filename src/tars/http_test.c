// http_test.c - what a strict reader of HTTP takes, and what it must not.
#include "tars/http.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HOST "Host: x\r\n"

static struct kp_str text_of(struct kp_buf *buf)
{
	return kp_buf_str(buf);
}

#define assert_text(got, wanted)                                       \
	do {                                                           \
		struct kp_str text = (got);                            \
		assert_int_equal(text.len, strlen(wanted));            \
		assert_memory_equal(text.ptr, wanted, strlen(wanted)); \
	} while (0)

static int parse(const char *head, struct kp_http_request *request)
{
	return kp_http_head_parse(kp_str(head), request);
}

// status_of scans and parses, as a connection does.
static int status_of(const char *head)
{
	struct kp_http_scan scan = {0};
	struct kp_http_request request;
	struct kp_bytes bytes = {(const uint8_t *)head, strlen(head)};
	size_t size = kp_http_scan_feed(&scan, bytes);
	if (scan.status)
		return scan.status;
	assert_true(scan.is_done);
	return kp_http_head_parse((struct kp_str){head, size}, &request);
}

static void a_head_is_read(void **state)
{
	struct kp_http_request request;
	assert_int_equal(parse("POST /A.B.C/f?x=1 HTTP/1.1\r\nHost: h\r\nX-Y:  a b \t\r\n"
	                       "content-LENGTH: 12\r\n\r\n",
	                       &request),
	                 0);
	assert_text(request.method, "POST");
	assert_text(request.path, "/A.B.C/f");
	assert_text(request.query, "x=1");
	assert_int_equal(request.minor, 1);
	assert_true(request.keeps_alive && request.has_length && !request.is_chunked);
	assert_int_equal(request.content_length, 12);
	assert_text(kp_http_find(&request, kp_str("x-y"))->value, "a b");
	assert_null(kp_http_find(&request, kp_str("x-z")));
}

static void a_whole_address_is_read_without_its_host(void **state)
{
	struct kp_http_request request;
	assert_int_equal(parse("GET http://h:1/metrics HTTP/1.1\r\n" HOST "\r\n", &request), 0);
	assert_text(request.path, "/metrics");
	assert_int_equal(parse("GET http://h HTTP/1.1\r\n" HOST "\r\n", &request), 0);
	assert_text(request.path, "/");
	assert_int_equal(parse("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", &request), 0);
	assert_int_equal(parse("GET * HTTP/1.1\r\n" HOST "\r\n", &request), 400);
}

static void connections_are_kept_as_the_version_says(void **state)
{
	static const struct {
		const char *head;
		bool keeps_alive;
	} rows[] = {
	        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
	        {"GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", false},
	        {"GET / HTTP/1.0\r\n\r\n", false},
	        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
	        {"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kp_http_request request;
		assert_int_equal(parse(rows[i].head, &request), 0);
		assert_int_equal(request.keeps_alive, rows[i].keeps_alive);
	}
}

static void shapes_of_smuggling_are_refused(void **state)
{
	static const struct {
		const char *head;
		int status;
	} rows[] = {
	        {"POST / HTTP/1.1\r\n" HOST
	         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	         400},
	        {"POST / HTTP/1.1\r\n" HOST
	         "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	         400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
	        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 413},
	        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
	        {"POST / HTTP/1.1\r\n" HOST
	         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	         400},
	        {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n folded\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "\tfolded: x\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "Ab\r\n\r\n", 400},
	        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "A: b\nC: d\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
	        {"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
	        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
	        {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
	        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
	        {"GET / http/1.1\r\n" HOST "\r\n", 400},
	        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
	        {"GET /\r\n" HOST "\r\n", 400},
	        {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
	        {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
	        {"GET / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(status_of(rows[i].head), rows[i].status);
}

static void a_nul_anywhere_is_refused(void **state)
{
	static const char good[] = "GET /x HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		char bad[sizeof(good)];
		memcpy(bad, good, sizeof(good));
		bad[i] = '\0';
		struct kp_http_scan scan = {0};
		kp_http_scan_feed(&scan, (struct kp_bytes){(uint8_t *)bad, sizeof(good) - 1});
		assert_int_equal(scan.status, 400);
		struct kp_http_request request;
		struct kp_str head = {bad, sizeof(good) - 1};
		assert_int_not_equal(kp_http_head_parse(head, &request), 0);
	}
}

static void no_truncated_head_is_taken(void **state)
{
	static const char good[] = "GET /x HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
	struct kp_http_request request;
	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		struct kp_http_scan scan = {0};
		kp_http_scan_feed(&scan, (struct kp_bytes){(const uint8_t *)good, len});
		assert_false(scan.is_done);
		assert_int_equal(scan.status, 0);
		assert_int_equal(kp_http_head_parse((struct kp_str){good, len}, &request), 400);
	}
}

static void a_head_ends_where_it_ends_however_it_is_cut(void **state)
{
	static const char text[] = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET";
	for (size_t step = 1; step < sizeof(text); step++) {
		struct kp_http_scan scan = {0};
		size_t at = 0;
		while (at < sizeof(text) - 1 && !scan.is_done) {
			size_t left = sizeof(text) - 1 - at;
			struct kp_bytes part = {(const uint8_t *)text + at,
			                        step < left ? step : left};
			at += kp_http_scan_feed(&scan, part);
		}
		assert_true(scan.is_done);
		assert_int_equal(at, sizeof(text) - 1 - 3);
		assert_int_equal(scan.size, at);
	}
}

static void a_head_has_a_largest_size(void **state)
{
	struct kp_http_scan scan = {0};
	for (int i = 0; i < KP_HTTP_HEAD_SIZE_MAX; i++)
		kp_http_scan_feed(&scan, (struct kp_bytes){(const uint8_t *)"a", 1});
	assert_int_equal(scan.status, 0);
	kp_http_scan_feed(&scan, (struct kp_bytes){(const uint8_t *)"a", 1});
	assert_int_equal(scan.status, 431);
}

static void headers_and_targets_have_a_largest_number_and_size(void **state)
{
	struct kp_buf head = {0};
	for (int extra = 0; extra < 2; extra++) {
		kp_buf_clear(&head);
		kp_buf_printf(&head, "GET / HTTP/1.1\r\n" HOST);
		for (int i = 1; i < KP_HTTP_HEADERS_MAX + extra; i++)
			kp_buf_printf(&head, "a%d: b\r\n", i);
		kp_buf_printf(&head, "\r\n");
		struct kp_http_request request;
		assert_int_equal(kp_http_head_parse(text_of(&head), &request), extra ? 431 : 0);

		kp_buf_clear(&head);
		kp_buf_printf(&head, "GET /");
		for (int i = 1; i < KP_HTTP_TARGET_SIZE_MAX + extra; i++)
			kp_buf_append_byte(&head, 'a');
		kp_buf_printf(&head, " HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(kp_http_head_parse(text_of(&head), &request), extra ? 414 : 0);
	}
	kp_buf_fini(&head);
}

// --- bodies

// body_of takes `text` apart in steps and returns the status, or 0 and the data and what is left.
static int body_of(const char *text, size_t step, uint64_t size_max, struct kp_buf *data,
                   size_t *ret_left)
{
	struct kp_http_request request = {.is_chunked = true};
	struct kp_http_body body;
	kp_http_body_init(&body, &request, size_max);
	size_t at = 0, len = strlen(text);
	while (at < len && body.status == 0 && body.state != KP_HTTP_BODY_DONE) {
		size_t size = step < len - at ? step : len - at;
		struct kp_bytes rest = {(const uint8_t *)text + at, size}, part;
		while (kp_http_body_next(&body, &rest, &part))
			kp_buf_append(data, part.ptr, part.len);
		at += size - rest.len;
	}
	*ret_left = len - at;
	if (body.status == 0 && body.state != KP_HTTP_BODY_DONE)
		return -1; // more is wanted
	return body.status;
}

static void chunks_are_put_together_however_they_are_cut(void **state)
{
	static const struct {
		const char *text, *data;
		size_t left;
	} rows[] = {
	        {"0\r\n\r\nX", "", 1},
	        {"3\r\nabc\r\n0\r\n\r\n", "abc", 0},
	        {"3;a=b;c\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\nGET", "abc0123456789", 3},
	        {"1\r\na\r\n0;x\r\nTrailer: x\r\nY: z\r\n\r\n", "a", 0},
	};
	struct kp_buf data = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (size_t step = 1; step < 50; step++) {
			size_t left;
			kp_buf_clear(&data);
			assert_int_equal(body_of(rows[i].text, step, 100, &data, &left), 0);
			assert_text(text_of(&data), rows[i].data);
			assert_int_equal(left, rows[i].left);
		}
	}
	kp_buf_fini(&data);
}

static void bad_chunks_are_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
	        {"\r\n", 400},
	        {"g\r\n", 400},
	        {"-1\r\n", 400},
	        {"0x1\r\n", 400},
	        {" 1\r\n", 400},
	        {"1 \r\n", 400},
	        {"1\n", 400},
	        {"1\r\nab\r\n", 400},
	        {"1\r\na\n", 400},
	        {"1\rx", 400},
	        {";a\r\n", 400},
	        {"1;a\n", 400},
	        {"65\r\n", 413},
	        {"ffffffffffffffff\r\n", 413},
	        {"10000000000000001\r\n", 413},
	        {"0\r\nA: b\n\r\n", 400},
	        {"64\r\n", -1},
	        {"3\r\nabc\r\n62\r\n", 413},
	};
	struct kp_buf data = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t left;
		assert_int_equal(body_of(rows[i].text, 1, 100, &data, &left), rows[i].status);
	}
	kp_buf_fini(&data);
}

static void lines_of_chunks_and_trailers_have_a_largest_size(void **state)
{
	struct kp_buf text = {0}, data = {0};
	size_t left;
	kp_buf_printf(&text, "1;");
	for (int i = 0; i < KP_HTTP_CHUNK_LINE_MAX; i++)
		kp_buf_append_byte(&text, 'x');
	kp_buf_append_byte(&text, '\0');
	assert_int_equal(body_of((char *)text.data, 7, 100, &data, &left), 400);
	kp_buf_clear(&text);
	kp_buf_printf(&text, "0\r\n");
	for (int i = 0; i < KP_HTTP_TRAILER_SIZE_MAX; i += 8)
		kp_buf_printf(&text, "a: bcd\r\n");
	kp_buf_append_byte(&text, '\0');
	assert_int_equal(body_of((char *)text.data, 7, 100, &data, &left), 431);
	kp_buf_fini(&text);
	kp_buf_fini(&data);
}

static void a_body_of_known_length_ends_there(void **state)
{
	struct kp_http_request request = {.has_length = true, .content_length = 3};
	struct kp_http_body body;
	kp_http_body_init(&body, &request, 3);
	struct kp_bytes rest = {(const uint8_t *)"abcd", 4}, part;
	assert_true(kp_http_body_next(&body, &rest, &part));
	assert_int_equal(part.len, 3);
	assert_int_equal(rest.len, 1);
	assert_int_equal(body.state, KP_HTTP_BODY_DONE);
	assert_false(kp_http_body_next(&body, &rest, &part));
	kp_http_body_init(&body, &request, 2);
	assert_int_equal(body.status, 413);
}

// --- responses

static void a_response_is_written(void **state)
{
	struct kp_buf out = {0};
	for (int is_head = 0; is_head < 2; is_head++) {
		kp_buf_clear(&out);
		kp_http_response_begin(&out, 404);
		kp_http_header(&out, "A", kp_str("b"));
		kp_http_response_end(&out, (struct kp_bytes){(const uint8_t *)"xyz", 3}, is_head);
		kp_buf_append_byte(&out, '\0');
		assert_string_equal(out.data,
		                    is_head ? "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: "
		                              "3\r\n\r\n"
		                            : "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: "
		                              "3\r\n\r\nxyz");
	}
	kp_buf_fini(&out);
}

static void no_value_becomes_another_header(void **state)
{
	struct kp_buf out = {0};
	kp_http_header(&out, "A", (struct kp_str){"b\r\nC: d\0e", 9});
	assert_text(text_of(&out), "A: b  C: d e\r\n");
	kp_buf_fini(&out);
}

static void what_a_header_cannot_hold_is_escaped_and_comes_back(void **state)
{
	struct kp_buf out = {0};
	char all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (int is_name = 0; is_name < 2; is_name++) {
		kp_buf_clear(&out);
		kp_http_escape(&out, (struct kp_str){all, 256}, is_name);
		for (size_t i = 0; i < out.len; i++)
			assert_true(out.data[i] >= ' ' && out.data[i] < 0x7f);
		struct kp_str back = kp_http_unescape((char *)out.data, out.len);
		assert_int_equal(back.len, 256);
		assert_memory_equal(back.ptr, all, 256);
	}
	char odd[] = "5%, 50%2 %zz %41";
	assert_text(kp_http_unescape(odd, strlen(odd)), "5%, 50%2 %zz A");
	kp_buf_clear(&out);
	kp_http_escape(&out, kp_str(" a b "), false);
	assert_text(text_of(&out), "%20a b%20");
	kp_buf_fini(&out);
}

static void dates_are_those_of_the_calendar(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *text;
	} rows[] = {
	        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
	        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
	        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
	        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
	        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
	        {-5, "Thu, 01 Jan 1970 00:00:00 GMT"},
	        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[KP_HTTP_DATE_SIZE];
		kp_http_date_format(rows[i].unix_s, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_head_is_read),
	        cmocka_unit_test(a_whole_address_is_read_without_its_host),
	        cmocka_unit_test(connections_are_kept_as_the_version_says),
	        cmocka_unit_test(shapes_of_smuggling_are_refused),
	        cmocka_unit_test(a_nul_anywhere_is_refused),
	        cmocka_unit_test(no_truncated_head_is_taken),
	        cmocka_unit_test(a_head_ends_where_it_ends_however_it_is_cut),
	        cmocka_unit_test(a_head_has_a_largest_size),
	        cmocka_unit_test(headers_and_targets_have_a_largest_number_and_size),
	        cmocka_unit_test(chunks_are_put_together_however_they_are_cut),
	        cmocka_unit_test(bad_chunks_are_refused),
	        cmocka_unit_test(lines_of_chunks_and_trailers_have_a_largest_size),
	        cmocka_unit_test(a_body_of_known_length_ends_there),
	        cmocka_unit_test(a_response_is_written),
	        cmocka_unit_test(no_value_becomes_another_header),
	        cmocka_unit_test(what_a_header_cannot_hold_is_escaped_and_comes_back),
	        cmocka_unit_test(dates_are_those_of_the_calendar),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
