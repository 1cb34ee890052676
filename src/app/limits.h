// limits.h - the limits of adapters: from the configuration, shown, and changed while they count.
#pragma once

#include "app/app_internal.h"
#include "kipp/limits.h"

// limits_of_config reads an adapter's section; 0 stands for the default.
void limits_of_config(const struct kp_conf_node *adapter, struct kp_limits *ret);

// limits_print appends an adapter's limits, a line each, after `prefix`; maybe with what each is.
void limits_print(const struct kp_app *app, int adapter, const char *prefix, bool has_text,
                  struct kp_buf *text);

// limits_change changes one limit of the adapter whose section is called `section`. TARS's names
// are known too. INVALID: said in `why`.
kp_err limits_change(struct kp_app *app, struct kp_str section, struct kp_str name, int64_t value,
                     struct kp_why *why);

// limits_set changes one limit of an adapter by its index.
kp_err limits_set(struct kp_app *app, int adapter, struct kp_str name, int64_t value,
                  struct kp_why *why);
