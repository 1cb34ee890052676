// map.h - finds a pointer by a text key.
//
// Open addressing with a seeded hash, so that keys from outside cannot be chosen to collide. The
// map copies its keys. All zero is a valid empty map.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

struct kp_map_slot {
	char *key; // owned; NULL: free
	size_t key_len;
	uint64_t hash;
	void *value; // borrowed
};

struct kp_map {
	struct kp_map_slot *slots; // owned
	size_t cap;                // a power of two, or 0
	size_t len;
	uint64_t seed;
};

void kp_map_fini(struct kp_map *map);

// kp_map_set adds a value or replaces the one of the same key, which cannot fail. NOMEM is its only
// error.
kp_err kp_map_set(struct kp_map *map, struct kp_str key, void *value);
// kp_map_get returns NULL when there is no such key.
void *kp_map_get(const struct kp_map *map, struct kp_str key);
// kp_map_remove returns what it removed, or NULL.
void *kp_map_remove(struct kp_map *map, struct kp_str key);

// kp_map_next walks all entries in no order: start with *index 0; false at the end. The map must
// not change meanwhile.
bool kp_map_next(const struct kp_map *map, size_t *index, struct kp_str *ret_key, void **ret_value);
