// registry_test.c - the lists of contract E.3, row by row.
#include "control/registry/registry.h"

#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

// route_at is an endpoint of Book.S.Obj at a port; `life` is "up", "was" (node silent) or "down".
static struct route route_at(int port, const char *life, const char *set, const char *node)
{
	struct route route = {
	        .object = kp_str("Book.S.Obj"),
	        .is_up = strcmp(life, "up") == 0,
	        .was_up = strcmp(life, "down") != 0,
	};
	tars_EndpointF_init(&route.endpoint);
	route.endpoint.host = kp_str("10.0.0.1");
	route.endpoint.port = port;
	route.endpoint.setId = kp_str(set);
	route.endpoint.nodeName = kp_str(node);
	return route;
}

static void ports(struct tars_EndpointF_list list, char *text, size_t size)
{
	size_t len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < list.len; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s%d", i ? " " : "",
		                        list.ptr[i].port);
		assert_true(len < size);
	}
}

static void expect(struct registry_answer answer, int ret, const char *active, const char *inactive)
{
	char found[200];
	assert_int_equal(answer.ret, ret);
	ports(answer.active, found, sizeof(found));
	assert_string_equal(found, active);
	ports(answer.inactive, found, sizeof(found));
	assert_string_equal(found, inactive);
}

static void unknown_object_is_two_empty_lists(void **state)
{
	struct registry registry = {0};
	struct kp_arena arena = {0};
	const struct kp_str id = kp_str("Book.Nothing.Obj");
	expect(registry_all(&registry, id), 0, "", "");
	expect(registry_in_set(&registry, id, kp_str("n.a.g"), &arena), 0, "", "");
	expect(registry_in_station(&registry, id, kp_str("somewhere")), -1, "", "");
	assert_int_equal(registry_nodes(&registry, id, &arena).len, 0);
	kp_arena_fini(&arena);
	registry_fini(&registry);
}

static void active_endpoints_are_apart_from_the_rest(void **state)
{
	const struct route routes[] = {
	        route_at(1, "up", "", "a"),
	        route_at(2, "down", "", "a"),
	        route_at(3, "was", "", "b"),
	        route_at(4, "up", "", "c"),
	};
	struct registry registry = {0};
	struct kp_arena arena = {0};
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 4), KP_OK);
	expect(registry_all(&registry, kp_str("Book.S.Obj")), 0, "1 4", "2 3");
	expect(registry_all(&registry, kp_str("Book.S.Obj#3")), 0, "1 4", "2 3");
	struct kp_str_list nodes = registry_nodes(&registry, kp_str("Book.S.Obj"), &arena);
	assert_int_equal(nodes.len, 2);
	assert_true(kp_str_equal(nodes.ptr[1], kp_str("c")));
	kp_arena_fini(&arena);
	registry_fini(&registry);
}

static void last_known_endpoints_stay_when_all_nodes_are_silent(void **state)
{
	struct route routes[] = {
	        route_at(1, "up", "", "a"),
	        route_at(2, "was", "", "b"),
	        route_at(3, "down", "", "b"),
	};
	struct registry registry = {0};
	struct kp_str object;
	size_t index = 0;
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 3), KP_OK);
	expect(registry_all(&registry, kp_str("Book.S.Obj")), 0, "1", "2 3");
	assert_false(registry_next_held(&registry, kp_str("Book.S"), &index, &object));

	routes[0] = route_at(1, "was", "", "a");
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 3), KP_OK);
	expect(registry_all(&registry, kp_str("Book.S.Obj")), 0, "1 2", "3");
	index = 0;
	assert_true(registry_next_held(&registry, kp_str("Book.S"), &index, &object));
	assert_true(kp_str_equal(object, kp_str("Book.S.Obj")));
	assert_false(registry_next_held(&registry, kp_str("Book.S"), &index, &object));

	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 3), KP_OK);
	index = 0;
	assert_false(registry_next_held(&registry, kp_str("Book.S"), &index, &object));

	routes[1] = route_at(2, "up", "", "b");
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 3), KP_OK);
	expect(registry_all(&registry, kp_str("Book.S.Obj")), 0, "2", "1 3");
	registry_fini(&registry);
}

