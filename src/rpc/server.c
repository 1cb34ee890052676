// server.c - a server's set-up, its loops and their end.
#include "rpc/server_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "os/clock.h"
#include "os/tls.h"

#include <stdio.h>

enum {
	FRAME_SIZE_DEFAULT = 10 << 20,
	CONNECTIONS_DEFAULT = 10240,
	QUEUE_DEFAULT = 10240,
	SHAKE_DEFAULT_MS = 5000,
	UNIX_MODE_DEFAULT = 0660,
	QUEUE_TIMEOUT_DEFAULT_MS = 10000,
	DELAY_TARGET_DEFAULT_MS = 20,
	BACKLOG_DEFAULT = 64 << 20,
	SWEEP_MS = 1000,
	DRAIN_STEP_MS = 5,
	SHUT_WAIT_MS = 500, // for peers to close after we have half-closed
};

kp_err kp_server_open(const struct kp_server_options *options, struct kp_server **ret,
                      struct kp_why *why)
{
	int threads = options->threads ? options->threads : 1;
	if (threads < 0 || threads > SERVER_LOOPS_MAX)
		return kp_why_set(why, KP_ERR_INVALID, "a server has 1 to %d threads, not %d",
		                  SERVER_LOOPS_MAX, threads);
	struct kp_server *server = kp_new(struct kp_server);
	if (!server)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	server->loop_count = threads;
	pthread_mutex_init(&server->watch_lock, NULL);
	if (options->application)
		server->application = kp_strdup(options->application);
	if (options->server)
		server->name = kp_strdup(options->server);
	if ((options->application && !server->application) || (options->server && !server->name)) {
		kp_server_close(server);
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	}
	*ret = server;
	return KP_OK;
}

// --- adapters

static void adapter_free(struct adapter *adapter)
{
	size_t index = 0;
	void *servant;
	while (kp_map_next(&adapter->servants, &index, NULL, &servant)) {
		kp_free((char *)((struct servant *)servant)->name.ptr);
		kp_free(servant);
	}
	kp_map_fini(&adapter->servants);
	if (adapter->fd >= 0)
		kp_sock_unlisten(&adapter->address, adapter->fd);
	kp_tls_source_free(adapter->tls);
	kp_free(adapter->access_key);
	kp_free(adapter->secret_key);
	kp_free(adapter->endpoint_text);
	server_sources_free(adapter->sources);
	kp_free(adapter);
}

static struct kp_adapter_options with_defaults(struct kp_adapter_options options)
{
	if (options.frame_size_max == 0)
		options.frame_size_max = FRAME_SIZE_DEFAULT;
	if (options.connections_max <= 0)
		options.connections_max = CONNECTIONS_DEFAULT;
	if (options.queue_max <= 0)
		options.queue_max = QUEUE_DEFAULT;
	if (options.delay_target_ms == 0)
		options.delay_target_ms = DELAY_TARGET_DEFAULT_MS;
	if (options.queue_timeout_ms <= 0)
		options.queue_timeout_ms = QUEUE_TIMEOUT_DEFAULT_MS;
	if (options.backlog_size_max == 0)
		options.backlog_size_max = BACKLOG_DEFAULT;
	options.name = NULL;
	options.endpoint = NULL;
	options.tls = NULL;
	options.access_key = options.secret_key = NULL;
	return options;
}

static kp_err listen_at(struct adapter *adapter, const struct kp_address *address)
{
	if (adapter->is_udp)
		return kp_sock_bind_udp(address, &adapter->fd);
	if (kp_address_path(address))
		return kp_sock_listen_path(address, adapter->unix_mode, &adapter->fd);
	return kp_sock_listen(address, &adapter->fd);
}

// explain_bind says why a port or path cannot be listened on.
static kp_err explain_bind(kp_err err, const struct kp_endpoint *endpoint, const char *host,
                           struct kp_why *why)
{
	bool is_path = *host == '/';
	if (is_path && err == KP_ERR_BUSY)
		return kp_why_set(why, err, "%s is in use by another program, or is no socket",
		                  host);
	if (is_path)
		return kp_why_set(why, err, "cannot listen at %s: %s", host,
		                  err == KP_ERR_INVALID ? "its directory does not exist"
		                                        : kp_err_text(err));
	if (err == KP_ERR_BUSY)
		return kp_why_set(why, err, "port %d of %s is in use by another program",
		                  endpoint->port, host);
	if (err == KP_ERR_INVALID)
		return kp_why_set(why, err, "%s is not an address of this machine", host);
	return kp_why_set(why, err, "cannot listen on %s port %d: %s", host, endpoint->port,
	                  kp_err_text(err));
}

