// wire.h - heads and numbers as they lie on the wire, for the codec and the packets.
//
// A head is one byte, tag << 4 | type, for tags up to 14; or 0xf0 | type and the tag in a second
// byte. Source: contract A.1.
#pragma once

#include "kipp/codec.h"

enum {
	KP_WIRE_COUNT_MAX = 5, // bytes of a length with its head
};

static inline uint8_t *kp_wire_put_u16(uint8_t *at, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static inline uint8_t *kp_wire_put_u32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static inline uint8_t *kp_wire_put_u64(uint8_t *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static inline int32_t kp_wire_get_i8(const uint8_t *at)
{
	return (*at ^ 0x80) - 0x80;
}

static inline uint16_t kp_wire_get_u16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof(value));
	return __builtin_bswap16(value);
}

static inline uint32_t kp_wire_get_u32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return __builtin_bswap32(value);
}

static inline uint64_t kp_wire_get_u64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return __builtin_bswap64(value);
}

// kp_wire_put_head writes a head and returns what follows it.
static inline uint8_t *kp_wire_put_head(uint8_t *at, unsigned tag, unsigned type)
{
	if (KP_LIKELY(tag <= KP_WIRE_TAG_SHORT_MAX)) {
		*at = (uint8_t)(tag << 4 | type);
		return at + 1;
	}
	at[0] = (uint8_t)(0xf0 | type);
	at[1] = (uint8_t)tag;
	return at + 2;
}

// kp_wire_put_int writes an integer field in its narrowest form: at most 10 bytes.
static inline uint8_t *kp_wire_put_int(uint8_t *at, unsigned tag, int64_t value)
{
	if (value == 0)
		return kp_wire_put_head(at, tag, KP_WIRE_ZERO);
	if (value == (int8_t)value) {
		at = kp_wire_put_head(at, tag, KP_WIRE_INT8);
		*at = (uint8_t)value;
		return at + 1;
	}
	if (value == (int16_t)value)
		return kp_wire_put_u16(kp_wire_put_head(at, tag, KP_WIRE_INT16), (uint16_t)value);
	if (value == (int32_t)value)
		return kp_wire_put_u32(kp_wire_put_head(at, tag, KP_WIRE_INT32), (uint32_t)value);
	return kp_wire_put_u64(kp_wire_put_head(at, tag, KP_WIRE_INT64), (uint64_t)value);
}

// kp_wire_put_count writes a length of at most INT32_MAX: at most KP_WIRE_COUNT_MAX bytes.
static inline uint8_t *kp_wire_put_count(uint8_t *at, size_t count)
{
	if (KP_UNLIKELY(count == 0)) {
		*at = KP_WIRE_ZERO;
		return at + 1;
	}
	if (count <= INT8_MAX) {
		at[0] = KP_WIRE_INT8;
		at[1] = (uint8_t)count;
		return at + 2;
	}
	if (KP_LIKELY(count <= INT16_MAX)) {
		*at = KP_WIRE_INT16;
		return kp_wire_put_u16(at + 1, (uint16_t)count);
	}
	*at = KP_WIRE_INT32;
	return kp_wire_put_u32(at + 1, (uint32_t)count);
}

// kp_wire_set_error keeps the first error and ends the input.
void kp_wire_set_error(struct kp_decoder *in, unsigned tag, kp_err err) __attribute__((cold));

// kp_wire_fail does so and returns false.
static inline bool kp_wire_fail(struct kp_decoder *in, unsigned tag, kp_err err)
{
	kp_wire_set_error(in, tag, err);
	return false;
}

struct kp_wire_field {
	unsigned tag;
	unsigned type;
	struct kp_bytes payload; // what follows the head
};

// kp_wire_take_field moves behind the next field of the level, whatever it is. Returns false at the
// level's end and on error.
bool kp_wire_take_field(struct kp_decoder *in, struct kp_wire_field *ret);

// kp_wire_find_slow is kp_wire_find for what is not at hand: long tags, fields to skip, absence.
bool kp_wire_find_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, unsigned *ret_type);

