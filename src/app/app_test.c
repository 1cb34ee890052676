// app_test.c - a server program: its command line, its configuration, the agent's side, its end.
#include "app/fixture.h"

// --- the command line

static void wrong_flags_are_told_in_a_sentence(void **state)
{
	static const struct {
		const char *args[6];
		const char *said;
	} rows[] = {
	        {{"--nosuch"}, "program: unknown argument '--nosuch'; --help"},
	        {{"stray"}, "unknown argument 'stray'"},
	        {{"--portal=1"}, "unknown argument '--portal=1'"},
	        {{"--port"}, "--port needs a number from 0 to 65535"},
	        {{"--port", "x"}, "--port needs a number from 0 to 65535"},
	        {{"--port=65536"}, "--port needs a number from 0 to 65535"},
	        {{"--port=-1"}, "--port needs a number"},
	        {{"--threads=0"}, "--threads needs a number from 1 to 256"},
	        {{"--threads", "257"}, "--threads needs a number from 1 to 256"},
	        {{"--name="}, "--name needs a value"},
	        {{"--config"}, "--config needs a value"},
	        {{"--name", "Foo"}, "--name is App.Server, not 'Foo'"},
	        {{"--name", ".Foo"}, "--name is App.Server, not '.Foo'"},
	        {{"--name", "Foo."}, "--name is App.Server, not 'Foo.'"},
	        {{"--name", "A.B.C"}, "--name is App.Server, not 'A.B.C'"},
	        {{"--port", "0"}, "give --name App.Server, or --config=FILE"},
	        {{"--endpoint", "tcp -p 1", "--port=1"}, "give --endpoint or --port, not both"},
	        {{"--name=A.B", "--locator", "nonsense -p"}, "locator"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_refused(rows[i].args, rows[i].said);
}

static const struct RpcTest_Echo_ops no_ops;

static void where_to_listen_must_be_said_and_be_possible(void **state)
{
	struct kp_app *app = open_app((const char *[]){"--name", "A.B", NULL});
	RpcTest_Echo_serve(app, "EchoObj", &no_ops, NULL);
	expect_no_start(app, "A.B: where to listen is not said: give --port P, or --config=FILE");

	app = open_app((const char *[]){"--name=A.B", "--endpoint=sctp -p 1", NULL});
	RpcTest_Echo_serve(app, "EchoObj", &no_ops, NULL);
	expect_no_start(app, "A.B: ");

	struct kp_address address;
	int fd;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &fd), KP_OK);
	assert_int_equal(kp_sock_local(fd, &address), KP_OK);
	char port[32];
	snprintf(port, sizeof(port), "--port=%d", kp_address_port(&address));
	app = open_app((const char *[]){"--name=A.B", port, NULL});
	RpcTest_Echo_serve(app, "EchoObj", &no_ops, NULL);
	RpcTest_Echo_serve(app, "OtherObj", &no_ops, NULL); // the first failure is the one told
	expect_no_start(app, "of 127.0.0.1 is in use by another program");
	kp_sock_close(fd);

	app = open_app((const char *[]){"--name=A.B", "--port=0", NULL});
	RpcTest_Echo_serve(app, "EchoObj", &no_ops, NULL);
	RpcTest_Echo_serve(app, "EchoObj", &no_ops, NULL);
	expect_no_start(app, "servant EchoObj: ");
}

// --- the configuration

static void a_missing_file_is_named(void **state)
{
	expect_refused((const char *[]){"--config=/nonexistent/app.conf", NULL},
	               "/nonexistent/app.conf");
}

