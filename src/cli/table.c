// table.c - renders rows.
#include "cli/table.h"

#include "base/text.h"
#include "tars/json.h"

#include <inttypes.h>
#include <time.h>

#define LIST_GAP ", " // between the parts of a list

enum {
	GAP = 2
};

void table_init(struct table *table, const struct column *columns, size_t column_count)
{
	*table = (struct table){.columns = columns, .column_count = column_count};
}

const char **table_add(struct cli *cli, struct table *table)
{
	if (table->row_count == table->row_max) {
		size_t row_max = table->row_max ? table->row_max * 2 : 16;
		const char **cells = cli_alloc(cli, row_max * table->column_count, sizeof(*cells));
		if (table->row_count > 0)
			memcpy(cells, table->cells,
			       table->row_count * table->column_count * sizeof(*cells));
		table->cells = cells;
		table->row_max = row_max;
	}
	const char **row = table->cells + table->row_count++ * table->column_count;
	for (size_t i = 0; i < table->column_count; i++)
		row[i] = "";
	return row;
}

static const char *cell_at(const struct table *table, size_t row, size_t column)
{
	return table->cells[row * table->column_count + column];
}

// width_of counts characters, not bytes.
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += *text == '\n' ? strlen(LIST_GAP) : ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static const char *shown(const char *text)
{
	return *text ? text : "-";
}

static size_t column_width(const struct table *table, size_t column, bool has_title)
{
	size_t width = has_title ? width_of(table->columns[column].title) : 0;
	for (size_t row = 0; row < table->row_count; row++) {
		size_t cell = width_of(shown(cell_at(table, row, column)));
		if (cell > width)
			width = cell;
	}
	return width;
}

static const char *colour_of(const struct column *column, const char *text)
{
	static const struct {
		const char *text;
		const char *colour;
	} colours[] = {
	        {"Active", "\033[32m"},  {"Failed", "\033[31m"},    {"Lost", "\033[31m"},
	        {"Backoff", "\033[33m"}, {"Suspended", "\033[33m"}, {"warning", "\033[33m"},
	        {"error", "\033[31m"},   {"silent", "\033[31m"},    {"alive", "\033[32m"},
	};
	if (column->kind != CELL_STATE && column->kind != CELL_LEVEL)
		return NULL;
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].text, text) == 0)
			return colours[i].colour;
	}
	return NULL;
}

static void pad(struct kp_buf *out, size_t width)
{
	for (size_t i = 0; i < width; i++)
		kp_buf_append_byte(out, ' ');
}

// A list stands in one line: its parts separated by a comma.
static void print_cell(struct kp_buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			kp_buf_append_str(out, kp_str(LIST_GAP));
		else
			kp_buf_append_byte(out, (uint8_t)*text);
	}
}

// print_row prints one row, or the titles when `row` is NULL. The last column is not padded.
static void print_row(const struct table *table, const char *const *row, unsigned is_in,
                      const size_t *widths, bool has_colour, struct kp_buf *out)
{
	size_t owed = 0; // blanks before the next cell
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		if (!(column->is_in & is_in))
			continue;
		const char *title = column->title ? column->title : "";
		const char *text = row ? shown(row[i]) : title;
		const char *colour = row && has_colour ? colour_of(column, text) : NULL;
		pad(out, owed);
		kp_buf_append_str(out, kp_str(colour));
		print_cell(out, text);
		kp_buf_append_str(out, kp_str(colour ? "\033[0m" : NULL));
		size_t width = width_of(text);
		owed = (widths[i] > width ? widths[i] - width : 0) + GAP;
	}
	kp_buf_append_byte(out, '\n');
}

static void render_columns(const struct table *table, unsigned is_in, bool has_colour,
                           bool has_title, struct kp_buf *out)
{
	size_t own[TABLE_COLUMNS_MAX] = {0};
	size_t *widths = table->widths ? table->widths : own;
	for (size_t i = 0; i < table->column_count; i++) {
		size_t width = table->columns[i].title ? column_width(table, i, has_title) : 0;
		widths[i] = width > widths[i] ? width : widths[i];
	}
	if (has_title)
		print_row(table, NULL, is_in, widths, false, out);
	for (size_t row = 0; row < table->row_count; row++)
		print_row(table, table->cells + row * table->column_count, is_in, widths,
		          has_colour, out);
}

