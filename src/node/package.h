// package.h - immutable builds of servers, unpacked into directories that their hash names.
//
// A package is a .tgz whose one top folder is the server's name (as TARS packs them), or a bare
// executable. It is unpacked into a temporary directory, flushed and renamed: what has its final
// name is whole and is never written again.
//
//     DIR/<hash>/            the server's files, the top folder stripped
//     DIR/<hash>.part        an archive on its way
//     DIR/<hash>.new/        being unpacked
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include <stdint.h>

enum {
	PACKAGE_FILES_MAX = 100000,
	PACKAGE_KEPT_UNUSED = 3,
};

struct package_limits {
	int64_t files_max;
	int64_t size_max;       // unpacked
	int64_t ratio_max;      // unpacked to packed,
	int64_t ratio_size_min; // looked at above this size
};

// package_limits_default fills in 100,000 files, 4 GiB, and 200:1 above 1 GiB.
void package_limits_default(struct package_limits *ret);

// package_hash_is_valid tells whether a text is a SHA-256 in lower-case hex. Anything else must not
// become a file name.
bool package_hash_is_valid(struct kp_str hash);

// package_is_there tells whether the package is unpacked.
bool package_is_there(const char *dir, const char *hash);

// package_unpack checks that the archive has this hash and unpacks it for the server `name`
// ("PaymentServer"). `limits` NULL: the defaults. INVALID, LIMIT: the package itself is refused,
// and trying again is in vain.
kp_err package_unpack(const char *dir, const char *archive, const char *hash, const char *name,
                      const struct package_limits *limits, struct kp_why *why);

// package_clean removes what crashes left behind, and unused packages but the newest
// PACKAGE_KEPT_UNUSED. `used` lists the hashes in use.
kp_err package_clean(const char *dir, const char *const *used, size_t used_count);
