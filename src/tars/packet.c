// packet.c - requests and responses to bytes and back.
#include "tars/packet.h"

#include "base/try.h"
#include "tars/wire.h"

enum {
	KEY_TAG = 0,
	VALUE_TAG = 1,
	REQUEST_BODY_TAG = 7,
	REQUEST_CONTEXT_TAG = 9,
	REQUEST_STATUS_TAG = 10,
	RESPONSE_BODY_TAG = 6,
	RESPONSE_STATUS_TAG = 7,
	RESPONSE_REASON_TAG = 8,
	RESPONSE_CONTEXT_TAG = 9,
	RESPONSE_HEAD_SIZE_MAX = 4 + 4 + 1 + 5 + 5 + 1 + 2 + KP_WIRE_COUNT_MAX,
};
static const size_t frame_size_max = INT32_MAX;

void kp_packet_pair_encode(struct kp_buf *pairs, struct kp_str key, struct kp_str value)
{
	kp_str_encode(pairs, KEY_TAG, key);
	kp_str_encode(pairs, VALUE_TAG, value);
}

static inline bool read_pair(struct kp_decoder *in, struct kp_str *ret_key,
                             struct kp_str *ret_value)
{
	return kp_wire_find_str(in, KEY_TAG, KP_REQUIRED, ret_key) &&
	       kp_wire_find_str(in, VALUE_TAG, KP_REQUIRED, ret_value);
}

bool kp_packet_map_next(const struct kp_packet_map *map, size_t *cursor, struct kp_str *ret_key,
                        struct kp_str *ret_value)
{
	struct kp_bytes rest = {map->bytes.ptr ? map->bytes.ptr + *cursor : NULL,
	                        map->bytes.len - *cursor};
	if (rest.len == 0)
		return false;
	struct kp_decoder in = kp_decoder(rest, NULL);
	if (!read_pair(&in, ret_key, ret_value))
		return false;
	*cursor = map->bytes.len - kp_wire_left(&in);
	return true;
}

bool kp_packet_map_find(const struct kp_packet_map *map, struct kp_str key,
                        struct kp_str *ret_value)
{
	struct kp_str each, value;
	for (size_t cursor = 0; kp_packet_map_next(map, &cursor, &each, &value);) {
		if (!kp_str_equal(each, key))
			continue;
		*ret_value = value;
		return true;
	}
	return false;
}

// decode_pairs walks a map that is not empty, so that nobody who reads its view can fail.
static bool decode_pairs(struct kp_decoder *in, unsigned tag, enum kp_need need,
                         struct kp_packet_map *ret)
{
	size_t count;
	if (!kp_map_enter(in, tag, need, &count))
		return false;
	const uint8_t *start = in->ptr;
	for (size_t i = 0; i < count; i++) {
		struct kp_str key, value;
		if (!read_pair(in, &key, &value))
			return false;
	}
	kp_list_leave(in);
	*ret = (struct kp_packet_map){{start, (size_t)(in->ptr - start)}, count};
	return true;
}

static inline void decode_map(struct kp_decoder *in, unsigned tag, enum kp_need need,
                              struct kp_packet_map *ret)
{
	if (KP_LIKELY(kp_wire_left(in) >= 2 && in->ptr[0] == (tag << 4 | KP_WIRE_MAP) &&
	              in->ptr[1] == KP_WIRE_ZERO)) {
		*ret = (struct kp_packet_map){{NULL, 0}, 0};
		in->ptr += 2;
		return;
	}
	decode_pairs(in, tag, need, ret);
}

static int64_t decode_int(struct kp_decoder *in, unsigned tag, unsigned type_max)
{
	int64_t value = 0;
	kp_wire_find_int(in, tag, KP_REQUIRED, type_max, &value);
	return value;
}

enum {
	INT_SIZE_MAX = 5, // of an int with its head
};

