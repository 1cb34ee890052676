// fuzz_face.c - any bytes, in any slices, to a server as HTTP, or as arguments of JSON and TUP
// packets.
//
// The first byte says how: raw, behind the head of a good request, or as a packet's body. What
// comes back must be whole responses, each with the body that it announces.
#include "base/assert.h"
#include "base/mem.h"
#include "kipp/stub.h"
#include "rpc/server_internal.h"
#include "tars/describe_sample.h"
#include "tars/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CUTS = 6,
	BODY_MAX = 3000,
};

// --- the service: it answers with its arguments as they lie

static void echo(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	struct kp_bytes rest = {in->ptr, (size_t)(in->end - in->ptr)};
	(void)kp_call_answer_context(call, kp_call_function(call), kp_str("a\r\nb"));
	struct kp_buf *out = kp_call_answer(call);
	if (out)
		kp_buf_append(out, rest.ptr, rest.len);
}

static void wait_and_echo(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	(void)kp_call_sleep(call, 1);
	echo(ops, call, in);
}

static const struct kp_param one_params[] = {{"in", &sample_order_type, false},
                                             {"in2", &sample_str, false}};
static const struct kp_function functions[] = {
        {"e", &sample_void, one_params, 2, echo},
        {"w", &sample_void, one_params, 1, wait_and_echo},
        {"pay", &sample_i32, sample_pay_params, 3, echo},
};

static int find(struct kp_str name)
{
	for (int i = 0; i < 3; i++)
		if (kp_str_equal(name, kp_str(functions[i].name)))
			return i;
	return -1;
}

static const struct kp_interface interface = {
        .name = "Fuzz::Face", .functions = functions, .function_count = 3, .find = find};

static struct kp_server *open_server(void)
{
	struct kp_server *server;
	struct kp_adapter_options options = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                     .frame_size_max = BODY_MAX};
	kp_assert(kp_server_open(&(struct kp_server_options){0}, &server, NULL) == KP_OK);
	kp_assert(kp_server_listen(server, &options, NULL, NULL) == KP_OK);
	kp_assert(kp_server_serve(server, 0, "A.B.O", &interface, NULL, NULL) == KP_OK);
	kp_assert(kp_server_start(server) == KP_OK);
	return server;
}

// --- the peer

struct peer {
	struct kp_task task;
	struct adapter_loop *adapter;
	int fd;
};

static void on_adopt(struct kp_task *task)
{
	struct peer *peer = KP_CONTAINER(task, struct peer, task);
	struct kp_address nowhere = {.storage = {.ss_family = AF_UNIX}};
	server_adopt(peer->adapter, peer->fd, &nowhere);
}

// drain reads what is there, or, at the end, until the server has hung up.
static bool drain(int fd, struct kp_buf *in, bool to_the_end)
{
	for (;;) {
		uint8_t *to = kp_buf_reserve(in, 64 << 10);
		ssize_t got = recv(fd, to, 64 << 10, to_the_end ? 0 : MSG_DONTWAIT);
		if (got <= 0)
			return got != 0;
		in->len += (size_t)got;
	}
}

static void put(int fd, const void *data, size_t size, struct kp_buf *in)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			data = (const char *)data + sent;
			size -= (size_t)sent;
		} else if (!drain(fd, in, false) || (errno != EAGAIN && errno != EWOULDBLOCK)) {
			return; // the server has hung up
		}
	}
}

// put_in_slices cuts the bytes where the first ones say.
static void put_in_slices(int fd, struct kp_bytes bytes, struct kp_buf *in)
{
	size_t head = bytes.len < CUTS ? bytes.len : CUTS;
	const uint8_t *at = bytes.ptr + head, *end = bytes.ptr + bytes.len;
	for (size_t i = 0; at < end; i++) {
		size_t cut = i < head ? (size_t)bytes.ptr[i] + 1 : (size_t)(end - at);
		if (cut > (size_t)(end - at))
			cut = (size_t)(end - at);
		put(fd, at, cut, in);
		at += cut;
		(void)drain(fd, in, false);
	}
}

