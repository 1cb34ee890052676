// ledger.h - the orders that were paid, kept in SQLite.
#pragma once

#include <kipp/kipp.h>
#include <sqlite3.h>

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *add;
	sqlite3_stmt *find;
	sqlite3_stmt *sum;
};

struct ledger_entry {
	struct kp_str order;
	struct kp_str user;
	int cents;
};

// ledger_open opens the ledger in a file, and makes it if it is not there. False: `ledger_why`
// tells.
bool ledger_open(struct ledger *ledger, const char *path);
void ledger_close(struct ledger *ledger);

// ledger_add writes an entry unless the order is in the ledger already; `is_new` says which.
bool ledger_add(struct ledger *ledger, const struct ledger_entry *entry, bool *is_new);

// ledger_find reads an order's entry, its texts into the arena.
bool ledger_find(struct ledger *ledger, struct kp_str order, struct kp_arena *arena,
                 struct ledger_entry *ret);

bool ledger_sum(struct ledger *ledger, int64_t *orders, int64_t *cents);

// ledger_why says what went wrong last.
const char *ledger_why(const struct ledger *ledger);
