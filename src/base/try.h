// try.h - hands an error up. The only macro with hidden control flow.
#pragma once

#include "kipp/err.h"

#define KP_TRY(expression)                            \
	do {                                          \
		kp_err kp_try_err = (expression);     \
		if (KP_UNLIKELY(kp_try_err != KP_OK)) \
			return kp_try_err;            \
	} while (0)
