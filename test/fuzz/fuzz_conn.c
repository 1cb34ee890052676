// fuzz_conn.c - any bytes, in any slices, through a socket to a server's connection and on to its
// handlers.
//
// The first bytes say how the rest is cut; every answer that comes back must be a frame with a
// response in it. A good request is put in front now and then, so that there is something to
// answer.
#include "base/assert.h"
#include "base/mem.h"
#include "kipp/stub.h"
#include "rpc/server_internal.h"
#include "tars/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CUTS = 8,
	FRAME_MAX = 3000, // so that a fuzzer's inputs get over it
};

// --- the service: one function for each way to end

static void answer_body(struct kp_call *call, struct kp_decoder *in, size_t copies)
{
	struct kp_bytes bytes = {NULL, 0};
	kp_bytes_decode(in, 1, KP_OPTIONAL, &bytes);
	struct kp_buf *out = in->err == KP_OK ? kp_call_answer(call) : NULL;
	for (size_t i = 0; out && i < copies; i++)
		kp_bytes_encode(out, (unsigned)i, bytes);
}

static void echo(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	answer_body(call, in, 1);
}

static void flood(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	answer_body(call, in, 200);
}

static void wait_a_little(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	(void)kp_call_answer_context(call, kp_str("k"), kp_call_function(call));
	(void)kp_call_sleep(call, 1);
	answer_body(call, in, 1);
}

static void fail(const void *ops, struct kp_call *call, struct kp_decoder *in)
{
	kp_call_fail(call, 5, "%.*s", KP_STR_ARG(kp_call_servant(call)));
}

static const struct kp_type nothing = {.kind = KP_KIND_VOID};

static const struct kp_function functions[] = {
        {.name = "e", .result = &nothing, .dispatch = echo},
        {.name = "f", .result = &nothing, .dispatch = flood},
        {.name = "w", .result = &nothing, .dispatch = wait_a_little},
        {.name = "x", .result = &nothing, .dispatch = fail},
};

static int find(struct kp_str name)
{
	for (int i = 0; i < 4; i++)
		if (kp_str_equal(name, kp_str(functions[i].name)))
			return i;
	return -1;
}

static const struct kp_interface interface = {
        .name = "Fuzz.Conn",
        .functions = functions,
        .function_count = 4,
        .find = find,
};

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

static void check_answers(const struct kp_buf *in)
{
	struct kp_bytes bytes = kp_buf_bytes(in), packet;
	size_t used;
	while (kp_frame_find(bytes, SIZE_MAX, &packet, &used) == KP_OK) {
		struct kp_response_packet answer;
		kp_assert(kp_response_packet_decode(packet, NULL, &answer) == KP_OK);
		bytes.ptr += used;
		bytes.len -= used;
	}
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

static void put(int fd, const uint8_t *data, size_t size, struct kp_buf *in)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		} else if (!drain(fd, in, false) || (errno != EAGAIN && errno != EWOULDBLOCK)) {
			return; // the server has hung up
		}
	}
}

// put_in_slices cuts the bytes where the first ones say.
static void put_in_slices(int fd, const uint8_t *data, size_t size, struct kp_buf *in)
{
	size_t head = size < CUTS ? size : CUTS;
	const uint8_t *at = data + head, *end = data + size;
	for (size_t i = 0; at < end; i++) {
		size_t cut = i < head ? (size_t)data[i] + 1 : (size_t)(end - at);
		if (cut > (size_t)(end - at))
			cut = (size_t)(end - at);
		put(fd, at, cut, in);
		at += cut;
		(void)drain(fd, in, false);
	}
}

static void put_good_request(int fd, uint8_t which, struct kp_buf *in)
{
	static const char *const names[] = {"e", "f", "w", "x", "tars_ping", "kipp_describe"};
	struct kp_buf frame = {0};
	struct kp_request_packet packet = {
	        .version = KP_PACKET_TARS,
	        .packet_type = which & 64 ? KP_PACKET_ONEWAY : KP_PACKET_NORMAL,
	        .request_id = 1,
	        .servant = kp_str("O"),
	        .function = kp_str(names[which % 6]),
	};
	kp_assert(kp_request_packet_encode(&frame, &packet) == KP_OK);
	put(fd, frame.data, frame.len, in);
	kp_buf_fini(&frame);
}

static struct kp_server *open_server(void)
{
	struct kp_server *server;
	kp_assert(kp_server_open(&(struct kp_server_options){0}, &server, NULL) == KP_OK);
	kp_assert(kp_server_listen(
	                  server,
	                  &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000",
	                                               .frame_size_max = FRAME_MAX,
	                                               .queue_max = 4,
	                                               .backlog_size_max = 256 << 10},
	                  NULL, NULL) == KP_OK);
	kp_assert(kp_server_serve(server, 0, "O", &interface, NULL, NULL) == KP_OK);
	kp_assert(kp_server_start(server) == KP_OK);
	return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_server *server = open_server();
	int fds[2];
	kp_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	struct peer peer = {{.run = on_adopt}, &server->loops[0].adapters[0], fds[1]};
	struct kp_buf in = {0};
	int flags = fcntl(fds[1], F_GETFL);
	fcntl(fds[1], F_SETFL, flags | O_NONBLOCK);
	kp_loop_post(server->loops[0].loop, &peer.task);
	if (size > 0 && data[0] & 1)
		put_good_request(fds[0], data[0] >> 1, &in);
	put_in_slices(fds[0], data, size, &in);
	if (size > 0 && data[0] & 2)
		put_good_request(fds[0], data[0] >> 2, &in);
	shutdown(fds[0], SHUT_WR);
	(void)drain(fds[0], &in, true);
	check_answers(&in);
	close(fds[0]);
	kp_buf_fini(&in);
	kp_server_close(server);
	kp_assert(kp_mem_live() == 0);
	return 0;
}
