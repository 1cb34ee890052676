// http_body.c - bodies of requests, of known length or in chunks.
#include "tars/http.h"

void kp_http_body_init(struct kp_http_body *body, const struct kp_http_request *request,
                       uint64_t size_max)
{
	*body = (struct kp_http_body){.size_max = size_max};
	if (request->is_chunked) {
		body->state = KP_HTTP_CHUNK_SIZE;
		return;
	}
	body->left = body->size = request->content_length;
	body->state = body->left > 0 ? KP_HTTP_BODY_DATA : KP_HTTP_BODY_DONE;
	if (body->size > size_max)
		body->status = 413;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// end_size is called behind a chunk's line: the size is known.
static void end_size(struct kp_http_body *body)
{
	if (body->left == 0) {
		// The scan looks for an empty line behind at least one line; that is this one.
		body->trailer = (struct kp_http_scan){.size = 2};
		body->state = KP_HTTP_TRAILER;
	} else {
		body->size += body->left;
		body->state = KP_HTTP_CHUNK_DATA;
	}
	body->line = 0;
	body->digits = 0;
}

static void read_digit(struct kp_http_body *body, int digit)
{
	body->digits++;
	body->left = body->left * 16 + (uint64_t)digit;
	if (body->left > body->size_max - body->size)
		body->status = 413; // also keeps the number from overflowing
}

// take_line_end reads the line feed that must follow a carriage return.
static bool take_line_end(struct kp_http_body *body, uint8_t c)
{
	if (!body->was_cr)
		return false;
	body->was_cr = false;
	if (c == '\n')
		end_size(body);
	else
		body->status = 400;
	return true;
}

// read_size takes one byte of a chunk's line.
static void read_size(struct kp_http_body *body, uint8_t c)
{
	int digit = hex_value(c);
	if (++body->line > KP_HTTP_CHUNK_LINE_MAX) {
		body->status = 400;
	} else if (take_line_end(body, c)) {
		return;
	} else if (body->state == KP_HTTP_CHUNK_SIZE && digit >= 0) {
		read_digit(body, digit);
	} else if (body->digits == 0) {
		body->status = 400;
	} else if (c == '\r') {
		body->was_cr = true;
	} else if (body->state == KP_HTTP_CHUNK_SIZE && c != ';') {
		body->status = 400;
	} else if (c == '\0' || c == '\n') {
		body->status = 400;
	} else {
		body->state = KP_HTTP_CHUNK_EXTENSION;
	}
}

// read_end takes one byte of the line's end behind a chunk.
static void read_end(struct kp_http_body *body, uint8_t c)
{
	if (c != (body->line == 0 ? '\r' : '\n')) {
		body->status = 400;
	} else if (++body->line == 2) {
		body->line = 0;
		body->left = 0;
		body->state = KP_HTTP_CHUNK_SIZE;
	}
}

static struct kp_bytes take(struct kp_bytes *rest, uint64_t size_max)
{
	size_t size = rest->len < size_max ? rest->len : (size_t)size_max;
	struct kp_bytes taken = {rest->ptr, size};
	rest->ptr += size;
	rest->len -= size;
	return taken;
}

static void take_data(struct kp_http_body *body, struct kp_bytes *rest, struct kp_bytes *ret)
{
	*ret = take(rest, body->left);
	body->left -= ret->len;
	if (body->left == 0)
		body->state =
		        body->state == KP_HTTP_BODY_DATA ? KP_HTTP_BODY_DONE : KP_HTTP_CHUNK_END;
}

static void take_trailer(struct kp_http_body *body, struct kp_bytes *rest)
{
	take(rest, kp_http_scan_feed(&body->trailer, *rest));
	body->status = body->trailer.status;
	if (body->trailer.size > KP_HTTP_TRAILER_SIZE_MAX)
		body->status = 431;
	if (body->trailer.is_done)
		body->state = KP_HTTP_BODY_DONE;
}

bool kp_http_body_next(struct kp_http_body *body, struct kp_bytes *rest, struct kp_bytes *ret_data)
{
	while (rest->len > 0 && body->status == 0 && body->state != KP_HTTP_BODY_DONE) {
		switch (body->state) {
		case KP_HTTP_BODY_DATA:
		case KP_HTTP_CHUNK_DATA:
			take_data(body, rest, ret_data);
			return true;
		case KP_HTTP_TRAILER:
			take_trailer(body, rest);
			break;
		case KP_HTTP_CHUNK_END:
			read_end(body, *take(rest, 1).ptr);
			break;
		default:
			read_size(body, *take(rest, 1).ptr);
		}
	}
	return false;
}
