// codec_yardstick_none.c - for machines without protobuf-c.
#include "codec_yardstick.h"

const char *yardstick_name(void)
{
	return NULL;
}

struct yardstick *yardstick_new(const struct sample_values *values)
{
	(void)values;
	return NULL;
}

void yardstick_follow(struct yardstick *yardstick, const struct sample_values *values)
{
	(void)yardstick;
	(void)values;
}

void yardstick_free(struct yardstick *yardstick)
{
	(void)yardstick;
}

size_t yardstick_encode(struct yardstick *yardstick, enum sample_kind kind)
{
	(void)yardstick;
	(void)kind;
	return 0;
}

bool yardstick_decode(struct yardstick *yardstick, enum sample_kind kind)
{
	(void)yardstick;
	(void)kind;
	return false;
}
