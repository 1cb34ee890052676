// decode.c - the decoding half of codec.h: views into bytes that nobody trusts.
//
// After an error the decoder's input is empty, so every later step fails without further checks.
#include "tars/wire.h"

void kp_wire_set_error(struct kp_decoder *in, unsigned tag, kp_err err)
{
	if (in->err == KP_OK) {
		in->err = err;
		in->tag = tag;
	}
	in->ptr = in->end;
}

struct head {
	unsigned tag;
	unsigned type;
	size_t size;
};

// peek_head reads the next head without moving; the input must not be empty.
static bool peek_head(struct kp_decoder *in, unsigned wanted_tag, struct head *ret)
{
	unsigned type = *in->ptr & 15, tag = *in->ptr >> 4;
	if (KP_LIKELY(tag <= KP_WIRE_TAG_SHORT_MAX)) {
		*ret = (struct head){tag, type, 1};
		return true;
	}
	if (kp_wire_left(in) < 2)
		return kp_wire_fail(in, wanted_tag, KP_ERR_DECODE);
	*ret = (struct head){in->ptr[1], type, 2};
	return true;
}

bool kp_wire_read_count_slow(struct kp_decoder *in, unsigned tag, size_t *ret)
{
	int64_t count;
	if (!kp_wire_find_int(in, 0, KP_REQUIRED, KP_WIRE_INT32, &count)) {
		in->tag = tag;
		return false;
	}
	if (count < 0)
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	*ret = (size_t)count;
	return true;
}

static bool skip_bytes(struct kp_decoder *in, unsigned tag, size_t size)
{
	if (size > kp_wire_left(in))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	in->ptr += size;
	return true;
}

static bool skip_value(struct kp_decoder *in, unsigned tag, unsigned type);

// skip_fields moves behind the end of the struct that was entered.
static bool skip_fields(struct kp_decoder *in, unsigned tag)
{
	while (in->ptr < in->end) {
		struct head head;
		if (!peek_head(in, tag, &head))
			return false;
		in->ptr += head.size;
		if (head.type == KP_WIRE_STRUCT_END)
			return true;
		if (!skip_value(in, tag, head.type))
			return false;
	}
	return kp_wire_fail(in, tag, KP_ERR_DECODE);
}

static bool skip_elements(struct kp_decoder *in, unsigned tag, size_t per_count)
{
	size_t count;
	if (!kp_wire_read_count(in, tag, per_count, &count))
		return false;
	for (size_t i = 0; i < count * per_count; i++) {
		struct head head;
		if (in->ptr == in->end)
			return kp_wire_fail(in, tag, KP_ERR_DECODE);
		if (!peek_head(in, tag, &head))
			return false;
		in->ptr += head.size;
		if (!skip_value(in, tag, head.type))
			return false;
	}
	return true;
}

// skip_nested recurses at most KP_DEPTH_MAX levels.
static bool skip_nested(struct kp_decoder *in, unsigned tag, unsigned type)
{
	if (!kp_wire_push(in, tag))
		return false;
	bool ok = type == KP_WIRE_STRUCT_BEGIN
	                  ? skip_fields(in, tag)
	                  : skip_elements(in, tag, type == KP_WIRE_MAP ? 2 : 1);
	kp_wire_pop(in);
	return ok;
}

static bool skip_value(struct kp_decoder *in, unsigned tag, unsigned type)
{
	struct kp_str str;
	struct kp_bytes bytes;
	switch (type) {
	case KP_WIRE_INT8:
	case KP_WIRE_INT16:
	case KP_WIRE_INT32:
	case KP_WIRE_INT64:
		return skip_bytes(in, tag, (size_t)1 << type);
	case KP_WIRE_FLOAT:
		return skip_bytes(in, tag, 4);
	case KP_WIRE_DOUBLE:
		return skip_bytes(in, tag, 8);
	case KP_WIRE_STRING1:
	case KP_WIRE_STRING4:
		return kp_wire_read_str(in, tag, type, &str);
	case KP_WIRE_MAP:
	case KP_WIRE_LIST:
	case KP_WIRE_STRUCT_BEGIN:
		return skip_nested(in, tag, type);
	case KP_WIRE_ZERO:
		return true;
	case KP_WIRE_SIMPLE_LIST:
		return kp_wire_read_simple_list(in, tag, &bytes);
	default: // a struct's end where a value must be, or a type that does not exist
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	}
}

