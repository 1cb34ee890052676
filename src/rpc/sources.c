// sources.c - an adapter's callers by where they come from: lists, limits, bans, and attacks.
#include "rpc/sources.h"

#include "base/mem.h"
#include "base/try.h"
#include "guard/sources.h"
#include "os/clock.h"
#include "os/rand.h"
#include "rpc/conn_http.h"
#include "rpc/server_internal.h"

enum {
	LATE_MS = 1500,           // between two sweeps: the loop cannot keep up
	SLOWEST_PER_S = 64 << 10, // bytes of a large packet that has taken longer than frame_ms
};

struct server_sources {
	pthread_mutex_t lock; // of `core`
	struct kp_sources core;
	struct kp_cidr_list allow, deny; // owned; fixed
	uint64_t ban_epoch;              // atomic; the core's
	int is_suspended;                // atomic
};

static bool ip_of(const struct kp_address *address, struct kp_ip *ret)
{
	uint8_t bytes[16];
	size_t size = kp_address_ip(address, bytes);
	if (size > 0)
		*ret = size == 4 ? kp_ip_v4(bytes) : kp_ip_v6(bytes);
	return size > 0;
}

static void lock(struct server_sources *sources)
{
	pthread_mutex_lock(&sources->lock);
}

static void unlock(struct server_sources *sources)
{
	__atomic_store_n(&sources->ban_epoch, sources->core.ban_epoch, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&sources->lock);
}

// --- begin and end of an adapter

static struct kp_limits limits_of(const struct kp_adapter_options *options)
{
	struct kp_limits limits = options->limits;
	if (limits.connections_max == 0)
		limits.connections_max = options->connections_max;
	if (limits.queue_max == 0)
		limits.queue_max = options->queue_max;
	if (limits.delay_target_ms == 0)
		limits.delay_target_ms = options->delay_target_ms;
	kp_limits_fill(&limits);
	return limits;
}

kp_err server_sources_open(struct adapter *adapter, const struct kp_adapter_options *options,
                           struct kp_why *why)
{
	struct server_sources *sources = kp_new(struct server_sources);
	if (!sources)
		return kp_why_set(why, KP_ERR_NOMEM, "%s", kp_err_text(KP_ERR_NOMEM));
	pthread_mutex_init(&sources->lock, NULL);
	adapter->sources = sources;
	struct kp_limits limits = limits_of(options);
	kp_sources_init(&sources->core, adapter->index, &limits, kp_rand_u64());
	KP_TRY(kp_cidr_list_parse(kp_str(options->allow), &sources->allow, why));
	return kp_cidr_list_parse(kp_str(options->deny), &sources->deny, why);
}

void server_sources_free(struct server_sources *sources)
{
	if (!sources)
		return;
	kp_sources_fini(&sources->core);
	kp_cidr_list_fini(&sources->allow);
	kp_cidr_list_fini(&sources->deny);
	pthread_mutex_destroy(&sources->lock);
	kp_free(sources);
}

// --- connections

bool server_sources_permits(const struct adapter *adapter, const struct kp_address *peer)
{
	const struct server_sources *sources = adapter->sources;
	struct kp_ip ip;
	return !ip_of(peer, &ip) || kp_cidr_permits(&sources->allow, &sources->deny, &ip);
}

static bool is_full(const struct adapter *adapter)
{
	int64_t max = adapter->sources->core.limits.connections_max;
	return max >= 0 && __atomic_load_n(&adapter->conn_count, __ATOMIC_RELAXED) >= max;
}

// ask decides over a connection that the lists permit; with the lock.
static kp_source_verdict ask(const struct adapter *adapter, const struct kp_address *peer,
                             int64_t now_ns, bool *ret_is_full)
{
	struct kp_sources *core = &adapter->sources->core;
	struct kp_ip ip;
	bool has_ip = ip_of(peer, &ip);
	*ret_is_full = is_full(adapter);
	if (*ret_is_full) {
		bool is_banned = has_ip && kp_sources_is_banned(core, &ip, now_ns);
		kp_sources_offend_unknown(core, now_ns);
		return is_banned ? KP_SOURCE_BANNED : KP_SOURCE_OK;
	}
	return has_ip ? kp_sources_connect(core, &ip, now_ns) : KP_SOURCE_OK;
}

