// sources.h - who connects, how they behave, and who is banned for a while.
//
// A source is an IPv4 address or an IPv6 /64. One table serves an adapter; who has several threads
// locks around it. It is bounded: where it is full, the least interesting of a few entries drawn by
// lot makes room. Sources with connections and sources that are banned never do, so that addresses
// in plenty cannot wash out a ban; a newcomer without room is served, but not counted.
//
// An offence is a malformed packet, a connection that stays silent, or one that is refused for
// coming too fast. A source is banned once its offences of a minute are over the limit and more
// than one in twenty of its good packets, so that one sick client behind a NAT does not harm the
// others. Each ban is twice as long as the one before; good behaviour makes all of them forgotten.
#pragma once

#include "guard/cidr.h"
#include "kipp/limits.h"

enum {
	KP_SOURCES_EVENTS = 64, // that wait for the owner; more overwrite the oldest
};

typedef enum kp_source_verdict {
	KP_SOURCE_OK,
	KP_SOURCE_BANNED,
	KP_SOURCE_TOO_MANY, // connections
	KP_SOURCE_TOO_FAST, // connections
} kp_source_verdict;

// kp_source is one entry of the table.
struct kp_source {
	struct kp_ip ip;
	uint32_t next; // of its bucket or of the free ones, as index + 1; 0: the last
	uint32_t bans; // so far, not forgotten
	bool is_used;
	int connections;
	float good;             // packets of the last minute
	float bad;              // offences of the last minute
	int64_t touched_ns;     // the last time of all
	int64_t connect_ns;     // when its next connection is due at the permitted rate
	int64_t ban_until_ns;   // 0: never banned
	int64_t second_ns;      // begin of the second that is counted
	int64_t bytes, packets; // of that second
};

struct kp_sources_stats {
	uint64_t banned; // bans so far
	uint64_t refused_banned, refused_many, refused_fast;
	uint64_t untracked; // newcomers without room
	uint64_t suspended; // times
};

struct kp_sources {
	struct kp_limits limits;
	struct kp_source *entries; // owned
	uint32_t *buckets;         // owned; heads, as index + 1
	uint32_t cap, len;         // a power of two; entries in use
	uint32_t free;             // index + 1
	uint64_t seed, dice;
	struct kp_sources_stats stats;
	uint64_t ban_epoch; // changes with each ban

	int64_t offences_ns;        // begin of the second in which offences are counted
	uint64_t offences;          // of all sources
	int64_t suspended_until_ns; // 0: not
	int64_t resumed_ns;
	unsigned suspensions; // in a row

	struct kp_server_event events[KP_SOURCES_EVENTS];
	uint64_t event_first, event_end;
	int adapter; // its number in events
};

// kp_sources_init readies an empty table; `limits` are filled in already. `seed` is dice: nobody
// can aim at a bucket or at an entry to be evicted.
void kp_sources_init(struct kp_sources *sources, int adapter, const struct kp_limits *limits,
                     uint64_t seed);
void kp_sources_fini(struct kp_sources *sources);

// kp_sources_connect decides over a new connection, and counts it if it is OK; then tell its end.
kp_source_verdict kp_sources_connect(struct kp_sources *sources, const struct kp_ip *ip,
                                     int64_t now_ns);
void kp_sources_disconnect(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns);

// kp_sources_note counts what came from a source since the last time. True: it is banned for that.
bool kp_sources_note(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns,
                     uint64_t bytes, uint64_t packets);

// kp_offence is what a connection did wrong.
enum kp_offence {
	KP_OFFENCE_MALFORMED, // a packet
	KP_OFFENCE_SILENT,    // no packet in time, or none completed
	KP_OFFENCE_UNREAD,    // answers that nobody takes
};

// kp_sources_offend notes an offence of a source whose address is known to be its own (of UDP it is
// not: use kp_sources_offend_unknown). `spoiled` packets of it were counted as good, and are not.
// True: it is banned now.
bool kp_sources_offend(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns,
                       enum kp_offence offence, uint64_t spoiled);
void kp_sources_offend_unknown(struct kp_sources *sources, int64_t now_ns);

bool kp_sources_is_banned(const struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns);
// kp_sources_is_trusted: it has sent good packets lately and is not banned.
bool kp_sources_is_trusted(const struct kp_sources *sources, const struct kp_ip *ip,
                           int64_t now_ns);

// kp_sources_tick looks for a mass attack, about once a second; `is_strained` tells that the
// adapter cannot keep up. It returns whether the adapter is to be suspended: not to accept, and to
// keep only connections of trusted sources.
bool kp_sources_tick(struct kp_sources *sources, int64_t now_ns, bool is_strained);

// kp_sources_next_event takes the oldest event; false: there is none.
bool kp_sources_next_event(struct kp_sources *sources, struct kp_server_event *ret);
