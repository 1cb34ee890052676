// encode.c - the encoding half of codec.h: one reservation per field.
#include "tars/wire.h"

static const size_t size_max = INT32_MAX; // of a text, bytes, list or map

static void fail(struct kp_buf *out)
{
	if (out->err == KP_OK)
		out->err = KP_ERR_ENCODE;
}

// field makes room for a head and `size` bytes.
static inline uint8_t *field(struct kp_buf *out, unsigned tag, size_t size)
{
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_MAX)) {
		fail(out);
		return NULL;
	}
	return kp_buf_reserve(out, KP_WIRE_HEAD_MAX + size);
}

static inline void done(struct kp_buf *out, const uint8_t *end)
{
	out->len = (size_t)(end - out->data);
}

static inline void encode_int(struct kp_buf *out, unsigned tag, int64_t value, size_t size)
{
	uint8_t *at = field(out, tag, size);
	if (at)
		done(out, kp_wire_put_int(at, tag, value));
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

void kp_str_encode(struct kp_buf *out, unsigned tag, struct kp_str value)
{
	if (KP_UNLIKELY(value.len > size_max)) {
		fail(out);
		return;
	}
	uint8_t *at = field(out, tag, 4 + value.len);
	if (!at)
		return;
	if (KP_LIKELY(value.len <= UINT8_MAX)) {
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

void kp_bytes_encode(struct kp_buf *out, unsigned tag, struct kp_bytes value)
{
	if (KP_UNLIKELY(value.len > size_max)) {
		fail(out);
		return;
	}
	uint8_t *at = field(out, tag, 1 + KP_WIRE_COUNT_MAX + value.len);
	if (!at)
		return;
	at = kp_wire_put_head(at, tag, KP_WIRE_SIMPLE_LIST);
	*at++ = KP_WIRE_INT8;
	at = kp_wire_put_int(at, 0, (int32_t)value.len);
	if (value.len)
		memcpy(at, value.ptr, value.len);
	done(out, at + value.len);
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
		done(out, kp_wire_put_int(kp_wire_put_head(at, tag, type), 0, (int32_t)count));
}

void kp_list_begin(struct kp_buf *out, unsigned tag, size_t count)
{
	begin(out, tag, KP_WIRE_LIST, count);
}

void kp_map_begin(struct kp_buf *out, unsigned tag, size_t count)
{
	begin(out, tag, KP_WIRE_MAP, count);
}
