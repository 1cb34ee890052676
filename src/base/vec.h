// vec.h - a growing array of any element type.
//
// KP_VEC(T) spells struct { T *ptr; size_t len, cap; }; all zero is a valid empty one.
#pragma once

#include "base/mem.h"
#include "kipp/err.h"

#define KP_VEC(type)        \
	struct {            \
		type *ptr;  \
		size_t len; \
		size_t cap; \
	}

// kp_vec_push appends a value and evaluates to KP_OK or KP_ERR_NOMEM.
#define kp_vec_push(vec, value)                                                              \
	(kp_vec_grow((void **)&(vec)->ptr, &(vec)->cap, (vec)->len + 1, sizeof(*(vec)->ptr)) \
	         ? ((vec)->ptr[(vec)->len++] = (value), KP_OK)                               \
	         : KP_ERR_NOMEM)

// kp_vec_remove closes the gap and keeps the order.
#define kp_vec_remove(vec, index)                                                            \
	({                                                                                   \
		size_t kp_vec_index = (index);                                               \
		kp_vec_close_gap((vec)->ptr, kp_vec_index, (vec)->len, sizeof(*(vec)->ptr)); \
		(vec)->len--;                                                                \
	})

#define kp_vec_fini(vec)                     \
	do {                                 \
		kp_free((vec)->ptr);         \
		(vec)->ptr = NULL;           \
		(vec)->len = (vec)->cap = 0; \
	} while (0)

bool kp_vec_grow(void **ptr, size_t *cap, size_t need, size_t element_size);
void kp_vec_close_gap(void *ptr, size_t index, size_t len, size_t element_size);
