// journal.c - the schema, and how changes become rows and rows become changes.
#include "control/journal.h"

#include "base/try.h"
#include "os/rand.h"

#include <stdio.h>

static const char *const migrations[] = {
        // 1
        "CREATE TABLE change (rev INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
        " who TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL);"
        "CREATE TABLE change_server (rev INTEGER NOT NULL, name TEXT NOT NULL, spec BLOB NOT NULL,"
        " PRIMARY KEY (rev, name));"
        "CREATE TABLE server (name TEXT PRIMARY KEY, spec BLOB NOT NULL, rev INTEGER NOT NULL);"
        "CREATE TABLE instance (id TEXT PRIMARY KEY, server TEXT NOT NULL,"
        " number INTEGER NOT NULL, node TEXT NOT NULL, is_running INTEGER NOT NULL,"
        " restart_count INTEGER NOT NULL, rev INTEGER NOT NULL);"
        "CREATE TABLE node (name TEXT PRIMARY KEY, host TEXT NOT NULL, endpoint TEXT NOT NULL,"
        " version TEXT NOT NULL, rev INTEGER NOT NULL);"
        "CREATE TABLE status (id TEXT PRIMARY KEY, node TEXT NOT NULL, status BLOB NOT NULL);"
        "CREATE TABLE event (number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
        " kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL, node TEXT NOT NULL,"
        " level INTEGER NOT NULL);",
        // 2
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);",
};

static kp_err read_number(struct kp_store *store, const char *sql, int64_t *ret, struct kp_why *why)
{
	struct kp_query *query;
	bool row = false;
	KP_TRY(kp_store_query(store, sql, &query, why));
	KP_TRY(kp_query_step(query, &row, why));
	*ret = row ? kp_query_i64(query, 0) : 0;
	kp_query_done(query);
	return KP_OK;
}

static kp_err find_cluster(struct journal *journal, bool *ret_found, struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store, "SELECT value FROM meta WHERE key = 'cluster'",
	                      &query, why));
	KP_TRY(kp_query_step(query, ret_found, why));
	if (*ret_found)
		snprintf(journal->cluster, sizeof(journal->cluster), "%.*s",
		         KP_STR_ARG(kp_query_str(query, 0)));
	kp_query_done(query);
	return KP_OK;
}

// name_cluster gives the store the name that it keeps for ever.
static kp_err name_cluster(struct journal *journal, struct kp_why *why)
{
	bool is_named = false;
	KP_TRY(find_cluster(journal, &is_named, why));
	if (is_named)
		return KP_OK;
	uint8_t dice[(CLUSTER_SIZE - 1) / 2];
	kp_rand_bytes(dice, sizeof(dice));
	for (size_t i = 0; i < sizeof(dice); i++)
		snprintf(journal->cluster + 2 * i, 3, "%02x", dice[i]);
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO meta (key, value) VALUES ('cluster', ?1)", &query, why));
	kp_query_bind_str(query, 1, kp_str(journal->cluster));
	return kp_query_run(query, why);
}

kp_err journal_open(const char *data_dir, struct journal *ret, struct kp_why *why)
{
	char path[4096];
	if ((size_t)snprintf(path, sizeof(path), "%s/kipp.db", data_dir) >= sizeof(path))
		return kp_why_set(why, KP_ERR_INVALID, "the data directory's name is too long");
	struct kp_store_options options = {
	        .path = path,
	        .migrations = migrations,
	        .migration_count = sizeof(migrations) / sizeof(*migrations),
	};
	kp_cleanup(kp_store_closep) struct kp_store *store = NULL;
	KP_TRY(kp_store_open(&options, &store, why));
	struct journal journal = {.store = store};
	KP_TRY(name_cluster(&journal, why));
	KP_TRY(read_number(store, "SELECT max(rev) FROM change", &journal.rev, why));
	KP_TRY(read_number(store, "SELECT max(number) FROM event", &journal.event_number, why));
	journal.store = kp_take(&store);
	*ret = journal;
	return KP_OK;
}

void journal_close(struct journal *journal)
{
	kp_store_close(journal->store);
	*journal = (struct journal){0};
}

static struct change_step node_row(struct kp_query *query)
{
	return (struct change_step){
	        .kind = CHANGE_PUT_NODE,
	        .key = kp_query_str(query, 0),
	        .host = kp_query_str(query, 1),
	        .endpoint = kp_query_str(query, 2),
	        .version = kp_query_str(query, 3),
	};
}

