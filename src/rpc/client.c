// client.c - a client, its proxies, and its share of each thread.
#include "rpc/adjust.h"
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "os/rand.h"
#include "os/tls.h"

enum {
	TIMEOUT_DEFAULT_MS = 3000,
	CONNECT_TIMEOUT_DEFAULT_MS = 1500,
	REFRESH_DEFAULT_MS = 10000,
	FRAME_SIZE_DEFAULT = 100 << 20,
};

static const char registry_object[] = "tars.tarsregistry.QueryObj";

// --- proxies

static void proxy_free(struct kp_proxy *proxy)
{
	kp_vec_fini(&proxy->targets);
	kp_free(proxy->object);
	kp_free(proxy->text);
	kp_free(proxy);
}

static kp_err add_target(struct kp_proxy *proxy, const struct kp_endpoint *endpoint)
{
	struct target target = {.port = endpoint->port,
	                        .is_udp = endpoint->protocol == KP_PROTOCOL_UDP,
	                        .is_tls = endpoint->protocol == KP_PROTOCOL_SSL,
	                        .owner = endpoint->auth == 1 ? proxy->index + 1 : 0,
	                        .weight = endpoint->weight,
	                        .is_weighed = endpoint->weight_type == 1};
	if (endpoint->host.len > 0 && *endpoint->host.ptr == '/' &&
	    endpoint->protocol != KP_PROTOCOL_TCP)
		return kp_why_set(&proxy->why, KP_ERR_INVALID, "'%s': a Unix socket is tcp",
		                  proxy->text);
	if (endpoint->host.len >= sizeof(target.host))
		return kp_why_set(&proxy->why, KP_ERR_INVALID, "'%s': a host is too long",
		                  proxy->text);
	memcpy(target.host, endpoint->host.ptr, endpoint->host.len);
	return kp_vec_push(&proxy->targets, target);
}

static kp_err parse_text(struct kp_proxy *proxy)
{
	struct kp_object object;
	KP_TRY(kp_object_parse(kp_str(proxy->text), &object, &proxy->why));
	proxy->object = kp_strndup(object.name.ptr, object.name.len);
	if (!proxy->object)
		return KP_ERR_NOMEM;
	struct kp_endpoint endpoint;
	kp_err err;
	while ((err = kp_endpoint_next(&object.endpoints, &endpoint, &proxy->why)) == KP_OK)
		KP_TRY(add_target(proxy, &endpoint));
	return err == KP_ERR_NOTFOUND ? KP_OK : err;
}

static struct kp_proxy *proxy_new(struct kp_client *client, const char *text)
{
	struct kp_proxy *proxy = kp_new(struct kp_proxy);
	if (!proxy)
		return NULL;
	proxy->client = client;
	proxy->index = client->proxies.len;
	proxy->text = kp_strdup(text);
	proxy->err = proxy->text ? parse_text(proxy) : KP_ERR_NOMEM;
	if (!proxy->object && proxy->err != KP_ERR_NOMEM)
		proxy->object = kp_strdup(text);
	if (!proxy->object)
		proxy->err = KP_ERR_NOMEM;
	else
		proxy->name = kp_str(proxy->object);
	if (proxy->err == KP_ERR_NOMEM ||
	    kp_map_set(&client->proxies_by_text, kp_str(text), proxy) != KP_OK) {
		proxy_free(proxy);
		return NULL;
	}
	policies_adopt(proxy);
	if (kp_vec_push(&client->proxies, proxy) != KP_OK) {
		kp_map_remove(&client->proxies_by_text, kp_str(text));
		proxy_free(proxy);
		return NULL;
	}
	return proxy;
}

struct kp_proxy *kp_client_proxy(struct kp_client *client, const char *object)
{
	pthread_mutex_lock(&client->lock);
	struct kp_proxy *proxy = kp_map_get(&client->proxies_by_text, kp_str(object));
	if (!proxy)
		proxy = proxy_new(client, object);
	pthread_mutex_unlock(&client->lock);
	return proxy;
}

const char *kp_proxy_object(const struct kp_proxy *proxy)
{
	return proxy->object;
}

// --- a client's share of a thread

void client_loop_let_go(struct client_loop *loop)
{
	if (KP_UNLIKELY(loop->is_ending))
		kp_wake_all(&loop->let_go);
}

