// fuzz_describe.c - any bytes as an interface's description, and answers read by what came out.
//
// The first two bytes say how long the description is; an answer's body follows it.
#include "base/assert.h"
#include "base/mem.h"
#include "tars/describe.h"
#include "tars/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OUTPUT_SIZE_MAX = 1 << 20
};

// What was decoded travels again, unchanged.
static void check_travel(const struct kp_interface *interface, struct kp_arena *arena)
{
	struct kp_buf first = {0}, second = {0}, text = {0};
	struct kp_interface *again;
	kp_assert(kp_interface_encode(interface, &first) == KP_OK);
	kp_assert(kp_interface_decode(kp_buf_bytes(&first), arena, &again) == KP_OK);
	kp_assert(kp_interface_encode(again, &second) == KP_OK);
	kp_assert(kp_bytes_equal(kp_buf_bytes(&first), kp_buf_bytes(&second)));
	kp_assert(kp_interface_print(again, &text) == KP_OK);
	kp_buf_fini(&first);
	kp_buf_fini(&second);
	kp_buf_fini(&text);
}

static void check_calls(const struct kp_interface *interface, struct kp_bytes body,
                        struct kp_arena *arena)
{
	struct kp_why why;
	for (size_t i = 0; i < interface->function_count; i++) {
		const struct kp_function *function = &interface->functions[i];
		struct kp_buf json = {.len_max = OUTPUT_SIZE_MAX}, args = {0};
		kp_args_to_json(function, body, KP_JSON_PRETTY, &json, arena, &why);
		kp_buf_clear(&json);
		kp_err err =
		        kp_request_to_json(function, body, KP_JSON_COMPACT, &json, arena, &why);
		if (err == KP_OK)
			kp_json_to_args(function, kp_buf_str(&json), &args, arena, &why);
		kp_buf_fini(&json);
		kp_buf_fini(&args);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t len = (size_t)(data[0] << 8 | data[1]);
	if (len > size - 2)
		len = size - 2;
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_interface *interface;
	kp_err err = kp_interface_decode((struct kp_bytes){data + 2, len}, arena, &interface);
	if (err == KP_OK) {
		check_travel(interface, arena);
		check_calls(interface, (struct kp_bytes){data + 2 + len, size - 2 - len}, arena);
	} else {
		kp_assert(err == KP_ERR_DECODE || err == KP_ERR_NOMEM);
	}
	kp_arena_free(arena);
	kp_assert(kp_mem_live() == 0);
	return 0;
}
