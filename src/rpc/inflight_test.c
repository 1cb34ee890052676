// inflight_test.c - ids of requests in flight.
#include "base/mem.h"
#include "rpc/client_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void an_id_does_not_come_again_soon(void **state)
{
	struct inflight inflight = {0};
	struct kp_request *request = kp_new(struct kp_request);
	int32_t last = 0;
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(inflight_add(&inflight, request, &request->id), KP_OK);
		assert_true(request->id > last);
		last = request->id;
		assert_ptr_equal(inflight_find(&inflight, last), request);
		inflight_remove(&inflight, last);
		assert_null(inflight_find(&inflight, last));
	}
	inflight_fini(&inflight);
	kp_free(request);
	assert_int_equal(kp_mem_live(), 0);
}

static void many_are_found_by_their_ids(void **state)
{
	enum {
		COUNT = 5000
	};
	struct inflight inflight = {.last_id = INT32_MAX - 2000}; // so that ids start anew midway
	struct kp_request *requests = kp_alloc_zero(COUNT, sizeof(*requests));
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(inflight_add(&inflight, &requests[i], &requests[i].id), KP_OK);
	for (int i = 0; i < COUNT; i += 2)
		inflight_remove(&inflight, requests[i].id);
	for (int i = 0; i < COUNT; i += 2)
		assert_int_equal(inflight_add(&inflight, &requests[i], &requests[i].id), KP_OK);
	for (int i = 0; i < COUNT; i++) {
		assert_in_range(requests[i].id, 1, INT32_MAX - 1);
		assert_ptr_equal(inflight_find(&inflight, requests[i].id), &requests[i]);
	}
	assert_int_equal(inflight.count, COUNT);
	inflight_fini(&inflight);
	kp_free(requests);
}

static void running_out_of_memory_is_told(void **state)
{
	struct kp_request *request = kp_new(struct kp_request);
	struct inflight inflight = {0};
	kp_mem_fail_at(1);
	assert_int_equal(inflight_add(&inflight, request, &request->id), KP_ERR_NOMEM);
	kp_mem_fail_at(0);
	assert_null(inflight_find(&inflight, 1));
	assert_int_equal(inflight_add(&inflight, request, &request->id), KP_OK);
	inflight_fini(&inflight);
	kp_free(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_id_does_not_come_again_soon),
	        cmocka_unit_test(many_are_found_by_their_ids),
	        cmocka_unit_test(running_out_of_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