// quick_int is one of the steps that read what peers really send: fields in order, short heads,
// narrow numbers. Each returns what follows, or NULL for all else and after a NULL; the packet then
// takes the long way from its start. There must be INT_SIZE_MAX bytes.
static inline const uint8_t *quick_int(const uint8_t *at, unsigned tag, unsigned type_max,
                                       int32_t *ret)
{
	if (!at)
		return NULL;
	unsigned type = *at ^ tag << 4;
	if (type == KP_WIRE_ZERO) {
		*ret = 0;
		return at + 1;
	}
	if (type == KP_WIRE_INT8) {
		*ret = kp_wire_get_i8(at + 1);
		return at + 2;
	}
	if (type == KP_WIRE_INT16 && type_max >= KP_WIRE_INT16) {
		*ret = (int16_t)kp_wire_get_u16(at + 1);
		return at + 3;
	}
	if (type == KP_WIRE_INT32 && type_max >= KP_WIRE_INT32) {
		*ret = (int32_t)kp_wire_get_u32(at + 1);
		return at + 5;
	}
	return NULL;
}

static inline const uint8_t *has_bytes(const uint8_t *at, const uint8_t *end, ptrdiff_t size)
{
	return KP_LIKELY(at && end - at >= size) ? at : NULL;
}

static inline const uint8_t *quick_request(const uint8_t *at, const uint8_t *end,
                                           struct kp_request_packet *packet)
{
	int32_t version = 0, packet_type = 0;
	at = has_bytes(at, end, 4 * INT_SIZE_MAX);
	at = quick_int(at, 1, KP_WIRE_INT16, &version);
	at = quick_int(at, 2, KP_WIRE_INT8, &packet_type);
	at = quick_int(at, 3, KP_WIRE_INT32, &packet->message_type);
	at = quick_int(at, 4, KP_WIRE_INT32, &packet->request_id);
	at = kp_wire_get_str(at, end, 5, &packet->servant);
	at = kp_wire_get_str(at, end, 6, &packet->function);
	at = kp_wire_get_bytes(at, end, REQUEST_BODY_TAG, &packet->body);
	at = has_bytes(at, end, INT_SIZE_MAX);
	at = quick_int(at, 8, KP_WIRE_INT32, &packet->timeout_ms);
	packet->version = (int16_t)version;
	packet->packet_type = (int8_t)packet_type;
	return at;
}

static void plain_request(struct kp_decoder *in, struct kp_request_packet *packet)
{
	packet->version = (int16_t)decode_int(in, 1, KP_WIRE_INT16);
	packet->packet_type = (int8_t)decode_int(in, 2, KP_WIRE_INT8);
	packet->message_type = (int32_t)decode_int(in, 3, KP_WIRE_INT32);
	packet->request_id = (int32_t)decode_int(in, 4, KP_WIRE_INT32);
	kp_str_decode(in, 5, KP_REQUIRED, &packet->servant);
	kp_str_decode(in, 6, KP_REQUIRED, &packet->function);
	kp_bytes_decode(in, REQUEST_BODY_TAG, KP_REQUIRED, &packet->body);
	packet->timeout_ms = (int32_t)decode_int(in, 8, KP_WIRE_INT32);
}

// finish_request goes on at `at`, or reads all of the packet if that is NULL.
static __attribute__((noinline)) kp_err finish_request(struct kp_decoder *in, const uint8_t *at,
                                                       struct kp_request_packet *packet)
{
	if (at)
		in->ptr = at;
	else
		plain_request(in, packet);
	decode_map(in, REQUEST_CONTEXT_TAG, KP_REQUIRED, &packet->context);
	decode_map(in, REQUEST_STATUS_TAG, KP_REQUIRED, &packet->status);
	return kp_decoder_skip_rest(in);
}

