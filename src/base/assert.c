// assert.c - the end of a program that found itself broken.
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void kp_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "kipp: assertion failed: %s (%s:%d)\n", condition, file, line);
	abort();
}