// wait_for_users suspends the fiber until nobody on its loop uses the client any more.
static void wait_for_users(struct client_loop *loop)
{
	while (loop->waits > 0 || loop->asyncs > 0 || !kp_list_is_empty(&loop->conns)) {
		if (kp_wait_patiently(loop->loop, &loop->let_go, KP_NS_NEVER) == KP_OK)
			continue;
		kp_loop_ready(loop->loop, kp_fiber_current());
		kp_fiber_suspend();
	}
}

// end_requests ends all calls with CANCELLED and waits until their callers know.
static void end_requests(struct client_loop *loop)
{
	loop->is_ending = true;
	client_conns_close(loop);
	if (kp_fiber_current()) {
		wait_for_users(loop);
		return;
	}
	// Nothing else runs this loop now: it is private, or its thread has come to its end.
	kp_loop_cancel_waits(loop->loop, true);
	kp_loop_flush(loop->loop);
	while (kp_loop_fibers(loop->loop) > 0 || loop->asyncs > 0)
		kp_loop_run_once(loop->loop);
	client_conns_close(loop);
	client_conns_free(loop);
}

static void client_loop_free(struct client_loop *loop)
{
	end_requests(loop);
	for (size_t i = 0; i < loop->routes.len; i++)
		route_free(loop->routes.ptr[i]);
	kp_loop_undefer(&loop->callbacks);
	client_requests_free(loop);
	due_table_fini(&loop->dues);
	kp_pairs_fini(&loop->travel);
	kp_vec_fini(&loop->routes);
	kp_map_fini(&loop->peers);
	kp_free(loop->decisions);
	pthread_mutex_destroy(&loop->lock);
	inflight_fini(&loop->inflight);
	kp_io_fini(&loop->io);
	if (loop->is_private)
		kp_loop_free(loop->loop);
	kp_free(loop);
}

static void on_thread_exit(void *arg)
{
	struct client_loop *loop = arg;
	struct kp_client *client = loop->client;
	pthread_mutex_lock(&client->lock);
	kp_list_remove(&loop->link);
	pthread_mutex_unlock(&client->lock);
	// A callback that calls once more must find the loop that is ending, not make another.
	pthread_setspecific(client->key, loop);
	client_loop_free(loop);
	pthread_setspecific(client->key, NULL);
}

static kp_err client_loop_new(struct kp_client *client, struct client_loop **ret)
{
	struct client_loop *loop = kp_new(struct client_loop);
	if (!loop)
		return KP_ERR_NOMEM;
	loop->client = client;
	loop->loop = kp_loop_current();
	loop->decisions = kp_new(struct kp_decisions);
	kp_err err = loop->decisions ? KP_OK : KP_ERR_NOMEM;
	if (err == KP_OK && !loop->loop) {
		loop->is_private = true;
		err = kp_loop_new(&loop->loop);
		if (err == KP_OK)
			kp_loop_set_private(loop->loop);
	} else if (err == KP_OK && kp_loop_is_private(loop->loop)) {
		err = KP_ERR_STATE; // it belongs to another client
	}
	if (err != KP_OK) {
		kp_free(loop->decisions);
		kp_free(loop);
		return err;
	}
	kp_io_init(&loop->io, loop->loop);
	due_table_init(&loop->dues, loop->loop);
	kp_budget_init(&loop->budget, client->retry_percent, kp_clock_ns());
	loop->dice.state = kp_rand_u64();
	pthread_mutex_init(&loop->lock, NULL);
	kp_list_init(&loop->conns);
	kp_list_init(&loop->free_requests);
	kp_list_init(&loop->finished);
	kp_wait_list_init(&loop->let_go);
	loop->callbacks.run = client_run_callbacks;
	*ret = loop;
	return KP_OK;
}

static struct client_loop *add_loop(struct kp_client *client, kp_err *ret_err)
{
	struct client_loop *loop;
	*ret_err = client_loop_new(client, &loop);
	if (*ret_err != KP_OK)
		return NULL;
	if (pthread_setspecific(client->key, loop) != 0) {
		client_loop_free(loop);
		*ret_err = KP_ERR_NOMEM;
		return NULL;
	}
	pthread_mutex_lock(&client->lock);
	kp_list_push(&client->loops, &loop->link);
	pthread_mutex_unlock(&client->lock);
	return loop;
}

