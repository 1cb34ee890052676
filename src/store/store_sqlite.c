// store_sqlite.c - the store over SQLite: write-ahead log, every commit synced, one process at a
// time.
#include "store/store.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/try.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

enum {
	BUSY_TIMEOUT_MS = 2000,
	PAGE_SIZE = 4096,
};

struct kp_query {
	struct kp_store *store; // borrowed
	sqlite3_stmt *statement;
	int err; // of the first failed bind
};

struct kp_store {
	sqlite3 *db;
	char *path;            // owned
	struct kp_map queries; // by SQL text; owned
};

// write_errno is what the last failed write of the database or of its log said.
// sqlite3_system_errno comes too late: the clean-up after the failure has overwritten it.
static int write_errno(sqlite3 *db)
{
	int number = 0;
	sqlite3_file *log = NULL;
	sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
	if (number == 0)
		sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

static bool is_no_space(sqlite3 *db, int code)
{
	if ((code & 0xff) == SQLITE_FULL)
		return true;
	if (!db || code != SQLITE_IOERR_WRITE)
		return false;
	int number = write_errno(db);
	return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

// fail turns the engine's last error into ours, with a sentence that says what to do.
static kp_err fail(struct kp_store *store, struct kp_why *why, int code)
{
	const char *path = store->path;
	const char *text = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
	if (is_no_space(store->db, code))
		return kp_why_set(why, KP_ERR_NOSPACE,
		                  "no space is left for the store %s: free space on its disk and "
		                  "try again; nothing that was acknowledged is lost",
		                  path);
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory in the store %s", path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return kp_why_set(why, KP_ERR_CORRUPT,
		                  "the store %s is damaged (%s) and was left as it is: move it "
		                  "away to start empty, or put a backup in its place",
		                  path, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return kp_why_set(why, KP_ERR_BUSY,
		                  "the store %s is in use by another controller: stop that one, or "
		                  "choose another data directory",
		                  path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return kp_why_set(why, KP_ERR_DENIED,
		                  "the store %s cannot be written (%s): check that its directory "
		                  "exists and who may write there",
		                  path, text);
	default:
		return kp_why_set(why, KP_ERR_IO, "the store %s failed: %s", path, text);
	}
}

static kp_err run(struct kp_store *store, const char *sql, struct kp_why *why)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? KP_OK : fail(store, why, code);
}

static kp_err run_number(struct kp_store *store, const char *format, int64_t number,
                         struct kp_why *why)
{
	char sql[100];
	snprintf(sql, sizeof(sql), format, (long long)number);
	return run(store, sql, why);
}

kp_err kp_store_query(struct kp_store *store, const char *sql, struct kp_query **ret,
                      struct kp_why *why)
{
	struct kp_query *query = kp_map_get(&store->queries, kp_str(sql));
	if (query) {
		sqlite3_reset(query->statement);
		sqlite3_clear_bindings(query->statement);
		query->err = SQLITE_OK;
		*ret = query;
		return KP_OK;
	}

	sqlite3_stmt *statement;
	int code =
	        sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (code != SQLITE_OK) {
		kp_err err = fail(store, why, code);
		kp_assert(err != KP_OK);
		return err;
	}
	query = kp_new(struct kp_query);
	if (!query || kp_map_set(&store->queries, kp_str(sql), query) != KP_OK) {
		sqlite3_finalize(statement);
		kp_free(query);
		kp_why_set(why, KP_ERR_NOMEM, "out of memory in the store %s", store->path);
		return KP_ERR_NOMEM;
	}
	*query = (struct kp_query){.store = store, .statement = statement};
	*ret = query;
	return KP_OK;
}

static void remember(struct kp_query *query, int code)
{
	if (query->err == SQLITE_OK)
		query->err = code;
}

void kp_query_bind_i64(struct kp_query *query, int index, int64_t value)
{
	remember(query, sqlite3_bind_int64(query->statement, index, value));
}

void kp_query_bind_str(struct kp_query *query, int index, struct kp_str value)
{
	const char *text = value.ptr ? value.ptr : "";
	remember(query, sqlite3_bind_text64(query->statement, index, text, value.len, SQLITE_STATIC,
	                                    SQLITE_UTF8));
}

void kp_query_bind_bytes(struct kp_query *query, int index, struct kp_bytes value)
{
	const void *data = value.ptr ? (const void *)value.ptr : "";
	remember(query,
	         sqlite3_bind_blob64(query->statement, index, data, value.len, SQLITE_STATIC));
}

kp_err kp_query_step(struct kp_query *query, bool *ret_row, struct kp_why *why)
{
	if (query->err != SQLITE_OK)
		return fail(query->store, why, query->err);
	int code = sqlite3_step(query->statement);
	if (code == SQLITE_ROW) {
		*ret_row = true;
		return KP_OK;
	}
	kp_err err = code == SQLITE_DONE ? KP_OK : fail(query->store, why, code);
	sqlite3_reset(query->statement);
	if (err == KP_OK)
		*ret_row = false;
	return err;
}

kp_err kp_query_run(struct kp_query *query, struct kp_why *why)
{
	bool row;
	KP_TRY(kp_query_step(query, &row, why));
	kp_query_done(query);
	return KP_OK;
}

void kp_query_done(struct kp_query *query)
{
	sqlite3_reset(query->statement);
	sqlite3_clear_bindings(query->statement);
}

int64_t kp_query_i64(struct kp_query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

struct kp_str kp_query_str(struct kp_query *query, int column)
{
	const char *text = (const char *)sqlite3_column_text(query->statement, column);
	size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
	return (struct kp_str){text, text ? len : 0};
}

struct kp_bytes kp_query_bytes(struct kp_query *query, int column)
{
	const uint8_t *data = sqlite3_column_blob(query->statement, column);
	size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
	return (struct kp_bytes){data, data ? len : 0};
}

int64_t kp_store_changes(const struct kp_store *store)
{
	return sqlite3_changes64(store->db);
}

kp_err kp_store_begin(struct kp_store *store, struct kp_why *why)
{
	return run(store, "BEGIN IMMEDIATE", why);
}

kp_err kp_store_commit(struct kp_store *store, struct kp_why *why)
{
	kp_err err = run(store, "COMMIT", why);
	if (err != KP_OK)
		kp_store_rollback(store);
	return err;
}

void kp_store_rollback(struct kp_store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

// read_text copies the first column of the first row.
static kp_err read_text(struct kp_store *store, const char *sql, char *ret_text, size_t text_size,
                        struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(store, sql, &query, why));
	bool row = false;
	KP_TRY(kp_query_step(query, &row, why));
	struct kp_str text = row ? kp_query_str(query, 0) : kp_str("");
	snprintf(ret_text, text_size, "%.*s", KP_STR_ARG(text));
	kp_query_done(query);
	return KP_OK;
}

static kp_err check(struct kp_store *store, struct kp_why *why)
{
	char text[200];
	KP_TRY(read_text(store, "PRAGMA quick_check(1)", text, sizeof(text), why));
	if (strcmp(text, "ok") == 0)
		return KP_OK;
	return kp_why_set(why, KP_ERR_CORRUPT,
	                  "the store %s is damaged (%s) and was left as it is: move it away to "
	                  "start empty, or put a backup in its place",
	                  store->path, text);
}

static kp_err migrate_step(struct kp_store *store, const char *sql, int64_t version,
                           struct kp_why *why)
{
	KP_TRY(kp_store_begin(store, why));
	kp_err err = run(store, sql, why);
	if (err == KP_OK)
		err = run_number(store, "PRAGMA user_version = %lld", version, why);
	if (err == KP_OK)
		return kp_store_commit(store, why);
	kp_store_rollback(store);
	return err;
}

static kp_err migrate(struct kp_store *store, const struct kp_store_options *options,
                      struct kp_why *why)
{
	char text[32];
	KP_TRY(read_text(store, "PRAGMA user_version", text, sizeof(text), why));
	long long version = 0;
	sscanf(text, "%lld", &version);
	if (version < 0 || (size_t)version > options->migration_count)
		return kp_why_set(why, KP_ERR_UNSUPPORTED,
		                  "the store %s has schema version %lld and this program knows up "
		                  "to %zu: use the newer program that wrote it",
		                  store->path, version, options->migration_count);
	for (size_t i = (size_t)version; i < options->migration_count; i++)
		KP_TRY(migrate_step(store, options->migrations[i], (int64_t)i + 1, why));
	return KP_OK;
}

// The lock is taken for as long as the store is open, so that two controllers never write the same
// file; it ends with the process.
static kp_err set_up(struct kp_store *store, const struct kp_store_options *options,
                     struct kp_why *why)
{
	int timeout_ms = options->busy_timeout_ms ? options->busy_timeout_ms : BUSY_TIMEOUT_MS;
	sqlite3_busy_timeout(store->db, timeout_ms);
	sqlite3_extended_result_codes(store->db, 1);
	KP_TRY(run(store, "PRAGMA locking_mode = EXCLUSIVE", why));
	KP_TRY(run(store, "PRAGMA journal_mode = WAL", why));
	KP_TRY(run(store, "PRAGMA synchronous = FULL", why));
	KP_TRY(run(store, "PRAGMA foreign_keys = ON", why));
	if (options->size_max > 0)
		KP_TRY(run_number(store, "PRAGMA max_page_count = %lld",
		                  options->size_max / PAGE_SIZE, why));
	KP_TRY(run(store, "BEGIN IMMEDIATE; ROLLBACK", why));
	KP_TRY(check(store, why));
	return migrate(store, options, why);
}

kp_err kp_store_open(const struct kp_store_options *options, struct kp_store **ret,
                     struct kp_why *why)
{
	kp_cleanup(kp_store_closep) struct kp_store *store = kp_new(struct kp_store);
	if (!store || !(store->path = kp_strdup(options->path)))
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");

	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(options->path, &store->db, flags, NULL);
	if (code != SQLITE_OK)
		return fail(store, why, code);
	// A file that may only be read opens without a word and fails at the first write.
	if (sqlite3_db_readonly(store->db, "main") == 1)
		return fail(store, why, SQLITE_READONLY);
	KP_TRY(set_up(store, options, why));
	*ret = kp_take(&store);
	return KP_OK;
}

void kp_store_close(struct kp_store *store)
{
	if (!store)
		return;
	size_t index = 0;
	void *value;
	while (kp_map_next(&store->queries, &index, NULL, &value)) {
		struct kp_query *query = value;
		sqlite3_finalize(query->statement);
		kp_free(query);
	}
	kp_map_fini(&store->queries);
	if (store->db) {
		kp_store_rollback(store);
		kp_assert(sqlite3_close(store->db) == SQLITE_OK);
	}
	kp_free(store->path);
	kp_free(store);
}