// kp_wire_find moves behind the head of the field `tag` and tells its type; see kp_bool_decode for
// absence. After an error nothing is left of the input, so that the fast path need not ask for it.
static inline bool kp_wire_find(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                unsigned *ret_type)
{
	const uint8_t *at = in->ptr;
	if (KP_LIKELY(at < in->end && tag <= KP_WIRE_TAG_SHORT_MAX && *at >> 4 == tag)) {
		unsigned type = *at & 15;
		if (KP_LIKELY(type != KP_WIRE_STRUCT_END)) {
			in->ptr = at + 1;
			*ret_type = type;
			return true;
		}
	}
	return kp_wire_find_slow(in, tag, need, ret_type);
}

static inline size_t kp_wire_left(const struct kp_decoder *in)
{
	return (size_t)(in->end - in->ptr);
}

// kp_wire_read_int reads the payload of an integer of `type`, which may not be wider than
// `type_max`.
static inline bool kp_wire_read_int(struct kp_decoder *in, unsigned tag, unsigned type,
                                    unsigned type_max, int64_t *ret)
{
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return true;
	}
	if (KP_UNLIKELY(type > type_max || kp_wire_left(in) < (size_t)1 << type))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	const uint8_t *at = in->ptr;
	in->ptr = at + ((size_t)1 << type);
	switch (type) {
	case KP_WIRE_INT8:
		*ret = kp_wire_get_i8(at);
		break;
	case KP_WIRE_INT16:
		*ret = (int16_t)kp_wire_get_u16(at);
		break;
	case KP_WIRE_INT32:
		*ret = (int32_t)kp_wire_get_u32(at);
		break;
	default:
		*ret = (int64_t)kp_wire_get_u64(at);
		break;
	}
	return true;
}

// kp_wire_find_int looks for an integer field that is not wider than `type_max`.
static inline bool kp_wire_find_int(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                    unsigned type_max, int64_t *ret)
{
	unsigned type;
	return kp_wire_find(in, tag, need, &type) && kp_wire_read_int(in, tag, type, type_max, ret);
}

// kp_wire_get_count reads a length of the usual forms and returns what follows it, or NULL.
static inline const uint8_t *kp_wire_get_count(const uint8_t *at, const uint8_t *end, size_t *ret)
{
	size_t left = (size_t)(end - at);
	if (KP_LIKELY(left >= 2 && at[0] == KP_WIRE_INT8 && at[1] <= INT8_MAX)) {
		*ret = at[1];
		return at + 2;
	}
	if (KP_LIKELY(left >= 3 && at[0] == KP_WIRE_INT16 && at[1] <= INT8_MAX)) {
		*ret = kp_wire_get_u16(at + 1);
		return at + 3;
	}
	if (KP_LIKELY(left >= 1 && at[0] == KP_WIRE_ZERO)) {
		*ret = 0;
		return at + 1;
	}
	return NULL;
}

// kp_wire_get_int reads the field `tag` if it is an integer, not wider than `type_max`, with a
// short head, and comes next; it returns what follows, or NULL for anything else.
static inline const uint8_t *kp_wire_get_int(const uint8_t *at, const uint8_t *end, unsigned tag,
                                             unsigned type_max, int64_t *ret)
{
	if (KP_UNLIKELY(at >= end || tag > KP_WIRE_TAG_SHORT_MAX))
		return NULL;
	unsigned type = *at++ ^ tag << 4;
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return at;
	}
	if (KP_UNLIKELY(type > type_max || end - at < (ptrdiff_t)1 << type))
		return NULL;
	if (type == KP_WIRE_INT8)
		*ret = kp_wire_get_i8(at);
	else if (type == KP_WIRE_INT16)
		*ret = (int16_t)kp_wire_get_u16(at);
	else if (type == KP_WIRE_INT32)
		*ret = (int32_t)kp_wire_get_u32(at);
	else
		*ret = (int64_t)kp_wire_get_u64(at);
	return at + ((ptrdiff_t)1 << type);
}

