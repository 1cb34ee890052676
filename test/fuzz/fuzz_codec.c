// fuzz_codec.c - any bytes as fields: skipped, decoded, and encoded again.
#include "base/arena.h"
#include "base/assert.h"
#include "tars/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// peek tells what comes next; false at the end, at a struct's end and at half a head.
static bool peek(const struct kp_decoder *in, unsigned *ret_tag, unsigned *ret_type)
{
	if (kp_wire_left(in) < 1 || (*in->ptr >> 4 == 15 && kp_wire_left(in) < 2))
		return false;
	*ret_tag = *in->ptr >> 4 == 15 ? in->ptr[1] : *in->ptr >> 4;
	*ret_type = *in->ptr & 15;
	return *ret_type != KP_WIRE_STRUCT_END;
}

static void mirror_struct(struct kp_decoder *in, struct kp_buf *out);

static void mirror_field(struct kp_decoder *in, struct kp_buf *out, unsigned tag);

static void mirror_elements(struct kp_decoder *in, struct kp_buf *out, size_t count, bool is_map)
{
	for (size_t i = 0; i < count && in->err == KP_OK; i++) {
		mirror_field(in, out, 0);
		if (is_map)
			mirror_field(in, out, 1);
	}
	kp_list_leave(in);
}

static void mirror_number(struct kp_decoder *in, struct kp_buf *out, unsigned tag, unsigned type)
{
	int64_t integer;
	float narrow;
	double wide;
	if (type == KP_WIRE_FLOAT && kp_f32_decode(in, tag, KP_REQUIRED, &narrow))
		kp_f32_encode(out, tag, narrow);
	else if (type == KP_WIRE_DOUBLE && kp_f64_decode(in, tag, KP_REQUIRED, &wide))
		kp_f64_encode(out, tag, wide);
	else if (kp_i64_decode(in, tag, KP_REQUIRED, &integer))
		kp_i64_encode(out, tag, integer);
}

static void mirror_nested(struct kp_decoder *in, struct kp_buf *out, unsigned tag, unsigned type)
{
	size_t count;
	if (type == KP_WIRE_LIST && kp_list_enter(in, tag, KP_REQUIRED, &count)) {
		kp_list_begin(out, tag, count);
		mirror_elements(in, out, count, false);
	} else if (type == KP_WIRE_MAP && kp_map_enter(in, tag, KP_REQUIRED, &count)) {
		kp_map_begin(out, tag, count);
		mirror_elements(in, out, count, true);
	} else if (kp_struct_enter(in, tag, KP_REQUIRED)) {
		kp_struct_begin(out, tag);
		mirror_struct(in, out);
		kp_struct_leave(in);
		kp_struct_end(out);
	}
}

// mirror_field decodes the field that must come next and encodes it.
static void mirror_field(struct kp_decoder *in, struct kp_buf *out, unsigned tag)
{
	struct kp_str str;
	struct kp_bytes bytes;
	unsigned next_tag, type;
	if (!peek(in, &next_tag, &type) || next_tag != tag) {
		kp_wire_set_error(in, tag, KP_ERR_DECODE);
		return;
	}
	switch (type) {
	case KP_WIRE_STRING1:
	case KP_WIRE_STRING4:
		if (kp_str_decode(in, tag, KP_REQUIRED, &str))
			kp_str_encode(out, tag, str);
		break;
	case KP_WIRE_SIMPLE_LIST:
		if (kp_bytes_decode(in, tag, KP_REQUIRED, &bytes))
			kp_bytes_encode(out, tag, bytes);
		break;
	case KP_WIRE_LIST:
	case KP_WIRE_MAP:
	case KP_WIRE_STRUCT_BEGIN:
		mirror_nested(in, out, tag, type);
		break;
	default:
		mirror_number(in, out, tag, type);
		break;
	}
}

static void mirror_struct(struct kp_decoder *in, struct kp_buf *out)
{
	unsigned tag, type;
	while (peek(in, &tag, &type))
		mirror_field(in, out, tag);
}

static kp_err mirror(struct kp_bytes bytes, struct kp_buf *out)
{
	struct kp_decoder in = kp_decoder(bytes, NULL);
	mirror_struct(&in, out);
	kp_assert(out->err == KP_OK);
	return in.ptr == in.end ? in.err : KP_ERR_DECODE;
}

// Bytes that lists of int8 may be, a list of anything, and a tag that skips all before it.
static void ask_at_random(struct kp_bytes bytes)
{
	struct kp_arena arena = {0};
	for (unsigned tag = 0; tag < 16; tag++) {
		struct kp_decoder in = kp_decoder(bytes, &arena);
		struct kp_bytes some;
		if (kp_bytes_decode(&in, tag, KP_OPTIONAL, &some))
			kp_assert(some.len <= bytes.len);
		uint32_t number;
		in = kp_decoder(bytes, &arena);
		kp_u32_decode(&in, tag, KP_REQUIRED, &number);
		kp_assert(in.ptr <= in.end);
	}
	kp_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_bytes bytes = {data, size};
	struct kp_buf first = {0}, second = {0};
	struct kp_decoder in = kp_decoder(bytes, NULL);
	kp_err skipped = kp_decoder_skip_rest(&in);
	if (mirror(bytes, &first) == KP_OK) {
		kp_assert(skipped == KP_OK);
		kp_assert(first.len <= size);
		kp_assert(mirror(kp_buf_bytes(&first), &second) == KP_OK);
		kp_assert(kp_bytes_equal(kp_buf_bytes(&first), kp_buf_bytes(&second)));
	}
	ask_at_random(bytes);
	kp_buf_fini(&first);
	kp_buf_fini(&second);
	return 0;
}
