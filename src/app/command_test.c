// command_test.c - the admin commands of a server that runs.
#include "app/fixture.h"
#include "interfaces/config.h"
#include "os/file.h"

static struct kp_str ask(struct caller *caller, const struct child *child, const char *line)
{
	struct kp_str text = {0};
	assert_int_equal(tars_AdminF_notify(tars_AdminF_proxy(caller->client, child->admin),
	                                    caller->call, kp_str(line), &text),
	                 KP_OK);
	return text;
}

static bool has(struct kp_str text, const char *part)
{
	return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void shut_down(struct caller *caller, struct child *child)
{
	assert_int_equal(
	        tars_AdminF_shutdown(tars_AdminF_proxy(caller->client, child->admin), caller->call),
	        KP_OK);
	expect_good_end(child);
	close_caller(caller);
}

static void the_agent_gives_commands(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	int64_t pid = 0;
	assert_int_equal(tars_AdminF_getPid(tars_AdminF_proxy(caller.client, child.admin),
	                                    caller.call, &pid),
	                 KP_OK);
	assert_int_equal(pid, child.pid);
	expect_notified(&caller, &child, "tars.help", "tars.setloglevel");
	expect_notified(&caller, &child, " tars.viewversion ", "kipp ");
	expect_notified(&caller, &child, "tars.setloglevel  DEBUG", "set log level [DEBUG] ok");
	expect_notified(&caller, &child, "tars.setloglevel LOUD", "'LOUD' is none of");
	expect_notified(&caller, &child, "tars.bid", "$Test.EchoServer, kipp ");
	shut_down(&caller, &child);
}

static void an_unknown_command_is_one_clear_sentence(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	static const char *const rows[][2] = {
	        {"tars.nosuchthing x",
	         "there is no command 'tars.nosuchthing'; tars.help lists them"},
	        {"", "there is no command ''; tars.help lists them"},
	        {"tars.viewstaus", "did you mean 'tars.viewstatus'?"},
	        {"tars.closecout", "nothing to close"},
	        {"tars.closecore yes", "core files are the machine's business"},
	        {"tars.enabledaylog remote|true", "there are no day logs"},
	        {"tars.setdyeing key servant", "nothing is dyed"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kp_str said_now = ask(&caller, &child, rows[i][0]);
		assert_true(has(said_now, rows[i][1]));
		assert_false(has(said_now, "\n"));
	}
	shut_down(&caller, &child);
}

static void the_status_tells_adapters_counters_and_limits(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	assert_int_equal(
	        RpcTest_Echo_ping(RpcTest_Echo_proxy(caller.client, child.object), caller.call),
	        KP_ERR_NOFUNC);
	static const char *const parts[] = {"server: Test.EchoServer\n",
	                                    "log level: INFO\n",
	                                    "adapter 0: tcp -h 127.0.0.1 -p ",
	                                    "connections: 1\n",
	                                    "requests: ",
	                                    "in progress or waiting: 0\n",
	                                    "limit connections_max: 10240\n",
	                                    "limit queue_max: "};
	struct kp_str text = ask(&caller, &child, "tars.viewstatus");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!has(text, parts[i]))
			fail_msg("no '%s' in '%.*s'", parts[i], KP_STR_ARG(text));
	text = ask(&caller, &child, "tars.connection");
	assert_true(has(text, "connections: 1\nadapter 0: 127.0.0.1:"));
	assert_true(has(text, " calls, 0 in progress, "));
	text = ask(&caller, &child, "tars.connection none");
	assert_true(has(text, "'none' is no number of connections"));
	text = ask(&caller, &child, "tars.resource");
	assert_true(has(text, "resident memory: ") && has(text, "threads: ") &&
	            has(text, "descriptors: "));
	shut_down(&caller, &child);
}

static void connections_of_a_held_loop_are_left_out(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller(), admin = open_caller();
	begin_hook(&caller, &child, BLOCK);
	const char *held = "1 of 1 loops did not answer within 1000 ms: a handler holds them";
	while (!has(ask(&admin, &child, "tars.connection"), held))
		(void)kp_client_drive(caller.client, 10);
	assert_int_equal(write(child.unblock, "x", 1), 1);
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	expect_notified(&admin, &child, "tars.connection", "connections: 1\n");
	kp_call_close(caller.call);
	kp_client_close(caller.client);
	shut_down(&admin, &child);
}

static void limits_are_seen_and_set_while_running(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "kipp.limits",
	                "  queue_max: 10240  # requests in progress");
	expect_notified(&caller, &child, "kipp.limits queuecap 7", "adapter 0: queuecap is 7 now");
	expect_notified(&caller, &child, "kipp.limits", "  queue_max: 7  #");
	expect_notified(&caller, &child, "kipp.limits 0 ban_s 60", "adapter 0: ban_s is 60 now");
	expect_notified(&caller, &child, "kipp.limits 0 ban_s none",
	                "adapter 0: ban_s is none now");
	expect_notified(&caller, &child, "kipp.limits", "  ban_s: none  #");
	expect_notified(&caller, &child, "kipp.limits ban_s default",
	                "adapter 0: ban_s is default now");
	expect_notified(&caller, &child, "kipp.limits", "  ban_s: 30  #");
	expect_notified(&caller, &child, "kipp.limits 1 ban_s 60", "there is no adapter '1'");
	expect_notified(&caller, &child, "kipp.limits bans 60",
	                "there is no limit 'bans'; did you "
	                "mean 'ban_s'?");
	expect_notified(&caller, &child, "kipp.limits ban_s much", "'much' is no limit");
	expect_notified(&caller, &child, "kipp.limits ban_s", "write kipp.limits, or");
	shut_down(&caller, &child);
}

