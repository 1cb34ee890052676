// vec.c - the untyped half of kp_vec.
#include "base/vec.h"

#include <string.h>

bool kp_vec_grow(void **ptr, size_t *cap, size_t need, size_t element_size)
{
	if (need <= *cap)
		return true;
	size_t wanted = *cap ? *cap * 2 : 8;
	if (wanted < need)
		wanted = need;
	size_t size;
	if (__builtin_mul_overflow(wanted, element_size, &size))
		return false;
	void *grown = kp_realloc(*ptr, size);
	if (!grown)
		return false;
	*ptr = grown;
	*cap = wanted;
	return true;
}

void kp_vec_close_gap(void *ptr, size_t index, size_t len, size_t element_size)
{
	char *at = (char *)ptr + index * element_size;
	memmove(at, at + element_size, (len - index - 1) * element_size);
}
