// arena.h - the inside of kp_arena, for those who embed one.
#pragma once

#include "kipp/arena.h"

struct kp_arena_block;

// All zero is a valid empty arena with the default limit.
struct kp_arena {
	uint8_t *next; // in the newest block
	uint8_t *end;
	struct kp_arena_block *blocks; // owned; newest first
	size_t size;                   // of all blocks
	size_t size_max;               // 0: the default
};

void kp_arena_init(struct kp_arena *arena, size_t size_max);
void kp_arena_fini(struct kp_arena *arena);