// kp_wire_get_str reads the field `tag` if it is a short text and comes next; it returns what
// follows, or NULL for anything else and for a NULL `at`.
static inline const uint8_t *kp_wire_get_str(const uint8_t *at, const uint8_t *end, unsigned tag,
                                             struct kp_str *ret)
{
	if (KP_UNLIKELY(!at || end - at < 2 || tag > KP_WIRE_TAG_SHORT_MAX ||
	                *at != (tag << 4 | KP_WIRE_STRING1) || end - at - 2 < at[1]))
		return NULL;
	*ret = (struct kp_str){(const char *)at + 2, at[1]};
	return at + 2 + at[1];
}

// kp_wire_get_bytes does the same for a simple list.
static inline const uint8_t *kp_wire_get_bytes(const uint8_t *at, const uint8_t *end, unsigned tag,
                                               struct kp_bytes *ret)
{
	if (KP_UNLIKELY(!at || end - at < 2 || tag > KP_WIRE_TAG_SHORT_MAX ||
	                at[0] != (tag << 4 | KP_WIRE_SIMPLE_LIST) || at[1] != KP_WIRE_INT8))
		return NULL;
	size_t len;
	at = kp_wire_get_count(at + 2, end, &len);
	if (KP_UNLIKELY(!at || (size_t)(end - at) < len))
		return NULL;
	*ret = (struct kp_bytes){at, len};
	return at + len;
}

// kp_wire_read_count_slow reads a length of any form.
bool kp_wire_read_count_slow(struct kp_decoder *in, unsigned tag, size_t *ret);

// kp_wire_read_count reads a length, which must leave room for `size_min` bytes per element.
static inline bool kp_wire_read_count(struct kp_decoder *in, unsigned tag, size_t size_min,
                                      size_t *ret)
{
	size_t count;
	const uint8_t *at = kp_wire_get_count(in->ptr, in->end, &count);
	if (KP_LIKELY(at != NULL))
		in->ptr = at;
	else if (!kp_wire_read_count_slow(in, tag, &count))
		return false;
	if (KP_UNLIKELY(count > kp_wire_left(in) / size_min))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	*ret = count;
	return true;
}

// kp_wire_read_simple_list reads what follows the head of a simple list.
static inline bool kp_wire_read_simple_list(struct kp_decoder *in, unsigned tag,
                                            struct kp_bytes *ret)
{
	if (KP_UNLIKELY(in->ptr == in->end || *in->ptr != KP_WIRE_INT8))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	in->ptr++;
	size_t len;
	if (KP_UNLIKELY(!kp_wire_read_count(in, tag, 1, &len)))
		return false;
	*ret = (struct kp_bytes){in->ptr, len};
	in->ptr += len;
	return true;
}

// kp_wire_read_str reads what follows the head of a string.
static inline bool kp_wire_read_str(struct kp_decoder *in, unsigned tag, unsigned type,
                                    struct kp_str *ret)
{
	size_t left = kp_wire_left(in);
	const uint8_t *at = in->ptr;
	size_t len, len_size;
	if (KP_LIKELY(type == KP_WIRE_STRING1 && left >= 1)) {
		len = *at;
		len_size = 1;
	} else if (type == KP_WIRE_STRING4 && left >= 4) {
		len = kp_wire_get_u32(at);
		len_size = 4;
	} else {
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	}
	if (KP_UNLIKELY(len > left - len_size))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	*ret = (struct kp_str){(const char *)at + len_size, len};
	in->ptr = at + len_size + len;
	return true;
}

static inline bool kp_wire_find_str(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                    struct kp_str *ret)
{
	unsigned type;
	return kp_wire_find(in, tag, need, &type) && kp_wire_read_str(in, tag, type, ret);
}

// kp_wire_push and kp_wire_pop count the levels of nesting.
static inline bool kp_wire_push(struct kp_decoder *in, unsigned tag)
{
	if (KP_UNLIKELY(in->depth >= KP_DEPTH_MAX))
		return kp_wire_fail(in, tag, KP_ERR_LIMIT);
	in->depth++;
	return true;
}

static inline void kp_wire_pop(struct kp_decoder *in)
{
	if (KP_LIKELY(in->depth > 0))
		in->depth--;
}
