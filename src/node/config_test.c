// config_test.c - the configuration file, byte by byte.
#include "base/mem.h"
#include "node/config.h"
#include "tars/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT(text) ((struct kp_str){(text), sizeof(text) - 1})

static const struct config_adapter adapter = {
        .name = TEXT("PayObjAdapter"),
        .servants = TEXT("PayObj RefundObj"),
        .endpoint = TEXT("tcp -h 127.0.0.1 -p 20001 -t 60000"),
        .threads = 2,
        .connections_max = 100,
        .queue_max = 1000,
        .queue_timeout_ms = 5000,
};

static struct config_input sample(void)
{
	return (struct config_input){
	        .application = TEXT("Book"),
	        .server = TEXT("PaymentServer"),
	        .type = TEXT("kipp"),
	        .node_name = TEXT("node-a"),
	        .host = TEXT("127.0.0.1"),
	        .locator = TEXT("tars.tarsregistry.QueryObj@tcp -h 127.0.0.1 -p 17890"),
	        .node = TEXT("tcp -h 127.0.0.1 -p 17891"),
	        .admin_port = 30001,
	        .base_path = TEXT("/d/servers/Book.PaymentServer.1/bin/"),
	        .data_path = TEXT("/d/servers/Book.PaymentServer.1/data/"),
	        .log_path = TEXT("/d/servers/Book.PaymentServer.1/log/"),
	        .adapters = &adapter,
	        .adapter_count = 1,
	};
}

static const char golden[] =
        "<tars>\n"
        "  <application>\n"
        "    enableset=n\n"
        "    setdivision=NULL\n"
        "    <client>\n"
        "      locator=tars.tarsregistry.QueryObj@tcp -h 127.0.0.1 -p 17890\n"
        "      modulename=Book.PaymentServer\n"
        "      localip=127.0.0.1\n"
        "      logpath=/d/servers/Book.PaymentServer.1/log/\n"
        "      loglevel=INFO\n"
        "      sync-invoke-timeout=3000\n"
        "      async-invoke-timeout=5000\n"
        "      connect-timeout=1500\n"
        "      refresh-endpoint-interval=10000\n"
        "      stat=\n"
        "      property=\n"
        "      report-interval=60000\n"
        "      report-timeout=5000\n"
        "      max-report-size=1400\n"
        "      sample-rate=1000\n"
        "      max-sample-count=100\n"
        "      asyncthread=3\n"
        "      netthread=1\n"
        "      clientdialtimeout=1500\n"
        "      reqdefaulttimeout=3000\n"
        "      charsetname=UTF-8\n"
        "    </client>\n"
        "    <server>\n"
        "      app=Book\n"
        "      server=PaymentServer\n"
        "      localip=127.0.0.1\n"
        "      nodename=node-a\n"
        "      node_name=node-a\n"
        "      local=tcp -h 127.0.0.1 -p 30001 -t 10000\n"
        "      node=tars.tarsnode.ServerObj@tcp -h 127.0.0.1 -p 17891\n"
        "      basepath=/d/servers/Book.PaymentServer.1/bin/\n"
        "      datapath=/d/servers/Book.PaymentServer.1/data/\n"
        "      configpath=/d/servers/Book.PaymentServer.1/data/config/\n"
        "      logpath=/d/servers/Book.PaymentServer.1/log/\n"
        "      logLevel=INFO\n"
        "      loglevel=INFO\n"
        "      logsize=10M\n"
        "      lognum=10\n"
        "      log=tars.tarslog.LogObj\n"
        "      config=tars.tarsconfig.ConfigObj\n"
        "      notify=tars.tarsnotify.NotifyObj\n"
        "      activating-timeout=60000\n"
        "      deactivating-timeout=3000\n"
        "      netthread=1\n"
        "      opencoroutine=0\n"
        "      coroutinememsize=1G\n"
        "      coroutinestack=128K\n"
        "      closecout=0\n"
        "      mainloopticker=10000\n"
        "      gracedowntimeout=60000\n"
        "      samplerate=0\n"
        "      <Book.PaymentServer.PayObjAdapter>\n"
        "        allow=\n"
        "        endpoint=tcp -h 127.0.0.1 -p 20001 -t 60000\n"
        "        servant=Book.PaymentServer.PayObj Book.PaymentServer.RefundObj\n"
        "        threads=2\n"
        "        maxconns=100\n"
        "        queuecap=1000\n"
        "        queuetimeout=5000\n"
        "        protocol=tars\n"
        "      </Book.PaymentServer.PayObjAdapter>\n"
        "    </server>\n"
        "  </application>\n"
        "</tars>\n";

