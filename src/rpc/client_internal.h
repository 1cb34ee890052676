// client_internal.h - the inside of a client.
//
// A client is shared by threads; what does the work is its share of each thread's loop, a
// client_loop, which nobody else touches: its own look-ups, its own connections, its own requests.
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "guard/budget.h"
#include "kipp/client.h"
#include "kipp/stub.h"
#include "os/resolve.h"
#include "os/thread.h"
#include "os/wait.h"
#include "route/table.h"
#include "rpc/call_internal.h"
#include "rpc/conn.h"
#include "rpc/inflight.h"
#include "rpc/request.h"
#include "tars/endpoint.h"

// target is where a connection goes to.
struct target {
	char host[256];
	int port;
	bool is_udp;
	bool is_tls;
	size_t owner; // 1 + index of the proxy that proves itself for its object there (AK/SK); 0:
	              // all proxies share it
	bool is_weighed; // its weight counts; no part of what it is
	int weight;      // below 0: unset; nor is this
};

enum {
	KP_TARGET_NAME_MAX = 304,
};
// target_name writes "tcp:host:port". Source: contract C.1.
void target_name(const struct target *target, char name[KP_TARGET_NAME_MAX]);

struct kp_proxy {
	struct kp_client *client;
	char *text;                    // owned; what the proxy was asked for
	char *object;                  // owned; "App.Server.Obj"
	struct kp_str name;            // the same
	size_t index;                  // in the client's proxies
	KP_VEC(struct target) targets; // given in the text; empty: looked up
	kp_err err;                    // of the text
	struct kp_why why;
	const struct settings *settings; // atomic; the client's; NULL: nothing was said
	int changes;                     // of them by the program
	kp_on_push on_push;              // NULL: pushes are dropped
	void *push_user;
};

struct kp_client {
	char *set;   // owned or NULL
	uint64_t id; // random; decides which subset of a large service it calls
	struct kp_evidence_pool pool;
	struct kp_pairs hello;   // the status of what opens a connection
	int retry_percent;       // 0: no budget
	uint64_t pushes_dropped; // atomic
	int timeout_ms;          // atomic
	int connect_timeout_ms;  // atomic
	int64_t refresh_ns;
	size_t frame_size_max;
	struct kp_tls_source *tls; // owned; atomic; NULL: nobody has asked for TLS yet
	pthread_mutex_t lock;      // of what follows
	struct kp_map records;     // of endpoints, by name; owned
	int unused_records;
	struct kp_map proxies_by_text;
	KP_VEC(struct kp_proxy *) proxies; // owned
	struct settings *settings;         // owned; all that there ever were
	struct kp_map presets;             // object -> settings, by configuration
	int preset_count;                  // that there ever were
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
	// Changes of the routes and of their tables take the lock, for those who explain them from
	// other threads.
	pthread_mutex_t lock;
	struct kp_decisions *decisions; // owned
	struct kp_dice dice;
	struct kp_map peers; // by name
	struct kp_list conns;
	struct inflight inflight;
	struct due_table dues;   // of requests
	struct kp_budget budget; // of retries and hedges
	struct kp_pairs travel;  // scratch
	int oneways;             // one-way requests that are not written yet
	struct kp_list free_requests;
	int free_request_count;
	int asyncs;              // asynchronous requests in flight
	struct kp_list finished; // asynchronous requests whose callback is due
	struct kp_deferred callbacks;
	int waits;                  // fibers that wait for an answer or look something up
	struct kp_wait_list let_go; // whoever closes the client and waits until nobody uses this
	int64_t ran_ns;             // when a private loop last ran
};

// record is one endpoint as all loops of the client know it.
struct record {
	struct kp_evidence evidence;
	int peers;    // of all loops
	bool is_kept; // though it has none
	char name[KP_TARGET_NAME_MAX];
};

// peer is one endpoint as this loop knows it, shared by all routes that lead there.
struct peer {
	struct record *record; // referenced
	struct client_loop *loop;
	struct target target;
	int routes;                   // that lead here; 0: going
	struct client_conn *conn;     // for new requests; NULL: none yet
	struct kp_tls_ticket *ticket; // owned or NULL; of the last session there
};

