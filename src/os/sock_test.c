// sock_test.c - addresses, and sockets that have a path.
#include "os/sock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static char path[96];

static int make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/kipp-sock-XXXXXX", tmp && strlen(tmp) < 30 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.sock", dir);
	return 0;
}

static int remove_dir(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static struct kp_address address_of(const char *host)
{
	struct kp_address address;
	assert_int_equal(kp_address_parse(host, 0, &address), KP_OK);
	return address;
}

static void addresses_are_written_as_people_write_them(void **state)
{
	char text[KP_ADDRESS_TEXT_MAX];
	struct kp_address address;
	assert_int_equal(kp_address_parse("10.0.0.7", 9001, &address), KP_OK);
	kp_address_format(&address, text);
	assert_string_equal(text, "10.0.0.7:9001");
	assert_null(kp_address_path(&address));
	assert_int_equal(kp_address_parse("::1", 9001, &address), KP_OK);
	kp_address_format(&address, text);
	assert_string_equal(text, "[::1]:9001");
	address = address_of("/run/x.sock");
	kp_address_format(&address, text);
	assert_string_equal(text, "unix:/run/x.sock");
	assert_string_equal(kp_address_path(&address), "/run/x.sock");
	assert_int_equal(kp_address_port(&address), 0);
	kp_address_host(&address, text);
	assert_string_equal(text, "unix");
	address = (struct kp_address){0};
	kp_address_host(&address, text);
	assert_string_equal(text, "unknown");
}

static void a_path_is_as_long_as_the_system_takes_and_no_longer(void **state)
{
	char longest[109];
	char text[KP_ADDRESS_TEXT_MAX];
	struct kp_address address;
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[107] = '\0';
	address = address_of(longest);
	kp_address_format(&address, text);
	assert_int_equal(strlen(text), strlen("unix:") + 107);
	longest[107] = 'a';
	longest[108] = '\0';
	assert_int_equal(kp_address_parse(longest, 0, &address), KP_ERR_INVALID);
}

static void bytes_pass_through_a_path(void **state)
{
	struct kp_address address = address_of(path), peer;
	int listener, client, server;
	char text[KP_ADDRESS_TEXT_MAX], byte = 0;
	size_t size = 0;
	assert_int_equal(kp_sock_connect(&address, false, &client), KP_ERR_CONNECT);
	assert_int_equal(kp_sock_listen_path(&address, 0660, &listener), KP_OK);
	assert_int_equal(kp_sock_connect(&address, false, &client), KP_OK);
	assert_int_equal(kp_sock_connected(client), KP_OK);
	struct pollfd ready = {listener, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 60000), 1);
	assert_int_equal(kp_sock_accept(listener, &server, &peer), KP_OK);
	kp_address_format(&peer, text);
	assert_string_equal(text, "unix");
	assert_int_equal(kp_sock_write(client, "x", 1, &size), KP_OK);
	ready.fd = server;
	assert_int_equal(poll(&ready, 1, 60000), 1);
	assert_int_equal(kp_sock_read(server, &byte, 1, &size), KP_OK);
	assert_int_equal(byte, 'x');
	kp_sock_close(client);
	kp_sock_close(server);
	kp_sock_unlisten(&address, listener);
	assert_int_equal(access(path, F_OK), -1);
}

static void permissions_are_what_was_asked_for(void **state)
{
	static const int modes[] = {0600, 0660, 0666};
	struct kp_address address = address_of(path);
	struct stat status;
	int listener;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kp_sock_listen_path(&address, modes[i], &listener), KP_OK);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, modes[i]);
		kp_sock_unlisten(&address, listener);
	}
}

static void what_a_dead_listener_left_is_replaced(void **state)
{
	struct kp_address address = address_of(path);
	int listener, second;
	assert_int_equal(kp_sock_listen_path(&address, 0660, &listener), KP_OK);
	assert_int_equal(kp_sock_listen_path(&address, 0660, &second), KP_ERR_BUSY);
	close(listener); // without a farewell
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(kp_sock_listen_path(&address, 0660, &second), KP_OK);
	kp_sock_unlisten(&address, second);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct kp_address address = address_of(path);
	int listener;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(kp_sock_listen_path(&address, 0660, &listener), KP_ERR_BUSY);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void a_missing_directory_is_no_mystery(void **state)
{
	struct kp_address address = address_of("/nonexistent/x.sock");
	int listener;
	assert_int_equal(kp_sock_listen_path(&address, 0660, &listener), KP_ERR_INVALID);
}

static void an_address_gives_its_bytes(void **state)
{
	struct kp_address address;
	uint8_t bytes[16];
	assert_int_equal(kp_address_parse("10.0.0.7", 1, &address), KP_OK);
	assert_int_equal(kp_address_ip(&address, bytes), 4);
	assert_memory_equal(bytes, "\x0a\0\0\x07", 4);
	assert_int_equal(kp_address_parse("fd00::7", 1, &address), KP_OK);
	assert_int_equal(kp_address_ip(&address, bytes), 16);
	assert_memory_equal(bytes, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
	address.storage.ss_family = AF_UNIX;
	assert_int_equal(kp_address_ip(&address, bytes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_are_written_as_people_write_them),
	        cmocka_unit_test(a_path_is_as_long_as_the_system_takes_and_no_longer),
	        cmocka_unit_test(bytes_pass_through_a_path),
	        cmocka_unit_test(permissions_are_what_was_asked_for),
	        cmocka_unit_test(what_a_dead_listener_left_is_replaced),
	        cmocka_unit_test(a_file_in_the_way_is_left_alone),
	        cmocka_unit_test(an_address_gives_its_bytes),
	        cmocka_unit_test(a_missing_directory_is_no_mystery),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
