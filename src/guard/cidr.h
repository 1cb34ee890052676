// cidr.h - lists of address ranges, and who is in them: "10.0.0.0/8, 192.168.1.7, fd00::/8".
//
// An IPv4 address is kept as the IPv6 address that maps it, so that a client is the same whichever
// way its address is written.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

enum {
	KP_IP_TEXT_MAX = 64,
	KP_CIDR_LIST_MAX = 4096, // ranges of one list
};

struct kp_ip {
	uint8_t bytes[16];
};

// kp_ip_v4 and kp_ip_v6 take an address's bytes, 4 or 16, in the order of the network.
struct kp_ip kp_ip_v4(const void *bytes);
struct kp_ip kp_ip_v6(const void *bytes);
bool kp_ip_is_v4(const struct kp_ip *ip);
// kp_ip_format writes "10.0.0.7" or "fd00::7".
void kp_ip_format(const struct kp_ip *ip, char text[KP_IP_TEXT_MAX]);

// kp_cidr is the addresses that begin with the first `bits` bits of `ip`; an IPv4 range has 96
// more.
struct kp_cidr {
	struct kp_ip ip;
	unsigned bits;
};

// kp_cidr_parse reads an address or a range; bits beyond its prefix must be zero, for "10.1.0.0/8"
// is more often a slip than a wish. INVALID.
kp_err kp_cidr_parse(struct kp_str text, struct kp_cidr *ret, struct kp_why *why);
bool kp_cidr_has(const struct kp_cidr *cidr, const struct kp_ip *ip);

// kp_cidr_list is all zero when empty.
struct kp_cidr_list {
	struct kp_cidr *items; // owned
	size_t len;
};

// kp_cidr_list_parse reads ranges separated by ',' or blanks; an empty text is an empty list. `why`
// says which item is wrong and where. INVALID, LIMIT.
kp_err kp_cidr_list_parse(struct kp_str text, struct kp_cidr_list *ret, struct kp_why *why);
void kp_cidr_list_fini(struct kp_cidr_list *list);
bool kp_cidr_list_has(const struct kp_cidr_list *list, const struct kp_ip *ip);

// kp_cidr_permits tells whether an address may come: it is not denied, and is allowed or nobody is
// allowed by name.
static inline bool kp_cidr_permits(const struct kp_cidr_list *allow,
                                   const struct kp_cidr_list *deny, const struct kp_ip *ip)
{
	return !kp_cidr_list_has(deny, ip) && (allow->len == 0 || kp_cidr_list_has(allow, ip));
}
