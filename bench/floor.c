// floor.c - the least a server can do: echo in the TARS protocol, and nothing else.
//
// The yardstick that Kipp is measured against. One thread, one epoll, one receive buffer; a wake-up
// costs one read and one write per connection. It answers `int echo(vector<byte> req, out
// vector<byte> rsp)`, parses what that takes, and closes the connection on anything else. It links
// nothing but libc.
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FRAME_SIZE_MAX = 256 * 1024,
	ANSWER_HEAD_SIZE_MAX = 64,
	EVENTS_MAX = 64,
	CONNECTIONS_MAX = 4096,
};

// The types of the wire that an echo meets (contract A.1).
enum wire_type {
	WIRE_INT8 = 0,
	WIRE_INT16 = 1,
	WIRE_INT32 = 2,
	WIRE_INT64 = 3,
	WIRE_STR1 = 6,
	WIRE_STR4 = 7,
	WIRE_ZERO = 12,
	WIRE_BYTES = 13,
};

struct conn {
	int fd;
	uint8_t *carry; // owned; the start of a frame whose rest has not come yet
	size_t carry_len;
	uint8_t *unsent; // owned; answers that the socket did not take
	size_t unsent_len;
};

struct floor {
	int epoll_fd;
	int listen_fd;
	int signal_fd;
	size_t out_len;
	struct conn *conns[CONNECTIONS_MAX]; // by descriptor
	uint8_t in[FRAME_SIZE_MAX];
	uint8_t out[FRAME_SIZE_MAX + ANSWER_HEAD_SIZE_MAX];
};

struct echo_request {
	int32_t id;
	const uint8_t *bytes; // view into the receive buffer
	size_t len;
};

static uint32_t load_be32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return be32toh(value);
}

static void store_be32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, 4);
}

// read_int reads the integer with `tag` that must come next; NULL: it does not. That five bytes are
// left is no loss: timeout, context and status, at the end of every packet, take as many.
static const uint8_t *read_int(const uint8_t *at, const uint8_t *end, unsigned tag, int32_t *ret)
{
	if (!at || end - at < 5 || at[0] >> 4 != tag)
		return NULL;
	switch (at[0] & 15) {
	case WIRE_ZERO:
		*ret = 0;
		return at + 1;
	case WIRE_INT8:
		*ret = (at[1] ^ 0x80) - 0x80; // the sign is the eighth bit
		return at + 2;
	case WIRE_INT16:
		*ret = (int16_t)(at[1] << 8 | at[2]);
		return at + 3;
	case WIRE_INT32:
		*ret = (int32_t)load_be32(at + 1);
		return at + 5;
	default:
		return NULL;
	}
}

// read_text reads the string with `tag` that must come next.
static const uint8_t *read_text(const uint8_t *at, const uint8_t *end, unsigned tag,
                                const uint8_t **ret, size_t *ret_len)
{
	if (!at || end - at < 5 || at[0] >> 4 != tag)
		return NULL;
	size_t head;
	size_t len;
	if ((at[0] & 15) == WIRE_STR1) {
		head = 2;
		len = at[1];
	} else if ((at[0] & 15) == WIRE_STR4) {
		head = 5;
		len = load_be32(at + 1);
	} else {
		return NULL;
	}
	if ((size_t)(end - at) - head < len)
		return NULL;
	*ret = at + head;
	*ret_len = len;
	return at + head + len;
}

// read_bytes reads the vector<byte> with `tag` that must come next.
static const uint8_t *read_bytes(const uint8_t *at, const uint8_t *end, unsigned tag,
                                 const uint8_t **ret, size_t *ret_len)
{
	if (!at || end - at < 3 || at[0] != (tag << 4 | WIRE_BYTES) || at[1] != WIRE_INT8)
		return NULL;
	int32_t len;
	at = read_int(at + 2, end, 0, &len);
	if (!at || len < 0 || end - at < len)
		return NULL;
	*ret = at;
	*ret_len = (size_t)len;
	return at + len;
}