bool kp_wire_take_field(struct kp_decoder *in, struct kp_wire_field *ret)
{
	struct head head;
	if (in->ptr == in->end || !peek_head(in, in->tag, &head) || head.type == KP_WIRE_STRUCT_END)
		return false;
	in->ptr += head.size;
	const uint8_t *start = in->ptr;
	if (!skip_value(in, head.tag, head.type))
		return false;
	*ret = (struct kp_wire_field){head.tag, head.type, {start, (size_t)(in->ptr - start)}};
	return true;
}

static bool absent(struct kp_decoder *in, unsigned tag, enum kp_need need)
{
	return need == KP_REQUIRED ? kp_wire_fail(in, tag, KP_ERR_DECODE) : false;
}

bool kp_wire_find_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, unsigned *ret_type)
{
	while (in->ptr < in->end) {
		struct head head;
		if (!peek_head(in, tag, &head))
			return false;
		if (head.type == KP_WIRE_STRUCT_END || head.tag > tag)
			return absent(in, tag, need);
		in->ptr += head.size;
		if (head.tag == tag) {
			*ret_type = head.type;
			return true;
		}
		if (!skip_value(in, head.tag, head.type))
			return false;
	}
	if (in->err != KP_OK)
		return false;
	// only the outermost level may end with the bytes
	return in->depth > 0 ? kp_wire_fail(in, tag, KP_ERR_DECODE) : absent(in, tag, need);
}

// INT_DECODER defines the long way of a decoder, which still has a short one for the last bytes,
// where inline.h gives up.
#define INT_DECODER(name, type, wire_type_max, min, max)                                         \
	static __attribute__((noinline)) bool decode_##name(struct kp_decoder *in, unsigned tag, \
	                                                    enum kp_need need, type *ret)        \
	{                                                                                        \
		int64_t value;                                                                   \
		if (!kp_wire_find_int(in, tag, need, (wire_type_max), &value))                   \
			return false;                                                            \
		if (value < (min) || value > (max))                                              \
			return kp_wire_fail(in, tag, KP_ERR_DECODE);                             \
		*ret = (type)value;                                                              \
		return true;                                                                     \
	}                                                                                        \
                                                                                                 \
	bool kp_##name##_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need,     \
	                             type *ret)                                                  \
	{                                                                                        \
		int64_t value = 0;                                                               \
		const uint8_t *at =                                                              \
		        kp_wire_get_int(in->ptr, in->end, tag, (wire_type_max), &value);         \
		if (KP_UNLIKELY(!at || value < (min) || value > (max)))                          \
			return decode_##name(in, tag, need, ret);                                \
		in->ptr = at;                                                                    \
		*ret = (type)value;                                                              \
		return true;                                                                     \
	}

INT_DECODER(bool, bool, KP_WIRE_INT8, INT8_MIN, INT8_MAX)
INT_DECODER(i8, int8_t, KP_WIRE_INT8, INT8_MIN, INT8_MAX)
INT_DECODER(i16, int16_t, KP_WIRE_INT16, INT16_MIN, INT16_MAX)
INT_DECODER(i32, int32_t, KP_WIRE_INT32, INT32_MIN, INT32_MAX)
INT_DECODER(i64, int64_t, KP_WIRE_INT64, INT64_MIN, INT64_MAX)
INT_DECODER(u8, uint8_t, KP_WIRE_INT16, 0, UINT8_MAX)
INT_DECODER(u16, uint16_t, KP_WIRE_INT32, 0, UINT16_MAX)
INT_DECODER(u32, uint32_t, KP_WIRE_INT64, 0, UINT32_MAX)

static bool read_f32(struct kp_decoder *in, unsigned tag, float *ret)
{
	if (kp_wire_left(in) < sizeof(*ret))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	uint32_t bits = kp_wire_get_u32(in->ptr);
	in->ptr += sizeof(bits);
	memcpy(ret, &bits, sizeof(*ret));
	return true;
}

bool kp_f32_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, float *ret)
{
	unsigned type;
	if (!kp_wire_find(in, tag, need, &type))
		return false;
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return true;
	}
	if (type != KP_WIRE_FLOAT)
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	return read_f32(in, tag, ret);
}

