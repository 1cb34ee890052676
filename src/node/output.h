// output.h - what servers print: one file that all starts append to, and five older ones.
#pragma once

#include "kipp/buf.h"

#include <stdint.h>

enum {
	OUTPUT_SIZE_MAX = 50 << 20,
	OUTPUT_OLD_MAX = 5,
	OUTPUT_PART_MAX = 256 << 10,
};

// output_rotate moves a log that is over `size_max` to PATH.1, PATH.1 to PATH.2 and so on. The
// server keeps the file open, so its content is copied and the file emptied: lines written in
// between are lost.
kp_err output_rotate(const char *path, int64_t size_max, struct kp_why *why);

// output_read appends at most OUTPUT_PART_MAX bytes from `offset`; negative counts from the end,
// and an offset past the end (it was rotated) from the start. *ret_next is where to read on.
kp_err output_read(const char *path, int64_t offset, struct kp_buf *out, int64_t *ret_next,
                   struct kp_why *why);
