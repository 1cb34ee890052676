// options.c - a server program's command line.
#include "app/app_internal.h"

#include "base/text.h"
#include "kipp/version.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
        "usage: %s --config=FILE\n"
        "       %s [--name App.Server] [--endpoint TEXT | --port P] [--threads N] [--locator "
        "TEXT]\n"
        "\n"
        "  --config=FILE     the configuration that the agent wrote\n"
        "  --name NAME       application and server, when there is no configuration\n"
        "  --endpoint TEXT   where to listen, as \"tcp -h 127.0.0.1 -p 9001 -t 60000\"\n"
        "  --port P          where to listen on 127.0.0.1; 0 picks a free port\n"
        "  --threads N       loops that serve; 1 when not given\n"
        "  --locator TEXT    the registry, as \"tcp -h 127.0.0.1 -p 17890\"\n"
        "  --version         the version of Kipp that this program is built with\n";

struct flag {
	const char *name;
	const char **text;
	int *number;
	int min;
	int max;
};

// take_value finds the value in "--flag=value" or in the next argument. NULL: this is another flag.
static const char *take_value(const char *name, int argc, char **argv, int *index)
{
	const char *arg = argv[*index];
	size_t len = strlen(name);
	if (strncmp(arg, name, len) != 0)
		return NULL;
	if (arg[len] == '=')
		return arg + len + 1;
	if (arg[len] != '\0')
		return NULL;
	if (*index + 1 >= argc)
		return "";
	return argv[++*index];
}

static bool set_flag(const struct flag *flag, const char *value)
{
	if (flag->text) {
		*flag->text = value;
		return *value != '\0';
	}
	int64_t number;
	if (kp_str_i64(kp_str(value), flag->min, flag->max, &number) != KP_OK)
		return false;
	*flag->number = (int)number;
	return true;
}

static bool parse_one(const struct flag *flags, int argc, char **argv, int *index)
{
	for (const struct flag *flag = flags; flag->name; flag++) {
		const char *value = take_value(flag->name, argc, argv, index);
		if (!value)
			continue;
		if (set_flag(flag, value))
			return true;
		if (flag->number)
			fprintf(stderr, "%s: %s needs a number from %d to %d\n", argv[0],
			        flag->name, flag->min, flag->max);
		else
			fprintf(stderr, "%s: %s needs a value\n", argv[0], flag->name);
		return false;
	}
	fprintf(stderr, "%s: unknown argument '%s'; --help tells which there are\n", argv[0],
	        argv[*index]);
	return false;
}

enum options_outcome options_parse(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){.port = -1};
	const struct flag flags[] = {
	        {"--config", &ret->config, NULL, 0, 0},
	        {"--name", &ret->name, NULL, 0, 0},
	        {"--endpoint", &ret->endpoint, NULL, 0, 0},
	        {"--locator", &ret->locator, NULL, 0, 0},
	        {"--port", NULL, &ret->port, 0, 65535},
	        {"--threads", NULL, &ret->threads, 1, 256},
	        {NULL, NULL, NULL, 0, 0},
	};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--version") == 0) {
			printf("kipp %s\n", KP_VERSION_TEXT);
			return OPTIONS_DONE;
		}
		if (strcmp(argv[i], "--help") == 0) {
			printf(usage, argv[0], argv[0]);
			return OPTIONS_DONE;
		}
		if (!parse_one(flags, argc, argv, &i))
			return OPTIONS_BAD;
	}
	if (ret->endpoint && ret->port >= 0) {
		fprintf(stderr, "%s: give --endpoint or --port, not both\n", argv[0]);
		return OPTIONS_BAD;
	}
	return OPTIONS_RUN;
}
