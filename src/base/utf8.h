// utf8.h - characters of UTF-8 text, strictly: no overlong forms, no surrogates, at most U+10FFFF.
#pragma once

#include "kipp/str.h"

// kp_utf8_next returns the size of the character at the start of `text` and its code, or 0 if
// there is none: the text is empty, cut short or malformed.
size_t kp_utf8_next(struct kp_str text, uint32_t *ret_code);

// kp_utf8_put writes a code that is no surrogate and at most U+10FFFF, and returns its size, 1..4.
size_t kp_utf8_put(uint32_t code, char to[4]);

// kp_utf8_is_valid tells whether the whole text is well formed.
bool kp_utf8_is_valid(struct kp_str text);
