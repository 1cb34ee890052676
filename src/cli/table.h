// table.h - rows for people and for programs: one list of columns gives table, wide, json, name.
#pragma once

#include "cli/args.h"

enum table_format {
	TABLE_SHORT,      // aligned columns
	TABLE_WIDE,       // with more of them
	TABLE_JSON,       // a list of objects
	TABLE_JSON_LINES, // one object a line
	TABLE_NAME,       // the first column only
};

enum cell_kind {
	CELL_TEXT,
	CELL_NUMBER, // a JSON number; empty: null
	CELL_LIST,   // texts separated by '\n'
	CELL_STATE,  // a text that is coloured by what it says
	CELL_LEVEL,  // as CELL_STATE: normal, warning, error
};

enum {
	IN_SHORT = 1,
	IN_WIDE = 2,
	IN_JSON = 4,
	IN_TABLES = IN_SHORT | IN_WIDE,
	IN_ALL = IN_TABLES | IN_JSON,
};

struct column {
	const char *title; // "PID"
	const char *key;   // "pid"
	enum cell_kind kind;
	unsigned is_in;
};

enum {
	TABLE_COLUMNS_MAX = 32
};

struct table {
	const struct column *columns; // borrowed
	size_t column_count;
	const char **cells; // in the run's arena, row by row
	size_t row_count;
	size_t row_max;
	size_t *widths; // borrowed; what the columns had before, or NULL
};

void table_init(struct table *table, const struct column *columns, size_t column_count);

// table_add adds a row of texts, which must live as long as the table. Returns its cells, all
// empty.
const char **table_add(struct cli *cli, struct table *table);

// table_render appends the table to `out`. Errors stay in the buffer.
void table_render(const struct table *table, enum table_format format, bool has_colour,
                  bool has_title, struct kp_buf *out);

// table_print writes the table to the run's output and returns an exit code.
int table_print(struct cli *cli, const struct table *table, enum table_format format);

// table_format_of reads -o.
enum table_format table_format_of(const struct args *args);

// table_duration says how long something took, for people: "7s", "3m12s", "5h40m", "12d3h".
const char *table_duration(struct cli *cli, int64_t duration_ms);

// table_time prints a moment of the local time zone: "2026-01-02 03:04:05.678".
const char *table_time(struct cli *cli, int64_t time_ms);
