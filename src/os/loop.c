// loop.c - a loop on top of libuv's.
#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "os/loop_internal.h"

enum {
	FIBERS_KEPT_MAX = 1024,
	FIBERS_MAX = 30000, // each is two mappings of the 65530 that Linux allows a process
	ROUNDS_MAX = 16,    // of ready fibers per batch, so that they cannot starve the descriptors
};

static _Thread_local struct kp_loop *current;

struct kp_loop *kp_loop_current(void)
{
	return current;
}

int64_t kp_loop_now(struct kp_loop *loop)
{
	if (KP_LIKELY(loop->now_ns != 0))
		return loop->now_ns;
	int64_t now_ns = kp_clock_ns();
	if (!loop->is_running) // outside a batch nothing would make the time move on
		return now_ns;
	loop->now_ns = now_ns;
	if (loop->woke_ns == 0)
		loop->woke_ns = now_ns;
	return now_ns;
}

int64_t kp_loop_woke(struct kp_loop *loop)
{
	int64_t now_ns = kp_loop_now(loop);
	return loop->woke_ns != 0 ? loop->woke_ns : now_ns;
}

int64_t kp_loop_refresh(struct kp_loop *loop)
{
	loop->now_ns = 0;
	return kp_loop_now(loop);
}

static void run_posted(uv_async_t *wake)
{
	struct kp_loop *loop = wake->data;
	pthread_mutex_lock(&loop->posted_lock);
	struct kp_task *task = loop->posted_first;
	loop->posted_first = loop->posted_last = NULL;
	pthread_mutex_unlock(&loop->posted_lock);
	while (task) {
		struct kp_task *next = task->next;
		task->run(task);
		task = next;
	}
}

// take_all moves what is in a list now to another, so that what comes meanwhile waits for the next
// round.
static void take_all(struct kp_list *from, struct kp_list *to)
{
	kp_list_init(to);
	if (kp_list_is_empty(from))
		return;
	*to = *from;
	to->head.next->prev = to->head.prev->next = &to->head;
	kp_list_init(from);
}

static void run_ready(struct kp_loop *loop)
{
	struct kp_list round;
	take_all(&loop->ready, &round);
	for (struct kp_link *link; (link = kp_list_pop(&round)) != NULL;)
		kp_fiber_resume(kp_fiber_of_link(link));
}

static void run_deferred(struct kp_loop *loop)
{
	struct kp_list round;
	take_all(&loop->deferred, &round);
	for (struct kp_link *link; (link = kp_list_pop(&round)) != NULL;) {
		struct kp_deferred *deferred = KP_CONTAINER(link, struct kp_deferred, link);
		deferred->run(deferred);
	}
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; // its being active makes the loop poll without waiting
}

static void end_batch(struct kp_loop *loop)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (kp_list_is_empty(&loop->ready) && kp_list_is_empty(&loop->deferred))
			break;
		run_ready(loop);
		run_deferred(loop);
	}
	loop->now_ns = loop->woke_ns = 0;
	bool has_more = !kp_list_is_empty(&loop->ready) || !kp_list_is_empty(&loop->deferred);
	if (has_more)
		uv_idle_start(&loop->idle, on_idle);
	else
		uv_idle_stop(&loop->idle);
}

static void on_prepare(uv_prepare_t *prepare)
{
	end_batch(prepare->data);
}

static void on_check(uv_check_t *check)
{
	end_batch(check->data);
}

