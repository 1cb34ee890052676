// run.c - the command that compiles .tars files.
#include "base/text.h"
#include "base/vec.h"
#include "idl/files.h"
#include "idl/idl.h"

#include <stdio.h>

struct job {
	KP_VEC(const char *) files;
	KP_VEC(const char *) include_dirs;
	const char *out_dir;
	const char *depfile;
	bool is_cpp;
};

static void print_help(const char *name, FILE *to)
{
	fprintf(to,
	        "usage: %s FILE.tars... [-o DIR] [-I DIR]... [--cpp] [--depfile FILE]\n"
	        "\n"
	        "Turns each FILE.tars into DIR/FILE.h and DIR/FILE.c.\n"
	        "\n"
	        "  -o DIR          where the results go; made if missing (default: .)\n"
	        "  -I DIR          where included files are looked for, after the including file's "
	        "folder\n"
	        "  --cpp           writes DIR/FILE.hpp too, for C++17\n"
	        "  --depfile FILE  writes what was read, as a Makefile rule\n"
	        "  -h, --help      this text\n",
	        name);
}

// take_option reads "-oDIR" or "-o DIR"; NULL when it is another option or its value is missing.
static const char *take_option(const char *option, int argc, char **argv, int *index)
{
	size_t len = strlen(option);
	const char *arg = argv[*index];
	if (strncmp(arg, option, len) != 0)
		return NULL;
	if (arg[len] == '=' && option[1] == '-')
		return arg + len + 1;
	if (arg[len] && option[1] != '-')
		return arg + len;
	if (arg[len] || *index + 1 >= argc)
		return NULL;
	return argv[++*index];
}

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTFOUND = 3,
	EXIT_DENIED = 4,
	GO_ON = -1,
};

static int exit_code(kp_err err)
{
	switch (err) {
	case KP_OK:
		return EXIT_OK;
	case KP_ERR_NOTFOUND:
		return EXIT_NOTFOUND;
	case KP_ERR_DENIED:
		return EXIT_DENIED;
	default:
		return EXIT_FAILED;
	}
}

static int parse_args(const char *name, int argc, char **argv, struct job *job)
{
	for (int i = 1; i < argc; i++) {
		const char *value;
		kp_err err = KP_OK;
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			print_help(name, stdout);
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--cpp") == 0) {
			job->is_cpp = true;
		} else if (argv[i][0] != '-') {
			err = kp_vec_push(&job->files, argv[i]);
		} else if ((value = take_option("-o", argc, argv, &i))) {
			job->out_dir = value;
		} else if ((value = take_option("-I", argc, argv, &i))) {
			err = kp_vec_push(&job->include_dirs, value);
		} else if ((value = take_option("--depfile", argc, argv, &i))) {
			job->depfile = value;
		} else {
			fprintf(stderr, "%s: unknown option, or one without its value: %s\n", name,
			        argv[i]);
			return EXIT_USAGE;
		}
		if (err != KP_OK) {
			fprintf(stderr, "%s: %s\n", name, kp_err_text(err));
			return EXIT_FAILED;
		}
	}
	if (job->files.len > 0)
		return GO_ON;
	fprintf(stderr, "%s: name a .tars file; --help tells more\n", name);
	return EXIT_USAGE;
}

static struct kp_str stem_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct kp_str stem = kp_str(slash ? slash + 1 : path);
	if (kp_str_ends_with(stem, kp_str(".tars")))
		stem.len -= 5;
	return stem;
}

static int report(const char *name, kp_err err, const struct kp_why *why)
{
	if (err != KP_OK)
		fprintf(stderr, "%s: %s\n", name, why->text);
	return exit_code(err);
}

// append_path adds "DIR/STEM.ENDING" and a NUL, and returns where it begins.
static size_t append_path(struct kp_buf *paths, const struct job *job, struct kp_str stem,
                          const char *ending)
{
	size_t at = paths->len;
	kp_buf_printf(paths, "%s/%.*s%s", job->out_dir, KP_STR_ARG(stem), ending);
	kp_buf_append_byte(paths, '\0');
	return at;
}

