// explain.h - why a client's calls go where they go.
#pragma once

#include "kipp/buf.h"
#include "kipp/client.h"

// kp_client_explain appends, for each loop of the process that calls `object` through this client
// ("App.Server.Obj", or the whole text of its proxy), which endpoints there are, which step dropped
// which and why, and the last decisions. From any thread. NOTFOUND: nobody here has called it.
kp_err kp_client_explain(struct kp_client *client, const char *object, struct kp_buf *out);