struct client_loop *client_loop_get(struct kp_client *client, kp_err *ret_err)
{
	struct client_loop *loop = pthread_getspecific(client->key);
	bool is_closing = __atomic_load_n(&client->is_closing, __ATOMIC_RELAXED);
	if (KP_UNLIKELY(is_closing || (loop && loop->is_ending))) {
		*ret_err = KP_ERR_CANCELLED;
		return NULL;
	}
	if (KP_UNLIKELY(!loop))
		return add_loop(client, ret_err);
	if (KP_UNLIKELY(kp_fiber_current() && kp_loop_current() != loop->loop)) {
		*ret_err =
		        KP_ERR_STATE; // a fiber of another client's loop, which nobody could wake
		return NULL;
	}
	return loop;
}

// --- the client

kp_err client_set_locator(struct kp_client *client, const char *locator, struct kp_why *why)
{
	struct kp_buf text = {0};
	if (!strchr(locator, '@'))
		kp_buf_printf(&text, "%s@", registry_object);
	kp_buf_append_str(&text, kp_str(locator));
	kp_buf_append_byte(&text, '\0');
	struct kp_proxy *registry =
	        text.err == KP_OK ? kp_client_proxy(client, (const char *)text.data) : NULL;
	kp_buf_fini(&text);
	if (!registry)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (registry->err != KP_OK)
		return kp_why_set(why, registry->err, "locator: %s", registry->why.text);
	if (registry->targets.len == 0)
		return kp_why_set(why, KP_ERR_INVALID, "locator '%s' has no endpoint", locator);
	__atomic_store_n(&client->registry, registry, __ATOMIC_RELEASE);
	return KP_OK;
}

static int or_default(int value, int fallback)
{
	return value > 0 ? value : fallback;
}

void client_set_timeouts(struct kp_client *client, int timeout_ms, int connect_timeout_ms)
{
	__atomic_store_n(&client->timeout_ms, or_default(timeout_ms, TIMEOUT_DEFAULT_MS),
	                 __ATOMIC_RELAXED);
	__atomic_store_n(&client->connect_timeout_ms,
	                 or_default(connect_timeout_ms, CONNECT_TIMEOUT_DEFAULT_MS),
	                 __ATOMIC_RELAXED);
}

kp_err kp_client_open(const struct kp_client_options *options, struct kp_client **ret,
                      struct kp_why *why)
{
	struct kp_client *client = kp_new(struct kp_client);
	if (!client)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (pthread_key_create(&client->key, on_thread_exit) != 0) {
		kp_free(client);
		return kp_why_set(why, KP_ERR_LIMIT, "too many clients in one program");
	}
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->farewell, NULL);
	kp_list_init(&client->loops);
	client->id = kp_rand_u64();
	client_set_timeouts(client, options->timeout_ms, options->connect_timeout_ms);
	client->refresh_ns = or_default(options->refresh_interval_ms, REFRESH_DEFAULT_MS) *
	                     (int64_t)KP_NS_PER_MS;
	client->retry_percent = options->retry_percent == 0  ? KP_BUDGET_PERCENT_DEFAULT
	                        : options->retry_percent < 0 ? 0
	                                                     : options->retry_percent;
	client->frame_size_max =
	        options->frame_size_max ? options->frame_size_max : FRAME_SIZE_DEFAULT;
	kp_err err =
	        options->tls ? kp_tls_source_new(options->tls, false, &client->tls, why) : KP_OK;
	if (err == KP_OK && options->set && !(client->set = kp_strdup(options->set)))
		err = kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (err == KP_OK && client_prepare_hello(client, options->caller) != KP_OK)
		err = kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (err == KP_OK && options->locator && *options->locator)
		err = client_set_locator(client, options->locator, why);
	if (err != KP_OK) {
		kp_client_close(client);
		return err;
	}
	*ret = client;
	return KP_OK;
}

// farewell has a client_loop freed where it lives, on the thread of a server.
struct farewell {
	struct kp_task task;
	struct client_loop *loop;
	bool is_done;
};

static void free_here(void *arg)
{
	struct farewell *farewell = arg;
	struct kp_client *client = farewell->loop->client;
	client_loop_free(farewell->loop);
	pthread_setspecific(client->key, NULL);
	pthread_mutex_lock(&client->lock);
	farewell->is_done = true;
	pthread_cond_broadcast(&client->farewell);
	pthread_mutex_unlock(&client->lock);
}

