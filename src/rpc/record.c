// record.c - what a client knows about endpoints, over all its loops.
//
// A record is found once per peer, under the client's lock; from then on everybody reads and writes
// it without one. It lives as long as a loop has a peer there, and longer if it knows something
// bad: threads come and go, and the next one should not have to find that out again.
#include "rpc/client_internal.h"

#include <stdio.h>

enum {
	UNUSED_MAX = 1000, // records kept without a peer
};

void target_name(const struct target *target, char name[KP_TARGET_NAME_MAX])
{
	const char *protocol = target->is_udp ? "udp" : target->is_tls ? "ssl" : "tcp";
	if (target->owner)
		snprintf(name, KP_TARGET_NAME_MAX, "%s:%s:%d#%zu", protocol, target->host,
		         target->port, target->owner);
	else
		snprintf(name, KP_TARGET_NAME_MAX, "%s:%s:%d", protocol, target->host,
		         target->port);
}

static struct record *find_or_add(struct kp_client *client, const char *name)
{
	struct record *record = kp_map_get(&client->records, kp_str(name));
	if (record)
		return record;
	record = kp_new(struct record);
	if (!record)
		return NULL;
	record->evidence.pool = &client->pool;
	memcpy(record->name, name, strlen(name) + 1);
	if (kp_map_set(&client->records, kp_str(name), record) == KP_OK)
		return record;
	kp_free(record);
	return NULL;
}

struct record *record_ref(struct kp_client *client, const struct target *target)
{
	char name[KP_TARGET_NAME_MAX];
	target_name(target, name);
	pthread_mutex_lock(&client->lock);
	struct record *record = find_or_add(client, name);
	if (record)
		client->unused_records -= record->peers++ == 0 && record->is_kept;
	pthread_mutex_unlock(&client->lock);
	return record;
}

void record_unref(struct kp_client *client, struct record *record)
{
	pthread_mutex_lock(&client->lock);
	bool is_last = --record->peers == 0;
	record->is_kept = is_last && client->unused_records < UNUSED_MAX &&
	                  __atomic_load_n(&record->evidence.is_troubled, __ATOMIC_RELAXED);
	client->unused_records += record->is_kept;
	if (is_last && !record->is_kept)
		kp_map_remove(&client->records, kp_str(record->name));
	bool is_over = is_last && !record->is_kept;
	pthread_mutex_unlock(&client->lock);
	if (is_over)
		kp_free(record);
}

void records_free(struct kp_client *client)
{
	size_t index = 0;
	void *record;
	struct kp_str name;
	while (kp_map_next(&client->records, &index, &name, &record))
		kp_free(record);
	kp_map_fini(&client->records);
}
