// manifest.h - kipp.conf: what a service's folder says about how it is deployed.
//
//     <server>
//       name=Demo.HelloServer
//       # below the folder, as are `files`, which are packed with all below them
//       executable=HelloServer
//       files=data etc/words.txt
//       type=kipp
//       version=1.0
//       instances=1
//       <HelloObjAdapter>
//         servant=HelloObj
//         endpoint=tcp -h 127.0.0.1 -p 0 -t 60000
//         threads=1
//       </HelloObjAdapter>
//       # further keys of the server's configuration
//       <settings>
//         loglevel=INFO
//       </settings>
//     </server>
#pragma once

#include "cli/cli.h"
#include "interfaces/cluster.h"

struct manifest {
	struct kipp_Server server;
	struct kp_str_list files;
};

// manifest_parse reads the text of `path` into the run's arena. It says every error as
// `path:line:column: message` and returns CLI_USAGE if there was one.
int manifest_parse(struct cli *cli, const char *path, struct kp_str text, struct manifest *ret);

// manifest_set_name takes "App.Server" apart, or returns false.
bool manifest_set_name(struct kipp_Server *server, struct kp_str name);

// manifest_add_servant adds an adapter for one servant on a free local port.
void manifest_add_servant(struct cli *cli, struct kipp_Server *server, struct kp_str servant);
