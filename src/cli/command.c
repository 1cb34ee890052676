// command.c - the table of commands and flags.
#include "cli/command.h"

#include "base/nearest.h"
#include "cli/verbs.h"

#define NUMBER_ROW(letter, name, value, min, max, help)                      \
	{                                                                    \
		(letter), FLAG_NUMBER, (name), (value), (min), (max), (help) \
	}
#define TEXT_ROW(letter, name, value, help)                        \
	{                                                          \
		(letter), FLAG_TEXT, (name), (value), 0, 0, (help) \
	}
#define SWITCH_ROW(letter, name, help)                            \
	{                                                         \
		(letter), FLAG_SWITCH, (name), NULL, 0, 0, (help) \
	}

static const struct flag_row flags[FLAG_COUNT] = {
        [FLAG_CONTROLLER] = TEXT_ROW(0, "controller", "ENDPOINT",
                                     "the controller, as \"tcp -h HOST -p PORT\" or HOST:PORT "
                                     "(environment: KIPP_CONTROLLER)"),
        [FLAG_DATA] = TEXT_ROW(0, "data", "DIR",
                               "where the platform keeps its state (environment: KIPP_DATA)"),
        [FLAG_HELP] = SWITCH_ROW('h', "help", "say how the command is used"),
        [FLAG_QUIET] = SWITCH_ROW('q', "quiet", "no messages but errors"),
        [FLAG_VERBOSE] = SWITCH_ROW('v', "verbose", "more messages"),
        [FLAG_YES] = SWITCH_ROW('y', "yes", "answer yes to every question"),
        [FLAG_OUTPUT] = {'o', FLAG_CHOICE, "output", "table|wide|json|name", 0, 0,
                         "how to print what was found"},
        [FLAG_WATCH] = SWITCH_ROW('w', "watch", "print again whenever something changes"),
        [FLAG_WAIT] = SWITCH_ROW(0, "wait", "return only once it is done"),
        [FLAG_NO_WAIT] = SWITCH_ROW(0, "no-wait", "return at once"),
        [FLAG_DRY_RUN] = SWITCH_ROW(0, "dry-run", "check everything and send nothing"),
        [FLAG_TIMEOUT] = NUMBER_ROW(0, "timeout", "SECONDS", 1, 86400, "how long to wait at most"),
        [FLAG_PORT] = NUMBER_ROW('p', "port", "PORT", 0, 65535,
                                 "the port to listen on; 0 picks a free one"),
        [FLAG_HOST] = TEXT_ROW(0, "host", "ADDRESS", "the address to listen on"),
        [FLAG_DEPLOY] =
                TEXT_ROW(0, "deploy", "DIR", "deploy the services in this folder; may be repeated"),
        [FLAG_NODE_NAME] = TEXT_ROW(0, "node", "NAME", "what this machine is called"),
        [FLAG_NAME] = TEXT_ROW(0, "name", "APP.SERVER", "the server's name"),
        [FLAG_SERVANT] = TEXT_ROW('s', "servant", "OBJECT",
                                  "an object it serves, as HelloObj; may be repeated"),
        [FLAG_INSTANCES] = NUMBER_ROW('i', "instances", "N", 1, 1000, "how many copies shall run"),
        [FLAG_LABEL] = TEXT_ROW(0, "version", "LABEL", "the version's name, for people"),
        [FLAG_FOLLOW] = SWITCH_ROW('f', "follow", "go on with what comes"),
        [FLAG_LINES] = NUMBER_ROW('n', "lines", "N", 0, 1000000, "how many lines to begin with"),
        [FLAG_CPP] = SWITCH_ROW(0, "cpp", "for C++17"),
        [FLAG_IDL] = TEXT_ROW(0, "idl", "FILE",
                              "the .tars file of a server that cannot describe itself"),
        [FLAG_INCLUDE] =
                TEXT_ROW('I', "include", "DIR", "where included .tars files are; may be repeated"),
        [FLAG_ENDPOINT] = TEXT_ROW('e', "endpoint", "ENDPOINT",
                                   "call this endpoint instead of asking the controller"),
        [FLAG_CALL_TIMEOUT] = NUMBER_ROW('t', "timeout", "MS", 1, 86400000,
                                         "how long the answer may take, in milliseconds"),
        [FLAG_ONEWAY] = SWITCH_ROW(0, "oneway", "expect no answer"),
        [FLAG_FROM] = TEXT_ROW(0, "from", "TARGET",
                               "also what this caller sees: a server or an instance, @NODE behind "
                               "it for those of one machine"),
        [FLAG_DIR] = TEXT_ROW('o', "output", "DIR", "where the generated files go"),
};

