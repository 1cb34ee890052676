// pack_test.c - packages are the same for the same files, and checked before they are sent.
#include "base/mem.h"
#include "cli/package/pack.h"
#include "os/digest.h"
#include "os/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char message[1024];

static void open_run(struct cli *cli)
{
	memset(message, 0, sizeof(message));
	FILE *err = fmemopen(message, sizeof(message) - 1, "w");
	setvbuf(err, NULL, _IONBF, 0);
	assert_int_equal(cli_init(cli, stdout, err), KP_OK);
}

static void close_run(struct cli *cli)
{
	fclose(cli->err);
	cli_fini(cli);
	assert_int_equal(kp_mem_live(), 0);
}

static char *make_folder(void)
{
	static char folder[64];
	snprintf(folder, sizeof(folder), "/tmp/kipp-pack-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return folder;
}

static void write_file(struct cli *cli, const char *dir, const char *name, const char *text)
{
	const char *path = cli_text(cli, "%s/%s", dir, name);
	struct kp_bytes content = {(const uint8_t *)text, strlen(text)};
	assert_int_equal(kp_file_replace(path, content, 0644, NULL), KP_OK);
}

static void the_same_files_give_the_same_package(void **state)
{
	struct cli cli;
	open_run(&cli);
	const char *dir = make_folder();
	assert_int_equal(kp_file_make_dirs(cli_text(&cli, "%s/data/deep", dir), 0755, NULL), KP_OK);
	write_file(&cli, dir, "kipp.conf", "name=A.B\n");
	write_file(&cli, dir, "data/deep/x", "x");
	write_file(&cli, dir, "program", "#!/bin/sh\n");

	struct kp_buf first = {0}, second = {0};
	struct pack_list list = {0};
	assert_int_equal(pack_add(&cli, dir, "program", &list), CLI_OK);
	assert_int_equal(pack_add(&cli, dir, "./kipp.conf", &list), CLI_OK);
	assert_int_equal(pack_add(&cli, dir, "data", &list), CLI_OK);
	assert_int_equal(list.count, 3);
	assert_int_equal(pack_write(&cli, "B", list.items, list.count, &first), CLI_OK);

	write_file(&cli, dir, "program", "#!/bin/sh\n"); // the same text, at another time
	struct pack_list again = {0};
	assert_int_equal(pack_add(&cli, dir, "data", &again), CLI_OK);
	assert_int_equal(pack_add(&cli, dir, "kipp.conf", &again), CLI_OK);
	assert_int_equal(pack_add(&cli, dir, "program", &again), CLI_OK);
	assert_int_equal(pack_add(&cli, dir, "program", &again), CLI_OK);
	assert_int_equal(pack_write(&cli, "B", again.items, again.count, &second), CLI_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&first), kp_buf_bytes(&second)));

	struct pack_facts facts;
	assert_int_equal(pack_check(&cli, "b.tgz", kp_buf_bytes(&first), &facts), CLI_OK);
	assert_string_equal(facts.top, "B");
	assert_true(kp_str_equal(facts.config, kp_str("name=A.B\n")));

	kp_buf_fini(&first);
	kp_buf_fini(&second);
	kp_file_remove_tree(dir, NULL);
	close_run(&cli);
}

static void only_files_of_the_folder_are_packed(void **state)
{
	struct cli cli;
	open_run(&cli);
	struct pack_list list = {0};
	assert_int_equal(pack_add(&cli, "/tmp", "../etc/passwd", &list), CLI_USAGE);
	assert_int_equal(pack_add(&cli, "/tmp", "/etc/passwd", &list), CLI_USAGE);
	assert_int_equal(pack_add(&cli, "/tmp", "no-such-file-here", &list), CLI_NOTFOUND);
	assert_int_equal(pack_add(&cli, "/dev", "null", &list), CLI_USAGE);
	assert_int_equal(list.count, 0);
	close_run(&cli);
}

static la_ssize_t append(struct archive *archive, void *arg, const void *data, size_t size)
{
	kp_buf_append(arg, data, size);
	return (la_ssize_t)size;
}

// A package as a stranger may make it: two entries with these names.
static void make_package(struct kp_buf *out, const char *first, const char *second,
                         const char *link_target)
{
	struct archive *archive = archive_write_new();
	archive_write_set_format_pax_restricted(archive);
	archive_write_add_filter_gzip(archive);
	assert_int_equal(archive_write_open(archive, out, NULL, append, NULL), ARCHIVE_OK);
	const char *names[] = {first, second};
	for (int i = 0; i < 2; i++) {
		struct archive_entry *entry = archive_entry_new();
		archive_entry_set_pathname(entry, names[i]);
		archive_entry_set_filetype(entry, link_target && i ? AE_IFLNK : AE_IFREG);
		if (link_target && i)
			archive_entry_set_symlink(entry, link_target);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, 0);
		assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
		archive_entry_free(entry);
	}
	archive_write_close(archive);
	archive_write_free(archive);
}

static void a_package_that_would_leave_its_folder_is_refused(void **state)
{
	static const struct {
		const char *first, *second, *target, *part;
	} cases[] = {
	        {"B/x", "../etc/y", NULL, "leads out of the package"},
	        {"B/x", "/etc/y", NULL, "leads out of the package"},
	        {"B/x", "B/../../y", NULL, "leads out of the package"},
	        {"B/x", "B/y", "/etc/passwd", "leads out of the package"},
	        {"B/x", "B/y", "../../y", "leads out of the package"},
	        {"B/x", "C/y", NULL, "one folder with the server's name"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli cli;
		open_run(&cli);
		struct kp_buf package = {0};
		struct pack_facts facts;
		make_package(&package, cases[i].first, cases[i].second, cases[i].target);
		assert_int_equal(pack_check(&cli, "b.tgz", kp_buf_bytes(&package), &facts),
		                 CLI_USAGE);
		assert_non_null(strstr(message, cases[i].part));
		kp_buf_fini(&package);
		close_run(&cli);
	}
}

static void what_is_no_archive_is_refused(void **state)
{
	struct cli cli;
	open_run(&cli);
	struct pack_facts facts;
	struct kp_bytes text = {(const uint8_t *)"this is no archive", 18};
	assert_int_equal(pack_check(&cli, "b.tgz", text, &facts), CLI_USAGE);
	assert_non_null(strstr(message, "'b.tgz' is not a package"));
	struct kp_bytes nothing = {(const uint8_t *)"", 0};
	assert_int_equal(pack_check(&cli, "b.tgz", nothing, &facts), CLI_USAGE);

	struct kp_buf package = {0};
	make_package(&package, "B/x", "B/y", NULL);
	for (size_t len = 0; len < package.len; len++)
		pack_check(&cli, "b.tgz", (struct kp_bytes){package.data, len}, &facts);
	kp_buf_fini(&package);
	close_run(&cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_same_files_give_the_same_package),
	        cmocka_unit_test(only_files_of_the_folder_are_packed),
	        cmocka_unit_test(a_package_that_would_leave_its_folder_is_refused),
	        cmocka_unit_test(what_is_no_archive_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
