// quick_write_test.c - what is written quickly is what would have been written slowly.
#include "base/mem.h"
#include "tars/quick_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t bytes[70000];

static void expect_same(const struct kp_request_packet *packet)
{
	struct kp_buf quick = {0}, slow = {0};
	for (int i = 0; i < 2; i++) { // also behind something
		assert_true(kp_quick_request_write(&quick, packet));
		assert_int_equal(kp_request_packet_encode(&slow, packet), KP_OK);
		assert_int_equal(quick.len, slow.len);
		assert_memory_equal(quick.data, slow.data, slow.len);
	}
	kp_buf_fini(&quick);
	kp_buf_fini(&slow);
}

static void the_bytes_are_those_of_the_slow_way(void **state)
{
	static const int32_t numbers[] = {0, 1, 127, 128, 255, 256, 32767, 32768, 65536, INT32_MAX};
	static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 1024, 32767};
	enum {
		NUMBERS = sizeof(numbers) / sizeof(*numbers),
		SIZES = sizeof(sizes) / sizeof(*sizes),
	};
	srand(5);
	for (int n = 0; n < NUMBERS; n++)
		for (int s = 0; s < SIZES; s++)
			for (int i = 0; i < 10; i++) {
				struct kp_request_packet packet = {
				        .version = KP_PACKET_TARS,
				        .request_id = numbers[n],
				        .timeout_ms = numbers[rand() % NUMBERS],
				        .servant = {(const char *)bytes, (size_t)rand() % 256},
				        .function = {(const char *)bytes, (size_t)rand() % 256},
				        .body = {bytes, sizes[s]}};
				expect_same(&packet);
			}
}

static void what_is_not_usual_is_left_alone(void **state)
{
	struct kp_buf out = {0};
	struct kp_request_packet packet = {.version = KP_PACKET_TARS, .request_id = 1};
	packet.servant = (struct kp_str){(const char *)bytes, 256};
	assert_false(kp_quick_request_write(&out, &packet));
	packet.servant.len = 255;
	packet.function = (struct kp_str){(const char *)bytes, 256};
	assert_false(kp_quick_request_write(&out, &packet));
	packet.function.len = 255;
	packet.body = (struct kp_bytes){bytes, 32768};
	assert_false(kp_quick_request_write(&out, &packet));
	assert_int_equal(out.len, 0);
	packet.body.len = 32767;
	kp_mem_fail_at(1);
	assert_false(kp_quick_request_write(&out, &packet));
	kp_mem_fail_at(0);
	assert_int_equal(out.len, 0);
	kp_buf_clear(&out);
	assert_true(kp_quick_request_write(&out, &packet));
	kp_buf_fini(&out);
	assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_bytes_are_those_of_the_slow_way),
	        cmocka_unit_test(what_is_not_usual_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
