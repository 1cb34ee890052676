// server.h - offering servants on adapters, without a platform around.
//
// Most programs use app.h, which makes a server from the configuration that the agent writes.
#pragma once

#include "kipp/call.h"
#include "kipp/describe.h"
#include "kipp/limits.h"
#include "kipp/tls.h"

KP_BEGIN_DECLS

struct kp_server;
struct kp_client;

struct kp_server_options {
	int threads;             // loops; 0: 1
	const char *application; // both may be NULL; they give servants their full names
	const char *server;
};

struct kp_adapter_options {
	const char *name;     // NULL: the first servant's name and "Adapter"
	const char *endpoint; // "tcp -h 127.0.0.1 -p 0 -t 60000" or "udp ..."; -t is the idle limit
	                      // in ms
	size_t frame_size_max;   // 0: 10 MiB
	int connections_max;     // 0: 10240
	int queue_max;           // requests in progress, over it they are refused with -9; 0: 10240
	int pool_threads;        // 0: handlers run on fibers of the loops; else on as many threads,
	                         // for handlers that block or compute
	int queue_timeout_ms;    // a request that waited longer for a pool's thread is refused with
	                         // -6; 0: 10000
	int delay_target_ms;     // while requests wait longer than this, some are refused with -9;
	                         // 0: 20; below 0: however long they wait
	size_t backlog_size_max; // unread answers of one connection, over it the connection is
	                         // closed; 0: 64 MiB
	bool no_http;        // the port speaks packets only; else HTTP/1.1 too, see docs/http.md
	int http_timeout_ms; // an HTTP request's headers, and each 64 KiB of its body, must come
	                     // within it; 0: 10000
	const char *allow;   // sources that may connect, "10.0.0.0/8, fd00::/8"; NULL: all
	const char *deny;    // sources that may not; it beats allow
	struct kp_limits limits; // all zero: the defaults of limits.h
	const char *access_key; // of TARS's AK/SK, for an endpoint with -e 1: only connections that
	const char *secret_key; // begin with a proof of it are served, and no HTTP. See
	                        // docs/security.md
	int unix_mode; // permissions of a Unix socket, an endpoint such as "tcp -h /run/x.sock -p
	               // 0"; 0: 0660
	const struct kp_tls_options *tls; // for an endpoint that begins with ssl, and for one with
	                                  // tcp if they say so; NULL: none
};

// Counters of one adapter since its start. Read at any time; each is exact, the set is not one
// instant.
struct kp_adapter_stats {
	uint64_t connections_accepted, connections_open, connections_refused;
	uint64_t requests, answers, oneways, refused_overload, cancelled;
	uint64_t closed_by_peer, closed_idle, closed_bad_frame, closed_oversized,
	        closed_slow_reader, closed_reset;
	uint64_t datagrams_dropped, bytes_in, bytes_out;
	uint64_t closed_denied;  // without, or with a wrong, proof of the access key
	uint64_t closed_tls;     // no agreement: plain bytes for TLS or TLS for a plain port, or no
	                         // trust
	uint64_t shadow_refused; // requests that would have been refused
	uint64_t sources_banned;
	uint64_t closed_silent, closed_banned;
	uint64_t connections_denied;  // by the lists
	uint64_t connections_banned;  // from a source that is banned
	uint64_t connections_limited; // from a source that has enough of them
};

KP_API kp_err kp_server_open(const struct kp_server_options *options, struct kp_server **ret,
                             struct kp_why *why);

// kp_server_listen adds an adapter and binds its port; calls are accepted once the server runs.
// Port 0 picks a free one. BUSY: the port is in use. INVALID: the endpoint's text. *ret_adapter is
// the adapter's index, for what follows.
KP_API kp_err kp_server_listen(struct kp_server *server, const struct kp_adapter_options *options,
                               int *ret_adapter, struct kp_why *why);

// kp_server_endpoint returns the adapter's endpoint text with the real port. Lives as long as the
// server.
KP_API const char *kp_server_endpoint(const struct kp_server *server, int adapter);
KP_API void kp_server_stats(const struct kp_server *server, int adapter,
                            struct kp_adapter_stats *ret);

// kp_server_reload_tls reads the certificates, keys and authorities of all adapters again, while
// the server runs. Connections keep what they began with. INVALID: a file, told in `why`; the
// adapters concerned keep what they had.
KP_API kp_err kp_server_reload_tls(struct kp_server *server, struct kp_why *why);

// kp_server_serve adds a servant to an adapter. `name` is "Obj" or "App.Server.Obj"; `interface`
// and `ops` must outlive the server; `user` comes back from kp_call_user. EXISTS: the adapter has
// that servant already.
KP_API kp_err kp_server_serve(struct kp_server *server, int adapter, const char *name,
                              const struct kp_interface *interface, const void *ops, void *user);

// kp_server_start starts the loop threads and returns.
KP_API kp_err kp_server_start(struct kp_server *server);

// kp_server_stop stops accepting, lets handlers in progress finish and their answers be delivered,
// for at most `grace_ms`, then ends the threads. From a plain thread.
KP_API void kp_server_stop(struct kp_server *server, int grace_ms);

// kp_server_close frees a server; it is stopped first if it runs. NULL is fine.
KP_API void kp_server_close(struct kp_server *server);

KP_END_DECLS
