// fuzz_json.c - any text as JSON, and as the parameters of calls.
#include "base/assert.h"
#include "base/mem.h"
#include "tars/describe_sample.h"
#include "tars/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write(const struct kp_json *json, enum kp_json_style style, struct kp_buf *out)
{
	struct kp_json_writer writer = kp_json_writer(out, style);
	kp_json_put(&writer, json);
	kp_assert(out->err == KP_OK);
}

// What is read and written reads the same again, in every style.
static void check_text(struct kp_str text, struct kp_arena *arena)
{
	struct kp_json *json;
	struct kp_why why;
	if (kp_json_parse(text, arena, &json, &why) != KP_OK)
		return;
	struct kp_buf compact = {0};
	write(json, KP_JSON_COMPACT, &compact);
	for (int style = KP_JSON_COMPACT; style <= KP_JSON_PRETTY; style++) {
		struct kp_buf styled = {0}, again = {0};
		write(json, (enum kp_json_style)style, &styled);
		struct kp_json *reread;
		kp_assert(kp_json_parse(kp_buf_str(&styled), arena, &reread, &why) == KP_OK);
		write(reread, KP_JSON_COMPACT, &again);
		kp_assert(kp_str_equal(kp_buf_str(&again), kp_buf_str(&compact)));
		kp_buf_fini(&styled);
		kp_buf_fini(&again);
	}
	kp_buf_fini(&compact);
}

// Parameters that are taken print, and what was printed is taken again.
static void check_args(const struct kp_function *function, struct kp_str text,
                       struct kp_arena *arena)
{
	struct kp_buf body = {0}, json = {0}, again = {0};
	struct kp_why why;
	if (kp_json_to_args(function, text, &body, arena, &why) == KP_OK) {
		kp_err err = kp_request_to_json(function, kp_buf_bytes(&body), KP_JSON_LINE, &json,
		                                arena, &why);
		kp_assert(err == KP_OK);
		err = kp_json_to_args(function, kp_buf_str(&json), &again, arena, &why);
		// a list of pairs may hold a key twice, an object may not
		kp_assert(err == KP_OK || strstr(why.text, "same name twice"));
	}
	kp_buf_fini(&body);
	kp_buf_fini(&json);
	kp_buf_fini(&again);
}

// What other SDKs write is read as well, and what they are answered with is JSON.
static void check_packets(const struct kp_function *function, struct kp_str text,
                          struct kp_arena *arena)
{
	struct kp_buf out = {0};
	struct kp_why why;
	struct kp_json *json;
	struct kp_bytes body = {(const uint8_t *)text.ptr, text.len};
	(void)kp_json_to_args_form(function, &kp_json_form_packet, text, &out, arena, &why);
	kp_buf_clear(&out);
	kp_err err = kp_args_to_json_form(function, &kp_json_form_packet, body, &out, arena, &why);
	if (err == KP_OK) {
		err = kp_json_parse(kp_buf_str(&out), arena, &json, &why);
		// a map may hold a key twice, an object may not
		kp_assert(err == KP_OK || strstr(why.text, "same name twice"));
	}
	kp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_str text = {(const char *)data, size};
	struct kp_arena *arena = kp_arena_new(0);
	check_text(text, arena);
	for (size_t i = 0; i < sample.function_count; i++) {
		check_args(&sample.functions[i], text, arena);
		check_packets(&sample.functions[i], text, arena);
	}
	kp_arena_free(arena);
	kp_assert(kp_mem_live() == 0);
	return 0;
}
