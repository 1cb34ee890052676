// proc_test.c - what processes promise.
#include "base/mem.h"
#include "os/file.h"
#include "os/proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static kp_err run_shell(const char *script, const char *output, const char *pair,
                        struct kp_proc *ret)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	const char *env[] = {"PATH=/usr/bin:/bin", pair, NULL};
	return kp_proc_spawn(
	        &(struct kp_proc_options){
	                .path = "/bin/sh", .argv = argv, .env = env, .output = output},
	        ret, NULL);
}

static void end(struct kp_proc *proc)
{
	struct kp_proc_exit exit;
	kp_proc_signal(proc, SIGKILL);
	assert_int_equal(kp_proc_wait(proc, -1, &exit), KP_OK);
	kp_proc_close(proc);
}

static void proc_tells_the_exit_code(void **state)
{
	struct kp_proc proc;
	struct kp_proc_exit exit;
	char text[80];
	assert_int_equal(run_shell("exit 7", NULL, NULL, &proc), KP_OK);
	assert_int_equal(kp_proc_wait(&proc, -1, &exit), KP_OK);
	assert_true(exit.is_known);
	assert_int_equal(exit.code, 7);
	kp_proc_exit_text(&exit, text, sizeof(text));
	assert_string_equal(text, "exited with code 7");
	kp_proc_close(&proc);
}

static void proc_tells_the_signal(void **state)
{
	struct kp_proc proc;
	struct kp_proc_exit exit;
	char text[80];
	assert_int_equal(run_shell("sleep 1000 & wait", NULL, "KIPP_TEST=signal", &proc), KP_OK);
	assert_int_equal(kp_proc_wait(&proc, 0, &exit), KP_ERR_TIMEOUT);
	assert_int_equal(kp_proc_signal(&proc, SIGKILL), KP_OK);
	assert_int_equal(kp_proc_wait(&proc, -1, &exit), KP_OK);
	assert_int_equal(exit.signal, SIGKILL);
	kp_proc_exit_text(&exit, text, sizeof(text));
	assert_string_equal(text, "killed by signal 9 (Killed)");
	assert_int_equal(kp_proc_signal(&proc, SIGKILL), KP_ERR_NOTFOUND);
	kp_proc_close(&proc);
	kp_proc_kill_env("KIPP_TEST=signal");
}

static void proc_appends_its_output(void **state)
{
	char directory[] = "/tmp/kipp-proc-XXXXXX";
	assert_non_null(mkdtemp(directory));
	kp_cleanup(kp_freep) char *log = kp_file_path("%s/log", directory);
	for (int round = 0; round < 2; round++) {
		struct kp_proc proc;
		struct kp_proc_exit exit;
		assert_int_equal(run_shell("echo out; echo err >&2; cat", log, NULL, &proc), KP_OK);
		assert_int_equal(kp_proc_wait(&proc, -1, &exit), KP_OK);
		kp_proc_close(&proc);
	}
	struct kp_buf content = {0};
	assert_int_equal(kp_file_read(log, 100, &content, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&content), kp_str("out\nerr\nout\nerr\n")));
	kp_buf_fini(&content);
	assert_int_equal(kp_file_remove_tree(directory, NULL), KP_OK);
}

static void proc_says_why_it_cannot_start(void **state)
{
	const char *argv[] = {"x", NULL};
	const char *env[] = {NULL};
	struct kp_proc proc;
	struct kp_why why = {0};
	struct kp_proc_options options = {.path = "/no/such/program", .argv = argv, .env = env};
	assert_int_equal(kp_proc_spawn(&options, &proc, &why), KP_ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "/no/such/program"));
	options.path = "/etc/hostname";
	assert_int_not_equal(kp_proc_spawn(&options, &proc, &why), KP_OK);
	options.path = "/bin/sh";
	options.directory = "/no/such/directory";
	assert_int_equal(kp_proc_spawn(&options, &proc, &why), KP_ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "/no/such/directory"));
}

static void proc_leads_its_own_session(void **state)
{
	struct kp_proc proc;
	assert_int_equal(run_shell("exec sleep 1000", NULL, NULL, &proc), KP_OK);
	assert_int_equal(getsid(proc.pid), proc.pid);
	end(&proc);
}

static void proc_is_found_again_by_pid_and_start_time(void **state)
{
	struct kp_proc proc;
	struct kp_proc again;
	assert_int_equal(run_shell("exec sleep 1000", NULL, NULL, &proc), KP_OK);
	int pid = proc.pid;
	uint64_t start_time = proc.start_time;
	assert_int_equal(kp_proc_open(pid, start_time + 1, &again), KP_ERR_NOTFOUND);
	assert_int_equal(kp_proc_open(pid, start_time, &again), KP_OK);
	assert_true(again.is_child);
	kp_proc_close(&again);
	end(&proc);
	assert_int_equal(kp_proc_open(pid, start_time, &again), KP_ERR_NOTFOUND);
}

