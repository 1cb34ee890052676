// record.c - what a client knows about endpoints, over all its loops.
//
// A record lives as long as a loop has a peer there. It is found once per peer, under the client's
// lock; from then on everybody reads and writes it without one.
#include "rpc/client_internal.h"

#include <stdio.h>

void target_name(const struct target *target, char name[KP_TARGET_NAME_MAX])
{
	snprintf(name, KP_TARGET_NAME_MAX, "%s:%s:%d", target->is_udp ? "udp" : "tcp", target->host,
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
		record->peers++;
	pthread_mutex_unlock(&client->lock);
	return record;
}

void record_unref(struct kp_client *client, struct record *record)
{
	pthread_mutex_lock(&client->lock);
	bool is_last = --record->peers == 0;
	if (is_last)
		kp_map_remove(&client->records, kp_str(record->name));
	pthread_mutex_unlock(&client->lock);
	if (is_last)
		kp_free(record);
}
