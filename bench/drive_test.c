// drive_test.c - the load generator believes right answers only.
//
// A server of a few lines runs on a thread of the test; it echoes, with one chosen mistake.
#include "drive.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	REQUEST_SIZE = 67, // of a call with eight bytes
	ANSWER_SIZE = 33,
};

// A mistake changes one byte of the tenth answer; `skip` of them are left out at its end.
struct mistake {
	int offset; // -1: none
	uint8_t byte;
	int skip;
};

struct liar {
	int listen_fd;
	uint16_t port;
	struct mistake mistake;
	pthread_t thread;
};

static bool answer(int fd, int count, struct mistake mistake)
{
	uint8_t request[REQUEST_SIZE];
	if (recv(fd, request, sizeof(request), MSG_WAITALL) != sizeof(request))
		return false;
	uint8_t frame[ANSWER_SIZE + 1] =
	        "\x00\x00\x00\x21\x10\x01\x2c\x32....\x4c\x5c\x6d\x00\x00\x0d"
	        "\x0c\x2d\x00\x00\x08........\x78\x0c";
	memcpy(frame + 8, request + 9, 4);
	memcpy(frame + 23, request + REQUEST_SIZE - 15, 8);
	if (count == 0 && mistake.offset >= 0)
		frame[mistake.offset] = mistake.byte;
	size_t size = ANSWER_SIZE - (size_t)(count == 0 ? mistake.skip : 0);
	return send(fd, frame, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void *lie(void *arg)
{
	const struct liar *liar = arg;
	int fd = accept(liar->listen_fd, NULL, NULL);
	for (int count = 0; answer(fd, count, liar->mistake); count++)
		continue;
	close(fd);
	return NULL;
}

static void liar_start(struct liar *liar, struct mistake mistake)
{
	liar->mistake = mistake;
	liar->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	assert_int_equal(bind(liar->listen_fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(liar->listen_fd, 1), 0);
	assert_int_equal(getsockname(liar->listen_fd, (struct sockaddr *)&address, &size), 0);
	liar->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&liar->thread, NULL, lie, liar), 0);
}

static kp_err drive_against(struct mistake mistake, bool is_fresh, struct drive_result *result,
                            struct kp_why *why)
{
	struct liar liar;
	liar_start(&liar, mistake);
	kp_err err = drive_run(&(struct drive_options){.host = "127.0.0.1",
	                                               .port = liar.port,
	                                               .connections = 1,
	                                               .outstanding = 2,
	                                               .size = 8,
	                                               .duration_ns = 60000000000,
	                                               .calls = 200,
	                                               .pid = getpid(),
	                                               .is_fresh = is_fresh},
	                       result, why);
	pthread_join(liar.thread, NULL);
	close(liar.listen_fd);
	return err;
}

static void right_answers_are_counted(void **state)
{
	(void)state;
	for (int is_fresh = 0; is_fresh <= 1; is_fresh++) {
		struct drive_result result;
		struct kp_why why = {""};
		kp_err err = drive_against((struct mistake){.offset = -1}, is_fresh, &result, &why);
		assert_string_equal(why.text, "");
		assert_int_equal(err, KP_OK);
		assert_true(result.calls >= 200);
		assert_int_equal(result.calls, result.latency.count);
		assert_true(result.elapsed_ns > 0);
		assert_true(result.server_cpu_ns > 0);
		assert_true(result.own_cpu_ns > 0);
	}
}

static void a_wrong_answer_is_told(void **state)
{
	(void)state;
	static const struct {
		struct mistake mistake;
		const char *reason;
	} rows[] = {
	        {{3, 0x04, 0}, "what came back is no frame, or far too long for an answer"},
	        {{5, 0x03, 0}, "an answer of 33 bytes is malformed"},
	        {{8, 0x7f, 0}, "nobody asked for an answer to call"},
	        {{11, 0x09, 0}, "nobody asked for an answer to call"},
	        {{13, 0x51, 0}, "an answer of 33 bytes is malformed"},
	        {{22, 0x07, 0}, "an answer of 33 bytes is malformed"},
	        {{30, 0x00, 0}, "an answer has the wrong bytes"},
	        {{31, 0x0b, 0}, "an answer of 33 bytes is malformed"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct drive_result result;
		struct kp_why why = {""};
		assert_int_equal(drive_against(rows[i].mistake, false, &result, &why),
		                 KP_ERR_CORRUPT);
		assert_memory_equal(why.text, rows[i].reason, strlen(rows[i].reason));
	}
}

static void a_server_that_is_not_there_is_told(void **state)
{
	(void)state;
	struct drive_result result;
	struct kp_why why = {""};
	// Port 1 of an address that only this machine has, and nobody listens on.
	kp_err err = drive_run(&(struct drive_options){.host = "127.255.255.254",
	                                               .port = 1,
	                                               .connections = 1,
	                                               .outstanding = 1,
	                                               .duration_ns = 1000000000},
	                       &result, &why);
	assert_int_equal(err, KP_ERR_CONNECT);
	assert_string_equal(why.text, "no server answers on 127.255.255.254:1: Connection refused");
}

static void senseless_options_are_refused(void **state)
{
	(void)state;
	const struct drive_options good = {.host = "127.0.0.1",
	                                   .port = 1,
	                                   .connections = 1,
	                                   .outstanding = 1,
	                                   .duration_ns = 1000000000};
	struct drive_options rows[] = {good, good, good, good, good, good};
	rows[0].connections = 0;
	rows[1].connections = 1025;
	rows[2].outstanding = 4097;
	rows[3].size = 1024 * 1024 + 1;
	rows[4].duration_ns = 0;
	rows[5].host = "localhost";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct drive_result result;
		assert_int_equal(drive_run(&rows[i], &result, NULL), KP_ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(right_answers_are_counted),
	        cmocka_unit_test(a_wrong_answer_is_told),
	        cmocka_unit_test(a_server_that_is_not_there_is_told),
	        cmocka_unit_test(senseless_options_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
