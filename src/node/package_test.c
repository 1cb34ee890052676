// package_test.c - good, bad and hostile packages.
#include "base/mem.h"
#include "node/package.h"
#include "os/digest.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

struct place {
	char path[64];
	char packages[96];
	char archive[96];
	char hash[KP_DIGEST_TEXT_SIZE];
	struct package_limits limits;
	struct kp_why why;
};

// item is one entry of an archive that a test builds.
struct item {
	const char *path;
	const char *content; // NULL: a folder, unless it is a link
	const char *symlink;
	const char *hardlink;
	unsigned type; // 0: a file
	unsigned mode; // 0: 0644
};

static int make_place(void **state)
{
	struct place *place = kp_new(struct place);
	snprintf(place->path, sizeof(place->path), "/tmp/kipp-package-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	snprintf(place->packages, sizeof(place->packages), "%s/packages", place->path);
	snprintf(place->archive, sizeof(place->archive), "%s/archive", place->path);
	assert_int_equal(kp_file_make_dirs(place->packages, 0755, NULL), KP_OK);
	package_limits_default(&place->limits);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	assert_int_equal(kp_file_remove_tree(place->path, NULL), KP_OK);
	kp_free(place);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void add_item(struct archive *archive, const struct item *item)
{
	struct archive_entry *entry = archive_entry_new();
	bool is_file = item->content && !item->type;
	archive_entry_set_pathname(entry, item->path);
	archive_entry_set_perm(entry, (__LA_MODE_T)(item->mode ? item->mode : 0644));
	archive_entry_set_filetype(entry, item->type      ? item->type
	                                  : item->symlink ? AE_IFLNK
	                                  : item->content ? AE_IFREG
	                                                  : AE_IFDIR);
	if (item->symlink)
		archive_entry_set_symlink(entry, item->symlink);
	if (item->hardlink)
		archive_entry_set_hardlink(entry, item->hardlink);
	archive_entry_set_size(entry, is_file ? (la_int64_t)strlen(item->content) : 0);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	if (is_file)
		archive_write_data(archive, item->content, strlen(item->content));
	archive_entry_free(entry);
}

static void pack(struct place *place, const struct item *items, size_t count)
{
	struct archive *archive = archive_write_new();
	archive_write_set_format_pax_restricted(archive);
	archive_write_add_filter_gzip(archive);
	assert_int_equal(archive_write_open_filename(archive, place->archive), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		add_item(archive, &items[i]);
	archive_write_free(archive);
	assert_int_equal(kp_digest_file(place->archive, place->hash, NULL), KP_OK);
}

#define PACK(place, ...)                                  \
	pack((place), (const struct item[]){__VA_ARGS__}, \
	     sizeof((const struct item[]){__VA_ARGS__}) / sizeof(struct item))

static void put(struct place *place, const void *content, size_t size)
{
	struct kp_bytes bytes = {content, size};
	assert_int_equal(kp_file_replace(place->archive, bytes, 0644, NULL), KP_OK);
	assert_int_equal(kp_digest_file(place->archive, place->hash, NULL), KP_OK);
}

static kp_err unpack(struct place *place)
{
	place->why.text[0] = '\0';
	return package_unpack(place->packages, place->archive, place->hash, "PayServer",
	                      &place->limits, &place->why);
}

// refuses says that nothing was left behind and that the sentence holds `words`.
static void refuses(struct place *place, kp_err expected, const char *words)
{
	struct kp_file_list list;
	assert_int_equal(unpack(place), expected);
	if (!strstr(place->why.text, words))
		print_error("'%s' is not in: %s\n", words, place->why.text);
	assert_non_null(strstr(place->why.text, words));
	assert_int_equal(kp_file_list_dir(place->packages, &list, NULL), KP_OK);
	assert_int_equal(list.count, 0);
	kp_file_list_fini(&list);
}

static const char *inside(struct place *place, const char *path)
{
	static char text[300];
	snprintf(text, sizeof(text), "%s/%s/%s", place->packages, place->hash, path);
	return text;
}

static void package_unpacks_a_tgz_without_its_top_folder(void **state)
{
	struct place *place = *state;
	struct kp_file_info info;
	PACK(place, {"PayServer/"}, {"PayServer/PayServer", "binary", .mode = 0755},
	     {"PayServer/conf/a.conf", "x=1"}, {"PayServer/conf/b.conf", .symlink = "a.conf"},
	     {"PayServer/lib/up", .symlink = "../conf"},
	     {"PayServer/again", "", .hardlink = "PayServer/PayServer"});
	assert_int_equal(unpack(place), KP_OK);
	assert_true(package_is_there(place->packages, place->hash));
	assert_int_equal(kp_file_stat(inside(place, "PayServer"), false, &info), KP_OK);
	assert_true(info.is_executable);
	assert_int_equal(info.size, 6);
	assert_int_equal(kp_file_stat(inside(place, "lib/up/b.conf"), true, &info), KP_OK);
	assert_false(info.is_executable);
	assert_int_equal(kp_file_stat(inside(place, "again"), false, &info), KP_OK);
	assert_int_equal(unpack(place), KP_OK);
}

static void package_accepts_a_leading_dot(void **state)
{
	struct place *place = *state;
	PACK(place, {"./"}, {"./PayServer/"}, {"./PayServer/PayServer", "b", .mode = 0755});
	assert_int_equal(unpack(place), KP_OK);
	assert_true(kp_file_exists(inside(place, "PayServer")));
}

static void package_takes_a_bare_executable(void **state)
{
	struct place *place = *state;
	struct kp_file_info info;
	put(place, "#!/bin/sh\necho hi\n", 18);
	assert_int_equal(unpack(place), KP_OK);
	assert_int_equal(kp_file_stat(inside(place, "PayServer"), false, &info), KP_OK);
	assert_true(info.is_executable);
	assert_int_equal(info.size, 18);
}

static void package_refuses_what_is_neither(void **state)
{
	struct place *place = *state;
	put(place, "PK\x03\x04rest", 8);
	refuses(place, KP_ERR_INVALID,
	        "package is not a .tgz archive nor an executable (it begins with 'PK')");
	put(place, "", 0);
	refuses(place, KP_ERR_INVALID, "it is empty");
	put(place, "\0\1", 2);
	refuses(place, KP_ERR_INVALID, "the bytes 00 01");
}

static void package_refuses_another_hash(void **state)
{
	struct place *place = *state;
	put(place, "#!/bin/sh\n", 10);
	place->hash[0] = place->hash[0] == '0' ? '1' : '0';
	refuses(place, KP_ERR_INVALID, "its hash is");
	snprintf(place->hash, sizeof(place->hash), "../../etc");
	refuses(place, KP_ERR_INVALID, "is no SHA-256");
}

static void package_refuses_paths_that_lead_out(void **state)
{
	struct place *place = *state;
	PACK(place, {"/etc/passwd", "x"});
	refuses(place, KP_ERR_INVALID, "absolute path");
	PACK(place, {"PayServer/../../x", "x"});
	refuses(place, KP_ERR_INVALID, "leads out");
	PACK(place, {"../x", "x"});
	refuses(place, KP_ERR_INVALID, "leads out");
	assert_false(kp_file_exists("/tmp/x"));
}

static void package_refuses_links_that_lead_out(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/f", "x"}, {"PayServer/l", .symlink = "/etc"});
	refuses(place, KP_ERR_INVALID, "leads out of the package");
	PACK(place, {"PayServer/f", "x"}, {"PayServer/l", .symlink = ".."});
	refuses(place, KP_ERR_INVALID, "leads out of the package");
	PACK(place, {"PayServer/f", "x"}, {"PayServer/a", .symlink = "."},
	     {"PayServer/b", .symlink = "a/x/../.."});
	refuses(place, KP_ERR_INVALID, "leads out of the package");
	PACK(place, {"PayServer/f", "x"}, {"PayServer/h", "", .hardlink = "/etc/passwd"});
	refuses(place, KP_ERR_INVALID, "absolute path");
	PACK(place, {"PayServer/f", "x"}, {"PayServer/h", "", .hardlink = "PayServer/none"});
	refuses(place, KP_ERR_INVALID, "leads nowhere");
}

static void package_refuses_to_write_through_a_link(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/d/"}, {"PayServer/l", .symlink = "d"}, {"PayServer/l/f", "x"});
	assert_int_not_equal(unpack(place), KP_OK);
	assert_false(package_is_there(place->packages, place->hash));
}

static void package_refuses_devices(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/f", "x"}, {"PayServer/null", .type = AE_IFCHR});
	refuses(place, KP_ERR_INVALID, "is a device, pipe or socket");
	PACK(place, {"PayServer/f", "x"}, {"PayServer/pipe", .type = AE_IFIFO});
	refuses(place, KP_ERR_INVALID, "is a device, pipe or socket");
}

static void package_refuses_other_top_folders(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/f", "x"}, {"Other/f", "x"});
	refuses(place, KP_ERR_INVALID, "one top folder named after the server, 'PayServer/'");
	PACK(place, {"f", "x"});
	refuses(place, KP_ERR_INVALID, "it holds 'f'");
	PACK(place, {"PayServer", "x"});
	refuses(place, KP_ERR_INVALID, "is not a folder");
	PACK(place, {"PayServer/"});
	refuses(place, KP_ERR_INVALID, "holds no file");
}

static void package_refuses_the_same_file_twice(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/f", "x"}, {"PayServer/f", "y"});
	refuses(place, KP_ERR_INVALID, "twice");
}

static void package_holds_its_limits(void **state)
{
	struct place *place = *state;
	PACK(place, {"PayServer/a", "12345"}, {"PayServer/b", "12345"});
	place->limits.files_max = 1;
	refuses(place, KP_ERR_LIMIT, "more than 1 files");
	place->limits.files_max = 2;
	place->limits.size_max = 9;
	refuses(place, KP_ERR_LIMIT, "larger than");
	place->limits.size_max = 10;
	assert_int_equal(unpack(place), KP_OK);
}

static void package_refuses_a_bomb(void **state)
{
	struct place *place = *state;
	char *zeros = malloc(1 << 20);
	memset(zeros, '0', 1 << 20);
	zeros[(1 << 20) - 1] = '\0';
	PACK(place, {"PayServer/zeros", zeros});
	free(zeros);
	place->limits.ratio_size_min = 1 << 19;
	refuses(place, KP_ERR_LIMIT, "times its size");
}

static void package_refuses_every_truncation(void **state)
{
	struct place *place = *state;
	struct kp_buf whole = {0};
	PACK(place, {"PayServer/PayServer", "some content", .mode = 0755},
	     {"PayServer/conf", "more content"});
	assert_int_equal(kp_file_read(place->archive, 1 << 20, &whole, NULL), KP_OK);
	// A tar without its trailing zero blocks is whole for libarchive; gzip's end is not.
	for (size_t size = 0; size < whole.len; size++) {
		put(place, whole.data, size);
		kp_err err = unpack(place);
		if (err == KP_OK)
			assert_true(size + 8 >= whole.len || kp_file_exists(inside(place, "conf")));
		else
			assert_true(place->why.text[0] != '\0');
		assert_int_equal(kp_file_remove_tree(place->packages, NULL), KP_OK);
		assert_int_equal(kp_file_make_dirs(place->packages, 0755, NULL), KP_OK);
	}
	kp_buf_fini(&whole);
}

static void package_clean_keeps_the_used_and_the_newest(void **state)
{
	struct place *place = *state;
	char hashes[6][KP_DIGEST_TEXT_SIZE];
	for (int i = 0; i < 6; i++) {
		char script[32];
		int len = snprintf(script, sizeof(script), "#!/bin/sh\nexit %d\n", i);
		put(place, script, (size_t)len);
		assert_int_equal(unpack(place), KP_OK);
		memcpy(hashes[i], place->hash, sizeof(hashes[i]));
	}
	kp_cleanup(kp_freep) char *left = kp_file_path("%s/%s.new", place->packages, hashes[0]);
	assert_int_equal(kp_file_make_dirs(left, 0755, NULL), KP_OK);
	const char *used[] = {hashes[0]};
	assert_int_equal(package_clean(place->packages, used, 1), KP_OK);
	assert_true(package_is_there(place->packages, hashes[0]));
	int kept = 0;
	for (int i = 1; i < 6; i++)
		kept += package_is_there(place->packages, hashes[i]);
	assert_int_equal(kept, PACKAGE_KEPT_UNUSED);
	assert_false(kp_file_exists(left));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(package_unpacks_a_tgz_without_its_top_folder),
	        CASE(package_accepts_a_leading_dot),
	        CASE(package_takes_a_bare_executable),
	        CASE(package_refuses_what_is_neither),
	        CASE(package_refuses_another_hash),
	        CASE(package_refuses_paths_that_lead_out),
	        CASE(package_refuses_links_that_lead_out),
	        CASE(package_refuses_to_write_through_a_link),
	        CASE(package_refuses_devices),
	        CASE(package_refuses_other_top_folders),
	        CASE(package_refuses_the_same_file_twice),
	        CASE(package_holds_its_limits),
	        CASE(package_refuses_a_bomb),
	        CASE(package_refuses_every_truncation),
	        CASE(package_clean_keeps_the_used_and_the_newest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