static void explain_tells_where_calls_go(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "kipp.explain", "write kipp.explain OBJECT");
	expect_notified(&caller, &child, "kipp.explain A.B.NoObj", "this server has not called");
	begin_hook(&caller, &child, ASK); // it calls A.B.NoObj
	while (!has(ask(&caller, &child, "kipp.explain A.B.NoObj"), "127.0.0.1"))
		(void)kp_client_drive(caller.client, 10);
	kp_sock_close(child.silent);
	child.silent = -1;
	assert_int_equal(kp_client_drive(caller.client, 60000), KP_OK);
	shut_down(&caller, &child);
}

// --- the application's own

static struct kp_str on_flush(struct kp_call *call, struct kp_str rest, void *user)
{
	return kp_call_format(call, "%s flushed [%.*s]", (const char *)user, KP_STR_ARG(rest));
}

static void add_flush(struct kp_app *app)
{
	kp_app_on_command(app, "flush", on_flush, "[WHAT]: write what is kept", (void *)"cache");
}

static void an_application_has_commands_of_its_own(void **state)
{
	struct child child = {.prepare = add_flush};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "flush  now please", "cache flushed [now please]");
	expect_notified(&caller, &child, "tars.help", "flush: [WHAT]: write what is kept\n");
	expect_notified(&caller, &child, "flsh", "did you mean 'flush'?");
	shut_down(&caller, &child);
}

