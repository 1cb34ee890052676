// soak.h - what both sides of the soak test compute.
#pragma once

#include <kipp/kipp.h>

// soak_sum is FNV-1a.
static inline int64_t soak_sum(struct kp_bytes bytes)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < bytes.len; i++)
		sum = (sum ^ bytes.ptr[i]) * UINT64_C(0x100000001b3);
	return (int64_t)sum;
}

// soak_byte is one byte of the answer to a question with a checksum.
static inline uint8_t soak_byte(int64_t sum, size_t index)
{
	return (uint8_t)(((uint64_t)sum >> (index % 8 * 8)) + index * 7);
}
