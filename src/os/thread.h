// thread.h - threads that leave signals to the main thread.
#pragma once

#include "kipp/err.h"

#include <pthread.h>
#include <stdint.h>

// kp_thread_start runs `main(arg)` on a new thread on which every signal is blocked. LIMIT: no
// thread to be had.
kp_err kp_thread_start(pthread_t *ret_thread, void *(*main)(void *arg), void *arg);

// kp_thread_yield lets other threads run first.
void kp_thread_yield(void);

// kp_thread_sleep_until blocks the thread until a time of kp_clock_ns.
void kp_thread_sleep_until(int64_t until_ns);

// kp_signals_block keeps SIGTERM, SIGINT and SIGHUP for kp_signals_wait, and has SIGPIPE ignored.
// Before any thread starts.
void kp_signals_block(void);
// kp_signals_wait waits for one of them and returns its number.
int kp_signals_wait(void);
// kp_signals_release lets SIGTERM and SIGINT have their ordinary effect again: a second one ends
// the program. SIGHUP is ignored from now on.
void kp_signals_release(void);
// kp_signals_raise sends one to this process.
void kp_signals_raise(int number);