static kp_err bind_adapter(struct adapter *adapter, const struct kp_endpoint *endpoint,
                           struct kp_why *why)
{
	char host[256];
	struct kp_str name = endpoint->bind.len ? endpoint->bind : endpoint->host;
	snprintf(host, sizeof(host), "%.*s", KP_STR_ARG(name));
	struct kp_address address;
	if (*host == '/' && endpoint->protocol != KP_PROTOCOL_TCP)
		return kp_why_set(why, KP_ERR_INVALID, "a Unix socket such as %s is tcp", host);
	if (kp_address_resolve(host, endpoint->port, &address) != KP_OK)
		return kp_why_set(why, KP_ERR_INVALID,
		                  *host == '/' ? "the path %s is too long for a socket"
		                               : "there is no host '%s' to listen on",
		                  host);
	kp_err err = listen_at(adapter, &address);
	if (err != KP_OK)
		return explain_bind(err, endpoint, host, why);
	return kp_sock_local(adapter->fd, &adapter->address);
}

static kp_err set_endpoint_text(struct adapter *adapter, struct kp_endpoint *endpoint)
{
	struct kp_buf text = {0};
	endpoint->port = kp_address_port(&adapter->address);
	kp_err err = kp_endpoint_format(endpoint, &text);
	if (err == KP_OK)
		adapter->endpoint_text = kp_strndup((const char *)text.data, text.len);
	kp_buf_fini(&text);
	return err != KP_OK ? err : adapter->endpoint_text ? KP_OK : KP_ERR_NOMEM;
}

// ready_tls reads the certificates of an adapter that takes TLS.
static kp_err ready_tls(struct adapter *adapter, const struct kp_tls_options *options,
                        const struct kp_endpoint *endpoint, struct kp_why *why)
{
	bool is_wanted = endpoint->protocol == KP_PROTOCOL_SSL;
	adapter->may_be_plain = !is_wanted && options && options->is_optional;
	int limit_ms = options ? options->handshake_timeout_ms : 0;
	adapter->shake_limit_ns = (limit_ms > 0 ? limit_ms : SHAKE_DEFAULT_MS) * KP_NS_PER_MS;
	if (!is_wanted && !adapter->may_be_plain)
		return KP_OK;
	if (!options)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "an ssl endpoint needs a certificate: set cert and key");
	return kp_tls_source_new(options, true, &adapter->tls, why);
}

kp_err kp_server_reload_tls(struct kp_server *server, struct kp_why *why)
{
	kp_err first = KP_OK;
	for (size_t i = 0; i < server->adapters.len; i++) {
		struct kp_tls_source *tls = server->adapters.ptr[i]->tls;
		kp_err err = tls ? kp_tls_source_reload(tls, first == KP_OK ? why : NULL) : KP_OK;
		if (first == KP_OK)
			first = err;
	}
	return first;
}

static kp_err open_adapter(struct adapter *adapter, const struct kp_adapter_options *options,
                           struct kp_why *why)
{
	struct kp_endpoint endpoint;
	const char *text = options->endpoint ? options->endpoint : "";
	KP_TRY(kp_endpoint_parse(kp_str(text), &endpoint, why));
	adapter->is_udp = endpoint.protocol == KP_PROTOCOL_UDP;
	adapter->idle_ns = (int64_t)endpoint.timeout_ms * KP_NS_PER_MS;
	adapter->unix_mode = options->unix_mode ? options->unix_mode : UNIX_MODE_DEFAULT;
	KP_TRY(server_auth_ready(adapter, options, &endpoint, why));
	if (!adapter->is_udp)
		KP_TRY(ready_tls(adapter, options->tls, &endpoint, why));
	KP_TRY(bind_adapter(adapter, &endpoint, why));
	return set_endpoint_text(adapter, &endpoint);
}

kp_err kp_server_listen(struct kp_server *server, const struct kp_adapter_options *options,
                        int *ret_adapter, struct kp_why *why)
{
	if (server->is_running)
		return kp_why_set(why, KP_ERR_STATE, "adapters are added before the server starts");
	struct adapter *adapter = kp_new(struct adapter);
	if (!adapter)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	adapter->server = server;
	adapter->fd = -1;
	adapter->index = (int)server->adapters.len;
	adapter->options = with_defaults(*options);
	kp_err err = server_sources_open(adapter, &adapter->options, why);
	adapter->options.allow = adapter->options.deny = NULL;
	if (err == KP_OK)
		err = open_adapter(adapter, options, why);
	if (err == KP_OK)
		err = kp_vec_push(&server->adapters, adapter);
	if (err != KP_OK) {
		adapter_free(adapter);
		return err;
	}
	if (ret_adapter)
		*ret_adapter = adapter->index;
	return KP_OK;
}

const char *kp_server_endpoint(const struct kp_server *server, int adapter)
{
	if (adapter < 0 || (size_t)adapter >= server->adapters.len)
		return NULL;
	return server->adapters.ptr[adapter]->endpoint_text;
}

