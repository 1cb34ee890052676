// attack.c - a server, a good client and attackers, for the system test of attacks.
//
// usage: attack serve [LIMIT=NUMBER...]     prints "listening PORT", then its counters and events
//        attack call PORT                   calls all the time; one line per hundred calls
//        attack garbage|silent|unread|dribble PORT SOURCES      until SIGTERM
#include "attack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <kipp/kipp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	SOURCES_MAX = 1000,
	CALLS_PER_ROUND = 100,
	REQUEST_SIZE = 32 << 10, // of those who do not read the answers
};

static int is_ending; // atomic

static void on_signal(int number)
{
	__atomic_store_n(&is_ending, 1, __ATOMIC_RELAXED);
}

static void rest(int ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

// --- the server

static int32_t on_echo(struct kp_call *call, struct kp_bytes data, struct kp_bytes *back)
{
	*back = data;
	return 0;
}

static bool read_limits(char **arguments, struct kp_limits *limits)
{
	for (; *arguments; arguments++) {
		char *sign = strchr(*arguments, '=');
		if (!sign)
			return false;
		struct kp_str name = {*arguments, (size_t)(sign - *arguments)};
		int64_t *field = kp_limits_field(limits, name);
		if (!field)
			return false;
		*field = strtoll(sign + 1, NULL, 10);
	}
	return true;
}

static void print_state(struct kp_server *server)
{
	struct kp_server_event event;
	static const char *const kinds[] = {
	        [KP_EVENT_BAN] = "ban",
	        [KP_EVENT_SUSPEND] = "suspend",
	        [KP_EVENT_RESUME] = "resume",
	        [KP_EVENT_HELD] = "held",
	};
	while (kp_server_next_event(server, &event))
		printf("event %s %s\n", kinds[event.kind], event.text);
	struct kp_adapter_stats stats;
	kp_server_stats(server, 0, &stats);
	printf("state {\"open\": %llu, \"malformed\": %llu, \"silent\": %llu, \"unread\": %llu, "
	       "\"banned\": %llu, \"turned_away\": %llu}\n",
	       (unsigned long long)stats.connections_open,
	       (unsigned long long)stats.closed_bad_frame +
	               (unsigned long long)stats.closed_oversized,
	       (unsigned long long)stats.closed_silent,
	       (unsigned long long)stats.closed_slow_reader,
	       (unsigned long long)stats.sources_banned,
	       (unsigned long long)stats.connections_banned);
	fflush(stdout);
}

static int serve(char **arguments)
{
	static const struct Attack_Echo_ops ops = {.echo = on_echo};
	struct kp_server *server;
	int adapter;
	struct kp_adapter_options options = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"};
	if (!read_limits(arguments, &options.limits) ||
	    kp_server_open(&(struct kp_server_options){.threads = 2}, &server, NULL) != KP_OK)
		return 2;
	if (kp_server_listen(server, &options, &adapter, NULL) != KP_OK ||
	    kp_server_serve(server, adapter, "Attack.Server.EchoObj", &Attack_Echo_interface, &ops,
	                    NULL) != KP_OK ||
	    kp_server_start(server) != KP_OK)
		return 1;
	printf("listening %s\n", strstr(kp_server_endpoint(server, adapter), "-p "));
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
		print_state(server);
		rest(100);
	}
	kp_server_close(server);
	return 0;
}

// --- the good client

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static void run_round(struct Attack_Echo *echo, struct kp_call *call)
{
	int64_t times_us[CALLS_PER_ROUND];
	int failed = 0;
	char text[100] = {0};
	struct kp_bytes data = {(const uint8_t *)text, sizeof(text)};
	for (int i = 0; i < CALLS_PER_ROUND; i++) {
		struct kp_bytes back;
		int32_t ret;
		int64_t begin_us = now_us();
		kp_err err = Attack_Echo_echo(echo, call, data, &back, &ret);
		times_us[i] = now_us() - begin_us;
		if (err != KP_OK || ret != 0 || back.len != data.len) {
			failed++;
			printf("failed %s %.*s\n", kp_err_name(err),
			       KP_STR_ARG(kp_call_reason(call)));
		}
		kp_call_reset(call);
		rest(1);
	}
	qsort(times_us, CALLS_PER_ROUND, sizeof(*times_us), compare);
	printf("round {\"failed\": %d, \"p50_us\": %lld, \"p99_us\": %lld}\n", failed,
	       (long long)times_us[CALLS_PER_ROUND / 2],
	       (long long)times_us[CALLS_PER_ROUND * 99 / 100]);
	fflush(stdout);
}

static int call(int port)
{
	struct kp_client *client;
	struct kp_call *call;
	char object[100];
	snprintf(object, sizeof(object), "Attack.Server.EchoObj@tcp -h 127.0.0.1 -p %d -t 60000",
	         port);
	struct kp_client_options options = {.timeout_ms = 20000, .connect_timeout_ms = 20000};
	if (kp_client_open(&options, &client, NULL) != KP_OK)
		return 1;
	if (kp_call_open(client, &call) != KP_OK) {
		kp_client_close(client);
		return 1;
	}
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED))
		run_round(Attack_Echo_proxy(client, object), call);
	kp_call_close(call);
	kp_client_close(client);
	return 0;
}

