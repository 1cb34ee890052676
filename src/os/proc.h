// proc.h - processes that outlive us: started, watched by pidfd, found again.
//
// A process is named by its pid together with its start time, which no other process of this boot
// shares. A process started here leads its own session, so that nothing that happens to us reaches
// it.
#pragma once

#include "kipp/buf.h"

struct kp_proc {
	int pid;   // 0: none
	int pidfd; // owned; readable once the process has ended
	bool is_child;
	uint64_t start_time; // clock ticks since the machine started
};

struct kp_proc_options {
	const char *path;        // of the program
	const char *const *argv; // NULL-terminated, argv[0] included
	const char *const *env;  // "K=V", NULL-terminated; all of it, nothing is inherited
	const char *directory;   // where it starts; NULL: here
	const char *output;      // file that stdout and stderr are appended to; NULL: nowhere
};

// kp_proc_spawn starts a program with stdin empty, in a session of its own, with default signals.
// NOTFOUND, DENIED: it cannot be run, said in `why`.
kp_err kp_proc_spawn(const struct kp_proc_options *options, struct kp_proc *ret,
                     struct kp_why *why);

// kp_proc_open takes hold of a process that runs already. `start_time` 0: whichever has that pid.
// NOTFOUND: it has ended, or another one has its pid now.
kp_err kp_proc_open(int pid, uint64_t start_time, struct kp_proc *ret);

// kp_proc_close lets go; the process runs on.
void kp_proc_close(struct kp_proc *proc);

struct kp_proc_exit {
	bool is_known; // false: not our child, nobody told us how it ended
	int code;
	int signal; // 0: it ended by itself, with `code`
	bool has_core;
};

// kp_proc_poll returns true once the process has ended, and how. It reaps a child: once only.
bool kp_proc_poll(struct kp_proc *proc, struct kp_proc_exit *ret);
// kp_proc_wait waits for the end, at most `timeout_ms` (-1: for ever). TIMEOUT: it still runs.
kp_err kp_proc_wait(struct kp_proc *proc, int timeout_ms, struct kp_proc_exit *ret);
// kp_proc_exit_text says how it ended, for people: "killed by signal 9 (Killed)".
void kp_proc_exit_text(const struct kp_proc_exit *exit, char *text, size_t size);

// kp_proc_signal signals exactly this process, never one that got its pid later. NOTFOUND: it has
// ended.
kp_err kp_proc_signal(const struct kp_proc *proc, int signal);

struct kp_proc_info {
	int pid;
	int parent;
	char state; // 'R' 'S' 'D' 'T' 'Z' ..., as /proc/PID/stat
	uint64_t start_time;
	char name[32];
};

// kp_proc_info reads about a process. NOTFOUND: there is none.
kp_err kp_proc_info(int pid, struct kp_proc_info *ret);

struct kp_proc_usage {
	int64_t resident_size; // bytes
	int threads;
	int descriptors; // open; -1: we may not look
};

// kp_proc_usage reads what a process uses. NOTFOUND: there is none.
kp_err kp_proc_usage(int pid, struct kp_proc_usage *ret);

// kp_proc_is_below tells whether `pid` is `ancestor` or was started by it, directly or not.
bool kp_proc_is_below(int pid, int ancestor);

// kp_proc_evidence appends what the kernel tells about a process that does not answer: its state in
// words, where it waits, its threads' states, and its kernel stack if we may read it.
void kp_proc_evidence(int pid, struct kp_buf *out);

// kp_proc_found is called with each process whose environment holds the pair looked for.
typedef void (*kp_proc_found)(void *arg, const struct kp_proc_info *info, struct kp_str value);

// kp_proc_find_env looks through all processes that we may look at for the environment variable
// `name`; ended ones are left out.
kp_err kp_proc_find_env(const char *name, kp_proc_found found, void *arg);

// kp_proc_kill_env sends SIGKILL to every process whose environment holds `pair` ("K=V"). Returns
// how many there were.
int kp_proc_kill_env(const char *pair);

// kp_proc_self is our own pid.
int kp_proc_self(void);
// kp_proc_environ is our own environment, "K=V" and NULL-terminated.
const char *const *kp_proc_environ(void);

// kp_proc_boot_id writes what names this boot of the machine; start times mean nothing in another
// one. Empty when the kernel does not tell.
void kp_proc_boot_id(char text[40]);

// kp_proc_host_name writes this machine's name, "localhost" when it has none.
void kp_proc_host_name(char *text, size_t size);
