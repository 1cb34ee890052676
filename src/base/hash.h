// hash.h - a fast hash of bytes for tables, not for secrets.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t kp_hash(const void *data, size_t size, uint64_t seed);
