// http_fixture.h - a client of HTTP, for the tests of a server that speaks it.
#pragma once

#include "rpc/fixture.h"

#include "tars/http.h"

#include <stdlib.h>
#include <sys/socket.h>

#define OBJ  "Test.EchoServer.EchoObj"
#define HEAD " HTTP/1.1\r\nHost: x\r\n"

struct reply {
	int status;
	struct kp_str head;
	struct kp_str body;
	char text[64 << 10];
};

// read_more waits for bytes; 0: the server has hung up.
static inline size_t read_more(int fd, char *to, size_t room)
{
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 30000), 1);
	ssize_t size = recv(fd, to, room, 0);
	return size > 0 ? (size_t)size : 0;
}

static inline const char *header(const struct reply *reply, const char *name)
{
	static char value[512];
	char line[64];
	snprintf(line, sizeof(line), "\r\n%s: ", name);
	const char *at = strstr(reply->text, line);
	if (!at || at > reply->text + reply->head.len)
		return NULL;
	at += strlen(line);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

// read_reply reads one response, byte by byte, so that the next one stays where it is.
static inline void read_reply(int fd, bool is_head, struct reply *reply)
{
	size_t len = 0;
	memset(reply, 0, sizeof(*reply));
	while (!strstr(reply->text, "\r\n\r\n")) {
		assert_true(len < sizeof(reply->text) - 1);
		assert_int_equal(read_more(fd, reply->text + len, 1), 1);
		len++;
	}
	assert_int_equal(sscanf(reply->text, "HTTP/1.1 %d ", &reply->status), 1);
	reply->head = (struct kp_str){reply->text, len};
	const char *length = header(reply, "Content-Length");
	size_t size = length && !is_head ? strtoul(length, NULL, 10) : 0;
	reply->body.ptr = reply->text + len;
	while (reply->body.len < size) {
		size_t got =
		        read_more(fd, reply->text + len + reply->body.len, size - reply->body.len);
		assert_true(got > 0);
		reply->body.len += got;
	}
}

static inline bool has_hung_up(int fd)
{
	char c;
	return read_more(fd, &c, 1) == 0;
}

static inline void ask_text(const struct world *world, const char *text, struct reply *reply)
{
	int fd = dial(world);
	send_all(fd, text, strlen(text));
	read_reply(fd, strncmp(text, "HEAD", 4) == 0, reply);
	kp_sock_close(fd);
}

static inline void ask(const struct world *world, struct reply *reply, const char *format, ...)
        KP_PRINTF(3, 4);

static inline void ask(const struct world *world, struct reply *reply, const char *format, ...)
{
	char text[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ask_text(world, text, reply);
}

// post calls a function with more headers, each with its line's end.
static inline void post(const struct world *world, const char *function, const char *headers,
                        const char *json, struct reply *reply)
{
	ask(world, reply, "POST /EchoObj/%s" HEAD "%sContent-Length: %zu\r\n\r\n%s", function,
	    headers, strlen(json), json);
}

static inline void assert_body(const struct reply *reply, const char *text)
{
	assert_string_equal(reply->body.ptr, text);
}

static inline void assert_body_has(const struct reply *reply, const char *text)
{
	if (!strstr(reply->body.ptr, text))
		fail_msg("there is no '%s' in: %s", text, reply->body.ptr);
}

static inline void expect(int fd, int status, const char *body)
{
	struct reply reply;
	read_reply(fd, false, &reply);
	assert_int_equal(reply.status, status);
	if (body)
		assert_body(&reply, body);
}

static inline void say(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
}

#define LIVE      "GET /livez" HEAD "\r\n"
#define ADD(a, b) "POST /EchoObj/add" HEAD "Content-Length: 13\r\n\r\n{\"a\":" #a ",\"b\":" #b "}"

#define SLOW                                                 \
	"POST /EchoObj/sleepThenSay" HEAD "Content-Length: " \
	"23\r\n\r\n{\"ms\":50,\"text\":\"slow\"}"

static inline struct kp_adapter_options tcp(void)
{
	return (struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"};
}

static int cancelled;

static int32_t wait_to_be_cancelled(struct kp_call *call, int32_t what)
{
	(void)kp_call_sleep(call, 60000);
	__atomic_fetch_add(&cancelled, kp_call_is_cancelled(call), __ATOMIC_SEQ_CST);
	return 0;
}
