// scaffold.c - fills templates, and `kipp new`.
#include "cli/new/scaffold.h"

#include "base/text.h"
#include "cli/verbs.h"
#include "idl/lex.h"
#include "idl/names.h"
#include "os/file.h"

#include <ctype.h>

enum {
	NAME_LEN_MAX = 48
};

static bool is_word(struct kp_str text)
{
	if (text.len == 0 || text.len > NAME_LEN_MAX || !isalpha((unsigned char)text.ptr[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum((unsigned char)text.ptr[i]) && text.ptr[i] != '_')
			return false;
	}
	return true;
}

static struct kp_str base_of(struct kp_str server)
{
	struct kp_str suffix = kp_str("Server");
	if (server.len > suffix.len && kp_str_ends_with(server, suffix))
		server.len -= suffix.len;
	return server;
}

static struct kp_str lower_of(struct cli *cli, struct kp_str text)
{
	char *lower = cli_alloc(cli, text.len + 1, 1);
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (char)tolower((unsigned char)text.ptr[i]);
	return (struct kp_str){lower, text.len};
}

// A name that is the same in small letters would stand for two things in the test.
static const char *c_words[] = {"call", "client", "server", "main", "line",   "lines", "object",
                                "ret",  "output", "int",    "char", "static", "float", "double",
                                "long", "short",  "auto",   "case", "switch", "break", "default"};

static struct kp_str variable_of(struct cli *cli, struct kp_str base)
{
	struct kp_str lower = lower_of(cli, base);
	bool is_taken = kp_str_equal(lower, base) || idl_is_keyword(lower);
	for (size_t i = 0; i < sizeof(c_words) / sizeof(c_words[0]); i++)
		is_taken |= kp_str_equal(lower, kp_str(c_words[i]));
	return is_taken ? kp_str("proxy") : lower;
}

int scaffold_names_of(struct cli *cli, const char *name, struct scaffold_names *ret)
{
	struct kp_str rest = kp_str(name), app = {0};
	kp_str_split_next(&rest, '.', &app);
	if (!rest.ptr)
		return cli_fail(
		        cli, CLI_USAGE,
		        "'%s' is not a server's name; it has two parts, as Demo.HelloServer", name);
	if (!is_word(app) || !is_word(rest))
		return cli_fail(
		        cli, CLI_USAGE,
		        "'%s' is not a server's name; each of its two parts is a letter and "
		        "then letters, digits and '_', at most %d of them",
		        name, NAME_LEN_MAX);
	struct kp_str base = base_of(rest);
	if (idl_is_keyword(app) || idl_is_keyword(base))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' cannot be used as a name: '%.*s' is a word of the .tars "
		                "language",
		                name, KP_STR_ARG(idl_is_keyword(app) ? app : base));
	*ret = (struct scaffold_names){
	        .app = app, .server = rest, .base = base, .base_lower = variable_of(cli, base)};
	return CLI_OK;
}

void scaffold_fill(struct kp_str text, const struct scaffold_names *names, struct kp_buf *out)
{
	const struct {
		struct kp_str word;
		struct kp_str value;
	} words[] = {
	        {kp_str("@APP@"), names->app},         {kp_str("@SERVER@"), names->server},
	        {kp_str("@BASE@"), names->base},       {kp_str("@KIPP@"), names->kipp},
	        {kp_str("@base@"), names->base_lower}, {kp_str("@c@"), names->ending},
	};
	size_t at = 0;
	while (at < text.len) {
		struct kp_str rest = kp_str_sub(text, at, text.len);
		size_t i = 0;
		while (i < sizeof(words) / sizeof(words[0]) &&
		       !kp_str_starts_with(rest, words[i].word))
			i++;
		bool is_word_here = i < sizeof(words) / sizeof(words[0]);
		if (is_word_here)
			kp_buf_append_str(out, words[i].value);
		else
			kp_buf_append_byte(out, (uint8_t)text.ptr[at]);
		at += is_word_here ? words[i].word.len : 1;
	}
}

