// fiber.c - fibers: a stack with a guard page below it and a switch of registers.
//
// A stack runs an endless trampoline, so that a kept fiber starts its next work with the very
// switch that resumes it.
#include "os/fiber.h"

#include "base/assert.h"
#include "base/mem.h"
#include "os/fiber_switch.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define HAVE_ASAN 1
#else
#define HAVE_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define HAVE_TSAN 1
#else
#define HAVE_TSAN 0
#endif

#if HAVE_TSAN
// libuv closes its descriptors by raw system calls, which ThreadSanitizer does not see: whatever
// another thread does with a number that it gets next looks like a race.
KP_API const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:interceptor_epoll_create1$\nrace:interceptor_epoll_ctl$\n"
	       "race:interceptor_eventfd$\nrace:interceptor_pipe2$\nrace:interceptor_socket$\n"
	       "race:interceptor_accept4$\nrace:interceptor_timerfd_create$\n"
	       "race:interceptor_close$\n";
}
#endif

// exceptions is what the C++ runtime keeps for each thread, by the ABI that all compilers here
// follow: the exceptions whose handlers are running, and how many are on their way to one. A fiber
// may wait in a catch block, so each has its own.
struct exceptions {
	void *caught;
	unsigned int uncaught;
};
// In a program without C++ there is no such function.
KP_API struct exceptions *__cxa_get_globals(void) __attribute__((weak));

enum {
	STACK_SIZE = 256 << 10,
	GUARD_SIZE = 4096,
};

struct kp_fiber {
	struct kp_link link; // in the pool's kept list, or in a ready list
	struct kp_fiber_pool *pool;
	kp_fiber_main main;
	void *arg;
	void *stack; // owned; the guard page is its lowest
	struct kp_switch_point here;
	struct kp_switch_point caller;
	struct exceptions exceptions; // of the fiber while it is suspended, else of its resumer
	bool is_done;
#if HAVE_ASAN
	void *fake_stack;
	void *caller_fake_stack;
	const void *caller_bottom;
	size_t caller_size;
#endif
#if HAVE_TSAN
	void *tsan_fiber;
	void *tsan_caller;
#endif
};

struct kp_fiber_pool {
	struct kp_list kept;
	int kept_count;
	int kept_max;
	int live_count;
	int fibers_max;
};

static _Thread_local struct kp_fiber *current;

struct kp_fiber *kp_fiber_current(void)
{
	return current;
}

struct kp_link *kp_fiber_link(struct kp_fiber *fiber)
{
	return &fiber->link;
}

struct kp_fiber *kp_fiber_of_link(struct kp_link *link)
{
	return KP_CONTAINER(link, struct kp_fiber, link);
}

struct kp_fiber_pool *kp_fiber_pool_new(int kept_max, int fibers_max)
{
	struct kp_fiber_pool *pool = kp_new(struct kp_fiber_pool);
	if (!pool)
		return NULL;
	kp_list_init(&pool->kept);
	pool->kept_max = kept_max;
	pool->fibers_max = fibers_max;
	return pool;
}

int kp_fiber_pool_live(const struct kp_fiber_pool *pool)
{
	return pool->live_count;
}

static void fiber_free(struct kp_fiber *fiber)
{
	if (fiber->stack)
		munmap(fiber->stack, STACK_SIZE + GUARD_SIZE);
#if HAVE_TSAN
	if (fiber->tsan_fiber)
		__tsan_destroy_fiber(fiber->tsan_fiber);
#endif
	kp_free(fiber);
}

void kp_fiber_pool_free(struct kp_fiber_pool *pool)
{
	if (!pool)
		return;
	kp_assert(pool->live_count == 0);
	for (struct kp_link *link; (link = kp_list_pop(&pool->kept)) != NULL;)
		fiber_free(kp_fiber_of_link(link));
	kp_free(pool);
}

