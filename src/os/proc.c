// proc.c - starting, holding and ending processes.
#include "os/proc.h"

#include "base/mem.h"
#include "base/try.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pidfd_open_of(int pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool has_ended(int pidfd)
{
	struct pollfd wait = {.fd = pidfd, .events = POLLIN};
	return poll(&wait, 1, 0) > 0;
}

// prepare describes the child: its descriptors, directory, session and signals.
static int prepare(const struct kp_proc_options *options, posix_spawn_file_actions_t *files,
                   posix_spawnattr_t *attributes)
{
	const char *output = options->output ? options->output : "/dev/null";
	sigset_t all;
	sigset_t none;
	sigfillset(&all);
	sigemptyset(&none);
	int err = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_addopen(files, 1, output,
		                                       O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, 1, 2);
	if (!err && options->directory)
		err = posix_spawn_file_actions_addchdir_np(files, options->directory);
	if (!err)
		err = posix_spawnattr_setsigdefault(attributes, &all);
	if (!err)
		err = posix_spawnattr_setsigmask(attributes, &none);
	if (!err)
		err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
		                                                   POSIX_SPAWN_SETSIGDEF |
		                                                   POSIX_SPAWN_SETSIGMASK);
	return err;
}

static int spawn(const struct kp_proc_options *options, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int err = posix_spawn_file_actions_init(&files);
	if (err)
		return err;
	err = posix_spawnattr_init(&attributes);
	if (!err) {
		err = prepare(options, &files, &attributes);
		if (!err)
			err = posix_spawn(ret_pid, options->path, &files, &attributes,
			                  (char *const *)options->argv,
			                  (char *const *)options->env);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return err;
}

// explain_spawn finds the words for a program that cannot be run.
static kp_err explain_spawn(const struct kp_proc_options *options, int number, struct kp_why *why)
{
	if (options->directory && !kp_file_exists(options->directory))
		return kp_why_set(why, KP_ERR_NOTFOUND, "cannot start %s: no directory %s",
		                  options->path, options->directory);
	if (number == ENOENT && kp_file_exists(options->path))
		return kp_why_set(why, KP_ERR_NOTFOUND,
		                  "cannot start %s: its interpreter is not installed",
		                  options->path);
	if (number == ENOEXEC)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "cannot start %s: not a program for this machine", options->path);
	return kp_why_set(why, kp_file_error(number), "cannot start %s: %s", options->path,
	                  strerror(number));
}

kp_err kp_proc_spawn(const struct kp_proc_options *options, struct kp_proc *ret, struct kp_why *why)
{
	pid_t pid;
	int number = spawn(options, &pid);
	if (number)
		return explain_spawn(options, number, why);
	struct kp_proc proc = {.pid = pid, .pidfd = pidfd_open_of(pid), .is_child = true};
	struct kp_proc_info info = {0};
	kp_err err = proc.pidfd < 0 ? kp_file_error(errno) : kp_proc_info(pid, &info);
	if (err != KP_OK) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		kp_proc_close(&proc);
		return kp_why_set(why, err, "cannot watch process %d: %s", pid, kp_err_text(err));
	}
	proc.start_time = info.start_time;
	*ret = proc;
	return KP_OK;
}

kp_err kp_proc_open(int pid, uint64_t start_time, struct kp_proc *ret)
{
	if (pid <= 0)
		return KP_ERR_NOTFOUND;
	struct kp_proc proc = {.pid = pid, .pidfd = pidfd_open_of(pid)};
	if (proc.pidfd < 0)
		return kp_file_error(errno);
	struct kp_proc_info info;
	kp_err err = kp_proc_info(pid, &info);
	// The pidfd was opened first: if it has not ended, the pid still meant it.
	if (err == KP_OK &&
	    (has_ended(proc.pidfd) || (start_time && start_time != info.start_time)))
		err = KP_ERR_NOTFOUND;
	if (err != KP_OK) {
		kp_proc_close(&proc);
		return err;
	}
	proc.start_time = info.start_time;
	proc.is_child = info.parent == getpid();
	*ret = proc;
	return KP_OK;
}

void kp_proc_close(struct kp_proc *proc)
{
	if (proc->pid > 0 && proc->pidfd >= 0)
		close(proc->pidfd);
	*proc = (struct kp_proc){.pidfd = -1};
}

bool kp_proc_poll(struct kp_proc *proc, struct kp_proc_exit *ret)
{
	if (!has_ended(proc->pidfd))
		return false;
	*ret = (struct kp_proc_exit){0};
	siginfo_t info = {0};
	if (waitid((idtype_t)3 /* P_PIDFD */, (id_t)proc->pidfd, &info, WEXITED | WNOHANG) < 0 ||
	    info.si_pid == 0)
		return true;
	ret->is_known = true;
	if (info.si_code == CLD_EXITED)
		ret->code = info.si_status;
	else
		ret->signal = info.si_status;
	ret->has_core = info.si_code == CLD_DUMPED;
	return true;
}

kp_err kp_proc_wait(struct kp_proc *proc, int timeout_ms, struct kp_proc_exit *ret)
{
	struct pollfd wait = {.fd = proc->pidfd, .events = POLLIN};
	int ready;
	do {
		ready = poll(&wait, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return KP_ERR_TIMEOUT;
	return kp_proc_poll(proc, ret) ? KP_OK : KP_ERR_IO;
}

void kp_proc_exit_text(const struct kp_proc_exit *exit, char *text, size_t size)
{
	if (!exit->is_known)
		snprintf(text, size,
		         "ended; how is unknown, because it was started by an earlier agent");
	else if (exit->signal)
		snprintf(text, size, "killed by signal %d (%s)%s", exit->signal,
		         strsignal(exit->signal), exit->has_core ? ", core dumped" : "");
	else
		snprintf(text, size, "exited with code %d", exit->code);
}

kp_err kp_proc_signal(const struct kp_proc *proc, int signal)
{
	if (proc->pid <= 0)
		return KP_ERR_NOTFOUND;
	if (syscall(SYS_pidfd_send_signal, proc->pidfd, signal, NULL, 0) < 0)
		return kp_file_error(errno);
	return KP_OK;
}

int kp_proc_self(void)
{
	return getpid();
}

const char *const *kp_proc_environ(void)
{
	return (const char *const *)environ;
}

void kp_proc_host_name(char *text, size_t size)
{
	if (gethostname(text, size) < 0 || text[0] == '\0')
		snprintf(text, size, "localhost");
	text[size - 1] = '\0';
}
