// pack.h - a service's files as a package: a .tgz whose one top folder is the server's name.
//
// The same files give the same bytes: entries are sorted and carry no time and no owner.
#pragma once

#include "cli/cli.h"

struct pack_item {
	const char *path; // on this machine
	const char *name; // in the package, below the top folder
	bool is_executable;
};

// pack_write packs the items, which it sorts, into `out`. Says what went wrong and returns an exit
// code.
int pack_write(struct cli *cli, const char *top, struct pack_item *items, size_t count,
               struct kp_buf *out);

struct pack_list {
	struct pack_item *items; // in the run's arena
	size_t count;
	size_t max;
};

// pack_add adds a file, or a folder with all below it, of the folder `dir`. `name` is relative and
// stays inside.
int pack_add(struct cli *cli, const char *dir, const char *name, struct pack_list *list);

// What a package holds.
struct pack_facts {
	const char *top;      // its one top folder, in the run's arena
	struct kp_str config; // the text of its kipp.conf, in the run's arena; NULL: it has none
};

// pack_check reads a package through: an archive with one top folder and nothing that would leave
// it. `path` is for messages.
int pack_check(struct cli *cli, const char *path, struct kp_bytes package, struct pack_facts *ret);