static void a_command_s_name_is_one_free_word(void **state)
{
	static const struct {
		const char *name, *said;
	} rows[] = {
	        {"two words", "the command 'two words' is not one word"},
	        {"", "the command '' is not one word"},
	        {"tars.mine", "the command 'tars.mine' is not one word, or begins with tars."},
	        {"twice", "the command 'twice' is there twice"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kp_app *app = open_app((const char *[]){"--name=A.B", "--port=0", NULL});
		kp_app_on_command(app, "twice", on_flush, NULL, NULL);
		kp_app_on_command(app, rows[i].name, on_flush, NULL, NULL);
		expect_no_start(app, rows[i].said);
	}
}

// --- reloading

static void replace_in_config(const char *from, const char *to)
{
	struct kp_buf text = {0};
	assert_int_equal(kp_file_read(config_path, 65536, &text, NULL), KP_OK);
	kp_buf_append_byte(&text, '\0');
	char *at = strstr((char *)text.data, from);
	assert_non_null(at);
	write_config("%.*s%s%s", (int)(at - (char *)text.data), (char *)text.data, to,
	             at + strlen(from));
	kp_buf_fini(&text);
}

static void loadproperty_says_per_key_what_counts_now(void **state)
{
	struct child child = {.keys = "logLevel=INFO\ngreeting=hello\nloops=1"};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "tars.loadproperty", "nothing has changed in ");
	replace_in_config("logLevel=INFO", "logLevel=ERROR");
	replace_in_config("greeting=hello", "greeting=bye\nlogLevl=WARN");
	replace_in_config("loops=1", "loops=2");
	replace_in_config("sync-invoke-timeout=60000", "sync-invoke-timeout=7000");
	replace_in_config("servant=Test", "queuecap=7\nallow=10.0.0.1\nservant=Test");
	replace_in_config("</client>",
	                  "<A.B.CObj>\nidempotent=browse list\nretries=2\n</A.B.CObj>\n"
	                  "</client>");
	struct kp_str text = ask(&caller, &child, "tars.loadproperty");
	static const char *const parts[] = {
	        "changed: server<logLevel> from 'INFO' to 'ERROR'\n",
	        "changed: client<sync-invoke-timeout> from '60000' to '7000'\n",
	        "needs a restart: server<loops> from '1' to '2'\n",
	        "read anew by the application: server<greeting> from 'hello' to 'bye'\n",
	        "changed: EchoAdapter<queuecap> from '10240' to '7'\n",
	        "needs a restart: EchoAdapter<allow> from '' to '10.0.0.1'\n",
	        "changed: the object A.B.CObj is new\n",
	        "nobody reads the key 'logLevl' of server; did you mean 'logLevel'?\n",
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!has(text, parts[i]))
			fail_msg("no '%s' in '%.*s'", parts[i], KP_STR_ARG(text));
	expect_notified(&caller, &child, "tars.viewstatus", "log level: ERROR\n");
	expect_notified(&caller, &child, "tars.viewstatus", "limit queue_max: 7\n");
	replace_in_config("retries=2", "retries=0\nbalancer=least-latency");
	expect_notified(&caller, &child, "tars.loadproperty",
	                "changed: A.B.CObj<retries> from '2' to '0'\n"
	                "changed: A.B.CObj<balancer> from 'round-robin' to 'least-latency'\n");
	shut_down(&caller, &child);
}

static void a_broken_file_changes_nothing(void **state)
{
	struct child child = {.keys = "logLevel=INFO"};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	replace_in_config("logLevel=INFO", "logLevel=WARN\nloops=many");
	expect_notified(&caller, &child, "tars.loadproperty",
	                "loops is a number from 0 to 256, not 'many'");
	expect_notified(&caller, &child, "tars.viewstatus", "log level: INFO\n");
	replace_in_config("</client>", "");
	expect_notified(&caller, &child, "tars.loadproperty", "nothing is changed: ");
	shut_down(&caller, &child);
}

static void sighup_reloads_as_loadproperty_does(void **state)
{
	struct child child = {.keys = "logLevel=INFO"};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	replace_in_config("logLevel=INFO", "logLevel=WARN");
	expect_notified(&caller, &child, "tars.viewstatus", "log level: INFO\n");
	assert_int_equal(kill(child.pid, SIGHUP), 0);
	while (!has(ask(&caller, &child, "tars.viewstatus"), "log level: WARN\n"))
		usleep(1000);
	shut_down(&caller, &child);
}

static void the_locator_is_read_again(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "tars.reloadlocator reload", "names none");
	replace_in_config("<client>\n", "<client>\nlocator=tcp -h 127.0.0.1 -p 17890\n");
	expect_notified(&caller, &child, "tars.reloadlocator",
	                "tcp -h 127.0.0.1 -p 17890 set succ.");
	expect_notified(&caller, &child, "tars.reloadlocator twice", "'twice' is not understood");
	replace_in_config("-p 17890", "-p many");
	expect_notified(&caller, &child, "tars.loadproperty", "not changed: client<locator>");
	shut_down(&caller, &child);
}

// --- files of the platform

static int served;

static int32_t on_load(struct kp_call *call, const struct tars_ConfigInfo *info,
                       struct kp_str *config)
{
	bool is_ours = kp_str_equal(info->appname, kp_str("Test")) &&
	               kp_str_equal(info->servername, kp_str("EchoServer")) &&
	               kp_str_equal(info->host, kp_str("node-one"));
	*config = (struct kp_str){0};
	if (is_ours && kp_str_equal(info->filename, kp_str("a.conf")))
		*config = kp_call_format(call, "content %d",
		                         __atomic_load_n(&served, __ATOMIC_RELAXED));
	if (kp_str_equal(info->filename, kp_str("broken.conf"))) {
		*config = kp_str("the database is away");
		return -1;
	}
	return 0;
}