static void sets_follow_the_reference(void **state)
{
	const struct route routes[] = {
	        route_at(1, "up", "n.a.1", "x"),   route_at(2, "down", "n.a.1", "x"),
	        route_at(3, "up", "n.a.2", "x"),   route_at(4, "up", "n.a.*", "x"),
	        route_at(5, "up", "n.b.1", "x"),   route_at(6, "up", "", "x"),
	        route_at(7, "down", "n.c.1", "x"),
	};
	const struct {
		const char *set;
		int ret;
		const char *active, *inactive;
	} rows[] = {
	        {"n.a.1", 0, "1", "2"}, {"n.a.2", 0, "3", ""},  {"n.a.*", 0, "1 3 4", "2"},
	        {"n.a.9", 0, "4", ""},  {"n.b.9", -1, "", ""},  {"n.c.1", 0, "", "7"},
	        {"m.a.1", -1, "", ""},  {"*.a.1", -1, "", ""},  {"n.*.1", -1, "", ""},
	        {"n.a", -1, "", ""},    {"", -1, "", ""},       {"n.a.1.x", -1, "", ""},
	        {"n..1", -1, "", ""},   {"n.a.1.", -1, "", ""}, {"n.*.*", -1, "", ""},
	};
	struct registry registry = {0};
	struct kp_arena arena = {0};
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 7), KP_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(registry_in_set(&registry, kp_str("Book.S.Obj"), kp_str(rows[i].set),
		                       &arena),
		       rows[i].ret, rows[i].active, rows[i].inactive);
	kp_arena_fini(&arena);
	registry_fini(&registry);
}

static void object_without_sets_answers_a_set_query_with_all(void **state)
{
	const struct route routes[] = {route_at(1, "up", "", "a"), route_at(2, "down", "", "a")};
	struct registry registry = {0};
	struct kp_arena arena = {0};
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 2), KP_OK);
	expect(registry_in_set(&registry, kp_str("Book.S.Obj"), kp_str("n.a.1"), &arena), 0, "1",
	       "2");
	expect(registry_in_set(&registry, kp_str("Book.S.Obj"), kp_str("wrong"), &arena), -1, "",
	       "");
	kp_arena_fini(&arena);
	registry_fini(&registry);
}

static void put_replaces_what_a_server_had_and_nothing_else(void **state)
{
	struct route routes[] = {route_at(1, "up", "", "a"), route_at(2, "up", "", "a")};
	struct route other = route_at(9, "up", "", "a");
	routes[1].object = kp_str("Book.S.Second");
	other.object = kp_str("Book.T.Obj");
	struct registry registry = {0};
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 2), KP_OK);
	assert_int_equal(registry_put(&registry, kp_str("Book.T"), &other, 1), KP_OK);
	const struct registry_object *kept = registry_find(&registry, kp_str("Book.T.Obj"));

	assert_int_equal(registry_put(&registry, kp_str("Book.S"), routes, 1), KP_OK);
	expect(registry_all(&registry, kp_str("Book.S.Obj")), 0, "1", "");
	assert_null(registry_find(&registry, kp_str("Book.S.Second")));
	assert_int_equal(registry_put(&registry, kp_str("Book.S"), NULL, 0), KP_OK);
	assert_null(registry_find(&registry, kp_str("Book.S.Obj")));
	assert_ptr_equal(registry_find(&registry, kp_str("Book.T.Obj")), kept);
	registry_fini(&registry);
	assert_int_equal(kp_mem_live(), 0);
}

static void put_survives_running_out_of_memory(void **state)
{
	const struct route routes[] = {route_at(1, "up", "", "a"), route_at(2, "up", "", "a")};
	for (int fault = 0; kp_fault_next(&fault);) {
		struct registry registry = {0};
		kp_err err = registry_put(&registry, kp_str("Book.S"), routes, 2);
		if (err == KP_OK)
			err = registry_put(&registry, kp_str("Book.S"), routes, 1);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		registry_fini(&registry);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(unknown_object_is_two_empty_lists),
	        cmocka_unit_test(active_endpoints_are_apart_from_the_rest),
	        cmocka_unit_test(last_known_endpoints_stay_when_all_nodes_are_silent),
	        cmocka_unit_test(sets_follow_the_reference),
	        cmocka_unit_test(object_without_sets_answers_a_set_query_with_all),
	        cmocka_unit_test(put_replaces_what_a_server_had_and_nothing_else),
	        cmocka_unit_test(put_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
