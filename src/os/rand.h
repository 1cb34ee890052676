// rand.h - random numbers from the system, for seeds and tokens.
#pragma once

#include "kipp/err.h"

#include <stddef.h>
#include <stdint.h>

// kp_rand_bytes fills `size` (at most 256) bytes that nobody can guess.
void kp_rand_bytes(void *data, size_t size);

uint64_t kp_rand_u64(void);
