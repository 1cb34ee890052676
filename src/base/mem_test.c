// mem_test.c - what the heap's door promises.
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void mem_counts_what_lives(void **state)
{
	int64_t allocs = kp_mem_allocs();
	assert_int_equal(kp_mem_live(), 0);
	void *a = kp_alloc(10), *b = kp_alloc_zero(3, 5);
	char *c = kp_strdup("text"), *d = kp_strndup("text", 2);
	void *e = kp_realloc(NULL, 1);
	assert_int_equal(kp_mem_live(), 5);
	assert_int_equal(kp_mem_allocs(), allocs + 5);
	assert_string_equal(c, "text");
	assert_string_equal(d, "te");
	e = kp_realloc(e, 100);
	assert_int_equal(kp_mem_live(), 5);
	assert_int_equal(kp_mem_allocs(), allocs + 6);
	kp_free(a);
	kp_free(b);
	kp_free(c);
	kp_free(d);
	kp_free(e);
	kp_free(NULL);
	assert_int_equal(kp_mem_live(), 0);
}

static void mem_of_no_size_is_something(void **state)
{
	void *ptrs[] = {kp_alloc(0), kp_alloc_zero(0, 8), kp_alloc_zero(8, 0), kp_realloc(NULL, 0),
	                kp_strndup(NULL, 0)};
	ptrs[0] = kp_realloc(ptrs[0], 0);
	for (size_t i = 0; i < sizeof(ptrs) / sizeof(ptrs[0]); i++) {
		assert_non_null(ptrs[i]);
		kp_free(ptrs[i]);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void mem_zero_is_cleared_and_its_product_checked(void **state)
{
	uint8_t *ptr = kp_alloc_zero(100, 7);
	for (size_t i = 0; i < 700; i++)
		assert_int_equal(ptr[i], 0);
	kp_free(ptr);
	volatile size_t half = SIZE_MAX / 2 + 2; // volatile: compilers object to what is tested
	assert_null(kp_alloc_zero(half, 2));
	assert_int_equal(kp_mem_live(), 0);
}

static void mem_fails_at_the_nth_once(void **state)
{
	kp_mem_fail_at(3);
	void *a = kp_alloc(1), *b = kp_alloc(1);
	assert_non_null(a);
	assert_false(kp_mem_has_failed());
	assert_null(kp_realloc(a, 100));
	assert_true(kp_mem_has_failed());
	a = kp_realloc(a, 100); // a failed realloc leaves the old block
	assert_non_null(a);
	kp_free(a);
	kp_free(b);

	kp_mem_fail_at(1);
	kp_mem_fail_at(0);
	void *c = kp_alloc(1);
	assert_non_null(c);
	assert_false(kp_mem_has_failed());
	kp_free(c);
	assert_int_equal(kp_mem_live(), 0);
}

static void mem_failure_leaves_the_counters(void **state)
{
	kp_mem_fail_at(1);
	assert_null(kp_alloc(1));
	kp_mem_fail_at(1);
	assert_null(kp_alloc_zero(1, 1));
	kp_mem_fail_at(1);
	assert_null(kp_strdup("x"));
	kp_mem_fail_at(0);
	assert_int_equal(kp_mem_live(), 0);
}

static void fault_fails_each_allocation_once(void **state)
{
	for (int again = 0; again < 2; again++) {
		int rounds = 0;
		for (int fault = 0; kp_fault_next(&fault); rounds++) {
			assert_int_equal(fault, rounds);
			for (int n = 1; n <= 3; n++) {
				void *ptr = kp_alloc(1);
				assert_int_equal(ptr == NULL, n == fault);
				kp_free(ptr);
			}
			assert_int_equal(kp_mem_has_failed(), fault > 0);
		}
		assert_int_equal(rounds, 4);
	}
}

static void fault_without_allocations_is_one_round(void **state)
{
	int rounds = 0;
	for (int fault = 0; kp_fault_next(&fault);)
		rounds++;
	assert_int_equal(rounds, 1);
}

static void take_moves_a_pointer_out(void **state)
{
	char *owner = kp_strdup("x"), *first = owner;
	kp_cleanup(kp_freep) char *taken = kp_take(&owner);
	assert_null(owner);
	assert_ptr_equal(taken, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(mem_counts_what_lives),
	        cmocka_unit_test(mem_of_no_size_is_something),
	        cmocka_unit_test(mem_zero_is_cleared_and_its_product_checked),
	        cmocka_unit_test(mem_fails_at_the_nth_once),
	        cmocka_unit_test(mem_failure_leaves_the_counters),
	        cmocka_unit_test(fault_fails_each_allocation_once),
	        cmocka_unit_test(fault_without_allocations_is_one_round),
	        cmocka_unit_test(take_moves_a_pointer_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
