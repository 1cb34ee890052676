// frame_test.c - where a frame ends, and which lengths are refused.
#include "tars/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static kp_err find(const char *bytes, size_t len, size_t size_max, struct kp_bytes *frame,
                   size_t *size)
{
	return kp_frame_find((struct kp_bytes){(const uint8_t *)bytes, len}, size_max, frame, size);
}

static void frame_ends_where_its_length_says(void **state)
{
	struct kp_bytes frame = {0};
	size_t size = 0;
	const char *bytes = "\0\0\0\6abmore";
	assert_int_equal(find(bytes, 10, 100, &frame, &size), KP_OK);
	assert_int_equal(size, 6);
	assert_int_equal(frame.len, 2);
	assert_memory_equal(frame.ptr, "ab", 2);
	assert_int_equal(find(bytes, 6, 6, &frame, &size), KP_OK);
}

static void frame_says_how_much_it_waits_for(void **state)
{
	struct kp_bytes frame = {0};
	for (size_t len = 0; len < 6; len++) {
		size_t size = 0;
		assert_int_equal(find("\0\0\0\6ab", len, 100, &frame, &size), KP_ERR_AGAIN);
		assert_int_equal(size, len < 4 ? 4 : 6);
		assert_null(frame.ptr);
	}
	size_t size = 0;
	assert_int_equal(find(NULL, 0, 100, &frame, &size), KP_ERR_AGAIN);
}

static void frame_lengths_have_bounds(void **state)
{
	struct kp_bytes frame = {0};
	size_t size = 0;
	for (char length = 0; length < 5; length++) {
		char bytes[8] = {0, 0, 0, length};
		assert_int_equal(find(bytes, 8, 100, &frame, &size), KP_ERR_DECODE);
	}
	assert_int_equal(find("\0\0\0\5a", 5, 5, &frame, &size), KP_OK);
	assert_int_equal(find("\0\0\0\6ab", 6, 5, &frame, &size), KP_ERR_LIMIT);
	assert_int_equal(find("\xff\xff\xff\xff", 4, 100 << 20, &frame, &size), KP_ERR_LIMIT);
	assert_int_equal(find("GET / HTTP/1.1", 14, 10 << 20, &frame, &size), KP_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(frame_ends_where_its_length_says),
	        cmocka_unit_test(frame_says_how_much_it_waits_for),
	        cmocka_unit_test(frame_lengths_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