// read_request reads a request packet (contract B.2) as far as its body. What follows the body,
// timeout, context and status, an echo has no use for.
static bool read_request(const uint8_t *at, const uint8_t *end, struct echo_request *ret)
{
	int32_t version;
	int32_t packet_type;
	int32_t message_type;
	const uint8_t *text;
	size_t text_len;
	at = read_int(at, end, 1, &version);
	at = read_int(at, end, 2, &packet_type);
	at = read_int(at, end, 3, &message_type);
	at = read_int(at, end, 4, &ret->id);
	at = read_text(at, end, 5, &text, &text_len);
	at = read_text(at, end, 6, &text, &text_len);
	if (!at || version != 1 || packet_type != 0 || text_len != 4 ||
	    memcmp(text, "echo", 4) != 0)
		return false;

	const uint8_t *body;
	size_t body_len;
	at = read_bytes(at, end, 7, &body, &body_len);
	return at && read_bytes(body, end, 1, &ret->bytes, &ret->len) &&
	       ret->bytes + ret->len <= body + body_len;
}

static uint8_t *put_int(uint8_t *at, unsigned tag, int32_t value)
{
	uint8_t head = (uint8_t)(tag << 4);
	if (value == 0) {
		*at++ = head | WIRE_ZERO;
	} else if (value == (int8_t)value) {
		*at++ = head | WIRE_INT8;
		*at++ = (uint8_t)value;
	} else if (value == (int16_t)value) {
		*at++ = head | WIRE_INT16;
		*at++ = (uint8_t)(value >> 8);
		*at++ = (uint8_t)value;
	} else {
		*at++ = head | WIRE_INT32;
		store_be32(at, (uint32_t)value);
		at += 4;
	}
	return at;
}

static size_t int_size(size_t value)
{
	return value == 0 ? 1 : value <= INT8_MAX ? 2 : value <= INT16_MAX ? 3 : 5;
}

// put_answer appends the whole answer frame (contract B.3): version 1, packet type 0, the id,
// message type 0, ret 0, the body {0: ret 0, 2: the bytes}, an empty status.
static uint8_t *put_answer(uint8_t *frame, const struct echo_request *request)
{
	uint8_t *at = frame + 4;
	*at++ = 0x10;
	*at++ = 1;
	*at++ = 0x2c;
	at = put_int(at, 3, request->id);
	*at++ = 0x4c;
	*at++ = 0x5c;

	*at++ = 0x6d;
	*at++ = 0;
	at = put_int(at, 0, (int32_t)(3 + int_size(request->len) + request->len));
	*at++ = 0x0c;
	*at++ = 0x2d;
	*at++ = 0;
	at = put_int(at, 0, (int32_t)request->len);
	memcpy(at, request->bytes, request->len);
	at += request->len;

	*at++ = 0x78;
	*at++ = 0x0c;
	store_be32(frame, (uint32_t)(at - frame));
	return at;
}

static bool watch(const struct floor *floor, int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	return epoll_ctl(floor->epoll_fd, operation, fd, &event) == 0;
}

static void close_conn(struct floor *floor, struct conn *conn)
{
	floor->conns[conn->fd] = NULL;
	close(conn->fd);
	free(conn->carry);
	free(conn->unsent);
	free(conn);
}

