// call_internal.h - the inside of a call.
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "kipp/call.h"
#include "os/sock.h"
#include "rpc/io.h"
#include "tars/packet.h"

#include <assert.h>

struct kp_face;
struct kp_wait_list;
struct kp_function;

// pairs is a map<string, string> that is being built; the bytes are owned.
struct kp_pairs {
	struct kp_buf bytes;
	size_t count;
};

kp_err kp_pairs_add(struct kp_pairs *pairs, struct kp_str key, struct kp_str value);
void kp_pairs_clear(struct kp_pairs *pairs);
void kp_pairs_fini(struct kp_pairs *pairs);
struct kp_packet_map kp_pairs_map(const struct kp_pairs *pairs);

// kp_call_in is the request that a handler answers.
struct kp_call_in {
	struct server_loop *loop;     // borrowed; NULL: this call is a client's scope
	struct adapter_loop *adapter; // borrowed
	struct server_conn *conn;     // referenced while the call lasts; NULL: it came by UDP
	struct udp_port *udp;         // borrowed
	struct kp_address peer;       // of UDP
	struct kp_block *block;       // referenced; holds the packet
	struct kp_request_packet packet;
	const struct servant *servant;
	const struct kp_function *function;
	struct kp_buf *answer; // where the answer is being encoded, or NULL
	struct kp_response_mark mark;
	const struct kp_face *face; // NULL: the answer goes straight to the connection
	void *face_arg;             // the face's
	struct kp_buf body;         // owned; the answer's body of a call with a face
	int64_t begun_ns;           // the batch's time when it came
	int64_t service_ns;         // that it kept a thread of a pool; 0: none
	int holders;                // who still has a call that left its loop
	bool is_deferred;
	bool is_counted;         // among the calls in progress
	struct kp_task returned; // its handler is done with it
	struct kp_task done;     // so is whoever answers it later
	int fail_code;
	struct kp_str fail_text;
	struct kp_pairs answer_context;
};

// kp_call_options is how the calls made from here are made. All zero: nothing is said.
struct kp_call_options {
	int timeout_ms;
	int8_t priority; // and 1; it was set, or came with the request
	bool is_retry; // the request is somebody's second try: what is done for it is not repeated
	bool has_hash;
	bool is_key; // the hash is one of a key
};

// kp_call_options_word is 0 when nothing is said.
static inline uint64_t kp_call_options_word(const struct kp_call_options *options)
{
	uint64_t word;
	static_assert(sizeof(word) == sizeof(*options), "one word, set and looked at as one");
	memcpy(&word, options, sizeof(word));
	return word;
}

// kp_call_out is what the calls made from here share, and what the last answer brought.
struct kp_call_out {
	struct kp_client *client; // of a scope; NULL in a handler
	struct kp_call_options options;
	uint32_t hash;          // of options.has_hash
	struct kp_list pending; // requests of a handler on their loop; all zero until there is one
	struct kp_wait_list *sleeps; // the handler sleeps on its loop; else NULL
	struct kp_loop *driven;      // atomic; the loop of its own that a handler waits on, or NULL
	struct kp_task wake;         // for that loop
	struct kp_pairs context;
	int ret;
	struct kp_str reason;
	struct kp_packet_map answer_context;
};

struct kp_call {
	struct kp_link link;       // in the connection's unfinished calls
	struct kp_call *next_free; // in the loop's free calls
	struct kp_link queue_link; // in a pool's queue
	struct kp_arena arena;
	int64_t deadline_ns; // KP_NS_NEVER: none
	bool is_cancelled;   // atomic; nobody waits for its answer any more
	struct kp_call_in in;
	struct kp_call_out out;
};
