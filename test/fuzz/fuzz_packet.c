// fuzz_packet.c - any bytes as a request and as a response, against a reader without short cuts.
#include "base/arena.h"
#include "base/assert.h"
#include "tars/frame.h"
#include "tars/quick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plain_map(struct kp_decoder *in, unsigned tag, enum kp_need need, size_t *ret_count)
{
	struct kp_str key, value;
	*ret_count = 0;
	if (!kp_map_enter(in, tag, need, ret_count))
		return;
	for (size_t i = 0; i < *ret_count && in->err == KP_OK; i++) {
		kp_str_decode(in, 0, KP_REQUIRED, &key);
		kp_str_decode(in, 1, KP_REQUIRED, &value);
	}
	kp_list_leave(in);
}

static kp_err plain_request(struct kp_decoder *in, struct kp_request_packet *ret)
{
	*ret = (struct kp_request_packet){0};
	kp_i16_decode(in, 1, KP_REQUIRED, &ret->version);
	kp_i8_decode(in, 2, KP_REQUIRED, &ret->packet_type);
	kp_i32_decode(in, 3, KP_REQUIRED, &ret->message_type);
	kp_i32_decode(in, 4, KP_REQUIRED, &ret->request_id);
	kp_str_decode(in, 5, KP_REQUIRED, &ret->servant);
	kp_str_decode(in, 6, KP_REQUIRED, &ret->function);
	kp_bytes_decode(in, 7, KP_REQUIRED, &ret->body);
	kp_i32_decode(in, 8, KP_REQUIRED, &ret->timeout_ms);
	plain_map(in, 9, KP_REQUIRED, &ret->context.count);
	plain_map(in, 10, KP_REQUIRED, &ret->status.count);
	return kp_decoder_skip_rest(in);
}

static kp_err plain_response(struct kp_decoder *in, struct kp_response_packet *ret)
{
	*ret = (struct kp_response_packet){0};
	kp_i16_decode(in, 1, KP_REQUIRED, &ret->version);
	kp_i8_decode(in, 2, KP_REQUIRED, &ret->packet_type);
	kp_i32_decode(in, 3, KP_REQUIRED, &ret->request_id);
	kp_i32_decode(in, 4, KP_REQUIRED, &ret->message_type);
	kp_i32_decode(in, 5, KP_REQUIRED, &ret->ret);
	kp_bytes_decode(in, 6, KP_REQUIRED, &ret->body);
	plain_map(in, 7, KP_REQUIRED, &ret->status.count);
	kp_str_decode(in, 8, KP_OPTIONAL, &ret->reason);
	plain_map(in, 9, KP_OPTIONAL, &ret->context.count);
	return kp_decoder_skip_rest(in);
}

static void check_map(const struct kp_packet_map *map)
{
	struct kp_str key, value, found;
	size_t count = 0;
	for (size_t cursor = 0; kp_packet_map_next(map, &cursor, &key, &value); count++)
		kp_assert(kp_packet_map_find(map, key, &found));
	kp_assert(count == map->count);
}

static struct kp_bytes packet_in(const struct kp_buf *out)
{
	struct kp_bytes frame = {0};
	size_t size;
	kp_assert(kp_frame_find(kp_buf_bytes(out), out->len, &frame, &size) == KP_OK);
	kp_assert(size == out->len);
	return frame;
}

