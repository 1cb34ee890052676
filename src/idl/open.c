// open.c - brings a file and all that it includes through the stages.
#include "idl/ast.h"
#include "idl/check.h"
#include "idl/error.h"
#include "idl/files.h"
#include "idl/parse.h"

#include <stdarg.h>
#include <stdio.h>

void *idl_alloc(struct kp_idl *idl, size_t size)
{
	void *node = idl->err == KP_OK ? kp_arena_alloc_zero(&idl->arena, 1, size) : NULL;
	if (!node)
		idl->err = KP_ERR_NOMEM;
	return node;
}

struct kp_str idl_str(struct kp_idl *idl, struct kp_str str)
{
	struct kp_str copy = kp_arena_str(&idl->arena, str);
	if (!copy.ptr)
		idl->err = KP_ERR_NOMEM;
	return copy;
}

struct kp_str idl_format(struct kp_idl *idl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(&idl->arena, format, args);
	va_end(args);
	if (!text.ptr)
		idl->err = KP_ERR_NOMEM;
	return text;
}

struct idl_decl *idl_find_decl(const struct kp_idl *idl, struct kp_str module, struct kp_str name)
{
	struct idl_decl *decl = NULL;
	if (module.len && !memchr(name.ptr, ':', name.len)) {
		char full[2 * IDL_NAME_SIZE_MAX + sizeof("::")];
		int len = snprintf(full, sizeof(full), "%.*s::%.*s", KP_STR_ARG(module),
		                   KP_STR_ARG(name));
		if (len > 0 && (size_t)len < sizeof(full)) // a made name may be longer
			decl = kp_map_get(&idl->names, (struct kp_str){full, (size_t)len});
	}
	return decl ? decl : kp_map_get(&idl->names, name);
}

// normalize drops "./" and "x/../" from a path, so that one file has one name.
static struct kp_str normalize(struct kp_idl *idl, struct kp_str path)
{
	char *out = idl_alloc(idl, path.len + 2);
	if (!out)
		return (struct kp_str){0};
	size_t len = 0;
	for (size_t at = 0; at < path.len;) {
		size_t end = at;
		while (end < path.len && path.ptr[end] != '/')
			end++;
		struct kp_str part = kp_str_sub(path, at, end);
		bool is_dot = part.len == 0 ? at > 0 : kp_str_equal(part, kp_str("."));
		size_t parent = len ? len - 1 : 0;
		while (parent > 0 && out[parent - 1] != '/')
			parent--;
		struct kp_str last = {out + parent, len ? len - 1 - parent : 0};
		if (kp_str_equal(part, kp_str("..")) && last.len &&
		    !kp_str_equal(last, kp_str(".."))) {
			len = parent;
		} else if (!is_dot) {
			memcpy(out + len, part.ptr, part.len);
			len += part.len;
			out[len++] = '/';
		}
		at = end + 1;
	}
	if (len > 1)
		len--;
	out[len] = '\0';
	return (struct kp_str){out, len};
}

static struct idl_file *find_file(struct kp_idl *idl, struct kp_str path)
{
	for (struct idl_file *file = idl->files; file; file = file->next)
		if (kp_str_equal(file->path, path))
			return file;
	return NULL;
}

static kp_err read_text(struct kp_idl *idl, struct kp_str path, struct kp_str *ret)
{
	const struct kp_idl_options *options = idl->options;
	struct kp_buf text = {.len_max = IDL_TEXT_SIZE_MAX};
	kp_err err = options->read ? options->read(options->arg, path.ptr, &text)
	                           : idl_file_read(path.ptr, &text);
	if (err == KP_OK)
		err = text.err;
	if (err == KP_OK) {
		*ret = idl_str(idl, kp_buf_str(&text));
		err = idl->err;
	}
	kp_buf_fini(&text);
	return err;
}

// load_file reads a file and adds it; NOTFOUND when there is none.
static kp_err load_file(struct kp_idl *idl, struct kp_str path, struct idl_file **ret)
{
	struct kp_str text;
	kp_err err = read_text(idl, path, &text);
	if (err != KP_OK)
		return err;
	struct idl_file *file = idl_new(idl, struct idl_file);
	if (!file)
		return KP_ERR_NOMEM;
	file->path = path;
	file->text = text;
	file->index = idl->file_count++;
	struct idl_file **last = &idl->files;
	while (*last)
		last = &(*last)->next;
	*last = file;
	*ret = file;
	return KP_OK;
}

