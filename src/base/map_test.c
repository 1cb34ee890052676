// map_test.c - what a map promises.
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static int values[512];

static void set(struct kp_map *map, const char *key, int *value)
{
	assert_int_equal(kp_map_set(map, kp_str(key), value), KP_OK);
}

static void map_finds_what_was_set(void **state)
{
	struct kp_map map = {0};
	assert_null(kp_map_get(&map, kp_str("a")));
	assert_null(kp_map_remove(&map, kp_str("a")));
	set(&map, "a", &values[1]);
	set(&map, "", &values[2]);
	set(&map, "ab", &values[3]);
	assert_int_equal(kp_map_set(&map, (struct kp_str){"a\0", 2}, &values[4]), KP_OK);
	assert_int_equal(map.len, 4);
	assert_ptr_equal(kp_map_get(&map, kp_str("a")), &values[1]);
	assert_ptr_equal(kp_map_get(&map, (struct kp_str){0}), &values[2]);
	assert_ptr_equal(kp_map_get(&map, kp_str("ab")), &values[3]);
	assert_ptr_equal(kp_map_get(&map, (struct kp_str){"a\0", 2}), &values[4]);
	assert_null(kp_map_get(&map, kp_str("b")));

	set(&map, "a", &values[5]);
	assert_int_equal(map.len, 4);
	assert_ptr_equal(kp_map_get(&map, kp_str("a")), &values[5]);
	assert_ptr_equal(kp_map_remove(&map, kp_str("a")), &values[5]);
	assert_null(kp_map_remove(&map, kp_str("a")));
	assert_int_equal(map.len, 3);
	kp_map_fini(&map);
	kp_map_fini(&map);
	assert_int_equal(kp_mem_live(), 0);
}

static void map_copies_its_keys(void **state)
{
	struct kp_map map = {0};
	char key[] = "key";
	set(&map, key, &values[0]);
	key[0] = 'x';
	assert_non_null(kp_map_get(&map, kp_str("key")));
	assert_null(kp_map_get(&map, kp_str(key)));
	kp_map_fini(&map);
}

static void map_walks_every_entry_once(void **state)
{
	struct kp_map map = {0};
	size_t index = 0;
	assert_false(kp_map_next(&map, &index, NULL, NULL));
	char key[16];
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		set(&map, key, &values[i]);
	}
	bool is_seen[300] = {false};
	struct kp_str name;
	void *value;
	index = 0;
	size_t count = 0;
	for (; kp_map_next(&map, &index, &name, &value); count++) {
		int i = (int)((int *)value - values);
		assert_false(is_seen[i]);
		is_seen[i] = true;
		assert_ptr_equal(kp_map_get(&map, name), value);
	}
	assert_int_equal(count, 300);
	kp_map_fini(&map);
}

// Keys that all want the same slot, the table's last, so that they run over its end.
static size_t find_colliding(struct kp_map *map, char keys[][16], size_t count)
{
	size_t found = 0;
	for (int i = 0; found < count; i++) {
		snprintf(keys[found], 16, "c%d", i);
		uint64_t hash = kp_hash(keys[found], strlen(keys[found]), map->seed);
		if ((hash & (map->cap - 1)) == map->cap - 1)
			found++;
	}
	return found;
}

static void map_keeps_colliding_keys_apart(void **state)
{
	enum {
		COUNT = 6
	};
	char keys[COUNT][16];
	for (size_t removed = 0; removed < COUNT; removed++) {
		struct kp_map map = {0};
		set(&map, "first", &values[100]);
		find_colliding(&map, keys, COUNT);
		for (size_t i = 0; i < COUNT; i++)
			set(&map, keys[i], &values[i]);
		assert_int_equal(map.cap, 16);
		assert_ptr_equal(kp_map_remove(&map, kp_str(keys[removed])), &values[removed]);
		for (size_t i = 0; i < COUNT; i++)
			assert_ptr_equal(kp_map_get(&map, kp_str(keys[i])),
			                 i == removed ? NULL : &values[i]);
		assert_ptr_equal(kp_map_get(&map, kp_str("first")), &values[100]);
		kp_map_fini(&map);
	}
}

static void map_agrees_with_a_simple_model(void **state)
{
	enum {
		KEY_COUNT = 200
	};
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct kp_map map = {0};
	void *model[KEY_COUNT] = {NULL};
	size_t model_len = 0;
	for (int round = 0; round < 100000; round++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		// long phases of growing and of shrinking
		bool is_growing = round / 5000 % 2 == 0;
		size_t number = (seed >> 33) % KEY_COUNT;
		char key[16];
		snprintf(key, sizeof(key), "%zu", number);
		void *old = model[number];
		assert_ptr_equal(kp_map_get(&map, kp_str(key)), old);
		if ((seed >> 60) < (is_growing ? 12 : 4)) {
			model[number] = &values[(seed >> 20) % 512];
			model_len += !old;
			set(&map, key, model[number]);
		} else {
			model[number] = NULL;
			model_len -= !!old;
			assert_ptr_equal(kp_map_remove(&map, kp_str(key)), old);
		}
		assert_int_equal(map.len, model_len);
	}
	for (size_t number = 0; number < KEY_COUNT; number++) {
		char key[16];
		snprintf(key, sizeof(key), "%zu", number);
		assert_ptr_equal(kp_map_get(&map, kp_str(key)), model[number]);
	}
	assert_true(map.cap <= 512);
	kp_map_fini(&map);
	assert_int_equal(kp_mem_live(), 0);
}

static void map_replaces_without_memory(void **state)
{
	struct kp_map map = {0};
	char key[16];
	for (int i = 0; i < 12; i++) { // three quarters: the next one grows it
		snprintf(key, sizeof(key), "%d", i);
		set(&map, key, &values[i]);
	}
	kp_mem_fail_at(1);
	set(&map, "3", &values[50]);
	kp_mem_fail_at(0);
	assert_ptr_equal(kp_map_get(&map, kp_str("3")), &values[50]);
	kp_map_fini(&map);
}

static void map_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_map map = {0};
		size_t failed = 0;
		char key[16];
		for (int i = 0; i < 40; i++) {
			snprintf(key, sizeof(key), "%d", i);
			kp_err err = kp_map_set(&map, kp_str(key), &values[i]);
			failed += err != KP_OK;
			assert_ptr_equal(kp_map_get(&map, kp_str(key)),
			                 err == KP_OK ? &values[i] : NULL);
		}
		assert_int_equal(failed, fault ? 1 : 0);
		assert_int_equal(map.len, 40 - failed);
		kp_map_fini(&map);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(map_finds_what_was_set),
	        cmocka_unit_test(map_copies_its_keys),
	        cmocka_unit_test(map_walks_every_entry_once),
	        cmocka_unit_test(map_keeps_colliding_keys_apart),
	        cmocka_unit_test(map_agrees_with_a_simple_model),
	        cmocka_unit_test(map_replaces_without_memory),
	        cmocka_unit_test(map_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
