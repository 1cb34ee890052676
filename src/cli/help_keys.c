// help_keys.c - `kipp help config`: the keys of a server's configuration, from their table.
#include "app/keys.h"
#include "cli/help.h"
#include "cli/table.h"

#include <inttypes.h>

static const struct column columns[] = {
        {"KEY", "key", CELL_TEXT, IN_ALL},       {"DEFAULT", "default", CELL_TEXT, IN_ALL},
        {"VALUES", "values", CELL_TEXT, IN_ALL}, {"CHANGE", "change", CELL_TEXT, IN_ALL},
        {"MEANING", "what", CELL_TEXT, IN_ALL},
};

static const char *values_of(struct cli *cli, const struct key *key)
{
	char *words;
	switch (key->kind) {
	case KEY_NUMBER:
		return cli_text(cli, "%" PRId64 "..%" PRId64, key->min, key->max);
	case KEY_WORD:
		words = (char *)cli_text(cli, "%s", key->words);
		for (char *at = words; *at; at++)
			*at = *at == ' ' ? '|' : *at;
		return words;
	default:
		return "text";
	}
}

static void print_section(struct cli *cli, enum key_section section, struct kp_buf *out)
{
	size_t count;
	const struct key *keys = keys_rows(&count);
	struct table table;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < count; i++) {
		if (keys[i].section != section || keys[i].kind == KEY_FOREIGN)
			continue;
		const char **row = table_add(cli, &table);
		row[0] = keys[i].name;
		row[1] = keys[i].fallback ? keys[i].fallback : "-";
		row[2] = values_of(cli, &keys[i]);
		row[3] = keys[i].effect == KEY_WHILE_RUNNING ? "live" : "restart";
		row[4] = keys[i].what;
	}
	kp_buf_printf(out, "\nThe section of %s\n\n", keys_section_title(section));
	table_render(&table, TABLE_SHORT, cli->has_out_colour, true, out);
}

void help_keys(struct cli *cli, struct kp_buf *out)
{
	kp_buf_printf(out,
	              "The keys of a server's configuration file. A change that is live counts "
	              "after SIGHUP or\n'kipp admin TARGET tars.loadproperty'.\n");
	for (int section = 0; section < KEY_SECTION_COUNT; section++)
		print_section(cli, (enum key_section)section, out);
}
