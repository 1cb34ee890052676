// vec_test.c - what a vector promises.
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void vec_keeps_what_is_pushed(void **state)
{
	KP_VEC(int) vec = {0};
	for (int i = 0; i < 1000; i++)
		assert_int_equal(kp_vec_push(&vec, i * 3), KP_OK);
	assert_int_equal(vec.len, 1000);
	assert_true(vec.cap < 2048);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vec.ptr[i], i * 3);
	kp_vec_fini(&vec);
	assert_int_equal(vec.len, 0);
	kp_vec_fini(&vec);
	assert_int_equal(kp_mem_live(), 0);
}

struct pair {
	char name[20];
	int number;
};

static void vec_holds_structs(void **state)
{
	KP_VEC(struct pair) vec = {0};
	for (int i = 0; i < 100; i++)
		assert_int_equal(kp_vec_push(&vec, ((struct pair){"x", i})), KP_OK);
	assert_string_equal(vec.ptr[99].name, "x");
	assert_int_equal(vec.ptr[99].number, 99);
	kp_vec_fini(&vec);
}

static void vec_remove_closes_the_gap(void **state)
{
	KP_VEC(char) vec = {0};
	for (const char *c = "abcdef"; *c; c++)
		assert_int_equal(kp_vec_push(&vec, *c), KP_OK);
	kp_vec_remove(&vec, 0); // the first, one between, the last
	kp_vec_remove(&vec, 2);
	kp_vec_remove(&vec, vec.len - 1);
	assert_int_equal(vec.len, 3);
	assert_memory_equal(vec.ptr, "bce", 3);
	kp_vec_remove(&vec, 1);
	kp_vec_remove(&vec, 1);
	kp_vec_remove(&vec, 0);
	assert_int_equal(vec.len, 0);
	kp_vec_fini(&vec);
}

static void vec_grows_as_far_as_asked(void **state)
{
	KP_VEC(int) vec = {0};
	assert_true(kp_vec_grow((void **)&vec.ptr, &vec.cap, 1000, sizeof(int)));
	assert_true(vec.cap >= 1000);
	memset(vec.ptr, 0, 1000 * sizeof(int));
	size_t cap = vec.cap;
	assert_true(kp_vec_grow((void **)&vec.ptr, &vec.cap, cap, sizeof(int)));
	assert_int_equal(vec.cap, cap);
	assert_false(kp_vec_grow((void **)&vec.ptr, &vec.cap, SIZE_MAX / 2, sizeof(int)));
	assert_int_equal(vec.cap, cap);
	kp_vec_fini(&vec);
}

static void vec_survives_running_out(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		KP_VEC(int) vec = {0};
		size_t failed = 0;
		for (int i = 0; i < 100; i++) {
			kp_err err = kp_vec_push(&vec, i);
			assert_true(err == KP_OK || err == KP_ERR_NOMEM);
			failed += err != KP_OK;
		}
		assert_int_equal(failed, fault ? 1 : 0);
		assert_int_equal(vec.len, 100 - failed);
		kp_vec_fini(&vec);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(vec_keeps_what_is_pushed),
	        cmocka_unit_test(vec_holds_structs),
	        cmocka_unit_test(vec_remove_closes_the_gap),
	        cmocka_unit_test(vec_grows_as_far_as_asked),
	        cmocka_unit_test(vec_survives_running_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
