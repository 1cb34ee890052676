// malloc_count_glibc.c - stands before glibc's malloc and counts; also for the shared libraries.
#include "malloc_count.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

// glibc's own names for its allocator.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

// malloc has no context to keep its state in.
static _Atomic int64_t calls;

static void count_call(void)
{
	atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

int64_t malloc_count(void)
{
	return atomic_load_explicit(&calls, memory_order_relaxed);
}

int64_t malloc_bytes(void)
{
	struct mallinfo2 info = mallinfo2();
	return (int64_t)(info.uordblks + info.hblkhd);
}

EXPORTED void *malloc(size_t size)
{
	count_call();
	return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	count_call();
	return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *ptr, size_t size)
{
	count_call();
	return __libc_realloc(ptr, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	count_call();
	return __libc_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **ret, size_t alignment, size_t size)
{
	count_call();
	void *ptr = __libc_memalign(alignment, size);
	if (!ptr)
		return ENOMEM;
	*ret = ptr;
	return 0;
}