static struct change_step server_row(struct kp_query *query)
{
	return (struct change_step){
	        .kind = CHANGE_PUT_SERVER,
	        .key = kp_query_str(query, 0),
	        .spec = kp_query_bytes(query, 1),
	};
}

static struct change_step instance_row(struct kp_query *query)
{
	return (struct change_step){
	        .kind = CHANGE_PUT_INSTANCE,
	        .key = kp_query_str(query, 0),
	        .server = kp_query_str(query, 1),
	        .number = (int32_t)kp_query_i64(query, 2),
	        .node = kp_query_str(query, 3),
	        .is_running = kp_query_i64(query, 4) != 0,
	        .restart_count = kp_query_i64(query, 5),
	};
}

static kp_err load_rows(struct journal *journal, const char *sql,
                        struct change_step (*read_row)(struct kp_query *query), struct state *state,
                        int64_t now_ns, struct kp_why *why)
{
	struct kp_query *query;
	bool row = false;
	KP_TRY(kp_store_query(journal->store, sql, &query, why));
	for (;;) {
		KP_TRY(kp_query_step(query, &row, why));
		if (!row)
			return KP_OK;
		struct change_step step = read_row(query);
		if (state_apply(state, &step, 1, now_ns) == KP_OK)
			continue;
		kp_query_done(query);
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	}
}

static kp_err load_statuses(struct journal *journal, struct state *state, int64_t now_ns,
                            struct kp_why *why)
{
	struct kp_query *query;
	bool row = false;
	KP_TRY(kp_store_query(journal->store,
	                      "SELECT s.id, s.status FROM status s JOIN instance i"
	                      " ON i.id = s.id AND i.node = s.node",
	                      &query, why));
	for (;;) {
		KP_TRY(kp_query_step(query, &row, why));
		if (!row)
			return KP_OK;
		struct kp_str id = kp_query_str(query, 0);
		if (state_restore_status(state, id, kp_query_bytes(query, 1), now_ns) == KP_OK)
			continue;
		kp_query_done(query);
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	}
}

kp_err journal_load(struct journal *journal, struct state *state, int64_t now_ns,
                    struct kp_why *why)
{
	KP_TRY(load_rows(journal, "SELECT name, host, endpoint, version FROM node", node_row, state,
	                 now_ns, why));
	KP_TRY(load_rows(journal, "SELECT name, spec FROM server", server_row, state, now_ns, why));
	KP_TRY(load_rows(journal,
	                 "SELECT id, server, number, node, is_running, restart_count FROM instance",
	                 instance_row, state, now_ns, why));
	return load_statuses(journal, state, now_ns, why);
}

static kp_err put_server(struct journal *journal, const struct change_step *step, int64_t rev,
                         struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO server (name, spec, rev) VALUES (?1, ?2, ?3)"
	                      " ON CONFLICT (name) DO UPDATE SET spec = excluded.spec,"
	                      " rev = excluded.rev",
	                      &query, why));
	kp_query_bind_str(query, 1, step->key);
	kp_query_bind_bytes(query, 2, step->spec);
	kp_query_bind_i64(query, 3, rev);
	KP_TRY(kp_query_run(query, why));

	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO change_server (rev, name, spec) VALUES (?1, ?2, ?3)",
	                      &query, why));
	kp_query_bind_i64(query, 1, rev);
	kp_query_bind_str(query, 2, step->key);
	kp_query_bind_bytes(query, 3, step->spec);
	return kp_query_run(query, why);
}

static kp_err put_instance(struct journal *journal, const struct change_step *step, int64_t rev,
                           struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(
	        journal->store,
	        "INSERT INTO instance (id, server, number, node, is_running, restart_count, rev)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	        " ON CONFLICT (id) DO UPDATE SET node = excluded.node,"
	        " is_running = excluded.is_running, restart_count = excluded.restart_count,"
	        " rev = excluded.rev",
	        &query, why));
	kp_query_bind_str(query, 1, step->key);
	kp_query_bind_str(query, 2, step->server);
	kp_query_bind_i64(query, 3, step->number);
	kp_query_bind_str(query, 4, step->node);
	kp_query_bind_i64(query, 5, step->is_running);
	kp_query_bind_i64(query, 6, step->restart_count);
	kp_query_bind_i64(query, 7, rev);
	return kp_query_run(query, why);
}