kp_err kp_request_packet_decode(struct kp_bytes bytes, struct kp_arena *arena,
                                struct kp_request_packet *ret)
{
	static const uint8_t no_maps[4] = {REQUEST_CONTEXT_TAG << 4 | KP_WIRE_MAP, KP_WIRE_ZERO,
	                                   REQUEST_STATUS_TAG << 4 | KP_WIRE_MAP, KP_WIRE_ZERO};
	struct kp_request_packet packet;
	struct kp_decoder in = kp_decoder(bytes, arena);
	const uint8_t *end = in.end, *at = quick_request(bytes.ptr, end, &packet);
	if (KP_LIKELY(at && (size_t)(end - at) == sizeof(no_maps) &&
	              memcmp(at, no_maps, sizeof(no_maps)) == 0))
		packet.context = packet.status = (struct kp_packet_map){{NULL, 0}, 0};
	else
		KP_TRY(finish_request(&in, at, &packet));
	*ret = packet;
	return KP_OK;
}

static inline const uint8_t *quick_response(const uint8_t *at, const uint8_t *end,
                                            struct kp_response_packet *packet)
{
	int32_t version = 0, packet_type = 0;
	at = has_bytes(at, end, 3 * INT_SIZE_MAX);
	at = quick_int(at, 1, KP_WIRE_INT16, &version);
	at = quick_int(at, 2, KP_WIRE_INT8, &packet_type);
	at = quick_int(at, 3, KP_WIRE_INT32, &packet->request_id);
	at = quick_int(at, 4, KP_WIRE_INT32, &packet->message_type);
	at = has_bytes(at, end, INT_SIZE_MAX);
	at = quick_int(at, 5, KP_WIRE_INT32, &packet->ret);
	at = kp_wire_get_bytes(at, end, RESPONSE_BODY_TAG, &packet->body);
	packet->version = (int16_t)version;
	packet->packet_type = (int8_t)packet_type;
	return at;
}

static void plain_response(struct kp_decoder *in, struct kp_response_packet *packet)
{
	packet->version = (int16_t)decode_int(in, 1, KP_WIRE_INT16);
	packet->packet_type = (int8_t)decode_int(in, 2, KP_WIRE_INT8);
	packet->request_id = (int32_t)decode_int(in, 3, KP_WIRE_INT32);
	packet->message_type = (int32_t)decode_int(in, 4, KP_WIRE_INT32);
	packet->ret = (int32_t)decode_int(in, 5, KP_WIRE_INT32);
	kp_bytes_decode(in, RESPONSE_BODY_TAG, KP_REQUIRED, &packet->body);
}

static __attribute__((noinline)) kp_err finish_response(struct kp_decoder *in, const uint8_t *at,
                                                        struct kp_response_packet *packet)
{
	if (at)
		in->ptr = at;
	else
		plain_response(in, packet);
	decode_map(in, RESPONSE_STATUS_TAG, KP_REQUIRED, &packet->status);
	kp_str_decode(in, RESPONSE_REASON_TAG, KP_OPTIONAL, &packet->reason);
	decode_map(in, RESPONSE_CONTEXT_TAG, KP_OPTIONAL, &packet->context);
	return kp_decoder_skip_rest(in);
}

kp_err kp_response_packet_decode(struct kp_bytes bytes, struct kp_arena *arena,
                                 struct kp_response_packet *ret)
{
	struct kp_response_packet packet;
	struct kp_decoder in = kp_decoder(bytes, arena);
	const uint8_t *end = in.end, *at = quick_response(bytes.ptr, end, &packet);
	packet.status = packet.context = (struct kp_packet_map){{NULL, 0}, 0};
	packet.reason = (struct kp_str){NULL, 0};
	bool is_done = at && end - at == 2 && at[0] == (RESPONSE_STATUS_TAG << 4 | KP_WIRE_MAP) &&
	               at[1] == KP_WIRE_ZERO;
	if (KP_UNLIKELY(!is_done))
		KP_TRY(finish_response(&in, at, &packet));
	*ret = packet;
	return KP_OK;
}

