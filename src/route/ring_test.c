// ring_test.c - keys stay with their endpoints.
#include "route/ring.h"

#include "base/hash.h"
#include "base/mem.h"
#include "route/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	KEYS = 20000,
	MEMBERS_MAX = 400,
};

static uint64_t seed_of_today(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static struct kp_ring_member member_of(const char *name, uint32_t points)
{
	return (struct kp_ring_member){kp_hash(name, strlen(name), 0), points};
}

static uint32_t owner_of(const struct kp_ring *ring, uint64_t key)
{
	return ring->points[kp_ring_find(ring, key)].who;
}

static void a_key_belongs_to_the_next_point(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	for (int round = 0; round < 30; round++) {
		struct kp_ring_member members[MEMBERS_MAX];
		size_t count = 1 + kp_dice_below(&dice, MEMBERS_MAX);
		for (size_t i = 0; i < count; i++)
			members[i] = (struct kp_ring_member){kp_dice_roll(&dice),
			                                     1 + kp_dice_below(&dice, 60)};
		struct kp_ring ring = {0};
		assert_int_equal(kp_ring_build(&ring, members, count), KP_OK);
		for (size_t i = 1; i < ring.count; i++)
			assert_true(ring.points[i - 1].at <= ring.points[i].at);
		for (int i = 0; i < 300; i++) {
			uint64_t key = kp_dice_roll(&dice);
			size_t wanted = 0;
			while (wanted < ring.count && ring.points[wanted].at < key >> 32)
				wanted++;
			assert_int_equal(kp_ring_find(&ring, key),
			                 wanted == ring.count ? 0 : wanted);
		}
		assert_true(kp_ring_find(&ring, UINT64_MAX) < ring.count);
		assert_int_equal(kp_ring_find(&ring, 0), 0);
		kp_ring_fini(&ring);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void who_leaves_moves_only_its_own_keys(void **state)
{
	struct kp_dice dice = {seed_of_today()};
	struct kp_ring_member members[20];
	for (int i = 0; i < 20; i++)
		members[i] = (struct kp_ring_member){kp_dice_roll(&dice), 40};
	struct kp_ring all = {0}, less = {0};
	assert_int_equal(kp_ring_build(&all, members, 20), KP_OK);
	assert_int_equal(kp_ring_build(&less, members, 19), KP_OK);
	int moved = 0;
	for (int i = 0; i < KEYS; i++) {
		uint64_t key = kp_dice_roll(&dice);
		uint32_t before = owner_of(&all, key), after = owner_of(&less, key);
		if (before != 19)
			assert_int_equal(before, after);
		moved += before == 19;
	}
	assert_true(moved > KEYS / 20 / 3 && moved < KEYS / 20 * 3);
	kp_ring_fini(&all);
	kp_ring_fini(&less);
}

// Trap: consistent hash by host only.
static void consistent_hash_by_host_only(void **state)
{
	struct kp_dice dice = {1};
	const struct kp_ring_member members[] = {member_of("tcp:10.0.0.1:9001", 40),
	                                         member_of("tcp:10.0.0.1:9002", 40)};
	struct kp_ring ring = {0};
	assert_int_equal(kp_ring_build(&ring, members, 2), KP_OK);
	int counts[2] = {0};
	for (int i = 0; i < KEYS; i++)
		counts[owner_of(&ring, kp_dice_roll(&dice))]++;
	assert_true(counts[0] > KEYS / 4 && counts[1] > KEYS / 4);
	kp_ring_fini(&ring);
}

static void rings_survive_running_out_of_memory(void **state)
{
	const struct kp_ring_member members[] = {member_of("a", 40), member_of("b", 0)};
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_ring ring = {0};
		kp_err err = kp_ring_build(&ring, members, 2);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		assert_int_equal(ring.count, err == KP_OK ? 40 : 0);
		kp_ring_fini(&ring);
		assert_int_equal(kp_mem_live(), 0);
	}
	struct kp_ring ring = {0};
	assert_int_equal(kp_ring_build(&ring, members + 1, 1), KP_OK);
	assert_int_equal(ring.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_belongs_to_the_next_point),
	        cmocka_unit_test(who_leaves_moves_only_its_own_keys),
	        cmocka_unit_test(consistent_hash_by_host_only),
	        cmocka_unit_test(rings_survive_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
