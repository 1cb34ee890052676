// daemon.c - `kipp controller` and `kipp node`.
#include "cli/daemons.h"
#include "cli/settings.h"
#include "cli/verbs.h"

static int serve(struct daemons *daemons, const char *line)
{
	if (!cli_print(daemons->cli, kp_str(line)))
		return CLI_FAILED;
	daemons_ready(daemons);
	daemons_wait(daemons);
	return CLI_OK;
}

int verb_controller(struct cli *cli, const struct args *args)
{
	struct daemons daemons;
	int code = daemons_init(cli, args, &daemons);
	if (code == CLI_OK)
		code = daemons_start_controller(&daemons);
	if (code == CLI_OK)
		code = serve(&daemons,
		             cli_text(cli, "controller at %s, data in %s: ready\n",
		                      settings_shown(cli, daemons.endpoint), daemons.data));
	daemons_stop(&daemons);
	return code;
}

int verb_node(struct cli *cli, const struct args *args)
{
	struct daemons daemons;
	int code = daemons_init(cli, args, &daemons);
	if (code == CLI_OK)
		code = daemons_start_agent(&daemons, false);
	if (code == CLI_OK)
		code = serve(&daemons,
		             cli_text(cli,
		                      "agent of the controller at %s, data in %s: "
		                      "ready\n",
		                      settings_shown(cli, daemons.endpoint), daemons.data));
	daemons_stop(&daemons);
	return code;
}
