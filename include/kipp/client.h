// client.h - reaching servants by name.
//
// A client may be used from many threads. Inside a handler or an asynchronous callback a call
// suspends its fiber; on a plain thread it drives a private loop of that thread until the answer is
// there. A callback that runs on such a private loop calls only through its own client (STATE).
#pragma once

#include "kipp/call.h"

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
	const char *caller;      // "App.Server", for the reports to come; nothing reads it yet
	const char *set;         // "name.area.group" or NULL
};

// kp_client_open makes a client. INVALID: an option's text is wrong, said in `why`.
KP_API kp_err kp_client_open(const struct kp_client_options *options, struct kp_client **ret,
                             struct kp_why *why);

// kp_client_close ends all connections; calls in flight end with CANCELLED, and so do the callbacks
// of asynchronous ones, before it returns. Only once no other thread uses the client, and not from
// one of its own callbacks.
KP_API void kp_client_close(struct kp_client *client);

// kp_client_drive runs this plain thread's loop until no asynchronous call of this client is in
// flight on it, or `timeout_ms` have passed (TIMEOUT).
KP_API kp_err kp_client_drive(struct kp_client *client, int timeout_ms);

// kp_client_proxy returns the proxy for "App.Server.Obj" or "App.Server.Obj@tcp -h H -p P:...". The
// client owns it and returns the same one for the same text. Returns NULL only when out of memory;
// a bad text fails the calls (INVALID).
KP_API struct kp_proxy *kp_client_proxy(struct kp_client *client, const char *object);

KP_API const char *kp_proxy_object(const struct kp_proxy *proxy);

KP_END_DECLS
