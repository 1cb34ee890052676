// mem.c - the heap's door: a call in the steady state makes no allocation, so two relaxed counters
// cost nothing.
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int64_t live_count;
static int64_t alloc_count;
static _Thread_local int64_t fail_countdown;
static _Thread_local bool has_failed;

static bool must_fail(void)
{
	if (KP_LIKELY(fail_countdown == 0))
		return false;
	if (--fail_countdown > 0)
		return false;
	has_failed = true;
	return true;
}

static void *count(void *ptr)
{
	if (!ptr)
		return NULL;
	__atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&alloc_count, 1, __ATOMIC_RELAXED);
	return ptr;
}

void *kp_alloc(size_t size)
{
	return must_fail() ? NULL : count(malloc(size ? size : 1));
}

void *kp_alloc_zero(size_t number, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(number, size, &total) || must_fail())
		return NULL;
	return count(calloc(1, total ? total : 1));
}

void *kp_realloc(void *ptr, size_t size)
{
	if (!ptr)
		return kp_alloc(size);
	if (must_fail())
		return NULL;
	__atomic_fetch_add(&alloc_count, 1, __ATOMIC_RELAXED);
	return realloc(ptr, size ? size : 1);
}

void kp_free(void *ptr)
{
	if (!ptr)
		return;
	__atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
	free(ptr);
}

char *kp_strndup(const char *text, size_t len)
{
	char *copy = kp_alloc(len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *kp_strdup(const char *text)
{
	return kp_strndup(text, strlen(text));
}

int64_t kp_mem_live(void)
{
	return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

int64_t kp_mem_allocs(void)
{
	return __atomic_load_n(&alloc_count, __ATOMIC_RELAXED);
}

void kp_mem_fail_at(int64_t nth)
{
	fail_countdown = nth;
	has_failed = false;
}

bool kp_mem_has_failed(void)
{
	return has_failed;
}

bool kp_fault_next(int *fault)
{
	static _Thread_local bool is_running;
	static _Thread_local int64_t rounds; // as many as the clean round made allocations
	if (!is_running) {
		is_running = true;
		*fault = 0;
		kp_mem_fail_at(INT64_MAX); // never; counts
		return true;
	}
	if (*fault == 0)
		rounds = fail_countdown ? INT64_MAX - fail_countdown : INT64_MAX;
	if (*fault >= rounds || (*fault > 0 && !has_failed)) {
		is_running = false;
		kp_mem_fail_at(0);
		return false;
	}
	kp_mem_fail_at(++*fault);
	return true;
}
