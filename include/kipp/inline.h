// inline.h - the short ways of the codec, which codec.h brings into generated code.
//
// Each does what nearly always is right with a few instructions, and leaves the rest to a function
// of the library: a short head, room in the buffer, the field that comes next. What they write and
// accept is exactly what the long way does. Source: contract A.1.
#pragma once

#include "kipp/codec.h"

#include <string.h>

KP_BEGIN_DECLS

enum kp_wire_type {
	KP_WIRE_INT8,
	KP_WIRE_INT16,
	KP_WIRE_INT32,
	KP_WIRE_INT64,
	KP_WIRE_FLOAT,
	KP_WIRE_DOUBLE,
	KP_WIRE_STRING1,
	KP_WIRE_STRING4,
	KP_WIRE_MAP,
	KP_WIRE_LIST,
	KP_WIRE_STRUCT_BEGIN,
	KP_WIRE_STRUCT_END,
	KP_WIRE_ZERO,
	KP_WIRE_SIMPLE_LIST,
};

enum {
	KP_WIRE_TAG_SHORT_MAX = 14,
	KP_WIRE_TAG_MAX = 255,
	KP_WIRE_HEAD_MAX = 2,     // bytes of a head
	KP_WIRE_NUMBER_SIZE = 10, // room that any number needs, its head included
};

// --- encoding

// kp_head_put writes a head and returns what follows it, as all that is called put does. `tag` is
// at most KP_WIRE_TAG_MAX.
static inline uint8_t *kp_head_put(uint8_t *at, unsigned tag, unsigned type)
{
	if (tag <= KP_WIRE_TAG_SHORT_MAX) {
		*at = (uint8_t)(tag << 4 | type);
		return at + 1;
	}
	at[0] = (uint8_t)(0xf0 | type);
	at[1] = (uint8_t)tag;
	return at + 2;
}

// kp_int_put writes an integer in its narrowest form, which is at most that of `type_max`. It has
// no branches that depend on the value, and may write a few bytes more than it counts:
// KP_WIRE_NUMBER_SIZE there must be.
static inline uint8_t *kp_int_put(uint8_t *at, unsigned tag, int64_t value, unsigned type_max)
{
	int bits = 64 - __builtin_clrsbll(value); // the sign's included
	unsigned type = 0;
	if (type_max >= KP_WIRE_INT16)
		type += bits > 8;
	if (type_max >= KP_WIRE_INT32)
		type += bits > 16;
	if (type_max >= KP_WIRE_INT64)
		type += bits > 32;
	at = kp_head_put(at, tag, value ? type : (unsigned)KP_WIRE_ZERO);
	if (type_max >= KP_WIRE_INT64) {
		uint64_t big = __builtin_bswap64((uint64_t)value << (64 - (8U << type)));
		memcpy(at, &big, sizeof(big));
	} else {
		uint32_t big = __builtin_bswap32((uint32_t)value << (32 - (8U << type)));
		memcpy(at, &big, sizeof(big));
	}
	return at + ((unsigned)(value != 0) << type);
}

static inline uint8_t *kp_bool_put(uint8_t *at, unsigned tag, bool value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT8);
}

static inline uint8_t *kp_i8_put(uint8_t *at, unsigned tag, int8_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT8);
}

static inline uint8_t *kp_i16_put(uint8_t *at, unsigned tag, int16_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT16);
}

static inline uint8_t *kp_i32_put(uint8_t *at, unsigned tag, int32_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT32);
}

static inline uint8_t *kp_i64_put(uint8_t *at, unsigned tag, int64_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT64);
}

static inline uint8_t *kp_u8_put(uint8_t *at, unsigned tag, uint8_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT16);
}

static inline uint8_t *kp_u16_put(uint8_t *at, unsigned tag, uint16_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT32);
}

static inline uint8_t *kp_u32_put(uint8_t *at, unsigned tag, uint32_t value)
{
	return kp_int_put(at, tag, value, KP_WIRE_INT64);
}

static inline uint8_t *kp_f32_put(uint8_t *at, unsigned tag, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bits = __builtin_bswap32(bits);
	at = kp_head_put(at, tag, KP_WIRE_FLOAT);
	memcpy(at, &bits, sizeof(bits));
	return at + sizeof(bits);
}

