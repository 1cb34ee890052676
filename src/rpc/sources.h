// sources.h - an adapter's callers by where they come from: lists, limits, bans, and attacks.
//
// One table serves all loops of an adapter, behind a lock that is taken where connections begin,
// end and are swept, never for a request.
#pragma once

#include "guard/cidr.h"
#include "kipp/server.h"
#include "rpc/conn.h"

struct adapter;
struct adapter_loop;
struct server_conn;
struct server_loop;
struct server_sources;

// conn_standing is what a sweep remembers of a connection.
struct conn_standing {
	struct kp_ip ip;
	bool has_ip;                        // not a Unix socket
	uint64_t bytes_seen, requests_seen; // that its source is charged with already
	int64_t partial_since_ns;           // when the packet at hand began; 0: there is none
	uint64_t partial_request;           // how many were before it
	int64_t unread_since_ns;            // when its peer last took something
	uint64_t unread_written;            // what was written by then
	size_t partial_size, unread_size;   // in the loop's sums
};

// server_sources_open reads the lists. INVALID: one of them is wrong.
kp_err server_sources_open(struct adapter *adapter, const struct kp_adapter_options *options,
                           struct kp_why *why);
void server_sources_free(struct server_sources *sources);

// server_sources_permits tells whether the lists let an address in. From any thread.
bool server_sources_permits(const struct adapter *adapter, const struct kp_address *peer);
// server_sources_accept decides over a new connection; one that is taken is counted until
// server_sources_leave, or server_sources_lose if it never came to be.
bool server_sources_accept(struct adapter_loop *acceptor, const struct kp_address *peer);
void server_sources_lose(const struct adapter *adapter, const struct kp_address *peer);
void server_sources_leave(struct server_conn *conn, enum kp_close_reason reason);

void server_sources_join(struct server_conn *conn);
// server_sources_charge counts what a connection keeps in memory; where all of them keep too much,
// the largest are closed.
void server_sources_charge(struct server_conn *conn);

// server_sources_sweep closes what is silent, slow or banned, and looks for attacks, once a second.
void server_sources_sweep(struct server_loop *loop, int64_t now_ns);
// server_sources_banned is how many bans there have been. From any thread.
uint64_t server_sources_banned(const struct adapter *adapter);
// server_sources_read brings an adapter's limits to a loop.
void server_sources_read(struct adapter_loop *adapter);
