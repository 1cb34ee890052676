// store.h - a small SQL database: statements, rows, transactions.
//
// The header names no engine. Statements use `?1` for parameters and keep to the SQL that SQLite
// and PostgreSQL share. A commit that returned KP_OK survives a crash and a power cut. A store
// belongs to one thread.
//
// Errors that a caller is meant to handle, each with a sentence for a person in `why`: NOSPACE (the
// disk is full; the transaction has no effect), CORRUPT (the file is damaged; it is never touched),
// BUSY (another process has it open).
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include "base/mem.h"

struct kp_store;
struct kp_query;

struct kp_store_options {
	const char *path; // of the database file; its directory must exist
	// migrations[n] takes the schema from version n to n + 1; each runs once, in a transaction.
	const char *const *migrations;
	size_t migration_count;
	int busy_timeout_ms; // how long to wait for a lock; 0: 2000
	int64_t size_max;    // bytes, over it writes fail with NOSPACE; 0: no limit
};

// kp_store_open opens or makes the database, checks it, and brings its schema up to date. DENIED:
// the file or its directory cannot be written. UNSUPPORTED: a newer program wrote it.
kp_err kp_store_open(const struct kp_store_options *options, struct kp_store **ret,
                     struct kp_why *why);

// kp_store_close rolls back what is open and frees the store. NULL is fine.
void kp_store_close(struct kp_store *store);
KP_DEFINE_FREEP(struct kp_store *, kp_store_close);

// kp_store_begin starts a transaction; kp_store_commit makes it durable, or undoes it and says why;
// kp_store_rollback undoes it, and does nothing outside a transaction.
kp_err kp_store_begin(struct kp_store *store, struct kp_why *why);
kp_err kp_store_commit(struct kp_store *store, struct kp_why *why);
void kp_store_rollback(struct kp_store *store);

// kp_store_query returns the statement for `sql`, prepared once and kept by the store, reset and
// without parameters. `sql` must be a string that lives as long as the store. The statement may not
// be used twice at the same time.
kp_err kp_store_query(struct kp_store *store, const char *sql, struct kp_query **ret,
                      struct kp_why *why);

// kp_query_bind_* give parameter `index`, from 1, a value. Views must stay valid until the query is
// done. A wrong index is remembered and told by the next step.
void kp_query_bind_i64(struct kp_query *query, int index, int64_t value);
void kp_query_bind_str(struct kp_query *query, int index, struct kp_str value);
void kp_query_bind_bytes(struct kp_query *query, int index, struct kp_bytes value);

// kp_query_step moves to the next row; *ret_row is false behind the last one, and the query is
// done.
kp_err kp_query_step(struct kp_query *query, bool *ret_row, struct kp_why *why);
// kp_query_run runs a statement that returns no rows, or whose rows do not matter.
kp_err kp_query_run(struct kp_query *query, struct kp_why *why);
// kp_query_done ends a query early, so that its locks go. kp_query_step does it behind the last
// row.
void kp_query_done(struct kp_query *query);

// kp_query_i64 and its kin read a column of the row, from 0. Views are valid until the next step.
// NULL reads as 0 or empty.
int64_t kp_query_i64(struct kp_query *query, int column);
struct kp_str kp_query_str(struct kp_query *query, int column);
struct kp_bytes kp_query_bytes(struct kp_query *query, int column);

// kp_store_changes is how many rows the last insert, update or delete touched.
int64_t kp_store_changes(const struct kp_store *store);
