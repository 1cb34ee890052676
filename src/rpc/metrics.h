// metrics.h - a server's counters as text for Prometheus and its kin.
#pragma once

#include "kipp/buf.h"
#include "kipp/server.h"

// server_metrics_print appends all adapters' counters: in OpenMetrics 1.0 if `is_open`, else in
// Prometheus's text form 0.0.4.
void server_metrics_print(const struct kp_server *server, bool is_open, struct kp_buf *out);
