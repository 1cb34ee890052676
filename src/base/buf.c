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

// print_exactly prints where there is no room for the NUL that vsnprintf puts behind its text.
static void print_exactly(struct kp_buf *buf, size_t len, const char *format, va_list args)
{
	kp_cleanup(kp_freep) char *text = kp_alloc(len + 1);
	if (!text) {
		buf->err = KP_ERR_NOMEM;
		return;
	}
	vsnprintf(text, len + 1, format, args);
	kp_buf_append(buf, text, len);
}

void kp_buf_printf(struct kp_buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 && buf->err == KP_OK)
		buf->err = KP_ERR_INVALID;
	if (len <= 0 || !kp_buf_reserve(buf, (size_t)len))
		return;
	size_t room = buf->cap - buf->len;
	va_start(args, format);
	if (room > (size_t)len) {
		vsnprintf((char *)buf->data + buf->len, room, format, args);
		buf->len += (size_t)len;
	} else {
		print_exactly(buf, (size_t)len, format, args);
	}
	va_end(args);
}
