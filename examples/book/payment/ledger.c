// ledger.c - the orders that were paid; the order's name is the key, so nothing is paid twice.
//
// Each statement is reset as soon as it has answered: one that is not holds the file.
#include "ledger.h"

static const char schema[] = "PRAGMA journal_mode = WAL;"
                             "CREATE TABLE IF NOT EXISTS paid("
                             "  name TEXT PRIMARY KEY, user TEXT NOT NULL, cents INTEGER NOT NULL"
                             ") WITHOUT ROWID";

static bool prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) ==
	       SQLITE_OK;
}

static void bind_text(sqlite3_stmt *statement, int number, struct kp_str text)
{
	sqlite3_bind_text(statement, number, text.ptr, (int)text.len, SQLITE_TRANSIENT);
}

bool ledger_open(struct ledger *ledger, const char *path)
{
	return sqlite3_open(path, &ledger->db) == SQLITE_OK &&
	       sqlite3_busy_timeout(ledger->db, 1000) == SQLITE_OK &&
	       sqlite3_exec(ledger->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
	       prepare(ledger, "INSERT INTO paid VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
	               &ledger->add) &&
	       prepare(ledger, "SELECT user, cents FROM paid WHERE name = ?", &ledger->find) &&
	       prepare(ledger, "SELECT count(*), coalesce(sum(cents), 0) FROM paid", &ledger->sum);
}

void ledger_close(struct ledger *ledger)
{
	sqlite3_finalize(ledger->add);
	sqlite3_finalize(ledger->find);
	sqlite3_finalize(ledger->sum);
	sqlite3_close(ledger->db);
}

bool ledger_add(struct ledger *ledger, const struct ledger_entry *entry, bool *is_new)
{
	bind_text(ledger->add, 1, entry->order);
	bind_text(ledger->add, 2, entry->user);
	sqlite3_bind_int(ledger->add, 3, entry->cents);
	sqlite3_step(ledger->add);
	*is_new = sqlite3_changes(ledger->db) == 1;
	return sqlite3_reset(ledger->add) == SQLITE_OK;
}

bool ledger_find(struct ledger *ledger, struct kp_str order, struct kp_arena *arena,
                 struct ledger_entry *ret)
{
	bind_text(ledger->find, 1, order);
	bool is_there = sqlite3_step(ledger->find) == SQLITE_ROW;
	if (is_there) {
		const char *user = (const char *)sqlite3_column_text(ledger->find, 0);
		ret->order = order;
		ret->user = kp_arena_str(arena, kp_str(user));
		ret->cents = sqlite3_column_int(ledger->find, 1);
	}
	return sqlite3_reset(ledger->find) == SQLITE_OK && is_there;
}

bool ledger_sum(struct ledger *ledger, int64_t *orders, int64_t *cents)
{
	bool is_there = sqlite3_step(ledger->sum) == SQLITE_ROW;
	*orders = sqlite3_column_int64(ledger->sum, 0);
	*cents = sqlite3_column_int64(ledger->sum, 1);
	return sqlite3_reset(ledger->sum) == SQLITE_OK && is_there;
}

const char *ledger_why(const struct ledger *ledger)
{
	return sqlite3_errmsg(ledger->db);
}