static inline uint8_t *kp_f64_put(uint8_t *at, unsigned tag, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bits = __builtin_bswap64(bits);
	at = kp_head_put(at, tag, KP_WIRE_DOUBLE);
	memcpy(at, &bits, sizeof(bits));
	return at + sizeof(bits);
}

static inline uint8_t *kp_struct_begin_put(uint8_t *at, unsigned tag)
{
	return kp_head_put(at, tag, KP_WIRE_STRUCT_BEGIN);
}

static inline uint8_t *kp_struct_end_put(uint8_t *at)
{
	return kp_head_put(at, 0, KP_WIRE_STRUCT_END);
}

// kp_run_begin returns where a run of puts that needs at most `size` bytes may write: into the
// buffer, or into `spare`, of that size, where the buffer has failed or is near its limit.
// kp_run_end appends what was written. In between nothing else touches the buffer.
KP_API uint8_t *kp_run_begin_slow(struct kp_buf *out, uint8_t *spare, size_t size);

static inline uint8_t *kp_run_begin(struct kp_buf *out, uint8_t *spare, size_t size)
{
	if (KP_LIKELY(out->err == KP_OK && out->cap - out->len > size))
		return out->data + out->len;
	return kp_run_begin_slow(out, spare, size);
}

static inline void kp_run_end(struct kp_buf *out, const uint8_t *spare, const uint8_t *start,
                              const uint8_t *at)
{
	if (KP_LIKELY(start != spare))
		out->len += (size_t)(at - start);
	else
		kp_buf_append(out, spare, (size_t)(at - start));
}

KP_API void kp_int_encode_slow(struct kp_buf *out, unsigned tag, int64_t value);

static inline void kp_int_encode(struct kp_buf *out, unsigned tag, int64_t value, unsigned type_max)
{
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_MAX || out->err != KP_OK ||
	                out->cap - out->len < KP_WIRE_NUMBER_SIZE)) {
		kp_int_encode_slow(out, tag, value);
		return;
	}
	// Alone among other fields a number is 0 often enough to look: an outcome, a missing
	// option.
	uint8_t *at = out->data + out->len;
	const uint8_t *end = value == 0 ? kp_head_put(at, tag, KP_WIRE_ZERO)
	                                : kp_int_put(at, tag, value, type_max);
	out->len += (size_t)(end - at);
}

static inline void kp_bool_encode(struct kp_buf *out, unsigned tag, bool value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT8);
}

static inline void kp_i8_encode(struct kp_buf *out, unsigned tag, int8_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT8);
}

static inline void kp_i16_encode(struct kp_buf *out, unsigned tag, int16_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT16);
}

static inline void kp_i32_encode(struct kp_buf *out, unsigned tag, int32_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT32);
}

static inline void kp_i64_encode(struct kp_buf *out, unsigned tag, int64_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT64);
}

static inline void kp_u8_encode(struct kp_buf *out, unsigned tag, uint8_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT16);
}

static inline void kp_u16_encode(struct kp_buf *out, unsigned tag, uint16_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT32);
}

static inline void kp_u32_encode(struct kp_buf *out, unsigned tag, uint32_t value)
{
	kp_int_encode(out, tag, value, KP_WIRE_INT64);
}

// --- decoding

// kp_int_get reads the field `tag` if it comes next, is an integer not wider than `type_max`, has a
// short head and is not among the last bytes. Returns what follows, or NULL for anything else.
static inline const uint8_t *kp_int_get(const uint8_t *at, const uint8_t *end, unsigned tag,
                                        unsigned type_max, int64_t *ret)
{
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX || end - at < KP_WIRE_NUMBER_SIZE))
		return NULL;
	unsigned type = *at ^ tag << 4;
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return at + 1;
	}
	if (KP_UNLIKELY(type > type_max))
		return NULL;
	uint64_t big;
	memcpy(&big, at + 1, sizeof(big));
	*ret = (int64_t)__builtin_bswap64(big) >> (64 - (8U << type));
	return at + 1 + ((size_t)1 << type);
}

// KP_INT_DECODE defines a decoder and its long way. A value out of range is refused, where other
// readers cut it: a value that nobody sent must not reach a handler.
#define KP_INT_DECODE(name, type, type_max, min, max)                                      \
	KP_API bool kp_##name##_decode_slow(struct kp_decoder *in, unsigned tag,           \
	                                    enum kp_need need, type *ret);                 \
	static inline bool kp_##name##_decode(struct kp_decoder *in, unsigned tag,         \
	                                      enum kp_need need, type *ret)                \
	{                                                                                  \
		int64_t value = 0;                                                         \
		const uint8_t *at = kp_int_get(in->ptr, in->end, tag, (type_max), &value); \
		if (KP_UNLIKELY(!at || value < (min) || value > (max)))                    \
			return kp_##name##_decode_slow(in, tag, need, ret);                \
		in->ptr = at;                                                              \
		*ret = (type)value;                                                        \
		return true;                                                               \
	}

