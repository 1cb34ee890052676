// pack.c - writes and checks packages.
#include "cli/package/pack.h"

#include "os/file.h"
#include "os/root.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

enum {
	DEPTH_MAX = 32,            // of folders in a package
	CONFIG_SIZE_MAX = 1 << 20, // of kipp.conf
};
#define FILE_SIZE_MAX ((size_t)1 << 30)

static int compare_items(const void *a, const void *b)
{
	const struct pack_item *left = a, *right = b;
	return strcmp(left->name, right->name);
}

static la_ssize_t append_to_buf(struct archive *archive, void *arg, const void *data, size_t size)
{
	struct kp_buf *out = arg;
	kp_buf_append(out, data, size);
	return out->err == KP_OK ? (la_ssize_t)size : ARCHIVE_FATAL;
}

static int write_entry(struct archive *archive, const char *name, int type, unsigned mode,
                       struct kp_bytes content)
{
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return ARCHIVE_FATAL;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, (unsigned)type);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_size(entry, (int64_t)content.len);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_uid(entry, 0);
	archive_entry_set_gid(entry, 0);
	int result = archive_write_header(archive, entry);
	archive_entry_free(entry);
	if (result == ARCHIVE_OK && content.len > 0 &&
	    archive_write_data(archive, content.ptr, content.len) != (la_ssize_t)content.len)
		result = ARCHIVE_FATAL;
	return result;
}

static int write_item(struct cli *cli, struct archive *archive, const char *top,
                      const struct pack_item *item)
{
	struct kp_buf content = {0};
	struct kp_why why;
	kp_err err = kp_file_read(item->path, FILE_SIZE_MAX, &content, &why);
	if (err != KP_OK) {
		kp_buf_fini(&content);
		return cli_fail(cli, cli_exit_of(err), "%s", why.text);
	}
	const char *name = cli_text(cli, "%s/%s", top, item->name);
	int result = write_entry(archive, name, AE_IFREG, item->is_executable ? 0755 : 0644,
	                         kp_buf_bytes(&content));
	kp_buf_fini(&content);
	if (result != ARCHIVE_OK)
		return cli_fail(cli, CLI_FAILED, "cannot pack '%s': %s", item->path,
		                archive_error_string(archive) ? archive_error_string(archive)
		                                              : "out of memory");
	return CLI_OK;
}

static int write_items(struct cli *cli, struct archive *archive, const char *top,
                       const struct pack_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(items[i].name, items[i - 1].name) == 0)
			continue;
		int code = write_item(cli, archive, top, &items[i]);
		if (code != CLI_OK)
			return code;
	}
	if (archive_write_close(archive) != ARCHIVE_OK)
		return cli_fail(cli, CLI_FAILED, "cannot pack '%s': out of memory", top);
	return CLI_OK;
}

int pack_write(struct cli *cli, const char *top, struct pack_item *items, size_t count,
               struct kp_buf *out)
{
	qsort(items, count, sizeof(*items), compare_items);
	struct archive *archive = archive_write_new();
	if (!archive)
		return cli_fail_nomem(cli);
	archive_write_set_format_pax_restricted(archive);
	archive_write_add_filter_gzip(archive);
	archive_write_set_filter_option(archive, "gzip", "timestamp", NULL);
	archive_write_set_bytes_in_last_block(archive, 1);
	int code = CLI_FAILED;
	if (archive_write_open(archive, out, NULL, append_to_buf, NULL) != ARCHIVE_OK)
		cli_fail(cli, CLI_FAILED, "cannot pack '%s': %s", top,
		         archive_error_string(archive));
	else
		code = write_items(cli, archive, top, items, count);
	archive_write_free(archive);
	return code;
}

static void push_item(struct cli *cli, struct pack_list *list, struct pack_item item)
{
	if (list->count == list->max) {
		size_t max = list->max ? list->max * 2 : 16;
		struct pack_item *items = cli_alloc(cli, max, sizeof(*items));
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->max = max;
	}
	list->items[list->count++] = item;
}

static int add_path(struct cli *cli, const char *dir, const char *name, int depth,
                    struct pack_list *list);

static int add_folder(struct cli *cli, const char *dir, const char *name, int depth,
                      struct pack_list *list)
{
	struct kp_file_list entries = {0};
	struct kp_why why;
	const char *path = cli_text(cli, "%s/%s", dir, name);
	kp_err err = kp_file_list_dir(path, &entries, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err), "%s", why.text);
	int code = CLI_OK;
	for (size_t i = 0; i < entries.count && code == CLI_OK; i++)
		code = add_path(cli, dir, cli_text(cli, "%s/%s", name, entries.names[i]), depth + 1,
		                list);
	kp_file_list_fini(&entries);
	return code;
}

