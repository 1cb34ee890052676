// spec_test.c - which descriptions of a server are refused, and how that is said.
#include "control/state/spec.h"
#include "control/state/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void refused(const struct kipp_Server *spec, const char *says)
{
	struct kp_why why = {""};
	assert_int_equal(spec_check(spec, &why), KP_ERR_INVALID);
	if (!strstr(why.text, says))
		fail_msg("\"%s\" does not say \"%s\"", why.text, says);
}

static void usual_description_is_accepted(void **state)
{
	struct kipp_Server spec = world_spec("PayServer", 2);
	assert_int_equal(spec_check(&spec, NULL), KP_OK);
	spec.executable = kp_str("bin/server");
	spec.type = kp_str("tars_go");
	struct kp_str_str_map_entry setting = {kp_str("logLevel"), kp_str("DEBUG")};
	spec.settings.ptr = &setting;
	spec.settings.len = 1;
	assert_int_equal(spec_check(&spec, NULL), KP_OK);
}

static void each_field_is_checked(void **state)
{
	struct kipp_Server spec = world_spec("Pay Server", 2);
	refused(&spec, "App.Server");
	spec = world_spec("../x", 2);
	refused(&spec, "App.Server");
	spec = world_spec("S", 2);
	spec.application = kp_str("");
	refused(&spec, "App.Server");
	spec = world_spec("S", 2);
	spec.application = kp_str("kipp");
	refused(&spec, "kept for the platform");
	spec = world_spec("tarsregistry", 1);
	spec.application = kp_str("tars");
	refused(&spec, "kept for the platform");
	spec = world_spec("tarsstat", 1);
	spec.application = kp_str("tars");
	assert_int_equal(spec_check(&spec, NULL), KP_OK);
	spec = world_spec("S", INSTANCES_MAX + 1);
	refused(&spec, "instances");
	spec = world_spec("S", -1);
	refused(&spec, "instances");
	spec = world_spec("S", 1);
	spec.type = kp_str("cobol");
	refused(&spec, "cobol");
	spec = world_spec("S", 1);
	spec.package = kp_str("x");
	refused(&spec, "sha256");
	const char *const paths[] = {"/bin/sh", "../x", "a/../../x", "a<b", "a\nb"};
	for (size_t i = 0; i < 5; i++) {
		spec = world_spec("S", 1);
		spec.executable = kp_str(paths[i]);
		refused(&spec, "executable");
	}
	spec = world_spec("S", 1);
	spec.version = kp_str("1\n2");
	refused(&spec, "version");
}

static void each_adapter_is_checked(void **state)
{
	struct kipp_Server spec = world_spec("S", 1);
	struct kipp_Adapter good = spec.adapters.ptr[0], adapters[2] = {good, good};
	spec.adapters.ptr = adapters;
	adapters[0].name = kp_str("a b");
	refused(&spec, "adapter name");
	adapters[0] = good;
	adapters[0].servant = kp_str(" ");
	refused(&spec, "no servant");
	adapters[0].servant = kp_str("Good <Bad>");
	refused(&spec, "<Bad>");
	adapters[0] = good;
	adapters[0].endpoint = kp_str("nonsense");
	refused(&spec, "nonsense");
	adapters[0].endpoint = kp_str("tcp -h x -p 99999");
	refused(&spec, "endpoint");
	adapters[0] = good;
	adapters[0].threads = 0;
	refused(&spec, "threads");
	adapters[0] = good;
	adapters[0].protocol = kp_str("smtp");
	refused(&spec, "smtp");
	adapters[0] = good;
	spec.adapters.len = 2;
	refused(&spec, "two adapters");
}

static void settings_must_fit_the_configuration_file(void **state)
{
	struct kipp_Server spec = world_spec("S", 1);
	const char *const keys[] = {"", "a=b", "a<b", "#a", "a\nb"};
	struct kp_str_str_map_entry setting = {kp_str("a"), kp_str("b")};
	spec.settings.ptr = &setting;
	spec.settings.len = 1;
	for (size_t i = 0; i < 5; i++) {
		setting.key = kp_str(keys[i]);
		refused(&spec, "configuration key");
	}
	setting = (struct kp_str_str_map_entry){kp_str("a"), kp_str("x & y")};
	refused(&spec, "value of the setting a");
}

static void encoded_description_reads_back(void **state)
{
	struct kipp_Server spec = world_spec("S", 7), read;
	struct kp_buf out = {0};
	struct kp_arena arena = {0};
	assert_int_equal(spec_encode(&spec, &out), KP_OK);
	assert_int_equal(spec_decode(kp_buf_bytes(&out), &arena, &read), KP_OK);
	assert_true(kipp_Server_equal(&spec, &read));
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(spec_decode((struct kp_bytes){out.data, len}, &arena, &read),
		                 KP_ERR_DECODE);
	kp_arena_fini(&arena);
	kp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(usual_description_is_accepted),
	        cmocka_unit_test(each_field_is_checked),
	        cmocka_unit_test(each_adapter_is_checked),
	        cmocka_unit_test(settings_must_fit_the_configuration_file),
	        cmocka_unit_test(encoded_description_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
