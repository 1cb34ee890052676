// manifest_test.c - what kipp.conf may say, and where its errors are.
#include "base/mem.h"
#include "cli/package/manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char message[4096];

static int parse(struct cli *cli, const char *text, struct manifest *ret)
{
	memset(message, 0, sizeof(message));
	FILE *err = fmemopen(message, sizeof(message) - 1, "w");
	assert_int_equal(cli_init(cli, stdout, err), KP_OK);
	int code = manifest_parse(cli, "kipp.conf", kp_str(text), ret);
	fclose(err);
	return code;
}

static void a_manifest_gives_the_whole_description(void **state)
{
	struct cli cli;
	struct manifest manifest;
	assert_int_equal(parse(&cli,
	                       "# a comment\n"
	                       "<server>\n"
	                       "  name=Demo.HelloServer\n"
	                       "  executable=./bin/hello\n"
	                       "  version=1.2\n"
	                       "  instances=3\n"
	                       "  files=data  etc/words.txt\n"
	                       "  <Demo.HelloServer.HelloObjAdapter>\n"
	                       "    servant=Demo.HelloServer.HelloObj OtherObj\n"
	                       "    endpoint=tcp -h 0.0.0.0 -p 9001 -t 3000\n"
	                       "    threads=4\n"
	                       "    maxconns=77\n"
	                       "  </Demo.HelloServer.HelloObjAdapter>\n"
	                       "  <AdminAdapter>\n"
	                       "    servant=Admin\n"
	                       "  </AdminAdapter>\n"
	                       "  <settings>\n"
	                       "    loglevel=INFO\n"
	                       "  </settings>\n"
	                       "</server>\n",
	                       &manifest),
	                 CLI_OK);
	const struct kipp_Server *server = &manifest.server;
	assert_true(kp_str_equal(server->application, kp_str("Demo")));
	assert_true(kp_str_equal(server->name, kp_str("HelloServer")));
	assert_true(kp_str_equal(server->type, kp_str("kipp")));
	assert_true(kp_str_equal(server->executable, kp_str("bin/hello")));
	assert_int_equal(server->instances, 3);
	assert_int_equal(manifest.files.len, 2);
	assert_true(kp_str_equal(manifest.files.ptr[1], kp_str("etc/words.txt")));
	assert_int_equal(server->adapters.len, 2);
	const struct kipp_Adapter *adapter = &server->adapters.ptr[0];
	assert_true(kp_str_equal(adapter->name, kp_str("HelloObjAdapter")));
	assert_true(kp_str_equal(adapter->servant, kp_str("HelloObj OtherObj")));
	assert_true(kp_str_equal(adapter->endpoint, kp_str("tcp -h 0.0.0.0 -p 9001 -t 3000")));
	assert_int_equal(adapter->threads, 4);
	assert_int_equal(adapter->maxConnections, 77);
	assert_true(kp_str_equal(server->adapters.ptr[1].endpoint,
	                         kp_str("tcp -h 127.0.0.1 -p 0 -t 60000")));
	assert_int_equal(server->settings.len, 1);
	assert_true(kp_str_equal(server->settings.ptr[0].value, kp_str("INFO")));
	cli_fini(&cli);
	assert_int_equal(kp_mem_live(), 0);
}

static void errors_name_line_column_and_what_was_expected(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
	        {"", "kipp.conf:1:1: expected a section <server>"},
	        {"<server>\nname=Demo\nexecutable=x\n<A>\nservant=a\n</A>\n</server>\n",
	         "kipp.conf:2:6: name is 'Demo'; expected two parts"},
	        {"<server>\n  name=D.S\n  executable=x\n  instances= many\n<A>\nservant=a\n</A>\n"
	         "</server>\n",
	         "kipp.conf:4:14: instances is 'many'; expected a number from 1 to 1000"},
	        {"<server>\nname=D.S\nexecutable=x\n<A>\nservant=a\nendpoint=tcp\n</A>\n</server>",
	         "kipp.conf:6:10: endpoint is 'tcp'; expected \"tcp -h HOST -p PORT\""},
	        {"<server>\nname=D.S\nexecutabel=x\n<A>\nservant=a\n</A>\n</server>\n",
	         "there is no key 'executabel' here; did you mean 'executable'?"},
	        {"<server>\nname=D.S\nexecutable=x\n</server>\n",
	         "kipp.conf:1:1: <server> has no adapter"},
	        {"<server>\nname=D.S\nexecutable=x\n<A>\n</A>\n</server>\n",
	         "kipp.conf:4:1: <A> has no key 'servant', which it needs"},
	        {"<server>\nname=D.S\nexecutable=x\ntype=rust\n<A>\nservant=a\n</A>\n</server>\n",
	         "kipp.conf:4:6: type is 'rust'"},
	        {"<server>\nname=D.S\n", "kipp.conf:"},
	        {"<server>\n</sever>\n", "kipp.conf:2:"},
	        {"stray=1\n<server>\nname=D.S\nexecutable=x\n<A>\nservant=a\n</A>\n</server>\n",
	         "kipp.conf:1:7: 'stray' does not belong here"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli cli;
		struct manifest manifest;
		assert_int_equal(parse(&cli, cases[i].text, &manifest), CLI_USAGE);
		if (!strstr(message, cases[i].part))
			fail_msg("case %zu: '%s' has no '%s'", i, message, cases[i].part);
		cli_fini(&cli);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void all_errors_are_said_at_once(void **state)
{
	struct cli cli;
	struct manifest manifest;
	assert_int_equal(
	        parse(&cli, "<server>\nname=x\ninstances=0\nfoo=1\n</server>\n", &manifest),
	        CLI_USAGE);
	assert_non_null(strstr(message, "kipp.conf:2:6"));
	assert_non_null(strstr(message, "kipp.conf:3:11"));
	assert_non_null(strstr(message, "kipp.conf:4:5"));
	assert_non_null(strstr(message, "'executable'"));
	cli_fini(&cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_manifest_gives_the_whole_description),
	        cmocka_unit_test(errors_name_line_column_and_what_was_expected),
	        cmocka_unit_test(all_errors_are_said_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
