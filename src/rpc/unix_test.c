// unix_test.c - calls through a socket that has a path.
#include "rpc/fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

static char dir[64];
static char endpoint[160];

static int make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/kipp-unix-XXXXXX", tmp && strlen(tmp) < 30 ? tmp : "/tmp");
	snprintf(endpoint, sizeof(endpoint), "tcp -h %s/x.sock -p 0 -t 60000",
	         mkdtemp(dir) ? dir : "");
	return *dir ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir); // the servers have removed what was in it
}

static struct world open_unix_world(int threads)
{
	return open_world_with(threads, &(struct kp_adapter_options){.endpoint = endpoint});
}

static void calls_go_through_a_path(void **state)
{
	struct world world = open_unix_world(2);
	int32_t sum = 0;
	assert_string_equal(kp_server_endpoint(world.server, 0), endpoint);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, i, 2, &sum), KP_OK);
		assert_int_equal(sum, i + 2);
	}
	close_world(&world);
}

static int32_t tell_peer(struct kp_call *call, int32_t what)
{
	return kp_str_equal(kp_call_peer(call), kp_str("unix"));
}

static void a_handler_sees_who_calls(void **state)
{
	struct world world = open_unix_world(1);
	int32_t is_unix = 0;
	hook = tell_peer;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, 0, &is_unix), KP_OK);
	assert_int_equal(is_unix, 1);
	close_world(&world);
}

static void the_path_goes_with_the_server_and_comes_again(void **state)
{
	struct world world = open_unix_world(1);
	char path[96];
	int32_t sum;
	snprintf(path, sizeof(path), "%s/x.sock", dir);
	kp_server_stop(world.server, 1000);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum), KP_ERR_CONNECT);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	assert_int_equal(access(path, F_OK), 0);
	while (RpcTest_Echo_add(world.echo, world.call, 1, 2, &sum) != KP_OK)
		continue;
	close_world(&world);
	assert_int_equal(access(path, F_OK), -1);
}

static void assert_refused(struct kp_server *server, const char *text, const char *words)
{
	struct kp_why why = {""};
	assert_int_not_equal(kp_server_listen(server,
	                                      &(struct kp_adapter_options){.endpoint = text}, NULL,
	                                      &why),
	                     KP_OK);
	if (!strstr(why.text, words))
		fail_msg("'%s' has no '%s'", why.text, words);
}

static void what_cannot_be_listened_at_is_explained(void **state)
{
	struct world world = open_unix_world(1);
	struct kp_server *server;
	char text[160];
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &server, NULL), KP_OK);
	assert_refused(server, endpoint, "x.sock is in use by another program");
	assert_refused(server, "tcp -h /nonexistent/x.sock -p 0", "its directory does not exist");
	assert_refused(server, "udp -h /tmp/x.sock -p 0",
	               "a Unix socket such as /tmp/x.sock is tcp");
	snprintf(text, sizeof(text), "tcp -h /%0140d -p 0", 0);
	assert_refused(server, text, "is too long for a socket");
	kp_server_close(server);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(calls_go_through_a_path),
	        cmocka_unit_test(a_handler_sees_who_calls),
	        cmocka_unit_test(the_path_goes_with_the_server_and_comes_again),
	        cmocka_unit_test(what_cannot_be_listened_at_is_explained),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
