// golden_test.c - good files give exactly this C, bad ones exactly these messages.
//
// `KIPP_GOLDEN_UPDATE=1 meson test idl/golden` writes what the compiler gives now into the tree;
// look at the difference before you commit it.
#include "idl/files.h"
#include "idl/idl.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static kp_err read_golden(void *arg, const char *path, struct kp_buf *out)
{
	char full[4096];
	snprintf(full, sizeof(full), "%s/%s", GOLDEN_DIR, path);
	return idl_file_read(full, out);
}

static const struct kp_idl_options from_golden = {.read = read_golden};

// expect_file compares a text with a file of the golden folder, or writes it there.
static void expect_file(const char *path, struct kp_str text)
{
	char full[4096];
	snprintf(full, sizeof(full), "%s/%s", GOLDEN_DIR, path);
	struct idl_output output = {full, text};
	if (getenv("KIPP_GOLDEN_UPDATE"))
		assert_int_equal(idl_files_write(&output, 1, NULL), KP_OK);
	struct kp_buf expected = {0};
	assert_int_equal(idl_file_read(full, &expected), KP_OK);
	size_t at = 0, line = 1;
	for (; at < text.len && at < expected.len && text.ptr[at] == (char)expected.data[at]; at++)
		line += text.ptr[at] == '\n';
	if (at != text.len || at != expected.len)
		fail_msg("%s differs from what the compiler gives in line %zu", path, line);
	kp_buf_fini(&expected);
}

static void compile_good(const char *stem)
{
	char path[256];
	snprintf(path, sizeof(path), "%s.tars", stem);
	struct kp_buf messages = {0}, header = {0}, source = {0}, cpp = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(kp_idl_open(path, &from_golden, &idl, &messages), KP_OK);
	assert_int_equal(kp_idl_emit_c(idl, stem, &header, &source), KP_OK);
	snprintf(path, sizeof(path), "%s.h.expected", stem);
	expect_file(path, kp_buf_str(&header));
	snprintf(path, sizeof(path), "%s.c.expected", stem);
	expect_file(path, kp_buf_str(&source));
	assert_int_equal(kp_idl_emit_cpp(idl, stem, &cpp), KP_OK);
	snprintf(path, sizeof(path), "%s.hpp.expected", stem);
	expect_file(path, kp_buf_str(&cpp));
	kp_idl_close(idl);
	kp_buf_fini(&cpp);
	kp_buf_fini(&messages);
	kp_buf_fini(&header);
	kp_buf_fini(&source);
}

static void good_files_give_exactly_this_c(void **state)
{
	compile_good("other");
	compile_good("everything");
	compile_good("hello");
	assert_int_equal(kp_mem_live(), 0);
}

static void bad_files_give_exactly_these_messages(void **state)
{
	static const char *const stems[] = {"cycle",  "includes",  "lexical", "many", "names",
	                                    "params", "recursion", "syntax",  "tags", "values"};
	for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
		char path[256];
		snprintf(path, sizeof(path), "bad/%s.tars", stems[i]);
		struct kp_buf messages = {0};
		struct kp_idl *idl = NULL;
		assert_int_equal(kp_idl_open(path, &from_golden, &idl, &messages), KP_ERR_INVALID);
		snprintf(path, sizeof(path), "bad/%s.expected", stems[i]);
		expect_file(path, kp_buf_str(&messages));
		kp_buf_fini(&messages);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static kp_err compile_everything(void)
{
	struct kp_buf messages = {0}, header = {0}, source = {0};
	struct kp_idl *idl = NULL;
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_idl_description description;
	kp_err err = arena ? kp_idl_open("everything.tars", &from_golden, &idl, &messages)
	                   : KP_ERR_NOMEM;
	if (err == KP_OK)
		err = kp_idl_emit_c(idl, "everything", &header, &source);
	if (err == KP_OK)
		err = kp_idl_emit_cpp(idl, "everything", &header);
	if (err == KP_OK)
		err = kp_idl_describe(idl, arena, &description);
	kp_idl_close(idl);
	kp_arena_free(arena);
	kp_buf_fini(&messages);
	kp_buf_fini(&header);
	kp_buf_fini(&source);
	return err;
}

static void compiler_survives_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		kp_err err = compile_everything();
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		assert_int_equal(kp_mem_live(), 0);
	}
}

static void errors_survive_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_buf messages = {0};
		struct kp_idl *idl = NULL;
		kp_err err = kp_idl_open("bad/names.tars", &from_golden, &idl, &messages);
		assert_true(err == KP_ERR_INVALID || (kp_mem_has_failed() && err == KP_ERR_NOMEM));
		kp_buf_fini(&messages);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_files_give_exactly_this_c),
	        cmocka_unit_test(bad_files_give_exactly_these_messages),
	        cmocka_unit_test(compiler_survives_running_out_of_memory),
	        cmocka_unit_test(errors_survive_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