static void before_leaving(struct kp_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_start_switch_fiber(&fiber->fake_stack, fiber->caller_bottom,
	                               fiber->caller_size);
#endif
#if HAVE_TSAN
	__tsan_switch_to_fiber(fiber->tsan_caller, 0);
#endif
}

static void after_entering(struct kp_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_finish_switch_fiber(fiber->fake_stack, &fiber->caller_bottom,
	                                &fiber->caller_size);
#endif
}

static __attribute__((noinline)) void trampoline(void *arg)
{
	struct kp_fiber *fiber = arg;
	after_entering(fiber);
	for (;;) {
		fiber->main(fiber->arg);
		fiber->is_done = true;
		before_leaving(fiber);
		kp_switch_out(&fiber->here, &fiber->caller);
		after_entering(fiber);
	}
}

static struct kp_fiber *fiber_new(struct kp_fiber_pool *pool)
{
	struct kp_fiber *fiber = kp_new(struct kp_fiber);
	if (!fiber)
		return NULL;
	void *stack = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED) {
		kp_free(fiber);
		return NULL;
	}
	fiber->stack = stack;
	if (mprotect(stack, GUARD_SIZE, PROT_NONE) != 0) {
		fiber_free(fiber);
		return NULL;
	}
	fiber->pool = pool;
#if HAVE_TSAN
	fiber->tsan_fiber = __tsan_create_fiber(0);
#endif
	kp_switch_init(&fiber->here, (char *)stack + GUARD_SIZE, STACK_SIZE, trampoline, fiber);
	return fiber;
}

// keep returns a finished fiber to its pool, or frees it when the pool has enough.
static void keep(struct kp_fiber *fiber)
{
	struct kp_fiber_pool *pool = fiber->pool;
	pool->live_count--;
	if (pool->kept_count >= pool->kept_max) {
		fiber_free(fiber);
		return;
	}
	pool->kept_count++;
	kp_list_push_front(&pool->kept, &fiber->link);
}

static void swap_exceptions(struct kp_fiber *fiber)
{
	if (KP_LIKELY(!__cxa_get_globals))
		return;
	struct exceptions *here = __cxa_get_globals();
	struct exceptions others = *here;
	*here = fiber->exceptions;
	fiber->exceptions = others;
}

void kp_fiber_resume(struct kp_fiber *fiber)
{
	kp_assert(!current);
	current = fiber;
	swap_exceptions(fiber);
#if HAVE_ASAN
	__sanitizer_start_switch_fiber(&fiber->caller_fake_stack, (char *)fiber->stack + GUARD_SIZE,
	                               STACK_SIZE);
#endif
#if HAVE_TSAN
	fiber->tsan_caller = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(fiber->tsan_fiber, 0);
#endif
	kp_switch_in(&fiber->caller, &fiber->here);
#if HAVE_ASAN
	__sanitizer_finish_switch_fiber(fiber->caller_fake_stack, NULL, NULL);
#endif
	swap_exceptions(fiber);
	current = NULL;
	if (fiber->is_done)
		keep(fiber);
}

kp_err kp_fiber_run(struct kp_fiber_pool *pool, kp_fiber_main main, void *arg)
{
	if (pool->live_count >= pool->fibers_max)
		return KP_ERR_LIMIT;
	struct kp_link *link = kp_list_pop(&pool->kept);
	struct kp_fiber *fiber = link ? kp_fiber_of_link(link) : fiber_new(pool);
	if (!fiber)
		return KP_ERR_NOMEM;
	pool->kept_count -= link != NULL;
	pool->live_count++;
	fiber->main = main;
	fiber->arg = arg;
	fiber->is_done = false;
	kp_fiber_resume(fiber);
	return KP_OK;
}

__attribute__((noinline)) void kp_fiber_suspend(void)
{
	struct kp_fiber *fiber = current;
	kp_assert(fiber);
	before_leaving(fiber);
	kp_switch_out(&fiber->here, &fiber->caller);
	after_entering(fiber);
}
