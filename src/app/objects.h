// objects.h - what the configuration says of the objects that this server calls: sections of the
// client's section, named after them.
#pragma once

#include "app/app_internal.h"

// objects_configure tells the app's client what the configuration says of one object; a NULL
// section: nothing, so that the defaults count.
kp_err objects_configure(struct kp_app *app, struct kp_str object,
                         const struct kp_conf_node *section, struct kp_why *why);

// objects_configure_all does so for all of them.
kp_err objects_configure_all(struct kp_app *app, struct kp_why *why);