static int add_path(struct cli *cli, const char *dir, const char *name, int depth,
                    struct pack_list *list)
{
	const char *path = cli_text(cli, "%s/%s", dir, name);
	struct kp_file_info info;
	if (kp_file_stat(path, true, &info) != KP_OK)
		return cli_fail(cli, CLI_NOTFOUND,
		                "there is no file '%s'; build it first, or correct %s/kipp.conf",
		                path, dir);
	if (info.kind == KP_FILE_DIRECTORY && depth < DEPTH_MAX)
		return add_folder(cli, dir, name, depth, list);
	if (info.kind != KP_FILE_REGULAR)
		return cli_fail(cli, CLI_USAGE, "'%s' cannot be packed: it is not a plain file",
		                path);
	push_item(cli, list, (struct pack_item){path, name, info.is_executable});
	return CLI_OK;
}

int pack_add(struct cli *cli, const char *dir, const char *name, struct pack_list *list)
{
	if (!kp_root_path_is_safe(name))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' cannot be packed: a package holds only files below '%s'",
		                name, dir);
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	return add_path(cli, dir, name, 0, list);
}

static int read_config(struct cli *cli, struct archive *archive, const char *path,
                       struct pack_facts *facts)
{
	char *text = cli_alloc(cli, CONFIG_SIZE_MAX, 1);
	la_ssize_t size = archive_read_data(archive, text, CONFIG_SIZE_MAX);
	if (size < 0)
		return cli_fail(cli, CLI_USAGE, "'%s' is damaged: %s", path,
		                archive_error_string(archive));
	facts->config = (struct kp_str){text, (size_t)size};
	return CLI_OK;
}

static bool is_link_safe(struct archive_entry *entry, const char *name)
{
	const char *symlink = archive_entry_symlink(entry);
	const char *hardlink = archive_entry_hardlink(entry);
	return (!symlink || kp_root_link_is_safe(name, symlink)) &&
	       (!hardlink || kp_root_path_is_safe(hardlink));
}

static int check_entry(struct cli *cli, struct archive *archive, const char *path,
                       struct archive_entry *entry, struct pack_facts *facts)
{
	const char *name = archive_entry_pathname(entry);
	if (!name)
		return cli_fail(cli, CLI_USAGE, "'%s' holds a name that is not text", path);
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (*name == '\0' || strcmp(name, ".") == 0)
		return CLI_OK;
	if (!kp_root_path_is_safe(name) || !is_link_safe(entry, name))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' is refused: its entry '%s' leads out of the package", path,
		                name);
	size_t top_len = strcspn(name, "/");
	if (!facts->top)
		facts->top = cli_terminated(cli, (struct kp_str){name, top_len});
	if (strlen(facts->top) != top_len || strncmp(facts->top, name, top_len) != 0)
		return cli_fail(cli, CLI_USAGE,
		                "'%s' is refused: it has both '%s' and '%s' at its top, where a "
		                "package has one folder with the server's name",
		                path, facts->top, name);
	if (strcmp(name + top_len, "/kipp.conf") == 0)
		return read_config(cli, archive, path, facts);
	return CLI_OK;
}

static int check_entries(struct cli *cli, struct archive *archive, const char *path,
                         struct pack_facts *facts)
{
	struct archive_entry *entry;
	int result;
	while ((result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK ||
	       result == ARCHIVE_WARN) {
		int code = check_entry(cli, archive, path, entry, facts);
		if (code != CLI_OK)
			return code;
	}
	if (result != ARCHIVE_EOF)
		return cli_fail(cli, CLI_USAGE,
		                "'%s' is not a package: it cannot be read as a .tgz (%s)", path,
		                archive_error_string(archive));
	if (!facts->top)
		return cli_fail(cli, CLI_USAGE, "'%s' is not a package: it is empty", path);
	return CLI_OK;
}

int pack_check(struct cli *cli, const char *path, struct kp_bytes package, struct pack_facts *ret)
{
	struct archive *archive = archive_read_new();
	if (!archive)
		return cli_fail_nomem(cli);
	archive_read_support_filter_gzip(archive);
	archive_read_support_format_tar(archive);
	struct pack_facts facts = {0};
	int code = CLI_OK;
	if (archive_read_open_memory(archive, package.ptr, package.len) != ARCHIVE_OK)
		code = cli_fail(cli, CLI_USAGE,
		                "'%s' is not a package: it cannot be read as a .tgz (%s)", path,
		                archive_error_string(archive));
	else
		code = check_entries(cli, archive, path, &facts);
	archive_read_free(archive);
	if (code == CLI_OK)
		*ret = facts;
	return code;
}