static kp_err emit(struct kp_idl *idl, bool is_cpp, const char *stem, struct kp_buf *texts)
{
	kp_err err = kp_idl_emit_c(idl, stem, &texts[0], &texts[1]);
	return err == KP_OK && is_cpp ? kp_idl_emit_cpp(idl, stem, &texts[2]) : err;
}

static kp_err write_results(const struct job *job, struct kp_idl *idl, struct kp_str stem,
                            struct kp_why *why)
{
	static const char *const endings[] = {".h", ".c", ".hpp"};
	enum {
		RESULTS_MAX = sizeof(endings) / sizeof(endings[0])
	};
	struct kp_buf paths = {0}, texts[RESULTS_MAX] = {0};
	size_t count = job->is_cpp ? RESULTS_MAX : RESULTS_MAX - 1, starts[RESULTS_MAX];
	for (size_t i = 0; i < count; i++)
		starts[i] = append_path(&paths, job, stem, endings[i]);
	char stem_text[256];
	snprintf(stem_text, sizeof(stem_text), "%.*s", KP_STR_ARG(stem));
	kp_err err = paths.err != KP_OK ? paths.err : emit(idl, job->is_cpp, stem_text, texts);
	if (err != KP_OK) {
		kp_why_set(why, err, "%s: %s", stem_text, kp_err_text(err));
	} else {
		struct idl_output outputs[RESULTS_MAX];
		for (size_t i = 0; i < count; i++)
			outputs[i] = (struct idl_output){(const char *)paths.data + starts[i],
			                                 kp_buf_str(&texts[i])};
		err = idl_files_write(outputs, count, why);
	}
	kp_buf_fini(&paths);
	for (size_t i = 0; i < RESULTS_MAX; i++)
		kp_buf_fini(&texts[i]);
	return err;
}

static int compile_file(const char *name, const struct job *job, const char *path,
                        struct kp_buf *deps)
{
	struct kp_idl_options options = {.include_dirs = job->include_dirs.ptr,
	                                 .include_dir_count = job->include_dirs.len};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	kp_err err = kp_idl_open(path, &options, &idl, &messages);
	fprintf(stderr, "%.*s", KP_STR_ARG(kp_buf_str(&messages)));
	if (err != KP_OK && messages.len == 0)
		fprintf(stderr, "%s: %s: %s\n", name, path, kp_err_text(err));
	kp_buf_fini(&messages);
	if (err != KP_OK)
		return exit_code(err);
	struct kp_str stem = stem_of(path);
	kp_buf_printf(deps, "%s/%.*s.h %s/%.*s.c", job->out_dir, KP_STR_ARG(stem), job->out_dir,
	              KP_STR_ARG(stem));
	if (job->is_cpp)
		kp_buf_printf(deps, " %s/%.*s.hpp", job->out_dir, KP_STR_ARG(stem));
	kp_buf_append_byte(deps, ':');
	kp_idl_list_files(idl, deps);
	kp_buf_append_byte(deps, '\n');
	struct kp_why why;
	err = write_results(job, idl, stem, &why);
	kp_idl_close(idl);
	return report(name, err, &why);
}

static kp_err write_deps(const struct job *job, const struct kp_buf *deps, struct kp_why *why)
{
	if (deps->err != KP_OK)
		return kp_why_set(why, deps->err, "%s: %s", job->depfile, kp_err_text(deps->err));
	struct idl_output output = {job->depfile, kp_buf_str(deps)};
	return idl_files_write(&output, 1, why);
}

static int run_job(const char *name, const struct job *job)
{
	struct kp_why why;
	int code = report(name, idl_dir_make(job->out_dir, &why), &why);
	if (code != EXIT_OK)
		return code;
	struct kp_buf deps = {0};
	for (size_t i = 0; i < job->files.len; i++) {
		int one = compile_file(name, job, job->files.ptr[i], &deps);
		code = code == EXIT_OK ? one : code;
	}
	if (code == EXIT_OK && job->depfile)
		code = report(name, write_deps(job, &deps, &why), &why);
	kp_buf_fini(&deps);
	return code;
}

int kp_idl_run(const char *name, int argc, char **argv)
{
	struct job job = {.out_dir = "."};
	int code = parse_args(name, argc, argv, &job);
	if (code == GO_ON)
		code = run_job(name, &job);
	kp_vec_fini(&job.files);
	kp_vec_fini(&job.include_dirs);
	return code;
}
