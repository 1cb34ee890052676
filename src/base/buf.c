// buf.c - the growing side of kp_buf.
#include "kipp/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	CAP_MIN = 256
};

void kp_buf_fini(struct kp_buf *buf)
{
	kp_free(buf->data);
	*buf = (struct kp_buf){.len_max = buf->len_max};
}

bool kp_buf_grow(struct kp_buf *buf, size_t more)
{
	if (buf->err != KP_OK)
		return false;
	size_t len_max = buf->len_max ? buf->len_max : SIZE_MAX / 2;
	if (more > len_max || buf->len > len_max - more) {
		buf->err = KP_ERR_LIMIT;
		return false;
	}
	size_t cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap * 2;
	if (cap < buf->len + more)
		cap = buf->len + more;
	if (cap > len_max)
		cap = len_max; // room over the limit would be used without asking
	uint8_t *data = kp_realloc(buf->data, cap);
	if (!data) {
		buf->err = KP_ERR_NOMEM;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

void kp_buf_printf(struct kp_buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	uint8_t *to = len < 0 ? NULL : kp_buf_reserve(buf, (size_t)len + 1);
	if (!to)
		return;
	va_start(args, format);
	vsnprintf((char *)to, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}
