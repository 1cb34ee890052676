// fault_proxy.c - a TCP proxy on loopback that does to connections what networks do; for the system
// tests.
//
// usage: fault_proxy SEED FAULTS TARGET-PORT
//
// FAULTS is "all" or some of: clean delay split trickle cut reset half refuse, separated by commas.
// Each connection gets one of them, and where and how hard it strikes, from the seed and its
// number, so that a seed repeats a run. It says "listening on 127.0.0.1:PORT"; SIGTERM ends it and
// has it say how often each fault struck.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum fault {
	CLEAN,   // passes on what comes
	DELAY,   // each piece arrives later, in order
	SPLIT,   // writes are cut and glued together at random places
	TRICKLE, // the first bytes one by one
	CUT,     // an orderly end after some byte
	RESET,   // a reset after some byte
	HALF,    // after some byte nothing more gets through, and nobody is told
	REFUSE,  // a reset at once
	FAULT_COUNT
};

static const char *const names[FAULT_COUNT] = {"clean", "delay", "split", "trickle",
                                               "cut",   "reset", "half",  "refuse"};

enum {
	PAIRS_MAX = 512,
	ROOM = 64 << 10,
	TRICKLE_BYTES = 256,
	LIFE_MIN = 50000, // bytes that a harmless connection passes on in a mix
	MS = 1000000,
};

// flow is one direction of a connection.
struct flow {
	int from, to;
	uint8_t *data; // ROOM bytes
	size_t start, len;
	int64_t due_ns; // nothing is passed on before
	bool is_ended;  // `from` will say no more
	bool is_shut;   // and `to` knows
};

struct pair {
	uint64_t dice;
	int64_t strike; // bytes, both ways together, after which it strikes
	int64_t passed; // so far
	struct flow flows[2];
	enum fault fault;
	short ready[2];
	bool is_used;
	bool has_struck;
};

static volatile sig_atomic_t is_ending;
static struct pair pairs[PAIRS_MAX];
static bool is_wanted[FAULT_COUNT];
static bool is_mixed; // more than one is wanted: no connection lives for ever then
static long counts[FAULT_COUNT];
static long strikes[FAULT_COUNT];

static void on_signal(int number)
{
	is_ending = 1;
}

static int64_t now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000 * MS + at.tv_nsec;
}

// roll is splitmix64.
static uint64_t roll(uint64_t *dice, uint64_t count)
{
	uint64_t z = *dice += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % count;
}

