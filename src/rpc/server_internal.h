// server_internal.h - the inside of a server: adapters, loops, connections.
//
// Adapters and servants are fixed once the server runs, so that the loops read them without locks.
// A connection, its calls and its counters belong to one loop.
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "guard/auth.h"
#include "guard/limiter.h"
#include "kipp/server.h"
#include "os/thread.h"
#include "os/wait.h"
#include "rpc/call_internal.h"
#include "rpc/conn.h"
#include "rpc/sources.h"
#include "tars/endpoint.h"
#include "tars/quick.h"

enum {
	SERVER_LOOPS_MAX = 256
};

struct kp_server_event;

struct servant {
	struct kp_str name; // owned; "App.Server.Obj"
	const struct kp_interface *interface;
	const void *ops;
	void *user;
};

struct adapter {
	struct kp_server *server;
	int index;
	struct kp_adapter_options options; // its texts are not kept
	char *endpoint_text;               // owned
	struct kp_address address;
	int unix_mode;   // permissions, if that is a path
	int64_t idle_ns; // 0: no limit
	bool is_udp;
	char *access_key; // owned; NULL: everybody is served
	char *secret_key; // owned
	struct kp_auth_crypto crypto;
	struct kp_tls_source *tls;      // owned or NULL
	bool may_be_plain;              // beside TLS
	int64_t shake_limit_ns;         // of a TLS handshake
	int fd;                         // owned; listens, or receives datagrams; -1: drained
	int conn_count;                 // atomic; accepted and not yet closed
	struct kp_map servants;         // name -> struct servant, owned
	struct server_sources *sources; // owned; who connects
	struct server_pool *pool;       // owned; NULL: handlers run on fibers
};

// Counters are written by one loop and read by anybody, so they are stored whole but never locked.
#define KP_COUNT(counter, n) \
	__atomic_store_n(&(counter), (counter) + (uint64_t)(n), __ATOMIC_RELAXED)

#define KP_COUNT_INT(counter, n) __atomic_store_n(&(counter), (counter) + (n), __ATOMIC_RELAXED)

// known_request is what a request with these names asks for.
struct known_request {
	size_t names_len; // 0: nothing
	uint8_t names[KP_QUICK_NAMES_MAX];
	const struct servant *servant;
	const struct kp_function *function;
	struct kp_str function_name;
};

enum {
	KNOWN_REQUESTS_BITS = 6,
};

// adapter_loop is an adapter's share of one loop.
struct adapter_loop {
	struct kp_adapter_stats stats;
	struct kp_watch *watch; // of the listener or the UDP socket, on the first loop
	bool is_paused;         // descriptors ran out
	size_t turn;            // connections that were dealt out
	struct kp_timer pause;  // accepting again after descriptors ran out
	struct udp_port *udp;   // owned
	struct adapter *adapter;
	struct server_loop *loop;
	int calls; // in progress: those that wait
	struct kp_limiter limiter;
	struct kp_limits limits;          // as of the last sweep
	size_t partial_size, unread_size; // what its connections keep in memory
	int64_t swept_ns;
	uint64_t ban_epoch;
	bool has_bans;     // somebody was banned since the sweep before
	bool is_suspended; // accepts nobody
	bool is_strained;  // atomic; it cannot keep up
	struct known_request known[1 << KNOWN_REQUESTS_BITS]; // by a hash of their names
};

// held_watch is what somebody saw who looked at a loop.
struct held_watch {
	uint64_t progress;
	int64_t since_ns; // it has been the same call; 0: none
	bool is_told;
};

struct server_loop {
	struct kp_server *server;
	int index;
	struct kp_loop *loop; // owned
	struct kp_io io;
	pthread_t thread;
	bool is_started;
	struct adapter_loop *adapters; // owned; one per adapter
	struct kp_list conns;          // longest silent first
	struct kp_list dead;           // closed connections with calls left
	struct kp_call *free_calls;    // owned; linked by next_free
	int free_call_count;
	int conn_count;          // atomic; read by the loop that accepts
	int calls;               // in progress
	int away;                // of them: with a pool, or deferred
	struct kp_call *running; // its handler has neither ended nor waited yet; atomic, as these:
	const struct adapter_loop *at_adapter; // where the last one was asked
	const struct servant *at_servant;      // whom
	const struct kp_function *at_function; // for what
	struct held_watch watch;               // of the server's watch_lock
	int until_check;                       // requests before the clock is read again
	int stride;                            // requests between two readings
	int checked_at;                        // until_check at the last one
	int64_t checked_ns;                    // the last one
	int64_t woke_ns;                       // the wake-up at hand
	int64_t delay_ns;         // how long the batch at hand had been running by then
	uint64_t recent_calls;    // atomic; in a second, averaged
	uint64_t calls_seen;      // by the last sweep
	struct kp_list dribblers; // not read from until the pause ends
	struct kp_timer dribble_pause;
	struct kp_timer sweep;
	struct kp_task drain;
	bool is_draining;
	bool is_ending; // draining is over; only fibers are awaited
	int64_t drain_since_ns;
	int64_t drain_until_ns;
};

struct server_conn {
	struct kp_conn conn;
	struct kp_link link; // in the loop's conns or dead
	struct server_loop *loop;
	struct adapter_loop *adapter;
	int calls;                   // in progress
	struct kp_list unfinished;   // of them: those that wait
	struct kp_list pushes;       // ways back that handlers have opened
	struct kp_link dribble_link; // in the loop's dribblers
	uint8_t tiny_reads;          // in a row
	char *caller;                // owned; "App.Server", NULL: it did not say
	uint32_t caller_key;         // for the limiter
	bool is_kipp;                // it understands "busy"
	uint64_t requests;           // that became calls
	int64_t opened_ns;
	int64_t active_ns;
	uint64_t written_seen;                      // by the last sweep
	uint64_t received_counted, written_counted; // that are in the adapter's counters
	bool takes_notices; // it sent a one-way tars_ping: it knows what an answer nobody asked for
	                    // is
	struct conn_standing standing;
	struct kp_deferred reap;
	struct http_conn *http; // owned; NULL: it speaks packets
};

