// rand.c - getrandom.
#include "os/rand.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/random.h>

void kp_rand_bytes(void *data, size_t size)
{
	kp_assert(size <= 256);
	ssize_t got;
	do
		got = getrandom(data, size, 0);
	while (got < 0 && errno == EINTR);
	kp_assert(got == (ssize_t)size);
}

uint64_t kp_rand_u64(void)
{
	uint64_t value;
	kp_rand_bytes(&value, sizeof(value));
	return value;
}
