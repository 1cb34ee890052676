// procfs.c - what the kernel tells about processes under /proc.
#include "os/proc.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/file.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
	ENVIRONMENT_SIZE_MAX = 4 << 20,
	ANCESTORS_MAX = 64,
	THREADS_SHOWN_MAX = 8,
	EXEC_ROUNDS_MAX = 5,
};

static void buf_finip(struct kp_buf *buf)
{
	kp_buf_fini(buf);
}

static kp_err read_about(int pid, const char *what, size_t size_max, struct kp_buf *out)
{
	char path[64];
	KP_TRY(kp_file_format(path, sizeof(path), "/proc/%d/%s", pid, what));
	KP_TRY(kp_file_read_at(path, 0, size_max, out, NULL));
	kp_buf_append_byte(out, '\0');
	return out->err;
}

// parse_stat reads "PID (NAME) STATE PARENT ... STARTTIME ..."; the name may hold any character.
static kp_err parse_stat(char *text, struct kp_proc_info *info)
{
	char *open = strchr(text, '(');
	char *close = strrchr(text, ')');
	if (!open || !close || close < open || close[1] != ' ')
		return KP_ERR_DECODE;
	*close = '\0';
	snprintf(info->name, sizeof(info->name), "%s", open + 1);
	unsigned long long start_time = 0;
	int fields = sscanf(close + 2,
	                    "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
	                    "%*d %*d %llu",
	                    &info->state, &info->parent, &start_time);
	info->start_time = start_time;
	return fields == 3 ? KP_OK : KP_ERR_DECODE;
}

kp_err kp_proc_info(int pid, struct kp_proc_info *ret)
{
	kp_cleanup(buf_finip) struct kp_buf text = {0};
	KP_TRY(read_about(pid, "stat", 4096, &text));
	struct kp_proc_info info = {.pid = pid};
	KP_TRY(parse_stat((char *)text.data, &info));
	*ret = info;
	return KP_OK;
}

// status_number reads the number behind a name of /proc/PID/status; 0: it is not there.
static int64_t status_number(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	long long number = 0;
	if (!at || sscanf(at + strlen(name), " %lld", &number) != 1)
		return 0;
	return number;
}

kp_err kp_proc_usage(int pid, struct kp_proc_usage *ret)
{
	kp_cleanup(buf_finip) struct kp_buf text = {0};
	char path[64];
	struct kp_file_list list;
	KP_TRY(read_about(pid, "status", 16384, &text));
	KP_TRY(kp_file_format(path, sizeof(path), "/proc/%d/fd", pid));
	struct kp_proc_usage usage = {
	        .resident_size = status_number((const char *)text.data, "\nVmRSS:") * 1024,
	        .threads = (int)status_number((const char *)text.data, "\nThreads:"),
	        .descriptors = -1,
	};
	if (kp_file_list_dir(path, &list, NULL) == KP_OK) {
		usage.descriptors = (int)list.count;
		kp_file_list_fini(&list);
	}
	*ret = usage;
	return KP_OK;
}

bool kp_proc_is_below(int pid, int ancestor)
{
	struct kp_proc_info info;
	for (int steps = 0; pid > 1 && steps < ANCESTORS_MAX; steps++) {
		if (pid == ancestor)
			return true;
		if (kp_proc_info(pid, &info) != KP_OK)
			return false;
		pid = info.parent;
	}
	return false;
}

static const char *state_text(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "waiting for a device";
	case 'T':
		return "stopped by a signal";
	case 't':
		return "stopped by a debugger";
	case 'Z':
		return "ended";
	default:
		return "in an unknown state";
	}
}

// append_field appends " name=value" when the kernel tells, with line ends made blanks.
static void append_field(int pid, const char *what, const char *name, struct kp_buf *out)
{
	kp_cleanup(buf_finip) struct kp_buf text = {0};
	if (read_about(pid, what, 2048, &text) != KP_OK || text.len < 2)
		return;
	for (char *at = (char *)text.data; *at; at++)
		if (*at == '\n')
			*at = ' ';
	struct kp_str value = kp_str_trim(kp_str((char *)text.data));
	if (value.len > 0 && !kp_str_equal(value, kp_str("0")))
		kp_buf_printf(out, ", %s %.*s", name, KP_STR_ARG(value));
}

