// http.c - heads of requests: lines, fields, and what they say about the body.
#include "tars/http.h"

#include "base/text.h"

// --- where a head ends

// end_line looks at a line that has just ended. An empty line ends the head, but for one in front,
// which some clients send behind a body.
static void end_line(struct kp_http_scan *scan)
{
	scan->status = scan->was_cr ? 0 : 400; // a bare line feed
	scan->is_done = scan->status == 0 && scan->line == 1 && scan->size > 2;
	scan->line = 0;
}

size_t kp_http_scan_feed(struct kp_http_scan *scan, struct kp_bytes bytes)
{
	size_t i = 0;
	while (i < bytes.len && !scan->is_done && scan->status == 0) {
		uint8_t c = bytes.ptr[i++];
		scan->size++;
		if (c == '\n')
			end_line(scan);
		else if (scan->was_cr || c == '\0') // a bare carriage return
			scan->status = 400;
		else
			scan->line++;
		scan->was_cr = c == '\r';
		if (scan->size > KP_HTTP_HEAD_SIZE_MAX && scan->status == 0)
			scan->status = 431;
	}
	return i;
}

// --- characters

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct kp_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_token_char(text.ptr[i]))
			return false;
	return text.len > 0;
}

static bool is_value(struct kp_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.ptr[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_target(struct kp_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	return text.len > 0;
}

static struct kp_str trim_blanks(struct kp_str text)
{
	size_t start = 0, end = text.len;
	while (start < end && (text.ptr[start] == ' ' || text.ptr[start] == '\t'))
		start++;
	while (end > start && (text.ptr[end - 1] == ' ' || text.ptr[end - 1] == '\t'))
		end--;
	return kp_str_sub(text, start, end);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool kp_http_name_equal(struct kp_str a, struct kp_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

bool kp_http_list_has(struct kp_str list, struct kp_str token)
{
	struct kp_str part;
	while (kp_str_split_next(&list, ',', &part)) {
		part = kp_str_sub(part, 0, kp_str_find(part, ';'));
		if (kp_http_name_equal(trim_blanks(part), token))
			return true;
	}
	return false;
}

const struct kp_http_header *kp_http_find(const struct kp_http_request *request, struct kp_str name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (kp_http_name_equal(request->headers[i].name, name))
			return &request->headers[i];
	return NULL;
}

// --- the head

// next_line takes a line without its end.
static bool next_line(struct kp_str *rest, struct kp_str *ret)
{
	size_t end = kp_str_find(*rest, '\n');
	if (!rest->ptr || end == rest->len || end == 0 || rest->ptr[end - 1] != '\r')
		return false;
	*ret = kp_str_sub(*rest, 0, end - 1);
	*rest = kp_str_sub(*rest, end + 1, rest->len);
	return true;
}

static int parse_version(struct kp_str text, int *ret_minor)
{
	if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || !is_digit(text.ptr[5]) ||
	    text.ptr[6] != '.' || !is_digit(text.ptr[7]))
		return 400;
	*ret_minor = text.ptr[7] - '0';
	return text.ptr[5] == '1' ? 0 : 505;
}

// parse_target splits path and query; a whole address, as for a proxy, is read without its host.
static int parse_target(struct kp_str target, struct kp_http_request *request)
{
	if (target.len > KP_HTTP_TARGET_SIZE_MAX)
		return 414;
	if (!is_target(target))
		return 400;
	if (kp_str_starts_with(target, kp_str("http://"))) {
		target = kp_str_sub(target, 7, target.len);
		target = kp_str_sub(target, kp_str_find(target, '/'), target.len);
		if (target.len == 0)
			target = kp_str("/");
	}
	bool is_star = kp_str_equal(target, kp_str("*"));
	if (target.ptr[0] != '/' && !is_star)
		return 400;
	size_t query = kp_str_find(target, '?');
	request->path = kp_str_sub(target, 0, query);
	if (query < target.len)
		request->query = kp_str_sub(target, query + 1, target.len);
	return is_star && !kp_str_equal(request->method, kp_str("OPTIONS")) ? 400 : 0;
}

static int parse_request_line(struct kp_str line, struct kp_http_request *request)
{
	size_t first = kp_str_find(line, ' ');
	if (first == line.len)
		return 400;
	struct kp_str rest = kp_str_sub(line, first + 1, line.len);
	size_t second = kp_str_find(rest, ' ');
	if (second == rest.len)
		return 400;
	request->method = kp_str_sub(line, 0, first);
	if (!is_token(request->method))
		return 400;
	int status = parse_version(kp_str_sub(rest, second + 1, rest.len), &request->minor);
	return status ? status : parse_target(kp_str_sub(rest, 0, second), request);
}

static int parse_header(struct kp_str line, struct kp_http_request *request)
{
	size_t colon = kp_str_find(line, ':');
	struct kp_str name = kp_str_sub(line, 0, colon);
	if (colon == line.len || !is_token(name)) // folded lines begin with a blank
		return 400;
	struct kp_str value = trim_blanks(kp_str_sub(line, colon + 1, line.len));
	if (!is_value(value))
		return 400;
	if (request->header_count == KP_HTTP_HEADERS_MAX)
		return 431;
	request->headers[request->header_count++] = (struct kp_http_header){name, value};
	return 0;
}

// --- what the headers mean

static int read_length(struct kp_str value, struct kp_http_request *request)
{
	uint64_t length = 0;
	if (request->has_length || value.len == 0)
		return 400; // two lengths, even equal ones, are one too many
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.ptr[i]))
			return 400;
		if (length > (UINT64_MAX - 9) / 10)
			return 413;
		length = length * 10 + (uint64_t)(value.ptr[i] - '0');
	}
	request->has_length = true;
	request->content_length = length;
	return 0;
}