static void set_up(int fd)
{
	int on = 1;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void close_pair(struct pair *pair, bool is_reset)
{
	struct linger at_once = {1, 0};
	for (int i = 0; i < 2; i++) {
		if (is_reset)
			setsockopt(pair->flows[i].from, SOL_SOCKET, SO_LINGER, &at_once,
			           sizeof(at_once));
		close(pair->flows[i].from);
		free(pair->flows[i].data);
	}
	*pair = (struct pair){0};
}

static enum fault draw_fault(uint64_t *dice)
{
	for (;;) {
		enum fault fault = (enum fault)roll(dice, FAULT_COUNT);
		if (is_wanted[fault])
			return fault;
	}
}

// draw_strike prefers the first bytes, where heads and lengths are.
static int64_t draw_strike(uint64_t *dice)
{
	static const uint64_t spans[] = {8, 100, 4000, 200000, 2000000};
	return (int64_t)roll(dice, spans[roll(dice, sizeof(spans) / sizeof(*spans))]);
}

static struct pair *free_pair(void)
{
	for (int i = 0; i < PAIRS_MAX; i++)
		if (!pairs[i].is_used)
			return &pairs[i];
	return NULL;
}

static bool is_fatal(enum fault fault)
{
	return fault == CUT || fault == RESET || fault == HALF;
}

static void adopt(int client, int target_port, uint64_t seed, uint64_t number)
{
	struct pair *pair = free_pair();
	int server = pair ? connect_to(target_port) : -1;
	if (server < 0) {
		close(client);
		return;
	}
	uint64_t dice = seed ^ (number * UINT64_C(0x2545f4914f6cdd1d));
	*pair = (struct pair){.is_used = true, .fault = draw_fault(&dice)};
	pair->strike = draw_strike(&dice);
	if (!is_fatal(pair->fault))
		pair->strike = LIFE_MIN + (int64_t)roll(&dice, LIFE_MIN * 20);
	pair->dice = dice;
	pair->flows[0] = (struct flow){.from = client, .to = server, .data = malloc(ROOM)};
	pair->flows[1] = (struct flow){.from = server, .to = client, .data = malloc(ROOM)};
	set_up(client);
	set_up(server);
	counts[pair->fault]++;
	if (pair->fault != REFUSE)
		return;
	strikes[REFUSE]++;
	close_pair(pair, true);
}

// strike does what the connection's fault is; true: the connection is gone.
static bool strike(struct pair *pair)
{
	if (!pair->has_struck && is_fatal(pair->fault))
		strikes[pair->fault]++;
	pair->has_struck = true;
	if (pair->fault == HALF)
		return false;
	close_pair(pair, pair->fault == RESET);
	return true;
}

static bool can_strike(const struct pair *pair)
{
	return is_fatal(pair->fault) || is_mixed;
}

// piece is how many of the waiting bytes are passed on at once.
static size_t piece(struct pair *pair, const struct flow *flow)
{
	size_t size = flow->len;
	if (pair->fault == SPLIT)
		size = 1 + (size_t)roll(&pair->dice, size);
	if (pair->fault == TRICKLE && pair->passed < TRICKLE_BYTES)
		size = 1;
	if (can_strike(pair) && (int64_t)size > pair->strike - pair->passed)
		size = (size_t)(pair->strike - pair->passed);
	return size;
}

static int64_t pause_after(struct pair *pair)
{
	switch (pair->fault) {
	case DELAY:
		return (int64_t)roll(&pair->dice, 30 * MS);
	case SPLIT: // now and then long enough for the next writes to be glued on
		return roll(&pair->dice, 4) == 0 ? (int64_t)roll(&pair->dice, 2 * MS) : 0;
	case TRICKLE:
		return pair->passed < TRICKLE_BYTES ? MS / 4 : 0;
	default:
		return 0;
	}
}

// pass_on writes what is due; false: the connection is gone.
static bool pass_on(struct pair *pair, struct flow *flow, int64_t at)
{
	while (flow->len > 0 && flow->due_ns <= at) {
		if (can_strike(pair) && pair->passed >= pair->strike) {
			if (strike(pair))
				return false;
			flow->len = 0; // half open: swallowed
			return true;
		}
		ssize_t sent =
		        send(flow->to, flow->data + flow->start, piece(pair, flow), MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (sent < 0) {
			close_pair(pair, errno == ECONNRESET);
			return false;
		}
		flow->start += (size_t)sent;
		flow->len -= (size_t)sent;
		pair->passed += sent;
		int64_t pause = pause_after(pair);
		if (pause > 0)
			flow->due_ns = at + pause;
		if (pause > 0)
			strikes[pair->fault]++;
	}
	if (flow->len == 0 && flow->is_ended && !flow->is_shut && !pair->has_struck) {
		shutdown(flow->to, SHUT_WR);
		flow->is_shut = true;
	}
	return true;
}

// take reads what came; false: the connection is gone.
static bool take(struct pair *pair, struct flow *flow, int64_t at)
{
	if (flow->start > 0 && flow->len > 0)
		memmove(flow->data, flow->data + flow->start, flow->len);
	flow->start = 0;
	ssize_t got = recv(flow->from, flow->data + flow->len, ROOM - flow->len, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got < 0) {
		close_pair(pair, true);
		return false;
	}
	if (got == 0) {
		flow->is_ended = true;
		return true;
	}
	if (flow->len == 0 && pair->fault == DELAY)
		flow->due_ns = at + pause_after(pair);
	flow->len += (size_t)got;
	return true;
}

static void serve(struct pair *pair, int64_t at)
{
	for (int i = 0; i < 2; i++) {
		struct flow *flow = &pair->flows[i];
		if ((pair->ready[i] & (POLLIN | POLLHUP | POLLERR)) && flow->len < ROOM &&
		    !flow->is_ended && !take(pair, flow, at))
			return;
	}
	for (int i = 0; i < 2; i++)
		if (!pass_on(pair, &pair->flows[i], at))
			return;
	bool is_over = pair->flows[0].is_ended && pair->flows[1].is_ended &&
	               pair->flows[0].len == 0 && pair->flows[1].len == 0;
	// Of a half-open connection one side's end is the end: the other never hears of it.
	if (is_over || (pair->has_struck && (pair->flows[0].is_ended || pair->flows[1].is_ended)))
		close_pair(pair, false);
}

// arm says what to wait for, and until when at most.
static int64_t arm(struct pollfd *fds, int64_t at)
{
	int64_t next_ns = at + 100 * MS;
	for (int i = 0; i < PAIRS_MAX; i++) {
		for (int k = 0; k < 2; k++) {
			const struct flow *flow = &pairs[i].flows[k];
			struct pollfd *from = &fds[1 + 2 * i + k], *to = &fds[1 + 2 * i + 1 - k];
			from->fd = pairs[i].is_used ? flow->from : -1;
			if (k == 0)
				from->events = to->events = 0;
			if (!pairs[i].is_used)
				continue;
			if (flow->len < ROOM && !flow->is_ended)
				from->events |= POLLIN;
			if (flow->len > 0 && flow->due_ns <= at)
				to->events |= POLLOUT;
			if (flow->len > 0 && flow->due_ns > at && flow->due_ns < next_ns)
				next_ns = flow->due_ns;
		}
	}
	return next_ns;
}

static int listen_on(int *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 256) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return -1;
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void run(int listener, int target_port, uint64_t seed)
{
	static struct pollfd fds[1 + 2 * PAIRS_MAX];
	uint64_t number = 0;
	while (!is_ending) {
		int64_t at = now();
		fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
		int64_t wait_ns = arm(fds, at) - at;
		struct timespec wait = {wait_ns / (1000 * MS), wait_ns % (1000 * MS)};
		if (ppoll(fds, 1 + 2 * PAIRS_MAX, &wait, NULL) < 0)
			continue;
		at = now();
		for (int i = 0; i < PAIRS_MAX; i++) {
			pairs[i].ready[0] = fds[1 + 2 * i].revents;
			pairs[i].ready[1] = fds[1 + 2 * i + 1].revents;
			if (pairs[i].is_used)
				serve(&pairs[i], at);
		}
		int client = fds[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (client >= 0)
			adopt(client, target_port, seed, ++number);
	}
}

static bool read_faults(char *text)
{
	char *rest = text;
	for (char *word; (word = strsep(&rest, ","));) {
		bool is_known = false;
		for (int i = 0; i < FAULT_COUNT; i++)
			if (strcmp(word, "all") == 0 || strcmp(word, names[i]) == 0)
				is_known = is_wanted[i] = true;
		if (!is_known)
			return false;
	}
	int count = 0;
	for (int i = 0; i < FAULT_COUNT; i++)
		count += is_wanted[i];
	is_mixed = count > 1;
	return count > 0;
}

int main(int argc, char **argv)
{
	int port;
	if (argc != 4 || !read_faults(argv[2])) {
		fprintf(stderr, "usage: fault_proxy SEED all|FAULT,... TARGET-PORT\n");
		return 2;
	}
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	int listener = listen_on(&port);
	if (listener < 0)
		return 1;
	printf("listening on 127.0.0.1:%d\n", port);
	fflush(stdout);
	run(listener, (int)strtol(argv[3], NULL, 10), strtoull(argv[1], NULL, 10));
	for (int i = 0; i < FAULT_COUNT; i++)
		printf("%s %ld of %ld connections\n", names[i], strikes[i], counts[i]);
	for (int i = 0; i < PAIRS_MAX; i++)
		if (pairs[i].is_used)
			close_pair(&pairs[i], false);
	close(listener);
	return 0;
}
