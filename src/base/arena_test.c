// arena_test.c - what an arena promises.
#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void arena_gives_aligned_memory(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	for (size_t size = 0; size < 5000; size += 7) {
		void *ptr = kp_arena_alloc(arena, size);
		assert_non_null(ptr);
		assert_int_equal((uintptr_t)ptr % 16, 0);
		memset(ptr, 0xa5, size);
	}
	kp_arena_free(arena);
	assert_int_equal(kp_mem_live(), 0);
}

static void arena_never_holds_more_than_its_limit(void **state)
{
	struct kp_arena *arena = kp_arena_new(64 << 10);
	size_t total = 0;
	while (kp_arena_alloc(arena, 1024))
		total += 1024;
	assert_true(total <= 64 << 10);
	assert_true(total >= 16 << 10);
	assert_null(kp_arena_alloc(arena, SIZE_MAX));
	assert_null(kp_arena_alloc_zero(arena, SIZE_MAX / 2, 4));
	kp_arena_free(arena);
}

static void arena_reset_keeps_one_block_and_allocates_no_more(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	kp_arena_alloc(arena, 100);
	kp_arena_reset(arena);
	int64_t before = kp_mem_allocs();
	for (int round = 0; round < 100; round++) {
		assert_non_null(kp_arena_alloc(arena, 1000));
		kp_arena_reset(arena);
	}
	assert_int_equal(kp_mem_allocs(), before);
	kp_arena_free(arena);
}

static void arena_text_ends_with_a_nul(void **state)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_str copy = kp_arena_str(arena, (struct kp_str){"hello world", 5});
	assert_string_equal(copy.ptr, "hello");
	struct kp_str text = kp_arena_format(arena, "%d-%s", 7, "x");
	assert_string_equal(text.ptr, "7-x");
	assert_int_equal(text.len, 3);
	kp_arena_free(arena);
}

static void arena_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_arena *arena = kp_arena_new(0);
		if (arena) {
			kp_arena_str(arena, kp_str("x"));
			kp_arena_alloc(arena, 1 << 16);
		}
		kp_arena_free(arena);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(arena_gives_aligned_memory),
	        cmocka_unit_test(arena_never_holds_more_than_its_limit),
	        cmocka_unit_test(arena_reset_keeps_one_block_and_allocates_no_more),
	        cmocka_unit_test(arena_text_ends_with_a_nul),
	        cmocka_unit_test(arena_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