static int read_coding(struct kp_str value, struct kp_http_request *request)
{
	if (request->is_chunked)
		return 400;
	request->is_chunked = kp_http_name_equal(value, kp_str("chunked"));
	return request->is_chunked ? 0 : 501;
}

static int read_expect(struct kp_str value, struct kp_http_request *request)
{
	request->wants_continue = kp_http_name_equal(value, kp_str("100-continue"));
	return request->wants_continue ? 0 : 417;
}

static void read_connection(struct kp_str value, struct kp_http_request *request)
{
	if (kp_http_list_has(value, kp_str("close")))
		request->keeps_alive = false;
	else if (request->minor == 0 && kp_http_list_has(value, kp_str("keep-alive")))
		request->keeps_alive = true;
}

static int read_header(const struct kp_http_header *header, struct kp_http_request *request,
                       int *hosts)
{
	if (kp_http_name_equal(header->name, kp_str("content-length")))
		return read_length(header->value, request);
	if (kp_http_name_equal(header->name, kp_str("transfer-encoding")))
		return read_coding(header->value, request);
	if (kp_http_name_equal(header->name, kp_str("expect")))
		return read_expect(header->value, request);
	if (kp_http_name_equal(header->name, kp_str("connection")))
		read_connection(header->value, request);
	*hosts += kp_http_name_equal(header->name, kp_str("host"));
	return 0;
}

static int read_headers(struct kp_http_request *request)
{
	int hosts = 0;
	request->keeps_alive = request->minor > 0;
	for (size_t i = 0; i < request->header_count; i++) {
		int status = read_header(&request->headers[i], request, &hosts);
		if (status)
			return status;
	}
	if (request->is_chunked && (request->has_length || request->minor == 0))
		return 400;
	return hosts > 1 || (hosts == 0 && request->minor > 0) ? 400 : 0;
}

int kp_http_head_parse(struct kp_str head, struct kp_http_request *ret)
{
	struct kp_str line;
	ret->query = (struct kp_str){0};
	ret->wants_continue = ret->is_chunked = ret->has_length = false;
	ret->content_length = 0;
	ret->header_count = 0;
	if (kp_str_starts_with(head, kp_str("\r\n")))
		head = kp_str_sub(head, 2, head.len);
	int status = next_line(&head, &line) ? parse_request_line(line, ret) : 400;
	while (status == 0) {
		if (!next_line(&head, &line))
			return 400;
		if (line.len == 0)
			return head.len == 0 ? read_headers(ret) : 400;
		status = parse_header(line, ret);
	}
	return status;
}