// --- servants

static char *full_name(const struct kp_server *server, const char *name)
{
	if (strchr(name, '.') || !server->application || !server->name)
		return kp_strdup(name);
	struct kp_buf text = {0};
	kp_buf_printf(&text, "%s.%s.%s", server->application, server->name, name);
	kp_buf_append_byte(&text, '\0');
	char *full = text.err == KP_OK ? kp_strdup((const char *)text.data) : NULL;
	kp_buf_fini(&text);
	return full;
}

static kp_err add_servant(struct adapter *adapter, struct servant *servant)
{
	if (kp_map_get(&adapter->servants, servant->name))
		return KP_ERR_EXISTS;
	return kp_map_set(&adapter->servants, servant->name, servant);
}

kp_err kp_server_serve(struct kp_server *server, int adapter, const char *name,
                       const struct kp_interface *interface, const void *ops, void *user)
{
	if (server->is_running)
		return KP_ERR_STATE;
	if (adapter < 0 || (size_t)adapter >= server->adapters.len || !*name)
		return KP_ERR_INVALID;
	char *full = full_name(server, name);
	struct servant *servant = full ? kp_new(struct servant) : NULL;
	if (!servant) {
		kp_free(full);
		return KP_ERR_NOMEM;
	}
	*servant = (struct servant){kp_str(full), interface, ops, user};
	kp_err err = add_servant(server->adapters.ptr[adapter], servant);
	if (err != KP_OK) {
		kp_free(full);
		kp_free(servant);
	}
	return err;
}

// --- counters

void kp_server_stats(const struct kp_server *server, int adapter, struct kp_adapter_stats *ret)
{
	enum {
		FIELDS = sizeof(*ret) / sizeof(uint64_t)
	};
	uint64_t sums[FIELDS] = {0};
	for (int i = 0; server->loops && i < server->loop_count; i++) {
		const uint64_t *fields =
		        (const uint64_t *)&server->loops[i].adapters[adapter].stats;
		for (size_t f = 0; f < FIELDS; f++)
			sums[f] += __atomic_load_n(&fields[f], __ATOMIC_RELAXED);
	}
	memcpy(ret, sums, sizeof(*ret));
	ret->sources_banned = server_sources_banned(server->adapters.ptr[adapter]);
}

// --- the end of a loop

static void after(struct server_loop *loop, int64_t wait_ms)
{
	// Room for the sweep's timer was made when it first started.
	(void)kp_timer_start(loop->loop, &loop->sweep, kp_clock_ns() + wait_ms * KP_NS_PER_MS);
}

static void end_draining(struct server_loop *loop)
{
	loop->is_ending = true;
	server_close_conns(loop);
	kp_loop_cancel_waits(loop->loop, true);
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		if (loop->server->adapters.ptr[i]->pool)
			server_pool_flush(loop->server->adapters.ptr[i]->pool, loop);
}

static bool is_drained(struct server_loop *loop, int64_t now_ns)
{
	if (now_ns >= loop->drain_until_ns || server_is_drained(loop))
		return true;
	// Nothing is in progress: do not wait long for peers that do not hang up.
	return loop->calls == 0 && now_ns - loop->drain_since_ns >= SHUT_WAIT_MS * KP_NS_PER_MS &&
	       !server_has_unsent(loop);
}

static void drain_step(struct server_loop *loop, int64_t now_ns)
{
	if (!loop->is_ending && is_drained(loop, now_ns))
		end_draining(loop);
	if (loop->is_ending && kp_loop_fibers(loop->loop) == 0 && loop->away == 0)
		kp_loop_stop(loop->loop);
	else
		after(loop, DRAIN_STEP_MS);
}

static void on_sweep(struct kp_timer *timer)
{
	struct server_loop *loop = KP_CONTAINER(timer, struct server_loop, sweep);
	int64_t now_ns = kp_clock_ns();
	if (loop->is_draining) {
		drain_step(loop, now_ns);
		return;
	}
	server_sweep(loop, now_ns);
	after(loop, SWEEP_MS);
}

static void stop_adapters(struct server_loop *loop)
{
	for (size_t i = 0; i < loop->server->adapters.len; i++) {
		server_udp_stop(&loop->adapters[i]);
		server_accept_stop(&loop->adapters[i]);
	}
}

static void on_drain(struct kp_task *task)
{
	struct server_loop *loop = KP_CONTAINER(task, struct server_loop, drain);
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		server_accept_end(&loop->adapters[i]);
	loop->is_draining = true;
	loop->drain_since_ns = kp_clock_ns();
	kp_loop_cancel_waits(loop->loop, false);
	server_drain_conns(loop);
	after(loop, 0);
}

// --- starting

static void *loop_main(void *arg)
{
	struct server_loop *loop = arg;
	kp_loop_run(loop->loop);
	return NULL;
}

