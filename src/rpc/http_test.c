// http_test.c - HTTP on a port that speaks packets too, through real sockets.
#include "rpc/fixture.h"

#include "tars/json.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define OBJ  "Test.EchoServer.EchoObj"
#define HEAD " HTTP/1.1\r\nHost: x\r\n"

// --- a client of HTTP

struct reply {
	int status;
	struct kp_str head;
	struct kp_str body;
	char text[64 << 10];
};

// read_more waits for bytes; 0: the server has hung up.
static size_t read_more(int fd, char *to, size_t room)
{
	struct pollfd ready = {fd, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 30000), 1);
	ssize_t size = recv(fd, to, room, 0);
	return size > 0 ? (size_t)size : 0;
}

static const char *header(const struct reply *reply, const char *name)
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
static void read_reply(int fd, bool is_head, struct reply *reply)
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
	size_t size = length && !is_head ? (size_t)atoi(length) : 0;
	reply->body.ptr = reply->text + len;
	while (reply->body.len < size) {
		size_t got =
		        read_more(fd, reply->text + len + reply->body.len, size - reply->body.len);
		assert_true(got > 0);
		reply->body.len += got;
	}
}

static void ask_text(const struct world *world, const char *text, struct reply *reply)
{
	int fd = dial(world);
	send_all(fd, text, strlen(text));
	read_reply(fd, strncmp(text, "HEAD", 4) == 0, reply);
	kp_sock_close(fd);
}

static void ask(const struct world *world, struct reply *reply, const char *format, ...)
        KP_PRINTF(3, 4);

static void ask(const struct world *world, struct reply *reply, const char *format, ...)
{
	char text[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ask_text(world, text, reply);
}

// post calls a function with more headers, each with its line's end.
static void post(const struct world *world, const char *function, const char *headers,
                 const char *json, struct reply *reply)
{
	ask(world, reply, "POST /EchoObj/%s" HEAD "%sContent-Length: %zu\r\n\r\n%s", function,
	    headers, strlen(json), json);
}

static void assert_body(const struct reply *reply, const char *text)
{
	assert_string_equal(reply->body.ptr, text);
}

static void assert_body_has(const struct reply *reply, const char *text)
{
	if (!strstr(reply->body.ptr, text))
		fail_msg("there is no '%s' in: %s", text, reply->body.ptr);
}

// --- calls

static void a_function_is_called_with_json(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	post(&world, "add", "", "{\"a\":40,\"b\":2}", &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(header(&reply, "Content-Type"), "application/json");
	assert_body(&reply, "{\"tars_ret\":42}\n");
	ask(&world, &reply,
	    "POST /" OBJ "/echo" HEAD "Content-Length: 18\r\n\r\n"
	    "{\"request\":\"AQL/\"}");
	assert_body(&reply, "{\"tars_ret\":0,\"response\":\"AQL/\"}\n");
	post(&world, "ping", "", "", &reply);
	assert_body(&reply, "{}\n");
	post(&world, "tars_ping", "", "", &reply);
	assert_body(&reply, "{}\n");
	assert_int_equal(stats_of(&world).answers, 4);
	close_world(&world);
}

static void what_goes_wrong_has_a_fitting_status(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	post(&world, "add", "", "{\"a\":1}", &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(header(&reply, "Content-Type"), "application/problem+json");
	assert_body_has(&reply, "missing parameter 'b' (int) of add");
	post(&world, "add", "", "{\"a\":1,\"b\":2147483648}", &reply);
	assert_int_equal(reply.status, 400);
	assert_body_has(&reply, "b: 2147483648 is out of the range");
	post(&world, "add", "", "{\"a\":1,\"b\":2", &reply);
	assert_int_equal(reply.status, 400);
	post(&world, "subtract", "", "{}", &reply);
	assert_int_equal(reply.status, 404);
	assert_body_has(&reply, "has no function subtract");
	ask(&world, &reply, "POST /Nobody/add" HEAD "\r\n");
	assert_int_equal(reply.status, 404);
	post(&world, "fail", "", "{\"code\":7,\"text\":\"no \\\"luck\\\"\"}", &reply);
	assert_int_equal(reply.status, 500);
	assert_body(&reply, "{\"title\":\"Internal Server Error\",\"status\":500,"
	                    "\"detail\":\"no \\\"luck\\\"\",\"iRet\":7}\n");
	ask(&world, &reply, "GET /EchoObj/add" HEAD "\r\n");
	assert_int_equal(reply.status, 405);
	assert_string_equal(header(&reply, "Allow"), "POST, OPTIONS");
	ask(&world, &reply, "POST /EchoObj" HEAD "\r\n");
	assert_int_equal(reply.status, 405);
	assert_string_equal(header(&reply, "Allow"), "GET, HEAD, OPTIONS");
	post(&world, "add", "Kipp-Timeout: soon\r\n", "{}", &reply);
	assert_int_equal(reply.status, 400);
	post(&world, "add", "Content-Encoding: gzip\r\n", "{}", &reply);
	assert_int_equal(reply.status, 415);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_function_is_called_with_json),
	        cmocka_unit_test(what_goes_wrong_has_a_fitting_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