static kp_err put_node(struct journal *journal, const struct change_step *step, int64_t rev,
                       struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO node (name, host, endpoint, version, rev)"
	                      " VALUES (?1, ?2, ?3, ?4, ?5)"
	                      " ON CONFLICT (name) DO UPDATE SET host = excluded.host,"
	                      " endpoint = excluded.endpoint, version = excluded.version,"
	                      " rev = excluded.rev",
	                      &query, why));
	kp_query_bind_str(query, 1, step->key);
	kp_query_bind_str(query, 2, step->host);
	kp_query_bind_str(query, 3, step->endpoint);
	kp_query_bind_str(query, 4, step->version);
	kp_query_bind_i64(query, 5, rev);
	return kp_query_run(query, why);
}

static kp_err drop_row(struct journal *journal, const char *sql, struct kp_str key,
                       struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store, sql, &query, why));
	kp_query_bind_str(query, 1, key);
	return kp_query_run(query, why);
}

static kp_err write_step(struct journal *journal, const struct change_step *step, int64_t rev,
                         struct kp_why *why)
{
	switch (step->kind) {
	case CHANGE_PUT_SERVER:
		return put_server(journal, step, rev, why);
	case CHANGE_PUT_INSTANCE:
		return put_instance(journal, step, rev, why);
	case CHANGE_PUT_NODE:
		return put_node(journal, step, rev, why);
	case CHANGE_DROP_SERVER:
		return drop_row(journal, "DELETE FROM server WHERE name = ?1", step->key, why);
	case CHANGE_DROP_INSTANCE:
		KP_TRY(drop_row(journal, "DELETE FROM status WHERE id = ?1", step->key, why));
		return drop_row(journal, "DELETE FROM instance WHERE id = ?1", step->key, why);
	}
	return KP_OK;
}

static kp_err forget_changes(struct journal *journal, int64_t rev, struct kp_why *why)
{
	static const char *const statements[] = {
	        "DELETE FROM change WHERE rev <= ?1",
	        "DELETE FROM change_server WHERE rev <= ?1",
	};
	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		struct kp_query *query;
		KP_TRY(kp_store_query(journal->store, statements[i], &query, why));
		kp_query_bind_i64(query, 1, rev);
		KP_TRY(kp_query_run(query, why));
	}
	return KP_OK;
}

static kp_err write_change(struct journal *journal, const struct change *change, struct kp_str who,
                           int64_t now_ms, struct kp_why *why)
{
	struct kp_query *query;
	int64_t rev = journal->rev + 1;
	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO change (rev, time_ms, who, what, subject)"
	                      " VALUES (?1, ?2, ?3, ?4, ?5)",
	                      &query, why));
	kp_query_bind_i64(query, 1, rev);
	kp_query_bind_i64(query, 2, now_ms);
	kp_query_bind_str(query, 3, who);
	kp_query_bind_str(query, 4, change->what);
	kp_query_bind_str(query, 5, change->subject);
	KP_TRY(kp_query_run(query, why));
	for (size_t i = 0; i < change->steps.len; i++)
		KP_TRY(write_step(journal, &change->steps.ptr[i], rev, why));
	return forget_changes(journal, rev - CHANGES_KEPT, why);
}

// end commits a transaction that went well so far, and undoes one that did not.
static kp_err end(struct journal *journal, kp_err err, struct kp_why *why)
{
	if (err == KP_OK)
		return kp_store_commit(journal->store, why);
	kp_store_rollback(journal->store);
	return err;
}

kp_err journal_write(struct journal *journal, const struct change *change, struct kp_str who,
                     int64_t now_ms, struct kp_why *why)
{
	KP_TRY(kp_store_begin(journal->store, why));
	KP_TRY(end(journal, write_change(journal, change, who, now_ms, why), why));
	journal->rev++;
	return KP_OK;
}

static kp_err save_status(struct journal *journal, const struct instance *instance,
                          struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store,
	                      "INSERT INTO status (id, node, status) VALUES (?1, ?2, ?3)"
	                      " ON CONFLICT (id) DO UPDATE SET node = excluded.node,"
	                      " status = excluded.status",
	                      &query, why));
	kp_query_bind_str(query, 1, kp_str(instance->id));
	kp_query_bind_str(query, 2, kp_str(instance->node ? instance->node->name : ""));
	kp_query_bind_bytes(query, 3,
	                    (struct kp_bytes){instance->status.ptr, instance->status.len});
	return kp_query_run(query, why);
}