static char *print(const struct config_input *input)
{
	static char text[8192];
	struct kp_buf out = {0};
	struct kp_why why = {0};
	kp_err err = config_print(input, &out, &why);
	if (err != KP_OK)
		print_error("%s\n", why.text);
	assert_int_equal(err, KP_OK);
	snprintf(text, sizeof(text), "%.*s", KP_STR_ARG(kp_buf_str(&out)));
	kp_buf_fini(&out);
	return text;
}

static void config_is_what_it_was(void **state)
{
	struct config_input input = sample();
	assert_string_equal(print(&input), golden);
}

static void config_is_read_back_by_our_own_parser(void **state)
{
	static const struct {
		const char *path;
		const char *value;
	} table[] = {
	        {"/tars/application<enableset>", "n"},
	        {"/tars/application/client<locator>",
	         "tars.tarsregistry.QueryObj@tcp -h 127.0.0.1 -p 17890"},
	        {"/tars/application/server<node>",
	         "tars.tarsnode.ServerObj@tcp -h 127.0.0.1 -p 17891"},
	        {"/tars/application/server<node_name>", "node-a"},
	        {"/tars/application/server/Book.PaymentServer.PayObjAdapter<queuecap>", "1000"},
	};
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_conf conf;
	struct kp_why why = {0};
	kp_conf_init(&conf, arena);
	assert_int_equal(kp_conf_parse(&conf, kp_str(golden), &why), KP_OK);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct kp_str value;
		assert_true(kp_conf_get(&conf, table[i].path, &value));
		assert_true(kp_str_equal(value, kp_str(table[i].value)));
	}
	// Each section of the server's section is taken for an adapter by the SDKs.
	const struct kp_conf_node *server = kp_conf_find(&conf, kp_str("/tars/application/server"));
	const struct kp_conf_node *first = kp_conf_next(server, NULL, KP_CONF_SECTION);
	assert_non_null(first);
	assert_null(kp_conf_next(server, first, KP_CONF_SECTION));
	kp_arena_free(arena);
}

static void config_settings_take_the_place_of_defaults(void **state)
{
	static const struct config_setting settings[] = {
	        {TEXT("logLevel"), TEXT("DEBUG")},
	        {TEXT("deactivating-timeout"), TEXT("9000")},
	        {TEXT("ledger"), TEXT("a=b")},
	        {TEXT("client.sync-invoke-timeout"), TEXT("700")},
	        {TEXT("node"), TEXT("somebody else")},
	};
	struct config_input input = sample();
	input.settings = settings;
	input.setting_count = sizeof(settings) / sizeof(*settings);
	const char *text = print(&input);
	assert_non_null(strstr(text, "      logLevel=DEBUG\n      loglevel=DEBUG\n"));
	assert_non_null(strstr(text, "      deactivating-timeout=9000\n"));
	assert_null(strstr(text, "deactivating-timeout=3000"));
	assert_non_null(strstr(text, "      ledger=a=b\n"));
	assert_non_null(strstr(text, "      sync-invoke-timeout=700\n"));
	assert_null(strstr(text, "=3000\n      async"));
	assert_null(strstr(text, "somebody else"));
}