static void expect_content(const char *name, const char *content)
{
	struct kp_buf text = {0};
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(kp_file_read(path, 100, &text, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&text), kp_str(content)));
	kp_buf_fini(&text);
}

static void remove_files(void)
{
	static const char *const names[] = {"a.conf",       "a.conf.1.bak", "a.conf.2.bak",
	                                    "a.conf.3.bak", "a.conf.4.bak", "a.conf.5.bak"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		assert_int_equal(unlink(path), 0);
	}
}

static void loadconfig_fetches_a_file_and_keeps_backups(void **state)
{
	static const struct tars_ConfigF_ops config_ops = {.loadConfigByInfo = on_load};
	struct kp_server *server;
	int adapter;
	char keys[512];
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(server,
	                                  &(struct kp_adapter_options){
	                                          .endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"},
	                                  &adapter, NULL),
	                 KP_OK);
	assert_int_equal(kp_server_serve(server, adapter, "tars.tarsconfig.ConfigObj",
	                                 &tars_ConfigF_interface, &config_ops, NULL),
	                 KP_OK);
	snprintf(keys, sizeof(keys),
	         "config=tars.tarsconfig.ConfigObj@%s\nbasepath=%s/\nnodename=node-one",
	         kp_server_endpoint(server, adapter), directory);
	struct child child = {.keys = keys};
	start_child(&child, NULL); // before there are threads
	assert_int_equal(kp_server_start(server), KP_OK);
	struct caller caller = open_caller();
	for (int round = 0; round < 8; round++) {
		__atomic_store_n(&served, round, __ATOMIC_RELAXED);
		expect_notified(&caller, &child, "tars.loadconfig a.conf",
		                "[succ] get remote config:a.conf, 9 bytes, in ");
	}
	expect_notified(&caller, &child, "tars.loadconfig a.conf", "the same as before in");
	expect_content("a.conf", "content 7");
	expect_content("a.conf.1.bak", "content 6");
	expect_content("a.conf.5.bak", "content 2");
	expect_notified(&caller, &child, "tars.loadconfig no.conf", "has no such file");
	expect_notified(&caller, &child, "tars.loadconfig broken.conf", "the database is away");
	expect_notified(&caller, &child, "tars.loadconfig ../a.conf",
	                "is no name of a configuration");
	expect_notified(&caller, &child, "tars.loadconfig", "is no name of a configuration");
	expect_content("a.conf", "content 7");
	remove_files();
	kp_server_close(server);
	shut_down(&caller, &child);
}

static void without_a_config_servant_loadconfig_says_so(void **state)
{
	struct child child = {0};
	start_child(&child, NULL);
	struct caller caller = open_caller();
	expect_notified(&caller, &child, "tars.loadconfig a.conf",
	                "the configuration does not say who has such files");
	shut_down(&caller, &child);
	struct child other = {.keys = "config=tars.tarsconfig.ConfigObj@tcp -h 127.0.0.1 -p 1"};
	start_child(&other, NULL);
	caller = open_caller();
	expect_notified(&caller, &other, "tars.loadconfig a.conf",
	                "[fail] a.conf is not fetched: tars.tarsconfig.ConfigObj@tcp -h 127.0.0.1 "
	                "-p 1 cannot be asked: ");
	shut_down(&caller, &other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_agent_gives_commands),
	        cmocka_unit_test(an_unknown_command_is_one_clear_sentence),
	        cmocka_unit_test(the_status_tells_adapters_counters_and_limits),
	        cmocka_unit_test(connections_of_a_held_loop_are_left_out),
	        cmocka_unit_test(limits_are_seen_and_set_while_running),
	        cmocka_unit_test(explain_tells_where_calls_go),
	        cmocka_unit_test(an_application_has_commands_of_its_own),
	        cmocka_unit_test(a_command_s_name_is_one_free_word),
	        cmocka_unit_test(loadproperty_says_per_key_what_counts_now),
	        cmocka_unit_test(a_broken_file_changes_nothing),
	        cmocka_unit_test(sighup_reloads_as_loadproperty_does),
	        cmocka_unit_test(the_locator_is_read_again),
	        cmocka_unit_test(loadconfig_fetches_a_file_and_keeps_backups),
	        cmocka_unit_test(without_a_config_servant_loadconfig_says_so),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