static kp_err loop_init(struct kp_server *server, int index)
{
	struct server_loop *loop = &server->loops[index];
	loop->server = server;
	loop->index = index;
	loop->drain.run = on_drain;
	loop->sweep.on_timer = on_sweep;
	loop->stride = 1;
	kp_list_init(&loop->conns);
	kp_list_init(&loop->dead);
	kp_list_init(&loop->dribblers);
	loop->adapters = kp_alloc_zero(server->adapters.len, sizeof(*loop->adapters));
	if (!loop->adapters)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < server->adapters.len; i++) {
		loop->adapters[i].adapter = server->adapters.ptr[i];
		loop->adapters[i].loop = loop;
		server_limiter_init(&loop->adapters[i]);
	}
	KP_TRY(kp_loop_new(&loop->loop));
	kp_io_init(&loop->io, loop->loop);
	return kp_timer_start(loop->loop, &loop->sweep,
	                      kp_clock_ns() + SWEEP_MS * (int64_t)KP_NS_PER_MS);
}

static void loop_fini(struct server_loop *loop)
{
	for (size_t i = 0; loop->adapters && i < loop->server->adapters.len; i++)
		server_udp_free(&loop->adapters[i]);
	loop->is_draining = true; // a connection that was handed over too late is closed
	if (loop->loop) {
		kp_timer_stop(&loop->sweep);
		kp_timer_stop(&loop->dribble_pause);
		stop_adapters(loop);
		server_close_conns(loop);
		server_reap_all(loop);
		kp_io_fini(&loop->io);
		kp_loop_free(loop->loop);
	}
	server_free_calls(loop);
	kp_free(loop->adapters);
}

static kp_err start_accepting(struct kp_server *server)
{
	struct server_loop *first = &server->loops[0];
	for (size_t i = 0; i < server->adapters.len; i++) {
		struct adapter_loop *adapter = &first->adapters[i];
		if (adapter->adapter->fd < 0) // the server ran before
			KP_TRY(listen_at(adapter->adapter, &adapter->adapter->address));
		if (adapter->adapter->options.pool_threads > 0)
			KP_TRY(server_pool_start(adapter->adapter));
		KP_TRY(adapter->adapter->is_udp ? server_udp_start(adapter)
		                                : server_accept_start(adapter));
	}
	return KP_OK;
}

static kp_err start_threads(struct kp_server *server)
{
	for (int i = 0; i < server->loop_count; i++) {
		struct server_loop *loop = &server->loops[i];
		KP_TRY(kp_thread_start(&loop->thread, loop_main, loop));
		loop->is_started = true;
	}
	return KP_OK;
}

static void free_loops(struct kp_server *server)
{
	for (int i = 0; server->loops && i < server->loop_count; i++)
		loop_fini(&server->loops[i]);
	kp_free(server->loops);
	server->loops = NULL;
}

kp_err kp_server_start(struct kp_server *server)
{
	if (server->is_running)
		return KP_ERR_STATE;
	free_loops(server);
	server->loops = kp_alloc_zero((size_t)server->loop_count, sizeof(*server->loops));
	if (!server->loops)
		return KP_ERR_NOMEM;
	kp_err err = KP_OK;
	for (int i = 0; err == KP_OK && i < server->loop_count; i++)
		err = loop_init(server, i);
	if (err == KP_OK)
		err = start_accepting(server);
	server->is_running = true;
	if (err == KP_OK)
		err = start_threads(server);
	if (err != KP_OK)
		kp_server_stop(server, 0);
	return err;
}

// --- stopping

void kp_server_stop(struct kp_server *server, int grace_ms)
{
	if (!server->is_running)
		return;
	int64_t until_ns = kp_clock_ns() + (int64_t)grace_ms * KP_NS_PER_MS;
	for (int i = 0; i < server->loop_count; i++) {
		struct server_loop *loop = &server->loops[i];
		if (!loop->is_started)
			continue;
		loop->drain_until_ns = until_ns;
		kp_loop_post(loop->loop, &loop->drain);
	}
	for (int i = 0; i < server->loop_count; i++)
		if (server->loops[i].is_started)
			pthread_join(server->loops[i].thread, NULL);
	for (size_t i = 0; i < server->adapters.len; i++)
		server_pool_stop(server->adapters.ptr[i]);
	server->is_running = false;
}

void kp_server_close(struct kp_server *server)
{
	if (!server)
		return;
	kp_server_stop(server, 0);
	free_loops(server);
	for (size_t i = 0; i < server->adapters.len; i++)
		adapter_free(server->adapters.ptr[i]);
	kp_vec_fini(&server->adapters);
	kp_free(server->application);
	kp_free(server->name);
	pthread_mutex_destroy(&server->watch_lock);
	kp_free(server);
}
