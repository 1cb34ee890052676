// fuzz_http.c - any bytes as requests of HTTP: where they end does not depend on how they are cut,
// and what was taken keeps the rules that others rely on.
#include "base/assert.h"
#include "base/mem.h"
#include "tars/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	BODY_MAX = 1000
};

// reading is what became of the first request.
struct reading {
	int status; // -1: more is wanted
	size_t head_size;
	size_t used;
	struct kp_buf body;
};

static void read_body(const struct kp_http_request *request, struct kp_bytes bytes, size_t step,
                      struct reading *ret)
{
	struct kp_http_body body;
	kp_http_body_init(&body, request, BODY_MAX);
	while (body.status == 0 && body.state != KP_HTTP_BODY_DONE && ret->used < bytes.len) {
		size_t left = bytes.len - ret->used, size = step < left ? step : left;
		struct kp_bytes rest = {bytes.ptr + ret->used, size}, part;
		while (kp_http_body_next(&body, &rest, &part))
			kp_buf_append(&ret->body, part.ptr, part.len);
		ret->used += size - rest.len;
	}
	kp_assert(ret->body.len <= BODY_MAX);
	ret->status = body.status ? body.status : body.state == KP_HTTP_BODY_DONE ? 0 : -1;
}

static void check_head(struct kp_str head, const struct kp_http_request *request)
{
	kp_assert(request->header_count <= KP_HTTP_HEADERS_MAX);
	kp_assert(!(request->is_chunked && request->has_length));
	kp_assert(request->method.len > 0 && request->path.len > 0);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct kp_http_header *header = &request->headers[i];
		kp_assert(header->name.ptr >= head.ptr &&
		          header->value.ptr + header->value.len <= head.ptr + head.len);
		kp_assert(!memchr(header->value.ptr, '\n', header->value.len) &&
		          !memchr(header->value.ptr, '\r', header->value.len) &&
		          !memchr(header->value.ptr, '\0', header->value.len));
	}
}

static struct reading read_request(struct kp_bytes bytes, size_t step)
{
	struct reading reading = {.status = -1};
	struct kp_http_scan scan = {0};
	struct kp_http_request request;
	while (reading.used < bytes.len && !scan.is_done && scan.status == 0) {
		size_t left = bytes.len - reading.used;
		struct kp_bytes part = {bytes.ptr + reading.used, step < left ? step : left};
		reading.used += kp_http_scan_feed(&scan, part);
	}
	reading.head_size = reading.used;
	kp_assert(scan.size == reading.used && scan.size <= KP_HTTP_HEAD_SIZE_MAX + 1);
	if (scan.status)
		reading.status = scan.status;
	if (!scan.is_done)
		return reading;
	struct kp_str head = {(const char *)bytes.ptr, reading.head_size};
	reading.status = kp_http_head_parse(head, &request);
	if (reading.status)
		return reading;
	check_head(head, &request);
	read_body(&request, bytes, step, &reading);
	return reading;
}

// What a header cannot hold comes back as it was.
static void check_escapes(struct kp_str text)
{
	struct kp_buf out = {0};
	for (int is_name = 0; is_name < 2; is_name++) {
		kp_buf_clear(&out);
		kp_http_escape(&out, text, is_name);
		for (size_t i = 0; i < out.len; i++)
			kp_assert(out.data[i] >= ' ' && out.data[i] < 0x7f);
		struct kp_str back = kp_http_unescape((char *)out.data, out.len);
		kp_assert(kp_str_equal(back, text));
	}
	kp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 7};
	struct kp_bytes bytes = {data, size};
	struct reading whole = read_request(bytes, SIZE_MAX);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct reading cut = read_request(bytes, steps[i]);
		kp_assert(cut.status == whole.status && cut.used == whole.used);
		kp_assert(cut.head_size == whole.head_size);
		kp_assert(kp_bytes_equal(kp_buf_bytes(&cut.body), kp_buf_bytes(&whole.body)));
		kp_buf_fini(&cut.body);
	}
	kp_buf_fini(&whole.body);
	check_escapes((struct kp_str){(const char *)data, size});
	kp_assert(kp_mem_live() == 0);
	return 0;
}