static void encode_map(struct kp_buf *out, unsigned tag, const struct kp_packet_map *map)
{
	kp_map_begin(out, tag, map->count);
	kp_buf_append(out, map->bytes.ptr, map->bytes.len);
}

// frame_begin leaves room for the length.
static size_t frame_begin(struct kp_buf *out)
{
	size_t start = out->len;
	if (kp_buf_reserve(out, KP_FRAME_HEAD_SIZE))
		out->len += KP_FRAME_HEAD_SIZE;
	return start;
}

static inline kp_err frame_end(struct kp_buf *out, size_t start)
{
	if (KP_UNLIKELY(out->err != KP_OK))
		return out->err;
	size_t size = out->len - start;
	if (KP_UNLIKELY(size > frame_size_max)) {
		out->err = KP_ERR_ENCODE;
		return out->err;
	}
	kp_wire_put_u32(out->data + start, (uint32_t)size);
	return KP_OK;
}

kp_err kp_request_packet_encode(struct kp_buf *out, const struct kp_request_packet *packet)
{
	size_t start = frame_begin(out);
	kp_i16_encode(out, 1, packet->version);
	kp_i8_encode(out, 2, packet->packet_type);
	kp_i32_encode(out, 3, packet->message_type);
	kp_i32_encode(out, 4, packet->request_id);
	kp_str_encode(out, 5, packet->servant);
	kp_str_encode(out, 6, packet->function);
	kp_bytes_encode(out, REQUEST_BODY_TAG, packet->body);
	kp_i32_encode(out, 8, packet->timeout_ms);
	encode_map(out, REQUEST_CONTEXT_TAG, &packet->context);
	encode_map(out, REQUEST_STATUS_TAG, &packet->status);
	kp_err err = frame_end(out, start);
	if (err != KP_OK)
		out->len = start;
	return err;
}

kp_err kp_response_packet_encode(struct kp_buf *out, const struct kp_response_packet *packet)
{
	size_t start = frame_begin(out);
	kp_i16_encode(out, 1, packet->version);
	kp_i8_encode(out, 2, packet->packet_type);
	kp_i32_encode(out, 3, packet->request_id);
	kp_i32_encode(out, 4, packet->message_type);
	kp_i32_encode(out, 5, packet->ret);
	kp_bytes_encode(out, RESPONSE_BODY_TAG, packet->body);
	encode_map(out, RESPONSE_STATUS_TAG, &packet->status);
	if (packet->ret != 0 || packet->reason.len > 0)
		kp_str_encode(out, RESPONSE_REASON_TAG, packet->reason);
	if (packet->context.count > 0)
		encode_map(out, RESPONSE_CONTEXT_TAG, &packet->context);
	kp_err err = frame_end(out, start);
	if (err != KP_OK)
		out->len = start;
	return err;
}

enum {
	// Bodies of 128..32767 bytes need no move, and those below it move next to nothing.
	COUNT_SIZE_GUESS = 3,
};

// put_begin writes a response up to its body; there is room for it.
static inline void put_begin(struct kp_buf *out, struct kp_response_mark *mark, int16_t version,
                             int32_t request_id, int32_t message_type)
{
	uint8_t *at = out->data + out->len;
	at = kp_wire_put_int(at + KP_FRAME_HEAD_SIZE, 1, version);
	at = kp_wire_put_head(at, 2, KP_WIRE_ZERO);
	at = kp_wire_put_int(at, 3, request_id);
	at = kp_wire_put_int(at, 4, message_type);
	at = kp_wire_put_head(at, 5, KP_WIRE_ZERO);
	at = kp_wire_put_head(at, RESPONSE_BODY_TAG, KP_WIRE_SIMPLE_LIST);
	*at++ = KP_WIRE_INT8;
	mark->body = out->len = (size_t)(at + COUNT_SIZE_GUESS - out->data);
}

