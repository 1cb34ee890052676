// deployment.h - what a folder, a package or a program becomes: a description and its bytes.
#pragma once

#include "cli/args.h"
#include "cli/remote.h"

struct deployment {
	const char *path;          // what it was made of
	struct kipp_Server server; // in the run's arena
	struct kp_buf package;     // owned
	const char *name;          // "App.Server"
};

// deployment_load makes a deployment of `path`: a folder with a kipp.conf, a .tgz or a program. The
// flags --name, --servant, --instances and --version of `args` go before what the manifest says.
// Says what is wrong and returns an exit code.
int deployment_load(struct cli *cli, const struct args *args, const char *path,
                    struct deployment *ret);
void deployment_fini(struct deployment *deployment);

// deployment_send uploads the package, if the controller does not have it, and asks for the
// description to become true.
int deployment_send(struct remote *remote, struct deployment *deployment);
