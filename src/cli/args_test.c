// args_test.c - what the command line means.
#include "base/mem.h"
#include "cli/args.h"
#include "cli/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char message[1024];

// parse takes a command line apart; what it complains about is left in `message`.
static int parse(struct cli *cli, struct args *args, const char *line)
{
	static char copy[512];
	static char *words[32];
	snprintf(copy, sizeof(copy), "kipp\t%s", line);
	int count = 0;
	for (char *at = copy; at;) {
		words[count++] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	memset(message, 0, sizeof(message));
	FILE *err = fmemopen(message, sizeof(message) - 1, "w");
	assert_int_equal(cli_init(cli, stdout, err), KP_OK);
	int code = args_parse(cli, count, words, args);
	fclose(err);
	return code;
}

static void args_read_flags_in_every_form(void **state)
{
	struct cli cli;
	struct args args;
	assert_int_equal(parse(&cli, &args, "-q\tlogs\t-fn5\tDemo.A.1"), CLI_OK);
	assert_string_equal(args.command->name, "logs");
	assert_true(args_has(&args, FLAG_FOLLOW));
	assert_true(args_has(&args, FLAG_QUIET));
	assert_int_equal(args_number(&args, FLAG_LINES, 0), 5);
	assert_string_equal(args_operand(&args, 0), "Demo.A.1");
	assert_null(args_operand(&args, 1));
	cli_fini(&cli);

	assert_int_equal(parse(&cli, &args, "--controller\thost:1\tps\t--output=json\t-v"), CLI_OK);
	assert_string_equal(args_text(&args, FLAG_OUTPUT, ""), "json");
	assert_string_equal(args_text(&args, FLAG_CONTROLLER, ""), "host:1");
	cli_fini(&cli);
}

static void args_keep_every_value_of_a_repeated_flag(void **state)
{
	struct cli cli;
	struct args args;
	assert_int_equal(parse(&cli, &args, "deploy\t-sA\t--servant\tB\t--servant=C"), CLI_OK);
	int index = 0;
	assert_string_equal(args_next(&args, FLAG_SERVANT, &index), "A");
	assert_string_equal(args_next(&args, FLAG_SERVANT, &index), "B");
	assert_string_equal(args_next(&args, FLAG_SERVANT, &index), "C");
	assert_null(args_next(&args, FLAG_SERVANT, &index));
	assert_string_equal(args_text(&args, FLAG_SERVANT, ""), "C");
	cli_fini(&cli);
}

static void args_tell_a_noun_with_a_verb_from_a_verb(void **state)
{
	struct cli cli;
	struct args args;
	assert_int_equal(parse(&cli, &args, "node\tlist\t-o\tname"), CLI_OK);
	assert_string_equal(args.command->name, "node list");
	assert_int_equal(args.operand_count, 0);
	cli_fini(&cli);
	assert_int_equal(parse(&cli, &args, "node"), CLI_OK);
	assert_string_equal(args.command->name, "node");
	cli_fini(&cli);
}

static void args_after_two_dashes_are_no_flags(void **state)
{
	struct cli cli;
	struct args args;
	assert_int_equal(parse(&cli, &args, "call\tA.B.C\t--\t-x\t-"), CLI_OK);
	assert_int_equal(args.operand_count, 3);
	assert_string_equal(args_operand(&args, 1), "-x");
	assert_string_equal(args_operand(&args, 2), "-");
	cli_fini(&cli);
}

static void args_say_what_is_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
	        {"delpoy", "there is no command 'delpoy'; did you mean 'kipp deploy'?"},
	        {"xyzzy", "there is no command 'xyzzy'; 'kipp help' lists them all"},
	        {"ps\t--ouptut\tjson", "'kipp ps' has no flag '--ouptut'; did you mean "
	                               "'--output'?"},
	        {"ps\t-Z", "'kipp ps' has no flag '-Z'; 'kipp ps --help' lists them"},
	        {"ps\t-o\tyaml", "--output takes one of table|wide|json|name, not 'yaml'"},
	        {"ps\t-o", "--output wants a value: --output table|wide|json|name"},
	        {"ps\t--watch=1", "--watch takes no value"},
	        {"up\t--port\t65536", "--port takes a number from 0 to 65535, not '65536'"},
	        {"up\t--port=x", "--port takes a number from 0 to 65535, not 'x'"},
	        {"node\tlst", "there is no command 'node lst'; did you mean 'kipp node list'?"},
	        {"up\tnow", "'kipp up' does not know what to do with 'now'; usage: kipp up"},
	        {"logs", "'kipp logs' wants more: kipp logs TARGET"},
	        {"stop\ta\tb", "'kipp stop' does not know what to do with 'b'; usage: kipp stop "
	                       "TARGET"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli cli;
		struct args args;
		assert_int_equal(parse(&cli, &args, cases[i].line), CLI_USAGE);
		assert_string_equal(strncmp(message, "kipp: ", 6) == 0 ? message + 6 : message,
		                    cli_text(&cli, "%s\n", cases[i].message));
		cli_fini(&cli);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void every_command_has_its_own_words_and_letters(void **state)
{
	size_t count;
	const struct command *rows = command_rows(&count);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(command_find(rows[i].name), &rows[i]);
		assert_non_null(rows[i].run);
		for (int a = 0; a < FLAG_COUNT; a++) {
			for (int b = a + 1; b < FLAG_COUNT; b++) {
				if (!command_has(&rows[i], a) || !command_has(&rows[i], b))
					continue;
				const struct flag_row *flags = flag_rows();
				assert_string_not_equal(flags[a].name, flags[b].name);
				if (flags[a].letter)
					assert_int_not_equal(flags[a].letter, flags[b].letter);
			}
		}
	}
}

static void help_and_completion_name_every_command(void **state)
{
	struct cli cli;
	assert_int_equal(cli_init(&cli, stdout, stderr), KP_OK);
	struct kp_buf help = {0}, completion = {0};
	help_all(&cli, &help);
	help_completion(&completion);
	kp_buf_append_byte(&help, 0);
	kp_buf_append_byte(&completion, 0);
	assert_int_equal(help.err, KP_OK);
	size_t count;
	const struct command *rows = command_rows(&count);
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].group)
			continue;
		assert_non_null(strstr((char *)help.data, rows[i].name));
		if (!strchr(rows[i].name, ' '))
			assert_non_null(strstr((char *)completion.data, rows[i].name));
		struct kp_buf one = {0};
		help_command(&rows[i], &one);
		kp_buf_append_byte(&one, 0);
		assert_non_null(strstr((char *)one.data, rows[i].summary));
		kp_buf_fini(&one);
	}
	kp_buf_fini(&help);
	kp_buf_fini(&completion);
	cli_fini(&cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(args_read_flags_in_every_form),
	        cmocka_unit_test(args_keep_every_value_of_a_repeated_flag),
	        cmocka_unit_test(args_tell_a_noun_with_a_verb_from_a_verb),
	        cmocka_unit_test(args_after_two_dashes_are_no_flags),
	        cmocka_unit_test(args_say_what_is_wrong),
	        cmocka_unit_test(every_command_has_its_own_words_and_letters),
	        cmocka_unit_test(help_and_completion_name_every_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
