// explain_test.c - a table in words.
#include "route/explain.h"

#include "route/fixture.h"

static void expect(const struct kp_buf *out, const char *text)
{
	struct kp_str all = kp_buf_str(out);
	if (!memmem(all.ptr, all.len, text, strlen(text)))
		fail_msg("no '%s' in:\n%.*s", text, KP_STR_ARG(all));
}

static void every_drop_is_told_with_its_step_and_reason(void **state)
{
	struct service *service = service_new(8, 1);
	struct kp_decisions *decisions = kp_new(struct kp_decisions);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_weighted,
	                                                    .decisions = decisions,
	                                                    .route = 3,
	                                                    .isolated_share_max = 20,
	                                                    .subset_size = 3});
	kp_table_set_weight(table, kp_table_find(table, service->names[7]), 0, true);
	note(service, 0, KP_OUTCOME_BROKEN, 10);
	note(service, 1, KP_OUTCOME_BROKEN, 10);
	for (int i = 0; i < 12; i++)
		pick_done(service, table, 100 * ms);
	for (int i = 0; i < 100; i++)
		kp_decisions_push(decisions, &(struct kp_decision){.route = 4, .entry = 77});
	struct kp_buf out = {0};
	kp_explain_format(&(struct kp_explain){.table = table,
	                                       .name = "App.Server.Obj",
	                                       .where = "a test",
	                                       .now_ns = 150 * ms,
	                                       .decisions_max = 10},
	                  &out);
	assert_int_equal(out.err, KP_OK);
	expect(&out, "App.Server.Obj, as a test sees it:\n");
	expect(&out, "registry 8 -> set 8 (by the registry) -> zone 8 (by the registry) -> "
	             "lane 8 (by the registry) -> health 7 -> subset 5 -> balancer 4 (weighted)");
	expect(&out, "dropped by health: failed 1 times, next probe in");
	expect(&out, "sick, kept by health: no more than 20 % may be left out");
	expect(&out, "dropped by subset: not one of this client's 3");
	expect(&out, "dropped by balancer: its weight is 0");
	expect(&out, service->names[5]);
	expect(&out, "50.000 ms ago  listed 8, sick 1, left out 3, tried 0 -> #");
	expect(&out, "(its turn)");
	expect(&out, "(sick, but so are too many)");
	struct kp_str all = kp_buf_str(&out);
	assert_null(memmem(all.ptr, all.len, "#77", 3)); // another route's
	kp_buf_fini(&out);
	table_free(table);
	kp_free(decisions);
	kp_free(service);
	assert_int_equal(kp_mem_live(), 0);
}

static void an_empty_table_is_explained_too(void **state)
{
	struct service *service = service_new(0, 1);
	struct kp_table *table =
	        table_of(service, (struct kp_table_options){.balancer = &kp_balance_latency});
	struct kp_buf out = {0};
	kp_explain_format(&(struct kp_explain){.table = table, .name = "A.B.C", .where = "a test"},
	                  &out);
	expect(&out, "registry 0");
	kp_buf_fini(&out);
	table_free(table);
	kp_free(service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_drop_is_told_with_its_step_and_reason),
	        cmocka_unit_test(an_empty_table_is_explained_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
