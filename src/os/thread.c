// thread.c - threads and the signals that ask a program to end.
#include "os/thread.h"

#include "os/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

kp_err kp_thread_start(pthread_t *ret_thread, void *(*main)(void *arg), void *arg)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(ret_thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? KP_ERR_LIMIT : KP_OK;
}

void kp_thread_yield(void)
{
	sched_yield();
}

void kp_thread_sleep_until(int64_t until_ns)
{
	struct timespec until = {until_ns / KP_NS_PER_S, until_ns % KP_NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void kp_signals_block(void)
{
	sigset_t set;
	fill(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int kp_signals_wait(void)
{
	sigset_t set;
	fill(&set);
	int number = 0;
	while (sigwait(&set, &number) != 0)
		continue;
	return number;
}

void kp_signals_release(void)
{
	sigset_t set;
	fill(&set);
	signal(SIGHUP, SIG_IGN); // there is nothing left to reload
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void kp_signals_raise(int number)
{
	kill(getpid(), number);
}