// The place must be free: a folder that is not there, or is empty.
static int check_place(struct cli *cli, const char *dir)
{
	struct kp_file_info info;
	if (kp_file_stat(dir, true, &info) != KP_OK)
		return CLI_OK;
	if (info.kind != KP_FILE_DIRECTORY)
		return cli_fail(cli, CLI_CONFLICT, "'%s' is a file; name a new folder", dir);
	struct kp_file_list list = {0};
	struct kp_why why;
	kp_err err = kp_file_list_dir(dir, &list, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err), "%s", why.text);
	bool is_empty = list.count == 0;
	kp_file_list_fini(&list);
	if (!is_empty)
		return cli_fail(cli, CLI_CONFLICT,
		                "the folder '%s' is there already and is not empty; name another: "
		                "kipp new APP.SERVER DIR",
		                dir);
	return CLI_OK;
}

static int write_file(struct cli *cli, const char *dir, const struct scaffold_file *file,
                      const struct scaffold_names *names)
{
	struct kp_buf name = {0}, text = {0};
	scaffold_fill(kp_str(file->name), names, &name);
	scaffold_fill((struct kp_str){file->text, file->size}, names, &text);
	int code = CLI_OK;
	if (name.err != KP_OK || text.err != KP_OK) {
		code = cli_fail_nomem(cli);
	} else {
		const char *path = cli_text(cli, "%s/%.*s", dir, KP_STR_ARG(kp_buf_str(&name)));
		struct kp_why why;
		kp_err err = kp_file_replace(path, kp_buf_bytes(&text), 0644, &why);
		if (err != KP_OK)
			code = cli_fail(cli, cli_exit_of(err), "%s", why.text);
		else
			cli_note(cli, "wrote %s", path);
	}
	kp_buf_fini(&name);
	kp_buf_fini(&text);
	return code;
}

int verb_new(struct cli *cli, const struct args *args)
{
	struct scaffold_names names = {0};
	int code = scaffold_names_of(cli, args->operands[0], &names);
	if (code != CLI_OK)
		return code;
	bool is_cpp = args_has(args, FLAG_CPP);
	if (is_cpp && (idl_is_reserved(names.app) || idl_is_reserved(names.base)))
		return cli_fail(cli, CLI_USAGE,
		                "'%s' cannot be used as a name: '%.*s' is a word of C++",
		                args->operands[0],
		                KP_STR_ARG(idl_is_reserved(names.app) ? names.app : names.base));
	names.ending = kp_str(is_cpp ? "cc" : "c");
	const char *dir = args_operand(args, 1);
	if (!dir)
		dir = cli_terminated(cli, names.server);
	code = check_place(cli, dir);
	if (code != CLI_OK)
		return code;

	char *program = NULL;
	names.kipp = kp_str("kipp");
	if (kp_file_read_link("/proc/self/exe", &program) == KP_OK)
		names.kipp = kp_str(cli_text(cli, "%s", program));
	kp_free(program);

	struct kp_why why;
	kp_err err = kp_file_make_dirs(dir, 0755, &why);
	if (err != KP_OK)
		return cli_fail(cli, cli_exit_of(err), "%s", why.text);
	unsigned language = is_cpp ? SCAFFOLD_CPP : SCAFFOLD_C;
	for (size_t i = 0; i < scaffold_file_count && code == CLI_OK; i++)
		if (scaffold_files[i].languages & language)
			code = write_file(cli, dir, &scaffold_files[i], &names);
	if (code == CLI_OK)
		cli_say(cli,
		        "%s is in %s; next:\n  cd %s && make && kipp deploy\n"
		        "  kipp call %s.%.*sObj say '{\"name\": \"bob\"}'",
		        args->operands[0], dir, dir, args->operands[0], KP_STR_ARG(names.base));
	return code;
}