static void accept_conn(struct floor *floor)
{
	int fd = accept4(floor->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	struct conn *conn = fd < CONNECTIONS_MAX ? calloc(1, sizeof(*conn)) : NULL;
	if (!conn || !watch(floor, EPOLL_CTL_ADD, fd, EPOLLIN)) {
		free(conn);
		close(fd);
		return;
	}
	conn->fd = fd;
	floor->conns[fd] = conn;
}

// keep replaces what *kept points to with a copy of `len` bytes.
static bool keep(uint8_t **kept, size_t *kept_len, const uint8_t *from, size_t len)
{
	uint8_t *copy = len ? malloc(len) : NULL;
	if (len && !copy)
		return false;
	if (len)
		memcpy(copy, from, len);
	free(*kept);
	*kept = copy;
	*kept_len = len;
	return true;
}

// send_some writes once and keeps what the socket did not take; until that is gone nothing more is
// read from this connection.
static bool send_some(struct floor *floor, struct conn *conn, const uint8_t *from, size_t len)
{
	ssize_t sent = send(conn->fd, from, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return false;
	size_t taken = sent < 0 ? 0 : (size_t)sent;
	bool was_blocked = conn->unsent_len > 0;
	if (taken == len && !was_blocked)
		return true;
	if (!keep(&conn->unsent, &conn->unsent_len, from + taken, len - taken))
		return false;
	bool is_blocked = conn->unsent_len > 0;
	return is_blocked == was_blocked ||
	       watch(floor, EPOLL_CTL_MOD, conn->fd, is_blocked ? EPOLLOUT : EPOLLIN);
}

// answer_frames answers every whole frame of the receive buffer; *ret_used is where they end.
static bool answer_frames(struct floor *floor, size_t in_len, size_t *ret_used)
{
	size_t used = 0;
	uint8_t *out = floor->out;
	while (in_len - used >= 4) {
		const uint8_t *frame = floor->in + used;
		size_t size = load_be32(frame);
		if (size < 5 || size > FRAME_SIZE_MAX)
			return false;
		if (size > in_len - used)
			break;
		struct echo_request request;
		if (!read_request(frame + 4, frame + size, &request))
			return false;
		if (out + request.len + ANSWER_HEAD_SIZE_MAX > floor->out + sizeof(floor->out))
			return false;
		out = put_answer(out, &request);
		used += size;
	}
	floor->out_len = (size_t)(out - floor->out);
	*ret_used = used;
	return true;
}

static bool on_readable(struct floor *floor, struct conn *conn)
{
	if (conn->carry_len)
		memcpy(floor->in, conn->carry, conn->carry_len);
	ssize_t got =
	        recv(conn->fd, floor->in + conn->carry_len, FRAME_SIZE_MAX - conn->carry_len, 0);
	if (got <= 0)
		return got < 0 && errno == EAGAIN;

	size_t in_len = conn->carry_len + (size_t)got;
	size_t used;
	if (!answer_frames(floor, in_len, &used))
		return false;
	if ((conn->carry_len || used < in_len) &&
	    !keep(&conn->carry, &conn->carry_len, floor->in + used, in_len - used))
		return false;
	return floor->out_len == 0 || send_some(floor, conn, floor->out, floor->out_len);
}

static bool on_writable(struct floor *floor, struct conn *conn)
{
	return send_some(floor, conn, conn->unsent, conn->unsent_len);
}

static void serve(struct floor *floor)
{
	struct epoll_event events[EVENTS_MAX];
	for (;;) {
		int count = epoll_wait(floor->epoll_fd, events, EVENTS_MAX, -1);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd == floor->signal_fd)
				return;
			if (fd == floor->listen_fd) {
				accept_conn(floor);
				continue;
			}
			struct conn *conn = floor->conns[fd];
			bool is_fine = conn->unsent_len ? on_writable(floor, conn)
			                                : on_readable(floor, conn);
			if (!is_fine)
				close_conn(floor, conn);
		}
	}
}

static int listen_on(uint16_t port, uint16_t *ret_port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	struct sockaddr_in address = {
	        .sin_family = AF_INET,
	        .sin_port = htons(port),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int open_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void floor_free(struct floor *floor)
{
	for (int fd = 0; fd < CONNECTIONS_MAX; fd++) {
		if (floor->conns[fd])
			close_conn(floor, floor->conns[fd]);
	}
	close(floor->listen_fd);
	close(floor->signal_fd);
	close(floor->epoll_fd);
	free(floor);
}

static bool parse_port(int argc, char **argv, uint16_t *ret)
{
	static const struct option options[] = {{"port", required_argument, NULL, 'p'}, {0}};
	long port = -1;
	for (int option; (option = getopt_long(argc, argv, "p:", options, NULL)) != -1;) {
		char *end;
		port = option == 'p' ? strtol(optarg, &end, 10) : -1;
		if (option != 'p' || *end || end == optarg || port < 0 || port > UINT16_MAX)
			return false;
	}
	*ret = (uint16_t)port;
	return port >= 0 && optind == argc;
}

int main(int argc, char **argv)
{
	uint16_t port;
	if (!parse_port(argc, argv, &port)) {
		fprintf(stderr, "usage: floor-server --port PORT    (0: any free one)\n");
		return 2;
	}
	struct floor *floor = calloc(1, sizeof(*floor));
	if (!floor) {
		fprintf(stderr, "floor-server: out of memory\n");
		return 1;
	}
	floor->listen_fd = listen_on(port, &port);
	floor->signal_fd = open_signals();
	floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (floor->listen_fd < 0 || floor->signal_fd < 0 || floor->epoll_fd < 0 ||
	    !watch(floor, EPOLL_CTL_ADD, floor->listen_fd, EPOLLIN) ||
	    !watch(floor, EPOLL_CTL_ADD, floor->signal_fd, EPOLLIN)) {
		fprintf(stderr, "floor-server: cannot listen on port %u: %s\n", port,
		        strerror(errno));
		floor_free(floor);
		return 1;
	}
	printf("listening on 127.0.0.1:%u\n", port);
	fflush(stdout);
	serve(floor);
	floor_free(floor);
	return 0;
}