static void a_broken_file_is_told_with_line_and_column(void **state)
{
	char where[128];
	write_config("<tars>\n  <application>\n    <server>\n  </application>\n</tars>\n");
	snprintf(where, sizeof(where), "program: %s:4:", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config("<tars>\n  <application\n");
	snprintf(where, sizeof(where), "program: %s:2:", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config("<tars>\n");
	snprintf(where, sizeof(where), "program: %s:", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config("%s", "");
	expect_refused((const char *[]){config_flag, NULL}, "who this is is not said");
}

static void a_bad_number_is_told_with_line_and_key(void **state)
{
	char where[256];
	write_config("<tars>\n<application>\n<server>\napp=A\nserver=B\n"
	             "deactivating-timeout=soon\n</server>\n</application>\n</tars>\n");
	snprintf(where, sizeof(where),
	         "%s:6: deactivating-timeout is a number from 0 to 60000, not 'soon'", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config("<tars>\n<application>\n<server>\napp=A\nserver=B\n<One>\n"
	             "threads=0\n</One>\n</server>\n</application>\n</tars>\n");
	snprintf(where, sizeof(where), "%s:7: threads is a number from 1 to 256, not '0'",
	         config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config(
	        "<tars>\n<application>\n<server>\napp=A\nserver=B\n<One>\nservant=A.B.EchoObj\n"
	        "endpoint=tcp -h 127.0.0.1 -p 0 -t 60000\nmaxconns=-4\n"
	        "</One>\n</server>\n</application>\n</tars>\n");
	snprintf(where, sizeof(where), "%s:9: maxconns is a number from 0 to", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
	write_config("<tars>\n<application>\n<server>\napp=A\nserver=B\nlogLevel=LOUD\n"
	             "</server>\n</application>\n</tars>\n");
	snprintf(where, sizeof(where),
	         "%s:6: logLevel is one of DEBUG INFO WARN ERROR NONE, not 'LOUD'", config_path);
	expect_refused((const char *[]){config_flag, NULL}, where);
}

static void an_unknown_key_warns_with_the_nearest_name(void **state)
{
	char where[256];
	write_config("<tars>\n<application>\n<server>\napp=A\nserver=B\ngreeting=hello\n<One>\n"
	             "servant=A.B.OneObj\nendpoint=tcp -h 127.0.0.1 -p 0\nquecap=7\nhandlegroup=x\n"
	             "</One>\n</server>\n</application>\n</tars>\n");
	struct kp_app *app = open_app((const char *[]){config_flag, NULL});
	assert_non_null(app);
	snprintf(where, sizeof(where),
	         "%s:10: nobody reads the key 'quecap' of an adapter; did you mean 'queuecap'?",
	         config_path);
	expect_said(where);
	assert_int_equal(kp_app_config(app, "/tars/application/server<greeting>").len, 5);
	RpcTest_Echo_serve(app, "NoObj", &no_ops, NULL);
	expect_no_start(app, "has no adapter with the servant A.B.NoObj");
}

static void threads_of_a_pool_are_not_loops(void **state)
{
	write_config(
	        "<tars>\n<application>\n<server>\napp=A\nserver=B\n"
	        "<One>\nservant=A.B.OneObj\nendpoint=tcp -h 127.0.0.1 -p 0\n"
	        "dispatch=pool\nthreads=7\n</One>\n"
	        "<Two>\nservant=A.B.TwoObj\nendpoint=tcp -h 127.0.0.1 -p 0\nthreads=2\n</Two>\n"
	        "</server>\n</application>\n</tars>\n");
	struct kp_app *app = open_app((const char *[]){config_flag, NULL});
	assert_int_equal(app_loops(app), 2);
	int adapter;
	assert_int_equal(app_find_adapter(app, "OneObj", &adapter, NULL), KP_OK);
	RpcTest_Echo_serve(app, "NoObj", &no_ops, NULL);
	expect_no_start(app, "has no adapter with the servant");
}

static void servants_listen_on_the_adapters_that_name_them(void **state)
{
	write_config("<tars>\n<application>\n<server>\napp=A\nserver=B\ndatapath=/tmp/data\n"
	             "logLevel=WARN\n"
	             "<OneAdapter>\nservant=A.B.OneObj,A.B.TwoObj\nthreads=3\n"
	             "endpoint=tcp -h 127.0.0.1 -p 0 -t 60000\n</OneAdapter>\n"
	             "<ThreeAdapter>\nservant=ZeroObj ThreeObj\n"
	             "endpoint=udp -h 127.0.0.1 -p 0 -t 60000\n</ThreeAdapter>\n"
	             "</server>\n</application>\n</tars>\n");
	struct kp_app *app = open_app((const char *[]){config_flag, NULL});
	assert_non_null(app);
	assert_string_equal(kp_app_name(app), "A.B");
	assert_string_equal(kp_app_data_path(app), "/tmp/data/");
	assert_int_equal(app->log_level, KP_LOG_WARN);
	int one = -1, two = -1, three = -1, none = -1;
	assert_int_equal(app_loops(app), 3);
	assert_int_equal(app_find_adapter(app, "OneObj", &one, NULL), KP_OK);
	assert_int_equal(app_find_adapter(app, "ThreeObj", &three, NULL), KP_OK);
	assert_int_equal(app_find_adapter(app, "TwoObj", &two, NULL), KP_OK);
	assert_int_equal(one, two);
	assert_int_not_equal(one, three);
	assert_memory_equal(kp_server_endpoint(app->server, one), "tcp ", 4);
	assert_memory_equal(kp_server_endpoint(app->server, three), "udp ", 4);
	struct kp_why why;
	assert_int_equal(app_find_adapter(app, "Three", &none, &why), KP_ERR_NOTFOUND);
	RpcTest_Echo_serve(app, "FourObj", &no_ops, NULL);
	expect_no_start(app, "app.conf has no adapter with the servant A.B.FourObj; add one");
}

// --- the fake agent

static int beats;
static int versions;

static int32_t on_keep_alive(struct kp_call *call, const struct tars_ServerInfo *info)
{
	if (info->pid > 0 && kp_str_equal(info->application, kp_str("Test")) &&
	    kp_str_equal(info->serverName, kp_str("EchoServer")))
		__atomic_fetch_add(&beats, 1, __ATOMIC_RELAXED);
	return 0;
}

static int32_t on_report_version(struct kp_call *call, struct kp_str app, struct kp_str server,
                                 struct kp_str version)
{
	__atomic_fetch_add(&versions, 1, __ATOMIC_RELAXED);
	return 0;
}

static const struct tars_ServerF_ops node_ops = {
        .keepAlive = on_keep_alive,
        .reportVersion = on_report_version,
};

static void heartbeats_go_on_while_a_handler_holds_the_loop(void **state)
{
	struct kp_server *node;
	int adapter;
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &node, NULL), KP_OK);
	assert_int_equal(kp_server_listen(node,
	                                  &(struct kp_adapter_options){
	                                          .endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"},
	                                  &adapter, NULL),
	                 KP_OK);
	assert_int_equal(kp_server_serve(node, adapter, "tars.tarsnode.ServerObj",
	                                 &tars_ServerF_interface, &node_ops, NULL),
	                 KP_OK);
	struct child child = {0};
	start_child(&child, kp_server_endpoint(node, adapter)); // before there are threads
	assert_int_equal(kp_server_start(node), KP_OK);
	struct caller caller = open_caller();
	begin_hook(&caller, &child, BLOCK);
	int before = __atomic_load_n(&beats, __ATOMIC_RELAXED);
	while (__atomic_load_n(&beats, __ATOMIC_RELAXED) < before + 3)
		(void)kp_client_drive(caller.client, 10);
	assert_int_equal(caller.ended, 0);
	assert_int_equal(__atomic_load_n(&versions, __ATOMIC_RELAXED), 1);
	assert_int_equal(write(child.unblock, "x", 1), 1);
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	assert_int_equal(caller.ret, 1);
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	expect_good_end(&child);
	kp_server_close(node);
	close_caller(&caller);
}

// --- the end

// wait_until_refused waits until the child no longer takes connections: it drains.
static void wait_until_refused(const struct child *child)
{
	int port = 0;
	struct kp_address address;
	assert_int_equal(sscanf(strstr(child->object, "-p "), "-p %d", &port), 1);
	assert_int_equal(kp_address_parse("127.0.0.1", port, &address), KP_OK);
	for (kp_err err = KP_OK; err == KP_OK;) {
		int fd = -1;
		err = kp_sock_connect(&address, false, &fd);
		if (err != KP_OK)
			return;
		struct pollfd ready = {fd, POLLOUT, 0};
		poll(&ready, 1, 60000);
		err = kp_sock_connected(fd);
		kp_sock_close(fd);
		usleep(500);
	}
}

static void accept_one(const struct child *child)
{
	struct pollfd ready = {child->silent, POLLIN, 0};
	assert_int_equal(poll(&ready, 1, 60000), 1);
}

static void the_first_sigterm_lets_calls_end(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	begin_hook(&caller, &child, ASK);
	accept_one(&child);                           // the handler has begun its call
	assert_int_equal(kill(child.pid, SIGHUP), 0); // says nothing about ending
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	wait_until_refused(&child);
	assert_int_equal(kill(child.pid, SIGHUP), 0);
	kp_sock_close(child.silent);
	child.silent = -1;
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	assert_int_equal(caller.ended, 1);
	assert_int_equal(caller.err, KP_OK);
	assert_int_equal(caller.ret, KP_ERR_CLOSED);
	expect_good_end(&child);
	close_caller(&caller);
}

static void the_second_sigterm_ends_at_once(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	begin_hook(&caller, &child, ASK);
	accept_one(&child);
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	wait_until_refused(&child);
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	int status = end_of(&child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	assert_int_equal(caller.err, KP_ERR_CLOSED);
	close_caller(&caller);
}

static void an_app_may_ask_twice_to_be_stopped(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	begin_hook(&caller, &child, STOP_TWICE);
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	assert_int_equal(caller.err, KP_OK);
	expect_good_end(&child);
	close_caller(&caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(wrong_flags_are_told_in_a_sentence),
	        cmocka_unit_test(where_to_listen_must_be_said_and_be_possible),
	        cmocka_unit_test(a_missing_file_is_named),
	        cmocka_unit_test(a_broken_file_is_told_with_line_and_column),
	        cmocka_unit_test(a_bad_number_is_told_with_line_and_key),
	        cmocka_unit_test(an_unknown_key_warns_with_the_nearest_name),
	        cmocka_unit_test(threads_of_a_pool_are_not_loops),
	        cmocka_unit_test(servants_listen_on_the_adapters_that_name_them),
	        cmocka_unit_test(heartbeats_go_on_while_a_handler_holds_the_loop),
	        cmocka_unit_test(the_first_sigterm_lets_calls_end),
	        cmocka_unit_test(the_second_sigterm_ends_at_once),
	        cmocka_unit_test(an_app_may_ask_twice_to_be_stopped),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
