// packet.h - requests and responses, the messages that frames carry.
//
// Decoding yields views into the frame; nothing is copied or allocated, maps stay encoded until
// somebody asks. The versions 1 (TARS), 2 and 3 (TUP) and 5 (JSON) share the layouts, but TUP
// answers with a request packet. Source: contract B.
#pragma once

#include "kipp/buf.h"
#include "kipp/codec.h"

enum kp_packet_version {
	KP_PACKET_TARS = 1,
	KP_PACKET_TUP2 = 2,
	KP_PACKET_TUP3 = 3,
	KP_PACKET_JSON = 5,
};

enum kp_packet_type {
	KP_PACKET_NORMAL = 0,
	KP_PACKET_ONEWAY = 1,
};

enum {
	KP_FRAME_HEAD_SIZE = 4, // the frame's length, which counts itself
};

// kp_packet_map is a map<string, string> as its encoded pairs. All zero is the empty map.
struct kp_packet_map {
	struct kp_bytes bytes;
	size_t count;
};

struct kp_request_packet {
	int16_t version;
	int8_t packet_type;
	int32_t message_type;
	int32_t request_id;
	struct kp_str servant;
	struct kp_str function;
	struct kp_bytes body;
	int32_t timeout_ms;
	struct kp_packet_map context;
	struct kp_packet_map status;
};

struct kp_response_packet {
	int16_t version;
	int8_t packet_type;
	int32_t request_id;
	int32_t message_type;
	int32_t ret;
	struct kp_bytes body;
	struct kp_packet_map status;
	struct kp_str reason; // sResultDesc
	struct kp_packet_map context;
};

// kp_packet_pair_encode appends a pair to a map that is being built; the caller counts.
void kp_packet_pair_encode(struct kp_buf *pairs, struct kp_str key, struct kp_str value);

// kp_packet_map_next walks the pairs of a decoded or built map: start with *cursor 0; false at the
// end.
bool kp_packet_map_next(const struct kp_packet_map *map, size_t *cursor, struct kp_str *ret_key,
                        struct kp_str *ret_value);

// kp_packet_map_find finds the first value of a key.
bool kp_packet_map_find(const struct kp_packet_map *map, struct kp_str key,
                        struct kp_str *ret_value);

// kp_request_packet_decode and kp_response_packet_decode read the packet in a frame (`bytes` is
// without the frame's length). `arena` may be NULL; it is used only for a body that comes as a list
// of int8. DECODE: malformed, or a required field is missing.
kp_err kp_request_packet_decode(struct kp_bytes bytes, struct kp_arena *arena,
                                struct kp_request_packet *ret);
kp_err kp_response_packet_decode(struct kp_bytes bytes, struct kp_arena *arena,
                                 struct kp_response_packet *ret);

// kp_request_packet_encode and kp_response_packet_encode append a whole frame with its length. A
// response's reason is written when it is not empty or ret is not 0, its context when it is not
// empty. On failure `out` keeps its length.
kp_err kp_request_packet_encode(struct kp_buf *out, const struct kp_request_packet *packet);
kp_err kp_response_packet_encode(struct kp_buf *out, const struct kp_response_packet *packet);

// kp_response_mark remembers, by offsets, the response that is being written straight into a
// buffer.
struct kp_response_mark {
	size_t start; // of the frame
	size_t body;  // of sBuffer's bytes
	kp_err err;   // of the buffer before the response
};

// kp_response_begin starts a response with ret 0 whose body is then encoded into `out`; either end
// or abort follows.
void kp_response_begin(struct kp_buf *out, struct kp_response_mark *mark, int16_t version,
                       int32_t request_id, int32_t message_type);

// kp_response_end finishes it, with exactly the bytes that kp_response_packet_encode would give.
// `status` and `context` may be NULL. On failure abort is still to be called.
kp_err kp_response_end(struct kp_buf *out, const struct kp_response_mark *mark,
                       const struct kp_packet_map *status, const struct kp_packet_map *context);

// kp_response_abort takes the response back, with the error that it may have left in `out`.
void kp_response_abort(struct kp_buf *out, const struct kp_response_mark *mark);
