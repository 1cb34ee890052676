// file_test.c - what files promise.
#include "base/mem.h"
#include "os/digest.h"
#include "os/file.h"
#include "os/root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char path[64];
};

static int make_place(void **state)
{
	struct place *place = kp_new(struct place);
	snprintf(place->path, sizeof(place->path), "/tmp/kipp-file-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	assert_int_equal(kp_file_remove_tree(place->path, NULL), KP_OK);
	assert_false(kp_file_exists(place->path));
	kp_free(place);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

// below returns "PLACE/name" in one of a few static buffers.
static const char *below(void **state, const char *name)
{
	static char paths[4][160];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", ((struct place *)*state)->path, name);
	return path;
}

static struct kp_bytes bytes(const char *text)
{
	return (struct kp_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_content(const char *path, const char *expected)
{
	struct kp_buf content = {0};
	assert_int_equal(kp_file_read(path, 1 << 20, &content, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&content), kp_str(expected)));
	kp_buf_fini(&content);
}

static void file_is_replaced_whole(void **state)
{
	const char *path = below(state, "f");
	assert_int_equal(kp_file_replace(path, bytes("one"), 0600, NULL), KP_OK);
	assert_int_equal(kp_file_replace(path, bytes("second"), 0600, NULL), KP_OK);
	assert_content(path, "second");
	assert_false(kp_file_exists(below(state, "f.new")));
}

static void file_says_what_failed_and_where(void **state)
{
	struct kp_why why = {0};
	struct kp_buf content = {0};
	const char *path = below(state, "absent");
	assert_int_equal(kp_file_read(path, 10, &content, &why), KP_ERR_NOTFOUND);
	assert_non_null(strstr(why.text, path));
	path = below(state, "no/such/f");
	assert_int_equal(kp_file_replace(path, bytes("x"), 0644, &why), KP_ERR_NOTFOUND);
	assert_non_null(strstr(why.text, path));
	kp_buf_fini(&content);
}

static void file_read_holds_its_limit(void **state)
{
	const char *path = below(state, "f");
	struct kp_buf content = {0};
	assert_int_equal(kp_file_replace(path, bytes("12345"), 0644, NULL), KP_OK);
	assert_int_equal(kp_file_read(path, 5, &content, NULL), KP_OK);
	kp_buf_clear(&content);
	assert_int_equal(kp_file_read(path, 4, &content, NULL), KP_ERR_LIMIT);
	assert_int_equal(content.len, 0);
	assert_int_equal(kp_file_read_at(path, 3, 10, &content, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&content), kp_str("45")));
	kp_buf_fini(&content);
}

static void file_is_written_in_parts(void **state)
{
	const char *path = below(state, "f");
	assert_int_equal(kp_file_write_at(path, 0, bytes("abc"), NULL), KP_OK);
	assert_int_equal(kp_file_write_at(path, 3, bytes("def"), NULL), KP_OK);
	assert_int_equal(kp_file_write_at(path, 1, bytes("X"), NULL), KP_OK);
	assert_content(path, "aXcdef");
}

static void file_link_is_switched_in_one_step(void **state)
{
	const char *path = below(state, "bin");
	char *target = NULL;
	assert_int_equal(kp_file_read_link(path, &target), KP_ERR_NOTFOUND);
	assert_int_equal(kp_file_link_replace(path, "one", NULL), KP_OK);
	assert_int_equal(kp_file_link_replace(path, "two", NULL), KP_OK);
	assert_int_equal(kp_file_read_link(path, &target), KP_OK);
	assert_string_equal(target, "two");
	kp_free(target);
}

static void file_makes_directories_and_lists_them_sorted(void **state)
{
	assert_int_equal(kp_file_make_dirs(below(state, "a/b/c"), 0755, NULL), KP_OK);
	assert_int_equal(kp_file_make_dirs(below(state, "a/b/c"), 0755, NULL), KP_OK);
	assert_int_equal(kp_file_replace(below(state, "a/z"), bytes(""), 0644, NULL), KP_OK);
	assert_int_equal(kp_file_replace(below(state, "a/m"), bytes(""), 0644, NULL), KP_OK);
	struct kp_why why;
	assert_int_equal(kp_file_make_dirs(below(state, "a/z/y"), 0755, &why), KP_ERR_NOTFOUND);
	struct kp_file_list list;
	assert_int_equal(kp_file_list_dir(below(state, "a"), &list, NULL), KP_OK);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.names[0], "b");
	assert_string_equal(list.names[1], "m");
	assert_string_equal(list.names[2], "z");
	kp_file_list_fini(&list);
}

static void file_removes_locked_trees_and_never_through_a_link(void **state)
{
	assert_int_equal(kp_file_make_dirs(below(state, "tree/sub"), 0755, NULL), KP_OK);
	assert_int_equal(kp_file_replace(below(state, "kept"), bytes("k"), 0644, NULL), KP_OK);
	assert_int_equal(kp_file_replace(below(state, "tree/sub/f"), bytes("f"), 0644, NULL),
	                 KP_OK);
	assert_int_equal(kp_file_link_replace(below(state, "tree/l"), "../kept", NULL), KP_OK);
	assert_int_equal(kp_file_lock_tree(below(state, "tree"), NULL), KP_OK);
	assert_int_equal(kp_file_remove_tree(below(state, "tree"), NULL), KP_OK);
	assert_false(kp_file_exists(below(state, "tree")));
	assert_content(below(state, "kept"), "k");
	assert_int_equal(kp_file_remove_tree(below(state, "tree"), NULL), KP_OK);
}

static void digest_matches_the_known_one(void **state)
{
	char text[KP_DIGEST_TEXT_SIZE];
	assert_int_equal(kp_file_replace(below(state, "f"), bytes("abc"), 0644, NULL), KP_OK);
	assert_int_equal(kp_digest_file(below(state, "f"), text, NULL), KP_OK);
	assert_string_equal(text,
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void root_knows_safe_paths_and_links(void **state)
{
	assert_true(kp_root_path_is_safe("a"));
	assert_true(kp_root_path_is_safe("./a//b/"));
	assert_false(kp_root_path_is_safe(""));
	assert_false(kp_root_path_is_safe("."));
	assert_false(kp_root_path_is_safe("/a"));
	assert_false(kp_root_path_is_safe("a/../b"));
	assert_false(kp_root_path_is_safe(".."));

	assert_true(kp_root_link_is_safe("l", "a/b"));
	assert_true(kp_root_link_is_safe("a/b/l", "../../c"));
	assert_false(kp_root_link_is_safe("a/b/l", "../../../c"));
	assert_false(kp_root_link_is_safe("l", "x/.."));
	assert_false(kp_root_link_is_safe("l", "/etc"));
	assert_false(kp_root_link_is_safe("l", ""));
}

static void root_never_follows_a_link(void **state)
{
	struct kp_root root;
	int fd;
	assert_int_equal(kp_file_make_dirs(below(state, "in"), 0755, NULL), KP_OK);
	assert_int_equal(kp_file_link_replace(below(state, "in/out"), "..", NULL), KP_OK);
	assert_int_equal(kp_root_open(below(state, "in"), &root, NULL), KP_OK);
	struct kp_why why;
	assert_int_not_equal(kp_root_create(&root, "out/f", &fd, &why), KP_OK);
	assert_int_not_equal(kp_root_make_dir(&root, "out/d", &why), KP_OK);
	assert_int_not_equal(kp_root_create(&root, "out", &fd, &why), KP_OK);
	assert_int_equal(kp_root_create(&root, "../f", &fd, &why), KP_ERR_INVALID);
	assert_int_not_equal(kp_root_symlink(&root, "out/l", "x", &why), KP_OK);
	assert_int_not_equal(kp_root_hardlink(&root, "h", "out/in", &why), KP_OK);
	assert_int_equal(kp_root_create(&root, "d/e/f", &fd, &why), KP_OK);
	assert_int_equal(kp_root_write(fd, 0, "hi", 2, &why), KP_OK);
	assert_int_equal(kp_root_finish(fd, 0640, &why), KP_OK);
	assert_int_equal(kp_root_create(&root, "d/e/f", &fd, &why), KP_ERR_EXISTS);
	assert_int_equal(kp_root_hardlink(&root, "d/h", "d/e/f", &why), KP_OK);
	assert_content(below(state, "in/d/h"), "hi");
	kp_root_close(&root);
}

static void file_listing_survives_running_out_of_memory(void **state)
{
	assert_int_equal(kp_file_make_dirs(below(state, "d/a"), 0755, NULL), KP_OK);
	assert_int_equal(kp_file_make_dirs(below(state, "d/b"), 0755, NULL), KP_OK);
	int64_t before = kp_mem_live();
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_file_list list = {0};
		kp_err err = kp_file_list_dir(below(state, "d"), &list, NULL);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_file_list_fini(&list);
		assert_int_equal(kp_mem_live(), before);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(file_is_replaced_whole),
	        CASE(file_says_what_failed_and_where),
	        CASE(file_read_holds_its_limit),
	        CASE(file_is_written_in_parts),
	        CASE(file_link_is_switched_in_one_step),
	        CASE(file_makes_directories_and_lists_them_sorted),
	        CASE(file_removes_locked_trees_and_never_through_a_link),
	        CASE(digest_matches_the_known_one),
	        CASE(root_knows_safe_paths_and_links),
	        CASE(root_never_follows_a_link),
	        CASE(file_listing_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