// --- attackers

struct attacker {
	int fd; // -1: not connected
	size_t sent;
};

// dial connects from an address of its own, 127.9.x.y, without waiting.
static int dial(int number, int port)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	own.sin_addr.s_addr =
	        htonl(0x7f090000U + (unsigned)(number / 250) * 256 + (unsigned)(number % 250) + 1);
	to.sin_addr.s_addr = htonl(0x7f000001U);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int one = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool is_begun =
	        bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0 &&
	        (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS);
	if (is_begun)
		return fd;
	close(fd);
	return -1;
}

// is_gone tells whether the server has hung up; whatever it said is left unread.
static bool is_gone(int fd)
{
	char byte;
	ssize_t size = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return size == 0 || (size < 0 && errno != EAGAIN && errno != ENOTCONN);
}

static void hang_up(struct attacker *attacker)
{
	close(attacker->fd);
	attacker->fd = -1;
}

// attack_plan is what an attacker sends: some bytes again and again, at most so many at a time.
struct attack_plan {
	const char *name;
	struct kp_bytes bytes;
	size_t step;
	bool is_once; // then it only waits
};

static void go_on(struct attacker *attacker, const struct attack_plan *plan, int number, int port)
{
	if (attacker->fd >= 0 && is_gone(attacker->fd))
		hang_up(attacker);
	if (attacker->fd < 0) {
		*attacker = (struct attacker){.fd = dial(number, port)};
		return;
	}
	if (plan->bytes.len == 0 || (plan->is_once && attacker->sent >= plan->bytes.len))
		return;
	size_t at = attacker->sent % plan->bytes.len;
	size_t left = plan->bytes.len - at;
	ssize_t size = send(attacker->fd, plan->bytes.ptr + at,
	                    left < plan->step ? left : plan->step, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (size > 0)
		attacker->sent += (size_t)size;
	else if (errno != EAGAIN && errno != ENOTCONN)
		hang_up(attacker);
}

static void attack_with(const struct attack_plan *plan, int port, int sources)
{
	struct attacker attackers[SOURCES_MAX];
	for (int i = 0; i < sources; i++)
		attackers[i] = (struct attacker){.fd = -1};
	printf("attacking with %s\n", plan->name);
	fflush(stdout);
	while (!__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
		for (int i = 0; i < sources; i++)
			go_on(&attackers[i], plan, i, port);
		rest(1);
	}
	for (int i = 0; i < sources; i++)
		if (attackers[i].fd >= 0)
			hang_up(&attackers[i]);
}

static bool encode_request(struct kp_buf *frame)
{
	static const uint8_t data[REQUEST_SIZE];
	static const char head[] = "\x10\x01\x2c\x3c\x40\x01\x56\x15"
	                           "Attack.Server.EchoObj\x66\x04"
	                           "echo";
	struct kp_buf body = {0};
	kp_bytes_encode(&body, 1, (struct kp_bytes){data, sizeof(data)});
	kp_buf_append(frame, "\0\0\0\0", 4);
	kp_buf_append(frame, head, sizeof(head) - 1);
	kp_bytes_encode(frame, 7, kp_buf_bytes(&body));
	static const char tail[] = "\x82\0\0\xea\x60\x98\x0c\xa8\x0c"; // timeout, context, status
	kp_buf_append(frame, tail, sizeof(tail) - 1);
	kp_buf_fini(&body);
	if (frame->err != KP_OK)
		return false;
	for (int i = 0; i < 4; i++)
		frame->data[i] = (uint8_t)(frame->len >> (24 - 8 * i));
	return true;
}

static int attack(const char *how, int port, int sources)
{
	struct kp_buf frame = {0};
	if (sources < 1 || sources > SOURCES_MAX || !encode_request(&frame))
		return 2;
	static const uint8_t garbage[] = "\0\0\0\x10garbagegarbageGET lost, and more of it";
	const struct attack_plan plans[] = {
	        {"garbage", {garbage, sizeof(garbage)}, sizeof(garbage), false},
	        {"silent", {NULL, 0}, 0, true},
	        {"unread", kp_buf_bytes(&frame), frame.len, false},
	        {"dribble", kp_buf_bytes(&frame), 1, false},
	};
	const struct attack_plan *plan = NULL;
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++)
		if (strcmp(plans[i].name, how) == 0)
			plan = &plans[i];
	if (plan)
		attack_with(plan, port, sources);
	kp_buf_fini(&frame);
	return plan ? 0 : 2;
}

int main(int argc, char **argv)
{
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && strcmp(argv[1], "serve") == 0)
		return serve(argv + 2);
	if (argc == 3 && strcmp(argv[1], "call") == 0)
		return call((int)strtol(argv[2], NULL, 10));
	return argc == 4 ? attack(argv[1], (int)strtol(argv[2], NULL, 10),
	                          (int)strtol(argv[3], NULL, 10))
	                 : 2;
}