static void put_number(struct kp_json_writer *writer, const char *text)
{
	int64_t number;
	if (kp_str_i64(kp_str(text), INT64_MIN, INT64_MAX, &number) == KP_OK)
		kp_json_put_i64(writer, number);
	else
		kp_json_put_null(writer);
}

static void put_list(struct kp_json_writer *writer, const char *text)
{
	kp_json_list_begin(writer);
	struct kp_str rest = kp_str(text), part;
	while (rest.len > 0 && kp_str_split_next(&rest, '\n', &part))
		kp_json_put_str(writer, part);
	kp_json_list_end(writer);
}

static void put_row(struct kp_json_writer *writer, const struct table *table, size_t row)
{
	kp_json_object_begin(writer);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		const char *text = cell_at(table, row, i);
		if (!(column->is_in & IN_JSON))
			continue;
		kp_json_key(writer, kp_str(column->key));
		if (column->kind == CELL_NUMBER)
			put_number(writer, text);
		else if (column->kind == CELL_LIST)
			put_list(writer, text);
		else
			kp_json_put_str(writer, kp_str(text));
	}
	kp_json_object_end(writer);
}

static void render_json(const struct table *table, struct kp_buf *out)
{
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_PRETTY);
	kp_json_list_begin(&writer);
	for (size_t row = 0; row < table->row_count; row++)
		put_row(&writer, table, row);
	kp_json_list_end(&writer);
	kp_buf_append_byte(out, '\n');
}

static void render_json_lines(const struct table *table, struct kp_buf *out)
{
	for (size_t row = 0; row < table->row_count; row++) {
		struct kp_json_writer writer = kp_json_writer(out, KP_JSON_LINE);
		put_row(&writer, table, row);
		kp_buf_append_byte(out, '\n');
	}
}

void table_render(const struct table *table, enum table_format format, bool has_colour,
                  bool has_title, struct kp_buf *out)
{
	switch (format) {
	case TABLE_SHORT:
		render_columns(table, IN_SHORT, has_colour, has_title, out);
		break;
	case TABLE_WIDE:
		render_columns(table, IN_WIDE, has_colour, has_title, out);
		break;
	case TABLE_JSON:
		render_json(table, out);
		break;
	case TABLE_JSON_LINES:
		render_json_lines(table, out);
		break;
	case TABLE_NAME:
		for (size_t row = 0; row < table->row_count; row++)
			kp_buf_printf(out, "%s\n", cell_at(table, row, 0));
		break;
	}
}

int table_print(struct cli *cli, const struct table *table, enum table_format format)
{
	struct kp_buf out = {0};
	table_render(table, format, cli->has_out_colour, true, &out);
	bool has_all = out.err == KP_OK;
	bool is_read = cli_print(cli, kp_buf_str(&out));
	kp_buf_fini(&out);
	if (!has_all)
		return cli_fail_nomem(cli);
	return is_read ? CLI_OK : CLI_FAILED;
}

enum table_format table_format_of(const struct args *args)
{
	const char *text = args_text(args, FLAG_OUTPUT, "table");
	if (strcmp(text, "json") == 0)
		return TABLE_JSON;
	if (strcmp(text, "wide") == 0)
		return TABLE_WIDE;
	return strcmp(text, "name") == 0 ? TABLE_NAME : TABLE_SHORT;
}

const char *table_duration(struct cli *cli, int64_t duration_ms)
{
	int64_t seconds = duration_ms < 0 ? 0 : duration_ms / 1000;
	if (seconds < 60)
		return cli_text(cli, "%" PRId64 "s", seconds);
	if (seconds < 3600)
		return cli_text(cli, "%" PRId64 "m%" PRId64 "s", seconds / 60, seconds % 60);
	if (seconds < 86400)
		return cli_text(cli, "%" PRId64 "h%" PRId64 "m", seconds / 3600, seconds / 60 % 60);
	return cli_text(cli, "%" PRId64 "d%" PRId64 "h", seconds / 86400, seconds / 3600 % 24);
}

const char *table_time(struct cli *cli, int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm parts;
	char text[32];
	if (!localtime_r(&seconds, &parts) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
		return "-";
	return cli_text(cli, "%s.%03d", text, (int)(time_ms % 1000));
}
