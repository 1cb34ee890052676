// text.h - small operations on text views: trim, split, numbers.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

struct kp_str kp_str_trim(struct kp_str str);
bool kp_str_starts_with(struct kp_str str, struct kp_str prefix);
bool kp_str_ends_with(struct kp_str str, struct kp_str suffix);

// kp_str_find returns the index of the first `c`, or str.len.
size_t kp_str_find(struct kp_str str, char c);
// kp_str_split_next takes the part before the next `c` from *rest; false when nothing is left.
bool kp_str_split_next(struct kp_str *rest, char c, struct kp_str *ret_part);

// kp_str_i64 reads a decimal number, sign allowed, within min..max. INVALID: no number, LIMIT: out
// of range.
kp_err kp_str_i64(struct kp_str str, int64_t min, int64_t max, int64_t *ret);
