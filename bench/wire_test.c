// wire_test.c - requests and answers have the bytes of the contract.
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// The answer of the contract's A.8 with id 1, ret 0 and "hi" at tag 2, here as vector<byte>.
static const uint8_t answer_hi[] = "\x00\x00\x00\x18\x10\x01\x2c\x30\x01\x4c\x5c\x6d\x00\x00\x07"
                                   "\x0c\x2d\x00\x00\x02hi\x78\x0c";

static void a_request_has_the_bytes_of_the_contract(void **state)
{
	(void)state;
	static const uint8_t expected[] = "\x00\x00\x00\x3d\x10\x01\x2c\x3c\x42\x01\x02\x03\x04"
	                                  "\x56\x17"
	                                  "Demo.EchoServer.EchoObj"
	                                  "\x66\x04"
	                                  "echo"
	                                  "\x7d\x00\x00\x06\x1d\x00\x00\x02hi"
	                                  "\x81\x0b\xb8\x98\x0c\xa8\x0c";
	uint8_t frame[2 + WIRE_REQUEST_HEAD_MAX];
	size_t id_offset;
	size_t bytes_offset;
	size_t size =
	        wire_request_encode(frame, (const uint8_t *)"hi", 2, &id_offset, &bytes_offset);
	wire_set_id(frame, id_offset, 0x01020304);
	assert_int_equal(size, sizeof(expected) - 1);
	assert_memory_equal(frame, expected, size);
	assert_memory_equal(frame + bytes_offset, "hi", 2);
}

static void an_answer_is_read_field_by_field(void **state)
{
	(void)state;
	struct wire_answer answer;
	assert_int_equal(wire_answer_decode(answer_hi, sizeof(answer_hi) - 1, &answer), KP_OK);
	assert_int_equal(answer.id, 1);
	assert_int_equal(answer.code, 0);
	assert_int_equal(answer.result, 0);
	assert_int_equal(answer.len, 2);
	assert_memory_equal(answer.bytes, "hi", 2);
}

static void an_error_answer_needs_no_body(void **state)
{
	(void)state;
	static const uint8_t frame[] =
	        "\x00\x00\x00\x13\x10\x01\x2c\x30\x09\x4c\x50\xfd\x6d\x00\x0c"
	        "\x78\x0c\x86\x00";
	struct wire_answer answer;
	assert_int_equal(wire_answer_decode(frame, sizeof(frame) - 1, &answer), KP_OK);
	assert_int_equal(answer.id, 9);
	assert_int_equal(answer.code, -3);
}

static void every_truncation_of_an_answer_is_an_error(void **state)
{
	(void)state;
	// The last byte says that the status is empty, which nobody asks.
	for (size_t size = 4; size < sizeof(answer_hi) - 2; size++) {
		struct wire_answer answer;
		uint8_t copy[sizeof(answer_hi)];
		memcpy(copy, answer_hi, size);
		assert_int_equal(wire_answer_decode(copy, size, &answer), KP_ERR_DECODE);
	}
}

static void a_frame_tells_its_size(void **state)
{
	(void)state;
	size_t size = 1;
	assert_int_equal(wire_frame_size(answer_hi, 3, &size), KP_OK);
	assert_int_equal(size, 0);
	assert_int_equal(wire_frame_size(answer_hi, 4, &size), KP_OK);
	assert_int_equal(size, sizeof(answer_hi) - 1);
	assert_int_equal(wire_frame_size((const uint8_t *)"\0\0\0\4", 4, &size), KP_ERR_DECODE);
	assert_int_equal(wire_frame_size((const uint8_t *)"HTTP", 4, &size), KP_ERR_DECODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_has_the_bytes_of_the_contract),
	        cmocka_unit_test(an_answer_is_read_field_by_field),
	        cmocka_unit_test(an_error_answer_needs_no_body),
	        cmocka_unit_test(every_truncation_of_an_answer_is_an_error),
	        cmocka_unit_test(a_frame_tells_its_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
