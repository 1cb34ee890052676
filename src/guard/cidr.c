// cidr.c - lists of address ranges, and who is in them.
#include "guard/cidr.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"

#include <arpa/inet.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

// --- addresses

struct kp_ip kp_ip_v4(const void *bytes)
{
	struct kp_ip ip;
	memcpy(ip.bytes, mapped, sizeof(mapped));
	memcpy(ip.bytes + sizeof(mapped), bytes, 4);
	return ip;
}

struct kp_ip kp_ip_v6(const void *bytes)
{
	struct kp_ip ip;
	memcpy(ip.bytes, bytes, sizeof(ip.bytes));
	return ip;
}

bool kp_ip_is_v4(const struct kp_ip *ip)
{
	return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

void kp_ip_format(const struct kp_ip *ip, char text[KP_IP_TEXT_MAX])
{
	bool is_v4 = kp_ip_is_v4(ip);
	if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, ip->bytes + (is_v4 ? 12 : 0), text,
	               KP_IP_TEXT_MAX))
		text[0] = '\0';
}

// --- ranges

static bool read_ip(struct kp_str text, struct kp_ip *ret)
{
	char name[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof(name) || memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(name, text.ptr, text.len);
	name[text.len] = '\0';
	uint8_t bytes[16];
	if (inet_pton(AF_INET, name, bytes) == 1)
		*ret = kp_ip_v4(bytes);
	else if (inet_pton(AF_INET6, name, bytes) == 1)
		*ret = kp_ip_v6(bytes);
	else
		return false;
	return true;
}

static bool has_more_bits(const struct kp_cidr *cidr)
{
	for (unsigned bit = cidr->bits; bit < 128; bit++)
		if (cidr->ip.bytes[bit / 8] & (0x80U >> bit % 8))
			return true;
	return false;
}

kp_err kp_cidr_parse(struct kp_str text, struct kp_cidr *ret, struct kp_why *why)
{
	size_t slash = kp_str_find(text, '/');
	struct kp_cidr cidr = {.bits = 128};
	if (!read_ip(kp_str_sub(text, 0, slash), &cidr.ip))
		return kp_why_set(why, KP_ERR_INVALID, "\"%.*s\" is no IPv4 or IPv6 address",
		                  KP_STR_ARG(text));
	if (slash < text.len) {
		// "::ffff:10.0.0.0/104" is the same as "10.0.0.0/8".
		bool has_colon = kp_str_find(text, ':') < slash;
		int64_t bits, most = has_colon ? 128 : 32;
		if (kp_str_i64(kp_str_sub(text, slash + 1, text.len), 0, most, &bits) != KP_OK)
			return kp_why_set(why, KP_ERR_INVALID,
			                  "\"%.*s\" needs a number from 0 to %d after its '/'",
			                  KP_STR_ARG(text), (int)most);
		cidr.bits = (unsigned)(bits + 128 - most);
	}
	if (has_more_bits(&cidr))
		return kp_why_set(why, KP_ERR_INVALID, "\"%.*s\" has bits set beyond its prefix",
		                  KP_STR_ARG(text));
	*ret = cidr;
	return KP_OK;
}

bool kp_cidr_has(const struct kp_cidr *cidr, const struct kp_ip *ip)
{
	unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
	if (memcmp(cidr->ip.bytes, ip->bytes, whole) != 0)
		return false;
	return rest == 0 || ((cidr->ip.bytes[whole] ^ ip->bytes[whole]) & (0xff00U >> rest)) == 0;
}

// --- lists

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// next_item takes the next range's text from *at on; empty: there is none.
static struct kp_str next_item(struct kp_str text, size_t *at)
{
	while (*at < text.len && is_separator(text.ptr[*at]))
		++*at;
	size_t start = *at;
	while (*at < text.len && !is_separator(text.ptr[*at]))
		++*at;
	return kp_str_sub(text, start, *at);
}

static kp_err count_items(struct kp_str text, size_t *ret, struct kp_why *why)
{
	size_t count = 0;
	for (size_t at = 0; next_item(text, &at).len > 0;)
		count++;
	*ret = count;
	return count <= KP_CIDR_LIST_MAX ? KP_OK
	                                 : kp_why_set(why, KP_ERR_LIMIT, "%zu ranges, more than %d",
	                                              count, KP_CIDR_LIST_MAX);
}

kp_err kp_cidr_list_parse(struct kp_str text, struct kp_cidr_list *ret, struct kp_why *why)
{
	size_t count;
	KP_TRY(count_items(text, &count, why));
	struct kp_cidr_list list = {.len = count};
	list.items = count ? kp_alloc_zero(count, sizeof(*list.items)) : NULL;
	if (count && !list.items)
		return kp_why_set(why, KP_ERR_NOMEM, "%s", kp_err_text(KP_ERR_NOMEM));
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		struct kp_str item = next_item(text, &at);
		struct kp_why inner;
		kp_err err = kp_cidr_parse(item, &list.items[i], &inner);
		if (err == KP_OK)
			continue;
		kp_cidr_list_fini(&list);
		return kp_why_set(why, err, "range %zu, at character %zu: %s", i + 1,
		                  at - item.len + 1, inner.text);
	}
	*ret = list;
	return KP_OK;
}

void kp_cidr_list_fini(struct kp_cidr_list *list)
{
	kp_free(list->items);
	*list = (struct kp_cidr_list){0};
}

bool kp_cidr_list_has(const struct kp_cidr_list *list, const struct kp_ip *ip)
{
	for (size_t i = 0; i < list->len; i++)
		if (kp_cidr_has(&list->items[i], ip))
			return true;
	return false;
}