#define RUN   "Run the platform"
#define BUILD "Build a service"
#define STEER "Run services and see them"
#define TALK  "Talk to services"
#define CARE  "Other"

static const struct command commands[] = {
        {"up", "", RUN, "the whole platform on this machine, in one process",
         "Controller and agent run in this process until Ctrl-C, which stops them and every\n"
         "server they run. The state is kept for the next time.\n\n"
         "  kipp up\n  kipp up --data /tmp/try --port 0 --deploy examples/book\n",
         FLAG_BIT(FLAG_PORT) | FLAG_BIT(FLAG_HOST) | FLAG_BIT(FLAG_DEPLOY) |
                 FLAG_BIT(FLAG_NODE_NAME) | FLAG_BIT(FLAG_TIMEOUT),
         0, 0, verb_up},
        {"controller", "", RUN, "the controller: registry, configuration, events",
         "SIGTERM drains and ends it; its agents and servers keep running.\n",
         FLAG_BIT(FLAG_PORT) | FLAG_BIT(FLAG_HOST), 0, 0, verb_controller},
        {"node", "", RUN, "the agent that runs servers on this machine",
         "SIGTERM ends it; the servers keep running, and the next agent finds them.\n",
         FLAG_BIT(FLAG_PORT) | FLAG_BIT(FLAG_HOST) | FLAG_BIT(FLAG_NODE_NAME), 0, 0, verb_node},
        {"node list", "", RUN, "the machines of the platform", NULL, FLAG_BIT(FLAG_OUTPUT), 0, 0,
         verb_node_list},

        {"new", "APP.SERVER [DIR]", BUILD, "write a new service that builds and deploys",
         "  kipp new Demo.HelloServer\n  cd HelloServer && make && kipp deploy\n"
         "  kipp call Demo.HelloServer.HelloObj say '{\"name\": \"bob\"}'\n",
         FLAG_BIT(FLAG_CPP), 1, 2, verb_new},
        {"idl", "FILE.tars...", BUILD, "compile .tars files to C, and to C++ as well with --cpp",
         "  kipp idl Hello.tars -o build\n",
         FLAG_BIT(FLAG_DIR) | FLAG_BIT(FLAG_INCLUDE) | FLAG_BIT(FLAG_CPP), 1, -1, verb_idl},

        {"deploy", "[PATH]", STEER, "put a service on the platform, or a new version of it",
         "PATH is a folder with a kipp.conf (default: this one), a .tgz, or a program; for the\n"
         "last two --name and --servant say what it is. Waits until all instances run.\n\n"
         "  kipp deploy\n"
         "  kipp deploy ./HelloServer --name Demo.HelloServer --servant HelloObj\n",
         FLAG_BIT(FLAG_NAME) | FLAG_BIT(FLAG_SERVANT) | FLAG_BIT(FLAG_INSTANCES) |
                 FLAG_BIT(FLAG_LABEL) | FLAG_BIT(FLAG_WAIT) | FLAG_BIT(FLAG_NO_WAIT) |
                 FLAG_BIT(FLAG_TIMEOUT) | FLAG_BIT(FLAG_OUTPUT) | FLAG_BIT(FLAG_DRY_RUN),
         0, 1, verb_deploy},
        {"ps", "[TARGET]", STEER, "the instances: state, pid, version, uptime",
         "TARGET is an application, a server or an instance: Book, Book.PayServer,\n"
         "Book.PayServer.1.\n",
         FLAG_BIT(FLAG_OUTPUT) | FLAG_BIT(FLAG_WATCH), 0, 1, verb_ps},
        {"start", "TARGET", STEER, "start what was stopped", NULL,
         FLAG_BIT(FLAG_WAIT) | FLAG_BIT(FLAG_TIMEOUT), 1, 1, verb_start},
        {"stop", "TARGET", STEER, "stop instances; they stay stopped", NULL,
         FLAG_BIT(FLAG_WAIT) | FLAG_BIT(FLAG_TIMEOUT), 1, 1, verb_stop},
        {"restart", "TARGET", STEER, "stop instances and start them again", NULL,
         FLAG_BIT(FLAG_WAIT) | FLAG_BIT(FLAG_TIMEOUT), 1, 1, verb_restart},
        {"remove", "APP.SERVER", STEER, "take a server off the platform", NULL, 0, 1, 1,
         verb_remove},
        {"logs", "TARGET", STEER, "what an instance printed", "  kipp logs -f Book.PayServer.1\n",
         FLAG_BIT(FLAG_FOLLOW) | FLAG_BIT(FLAG_LINES), 1, 1, verb_logs},
        {"events", "", STEER, "what happened on the platform", NULL,
         FLAG_BIT(FLAG_FOLLOW) | FLAG_BIT(FLAG_LINES) | FLAG_BIT(FLAG_OUTPUT), 0, 0, verb_events},

        {"admin", "TARGET COMMAND...", STEER, "give running instances an admin command",
         "TARGET is an application, a server or an instance; COMMAND is what the server knows:\n"
         "tars.help lists it.\n\n"
         "  kipp admin Book.PaymentServer tars.viewstatus\n"
         "  kipp admin Book.PaymentServer.1 tars.setloglevel DEBUG\n",
         FLAG_BIT(FLAG_OUTPUT) | FLAG_BIT(FLAG_TIMEOUT), 2, -1, verb_admin},
        {"explain", "OBJECT", STEER, "why calls go where they go",
         "Lists the endpoints of an object, which of them are handed out, and why the others are\n"
         "not. With --from it also tells what that caller makes of them.\n\n"
         "  kipp explain Book.PaymentServer.PayObj\n"
         "  kipp explain Book.PaymentServer.PayObj --from Book.StoreServer@node-a\n",
         FLAG_BIT(FLAG_OUTPUT) | FLAG_BIT(FLAG_FROM) | FLAG_BIT(FLAG_TIMEOUT), 1, 1, verb_explain},

        {"call", "OBJECT [FUNCTION ['{JSON}'|@FILE|-]]", TALK, "call a function by name",
         "OBJECT is App.Server.Obj, found through the controller, or App.Server.Obj@ENDPOINT.\n"
         "Without FUNCTION it lists the functions. The arguments are one JSON object.\n\n"
         "  kipp call Book.PaymentServer.PayObj\n"
         "  kipp call Demo.HelloServer.HelloObj say '{\"name\": \"bob\"}'\n"
         "  kipp call 'Demo.EchoServer.EchoObj@tcp -h 127.0.0.1 -p 9001' ping\n",
         FLAG_BIT(FLAG_IDL) | FLAG_BIT(FLAG_INCLUDE) | FLAG_BIT(FLAG_ENDPOINT) |
                 FLAG_BIT(FLAG_CALL_TIMEOUT) | FLAG_BIT(FLAG_ONEWAY),
         1, 3, verb_call},

        {"completion", "bash", CARE, "a script that completes commands and flags",
         "  source <(kipp completion bash)\n", 0, 1, 1, verb_completion},
        {"version", "", CARE, "the version of this program", NULL, FLAG_BIT(FLAG_OUTPUT), 0, 0,
         verb_version},
        {"help", "[COMMAND|config]", CARE,
         "how a command is used, or which keys a configuration has", NULL, 0, 0, 2, verb_help},
        {"undeploy", "APP.SERVER", NULL, "the same as remove", NULL, 0, 1, 1, verb_remove},
};

const struct command *command_rows(size_t *ret_count)
{
	*ret_count = sizeof(commands) / sizeof(commands[0]);
	return commands;
}

const struct flag_row *flag_rows(void)
{
	return flags;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

const char *command_nearest(struct cli *cli, const char *name)
{
	size_t count = sizeof(commands) / sizeof(commands[0]);
	const char **names = cli_alloc(cli, count, sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = commands[i].name;
	return kp_nearest_find(name, names, count);
}
