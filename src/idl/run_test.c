// run_test.c - the command: where its results go, and what it leaves behind when it fails.
#include "idl/files.h"
#include "idl/idl.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[256];
	char out[300];
};

static void path_in(const struct folder *folder, const char *name, char *ret, size_t size)
{
	assert_true(snprintf(ret, size, "%s/%s", folder->path, name) < (int)size);
}

static void put(const struct folder *folder, const char *name, const char *text)
{
	char path[512];
	path_in(folder, name, path, sizeof(path));
	struct idl_output output = {path, kp_str(text)};
	assert_int_equal(idl_files_write(&output, 1, NULL), KP_OK);
}

static bool holds(const struct folder *folder, const char *name, const char *text)
{
	char path[512];
	path_in(folder, name, path, sizeof(path));
	struct kp_buf buf = {0};
	kp_err err = idl_file_read(path, &buf);
	kp_buf_append_byte(&buf, '\0');
	bool is_there = err == KP_OK && strstr((const char *)buf.data, text);
	kp_buf_fini(&buf);
	return is_there;
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static int start(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	const char *temporary = getenv("TMPDIR");
	snprintf(folder->path, sizeof(folder->path), "%s/kipp-idl-XXXXXX",
	         temporary ? temporary : "/tmp");
	assert_non_null(mkdtemp(folder->path));
	snprintf(folder->out, sizeof(folder->out), "%s/made/here", folder->path);
	put(folder, "good.tars",
	    "#include \"lib.tars\"\nmodule A { struct S { 0 require L::T t; }; };");
	put(folder, "bad.tars", "module A { struct S { 0 require Missing t; }; };");
	char lib[512];
	path_in(folder, "lib", lib, sizeof(lib));
	assert_int_equal(idl_dir_make(lib, NULL), KP_OK);
	put(folder, "lib/lib.tars", "module L { struct T { 0 require int a; }; };");
	*state = folder;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char inner[1024];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		remove_tree(inner);
	}
	if (dir)
		closedir(dir);
	remove(path);
}

static int stop(void **state)
{
	struct folder *folder = *state;
	remove_tree(folder->path);
	free(folder);
	return 0;
}

// run calls the command with one file of the folder, its out folder and its lib.
static int run(const struct folder *folder, const char *name)
{
	char file[512], lib[512], dep[512];
	path_in(folder, name, file, sizeof(file));
	path_in(folder, "lib", lib, sizeof(lib));
	path_in(folder, "deps", dep, sizeof(dep));
	char *argv[] = {"kipp-idl",          file, "-o", (char *)folder->out, "-I", lib,
	                (char *)"--depfile", dep,  NULL};
	return kp_idl_run("kipp-idl", 8, argv);
}

static void results_go_where_they_are_wanted(void **state)
{
	struct folder *folder = *state;
	assert_int_equal(run(folder, "good.tars"), 0);
	assert_true(holds(folder, "made/here/good.h", "struct A_S {"));
	assert_true(holds(folder, "made/here/good.h", "#include \"lib.h\""));
	assert_true(holds(folder, "made/here/good.c", "#include \"good.h\""));
	assert_int_equal(count_entries(folder->out), 2);
	assert_true(holds(folder, "deps", "good.h "));
	assert_true(holds(folder, "deps", "/lib/lib.tars\n"));
	assert_int_equal(kp_mem_live(), 0);
}

static void cpp_adds_one_more_result(void **state)
{
	struct folder *folder = *state;
	char file[512], dep[512];
	path_in(folder, "lib/lib.tars", file, sizeof(file));
	path_in(folder, "deps", dep, sizeof(dep));
	char *argv[] = {"kipp-idl", file, "-o", folder->out, "--cpp", "--depfile", dep, NULL};
	assert_int_equal(kp_idl_run("kipp-idl", 7, argv), 0);
	assert_int_equal(count_entries(folder->out), 3);
	assert_true(holds(folder, "made/here/lib.hpp", "namespace L"));
	assert_true(holds(folder, "made/here/lib.hpp", "#include \"lib.h\""));
	assert_true(holds(folder, "deps", "/lib.hpp: "));
	assert_int_equal(kp_mem_live(), 0);
}

