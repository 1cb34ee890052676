// open_test.h - compiling files that exist only in a test; for a source that has included cmocka.
#pragma once

#include "idl/ast.h"

// test_file is one file; an array of them ends with a NULL path.
struct test_file {
	const char *path;
	const char *text;
};

static inline kp_err test_read(void *arg, const char *path, struct kp_buf *out)
{
	for (const struct test_file *file = arg; file->path; file++) {
		if (strcmp(file->path, path) != 0)
			continue;
		kp_buf_append_str(out, kp_str(file->text));
		return KP_OK;
	}
	return KP_ERR_NOTFOUND;
}

// test_open compiles the first file; a NUL stands behind the messages.
static inline kp_err test_open(const struct test_file *files, struct kp_idl **ret,
                               struct kp_buf *messages)
{
	static const char *const dirs[] = {"lib", "more/lib"};
	struct kp_idl_options options = {.include_dirs = dirs,
	                                 .include_dir_count = 2,
	                                 .read = test_read,
	                                 .arg = (void *)files};
	kp_err err = kp_idl_open(files[0].path, &options, ret, messages);
	kp_buf_append_byte(messages, '\0');
	return err;
}

// test_good opens one text that must be right; the caller closes it.
static inline struct kp_idl *test_good(const char *text)
{
	struct test_file files[] = {{"t.tars", text}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	kp_err err = test_open(files, &idl, &messages);
	if (err != KP_OK)
		print_error("%s", (const char *)messages.data);
	kp_buf_fini(&messages);
	assert_int_equal(err, KP_OK);
	return idl;
}

// test_bad compiles one text that must be wrong, with exactly these messages.
static inline void test_bad(const char *text, const char *expected)
{
	struct test_file files[] = {{"t.tars", text}, {NULL, NULL}};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	assert_int_equal(test_open(files, &idl, &messages), KP_ERR_INVALID);
	assert_null(idl);
	assert_string_equal((const char *)messages.data, expected);
	kp_buf_fini(&messages);
	assert_int_equal(kp_mem_live(), 0);
}