struct found {
	int count;
	int pid;
	char value[32];
};

static void on_found(void *arg, const struct kp_proc_info *info, struct kp_str value)
{
	struct found *found = arg;
	found->count++;
	found->pid = info->pid;
	snprintf(found->value, sizeof(found->value), "%.*s", KP_STR_ARG(value));
}

static void proc_is_found_by_its_environment(void **state)
{
	struct kp_proc proc;
	struct found found = {0};
	char pair[64];
	snprintf(pair, sizeof(pair), "KIPP_PROC_TEST_%d=a/b", getpid());
	char name[64];
	snprintf(name, sizeof(name), "KIPP_PROC_TEST_%d", getpid());
	assert_int_equal(run_shell("exec sleep 1000", NULL, pair, &proc), KP_OK);
	assert_int_equal(kp_proc_find_env(name, on_found, &found), KP_OK);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.pid, proc.pid);
	assert_string_equal(found.value, "a/b");
	assert_int_equal(kp_proc_kill_env(pair), 1);
	end(&proc);
	assert_int_equal(kp_proc_kill_env(pair), 0);
}

static void proc_knows_its_ancestors(void **state)
{
	struct kp_proc proc;
	assert_int_equal(run_shell("exec sleep 1000", NULL, NULL, &proc), KP_OK);
	assert_true(kp_proc_is_below(proc.pid, proc.pid));
	assert_true(kp_proc_is_below(proc.pid, getpid()));
	assert_false(kp_proc_is_below(getpid(), proc.pid));
	end(&proc);
}

// A process that is not our child: its parent is a shell that we killed.
static void proc_that_is_nobodys_child_has_an_unknown_end(void **state)
{
	char pair[64];
	snprintf(pair, sizeof(pair), "KIPP_ORPHAN_%d=1", getpid());
	char name[64];
	snprintf(name, sizeof(name), "KIPP_ORPHAN_%d", getpid());
	struct kp_proc shell;
	struct kp_proc orphan;
	struct kp_proc_exit exit;
	struct found found = {0};
	assert_int_equal(run_shell("sleep 1000 & echo ready; exit 0", NULL, pair, &shell), KP_OK);
	assert_int_equal(kp_proc_wait(&shell, -1, &exit), KP_OK);
	kp_proc_close(&shell);
	assert_int_equal(kp_proc_find_env(name, on_found, &found), KP_OK);
	assert_int_equal(found.count, 1);
	assert_int_equal(kp_proc_open(found.pid, 0, &orphan), KP_OK);
	assert_false(orphan.is_child);
	assert_false(kp_proc_poll(&orphan, &exit));
	assert_int_equal(kp_proc_signal(&orphan, SIGKILL), KP_OK);
	assert_int_equal(kp_proc_wait(&orphan, -1, &exit), KP_OK);
	assert_false(exit.is_known);
	kp_proc_close(&orphan);
}

static void proc_evidence_tells_that_it_is_stopped(void **state)
{
	struct kp_proc proc;
	struct kp_buf text = {0};
	assert_int_equal(run_shell("exec sleep 1000", NULL, NULL, &proc), KP_OK);
	assert_int_equal(kp_proc_signal(&proc, SIGSTOP), KP_OK);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)proc.pid, &info, WSTOPPED), 0);
	kp_proc_evidence(proc.pid, &text);
	kp_buf_append_byte(&text, '\0');
	assert_non_null(strstr((char *)text.data, "stopped by a signal (T)"));
	kp_buf_fini(&text);
	end(&proc);
}

static int check_heap(void **state)
{
	return kp_mem_live() == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(proc_tells_the_exit_code),
	        cmocka_unit_test(proc_tells_the_signal),
	        cmocka_unit_test(proc_appends_its_output),
	        cmocka_unit_test(proc_says_why_it_cannot_start),
	        cmocka_unit_test(proc_leads_its_own_session),
	        cmocka_unit_test(proc_is_found_again_by_pid_and_start_time),
	        cmocka_unit_test(proc_is_found_by_its_environment),
	        cmocka_unit_test(proc_knows_its_ancestors),
	        cmocka_unit_test(proc_that_is_nobodys_child_has_an_unknown_end),
	        cmocka_unit_test(proc_evidence_tells_that_it_is_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, check_heap);
}
