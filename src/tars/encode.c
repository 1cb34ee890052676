// encode.c - the encoding half of codec.h: one reservation per field.
#include "tars/wire.h"

static const size_t size_max = INT32_MAX; // of a text, bytes, list or map

static void fail(struct kp_buf *out)
{
	if (out->err == KP_OK)
		out->err = KP_ERR_ENCODE;
}

// field makes room for a head and `size` bytes.
static uint8_t *field(struct kp_buf *out, unsigned tag, size_t size)
{
	if (tag > KP_WIRE_TAG_MAX) {
		fail(out);
		return NULL;
	}
	return kp_buf_reserve(out, KP_WIRE_HEAD_MAX + size);
}

static inline void done(struct kp_buf *out, const uint8_t *end)
{
	out->len = (size_t)(end - out->data);
}

// is_quick tells whether a head of one byte and `size` bytes can be written without more ado. What
// is not quick goes to another function as a tail call, so that the quick path needs no frame.
static inline bool is_quick(const struct kp_buf *out, unsigned tag, size_t size)
{
	return KP_LIKELY(tag <= KP_WIRE_TAG_SHORT_MAX && out->err == KP_OK &&
	                 out->cap - out->len > size);
}

// kp_int_encode_slow writes where there is little room, or none: exactly as much as the number
// needs counts against the buffer's limit.
void kp_int_encode_slow(struct kp_buf *out, unsigned tag, int64_t value)
{
	uint8_t bytes[KP_WIRE_NUMBER_SIZE];
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_MAX))
		fail(out);
	else
		kp_buf_append(out, bytes, (size_t)(kp_wire_put_int(bytes, tag, value) - bytes));
}

uint8_t *kp_run_begin_slow(struct kp_buf *out, uint8_t *spare, size_t size)
{
	bool has_room =
	        out->len_max == 0 || (out->len <= out->len_max && out->len_max - out->len > size);
	uint8_t *at = has_room ? kp_buf_reserve(out, size + 1) : NULL;
	return at ? at : spare;
}

void kp_f32_encode(struct kp_buf *out, unsigned tag, float value)
{
	uint8_t *at = field(out, tag, sizeof(value));
	if (at)
		done(out, kp_f32_put(at, tag, value));
}

void kp_f64_encode(struct kp_buf *out, unsigned tag, double value)
{
	uint8_t *at = field(out, tag, sizeof(value));
	if (at)
		done(out, kp_f64_put(at, tag, value));
}

// copy_short copies at most UINT8_MAX bytes, short ones without a call: two moves that overlap
// cover every length from one size to its double.
static inline void copy_short(uint8_t *to, const char *from, size_t len)
{
	if (len > 32) {
		memcpy(to, from, len);
	} else if (len >= 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else {
		for (size_t i = 0; i < len; i++)
			to[i] = (uint8_t)from[i];
	}
}

static __attribute__((noinline)) void encode_str_slow(struct kp_buf *out, unsigned tag,
                                                      struct kp_str value)
{
	if (value.len > size_max) {
		fail(out);
		return;
	}
	uint8_t *at = field(out, tag, 4 + value.len);
	if (!at)
		return;
	if (value.len <= UINT8_MAX) {
		at = kp_wire_put_head(at, tag, KP_WIRE_STRING1);
		*at++ = (uint8_t)value.len;
	} else {
		at = kp_wire_put_head(at, tag, KP_WIRE_STRING4);
		at = kp_wire_put_u32(at, (uint32_t)value.len);
	}
	if (value.len)
		memcpy(at, value.ptr, value.len);
	done(out, at + value.len);
}

void kp_str_encode(struct kp_buf *out, unsigned tag, struct kp_str value)
{
	if (KP_UNLIKELY(value.len > UINT8_MAX || !is_quick(out, tag, 1 + value.len))) {
		encode_str_slow(out, tag, value);
		return;
	}
	uint8_t *at = out->data + out->len;
	at[0] = (uint8_t)(tag << 4 | KP_WIRE_STRING1);
	at[1] = (uint8_t)value.len;
	out->len += 2 + value.len;
	copy_short(at + 2, value.ptr, value.len);
}

static __attribute__((noinline)) void encode_bytes_slow(struct kp_buf *out, unsigned tag,
                                                        struct kp_bytes value)
{
	if (value.len > size_max) {
		fail(out);
		return;
	}
	uint8_t *at = field(out, tag, 1 + KP_WIRE_COUNT_MAX + value.len);
	if (!at)
		return;
	at = kp_wire_put_head(at, tag, KP_WIRE_SIMPLE_LIST);
	*at++ = KP_WIRE_INT8;
	at = kp_wire_put_count(at, value.len);
	if (value.len)
		memcpy(at, value.ptr, value.len);
	done(out, at + value.len);
}

void kp_bytes_encode(struct kp_buf *out, unsigned tag, struct kp_bytes value)
{
	if (KP_UNLIKELY(value.len > size_max ||
	                !is_quick(out, tag, 1 + KP_WIRE_COUNT_MAX + value.len))) {
		encode_bytes_slow(out, tag, value);
		return;
	}
	uint8_t *at = out->data + out->len;
	at[0] = (uint8_t)(tag << 4 | KP_WIRE_SIMPLE_LIST);
	at[1] = KP_WIRE_INT8;
	at = kp_wire_put_count(at + 2, value.len);
	done(out, at + value.len);
	if (value.len)
		memcpy(at, value.ptr, value.len);
}

void kp_struct_begin(struct kp_buf *out, unsigned tag)
{
	uint8_t *at = field(out, tag, 0);
	if (at)
		done(out, kp_wire_put_head(at, tag, KP_WIRE_STRUCT_BEGIN));
}

void kp_struct_end(struct kp_buf *out)
{
	uint8_t *at = field(out, 0, 0);
	if (at)
		done(out, kp_wire_put_head(at, 0, KP_WIRE_STRUCT_END));
}

static void begin(struct kp_buf *out, unsigned tag, unsigned type, size_t count)
{
	if (KP_UNLIKELY(count > size_max)) {
		fail(out);
		return;
	}
	uint8_t *at = field(out, tag, KP_WIRE_COUNT_MAX);
	if (at)
		done(out, kp_wire_put_count(kp_wire_put_head(at, tag, type), count));
}

void kp_list_begin(struct kp_buf *out, unsigned tag, size_t count)
{
	begin(out, tag, KP_WIRE_LIST, count);
}

void kp_map_begin(struct kp_buf *out, unsigned tag, size_t count)
{
	begin(out, tag, KP_WIRE_MAP, count);
}
