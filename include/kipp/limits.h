// limits.h - what an adapter grants its callers, seen and changed while it runs.
//
// All limits are numbers of one table, so that configuration keys, admin commands and documentation
// read it alike. In kp_adapter_options, 0 means the default and a number below 0 no limit.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

KP_BEGIN_DECLS

struct kp_server;

// One row per limit: field, default, what it is. A source is an IPv4 address or an IPv6 /64. The
// defaults leave a load balancer or a NAT with thousands of clients behind it alone: what one
// source may have is most of what all may have, and rates of bytes and packets, which tell nothing
// about an attack, have no limit unless one is set.
#define KP_LIMIT_MAP(X)                                                                            \
	X(connections_max, 10240, "open connections")                                              \
	X(queue_max, 10240, "requests in progress; more are refused with -9")                      \
	X(delay_target_ms, 20, "while requests wait longer, some are refused with -9")             \
	X(held_ms, 200, "a handler that holds its loop longer is named in the log")                \
	X(is_shadow, -1, "1: count what the delay would refuse, and serve it")                     \
	X(source_connections_max, 8000, "open connections of one source")                          \
	X(source_connects_per_s, 2000, "new connections of one source in a second")                \
	X(source_bytes_per_s, -1, "bytes from one source in a second")                             \
	X(source_packets_per_s, -1, "packets from one source in a second")                         \
	X(source_malformed_max, 16, "malformed packets of one source in a minute")                 \
	X(ban_s, 30, "first ban of an offender; each further one is twice as long")                \
	X(ban_max_s, 3600, "the longest ban")                                                      \
	X(forget_s, 1800, "of good behaviour, after which bans are forgotten")                     \
	X(sources_max, 65536, "sources that are known at a time")                                  \
	X(empty_conn_ms, 5000, "from a connection's begin to its first packet")                    \
	X(frame_ms, 10000, "from a packet's first byte to its last; large ones get more")          \
	X(reader_ms, 20000, "in which a peer must take some of its answers")                       \
	X(unread_size_max, 268435456, "answers of all connections that their peers have not read") \
	X(partial_size_max, 268435456, "begun packets of all connections")                         \
	X(suspend_offences_per_s, 1000, "refused, banned, malformed or silent; more is an attack") \
	X(suspend_ms, 5000, "for which an attacked adapter that cannot keep up stops accepting")

struct kp_limits {
#define KP_LIMIT_FIELD(field, normal, text) int64_t field;
	KP_LIMIT_MAP(KP_LIMIT_FIELD)
#undef KP_LIMIT_FIELD
};

// kp_limits_names are the fields' names in their order, ended by NULL.
KP_API const char *const *kp_limits_names(void);
// kp_limits_field finds a limit by its name; NULL: there is none.
KP_API int64_t *kp_limits_field(struct kp_limits *limits, struct kp_str name);
// kp_limits_fill puts defaults where there is 0.
KP_API void kp_limits_fill(struct kp_limits *limits);

// kp_server_limits tells the limits of an adapter, kp_server_set_limits changes them: at once where
// connections are accepted, within a second elsewhere. From any thread. INVALID: no such adapter.
KP_API kp_err kp_server_limits(const struct kp_server *server, int adapter, struct kp_limits *ret);
KP_API kp_err kp_server_set_limits(struct kp_server *server, int adapter,
                                   const struct kp_limits *limits);

// kp_event_kind is what a server has to tell its owner.
enum kp_event_kind {
	KP_EVENT_BAN,     // a source is banned
	KP_EVENT_SUSPEND, // an adapter stops accepting
	KP_EVENT_RESUME,  // it accepts again
	KP_EVENT_HELD,    // a handler holds its loop
};

struct kp_server_event {
	enum kp_event_kind kind;
	int adapter;
	char source[64]; // of a ban: "10.0.0.7" or "fd00::/64"; else empty
	char text[192];  // a sentence for a person
};

// kp_server_next_event takes the oldest event that nobody has taken yet; false: there is none. The
// last 64 are kept. Held loops are found by asking, so ask often, as an app does. From any thread.
KP_API bool kp_server_next_event(struct kp_server *server, struct kp_server_event *ret);

// kp_server_is_suspended tells whether an adapter has stopped accepting because of an attack; it
// resumes by itself. From any thread.
KP_API bool kp_server_is_suspended(const struct kp_server *server, int adapter);

KP_END_DECLS
