// table_test.c - the four ways in which rows are printed.
#include "base/mem.h"
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct column columns[] = {
        {"NAME", "name", CELL_TEXT, IN_ALL},      {"STATE", "state", CELL_STATE, IN_ALL},
        {"PID", "pid", CELL_NUMBER, IN_ALL},      {"WHY", "reason", CELL_TEXT, IN_WIDE | IN_JSON},
        {"PORTS", "ports", CELL_LIST, IN_TABLES}, {NULL, "list", CELL_LIST, IN_JSON},
};

static void fill(struct cli *cli, struct table *table)
{
	table_init(table, columns, 6);
	const char **row = table_add(cli, table);
	row[0] = "a.long.name", row[1] = "Active", row[2] = "12";
	row[4] = row[5] = "one\ntwo";
	row = table_add(cli, table);
	row[0] = "ä", row[1] = "Failed", row[3] = "no \"x\"";
}

static void expect(enum table_format format, bool has_colour, const char *wanted)
{
	struct cli cli;
	struct table table;
	assert_int_equal(cli_init(&cli, stdout, stderr), KP_OK);
	fill(&cli, &table);
	struct kp_buf out = {0};
	table_render(&table, format, has_colour, true, &out);
	kp_buf_append_byte(&out, 0);
	assert_int_equal(out.err, KP_OK);
	assert_string_equal((char *)out.data, wanted);
	kp_buf_fini(&out);
	cli_fini(&cli);
	assert_int_equal(kp_mem_live(), 0);
}

static void table_aligns_by_characters(void **state)
{
	expect(TABLE_SHORT, false,
	       "NAME         STATE   PID  PORTS\n"
	       "a.long.name  Active  12   one, two\n"
	       "ä            Failed  -    -\n");
	expect(TABLE_WIDE, false,
	       "NAME         STATE   PID  WHY     PORTS\n"
	       "a.long.name  Active  12   -       one, two\n"
	       "ä            Failed  -    no \"x\"  -\n");
}

static void table_colours_states_only(void **state)
{
	expect(TABLE_SHORT, true,
	       "NAME         STATE   PID  PORTS\n"
	       "a.long.name  \033[32mActive\033[0m  12   one, two\n"
	       "ä            \033[31mFailed\033[0m  -    -\n");
}

static void table_gives_programs_json_and_names(void **state)
{
	expect(TABLE_NAME, false, "a.long.name\nä\n");
	expect(TABLE_JSON, false,
	       "[\n"
	       "  {\n"
	       "    \"name\": \"a.long.name\",\n"
	       "    \"state\": \"Active\",\n"
	       "    \"pid\": 12,\n"
	       "    \"reason\": \"\",\n"
	       "    \"list\": [\n"
	       "      \"one\",\n"
	       "      \"two\"\n"
	       "    ]\n"
	       "  },\n"
	       "  {\n"
	       "    \"name\": \"ä\",\n"
	       "    \"state\": \"Failed\",\n"
	       "    \"pid\": null,\n"
	       "    \"reason\": \"no \\\"x\\\"\",\n"
	       "    \"list\": []\n"
	       "  }\n"
	       "]\n");
}

static void durations_are_short(void **state)
{
	struct cli cli;
	assert_int_equal(cli_init(&cli, stdout, stderr), KP_OK);
	assert_string_equal(table_duration(&cli, -5), "0s");
	assert_string_equal(table_duration(&cli, 59999), "59s");
	assert_string_equal(table_duration(&cli, 192000), "3m12s");
	assert_string_equal(table_duration(&cli, 20400000), "5h40m");
	assert_string_equal(table_duration(&cli, 1047600000), "12d3h");
	cli_fini(&cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(table_aligns_by_characters),
	        cmocka_unit_test(table_colours_states_only),
	        cmocka_unit_test(table_gives_programs_json_and_names),
	        cmocka_unit_test(durations_are_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