// oneway_tally is how many one-way requests wait for their connection or lie in its buffer: the
// written ones in two parts, each of which is gone when the bytes up to its end are.
struct oneway_tally {
	int unwritten;
	struct oneway_part {
		uint64_t end; // in the connection's stream
		int count;
	} parts[2];
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
	bool is_new;        // no socket yet
	bool is_ready;      // requests may be written
	bool is_proving;    // AK/SK is under way
	size_t owner;       // see target
	const char *denial; // constant; why AK/SK came to nothing
	bool is_kipp;       // the server said so: it understands KP_CANCEL_FUNCTION
	struct oneway_tally oneways;
	uint64_t heard_at;  // what had been received with the last packet,
	int64_t heard_ns;   // and when that came; 0: none did yet
	uint64_t silent_at; // what had been received when a call first met with silence,
	int64_t silent_ns;  // and since when; 0: never
};

// route is a proxy on a loop: the peers that its name stands for.
struct route {
	struct client_loop *loop;
	struct kp_proxy *proxy;
	struct kp_table table;                 // of the peers
	const struct route_settings *settings; // that it was configured with
	uint32_t lists;                        // that were taken
	struct kp_list waiting;                // requests that wait for the look-up
	bool is_looking_up;
	bool is_stale;        // an endpoint broke: look again soon
	int64_t looked_up_ns; // when the last look-up ended; 0: never
	kp_err err;           // of the last look-up
	struct kp_why why;
	struct kp_why *trouble; // owned or NULL; why TLS with its endpoints came to nothing
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

// record.c
// record_ref finds or makes the record of an endpoint. NULL: out of memory.
struct record *record_ref(struct kp_client *client, const struct target *target);
void record_unref(struct kp_client *client, struct record *record);
void records_free(struct kp_client *client);

// route.c
void route_table_init(struct route *route);
// route_leads_to tells whether an endpoint, by its name, is in the route's table.
bool route_leads_to(const struct route *route, const char *endpoint);
// route_pick chooses the next endpoint for a request, which is in flight there until route_end.
// NULL: there is none that was not tried, or it was sent often enough.
struct peer *route_pick(struct kp_request *request);
void route_note_end(struct kp_request *request, enum kp_outcome outcome);
// route_end says how an attempt ended, if one is under way.
static inline void route_end(struct kp_request *request, enum kp_outcome outcome)
{
	if (request->entry)
		route_note_end(request, outcome);
}
enum kp_outcome outcome_of_ret(int32_t ret);
// peer_on_fault notes against an endpoint what is its own fault.
void peer_on_fault(struct peer *peer, enum kp_outcome outcome);

// peer.c
struct client_conn *peer_conn(struct peer *peer);
void peer_leave(struct peer *peer);
// peer_on_silence: a call ended without an answer, on a connection that has a peer. `is_silent`:
// nothing at all has come since `since_ns`, for about as long as the call waited.
void peer_on_silence(struct client_conn *conn, int64_t since_ns, bool is_silent);
struct peer *peer_find(struct client_loop *loop, const struct target *target);
// client_conn_settle hangs up a connection without a peer once its last request is gone.
void client_conn_settle(struct client_conn *conn);
void client_conns_close(struct client_loop *loop);
// client_conns_free frees what client_conns_close has closed. Not from inside a callback of one.
void client_conns_free(struct client_loop *loop);

// client_tls.c
// client_tls_start readies a connection for TLS. When that cannot be, the connection's tls has the
// reason.
kp_err client_tls_start(struct client_conn *conn);
// client_tls_keep_ticket remembers a session's ticket for the next one.
void client_tls_keep_ticket(struct client_conn *conn);
// client_note_trouble keeps, for those who find no endpoint, why this connection came to nothing.
void client_note_trouble(struct route *route, const struct client_conn *conn,
                         enum kp_close_reason reason);

// client_auth.c
// client_auth_start sends the proof of a connection's access key; it closes the connection when
// there is none to send.
void client_auth_start(struct client_conn *conn);

// notice.c
// client_on_notice takes what a server sent without being asked.
void client_on_notice(struct client_conn *conn, const struct kp_response_packet *packet,
                      struct kp_block *block);
// client_say_hello tells a server who opened the connection; servers of ours answer.
void client_say_hello(struct client_conn *conn, struct kp_str servant);
kp_err client_prepare_hello(struct kp_client *client, const char *caller);