bool server_sources_accept(struct adapter_loop *acceptor, const struct kp_address *peer)
{
	const struct adapter *adapter = acceptor->adapter;
	struct kp_adapter_stats *stats = &acceptor->stats;
	if (!server_sources_permits(adapter, peer)) {
		KP_COUNT(stats->connections_denied, 1);
		return false;
	}
	bool is_over;
	lock(adapter->sources);
	kp_source_verdict verdict = ask(adapter, peer, kp_loop_now(acceptor->loop->loop), &is_over);
	unlock(adapter->sources);
	if (verdict == KP_SOURCE_BANNED)
		KP_COUNT(stats->connections_banned, 1);
	else if (verdict != KP_SOURCE_OK)
		KP_COUNT(stats->connections_limited, 1);
	else if (is_over)
		KP_COUNT(stats->connections_refused, 1);
	return verdict == KP_SOURCE_OK && !is_over;
}

void server_sources_lose(const struct adapter *adapter, const struct kp_address *peer)
{
	struct kp_ip ip;
	if (!ip_of(peer, &ip))
		return;
	lock(adapter->sources);
	kp_sources_disconnect(&adapter->sources->core, &ip, kp_clock_ns());
	unlock(adapter->sources);
}

void server_sources_join(struct server_conn *conn)
{
	conn->standing.has_ip = ip_of(&conn->conn.peer, &conn->standing.ip);
}

// settle_note tells the source's account what came since the last time; with the lock.
static bool settle_note(struct server_conn *conn, int64_t now_ns)
{
	struct conn_standing *standing = &conn->standing;
	uint64_t bytes = conn->conn.received - standing->bytes_seen;
	uint64_t requests = conn->requests - standing->requests_seen;
	standing->bytes_seen = conn->conn.received;
	standing->requests_seen = conn->requests;
	return kp_sources_note(&conn->adapter->adapter->sources->core, &standing->ip, now_ns, bytes,
	                       requests);
}

static bool is_offence(enum kp_close_reason reason, enum kp_offence *ret)
{
	switch (reason) {
	case KP_CLOSE_BAD_FRAME:
	case KP_CLOSE_OVERSIZED:
		*ret = KP_OFFENCE_MALFORMED;
		return true;
	case KP_CLOSE_SLOW_READER:
		*ret = KP_OFFENCE_UNREAD;
		return true;
	case KP_CLOSE_SILENT:
	case KP_CLOSE_TLS:
		*ret = KP_OFFENCE_SILENT;
		return true;
	default:
		return false;
	}
}

static void release_sizes(struct server_conn *conn)
{
	conn->adapter->partial_size -= conn->standing.partial_size;
	conn->adapter->unread_size -= conn->standing.unread_size;
	conn->standing.partial_size = conn->standing.unread_size = 0;
}

void server_sources_leave(struct server_conn *conn, enum kp_close_reason reason)
{
	release_sizes(conn);
	if (!conn->standing.has_ip)
		return;
	struct server_sources *sources = conn->adapter->adapter->sources;
	int64_t now_ns = kp_loop_now(conn->loop->loop);
	enum kp_offence offence;
	lock(sources);
	if (conn->requests != conn->standing.requests_seen)
		(void)settle_note(conn, now_ns);
	if (is_offence(reason, &offence))
		(void)kp_sources_offend(&sources->core, &conn->standing.ip, now_ns, offence,
		                        offence == KP_OFFENCE_UNREAD ? conn->requests : 0);
	kp_sources_disconnect(&sources->core, &conn->standing.ip, now_ns);
	unlock(sources);
}

// --- memory

// close_largest closes the connection that keeps the most of what `is_partial` says; false: none
// keeps any.
static bool close_largest(struct adapter_loop *adapter, bool is_partial)
{
	struct server_conn *largest = NULL;
	size_t most = 0;
	KP_LIST_EACH (&adapter->loop->conns, link, following) {
		struct server_conn *conn = KP_CONTAINER(link, struct server_conn, link);
		size_t size = is_partial ? conn->standing.partial_size : conn->standing.unread_size;
		if (conn->adapter != adapter || size <= most)
			continue;
		most = size;
		largest = conn;
	}
	if (largest)
		kp_conn_close(&largest->conn, is_partial ? KP_CLOSE_SILENT : KP_CLOSE_SLOW_READER);
	return largest != NULL;
}

static bool is_over(size_t size, int64_t limit, const struct adapter_loop *adapter)
{
	return limit >= 0 && size > (uint64_t)limit / (unsigned)adapter->loop->server->loop_count;
}

static size_t partial_of(const struct server_conn *conn)
{
	size_t size = conn->conn.partial ? conn->conn.partial->cap : 0;
	return conn->http ? size + conn->http->in.cap + conn->http->ahead.cap : size;
}

// note_sizes tells whether a connection keeps anything, or did.
static inline bool note_sizes(struct server_conn *conn)
{
	struct conn_standing *standing = &conn->standing;
	struct adapter_loop *adapter = conn->adapter;
	size_t partial = partial_of(conn), unread = kp_conn_unsent(&conn->conn);
	if (KP_LIKELY((partial | unread | standing->partial_size | standing->unread_size) == 0))
		return false;
	adapter->partial_size += partial - standing->partial_size;
	adapter->unread_size += unread - standing->unread_size;
	standing->partial_size = partial;
	standing->unread_size = unread;
	return true;
}

