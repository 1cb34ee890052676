// limits.c - the limits of adapters: shown, and changed while they count.
#include "app/app_internal.h"

void app_limits_print(const struct kp_app *app, int adapter, const char *prefix,
                      struct kp_buf *text)
{
	static const char *const names[] = {"maxconns", "queuecap", "queuetimeout"};
	for (size_t i = 0; i < app->adapters.len; i++) {
		if (app->adapters.ptr[i].index != adapter)
			continue;
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			kp_buf_printf(text, "%s%s: %d\n", prefix, names[k],
			              app_config_number(app->adapters.ptr[i].section,
			                                KEY_OF_ADAPTER, names[k]));
	}
}
