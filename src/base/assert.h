// assert.h - checks of our own logic, in release builds too. Input from outside can never reach
// one.
#pragma once

#include "kipp/api.h"

#define kp_assert(condition)                                              \
	do {                                                              \
		if (KP_UNLIKELY(!(condition)))                            \
			kp_assert_failed(#condition, __FILE__, __LINE__); \
	} while (0)

KP_API void kp_assert_failed(const char *condition, const char *file, int line)
        __attribute__((noreturn, cold));
