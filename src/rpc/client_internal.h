// client_internal.h - the inside of a client.
//
// A client is shared by threads; what does the work is its share of each thread's loop, a
// client_loop, which nobody else touches: its own look-ups, its own connections, its own requests.
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "kipp/client.h"
#include "kipp/stub.h"
#include "os/resolve.h"
#include "os/thread.h"
#include "os/wait.h"
#include "route/pick.h"
#include "rpc/call_internal.h"
#include "rpc/conn.h"
#include "rpc/inflight.h"
#include "tars/endpoint.h"

enum {
	KP_ATTEMPTS_MAX = 4, // of one request, each at another endpoint
	KP_ASYNC_CONTEXT_MAX = 32,
};

// target is where a connection goes to.
struct target {
	char host[256];
	int port;
	bool is_udp;
};

static inline bool target_equal(const struct target *a, const struct target *b)
{
	return a->port == b->port && a->is_udp == b->is_udp && strcmp(a->host, b->host) == 0;
}

struct kp_proxy {
	struct kp_client *client;
	char *text;                    // owned; what the proxy was asked for
	char *object;                  // owned; "App.Server.Obj"
	size_t index;                  // in the client's proxies
	KP_VEC(struct target) targets; // given in the text; empty: looked up
	kp_err err;                    // of the text
	struct kp_why why;
};

struct kp_client {
	char *set; // owned or NULL
	int timeout_ms;         // atomic
	int connect_timeout_ms; // atomic
	int64_t refresh_ns;
	size_t frame_size_max;
	pthread_mutex_t lock; // of what follows
	struct kp_map proxies_by_text;
	KP_VEC(struct kp_proxy *) proxies; // owned
	struct kp_list loops;              // client_loop
	struct kp_proxy *registry;         // atomic; NULL: no locator
	pthread_key_t key;                 // this thread's client_loop
	pthread_cond_t farewell;           // a loop of another thread has let go of us
	bool is_closing;                   // atomic
};

// These may be changed while the client is in use: see adjust.h.
static inline int client_timeout(const struct kp_client *client)
{
	return __atomic_load_n(&client->timeout_ms, __ATOMIC_RELAXED);
}

static inline int client_connect_timeout(const struct kp_client *client)
{
	return __atomic_load_n(&client->connect_timeout_ms, __ATOMIC_RELAXED);
}

static inline struct kp_proxy *client_registry(const struct kp_client *client)
{
	return __atomic_load_n(&client->registry, __ATOMIC_ACQUIRE);
}

struct client_loop {
	struct kp_link link; // in the client's loops
	struct kp_client *client;
	struct kp_loop *loop; // owned if private
	bool is_private;
	bool is_ending;
	struct kp_io io;
	KP_VEC(struct route *) routes; // owned; by the proxy's index, NULL: not used here
	struct kp_list peers;
	struct kp_list conns;
	struct inflight inflight;
	struct kp_list free_requests;
	int free_request_count;
	int asyncs;              // asynchronous requests in flight
	struct kp_list finished; // asynchronous requests whose callback is due
	struct kp_deferred callbacks;
	int waits;                  // fibers that wait for an answer or look something up
	struct kp_wait_list let_go; // whoever closes the client and waits until nobody uses this
	int64_t ran_ns;             // when a private loop last ran
};

// peer is one endpoint as this loop knows it, shared by all routes that lead there.
struct peer {
	struct kp_health health;
	struct kp_link link; // in the loop's peers
	struct client_loop *loop;
	struct target target;
	int routes;               // that lead here; 0: going
	struct client_conn *conn; // for new requests; NULL: none yet
};

struct client_conn {
	struct kp_conn conn;
	struct kp_link link; // in the loop's conns
	struct client_loop *loop;
	struct peer *peer;          // NULL once the peer is gone
	struct kp_list requests;    // sent, or waiting for the connection to open
	struct kp_timer opening;    // the limit for connecting, and for hanging up
	struct kp_resolve *resolve; // looking the host's name up
	struct kp_deferred reap;
	bool is_new; // no socket yet
};

// route is a proxy on a loop: the peers that its name stands for.
struct route {
	struct client_loop *loop;
	struct kp_proxy *proxy;
	KP_VEC(struct kp_health *) healths; // of the peers
	size_t cursor;
	struct kp_list waiting; // requests that wait for the look-up
	bool is_looking_up;
	bool is_stale;        // an endpoint broke: look again soon
	int64_t looked_up_ns; // when the last look-up ended; 0: never
	kp_err err;           // of the last look-up
	struct kp_why why;
};

struct kp_request {
	struct kp_link
	        link; // in conn->requests, route->waiting, loop->finished or loop->free_requests
	struct client_loop *loop;
	struct route *route;
	struct kp_call *call;   // the scope of a waiting call, or NULL
	struct kp_pairs pairs;  // owned; the context of one that does not wait
	struct kp_str function; // borrowed, as constant as the stub
	struct kp_buf body;
	int32_t id; // 0: none
	bool is_oneway;
	bool is_probe; // a ping of our own, that nobody waits for
	bool is_written;
	bool is_done;
	uint64_t offset; // in the connection's stream, once written
	uint64_t heard;  // what the connection had received by then
	struct client_conn *conn;
	struct kp_health *tried[KP_ATTEMPTS_MAX]; // NULL: its peer has left
	size_t attempts;
	struct kp_timer timer;
	int64_t deadline_ns;
	kp_err err;
	struct kp_wait_list done; // the fiber that waits
	kp_on_answer on_answer;   // NULL: a waiting or one-way request
	_Alignas(16) char context[KP_ASYNC_CONTEXT_MAX];
	struct kp_decoder answer; // of a waiting request: in the call's arena
};

// client.c
struct client_loop *client_loop_get(struct kp_client *client, kp_err *ret_err);
// client_loop_let_go wakes whoever waits for the loop's last user, after each that went.
void client_loop_let_go(struct client_loop *loop);

// lookup.c
struct route *client_route(struct client_loop *loop, struct kp_proxy *proxy, kp_err *ret_err);
void route_free(struct route *route);
// route_want makes sure that a look-up is under way if one is due. Returns whether there are peers
// to be called now.
bool route_want(struct route *route, int64_t now_ns);

// peer.c
struct client_conn *peer_conn(struct peer *peer);
void peer_leave(struct peer *peer);
// peer_on_silence: a call ended without an answer. `is_silent`: nothing at all came meanwhile.
void peer_on_silence(struct peer *peer, bool is_silent);
struct peer *peer_find(struct client_loop *loop, const struct target *target);
// client_conn_settle hangs up a connection without a peer once its last request is gone.
void client_conn_settle(struct client_conn *conn);
void client_conns_close(struct client_loop *loop);
// client_conns_free frees what client_conns_close has closed. Not from inside a callback of one.
void client_conns_free(struct client_loop *loop);

// request.c
void request_send(struct kp_request *request);
// request_write encodes a request that waited for its connection.
void request_write(struct kp_request *request, struct client_conn *conn);
// request_lost says that a request's connection ended.
void request_lost(struct kp_request *request, struct client_conn *conn,
                  enum kp_close_reason reason);
void request_fail(struct kp_request *request, kp_err err, const char *format, ...) KP_PRINTF(3, 4);
void request_answered(struct client_loop *loop, struct client_conn *conn,
                      const struct kp_response_packet *packet, struct kp_block *block);
void client_requests_free(struct client_loop *loop);
void client_run_callbacks(struct kp_deferred *deferred);