static void check_request(struct kp_bytes bytes, struct kp_arena *arena)
{
	struct kp_request_packet packet, plain, again;
	kp_err err = kp_request_packet_decode(bytes, arena, &packet);
	struct kp_decoder in = kp_decoder(bytes, arena);
	kp_assert(plain_request(&in, &plain) == err);
	if (err != KP_OK)
		return;
	kp_assert(packet.version == plain.version && packet.packet_type == plain.packet_type &&
	          packet.message_type == plain.message_type &&
	          packet.request_id == plain.request_id && packet.timeout_ms == plain.timeout_ms &&
	          kp_str_equal(packet.servant, plain.servant) &&
	          kp_str_equal(packet.function, plain.function) &&
	          kp_bytes_equal(packet.body, plain.body) &&
	          packet.context.count == plain.context.count &&
	          packet.status.count == plain.status.count);
	check_map(&packet.context);
	check_map(&packet.status);
	struct kp_buf first = {0}, second = {0};
	kp_assert(kp_request_packet_encode(&first, &packet) == KP_OK);
	kp_assert(kp_request_packet_decode(packet_in(&first), NULL, &again) == KP_OK);
	kp_assert(kp_request_packet_encode(&second, &again) == KP_OK);
	kp_assert(kp_bytes_equal(kp_buf_bytes(&first), kp_buf_bytes(&second)));
	kp_buf_fini(&first);
	kp_buf_fini(&second);
}

// What answers with ret 0 is written twice, the plain way and the quick way.
static void check_quick(const struct kp_response_packet *packet, const struct kp_buf *plain)
{
	if (packet->ret != 0 || packet->packet_type != 0 || packet->reason.len > 0)
		return;
	struct kp_buf quick = {0};
	struct kp_response_mark mark;
	kp_response_begin(&quick, &mark, packet->version, packet->request_id, packet->message_type);
	kp_buf_append(&quick, packet->body.ptr, packet->body.len);
	kp_assert(kp_response_end(&quick, &mark, packet->status.count ? &packet->status : NULL,
	                          packet->context.count ? &packet->context : NULL) == KP_OK);
	kp_assert(kp_bytes_equal(kp_buf_bytes(&quick), kp_buf_bytes(plain)));
	kp_buf_fini(&quick);
}

static void check_response(struct kp_bytes bytes, struct kp_arena *arena)
{
	struct kp_response_packet packet, plain, again;
	kp_err err = kp_response_packet_decode(bytes, arena, &packet);
	struct kp_decoder in = kp_decoder(bytes, arena);
	kp_assert(plain_response(&in, &plain) == err);
	if (err != KP_OK)
		return;
	kp_assert(packet.version == plain.version && packet.packet_type == plain.packet_type &&
	          packet.message_type == plain.message_type &&
	          packet.request_id == plain.request_id && packet.ret == plain.ret &&
	          kp_str_equal(packet.reason, plain.reason) &&
	          kp_bytes_equal(packet.body, plain.body) &&
	          packet.context.count == plain.context.count &&
	          packet.status.count == plain.status.count);
	check_map(&packet.context);
	check_map(&packet.status);
	struct kp_buf first = {0}, second = {0};
	kp_assert(kp_response_packet_encode(&first, &packet) == KP_OK);
	kp_assert(kp_response_packet_decode(packet_in(&first), NULL, &again) == KP_OK);
	kp_assert(kp_response_packet_encode(&second, &again) == KP_OK);
	kp_assert(kp_bytes_equal(kp_buf_bytes(&first), kp_buf_bytes(&second)));
	check_quick(&packet, &first);
	kp_buf_fini(&first);
	kp_buf_fini(&second);
}

// check_quick_request: what is read quickly means what it means otherwise.
static void check_quick_request(struct kp_bytes bytes)
{
	struct kp_quick_request quick;
	struct kp_request_packet full;
	if (!kp_quick_request_read(bytes, &quick))
		return;
	kp_assert(kp_request_packet_decode(bytes, NULL, &full) == KP_OK);
	kp_assert(full.version == KP_PACKET_TARS && full.packet_type == KP_PACKET_NORMAL);
	kp_assert(full.request_id == quick.request_id && full.timeout_ms == quick.timeout_ms);
	kp_assert(full.body.len == quick.body.len && full.message_type == 0);
	kp_assert((const uint8_t *)full.servant.ptr == quick.names.ptr + 2);
	kp_assert(full.context.count == 0 && full.status.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_arena arena = {0};
	check_quick_request((struct kp_bytes){data, size});
	check_request((struct kp_bytes){data, size}, &arena);
	check_response((struct kp_bytes){data, size}, &arena);
	kp_arena_fini(&arena);
	return 0;
}
