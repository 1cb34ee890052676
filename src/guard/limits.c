// limits.c - the table of an adapter's limits.
#include "kipp/limits.h"

#define KP_LIMIT_NAME(field, normal, text)   #field,
#define KP_LIMIT_NORMAL(field, normal, text) (normal),

static const char *const names[] = {KP_LIMIT_MAP(KP_LIMIT_NAME) NULL};
static const int64_t normal[] = {KP_LIMIT_MAP(KP_LIMIT_NORMAL)};

_Static_assert(sizeof(struct kp_limits) == sizeof(normal), "all fields are in the table");

const char *const *kp_limits_names(void)
{
	return names;
}

int64_t *kp_limits_field(struct kp_limits *limits, struct kp_str name)
{
	for (size_t i = 0; names[i]; i++)
		if (kp_str_equal(name, kp_str(names[i])))
			return (int64_t *)limits + i;
	return NULL;
}

void kp_limits_fill(struct kp_limits *limits)
{
	int64_t *fields = (int64_t *)limits;
	for (size_t i = 0; names[i]; i++)
		if (fields[i] == 0)
			fields[i] = normal[i];
}
