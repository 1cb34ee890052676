// mem.h - the one door to the heap: counted, limited, able to fail on demand.
//
// The counters are the process's; tests read them. In a build with KP_FAULTS the nth allocation can
// be made to fail.
#pragma once

#include "kipp/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// kp_alloc returns `size` bytes, or NULL. kp_alloc_zero clears them; its product is checked.
KP_API void *kp_alloc(size_t size);
KP_API void *kp_alloc_zero(size_t count, size_t size);
KP_API void *kp_realloc(void *ptr, size_t size);
KP_API void kp_free(void *ptr);
KP_API char *kp_strdup(const char *text);
KP_API char *kp_strndup(const char *text, size_t len);

#define kp_new(type) ((type *)kp_alloc_zero(1, sizeof(type)))

// kp_take moves a pointer out of its owner: it returns it and leaves NULL behind.
#define kp_take(ptr_to_ptr)                           \
	({                                            \
		__auto_type kp_taken = *(ptr_to_ptr); \
		*(ptr_to_ptr) = NULL;                 \
		kp_taken;                             \
	})

// kp_cleanup frees a variable when its scope ends; KP_DEFINE_FREEP makes the function it wants from
// a destructor.
#define kp_cleanup(function) __attribute__((cleanup(function)))
#define KP_DEFINE_FREEP(type, function)           \
	static inline void function##p(type *ptr) \
	{                                         \
		function(*ptr);                   \
	}                                         \
	struct kp_swallow_semicolon

static inline void kp_freep(void *ptr_to_ptr)
{
	kp_free(*(void **)ptr_to_ptr);
}

// kp_mem_live is the number of allocations not yet freed, kp_mem_allocs how many were ever made.
KP_API int64_t kp_mem_live(void);
KP_API int64_t kp_mem_allocs(void);

// kp_mem_fail_at makes the nth allocation of this thread from now fail (1: the next), once; 0
// switches it off. kp_mem_has_failed tells whether it did.
KP_API void kp_mem_fail_at(int64_t nth);
KP_API bool kp_mem_has_failed(void);

// kp_fault_next drives a test that fails every allocation once: round 0 clean, round n fails
// allocation n, up to the last one that round 0 made.
//     for (int fault = 0; kp_fault_next(&fault);) { ... }
KP_API bool kp_fault_next(int *fault);
