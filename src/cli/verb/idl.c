// idl.c - `kipp idl`: the compiler behind the flags of the command.
#include "idl/idl.h"
#include "cli/verbs.h"
#include "os/file.h"

int verb_idl(struct cli *cli, const struct args *args)
{
	size_t max = (size_t)args->operand_count + 2 * (size_t)args->value_count + 5;
	char **words = cli_alloc(cli, max, sizeof(*words));
	int count = 0;
	words[count++] = (char *)"kipp idl";
	words[count++] = (char *)"-o";
	words[count++] = (char *)args_text(args, FLAG_DIR, ".");
	if (args_has(args, FLAG_CPP))
		words[count++] = (char *)"--cpp";
	const char *dir;
	for (int index = 0; (dir = args_next(args, FLAG_INCLUDE, &index));) {
		words[count++] = (char *)"-I";
		words[count++] = (char *)dir;
	}
	for (int i = 0; i < args->operand_count; i++) {
		if (!kp_file_exists(args->operands[i]))
			return cli_fail(cli, CLI_NOTFOUND, "there is no file '%s'",
			                args->operands[i]);
		words[count++] = (char *)args->operands[i];
	}
	return kp_idl_run("kipp idl", count, words);
}
