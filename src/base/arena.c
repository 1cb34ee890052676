// arena.c - a bump allocator over a chain of doubling blocks.
#include "base/arena.h"

#include "base/mem.h"

#include <stdio.h>

enum {
	BLOCK_SIZE_MIN = 2048,
	BLOCK_SIZE_MAX = 1 << 20,
	ALIGNMENT = 16,
};
static const size_t size_max_default = 256u << 20;

struct kp_arena_block {
	struct kp_arena_block *older;
	size_t size; // of the room behind this header
	_Alignas(ALIGNMENT) uint8_t room[];
};

void kp_arena_init(struct kp_arena *arena, size_t size_max)
{
	*arena = (struct kp_arena){.size_max = size_max};
}

void kp_arena_fini(struct kp_arena *arena)
{
	struct kp_arena_block *block = arena->blocks;
	while (block) {
		struct kp_arena_block *older = block->older;
		kp_free(block);
		block = older;
	}
	kp_arena_init(arena, arena->size_max);
}

struct kp_arena *kp_arena_new(size_t size_max)
{
	struct kp_arena *arena = kp_new(struct kp_arena);
	if (arena)
		kp_arena_init(arena, size_max);
	return arena;
}

void kp_arena_free(struct kp_arena *arena)
{
	if (!arena)
		return;
	kp_arena_fini(arena);
	kp_free(arena);
}

void kp_arena_reset(struct kp_arena *arena)
{
	struct kp_arena_block *block = arena->blocks;
	if (!block)
		return;
	while (block->older) {
		struct kp_arena_block *older = block->older;
		kp_free(block);
		block = older;
	}
	arena->blocks = block;
	arena->size = block->size;
	arena->next = block->room;
	arena->end = block->room + block->size;
}

static bool add_block(struct kp_arena *arena, size_t size_min)
{
	size_t size = arena->blocks ? arena->blocks->size * 2 : BLOCK_SIZE_MIN;
	if (size > BLOCK_SIZE_MAX)
		size = BLOCK_SIZE_MAX;
	if (size < size_min)
		size = size_min;
	size_t size_max = arena->size_max ? arena->size_max : size_max_default;
	size_t size_left = arena->size < size_max ? size_max - arena->size : 0;
	if (size > size_left)
		size = size_left;
	if (size < size_min)
		return false;
	struct kp_arena_block *block = kp_alloc(sizeof(*block) + size);
	if (!block)
		return false;
	block->older = arena->blocks;
	block->size = size;
	arena->blocks = block;
	arena->size += size;
	arena->next = block->room;
	arena->end = block->room + size;
	return true;
}

void *kp_arena_alloc(struct kp_arena *arena, size_t size)
{
	if (KP_UNLIKELY(size > SIZE_MAX / 2))
		return NULL;
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (KP_UNLIKELY((size_t)(arena->end - arena->next) < rounded) && !add_block(arena, rounded))
		return NULL;
	if (KP_UNLIKELY(!arena->next) && !add_block(arena, ALIGNMENT))
		return NULL;
	uint8_t *ptr = arena->next;
	arena->next += rounded;
	return ptr;
}

void *kp_arena_alloc_zero(struct kp_arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	void *ptr = kp_arena_alloc(arena, total);
	if (ptr)
		memset(ptr, 0, total);
	return ptr;
}

struct kp_str kp_arena_str(struct kp_arena *arena, struct kp_str str)
{
	char *copy = kp_arena_alloc(arena, str.len + 1);
	if (!copy)
		return (struct kp_str){0};
	if (str.len)
		memcpy(copy, str.ptr, str.len);
	copy[str.len] = '\0';
	return (struct kp_str){copy, str.len};
}

struct kp_str kp_arena_vformat(struct kp_arena *arena, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	char *text = len < 0 ? NULL : kp_arena_alloc(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return (struct kp_str){text, text ? (size_t)len : 0};
}

struct kp_str kp_arena_format(struct kp_arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str str = kp_arena_vformat(arena, format, args);
	va_end(args);
	return str;
}