bool kp_f64_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, double *ret)
{
	unsigned type;
	if (!kp_wire_find(in, tag, need, &type))
		return false;
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return true;
	}
	if (type == KP_WIRE_FLOAT) {
		float narrow;
		if (!read_f32(in, tag, &narrow))
			return false;
		*ret = narrow;
		return true;
	}
	if (type != KP_WIRE_DOUBLE || kp_wire_left(in) < sizeof(*ret))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	uint64_t bits = kp_wire_get_u64(in->ptr);
	in->ptr += sizeof(bits);
	memcpy(ret, &bits, sizeof(*ret));
	return true;
}

bool kp_str_decode_slow(struct kp_decoder *in, unsigned tag, enum kp_need need, struct kp_str *ret)
{
	return kp_wire_find_str(in, tag, need, ret);
}

// read_byte_list copies a list of int8, as some peers write bytes.
static bool read_byte_list(struct kp_decoder *in, unsigned tag, struct kp_bytes *ret)
{
	size_t count;
	if (!kp_wire_push(in, tag) || !kp_wire_read_count(in, tag, 1, &count))
		return false;
	uint8_t *bytes = kp_decoder_alloc(in, count, 1);
	if (!bytes) {
		in->tag = tag;
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t value;
		if (!kp_wire_find_int(in, 0, KP_REQUIRED, KP_WIRE_INT8, &value)) {
			in->tag = tag;
			return false;
		}
		bytes[i] = (uint8_t)value;
	}
	kp_wire_pop(in);
	*ret = (struct kp_bytes){bytes, count};
	return true;
}

static __attribute__((noinline)) bool decode_bytes_slow(struct kp_decoder *in, unsigned tag,
                                                        enum kp_need need, struct kp_bytes *ret)
{
	unsigned type;
	if (!kp_wire_find(in, tag, need, &type))
		return false;
	if (type == KP_WIRE_SIMPLE_LIST)
		return kp_wire_read_simple_list(in, tag, ret);
	if (type != KP_WIRE_LIST)
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	return read_byte_list(in, tag, ret);
}

bool kp_bytes_decode(struct kp_decoder *in, unsigned tag, enum kp_need need, struct kp_bytes *ret)
{
	const uint8_t *at = kp_wire_get_bytes(in->ptr, in->end, tag, ret);
	if (KP_UNLIKELY(!at))
		return decode_bytes_slow(in, tag, need, ret);
	in->ptr = at;
	return true;
}

// enter moves behind the head of a nested value of `type`.
static inline bool enter(struct kp_decoder *in, unsigned tag, enum kp_need need,
                         enum kp_wire_type wanted)
{
	unsigned type;
	if (!kp_wire_find(in, tag, need, &type))
		return false;
	if (KP_UNLIKELY(type != wanted))
		return kp_wire_fail(in, tag, KP_ERR_DECODE);
	return kp_wire_push(in, tag);
}

bool kp_struct_enter_slow(struct kp_decoder *in, unsigned tag, enum kp_need need)
{
	return enter(in, tag, need, KP_WIRE_STRUCT_BEGIN);
}

void kp_struct_leave_slow(struct kp_decoder *in)
{
	if (KP_LIKELY(in->ptr < in->end && *in->ptr == KP_WIRE_STRUCT_END))
		in->ptr++;
	else
		skip_fields(in, 0);
	kp_wire_pop(in);
}

bool kp_list_enter(struct kp_decoder *in, unsigned tag, enum kp_need need, size_t *ret_count)
{
	return enter(in, tag, need, KP_WIRE_LIST) && kp_wire_read_count(in, tag, 1, ret_count);
}

bool kp_map_enter(struct kp_decoder *in, unsigned tag, enum kp_need need, size_t *ret_count)
{
	return enter(in, tag, need, KP_WIRE_MAP) && kp_wire_read_count(in, tag, 2, ret_count);
}

void *kp_decoder_alloc(struct kp_decoder *in, size_t count, size_t size)
{
	static const _Alignas(max_align_t) uint8_t nothing[sizeof(max_align_t)];
	if (in->err != KP_OK)
		return NULL;
	if (count == 0)
		return (void *)nothing; // valid, and never written to
	void *ptr = in->arena ? kp_arena_alloc_zero(in->arena, count, size) : NULL;
	if (!ptr)
		kp_wire_fail(in, in->tag, KP_ERR_NOMEM);
	return ptr;
}

kp_err kp_decoder_skip_rest(struct kp_decoder *in)
{
	while (in->ptr < in->end) {
		struct head head;
		if (!peek_head(in, in->tag, &head))
			break;
		in->ptr += head.size;
		if (!skip_value(in, head.tag, head.type))
			break;
	}
	return in->err;
}