static kp_err init_handles(struct kp_loop *loop)
{
	if (uv_loop_init(&loop->uv) != 0)
		return KP_ERR_NOMEM;
	loop->wake.data = loop->prepare.data = loop->check.data = loop;
	int failed = uv_async_init(&loop->uv, &loop->wake, run_posted);
	kp_assert(failed == 0 || failed == UV_EMFILE || failed == UV_ENFILE || failed == UV_ENOMEM);
	if (failed != 0) {
		uv_loop_close(&loop->uv);
		return KP_ERR_LIMIT;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_check_init(&loop->uv, &loop->check);
	uv_idle_init(&loop->uv, &loop->idle);
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
	return KP_OK;
}

kp_err kp_loop_new(struct kp_loop **ret)
{
	struct kp_loop *loop = kp_new(struct kp_loop);
	if (!loop)
		return KP_ERR_NOMEM;
	kp_list_init(&loop->ready);
	kp_list_init(&loop->deferred);
	kp_list_init(&loop->waiters);
	pthread_mutex_init(&loop->posted_lock, NULL);
	loop->timer_fd = -1;
	kp_err err = init_handles(loop);
	if (err != KP_OK) {
		pthread_mutex_destroy(&loop->posted_lock);
		kp_free(loop);
		return err;
	}
	loop->fibers = kp_fiber_pool_new(FIBERS_KEPT_MAX, FIBERS_MAX);
	err = loop->fibers ? kp_loop_timers_init(loop) : KP_ERR_NOMEM;
	if (err != KP_OK) {
		kp_loop_free(loop);
		return err;
	}
	*ret = loop;
	return KP_OK;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void kp_loop_free(struct kp_loop *loop)
{
	if (!loop)
		return;
	kp_loop_timers_fini(loop);
	run_posted(&loop->wake);
	uv_walk(&loop->uv, close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	kp_assert(uv_loop_close(&loop->uv) == 0);
	kp_fiber_pool_free(loop->fibers);
	pthread_mutex_destroy(&loop->posted_lock);
	kp_vec_fini(&loop->timers);
	kp_free(loop);
}

static void run(struct kp_loop *loop, uv_run_mode mode)
{
	struct kp_loop *outer = current;
	current = loop;
	loop->is_running = true;
	uv_run(&loop->uv, mode);
	loop->is_running = false;
	current = outer;
}

void kp_loop_run(struct kp_loop *loop)
{
	while (!__atomic_load_n(&loop->is_stopping, __ATOMIC_ACQUIRE))
		run(loop, UV_RUN_ONCE);
	__atomic_store_n(&loop->is_stopping, false, __ATOMIC_RELEASE);
}

void kp_loop_run_once(struct kp_loop *loop)
{
	run(loop, UV_RUN_ONCE);
}

void kp_loop_poll(struct kp_loop *loop)
{
	run(loop, UV_RUN_NOWAIT);
}

void kp_loop_flush(struct kp_loop *loop)
{
	struct kp_loop *outer = current;
	current = loop;
	loop->is_running = true;
	end_batch(loop);
	loop->is_running = false;
	current = outer;
}

void kp_loop_set_private(struct kp_loop *loop)
{
	loop->is_private = true;
}

bool kp_loop_is_private(const struct kp_loop *loop)
{
	return loop->is_private;
}

void kp_loop_stop(struct kp_loop *loop)
{
	__atomic_store_n(&loop->is_stopping, true, __ATOMIC_RELEASE);
	uv_async_send(&loop->wake);
}

void kp_loop_post(struct kp_loop *loop, struct kp_task *task)
{
	task->next = NULL;
	pthread_mutex_lock(&loop->posted_lock);
	if (loop->posted_last)
		loop->posted_last->next = task;
	else
		loop->posted_first = task;
	loop->posted_last = task;
	// With the lock: another's message may wake the loop, and this task may have been the last
	// thing that kept it from being freed.
	uv_async_send(&loop->wake);
	pthread_mutex_unlock(&loop->posted_lock);
}

void kp_loop_defer(struct kp_loop *loop, struct kp_deferred *deferred)
{
	if (!kp_link_is_in_list(&deferred->link))
		kp_list_push(&loop->deferred, &deferred->link);
}

void kp_loop_undefer(struct kp_deferred *deferred)
{
	kp_list_remove(&deferred->link);
}

kp_err kp_loop_enter(struct kp_loop *loop, kp_fiber_main main, void *arg)
{
	return kp_fiber_run(loop->fibers, main, arg);
}

struct spawn {
	struct kp_deferred deferred;
	struct kp_loop *loop;
	kp_fiber_main main;
	void *arg;
};

static void start_spawned(struct kp_deferred *deferred)
{
	struct spawn spawn = *KP_CONTAINER(deferred, struct spawn, deferred);
	if (kp_loop_enter(spawn.loop, spawn.main, spawn.arg) == KP_OK)
		kp_free(KP_CONTAINER(deferred, struct spawn, deferred));
	else
		kp_loop_defer(spawn.loop, deferred); // no stack now: some fiber will end
}

kp_err kp_loop_spawn(struct kp_loop *loop, kp_fiber_main main, void *arg)
{
	struct spawn *spawn = kp_new(struct spawn);
	if (!spawn)
		return KP_ERR_NOMEM;
	*spawn = (struct spawn){{.run = start_spawned}, loop, main, arg};
	kp_loop_defer(loop, &spawn->deferred);
	return KP_OK;
}

void kp_loop_ready(struct kp_loop *loop, struct kp_fiber *fiber)
{
	kp_list_push(&loop->ready, kp_fiber_link(fiber));
}

int kp_loop_fibers(const struct kp_loop *loop)
{
	return kp_fiber_pool_live(loop->fibers);
}
