// launch_test.c - command lines and environments by type of server.
#include "base/mem.h"
#include "node/launch.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct place {
	char path[64];
	struct kp_arena *arena;
	struct launch_input input;
	struct launch launch;
	struct kp_why why;
	char line[2048];
};

static const char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/h", "KIPP_NODE_NAME=x",
                                          "LD_LIBRARY_PATH=/old", NULL};

static int make_place(void **state)
{
	struct place *place = kp_new(struct place);
	snprintf(place->path, sizeof(place->path), "/tmp/kipp-launch-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->arena = kp_arena_new(0);
	place->input = (struct launch_input){
	        .application = kp_str("Book"),
	        .server = kp_str("PayServer"),
	        .type = kp_str("kipp"),
	        .base_path = place->path,
	        .config_path = "/c.conf",
	        .library_path = "/lib-path",
	        .token = "Book.PayServer.1/abc",
	        .environment = environment,
	};
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	kp_arena_free(place->arena);
	assert_int_equal(kp_file_remove_tree(place->path, NULL), KP_OK);
	kp_free(place);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void put(struct place *place, const char *name, unsigned mode)
{
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/%s", place->path, name);
	kp_cleanup(kp_freep) char *dir = kp_strndup(path, (size_t)(strrchr(path, '/') - path));
	assert_int_equal(kp_file_make_dirs(dir, 0755, NULL), KP_OK);
	assert_int_equal(kp_file_replace(path, (struct kp_bytes){0}, mode, NULL), KP_OK);
}

// plan returns the command line with the package's place as "@", or the reason why there is none.
static const char *plan(struct place *place)
{
	struct kp_buf line = {0};
	if (launch_plan(&place->input, place->arena, &place->launch, &place->why) != KP_OK)
		return place->why.text;
	for (const char *const *word = place->launch.argv; *word; word++) {
		if (word != place->launch.argv)
			kp_buf_append_byte(&line, ' ');
		for (const char *at = *word; *at;) {
			if (strncmp(at, place->path, strlen(place->path)) == 0) {
				kp_buf_append_byte(&line, '@');
				at += strlen(place->path);
			} else {
				kp_buf_append_byte(&line, (uint8_t)*at++);
			}
		}
	}
	assert_int_equal(line.err, KP_OK);
	snprintf(place->line, sizeof(place->line), "%.*s", KP_STR_ARG(kp_buf_str(&line)));
	assert_int_equal(strlen(place->line), line.len);
	kp_buf_fini(&line);
	return place->line;
}

static void launch_runs_the_executable_of_the_servers_name(void **state)
{
	struct place *place = *state;
	put(place, "AServer", 0755);
	put(place, "PayServer", 0755);
	assert_string_equal(plan(place), "@/PayServer --config=/c.conf");
}

static void launch_finds_another_executable(void **state)
{
	struct place *place = *state;
	assert_non_null(strstr(plan(place), "no executable 'PayServer'"));
	put(place, "tool", 0755);
	assert_string_equal(plan(place), "@/tool --config=/c.conf");
	put(place, "data", 0644);
	put(place, "sub/my-server", 0755);
	assert_string_equal(plan(place), "@/sub/my-server --config=/c.conf");
	place->input.executable = kp_str("tool");
	assert_string_equal(plan(place), "@/tool --config=/c.conf");
	place->input.executable = kp_str("data");
	assert_non_null(strstr(plan(place), "is not executable"));
	place->input.executable = kp_str("none");
	assert_non_null(strstr(plan(place), "the package holds no 'none'"));
}

static void launch_runs_java(void **state)
{
	struct place *place = *state;
	static struct config_setting settings[3];
	settings[0] = (struct config_setting){kp_str("java"), kp_str("/opt/java")};
	settings[1] = (struct config_setting){kp_str("jvmparams"), kp_str("-Xms1m  -Da=b")};
	place->input.type = kp_str("tars_java");
	place->input.settings = settings;
	place->input.setting_count = 2;
	assert_string_equal(plan(place), "/opt/java -Dconfig=/c.conf -Xms1m -Da=b -cp "
	                                 "@/conf:@/WEB-INF/classes:@/WEB-INF/lib/* "
	                                 "com.qq.tars.server.startup.Main");
	settings[2] = (struct config_setting){kp_str("packageFormat"), kp_str("jar")};
	place->input.setting_count = 3;
	assert_string_equal(plan(place), "/opt/java -Dconfig=/c.conf -Xms1m -Da=b -jar "
	                                 "@/Book.PayServer.jar");
}

static void launch_runs_nodejs_and_php(void **state)
{
	struct place *place = *state;
	place->input.type = kp_str("tars_nodejs");
	assert_non_null(strstr(plan(place), "no tars_nodejs/node-agent"));
	put(place, "tars_nodejs/node-agent/bin/node-agent", 0755);
	put(place, "tars_nodejs/node", 0755);
	put(place, "node_modules/x/package.json", 0644);
	assert_non_null(strstr(plan(place), "no package.json"));
	put(place, "src/package.json", 0644);
	assert_string_equal(plan(place), "@/tars_nodejs/node "
	                                 "@/tars_nodejs/node-agent/bin/node-agent @/src -c "
	                                 "/c.conf");
	struct config_setting php = {kp_str("php"), kp_str("/opt/php")};
	place->input.type = kp_str("tars_php");
	place->input.settings = &php;
	place->input.setting_count = 1;
	assert_string_equal(plan(place), "/opt/php @/src/index.php --config=/c.conf");
}

static void launch_runs_scripts_and_refuses_other_types(void **state)
{
	struct place *place = *state;
	struct config_setting args = {kp_str("script-args"), kp_str("a b")};
	put(place, "run.sh", 0755);
	place->input.type = kp_str("not_tars");
	place->input.settings = &args;
	place->input.setting_count = 1;
	assert_string_equal(plan(place), "@/run.sh a b");
	place->input.type = kp_str("tars_cobol");
	assert_non_null(strstr(plan(place), "'tars_cobol' is no type of server"));
	place->input.type = kp_str("tars_java");
	args = (struct config_setting){kp_str("java"), kp_str("no-such-java")};
	assert_string_equal(plan(place), "'no-such-java' is not installed on this node");
}

static bool has_env(const struct place *place, const char *pair)
{
	for (const char *const *env = place->launch.env; *env; env++)
		if (strcmp(*env, pair) == 0)
			return true;
	return false;
}

static void launch_gives_the_server_its_own_environment(void **state)
{
	struct place *place = *state;
	char libraries[256];
	struct config_setting env = {kp_str("env"), kp_str("A=1; B=x=y|C=3;D")};
	put(place, "PayServer", 0755);
	place->input.settings = &env;
	place->input.setting_count = 1;
	plan(place);
	assert_true(has_env(place, "HOME=/h"));
	assert_true(has_env(place, "KIPP_INSTANCE=Book.PayServer.1/abc"));
	assert_true(has_env(place, "TARS_CONFIG=/c.conf"));
	assert_true(has_env(place, "A=1") && has_env(place, "B=x=y") && has_env(place, "C=3"));
	assert_false(has_env(place, "KIPP_NODE_NAME=x"));
	assert_false(has_env(place, "D"));
	snprintf(libraries, sizeof(libraries), "LD_LIBRARY_PATH=%s:%s/lib:/lib-path:/old",
	         place->path, place->path);
	assert_true(has_env(place, libraries));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(launch_runs_the_executable_of_the_servers_name),
	        CASE(launch_finds_another_executable),
	        CASE(launch_runs_java),
	        CASE(launch_runs_nodejs_and_php),
	        CASE(launch_runs_scripts_and_refuses_other_types),
	        CASE(launch_gives_the_server_its_own_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
