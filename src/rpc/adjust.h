// adjust.h - what may be changed of a client while others use it; for reloading a configuration.
#pragma once

#include "kipp/client.h"

// client_set_timeouts changes what counts for calls and connections that begin from now on; 0: the
// default.
void client_set_timeouts(struct kp_client *client, int timeout_ms, int connect_timeout_ms);

// client_set_locator has the next look-ups ask another registry. INVALID: said in `why`, and the
// former one stays.
kp_err client_set_locator(struct kp_client *client, const char *locator, struct kp_why *why);

// client_set_object has all proxies of an object, those to come too, behave as the configuration
// says, whatever the program says. The options are copied.
kp_err client_set_object(struct kp_client *client, struct kp_str object,
                         const struct kp_proxy_options *options);
