// wire.h - the two packets that the load generator needs, by hand.
//
// It shares no code with the library it measures, so that neither hides the other's mistakes.
#pragma once

#include "kipp/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_REQUEST_HEAD_MAX = 128, // what a request frame adds to its bytes, at most
	WIRE_ANSWER_HEAD_MAX = 64,   // what a right answer adds to them
};

// wire_request_encode writes the frame of echo(bytes), called on Demo.EchoServer.EchoObj, to
// `frame`, which has room for `len` + WIRE_REQUEST_HEAD_MAX bytes. Returns the frame's size.
// *ret_id_offset is where the request's id, four bytes in big-endian order, is to be put, and
// *ret_bytes_offset where the copy of `bytes` stands.
size_t wire_request_encode(uint8_t *frame, const uint8_t *bytes, size_t len, size_t *ret_id_offset,
                           size_t *ret_bytes_offset);

// wire_set_id writes a request's id.
void wire_set_id(uint8_t *frame, size_t id_offset, uint32_t id);

// wire_frame_size tells how long the frame is that starts at `bytes`, 0 when fewer than four bytes
// are there. DECODE: no frame starts with these bytes.
kp_err wire_frame_size(const uint8_t *bytes, size_t len, size_t *ret);

struct wire_answer {
	int32_t id;
	int32_t code;         // iRet
	int32_t result;       // what echo returned
	const uint8_t *bytes; // `rsp`, a view into the frame
	size_t len;
};

// wire_answer_decode reads a whole frame. The result and the bytes are read only if the code is 0.
// DECODE: it is no answer to an echo.
kp_err wire_answer_decode(const uint8_t *frame, size_t size, struct wire_answer *ret);
