// pool.c - threads of an adapter whose handlers block or compute.
//
// A loop decodes a request and decides whether it is taken; a thread decodes the arguments, runs
// the handler and encodes the answer; the loop sends it.
#include "rpc/cancel.h"
#include "rpc/face.h"

#include "base/try.h"
#include "os/clock.h"

struct server_pool {
	struct adapter *adapter;
	pthread_mutex_t lock; // of what follows
	pthread_cond_t wake;
	struct kp_list queue;
	int64_t head_ns; // atomic; when the queue's first came; 0: it is empty
	int waiting;     // atomic; in the queue
	bool is_ending;
	pthread_t *threads; // owned
	int thread_count;   // that run
};

static struct kp_call *first(const struct server_pool *pool)
{
	struct kp_link *link = kp_list_first(&pool->queue);
	return link ? KP_CONTAINER(link, struct kp_call, queue_link) : NULL;
}

static void note_head(struct server_pool *pool)
{
	const struct kp_call *head = first(pool);
	__atomic_store_n(&pool->head_ns, head ? head->in.begun_ns : 0, __ATOMIC_RELAXED);
}

static struct kp_call *pop(struct server_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (!first(pool) && !pool->is_ending)
		pthread_cond_wait(&pool->wake, &pool->lock);
	struct kp_call *call = first(pool);
	if (call) {
		kp_list_remove(&call->queue_link);
		KP_COUNT_INT(pool->waiting, -1);
	}
	note_head(pool);
	pthread_mutex_unlock(&pool->lock);
	return call;
}

static void serve(struct kp_call *call, int64_t now_ns)
{
	server_run_function(call);
	call->in.service_ns = kp_clock_ns() - now_ns;
}

static void run(struct server_pool *pool, struct kp_call *call)
{
	int64_t now_ns = kp_clock_ns();
	int64_t limit_ns = pool->adapter->options.queue_timeout_ms * (int64_t)KP_NS_PER_MS;
	if (now_ns >= call->deadline_ns)
		kp_call_fail(call, KP_RET_QUEUE_TIMEOUT, "its deadline passed in the queue");
	else if (call_is_given_up(call))
		kp_call_fail(call, KP_RET_QUEUE_TIMEOUT, "its caller has given up");
	else if (now_ns - call->in.begun_ns > limit_ns)
		kp_call_fail(call, KP_RET_QUEUE_TIMEOUT, "it waited more than %d ms in the queue",
		             pool->adapter->options.queue_timeout_ms);
	else
		serve(call, now_ns);
}

static void *thread_main(void *arg)
{
	struct server_pool *pool = arg;
	for (struct kp_call *call; (call = pop(pool)) != NULL;) {
		run(pool, call);
		server_call_returned(call);
	}
	return NULL;
}

void server_pool_push(struct server_pool *pool, struct kp_call *call)
{
	server_call_lend(call);
	pthread_mutex_lock(&pool->lock);
	kp_list_push(&pool->queue, &call->queue_link);
	KP_COUNT_INT(pool->waiting, 1);
	note_head(pool);
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->wake);
}

int server_pool_waiting(const struct server_pool *pool)
{
	return __atomic_load_n(&pool->waiting, __ATOMIC_RELAXED);
}

int64_t server_pool_delay(const struct server_pool *pool, int64_t now_ns)
{
	int64_t head_ns = __atomic_load_n(&pool->head_ns, __ATOMIC_RELAXED);
	return head_ns != 0 && now_ns > head_ns ? now_ns - head_ns : 0;
}

void server_pool_flush(struct server_pool *pool, const struct server_loop *loop)
{
	struct kp_list queue;
	kp_list_init(&queue);
	pthread_mutex_lock(&pool->lock);
	KP_LIST_EACH (&pool->queue, link, following) {
		if (KP_CONTAINER(link, struct kp_call, queue_link)->in.loop != loop)
			continue;
		kp_list_remove(link);
		kp_list_push(&queue, link);
		KP_COUNT_INT(pool->waiting, -1);
	}
	note_head(pool);
	pthread_mutex_unlock(&pool->lock);
	for (struct kp_link *link; (link = kp_list_pop(&queue)) != NULL;) {
		struct kp_call *call = KP_CONTAINER(link, struct kp_call, queue_link);
		kp_call_fail(call, KP_RET_QUEUE_TIMEOUT, "the server is stopping");
		server_call_returned(call);
	}
}

kp_err server_pool_start(struct adapter *adapter)
{
	int count = adapter->options.pool_threads;
	struct server_pool *pool = kp_new(struct server_pool);
	if (!pool)
		return KP_ERR_NOMEM;
	adapter->pool = pool;
	pool->adapter = adapter;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	kp_list_init(&pool->queue);
	pool->threads = kp_alloc_zero((size_t)count, sizeof(*pool->threads));
	if (!pool->threads)
		return KP_ERR_NOMEM;
	for (int i = 0; i < count; i++) {
		KP_TRY(kp_thread_start(&pool->threads[i], thread_main, pool));
		pool->thread_count++;
	}
	return KP_OK;
}

void server_pool_stop(struct adapter *adapter)
{
	struct server_pool *pool = adapter->pool;
	if (!pool)
		return;
	adapter->pool = NULL;
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	kp_free(pool->threads);
	kp_free(pool);
}