static void config_refuses_what_some_parser_would_misread(void **state)
{
	static const struct {
		struct config_setting setting;
		const char *words;
	} table[] = {
	        {{TEXT("x"), TEXT("a&b")}, "'x': its value holds '&'"},
	        {{TEXT("x"), TEXT("<y>")}, "holds '<'"},
	        {{TEXT("x"), TEXT("a>")}, "holds '>'"},
	        {{TEXT("x"), TEXT("a\\b")}, "holds '\\'"},
	        {{TEXT("x"), TEXT("a\nb=c")}, "control character"},
	        {{TEXT("x"), TEXT("a\0b")}, "control character"},
	        {{TEXT("a b"), TEXT("")}, "'a b': a key is made of"},
	        {{TEXT("</server>"), TEXT("")}, "a key is made of"},
	        {{TEXT(""), TEXT("")}, "a key is made of"},
	        {{TEXT("#x"), TEXT("")}, "a key is made of"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct kp_buf out = {0};
		struct kp_why why = {0};
		struct config_input input = sample();
		input.settings = &table[i].setting;
		input.setting_count = 1;
		assert_int_equal(config_print(&input, &out, &why), KP_ERR_INVALID);
		if (!strstr(why.text, table[i].words))
			print_error("%s\n", why.text);
		assert_non_null(strstr(why.text, table[i].words));
		kp_buf_fini(&out);
	}
}

static void config_finds_and_sets_ports_of_endpoints(void **state)
{
	struct kp_buf out = {0};
	assert_int_equal(config_endpoint_port(kp_str("tcp -h 10.0.0.1 -p 0 -t 60000")), 0);
	assert_int_equal(config_endpoint_port(kp_str("tcp  -p  77 ")), 77);
	assert_int_equal(config_endpoint_port(kp_str("tcp -h x")), -1);
	assert_int_equal(config_endpoint_port(kp_str("tcp -h x -p y")), -1);
	config_endpoint_print(kp_str("tcp -h 10.0.0.1  -p 0 -t 60000"), (struct kp_str){0}, 20001,
	                      &out);
	assert_true(kp_str_equal(kp_buf_str(&out), kp_str("tcp -h 10.0.0.1 -p 20001 -t 60000")));
	kp_buf_clear(&out);
	config_endpoint_print(kp_str("udp -h *"), kp_str("10.9.9.9"), 5, &out);
	assert_true(kp_str_equal(kp_buf_str(&out), kp_str("udp -h 10.9.9.9 -p 5")));
	kp_buf_fini(&out);
}

static int check_heap(void **state)
{
	return kp_mem_live() == 0 ? 0 : -1;
}

static void an_adapter_s_further_keys_stand_in_its_section(void **state)
{
	static const struct config_setting settings[] = {
	        {TEXT("dispatch"), TEXT("pool")},
	        {TEXT("allow"), TEXT("10.0.0.0/8")},
	        {TEXT("threads"), TEXT("99")}, // has its own place
	};
	struct config_adapter own = adapter;
	own.settings = settings;
	own.setting_count = 3;
	struct config_input input = sample();
	input.adapters = &own;
	struct kp_buf out = {0};
	assert_int_equal(config_print(&input, &out, NULL), KP_OK);
	kp_buf_append_byte(&out, '\0');
	const char *text = (const char *)out.data;
	const char *section = strstr(text, "Adapter>");
	assert_non_null(strstr(section, "        dispatch=pool\n"));
	assert_non_null(strstr(section, "        allow=10.0.0.0/8\n"));
	assert_null(strstr(section, "allow=\n"));
	assert_null(strstr(section, "threads=99"));
	kp_buf_fini(&out);
}

static void what_is_said_of_an_object_is_a_section_of_the_client(void **state)
{
	static const struct config_setting settings[] = {
	        {TEXT("client.Book.PayServer.PayObj.retries"), TEXT("2")},
	        {TEXT("client.sync-invoke-timeout"), TEXT("700")},
	        {TEXT("client.A.B.C.hedge"), TEXT("50")},
	        {TEXT("client.Book.PayServer.PayObj.idempotent"), TEXT("browse list")},
	};
	struct config_input input = sample();
	input.settings = settings;
	input.setting_count = 4;
	struct kp_buf out = {0};
	assert_int_equal(config_print(&input, &out, NULL), KP_OK);
	kp_buf_append_byte(&out, '\0');
	assert_non_null(strstr((const char *)out.data, "      sync-invoke-timeout=700\n"
	                                               "      <Book.PayServer.PayObj>\n"
	                                               "        retries=2\n"
	                                               "        idempotent=browse list\n"
	                                               "      </Book.PayServer.PayObj>\n"
	                                               "      <A.B.C>\n"
	                                               "        hedge=50\n"
	                                               "      </A.B.C>\n"
	                                               "    </client>\n"));
	kp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(config_is_what_it_was),
	        cmocka_unit_test(an_adapter_s_further_keys_stand_in_its_section),
	        cmocka_unit_test(what_is_said_of_an_object_is_a_section_of_the_client),
	        cmocka_unit_test(config_is_read_back_by_our_own_parser),
	        cmocka_unit_test(config_settings_take_the_place_of_defaults),
	        cmocka_unit_test(config_refuses_what_some_parser_would_misread),
	        cmocka_unit_test(config_finds_and_sets_ports_of_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, check_heap);
}
