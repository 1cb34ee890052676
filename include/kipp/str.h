// str.h - text and bytes as views: a pointer and a length, owned by somebody else.
//
// Text is UTF-8 and has no NUL at its end. An empty view may have a NULL pointer.
#pragma once

#include "kipp/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

KP_BEGIN_DECLS

struct kp_str {
	const char *ptr;
	size_t len;
};

struct kp_bytes {
	const uint8_t *ptr;
	size_t len;
};

// KP_STR_ARG spreads a view over printf's "%.*s".
#define KP_STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

// KP_STR initialises a view of a literal, in tables too: struct kp_str name = KP_STR("bob");
#define KP_STR(literal)                         \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}

// kp_str views a NUL-terminated text, or nothing if `text` is NULL.
static inline struct kp_str kp_str(const char *text)
{
	struct kp_str str = {text, text ? strlen(text) : 0};
	return str;
}

static inline bool kp_str_equal(struct kp_str a, struct kp_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool kp_bytes_equal(struct kp_bytes a, struct kp_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline struct kp_str kp_str_sub(struct kp_str str, size_t start, size_t end)
{
	struct kp_str sub = {str.ptr ? str.ptr + start : NULL, end - start};
	return sub;
}

// kp_str_compare orders by bytes, as memcmp does; a prefix comes first.
KP_API int kp_str_compare(struct kp_str a, struct kp_str b);

KP_END_DECLS
