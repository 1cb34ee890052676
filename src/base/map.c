// map.c - linear probing, at most three quarters full; removal moves later entries back, so there
// are no tombstones.
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"

enum {
	CAP_MIN = 16
};

void kp_map_fini(struct kp_map *map)
{
	for (size_t i = 0; i < map->cap; i++)
		kp_free(map->slots[i].key);
	kp_free(map->slots);
	*map = (struct kp_map){0};
}

static uint64_t hash_of(const struct kp_map *map, struct kp_str key)
{
	return kp_hash(key.ptr, key.len, map->seed);
}

static struct kp_map_slot *find_slot(const struct kp_map *map, struct kp_str key, uint64_t hash)
{
	size_t mask = map->cap - 1;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct kp_map_slot *slot = &map->slots[i];
		if (!slot->key)
			return slot;
		if (slot->hash == hash &&
		    kp_str_equal((struct kp_str){slot->key, slot->key_len}, key))
			return slot;
	}
}

static kp_err grow(struct kp_map *map)
{
	size_t cap = map->cap ? map->cap * 2 : CAP_MIN;
	struct kp_map_slot *slots = kp_alloc_zero(cap, sizeof(*slots));
	if (!slots)
		return KP_ERR_NOMEM;
	struct kp_map grown = {slots, cap, map->len,
	                       map->seed ? map->seed : (uint64_t)(uintptr_t)slots};
	for (size_t i = 0; i < map->cap; i++) {
		struct kp_map_slot *old = &map->slots[i];
		if (!old->key)
			continue;
		struct kp_str key = {old->key, old->key_len};
		struct kp_map_slot *slot = find_slot(&grown, key, hash_of(&grown, key));
		*slot = *old;
		slot->hash = hash_of(&grown, key);
	}
	kp_free(map->slots);
	*map = grown;
	return KP_OK;
}

static kp_err add(struct kp_map *map, struct kp_str key, void *value)
{
	kp_cleanup(kp_freep) char *copy = kp_strndup(key.ptr, key.len);
	if (!copy)
		return KP_ERR_NOMEM;
	if ((map->len + 1) * 4 > map->cap * 3)
		KP_TRY(grow(map));
	uint64_t hash = hash_of(map, key);
	struct kp_map_slot *slot = find_slot(map, key, hash);
	*slot = (struct kp_map_slot){kp_take(&copy), key.len, hash, value};
	map->len++;
	return KP_OK;
}

kp_err kp_map_set(struct kp_map *map, struct kp_str key, void *value)
{
	if (map->cap == 0)
		return add(map, key, value);
	struct kp_map_slot *slot = find_slot(map, key, hash_of(map, key));
	if (!slot->key)
		return add(map, key, value);
	slot->value = value;
	return KP_OK;
}

void *kp_map_get(const struct kp_map *map, struct kp_str key)
{
	if (map->len == 0)
		return NULL;
	struct kp_map_slot *slot = find_slot(map, key, hash_of(map, key));
	return slot->key ? slot->value : NULL;
}

static void close_gap(struct kp_map *map, size_t gap)
{
	size_t mask = map->cap - 1;
	for (size_t i = (gap + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
		size_t home = map->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		map->slots[gap] = map->slots[i];
		gap = i;
	}
	map->slots[gap] = (struct kp_map_slot){0};
}

void *kp_map_remove(struct kp_map *map, struct kp_str key)
{
	if (map->len == 0)
		return NULL;
	struct kp_map_slot *slot = find_slot(map, key, hash_of(map, key));
	if (!slot->key)
		return NULL;
	void *value = slot->value;
	kp_free(slot->key);
	slot->key = NULL;
	map->len--;
	close_gap(map, (size_t)(slot - map->slots));
	return value;
}

bool kp_map_next(const struct kp_map *map, size_t *index, struct kp_str *ret_key, void **ret_value)
{
	for (; *index < map->cap; ++*index) {
		struct kp_map_slot *slot = &map->slots[*index];
		if (!slot->key)
			continue;
		if (ret_key)
			*ret_key = (struct kp_str){slot->key, slot->key_len};
		if (ret_value)
			*ret_value = slot->value;
		++*index;
		return true;
	}
	return false;
}