static void bound_sizes(struct adapter_loop *adapter)
{
	const struct kp_limits *limits = &adapter->limits;
	while (is_over(adapter->partial_size, limits->partial_size_max, adapter) &&
	       close_largest(adapter, true))
		continue;
	while (is_over(adapter->unread_size, limits->unread_size_max, adapter) &&
	       close_largest(adapter, false))
		continue;
}

void server_sources_charge(struct server_conn *conn)
{
	if (note_sizes(conn))
		bound_sizes(conn->adapter);
}

// --- sweeping connections

static bool is_past(int64_t since_ns, int64_t now_ns, int64_t limit_ms)
{
	return limit_ms >= 0 && now_ns - since_ns >= limit_ms * KP_NS_PER_MS;
}

// is_unfinished: a packet has been begun and does not come to its end.
static bool is_unfinished(struct server_conn *conn, int64_t now_ns, int64_t limit_ms)
{
	struct conn_standing *standing = &conn->standing;
	const struct kp_block *partial = conn->conn.partial;
	if (!partial) {
		standing->partial_since_ns = 0;
		return false;
	}
	if (!standing->partial_since_ns || standing->partial_request != conn->requests) {
		standing->partial_since_ns = now_ns;
		standing->partial_request = conn->requests;
	}
	int64_t granted_ms = (int64_t)(partial->len / SLOWEST_PER_S) * 1000;
	return limit_ms >= 0 && is_past(standing->partial_since_ns, now_ns, limit_ms + granted_ms);
}

// is_silent: it has not said anything whole yet. An HTTP face has a clock of its own.
static bool is_silent(const struct server_conn *conn, int64_t now_ns, int64_t limit_ms)
{
	return conn->requests == 0 && !conn->http && !conn->conn.partial &&
	       is_past(conn->opened_ns, now_ns, limit_ms);
}

static bool is_unread(struct server_conn *conn, int64_t now_ns, int64_t limit_ms)
{
	struct conn_standing *standing = &conn->standing;
	bool has_moved = standing->unread_written != conn->conn.written;
	if (has_moved || kp_conn_unsent(&conn->conn) == 0 || !standing->unread_since_ns) {
		standing->unread_since_ns = now_ns;
		standing->unread_written = conn->conn.written;
		return false;
	}
	return is_past(standing->unread_since_ns, now_ns, limit_ms);
}

// is_unwelcome settles the source's account, and tells whether it is banned or, while the adapter
// is suspended, not trusted.
static bool is_unwelcome(struct server_conn *conn, int64_t now_ns)
{
	struct adapter_loop *adapter = conn->adapter;
	struct server_sources *sources = adapter->adapter->sources;
	const struct conn_standing *standing = &conn->standing;
	bool has_news = conn->conn.received != standing->bytes_seen ||
	                conn->requests != standing->requests_seen;
	if (!standing->has_ip || !(has_news | adapter->has_bans | adapter->is_suspended))
		return false;
	lock(sources);
	bool is_unwelcome = has_news && settle_note(conn, now_ns);
	is_unwelcome |=
	        adapter->has_bans && kp_sources_is_banned(&sources->core, &standing->ip, now_ns);
	is_unwelcome |= adapter->is_suspended && conn->requests == 0 &&
	                !kp_sources_is_trusted(&sources->core, &standing->ip, now_ns);
	unlock(sources);
	return is_unwelcome;
}

static void sweep_conn(struct server_conn *conn, int64_t now_ns)
{
	const struct kp_limits *limits = &conn->adapter->limits;
	if (is_unwelcome(conn, now_ns))
		kp_conn_close(&conn->conn, KP_CLOSE_BANNED);
	else if (is_silent(conn, now_ns, limits->empty_conn_ms) ||
	         is_unfinished(conn, now_ns, limits->frame_ms))
		kp_conn_close(&conn->conn, KP_CLOSE_SILENT);
	else if (is_unread(conn, now_ns, limits->reader_ms))
		kp_conn_close(&conn->conn, KP_CLOSE_SLOW_READER);
	else
		(void)note_sizes(conn);
}

// --- sweeping adapters

void server_sources_read(struct adapter_loop *adapter)
{
	struct server_sources *sources = adapter->adapter->sources;
	lock(sources);
	struct kp_limits limits = sources->core.limits;
	unlock(sources);
	bool has_changed = memcmp(&limits, &adapter->limits, sizeof(limits)) != 0;
	adapter->limits = limits;
	if (has_changed)
		server_limiter_set(adapter);
}