struct kp_server {
	pthread_mutex_t watch_lock;
	char *application; // owned or NULL
	char *name;        // owned or NULL
	int loop_count;
	bool is_running;
	struct server_loop *loops; // owned; made by start
	KP_VEC(struct adapter *) adapters;
};

// accept.c
kp_err server_accept_start(struct adapter_loop *adapter);
void server_accept_stop(struct adapter_loop *adapter);
// server_accept_suspend stops accepting for a while, or goes on.
void server_accept_suspend(struct adapter_loop *adapter, bool is_suspended);
// server_accept_is_paused: descriptors have run out.
bool server_accept_is_paused(const struct adapter_loop *adapter);
// server_accept_end also closes the port, so that later clients turn elsewhere at once instead of
// waiting for nobody.
void server_accept_end(struct adapter_loop *adapter);
// server_adopt takes a connection over for this loop, and closes it when it cannot. On the loop's
// thread.
void server_adopt(struct adapter_loop *adapter, int fd, const struct kp_address *peer);
void server_conn_unref_call(struct server_conn *conn);
void server_sweep(struct server_loop *loop, int64_t now_ns);
void server_drain_conns(struct server_loop *loop);
// server_is_drained tells whether no connection has anything left to do for us.
bool server_is_drained(const struct server_loop *loop);
// server_has_unsent tells whether some answer has not been taken by its peer.
bool server_has_unsent(const struct server_loop *loop);
void server_close_conns(struct server_loop *loop);
// server_reap_all frees closed connections that the loop did not get to.
void server_reap_all(struct server_loop *loop);

// udp.c
kp_err server_udp_start(struct adapter_loop *adapter);
void server_udp_stop(struct adapter_loop *adapter);
void server_udp_free(struct adapter_loop *adapter);
void server_udp_answer(struct udp_port *udp, const struct kp_address *peer);
struct kp_buf *server_udp_out(struct udp_port *udp);

// dispatch.c
struct arrival {
	struct adapter_loop *adapter;
	struct server_conn *conn; // NULL: it came by UDP
	struct udp_port *udp;
	const struct kp_address *peer; // of UDP
	struct kp_bytes packet;
	struct kp_block *block;
};
void server_dispatch(const struct arrival *arrival);
// server_on_frame is server_dispatch for a connection's frame, with a short way for what is usual.
void server_on_frame(struct kp_conn *conn, struct kp_bytes packet, struct kp_block *block);
// server_on_wait: the handler that was running waits.
void server_on_wait(struct server_loop *loop);
// server_run_function runs the handler, on a fiber or on a thread of a pool.
void server_run_function(struct kp_call *call);
// server_end_call sends the answer of a call that left its loop, and frees it.
void server_end_call(struct kp_call *call);

// inherit.c
// server_inherit reads the deadline and the like that a request's status may carry.
void server_inherit(struct kp_call *call);

// admit.c
void server_limiter_init(struct adapter_loop *adapter);
// server_limiter_set takes over limits that have changed.
void server_limiter_set(struct adapter_loop *adapter);
// server_admit decides whether a call is taken; if not, it has failed.
bool server_admit(struct kp_call *call);
// server_check_clock looks how late it has become; server_on_wake does so for free.
void server_check_clock(struct server_loop *loop);
void server_on_wake(struct server_loop *loop);

// dribble.c
enum {
	KP_TINY_READ = 24, // no packet is shorter
};
// server_on_dribble: less than a packet came.
void server_on_dribble(struct server_conn *conn);

// held.c
// server_next_held finds a handler that holds its loop and of which nobody was told.
bool server_next_held(struct kp_server *server, struct kp_server_event *ret);

// answer.c
// server_finish gives the answer its form and sends it off.
void server_finish(struct kp_call *call);

// late.c
// server_call_lend readies a call for another thread; server_call_returned, on that thread, gives
// it back. server_call_park does so for a deferred call's handler on the loop itself.
void server_call_lend(struct kp_call *call);
void server_call_returned(struct kp_call *call);
void server_call_park(struct kp_call *call);

// server_auth.c
// server_auth_ready takes the keys of an adapter whose endpoint asks for AK/SK.
kp_err server_auth_ready(struct adapter *adapter, const struct kp_adapter_options *options,
                         const struct kp_endpoint *endpoint, struct kp_why *why);
// server_auth_accepts takes a connection's first packet, and answers it if it proves the access
// key.
bool server_auth_accepts(struct server_conn *conn, struct kp_bytes packet);

// server_push.c
void server_end_pushes(struct server_conn *conn);

// pool.c
kp_err server_pool_start(struct adapter *adapter);
// server_pool_stop ends the threads, once no call is with them. Fine without a pool.
void server_pool_stop(struct adapter *adapter);
void server_pool_push(struct server_pool *pool, struct kp_call *call);
int server_pool_waiting(const struct server_pool *pool);
// server_pool_delay is how long the first in the queue has waited.
int64_t server_pool_delay(const struct server_pool *pool, int64_t now_ns);
// server_pool_flush gives back what no thread has begun of a loop's calls.
void server_pool_flush(struct server_pool *pool, const struct server_loop *loop);
void server_free_calls(struct server_loop *loop);
