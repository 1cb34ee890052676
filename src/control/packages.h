// packages.h - the archives that were uploaded, each a file named by the sha256 of its content.
//
// An upload grows DATA/packages/HASH.part and becomes HASH.pkg by one rename, once its content was
// checked and is on disk. Uploads of one hash share the file: honest ones write the same bytes, and
// a wrong one is found by the check and starts over.
#pragma once

#include "base/map.h"
#include "kipp/buf.h"

enum {
	PACKAGE_PART_MAX = 8 << 20,  // of one upload call
	PACKAGE_READ_SIZE = 1 << 20, // of one download call
	PACKAGES_KEPT_UNUSED = 20,   // so that a deployment can be taken back
};
#define PACKAGE_SIZE_MAX (INT64_C(1) << 30)

struct packages {
	char *dir; // owned
};

// packages_open makes DATA/packages if need be, and removes uploads that never ended.
kp_err packages_open(const char *data_dir, struct packages *ret, struct kp_why *why);
void packages_close(struct packages *packages);

bool packages_has(const struct packages *packages, struct kp_str hash);

// packages_put takes the part at `offset`; an empty part at the end checks the whole and keeps it.
// *ret_stored is how much is there, and where an upload goes on, on CONFLICT too (a part left a
// gap, or the content was wrong). INVALID: the hash is none, or not that of the content. LIMIT: too
// large. *ret_is_new tells that the package was kept by this call.
kp_err packages_put(struct packages *packages, struct kp_str hash, int64_t offset,
                    struct kp_bytes part, int64_t *ret_stored, bool *ret_is_new,
                    struct kp_why *why);

// packages_read appends up to PACKAGE_READ_SIZE bytes from `offset`. NOTFOUND.
kp_err packages_read(const struct packages *packages, struct kp_str hash, int64_t offset,
                     struct kp_buf *out, int64_t *ret_size, struct kp_why *why);

// packages_clean removes the packages that are no key of `used`, but for the one that was stored
// just now and the PACKAGES_KEPT_UNUSED last ones. What cannot be removed stays.
void packages_clean(const struct packages *packages, const struct kp_map *used, struct kp_str now);