static void results_that_did_not_change_are_not_touched(void **state)
{
	struct folder *folder = *state;
	char path[512];
	path_in(folder, "made/here/good.h", path, sizeof(path));
	assert_int_equal(run(folder, "good.tars"), 0);
	struct stat before, after;
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(run(folder, "good.tars"), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);

	put(folder, "good.tars", "module A { struct Changed { 0 require int a; }; };");
	assert_int_equal(run(folder, "good.tars"), 0);
	assert_true(holds(folder, "made/here/good.h", "struct A_Changed {"));
	assert_int_equal(count_entries(folder->out), 2);
}

static void errors_leave_earlier_results_alone(void **state)
{
	struct folder *folder = *state;
	assert_int_equal(run(folder, "good.tars"), 0);
	put(folder, "good.tars", "module A { struct S { 0 require Missing t; }; };");
	assert_int_equal(run(folder, "good.tars"), 1);
	assert_true(holds(folder, "made/here/good.h", "struct A_S {"));
	assert_int_equal(run(folder, "bad.tars"), 1);
	assert_int_equal(run(folder, "gone.tars"), 3);
	assert_int_equal(count_entries(folder->out), 2);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_result_that_cannot_be_written_leaves_no_temporary_file(void **state)
{
	struct folder *folder = *state;
	char path[512];
	path_in(folder, "made/here/good.c/x", path, sizeof(path));
	assert_int_equal(idl_dir_make(path, NULL), KP_OK); // a folder where good.c should be
	assert_int_not_equal(run(folder, "good.tars"), 0);
	assert_int_equal(count_entries(folder->out), 2); // good.h and that folder
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
	struct folder *folder = *state;
	put(folder, "made", "a file where a folder should be");
	assert_int_not_equal(run(folder, "good.tars"), 0);
	assert_true(holds(folder, "made", "a file"));
}

static void wrong_use_is_told_apart_from_failure(void **state)
{
	static char *const bad[][4] = {{"kipp-idl"},
	                               {"kipp-idl", "-o"},
	                               {"kipp-idl", "--what", "x.tars"},
	                               {"kipp-idl", "x.tars", "-I"}};
	static const int counts[] = {1, 2, 3, 3};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(kp_idl_run("kipp-idl", counts[i], (char **)bad[i]), 2);
	char *help[] = {"kipp-idl", "--help", NULL};
	assert_int_equal(kp_idl_run("kipp-idl", 2, help), 0);
	assert_int_equal(kp_mem_live(), 0);
}

static void running_out_of_memory_leaves_nothing_half_done(void **state)
{
	struct folder *folder = *state;
	for (int fault = 0; kp_fault_next(&fault);) {
		int code = run(folder, "good.tars");
		if (kp_mem_has_failed())
			assert_true(code == 1 || code == 0);
		else
			assert_int_equal(code, 0);
		int entries = count_entries(folder->out);
		assert_true(entries == 0 || entries == 2);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(results_go_where_they_are_wanted, start, stop),
	        cmocka_unit_test_setup_teardown(cpp_adds_one_more_result, start, stop),
	        cmocka_unit_test_setup_teardown(results_that_did_not_change_are_not_touched, start,
	                                        stop),
	        cmocka_unit_test_setup_teardown(errors_leave_earlier_results_alone, start, stop),
	        cmocka_unit_test_setup_teardown(
	                a_result_that_cannot_be_written_leaves_no_temporary_file, start, stop),
	        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_is_told, start, stop),
	        cmocka_unit_test_setup_teardown(wrong_use_is_told_apart_from_failure, start, stop),
	        cmocka_unit_test_setup_teardown(running_out_of_memory_leaves_nothing_half_done,
	                                        start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