static kp_err save_statuses(struct journal *journal, struct state *state, struct kp_why *why)
{
	KP_LIST_EACH (&state->unsaved, link, next)
		KP_TRY(save_status(journal, KP_CONTAINER(link, struct instance, unsaved), why));
	return KP_OK;
}

kp_err journal_save_statuses(struct journal *journal, struct state *state, struct kp_why *why)
{
	if (kp_list_is_empty(&state->unsaved))
		return KP_OK;
	KP_TRY(kp_store_begin(journal->store, why));
	KP_TRY(end(journal, save_statuses(journal, state, why), why));
	while (kp_list_pop(&state->unsaved))
		;
	return KP_OK;
}

static kp_err add_event(struct journal *journal, const struct kipp_Event *event, int64_t number,
                        struct kp_why *why)
{
	struct kp_query *query;
	KP_TRY(kp_store_query(
	        journal->store,
	        "INSERT INTO event (number, time_ms, kind, subject, text, node, level)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	        &query, why));
	kp_query_bind_i64(query, 1, number);
	kp_query_bind_i64(query, 2, event->timeMs);
	kp_query_bind_str(query, 3, event->kind);
	kp_query_bind_str(query, 4, event->subject);
	kp_query_bind_str(query, 5, event->text);
	kp_query_bind_str(query, 6, event->node);
	kp_query_bind_i64(query, 7, event->level);
	return kp_query_run(query, why);
}

static kp_err add_events(struct journal *journal, const struct kipp_Event *events, size_t count,
                         struct kp_why *why)
{
	for (size_t i = 0; i < count; i++)
		KP_TRY(add_event(journal, &events[i], journal->event_number + 1 + (int64_t)i, why));
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store, "DELETE FROM event WHERE number <= ?1", &query, why));
	kp_query_bind_i64(query, 1, journal->event_number + (int64_t)count - EVENTS_KEPT);
	return kp_query_run(query, why);
}

kp_err journal_add_events(struct journal *journal, const struct kipp_Event *events, size_t count,
                          struct kp_why *why)
{
	if (count == 0)
		return KP_OK;
	KP_TRY(kp_store_begin(journal->store, why));
	KP_TRY(end(journal, add_events(journal, events, count, why), why));
	journal->event_number += (int64_t)count;
	return KP_OK;
}

static kp_err read_event(struct kp_query *query, struct kp_arena *arena, struct kipp_Event *event)
{
	kipp_Event_init(event);
	event->number = kp_query_i64(query, 0);
	event->timeMs = kp_query_i64(query, 1);
	event->kind = kp_arena_str(arena, kp_query_str(query, 2));
	event->subject = kp_arena_str(arena, kp_query_str(query, 3));
	event->text = kp_arena_str(arena, kp_query_str(query, 4));
	event->node = kp_arena_str(arena, kp_query_str(query, 5));
	event->level = (int32_t)kp_query_i64(query, 6);
	bool is_whole = event->kind.ptr && event->subject.ptr && event->text.ptr && event->node.ptr;
	return is_whole ? KP_OK : KP_ERR_NOMEM;
}

kp_err journal_list_events(struct journal *journal, int64_t after, size_t count_max,
                           struct kp_arena *arena, struct kipp_Event_list *ret, struct kp_why *why)
{
	struct kipp_Event *events = kp_arena_alloc_zero(arena, count_max, sizeof(*events));
	if (!events)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	struct kp_query *query;
	KP_TRY(kp_store_query(journal->store,
	                      "SELECT number, time_ms, kind, subject, text, node, level FROM event"
	                      " WHERE number > ?1 ORDER BY number LIMIT ?2",
	                      &query, why));
	kp_query_bind_i64(query, 1, after);
	kp_query_bind_i64(query, 2, (int64_t)count_max);
	size_t count = 0;
	for (bool row;; count++) {
		KP_TRY(kp_query_step(query, &row, why));
		if (!row || count == count_max)
			break;
		if (read_event(query, arena, &events[count]) == KP_OK)
			continue;
		kp_query_done(query);
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	}
	*ret = (struct kipp_Event_list){count ? events : NULL, count};
	return KP_OK;
}