static void append_threads(int pid, struct kp_buf *out)
{
	char path[64];
	struct kp_file_list threads;
	kp_file_format(path, sizeof(path), "/proc/%d/task", pid);
	if (kp_file_list_dir(path, &threads, NULL) != KP_OK)
		return;
	kp_buf_printf(out, ", %zu thread%s", threads.count, threads.count == 1 ? "" : "s");
	for (size_t i = 0; threads.count > 1 && i < threads.count && i < THREADS_SHOWN_MAX; i++) {
		struct kp_proc_info info;
		int64_t thread;
		if (kp_str_i64(kp_str(threads.names[i]), 1, INT_MAX, &thread) == KP_OK &&
		    kp_proc_info((int)thread, &info) == KP_OK)
			kp_buf_printf(out, "%s%s %c", i ? " " : " (", info.name, info.state);
	}
	if (threads.count > 1)
		kp_buf_printf(out, ")");
	kp_file_list_fini(&threads);
}

void kp_proc_evidence(int pid, struct kp_buf *out)
{
	struct kp_proc_info info;
	if (kp_proc_info(pid, &info) != KP_OK) {
		kp_buf_printf(out, "process %d is gone", pid);
		return;
	}
	kp_buf_printf(out, "process %d (%s) is %s (%c)", pid, info.name, state_text(info.state),
	              info.state);
	append_field(pid, "wchan", "waits in", out);
	append_threads(pid, out);
	append_field(pid, "stack", "kernel stack", out);
}

// find_pair looks for "NAME=" in a block of NUL-separated pairs.
static bool find_pair(struct kp_str block, const char *name, struct kp_str *ret_value)
{
	size_t name_len = strlen(name);
	struct kp_str pair;
	while (kp_str_split_next(&block, '\0', &pair)) {
		if (pair.len <= name_len || memcmp(pair.ptr, name, name_len) != 0 ||
		    pair.ptr[name_len] != '=')
			continue;
		*ret_value = kp_str_sub(pair, name_len + 1, pair.len);
		return true;
	}
	return false;
}

// read_environment reads a process's environment. In the middle of an exec it is empty for a
// moment; kernel threads (2 and its children) never have one.
static bool read_environment(int pid, struct kp_proc_info *info, struct kp_buf *block)
{
	for (int round = 0; round < EXEC_ROUNDS_MAX; round++) {
		kp_buf_clear(block);
		if (kp_proc_info(pid, info) != KP_OK || info->state == 'Z' || info->state == 'X' ||
		    pid == 2 || info->parent == 2 ||
		    read_about(pid, "environ", ENVIRONMENT_SIZE_MAX, block) != KP_OK)
			return false;
		if (block->len > 1)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return false;
}

kp_err kp_proc_find_env(const char *name, kp_proc_found found, void *arg)
{
	struct kp_file_list list;
	KP_TRY(kp_file_list_dir("/proc", &list, NULL));
	kp_cleanup(buf_finip) struct kp_buf block = {0};
	for (size_t i = 0; i < list.count; i++) {
		int64_t pid;
		struct kp_proc_info info;
		struct kp_str value;
		if (kp_str_i64(kp_str(list.names[i]), 1, INT32_MAX, &pid) != KP_OK)
			continue;
		if (!read_environment((int)pid, &info, &block) ||
		    !find_pair(kp_buf_str(&block), name, &value))
			continue;
		found(arg, &info, value);
	}
	kp_file_list_fini(&list);
	return KP_OK;
}

struct hunt {
	struct kp_str value;
	int count;
};

static void kill_match(void *arg, const struct kp_proc_info *info, struct kp_str value)
{
	struct hunt *hunt = arg;
	struct kp_proc proc;
	if (!kp_str_equal(value, hunt->value) || info->pid == kp_proc_self() ||
	    kp_proc_open(info->pid, info->start_time, &proc) != KP_OK)
		return;
	if (kp_proc_signal(&proc, SIGKILL) == KP_OK)
		hunt->count++;
	kp_proc_close(&proc);
}

int kp_proc_kill_env(const char *pair)
{
	struct hunt hunt = {0};
	const char *equal = strchr(pair, '=');
	char name[128];
	if (!equal || kp_file_format(name, sizeof(name), "%.*s", (int)(equal - pair), pair))
		return 0;
	hunt.value = kp_str(equal + 1);
	kp_proc_find_env(name, kill_match, &hunt);
	return hunt.count;
}

void kp_proc_boot_id(char text[40])
{
	kp_cleanup(buf_finip) struct kp_buf content = {0};
	text[0] = '\0';
	if (kp_file_read_at("/proc/sys/kernel/random/boot_id", 0, 64, &content, NULL) != KP_OK)
		return;
	struct kp_str id = kp_str_trim(kp_buf_str(&content));
	if (kp_file_format(text, 40, "%.*s", KP_STR_ARG(id)) != KP_OK)
		text[0] = '\0';
}