static __attribute__((noinline)) void begin_slow(struct kp_buf *out, struct kp_response_mark *mark,
                                                 int16_t version, int32_t request_id,
                                                 int32_t message_type)
{
	if (kp_buf_reserve(out, RESPONSE_HEAD_SIZE_MAX))
		put_begin(out, mark, version, request_id, message_type);
}

void kp_response_begin(struct kp_buf *out, struct kp_response_mark *mark, int16_t version,
                       int32_t request_id, int32_t message_type)
{
	*mark = (struct kp_response_mark){out->len, out->len, out->err};
	if (KP_LIKELY(out->err == KP_OK && out->cap - out->len >= RESPONSE_HEAD_SIZE_MAX))
		put_begin(out, mark, version, request_id, message_type);
	else
		begin_slow(out, mark, version, request_id, message_type);
}

// move_body makes the room before the body what its length needs, and writes the length.
static bool move_body(struct kp_buf *out, size_t body)
{
	size_t size = out->len - body;
	if (size > frame_size_max)
		out->err = KP_ERR_ENCODE;
	if (!kp_buf_reserve(out, KP_WIRE_COUNT_MAX))
		return false;
	uint8_t count[KP_WIRE_COUNT_MAX];
	size_t count_size = (size_t)(kp_wire_put_count(count, size) - count);
	uint8_t *at = out->data + body - COUNT_SIZE_GUESS;
	memmove(at + count_size, out->data + body, size);
	memcpy(at, count, count_size);
	out->len = (size_t)(at + count_size + size - out->data);
	return true;
}

static __attribute__((noinline)) kp_err end_slow(struct kp_buf *out,
                                                 const struct kp_response_mark *mark,
                                                 const struct kp_packet_map *status,
                                                 const struct kp_packet_map *context)
{
	static const struct kp_packet_map none;
	if (out->err != KP_OK || !move_body(out, mark->body))
		return out->err;
	encode_map(out, RESPONSE_STATUS_TAG, status ? status : &none);
	if (context && context->count > 0)
		encode_map(out, RESPONSE_CONTEXT_TAG, context);
	return frame_end(out, mark->start);
}

// close_frame writes what follows a body when both maps are empty; there is room for it.
static inline kp_err close_frame(struct kp_buf *out, size_t start)
{
	uint8_t *end = out->data + out->len;
	end[0] = RESPONSE_STATUS_TAG << 4 | KP_WIRE_MAP;
	end[1] = KP_WIRE_ZERO;
	out->len += 2;
	kp_wire_put_u32(out->data + start, (uint32_t)(out->len - start));
	return KP_OK;
}

// end_short moves a body of 1 to INT8_MAX bytes, whose length takes one byte less than guessed.
static __attribute__((noinline)) kp_err end_short(struct kp_buf *out,
                                                  const struct kp_response_mark *mark, size_t size)
{
	uint8_t *count = out->data + mark->body - COUNT_SIZE_GUESS;
	count[0] = KP_WIRE_INT8;
	count[1] = (uint8_t)size;
	memmove(count + 2, count + COUNT_SIZE_GUESS, size);
	out->len--;
	return close_frame(out, mark->start);
}

kp_err kp_response_end(struct kp_buf *out, const struct kp_response_mark *mark,
                       const struct kp_packet_map *status, const struct kp_packet_map *context)
{
	size_t size = out->len - mark->body;
	if (KP_UNLIKELY(out->err != KP_OK || status || context || size == 0 || size > INT16_MAX ||
	                out->cap - out->len < 2))
		return end_slow(out, mark, status, context);
	if (size <= INT8_MAX)
		return end_short(out, mark, size);
	uint8_t *count = out->data + mark->body - COUNT_SIZE_GUESS;
	*count = KP_WIRE_INT16;
	kp_wire_put_u16(count + 1, (uint16_t)size);
	return close_frame(out, mark->start);
}

void kp_response_abort(struct kp_buf *out, const struct kp_response_mark *mark)
{
	out->len = mark->start;
	out->err = mark->err;
}
