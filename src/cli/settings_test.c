// settings_test.c - where the platform is looked for.
#include "base/mem.h"
#include "cli/settings.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char message[1024];
static char folder[64];

static void open_run(struct cli *cli)
{
	memset(message, 0, sizeof(message));
	FILE *err = fmemopen(message, sizeof(message) - 1, "w");
	setvbuf(err, NULL, _IONBF, 0);
	assert_int_equal(cli_init(cli, stdout, err), KP_OK);
}

static void close_run(struct cli *cli)
{
	fclose(cli->err);
	cli_fini(cli);
	assert_int_equal(kp_mem_live(), 0);
}

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/kipp-settings-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	unsetenv("KIPP_CONTROLLER");
	unsetenv("KIPP_DATA");
	return kp_file_remove_tree(folder, NULL) == KP_OK ? 0 : -1;
}

static void write_file(struct cli *cli, const char *name, const char *text)
{
	struct kp_bytes content = {(const uint8_t *)text, strlen(text)};
	assert_int_equal(kp_file_make_dirs(cli_text(cli, "%s/conf.d", folder), 0755, NULL), KP_OK);
	const char *path = cli_text(cli, "%s/%s", folder, name);
	assert_int_equal(kp_file_replace(path, content, 0644, NULL), KP_OK);
}

static struct args *with_flag(struct cli *cli, enum flag flag, const char *text)
{
	struct args *args = cli_alloc(cli, 1, sizeof(*args));
	args->values = cli_alloc(cli, 2, sizeof(*args->values));
	if (text)
		args->values[args->value_count++] = (struct args_value){flag, text, 0};
	return args;
}

static void endpoints_are_read_in_every_form(void **state)
{
	static const struct {
		const char *text, *endpoint, *shown;
	} cases[] = {
	        {"10.0.0.7:1234", "tcp -h 10.0.0.7 -p 1234", "10.0.0.7:1234"},
	        {"host", "tcp -h host -p 17890", "host:17890"},
	        {" tcp -h a -p 1 ", "tcp -h a -p 1", "a:1"},
	        {"tcp -h a -p 1:tcp -h b -p 2", "tcp -h a -p 1:tcp -h b -p 2", "a:1"},
	        {"", NULL, NULL},
	        {"host:", NULL, NULL},
	        {":1", NULL, NULL},
	        {"host:70000", NULL, NULL},
	        {"tcp -h a", NULL, NULL},
	        {"two words", NULL, NULL},
	};
	struct cli cli;
	open_run(&cli);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *endpoint = settings_endpoint(&cli, cases[i].text);
		if (!cases[i].endpoint) {
			assert_null(endpoint);
			continue;
		}
		assert_string_equal(endpoint, cases[i].endpoint);
		assert_string_equal(settings_shown(&cli, endpoint), cases[i].shown);
	}
	close_run(&cli);
}

static void the_flag_goes_before_all_else(void **state)
{
	struct cli cli;
	open_run(&cli);
	setenv("KIPP_DATA", folder, 1);
	assert_string_equal(settings_data(&cli, with_flag(&cli, FLAG_DATA, "/elsewhere")),
	                    "/elsewhere");
	assert_string_equal(settings_data(&cli, with_flag(&cli, FLAG_DATA, NULL)), folder);

	write_file(&cli, "controller.endpoint", "tcp -h left -p 1\n");
	const struct args *none = with_flag(&cli, FLAG_CONTROLLER, NULL);
	assert_string_equal(settings_controller(&cli, none), "tcp -h left -p 1");
	setenv("KIPP_CONTROLLER", "environment:2", 1);
	assert_string_equal(settings_controller(&cli, none), "tcp -h environment -p 2");
	assert_string_equal(settings_controller(&cli, with_flag(&cli, FLAG_DATA, folder)),
	                    "tcp -h left -p 1");
	assert_string_equal(settings_controller(&cli, with_flag(&cli, FLAG_CONTROLLER, "flag:3")),
	                    "tcp -h flag -p 3");
	setenv("KIPP_CONTROLLER", "no:where", 1);
	assert_null(settings_controller(&cli, none));
	assert_non_null(strstr(message, "KIPP_CONTROLLER is 'no:where'"));
	close_run(&cli);
}

static void the_last_file_that_has_a_key_counts(void **state)
{
	struct cli cli;
	open_run(&cli);
	assert_null(settings_from_files(&cli, folder, "data"));
	write_file(&cli, "kipp.conf", "<kipp>\ndata=/first\ncontroller=a:1\n</kipp>\n");
	assert_string_equal(settings_from_files(&cli, folder, "data"), "/first");
	write_file(&cli, "conf.d/20-b", "<kipp>\ndata=/third\n</kipp>\n");
	write_file(&cli, "conf.d/10-a", "<kipp>\ndata=/second\n</kipp>\n");
	assert_string_equal(settings_from_files(&cli, folder, "data"), "/third");
	assert_string_equal(settings_from_files(&cli, folder, "controller"), "a:1");
	assert_string_equal(message, "");
	write_file(&cli, "conf.d/30-c", "<kipp>\n</kip>\n");
	assert_string_equal(settings_from_files(&cli, folder, "data"), "/third");
	assert_non_null(strstr(message, "conf.d/30-c:2:"));
	close_run(&cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(endpoints_are_read_in_every_form, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(the_flag_goes_before_all_else, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(the_last_file_that_has_a_key_counts, make_folder,
	                                        remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
