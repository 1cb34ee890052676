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

static __attribute__((noinline)) void encode_int_slow(struct kp_buf *out, unsigned tag,
                                                      int64_t value)
{
	uint8_t *at = field(out, tag, sizeof(value));
	if (at)
		done(out, kp_wire_put_int(at, tag, value));
}

static inline void encode_int(struct kp_buf *out, unsigned tag, int64_t value, size_t size)
{
	if (!is_quick(out, tag, size)) {
		encode_int_slow(out, tag, value);
		return;
	}
	uint8_t *at = out->data + out->len;
	unsigned head = tag << 4;
	if (value == 0) {
		*at = (uint8_t)(head | KP_WIRE_ZERO);
		out->len += 1;
	} else if (value == (int8_t)value) {
		at[0] = (uint8_t)(head | KP_WIRE_INT8);
		at[1] = (uint8_t)value;
		out->len += 2;
	} else if (value == (int16_t)value) {
		*at = (uint8_t)(head | KP_WIRE_INT16);
		kp_wire_put_u16(at + 1, (uint16_t)value);
		out->len += 3;
	} else if (value == (int32_t)value) {
		*at = (uint8_t)(head | KP_WIRE_INT32);
		kp_wire_put_u32(at + 1, (uint32_t)value);
		out->len += 5;
	} else {
		*at = (uint8_t)(head | KP_WIRE_INT64);
		kp_wire_put_u64(at + 1, (uint64_t)value);
		out->len += 9;
	}
}

void kp_bool_encode(struct kp_buf *out, unsigned tag, bool value)
{
	encode_int(out, tag, value, 1);
}

void kp_i8_encode(struct kp_buf *out, unsigned tag, int8_t value)
{
	encode_int(out, tag, value, 1);
}

void kp_i16_encode(struct kp_buf *out, unsigned tag, int16_t value)
{
	encode_int(out, tag, value, 2);
}

void kp_i32_encode(struct kp_buf *out, unsigned tag, int32_t value)
{
	encode_int(out, tag, value, 4);
}

void kp_i64_encode(struct kp_buf *out, unsigned tag, int64_t value)
{
	encode_int(out, tag, value, 8);
}

void kp_u8_encode(struct kp_buf *out, unsigned tag, uint8_t value)
{
	encode_int(out, tag, value, 2);
}

void kp_u16_encode(struct kp_buf *out, unsigned tag, uint16_t value)
{
	encode_int(out, tag, value, 4);
}

void kp_u32_encode(struct kp_buf *out, unsigned tag, uint32_t value)
{
	encode_int(out, tag, value, 8);
}

void kp_f32_encode(struct kp_buf *out, unsigned tag, float value)
{
	uint8_t *at = field(out, tag, sizeof(value));
	if (!at)
		return;
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	done(out, kp_wire_put_u32(kp_wire_put_head(at, tag, KP_WIRE_FLOAT), bits));
}

void kp_f64_encode(struct kp_buf *out, unsigned tag, double value)
{
	uint8_t *at = field(out, tag, sizeof(value));
	if (!at)
		return;
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	done(out, kp_wire_put_u64(kp_wire_put_head(at, tag, KP_WIRE_DOUBLE), bits));
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
	if (value.len)
		memcpy(at + 2, value.ptr, value.len);
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