KP_INT_DECODE(bool, bool, KP_WIRE_INT8, INT8_MIN, INT8_MAX)
KP_INT_DECODE(i8, int8_t, KP_WIRE_INT8, INT8_MIN, INT8_MAX)
KP_INT_DECODE(i16, int16_t, KP_WIRE_INT16, INT16_MIN, INT16_MAX)
KP_INT_DECODE(i32, int32_t, KP_WIRE_INT32, INT32_MIN, INT32_MAX)
KP_INT_DECODE(i64, int64_t, KP_WIRE_INT64, INT64_MIN, INT64_MAX)
KP_INT_DECODE(u8, uint8_t, KP_WIRE_INT16, 0, UINT8_MAX)
KP_INT_DECODE(u16, uint16_t, KP_WIRE_INT32, 0, UINT16_MAX)
KP_INT_DECODE(u32, uint32_t, KP_WIRE_INT64, 0, UINT32_MAX)
#undef KP_INT_DECODE

KP_API bool kp_f32_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, float *ret);

static inline bool kp_f32_decode(struct kp_decoder *in, unsigned tag, enum kp_need need, float *ret)
{
	const uint8_t *at = in->ptr;
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX || in->end - at < 5 ||
	                *at != (tag << 4 | KP_WIRE_FLOAT)))
		return kp_f32_decode_slow(in, tag, need, ret);
	uint32_t bits;
	memcpy(&bits, at + 1, sizeof(bits));
	bits = __builtin_bswap32(bits);
	memcpy(ret, &bits, sizeof(bits));
	in->ptr = at + 5;
	return true;
}

KP_API bool kp_f64_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, double *ret);

static inline bool kp_f64_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 double *ret)
{
	const uint8_t *at = in->ptr;
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX || in->end - at < 9 ||
	                *at != (tag << 4 | KP_WIRE_DOUBLE)))
		return kp_f64_decode_slow(in, tag, need, ret);
	uint64_t bits;
	memcpy(&bits, at + 1, sizeof(bits));
	bits = __builtin_bswap64(bits);
	memcpy(ret, &bits, sizeof(bits));
	in->ptr = at + 9;
	return true;
}

KP_API bool kp_str_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need,
                               struct kp_str *ret);

static inline bool kp_str_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 struct kp_str *ret)
{
	const uint8_t *at = in->ptr;
	ptrdiff_t left = in->end - at;
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX || left < 2 ||
	                *at != (tag << 4 | KP_WIRE_STRING1) || left - 2 < at[1]))
		return kp_str_decode_slow(in, tag, need, ret);
	ret->ptr = (const char *)at + 2;
	ret->len = at[1];
	in->ptr = at + 2 + at[1];
	return true;
}

KP_API bool kp_struct_enter_slow(struct kp_decoder *in, unsigned tag, enum kp_need need);

static inline bool kp_struct_enter(struct kp_decoder *in, unsigned tag, enum kp_need need)
{
	const uint8_t *at = in->ptr;
	if (KP_UNLIKELY(tag > KP_WIRE_TAG_SHORT_MAX || at >= in->end || in->depth >= KP_DEPTH_MAX ||
	                *at != (tag << 4 | KP_WIRE_STRUCT_BEGIN)))
		return kp_struct_enter_slow(in, tag, need);
	in->ptr = at + 1;
	in->depth++;
	return true;
}

KP_API void kp_struct_leave_slow(struct kp_decoder *in);

static inline void kp_struct_leave(struct kp_decoder *in)
{
	const uint8_t *at = in->ptr;
	if (KP_UNLIKELY(at >= in->end || *at != KP_WIRE_STRUCT_END || in->depth == 0)) {
		kp_struct_leave_slow(in);
		return;
	}
	in->ptr = at + 1;
	in->depth--;
}

static inline void kp_list_leave(struct kp_decoder *in)
{
	if (KP_LIKELY(in->depth > 0))
		in->depth--;
}

KP_END_DECLS
