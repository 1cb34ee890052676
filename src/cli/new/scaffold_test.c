// scaffold_test.c - the names and files of a new service.
#include "base/mem.h"
#include "cli/new/scaffold.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_servers_name_has_two_good_parts(void **state)
{
	static const char *const bad[] = {"",          "Demo",  "Demo.",    ".A",          "1.A",
	                                  "A.B.C",     "A.B-C", "struct.A", "A.intServer", "A/x.B",
	                                  "A b.Server"};
	FILE *nowhere = fopen("/dev/null", "w");
	struct cli cli;
	struct scaffold_names names;
	assert_int_equal(cli_init(&cli, stdout, nowhere), KP_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(scaffold_names_of(&cli, bad[i], &names), CLI_USAGE);

	assert_int_equal(scaffold_names_of(&cli, "Demo.HelloServer", &names), CLI_OK);
	assert_true(kp_str_equal(names.app, kp_str("Demo")));
	assert_true(kp_str_equal(names.server, kp_str("HelloServer")));
	assert_true(kp_str_equal(names.base, kp_str("Hello")));
	assert_true(kp_str_equal(names.base_lower, kp_str("hello")));

	assert_int_equal(scaffold_names_of(&cli, "Demo.Server", &names), CLI_OK);
	assert_true(kp_str_equal(names.base, kp_str("Server")));
	assert_true(kp_str_equal(names.base_lower, kp_str("proxy")));
	cli_fini(&cli);
	fclose(nowhere);
	assert_int_equal(kp_mem_live(), 0);
}

static void no_word_of_a_template_is_left(void **state)
{
	struct scaffold_names names = {.app = kp_str("Demo"),
	                               .server = kp_str("HelloServer"),
	                               .base = kp_str("Hello"),
	                               .base_lower = kp_str("hello"),
	                               .ending = kp_str("c"),
	                               .kipp = kp_str("/opt/kipp")};
	bool has_main = false, has_cpp_main = false;
	assert_true(scaffold_file_count >= 10);
	for (size_t i = 0; i < scaffold_file_count; i++) {
		const struct scaffold_file *file = &scaffold_files[i];
		struct kp_buf out = {0};
		scaffold_fill(kp_str(file->name), &names, &out);
		kp_buf_append_byte(&out, '\n');
		scaffold_fill((struct kp_str){file->text, file->size}, &names, &out);
		kp_buf_append_byte(&out, 0);
		assert_int_equal(out.err, KP_OK);
		assert_null(strstr((char *)out.data, "@APP"));
		assert_null(strstr((char *)out.data, "@SERVER"));
		assert_null(strstr((char *)out.data, "@BASE"));
		assert_null(strstr((char *)out.data, "@base"));
		assert_null(strstr((char *)out.data, "@KIPP"));
		assert_null(strstr((char *)out.data, "@c@"));
		has_cpp_main |= file->languages == SCAFFOLD_CPP &&
		                strstr((char *)out.data, "app.serve(\"HelloObj\"") != NULL;
		has_main |= file->languages == SCAFFOLD_C &&
		            strstr((char *)out.data, "Demo_Hello_serve(app, \"HelloObj\"") != NULL;
		kp_buf_fini(&out);
	}
	assert_true(has_main && has_cpp_main);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_servers_name_has_two_good_parts),
	        cmocka_unit_test(no_word_of_a_template_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