static void on_farewell(struct kp_task *task)
{
	struct farewell *farewell = KP_CONTAINER(task, struct farewell, task);
	if (kp_loop_enter(farewell->loop->loop, free_here, farewell) != KP_OK)
		kp_loop_post(farewell->loop->loop, task); // no stack now is not for ever
}

static void free_over_there(struct client_loop *loop)
{
	struct kp_client *client = loop->client;
	struct farewell farewell = {{.run = on_farewell}, loop, false};
	kp_loop_post(loop->loop, &farewell.task);
	pthread_mutex_lock(&client->lock);
	while (!farewell.is_done)
		pthread_cond_wait(&client->farewell, &client->lock);
	pthread_mutex_unlock(&client->lock);
}

static void *free_apart(void *arg)
{
	client_loop_free(arg);
	return NULL;
}

// close_loop frees a client_loop wherever it lives.
static void close_loop(struct client_loop *loop)
{
	bool is_here = loop->loop == kp_loop_current();
	kp_assert(!is_here || (kp_fiber_current() && !loop->is_private));
	pthread_t thread;
	if (!loop->is_private && !is_here) {
		free_over_there(loop);
	} else if (loop->is_private && kp_fiber_current()) {
		// A loop cannot be run from inside a fiber of another.
		while (kp_thread_start(&thread, free_apart, loop) != KP_OK)
			kp_thread_yield();
		pthread_join(thread, NULL);
	} else {
		client_loop_free(loop);
	}
}

void kp_client_close(struct kp_client *client)
{
	if (!client)
		return;
	__atomic_store_n(&client->is_closing, true, __ATOMIC_RELAXED);
	for (struct kp_link *link; (link = kp_list_pop(&client->loops)) != NULL;) {
		close_loop(KP_CONTAINER(link, struct client_loop, link));
	}
	pthread_key_delete(client->key);
	for (size_t i = 0; i < client->proxies.len; i++)
		proxy_free(client->proxies.ptr[i]);
	kp_vec_fini(&client->proxies);
	kp_map_fini(&client->proxies_by_text);
	policies_free(client);
	records_free(client);
	pthread_cond_destroy(&client->farewell);
	pthread_mutex_destroy(&client->lock);
	kp_pairs_fini(&client->hello);
	kp_tls_source_free(client->tls);
	kp_free(client->set);
	kp_free(client);
}

static void on_drive_end(struct kp_timer *timer)
{
	(void)timer; // its firing ends the batch
}

// drive runs the loop until no asynchronous call is in flight, or always for `timeout_ms`.
static kp_err drive(struct kp_client *client, int timeout_ms, bool is_listening)
{
	kp_err err = KP_OK;
	struct client_loop *loop = client_loop_get(client, &err);
	if (!loop)
		return err;
	if (!loop->is_private || kp_fiber_current())
		return KP_ERR_STATE;
	int64_t until_ns = kp_clock_ns() + timeout_ms * (int64_t)KP_NS_PER_MS;
	struct kp_timer timer = {.on_timer = on_drive_end};
	KP_TRY(kp_timer_start(loop->loop, &timer, until_ns));
	kp_loop_flush(loop->loop);
	while ((is_listening || loop->asyncs > 0) && kp_clock_ns() < until_ns)
		kp_loop_run_once(loop->loop);
	kp_timer_stop(&timer);
	loop->ran_ns = kp_clock_ns();
	return loop->asyncs > 0 ? KP_ERR_TIMEOUT : KP_OK;
}

kp_err kp_client_drive(struct kp_client *client, int timeout_ms)
{
	return drive(client, timeout_ms, false);
}

kp_err kp_client_listen(struct kp_client *client, int duration_ms)
{
	kp_err err = drive(client, duration_ms, true);
	return err == KP_ERR_TIMEOUT ? KP_OK : err;
}

void kp_proxy_on_push(struct kp_proxy *proxy, kp_on_push on_push, void *user)
{
	proxy->push_user = user;
	proxy->on_push = on_push;
}

uint64_t kp_client_pushes_dropped(const struct kp_client *client)
{
	return __atomic_load_n(&client->pushes_dropped, __ATOMIC_RELAXED);
}
