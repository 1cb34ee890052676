// base64.h - bytes as text (RFC 4648, section 4).
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"

// kp_base64_encode appends the text, with padding.
void kp_base64_encode(struct kp_bytes bytes, struct kp_buf *out);

// kp_base64_decode reads a text with or without padding into the arena. INVALID: not base64.
kp_err kp_base64_decode(struct kp_str text, struct kp_arena *arena, struct kp_bytes *ret);
