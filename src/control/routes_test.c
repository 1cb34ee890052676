// routes_test.c - from what agents report to what clients are told.
#include "control/routes.h"
#include "control/state/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct state state;
	struct registry registry;
};

static const struct kp_str object = {"Book.PayServer.MainObj", 22};

static int set_up(void **test)
{
	struct fixture *f = calloc(1, sizeof(*f));
	state_init(&f->state);
	*test = f;
	assert_int_equal(world_join(&f->state, "a", 0), KP_OK);
	assert_int_equal(world_join(&f->state, "b", 0), KP_OK);
	assert_int_equal(world_deploy(&f->state, "PayServer", 4), KP_OK);
	return 0;
}

static int tear_down(void **test)
{
	struct fixture *f = *test;
	state_fini(&f->state);
	registry_fini(&f->registry);
	free(f);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void expect(struct fixture *f, size_t active, size_t inactive)
{
	assert_int_equal(routes_refresh(&f->state, &f->registry), KP_OK);
	struct registry_answer answer = registry_all(&f->registry, object);
	assert_int_equal(answer.ret, 0);
	assert_int_equal(answer.active.len, active);
	assert_int_equal(answer.inactive.len, inactive);
}

static size_t count_notices(const struct state *state, const char *kind)
{
	size_t count = 0;
	for (size_t i = 0; i < state->notices.len; i++)
		count += strcmp(state->notices.ptr[i].kind, kind) == 0;
	return count;
}

static void instances_are_listed_once_they_are_active(void **test)
{
	struct fixture *f = *test;
	expect(f, 0, 0);
	assert_int_equal(world_report(&f->state, "a", kipp_State_Starting, SECOND), KP_OK);
	expect(f, 0, 2);
	assert_int_equal(world_report(&f->state, "a", kipp_State_Active, 2 * SECOND), KP_OK);
	assert_int_equal(world_report(&f->state, "b", kipp_State_Active, 2 * SECOND), KP_OK);
	expect(f, 4, 0);
}

static void endpoint_is_the_real_one_at_the_nodes_host(void **test)
{
	struct fixture *f = *test;
	assert_int_equal(world_report(&f->state, "a", kipp_State_Active, SECOND), KP_OK);
	expect(f, 2, 0);
	struct tars_EndpointF endpoint = registry_all(&f->registry, object).active.ptr[0];
	assert_true(kp_str_equal(endpoint.host, kp_str("10.0.0.7")));
	assert_int_equal(endpoint.port, 9001);
	assert_int_equal(endpoint.timeout, 60000);
	assert_int_equal(endpoint.istcp, 1);
	assert_int_equal(endpoint.groupworkid, -1);
	assert_true(kp_str_equal(endpoint.nodeName, kp_str("a")));
}

static void wish_to_stop_takes_an_instance_off_the_list_at_once(void **test)
{
	struct fixture *f = *test;
	assert_int_equal(world_report(&f->state, "a", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(world_report(&f->state, "b", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(world_run(&f->state, PLAN_STOP, "Book.PayServer.1"), KP_OK);
	expect(f, 3, 1);
	assert_int_equal(world_run(&f->state, PLAN_STOP, "Book.PayServer"), KP_OK);
	expect(f, 0, 4);
	assert_int_equal(count_notices(&f->state, "registry.held"), 0);
}

static void silence_takes_a_share_but_never_all(void **test)
{
	struct fixture *f = *test;
	assert_int_equal(world_report(&f->state, "a", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(world_report(&f->state, "b", kipp_State_Active, 8 * SECOND), KP_OK);
	expect(f, 4, 0);
	for (int64_t now = 1; now <= 11; now++)
		assert_int_equal(state_tick(&f->state, now * SECOND), KP_OK);
	expect(f, 2, 2);
	assert_int_equal(count_notices(&f->state, "registry.held"), 0);
	for (int64_t now = 12; now <= 18; now++)
		assert_int_equal(state_tick(&f->state, now * SECOND), KP_OK);
	expect(f, 4, 0);
	assert_int_equal(count_notices(&f->state, "registry.held"), 1);

	assert_int_equal(world_report(&f->state, "b", kipp_State_Active, 19 * SECOND), KP_OK);
	expect(f, 2, 2);
}

static void instances_known_to_be_down_are_never_held(void **test)
{
	struct fixture *f = *test;
	assert_int_equal(world_report(&f->state, "a", kipp_State_Backoff, SECOND), KP_OK);
	assert_int_equal(world_report(&f->state, "b", kipp_State_Active, SECOND), KP_OK);
	assert_int_equal(world_report(&f->state, "b", kipp_State_Failed, 2 * SECOND), KP_OK);
	expect(f, 0, 4);
	for (int64_t now = 2; now <= 20; now++)
		assert_int_equal(state_tick(&f->state, now * SECOND), KP_OK);
	expect(f, 0, 4);
}

static void framework_objects_resolve_too(void **test)
{
	struct fixture *f = *test;
	struct route_list routes = {0};
	const struct kp_str admin = kp_str("kipp.controller.AdminObj");
	assert_int_equal(routes_of_endpoint(admin, kp_str("tcp -h 0.0.0.0 -p 17890"),
	                                    kp_str("127.0.0.1"), kp_str(""), true, &routes),
	                 KP_OK);
	assert_int_equal(routes_of_endpoint(admin, kp_str("nonsense"), kp_str("x"), kp_str(""),
	                                    true, &routes),
	                 KP_OK);
	assert_int_equal(routes.all.len, 1);
	assert_int_equal(registry_put(&f->registry, kp_str("kipp.controller"), routes.all.ptr, 1),
	                 KP_OK);
	struct registry_answer answer = registry_all(&f->registry, admin);
	assert_int_equal(answer.active.len, 1);
	assert_true(kp_str_equal(answer.active.ptr[0].host, kp_str("127.0.0.1")));
	assert_int_equal(answer.active.ptr[0].port, 17890);
	kp_vec_fini(&routes.all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(instances_are_listed_once_they_are_active),
	        TEST(endpoint_is_the_real_one_at_the_nodes_host),
	        TEST(wish_to_stop_takes_an_instance_off_the_list_at_once),
	        TEST(silence_takes_a_share_but_never_all),
	        TEST(instances_known_to_be_down_are_never_held),
	        TEST(framework_objects_resolve_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
