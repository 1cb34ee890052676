// daemon.h - what a daemon owes its machine: one of it per directory, and word to the service
// manager.
#pragma once

#include "kipp/err.h"

// kp_daemon_lock takes the lock of a directory's file `path`, which it makes. It is held until
// kp_daemon_unlock or the end of the process, however it ends. BUSY: another process has it.
kp_err kp_daemon_lock(const char *path, int *ret_lock, struct kp_why *why);
void kp_daemon_unlock(int lock);

// kp_daemon_notify sends the service manager one message, "READY=1" or "STOPPING=1", if it listens
// ($NOTIFY_SOCKET).
void kp_daemon_notify(const char *state);