static bool is_strained(const struct adapter_loop *first)
{
	const struct adapter *adapter = first->adapter;
	const struct kp_server *server = first->loop->server;
	int64_t max = first->limits.connections_max;
	int count = __atomic_load_n(&adapter->conn_count, __ATOMIC_RELAXED);
	if (server_accept_is_paused(first) || (max >= 0 && count >= max - max / 10))
		return true;
	for (int i = 0; i < server->loop_count; i++)
		if (__atomic_load_n(&server->loops[i].adapters[adapter->index].is_strained,
		                    __ATOMIC_RELAXED))
			return true;
	return false;
}

// watch_attack suspends and resumes the adapter, on the loop that accepts.
static void watch_attack(struct adapter_loop *first, int64_t now_ns)
{
	struct server_sources *sources = first->adapter->sources;
	bool is_hard = is_strained(first);
	lock(sources);
	bool is_suspended = kp_sources_tick(&sources->core, now_ns, is_hard);
	unlock(sources);
	if (is_suspended == (__atomic_load_n(&sources->is_suspended, __ATOMIC_RELAXED) != 0))
		return;
	__atomic_store_n(&sources->is_suspended, is_suspended, __ATOMIC_RELAXED);
	server_accept_suspend(first, is_suspended);
}

static void sweep_adapter(struct adapter_loop *adapter, int64_t now_ns)
{
	const struct server_sources *sources = adapter->adapter->sources;
	bool is_late = adapter->swept_ns && now_ns - adapter->swept_ns > LATE_MS * KP_NS_PER_MS;
	adapter->swept_ns = now_ns;
	__atomic_store_n(&adapter->is_strained,
	                 is_late || kp_limiter_is_choosing(&adapter->limiter), __ATOMIC_RELAXED);
	server_sources_read(adapter);
	if (adapter->loop->index == 0 && !adapter->adapter->is_udp)
		watch_attack(adapter, now_ns);
	uint64_t epoch = __atomic_load_n(&sources->ban_epoch, __ATOMIC_RELAXED);
	adapter->has_bans = epoch != adapter->ban_epoch;
	adapter->ban_epoch = epoch;
	bool is_suspended = __atomic_load_n(&sources->is_suspended, __ATOMIC_RELAXED);
	adapter->is_suspended = is_suspended;
}

void server_sources_sweep(struct server_loop *loop, int64_t now_ns)
{
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		sweep_adapter(&loop->adapters[i], now_ns);
	KP_LIST_EACH (&loop->conns, link, following) {
		sweep_conn(KP_CONTAINER(link, struct server_conn, link), now_ns);
	}
	// Only now, for it may close any of them.
	for (size_t i = 0; i < loop->server->adapters.len; i++)
		bound_sizes(&loop->adapters[i]);
}

// --- from outside

uint64_t server_sources_banned(const struct adapter *adapter)
{
	return __atomic_load_n(&adapter->sources->ban_epoch, __ATOMIC_RELAXED);
}

static struct server_sources *find(const struct kp_server *server, int adapter)
{
	bool is_there = adapter >= 0 && (size_t)adapter < server->adapters.len;
	return is_there ? server->adapters.ptr[adapter]->sources : NULL;
}

kp_err kp_server_limits(const struct kp_server *server, int adapter, struct kp_limits *ret)
{
	struct server_sources *sources = find(server, adapter);
	if (!sources)
		return KP_ERR_INVALID;
	lock(sources);
	*ret = sources->core.limits;
	unlock(sources);
	return KP_OK;
}

kp_err kp_server_set_limits(struct kp_server *server, int adapter, const struct kp_limits *limits)
{
	struct server_sources *sources = find(server, adapter);
	if (!sources)
		return KP_ERR_INVALID;
	struct kp_limits filled = *limits;
	kp_limits_fill(&filled);
	lock(sources);
	sources->core.limits = filled;
	unlock(sources);
	return KP_OK;
}

bool kp_server_next_event(struct kp_server *server, struct kp_server_event *ret)
{
	bool has_event = false;
	for (size_t i = 0; !has_event && i < server->adapters.len; i++) {
		struct server_sources *sources = server->adapters.ptr[i]->sources;
		lock(sources);
		has_event = kp_sources_next_event(&sources->core, ret);
		unlock(sources);
	}
	return has_event || server_next_held(server, ret);
}

bool kp_server_is_suspended(const struct kp_server *server, int adapter)
{
	struct server_sources *sources = find(server, adapter);
	return sources && __atomic_load_n(&sources->is_suspended, __ATOMIC_RELAXED);
}