static kp_err find_include_in(struct kp_idl *idl, struct kp_str dir, struct kp_str path,
                              struct idl_file **ret)
{
	const char *slash = dir.len && path.ptr[0] != '/' ? "/" : "";
	if (path.ptr[0] == '/')
		dir.len = 0;
	struct kp_str joined =
	        idl_format(idl, "%.*s%s%.*s", KP_STR_ARG(dir), slash, KP_STR_ARG(path));
	joined = joined.ptr ? normalize(idl, joined) : joined;
	if (!joined.ptr)
		return KP_ERR_NOMEM;
	*ret = find_file(idl, joined);
	return *ret ? KP_OK : load_file(idl, joined, ret);
}

static kp_err find_include(struct kp_idl *idl, const struct idl_file *file, struct kp_str path,
                           struct idl_file **ret)
{
	struct kp_str dir = file->path;
	while (dir.len && dir.ptr[dir.len - 1] != '/')
		dir.len--;
	if (dir.len > 1)
		dir.len--;
	kp_err err = find_include_in(idl, dir, path, ret);
	for (size_t i = 0; err == KP_ERR_NOTFOUND && i < idl->options->include_dir_count; i++)
		err = find_include_in(idl, kp_str(idl->options->include_dirs[i]), path, ret);
	return err;
}

static size_t count_open_files(const struct kp_idl *idl)
{
	size_t count = 0;
	for (const struct idl_file *file = idl->files; file; file = file->next)
		count += file->is_open;
	return count;
}

static void on_include(struct kp_idl *idl, struct idl_file *file, struct idl_include *include)
{
	if (include->path.len == 0 || memchr(include->path.ptr, '\0', include->path.len)) {
		idl_error(idl, include->place, "an include needs the path of a file");
		return;
	}
	kp_err err = find_include(idl, file, include->path, &include->file);
	if (err == KP_ERR_NOMEM) {
		idl->err = err;
	} else if (err == KP_ERR_NOTFOUND) {
		idl_error(idl, include->place, "cannot find '%.*s'", KP_STR_ARG(include->path));
	} else if (err != KP_OK) {
		idl_error(idl, include->place, "cannot read '%.*s': %s", KP_STR_ARG(include->path),
		          kp_err_text(err));
	} else if (include->file->is_open) {
		idl_error(idl, include->place, "'%.*s' includes itself, here or through others",
		          KP_STR_ARG(include->path));
	} else if (count_open_files(idl) >= IDL_DEPTH_MAX) {
		idl_error(idl, include->place, "includes are nested more than %d deep",
		          IDL_DEPTH_MAX);
	} else if (!include->file->is_parsed) {
		include->file->is_open = include->file->is_parsed = true;
		idl_parse(idl, include->file, on_include);
		include->file->is_open = false;
	}
}

static kp_err compile(struct kp_idl *idl, const char *path, struct kp_buf *messages)
{
	struct kp_str normal = normalize(idl, kp_str(path));
	struct idl_file *file = NULL;
	kp_err err = normal.ptr ? load_file(idl, normal, &file) : KP_ERR_NOMEM;
	if (err != KP_OK) {
		kp_buf_printf(messages, "%s: cannot read this file: %s\n", path, kp_err_text(err));
		return err;
	}
	file->is_open = file->is_parsed = true;
	idl_parse(idl, file, on_include);
	file->is_open = false;
	if (idl->err == KP_OK)
		idl_check(idl);
	if (idl->err != KP_OK) {
		kp_buf_printf(messages, "%s: %s\n", path, kp_err_text(idl->err));
		return idl->err;
	}
	idl_errors_print(idl, messages);
	return idl->error_count ? KP_ERR_INVALID : KP_OK;
}

kp_err kp_idl_open(const char *path, const struct kp_idl_options *options, struct kp_idl **ret,
                   struct kp_buf *messages)
{
	static const struct kp_idl_options no_options;
	struct kp_idl *idl = kp_new(struct kp_idl);
	if (!idl)
		return KP_ERR_NOMEM;
	idl->options = options ? options : &no_options;
	kp_err err = compile(idl, path, messages);
	idl->options = NULL;
	if (err != KP_OK) {
		kp_idl_close(idl);
		return err;
	}
	*ret = idl;
	return KP_OK;
}

void kp_idl_close(struct kp_idl *idl)
{
	if (!idl)
		return;
	kp_map_fini(&idl->names);
	kp_vec_fini(&idl->errors);
	kp_arena_fini(&idl->arena);
	kp_free(idl);
}

void kp_idl_list_files(const struct kp_idl *idl, struct kp_buf *out)
{
	for (const struct idl_file *file = idl->files; file; file = file->next)
		kp_buf_printf(out, " %s", file->path.ptr);
}
