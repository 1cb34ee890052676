// buf.h - a growing run of bytes that remembers its first error.
//
// Append without checking and ask once at the end: after an error every append is without effect.
// All zero is a valid empty buffer without a limit.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

KP_BEGIN_DECLS

struct kp_buf {
	uint8_t *data; // owned
	size_t len;
	size_t cap;
	size_t len_max; // 0: no limit
	kp_err err;
};

KP_API void kp_buf_fini(struct kp_buf *buf);

// kp_buf_grow makes room for `more` bytes. Returns false, and sets `err` to NOMEM or LIMIT, when it
// cannot.
KP_API bool kp_buf_grow(struct kp_buf *buf, size_t more);

// kp_buf_reserve returns where the next `size` bytes go, or NULL; the caller adds what it wrote to
// `len`.
static inline uint8_t *kp_buf_reserve(struct kp_buf *buf, size_t size)
{
	if (KP_UNLIKELY(buf->err != KP_OK))
		return NULL;
	if (KP_UNLIKELY(buf->cap - buf->len < size) && !kp_buf_grow(buf, size))
		return NULL;
	return buf->data + buf->len;
}

// kp_buf_clear forgets content and error and keeps the memory.
static inline void kp_buf_clear(struct kp_buf *buf)
{
	buf->len = 0;
	buf->err = KP_OK;
}

static inline void kp_buf_append(struct kp_buf *buf, const void *data, size_t size)
{
	uint8_t *to = size ? kp_buf_reserve(buf, size) : NULL;
	if (!to)
		return;
	memcpy(to, data, size);
	buf->len += size;
}

static inline void kp_buf_append_str(struct kp_buf *buf, struct kp_str str)
{
	kp_buf_append(buf, str.ptr, str.len);
}

static inline void kp_buf_append_byte(struct kp_buf *buf, uint8_t byte)
{
	kp_buf_append(buf, &byte, 1);
}

// kp_buf_printf appends formatted text, without a NUL.
KP_API void kp_buf_printf(struct kp_buf *buf, const char *format, ...) KP_PRINTF(2, 3);

static inline struct kp_str kp_buf_str(const struct kp_buf *buf)
{
	struct kp_str str = {(const char *)buf->data, buf->len};
	return str;
}

static inline struct kp_bytes kp_buf_bytes(const struct kp_buf *buf)
{
	struct kp_bytes bytes = {buf->data, buf->len};
	return bytes;
}

KP_END_DECLS
