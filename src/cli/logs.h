// logs.h - what instances printed, read from the agents that run them.
#pragma once

#include "cli/remote.h"

// logs_tail returns the last lines that an instance printed, in the run's arena; empty when there
// are none or the agent does not answer.
const char *logs_tail(struct remote *remote, const char *agent, const char *instance, int lines);

// logs_last_lines returns the part of a text from which on it has at most `lines` lines.
struct kp_str logs_last_lines(struct kp_str text, int64_t lines);
