// malloc_count_none.c - for builds whose malloc is not to be stood before: sanitizers, other libcs.
#include "malloc_count.h"

int64_t malloc_count(void)
{
	return -1;
}

int64_t malloc_bytes(void)
{
	return -1;
}
