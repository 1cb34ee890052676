// packages_test.c - what uploads promise.
#include "control/packages.h"

#include "base/mem.h"
#include "os/digest.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	char dir[64];
	struct packages packages;
	char hash[KP_DIGEST_TEXT_SIZE];
};

static const struct kp_bytes content = {(const uint8_t *)"first half, second half", 23};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/kp-packages-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(packages_open(f->dir, &f->packages, NULL), KP_OK);
	assert_int_equal(kp_digest_bytes(content, f->hash), KP_OK);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	packages_close(&f->packages);
	assert_int_equal(kp_file_remove_tree(f->dir, NULL), KP_OK);
	free(f);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static struct kp_bytes part_of(size_t from, size_t to)
{
	return (struct kp_bytes){content.ptr + from, to - from};
}

static kp_err put(struct fixture *f, size_t offset, struct kp_bytes part, int64_t *stored)
{
	bool is_new;
	struct kp_why why = {""};
	kp_err err = packages_put(&f->packages, kp_str(f->hash), (int64_t)offset, part, stored,
	                          &is_new, &why);
	if (err != KP_OK)
		assert_true(strlen(why.text) > 10);
	return err;
}

static kp_err finish(struct fixture *f, size_t offset, int64_t *stored)
{
	return put(f, offset, (struct kp_bytes){0}, stored);
}

static void upload_in_parts_is_kept_whole(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	assert_int_equal(put(f, 0, part_of(0, 12), &stored), KP_OK);
	assert_int_equal(stored, 12);
	assert_false(packages_has(&f->packages, kp_str(f->hash)));
	assert_int_equal(put(f, 12, part_of(12, 23), &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
	assert_int_equal(stored, 23);
	assert_true(packages_has(&f->packages, kp_str(f->hash)));

	struct kp_buf out = {0};
	int64_t size;
	assert_int_equal(packages_read(&f->packages, kp_str(f->hash), 6, &out, &size, NULL), KP_OK);
	assert_int_equal(size, 23);
	assert_int_equal(out.len, 17);
	assert_memory_equal(out.data, content.ptr + 6, 17);
	assert_int_equal(packages_read(&f->packages, kp_str(f->hash), 24, &out, &size, NULL),
	                 KP_ERR_INVALID);
	kp_buf_fini(&out);
}

static void upload_of_what_is_there_is_done_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	assert_int_equal(put(f, 0, content, &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
	assert_int_equal(put(f, 0, part_of(0, 5), &stored), KP_OK);
	assert_int_equal(stored, 23);
	assert_int_equal(finish(f, 5, &stored), KP_OK);
}

static void upload_with_a_gap_is_told_where_to_go_on(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	assert_int_equal(put(f, 0, part_of(0, 5), &stored), KP_OK);
	assert_int_equal(put(f, 9, part_of(9, 23), &stored), KP_ERR_CONFLICT);
	assert_int_equal(stored, 5);
	assert_int_equal(put(f, 5, part_of(5, 23), &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
}

static void upload_with_the_wrong_content_starts_over(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	const struct kp_bytes wrong = {(const uint8_t *)"something else entirely", 23};
	assert_int_equal(put(f, 0, wrong, &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_ERR_INVALID);
	assert_int_equal(stored, 0);
	assert_int_equal(finish(f, 0, &stored), KP_ERR_INVALID);

	assert_int_equal(put(f, 0, wrong, &stored), KP_OK);
	assert_int_equal(finish(f, 7, &stored), KP_ERR_CONFLICT);
	assert_int_equal(put(f, 0, content, &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
}

static void uploads_of_one_package_at_once_both_end_well(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	assert_int_equal(put(f, 0, part_of(0, 10), &stored), KP_OK);
	assert_int_equal(put(f, 0, part_of(0, 5), &stored), KP_OK);
	assert_int_equal(stored, 10);
	assert_int_equal(put(f, 10, part_of(10, 23), &stored), KP_OK);
	assert_int_equal(put(f, 5, part_of(5, 23), &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
	assert_int_equal(finish(f, 23, &stored), KP_OK);
}

static void upload_checks_its_hash_offset_and_size(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	bool is_new;
	struct kp_why why = {""};
	const char *const bad[] = {"", "abc", "../../etc/passwd", "G000"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(packages_put(&f->packages, kp_str(bad[i]), 0, content, &stored,
		                              &is_new, &why),
		                 KP_ERR_INVALID);
		assert_false(packages_has(&f->packages, kp_str(bad[i])));
	}
	assert_int_equal(
	        packages_put(&f->packages, kp_str(f->hash), -1, content, &stored, &is_new, &why),
	        KP_ERR_INVALID);

	char *path = kp_file_path("%s/packages/%s.part", f->dir, f->hash);
	const int64_t last = PACKAGE_SIZE_MAX - 1;
	assert_int_equal(kp_file_write_at(path, last, part_of(0, 1), NULL), KP_OK);
	assert_int_equal(packages_put(&f->packages, kp_str(f->hash), last, part_of(0, 1), &stored,
	                              &is_new, &why),
	                 KP_OK);
	assert_int_equal(packages_put(&f->packages, kp_str(f->hash), last, part_of(0, 2), &stored,
	                              &is_new, &why),
	                 KP_ERR_LIMIT);
	kp_free(path);
}

static void opening_removes_uploads_that_never_ended(void **state)
{
	struct fixture *f = *state;
	int64_t stored;
	assert_int_equal(put(f, 0, part_of(0, 5), &stored), KP_OK);
	packages_close(&f->packages);
	assert_int_equal(packages_open(f->dir, &f->packages, NULL), KP_OK);
	assert_int_equal(put(f, 5, part_of(5, 9), &stored), KP_ERR_CONFLICT);
	assert_int_equal(stored, 0);
}

static void make_package(struct fixture *f, int number, char hash[65])
{
	snprintf(hash, 65, "%064x", (unsigned)number);
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/packages/%s.pkg", f->dir, hash);
	assert_int_equal(kp_file_replace(path, content, 0644, NULL), KP_OK);
}

static void cleaning_keeps_what_is_used_new_or_just_stored(void **state)
{
	struct fixture *f = *state;
	char hashes[PACKAGES_KEPT_UNUSED + 4][65];
	struct kp_map used = {0};
	const int count = PACKAGES_KEPT_UNUSED + 4;
	for (int i = 0; i < count; i++)
		make_package(f, i + 1, hashes[i]);
	assert_int_equal(kp_map_set(&used, kp_str(hashes[0]), f), KP_OK);
	packages_clean(&f->packages, &used, kp_str(hashes[1]));
	int left = 0;
	for (int i = 0; i < count; i++)
		left += packages_has(&f->packages, kp_str(hashes[i]));
	assert_int_equal(left, PACKAGES_KEPT_UNUSED + 2);
	assert_true(packages_has(&f->packages, kp_str(hashes[0])));
	assert_true(packages_has(&f->packages, kp_str(hashes[1])));
	kp_map_fini(&used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(upload_in_parts_is_kept_whole),
	        TEST(upload_of_what_is_there_is_done_at_once),
	        TEST(upload_with_a_gap_is_told_where_to_go_on),
	        TEST(upload_with_the_wrong_content_starts_over),
	        TEST(uploads_of_one_package_at_once_both_end_well),
	        TEST(upload_checks_its_hash_offset_and_size),
	        TEST(cleaning_keeps_what_is_used_new_or_just_stored),
	        TEST(opening_removes_uploads_that_never_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