static void put_packet(int fd, uint8_t which, struct kp_bytes body, struct kp_buf *in)
{
	static const int16_t versions[] = {KP_PACKET_TUP2, KP_PACKET_TUP3, KP_PACKET_JSON, 4};
	struct kp_buf frame = {0};
	struct kp_request_packet packet = {
	        .version = versions[which & 3],
	        .request_id = 1,
	        .servant = kp_str("A.B.O"),
	        .function = kp_str(functions[(which >> 2) % 3].name),
	        .body = body,
	};
	kp_assert(kp_request_packet_encode(&frame, &packet) == KP_OK);
	put(fd, frame.data, frame.len, in);
	kp_buf_fini(&frame);
}

// put_body sends the bytes as the body of a good request, and a request behind it.
static void put_body(int fd, uint8_t which, struct kp_bytes body, struct kp_buf *in)
{
	char head[200];
	snprintf(head, sizeof(head),
	         "POST /O/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
	         functions[which % 3].name, body.len);
	put(fd, head, strlen(head), in);
	put(fd, body.ptr, body.len, in);
	static const char next[] = "GET /O HTTP/1.1\r\nHost: x\r\n\r\n";
	put(fd, next, sizeof(next) - 1, in);
}

// --- what comes back

static void check_packet(struct kp_bytes frame, uint8_t which)
{
	struct kp_request_packet tup;
	struct kp_response_packet other;
	struct kp_bytes packet;
	size_t used;
	if (kp_frame_find(frame, SIZE_MAX, &packet, &used) != KP_OK)
		return; // it was too large, and ended the connection
	if ((which & 3) < 2)
		kp_assert(kp_request_packet_decode(packet, NULL, &tup) == KP_OK);
	else
		kp_assert(kp_response_packet_decode(packet, NULL, &other) == KP_OK);
}

static const char *next_response(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	kp_assert(end && strncmp(text, "HTTP/1.1 ", 9) == 0);
	end += 4;
	if (strncmp(text, "HTTP/1.1 100", 12) == 0 || strncmp(end, "HTTP/1.1 ", 9) == 0)
		return end;
	const char *length = strstr(text, "\r\nContent-Length: ");
	kp_assert(length && length < end);
	size_t size = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
	return strlen(end) < size ? end + strlen(end)
	                          : end + size; // to HEAD, and nothing behind it
}

static void check_responses(struct kp_buf *in)
{
	kp_buf_append_byte(in, '\0');
	const char *text = (const char *)in->data;
	kp_assert(strlen(text) + 1 == in->len);
	while (*text)
		text = next_response(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct kp_server *server = open_server();
	struct kp_bytes bytes = {data + 1, size - 1};
	struct kp_buf in = {0};
	int fds[2];
	kp_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	struct peer peer = {{.run = on_adopt}, &server->loops[0].adapters[0], fds[1]};
	fcntl(fds[1], F_SETFL, fcntl(fds[1], F_GETFL) | O_NONBLOCK);
	kp_loop_post(server->loops[0].loop, &peer.task);
	uint8_t mode = data[0] & 3, which = data[0] >> 2;
	if (mode == 0)
		put_packet(fds[0], which, bytes, &in);
	else if (mode == 1)
		put_body(fds[0], which, bytes, &in);
	else
		put_in_slices(fds[0], bytes, &in);
	shutdown(fds[0], SHUT_WR);
	(void)drain(fds[0], &in, true);
	if (mode == 0)
		check_packet(kp_buf_bytes(&in), which);
	else if (in.len > 0 && (mode == 1 || (in.len > 4 && memcmp(in.data, "HTTP", 4) == 0)))
		check_responses(&in);
	close(fds[0]);
	kp_buf_fini(&in);
	kp_server_close(server);
	kp_assert(kp_mem_live() == 0);
	return 0;
}
