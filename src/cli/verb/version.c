// version.c - `kipp version`.
#include "cli/version.h"
#include "cli/table.h"
#include "cli/verbs.h"

static const struct column columns[] = {
        {"VERSION", "version", CELL_TEXT, IN_ALL},
        {"COMMIT", "commit", CELL_TEXT, IN_ALL},
        {"BUILD", "build", CELL_TEXT, IN_ALL},
        {"COMPILER", "compiler", CELL_TEXT, IN_WIDE | IN_JSON},
};

int verb_version(struct cli *cli, const struct args *args)
{
	const char *commit = KIPP_COMMIT;
	if (!args_has(args, FLAG_OUTPUT)) {
		const char *line = cli_text(cli, "kipp %s (%s%s%s build)\n", KIPP_VERSION, commit,
		                            *commit ? ", " : "", KIPP_BUILD);
		return cli_print(cli, kp_str(line)) ? CLI_OK : CLI_FAILED;
	}
	struct table table;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	const char **row = table_add(cli, &table);
	row[0] = KIPP_VERSION;
	row[1] = commit;
	row[2] = KIPP_BUILD;
	row[3] = __VERSION__;
	enum table_format format = table_format_of(args);
	return table_print(cli, &table, format == TABLE_JSON ? TABLE_JSON_LINES : format);
}
