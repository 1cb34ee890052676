// settings.h - where the platform is: by flag, environment, file or default, in this order.
//
// A running `kipp up` or `kipp controller` leaves its endpoint in its data directory, so that
// commands with the same --data find it.
#pragma once

#include "cli/args.h"

enum {
	SETTINGS_PORT = 17890 // of the controller, unless told otherwise
};

// settings_data returns the data directory: --data, KIPP_DATA, the configuration files, or
// /var/lib/kipp for root and ~/.local/state/kipp for others.
const char *settings_data(struct cli *cli, const struct args *args);

// settings_controller returns the controller's endpoint, "tcp -h H -p P": --controller, the data
// directory named by --data, KIPP_CONTROLLER, the data directory else, the configuration files, or
// the default. Returns NULL when the text is not an endpoint, having said so.
const char *settings_controller(struct cli *cli, const struct args *args);

// settings_shown returns an endpoint as people write it: "127.0.0.1:17890".
const char *settings_shown(struct cli *cli, const char *text);

// settings_endpoint reads "tcp -h H -p P", several of them with colons between, "H:P" or "H"; NULL:
// it is none of these.
const char *settings_endpoint(struct cli *cli, const char *text);

// settings_endpoint_file is where a controller on the data directory `data` leaves its endpoint.
const char *settings_endpoint_file(struct cli *cli, const char *data);

// settings_from_files returns the value of `key` in the section <kipp> of DIR/kipp.conf and then of
// the files of DIR/conf.d by their names, the last one counting; NULL: none has it. A file that is
// not understood is left out, and said.
const char *settings_from_files(struct cli *cli, const char *dir, const char *key);
