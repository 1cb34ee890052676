// client.h - reaching servants by name.
//
// A client may be used from many threads. Inside a handler or an asynchronous callback a call
// suspends its fiber; on a plain thread it drives a private loop of that thread until the answer is
// there. A callback that runs on such a private loop calls only through its own client (STATE).
#pragma once

#include "kipp/buf.h"
#include "kipp/call.h"
#include "kipp/tls.h"

KP_BEGIN_DECLS

struct kp_client;
struct kp_proxy;

struct kp_client_options {
	const char *locator;     // "tars.tarsregistry.QueryObj@tcp -h H -p P:...", or only the
	                         // endpoints, or NULL
	int timeout_ms;          // of a call; 0: 3000
	int connect_timeout_ms;  // 0: 1500
	int refresh_interval_ms; // of the endpoints found through the locator; 0: 10000
	size_t frame_size_max;   // of an answer; 0: 100 MiB
	const char *caller;      // "App.Server" of whoever calls, told to servers; NULL: nobody
	const char *set;         // "name.area.group" or NULL
	const struct kp_tls_options *tls; // for endpoints that begin with ssl; NULL: no certificate
	                                  // of our own, and the system's authorities
	int retry_percent; // of the calls may be sent a second time, and a few a second more; 0:
	                   // 10, negative: none
};

// kp_client_open makes a client. INVALID: an option's text is wrong, said in `why`.
KP_API kp_err kp_client_open(const struct kp_client_options *options, struct kp_client **ret,
                             struct kp_why *why);

// kp_client_close ends all connections; calls in flight end with CANCELLED, and so do the callbacks
// of asynchronous ones, before it returns. Only once no other thread uses the client or, having
// used it, is about to end, and not from one of its own callbacks.
KP_API void kp_client_close(struct kp_client *client);

// kp_client_reload_tls reads the files of its TLS options again, for connections to come; see
// tls.h. INVALID: a file; nothing has changed.
KP_API kp_err kp_client_reload_tls(struct kp_client *client, struct kp_why *why);

// kp_client_drive runs this plain thread's loop until no asynchronous call of this client is in
// flight on it, or `timeout_ms` have passed (TIMEOUT).
KP_API kp_err kp_client_drive(struct kp_client *client, int timeout_ms);

// kp_client_listen runs this plain thread's loop for `duration_ms`, calls in flight or not: for
// those who wait for pushes.
KP_API kp_err kp_client_listen(struct kp_client *client, int duration_ms);

// kp_client_proxy returns the proxy for "App.Server.Obj" or "App.Server.Obj@tcp -h H -p P:...". The
// client owns it and returns the same one for the same text. Returns NULL only when out of memory;
// a bad text fails the calls (INVALID).
KP_API struct kp_proxy *kp_client_proxy(struct kp_client *client, const char *object);

KP_API const char *kp_proxy_object(const struct kp_proxy *proxy);

// kp_function_policy says what may be done for a call of a function that goes wrong. What was not
// sent at all always goes elsewhere, and an application's error never does; in between, a second
// copy of a call counts against a budget of the client.
struct kp_function_policy {
	const char *function; // NULL: all that have no policy of their own
	bool is_idempotent;   // may be run twice: sent again when the endpoint broke, and hedged
	int retries_max;      // copies sent after the first one failed; 0: 1, negative: none
	int hedge_ms;         // without an answer for so long a second endpoint is asked, the first
	                      // good answer wins; only if idempotent; 0: never
	int timeout_ms;       // where the call's scope sets none; 0: the client's
};

// kp_balancer is how an endpoint is chosen among those that are well. A call whose scope has a key
// or a hash (kp_call_set_key, kp_call_set_hash) goes by that whatever the balancer: by a hash to
// the place that is its remainder, as TARS does, by a key along a consistent hash.
enum kp_balancer {
	KP_BALANCE_ROUND_ROBIN,     // in turn; by weight where the registry says so (-v 1)
	KP_BALANCE_WEIGHTED,        // in turn, by weight, smoothly
	KP_BALANCE_HASH,            // keys and hashes by remainder
	KP_BALANCE_CONSISTENT_HASH, // keys and hashes by a ring with bounded load
	KP_BALANCE_LEAST_LATENCY,   // the better of two drawn at random, by good answers a second
};

struct kp_proxy_options {
	const struct kp_function_policy *policies; // copied
	size_t policy_count;
	int oneway_queue_max; // one-way calls that wait for one endpoint's connection; more are
	                      // refused (OVERLOAD). 0: 10000, negative: none may wait, only what
	                      // the kernel takes at once is sent
	enum kp_balancer balancer;
	int subset_size;        // of the endpoints, this client calls so many; 0: all
	int slow_start_ms;      // a new endpoint gets its full share after so long; 0: at once
	int isolated_share_max; // percent of the endpoints that may be left out because they are
	                        // sick; 0: 50, negative: none
	const char *access_key; // of TARS's AK/SK, for endpoints with -e 1; NULL: none
	const char *secret_key;
};

// kp_proxy_configure replaces a proxy's options, at any time and from any thread; calls under way
// keep the old ones, whose memory lasts as long as the client. An object that the configuration of
// the application speaks of (/tars/application/client/OBJECT) goes by that instead. INVALID: a
// number or name is wrong; LIMIT: it was replaced a thousand times.
KP_API kp_err kp_proxy_configure(struct kp_proxy *proxy, const struct kp_proxy_options *options);

// kp_pushed is what a server sent without being asked. Its views last until the callback returns.
struct kp_pushed {
	struct kp_str function; // as the server named it, or empty
	int ret;
	struct kp_str reason;
	struct kp_bytes body;
};

typedef void (*kp_on_push)(void *user, const struct kp_pushed *pushed);

// kp_proxy_on_push has `on_push` called for what the servers of this proxy push on connections that
// its calls opened: on a fiber of the thread whose connection it is. Proxies that lead to one
// endpoint share its connection and all hear of it. Before the proxy's first call; what nobody
// asked for is counted and dropped.
KP_API void kp_proxy_on_push(struct kp_proxy *proxy, kp_on_push on_push, void *user);
// kp_client_pushes_dropped is how many pushes nobody had asked for.
KP_API uint64_t kp_client_pushes_dropped(const struct kp_client *client);

KP_END_DECLS
