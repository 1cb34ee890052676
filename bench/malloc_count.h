// malloc_count.h - how often this program has called libc's malloc.
//
// It counts what goes past the library's own door: libuv, libc, and mistakes.
#pragma once

#include <stdint.h>

// malloc_count is the number of calls of malloc and its kin so far, by any thread; -1 in a build
// that cannot tell.
int64_t malloc_count(void);

// malloc_bytes is how many bytes malloc has given out and not got back; -1 in a build that cannot
// tell.
int64_t malloc_bytes(void);
