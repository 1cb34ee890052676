// ledger.c - the orders that were paid; the order's name is the key, so nothing is paid twice.
#include "ledger.h"

#include <stddef.h>

static const char schema[] = "PRAGMA journal_mode = WAL;"
                             "CREATE TABLE IF NOT EXISTS paid("
                             "  name TEXT PRIMARY KEY, user TEXT NOT NULL, cents INTEGER NOT NULL"
                             ") WITHOUT ROWID";

static bool prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) ==
	       SQLITE_OK;
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
	sqlite3_reset(ledger->add);
	sqlite3_bind_text(ledger->add, 1, entry->order, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(ledger->add, 2, entry->user, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(ledger->add, 3, entry->cents);
	if (sqlite3_step(ledger->add) != SQLITE_DONE)
		return false;
	*is_new = sqlite3_changes(ledger->db) == 1;
	return true;
}

bool ledger_find(struct ledger *ledger, const char *order, struct ledger_entry *ret)
{
	sqlite3_reset(ledger->find);
	sqlite3_bind_text(ledger->find, 1, order, -1, SQLITE_TRANSIENT);
	if (sqlite3_step(ledger->find) != SQLITE_ROW)
		return false;
	ret->order = order;
	ret->user = (const char *)sqlite3_column_text(ledger->find, 0);
	ret->cents = sqlite3_column_int(ledger->find, 1);
	return true;
}

bool ledger_sum(struct ledger *ledger, int64_t *orders, int64_t *cents)
{
	sqlite3_reset(ledger->sum);
	if (sqlite3_step(ledger->sum) != SQLITE_ROW)
		return false;
	*orders = sqlite3_column_int64(ledger->sum, 0);
	*cents = sqlite3_column_int64(ledger->sum, 1);
	return true;
}

const char *ledger_why(const struct ledger *ledger)
{
	return sqlite3_errmsg(ledger->db);
}
