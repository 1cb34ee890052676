// arena.h - memory that is freed in one go.
//
// A call's arguments and results live in its arena. An arena is used by one thread at a time.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include <stdarg.h>

KP_BEGIN_DECLS

struct kp_arena;

// kp_arena_new makes an arena that never holds more than `size_max` bytes (0: 256 MiB). Returns
// NULL when out of memory.
KP_API struct kp_arena *kp_arena_new(size_t size_max);

// kp_arena_free frees the arena and all that was allocated from it. NULL is fine.
KP_API void kp_arena_free(struct kp_arena *arena);

// kp_arena_reset frees what was allocated and keeps the arena's first block for the next round.
KP_API void kp_arena_reset(struct kp_arena *arena);

// kp_arena_alloc returns `size` bytes aligned for any type, not cleared, or NULL when out of memory
// or over the limit.
KP_API void *kp_arena_alloc(struct kp_arena *arena, size_t size);

// kp_arena_alloc_zero returns `count` × `size` cleared bytes, or NULL; the product is checked.
KP_API void *kp_arena_alloc_zero(struct kp_arena *arena, size_t count, size_t size);

// kp_arena_str copies a text, with a NUL behind it. On failure the copy is empty with a NULL
// pointer.
KP_API struct kp_str kp_arena_str(struct kp_arena *arena, struct kp_str str);

// kp_arena_format prints into the arena. On failure the text is empty with a NULL pointer.
KP_API struct kp_str kp_arena_format(struct kp_arena *arena, const char *format, ...)
        KP_PRINTF(2, 3);
KP_API struct kp_str kp_arena_vformat(struct kp_arena *arena, const char *format, va_list args);

KP_END_DECLS
