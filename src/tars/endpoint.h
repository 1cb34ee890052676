// endpoint.h - where a servant can be reached, as text: "tcp -h 10.0.0.7 -p 9001 -t 3000".
//
// An object is "App.Server.Obj" or "App.Server.Obj@endpoint:endpoint...". A colon ends an endpoint
// only where tcp, udp or ssl follows, so that IPv6 hosts survive. What is parsed are views into the
// text. Source: contract C.
#pragma once

#include "kipp/buf.h"
#include "kipp/err.h"
#include "kipp/str.h"

// The numbers are those of EndpointF.istcp.
enum kp_protocol {
	KP_PROTOCOL_UDP = 0,
	KP_PROTOCOL_TCP = 1,
	KP_PROTOCOL_SSL = 2,
};

enum {
	KP_ENDPOINT_TIMEOUT_MS = 3000, // when the text has no -t
};

struct kp_endpoint {
	enum kp_protocol protocol;
	struct kp_str host;   // -h; "*" becomes "0.0.0.0"; without one 127.0.0.1
	int32_t port;         // -p
	int32_t timeout_ms;   // -t: on a server the idle limit
	int32_t grid;         // -g
	int32_t qos;          // -q
	int32_t weight;       // -w: 0..100, -1 when unset
	int32_t weight_type;  // -v: 0 round robin, 1 static weight
	int32_t auth;         // -e: 1 local AK/SK
	struct kp_str set_id; // -s
	struct kp_str bind;   // -b: where a server listens instead of at the host
};

// kp_object is a servant's name and, maybe, its endpoints.
struct kp_object {
	struct kp_str name;      // without "#n"
	int32_t group;           // n of "Obj#n", the connection group; 0 without one
	struct kp_str endpoints; // for kp_endpoint_next; empty when it is to be looked up
};

// kp_protocol_name returns "tcp", "udp" or "ssl".
const char *kp_protocol_name(enum kp_protocol protocol);

// kp_endpoint_is_text tells whether a text begins as an endpoint does, rather than with an object's
// name.
bool kp_endpoint_is_text(struct kp_str text);

// kp_endpoint_parse reads one endpoint. Unknown options of one letter are ignored, the case of
// protocol and options does not matter, of repeated options the last counts. INVALID: said in
// `why`.
kp_err kp_endpoint_parse(struct kp_str text, struct kp_endpoint *ret, struct kp_why *why);

// kp_endpoint_next takes the first endpoint from *rest. NOTFOUND: nothing is left.
kp_err kp_endpoint_next(struct kp_str *rest, struct kp_endpoint *ret, struct kp_why *why);

// kp_endpoint_format appends the text of an endpoint, leaving out what is unset; -h, -p and -t come
// first because Go stops at options it does not know. ENCODE: a host, set or bind address that
// would not be read back.
kp_err kp_endpoint_format(const struct kp_endpoint *endpoint, struct kp_buf *out);

bool kp_endpoint_equal(const struct kp_endpoint *a, const struct kp_endpoint *b);

// kp_object_parse reads an object and checks all its endpoints.
kp_err kp_object_parse(struct kp_str text, struct kp_object *ret, struct kp_why *why);
