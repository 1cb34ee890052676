// fixture.h - programs of this library, run with a configuration of their own, for the tests of
// this folder.
#pragma once

#include "app/app_internal.h"
#include "interfaces/admin.h"
#include "interfaces/node.h"
#include "src/rpc/test_echo.h"

#include "base/mem.h"
#include "kipp/kipp.h"
#include "os/sock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// --- files and what is said on stderr

static char directory[] = "/tmp/kipp-app-test-XXXXXX";
static char config_path[64];
static char config_flag[80];

static inline int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/app.conf", directory);
	snprintf(config_flag, sizeof(config_flag), "--config=%s", config_path);
	return 0;
}

static inline int remove_directory(void **state)
{
	unlink(config_path);
	return rmdir(directory);
}

static inline void write_config(const char *format, ...) KP_PRINTF(1, 2);

static inline void write_config(const char *format, ...)
{
	FILE *file = fopen(config_path, "w");
	assert_non_null(file);
	va_list args;
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	assert_int_equal(fclose(file), 0);
}

static char said[4096];

// hear runs `what` and keeps in `said` what it says on stderr.
static inline void hear(void (*what)(void *arg), void *arg)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	fflush(stderr);
	int before = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	what(arg);
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
}

struct opening {
	int argc;
	char **argv;
	struct kp_app *app;
	kp_err err;
};

static inline void do_open(void *arg)
{
	struct opening *opening = arg;
	opening->err = kp_app_open(opening->argc, opening->argv, &opening->app);
}

// open_app opens an app with at most five arguments, the last NULL.
static inline struct kp_app *open_app(const char *const *args)
{
	char *argv[8] = {(char *)"program"};
	struct opening opening = {1, argv, NULL, KP_OK};
	for (; args[opening.argc - 1]; opening.argc++)
		argv[opening.argc] = (char *)args[opening.argc - 1];
	hear(do_open, &opening);
	assert_true((opening.err == KP_OK) == (opening.app != NULL));
	return opening.app;
}

static inline void expect_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("expected '%s' in '%s'", text, said);
	// One sentence, on one line.
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static inline void expect_refused(const char *const *args, const char *text)
{
	assert_null(open_app(args));
	expect_said(text);
	assert_int_equal(kp_mem_live(), 0);
}

static int run_result;

static inline void do_run(void *arg)
{
	run_result = kp_app_run(arg);
}

// expect_no_start runs an app that must say why it cannot.
static inline void expect_no_start(struct kp_app *app, const char *text)
{
	hear(do_run, app);
	assert_int_equal(run_result, 1);
	expect_said(text);
	assert_int_equal(kp_mem_live(), 0);
}

// --- a program that runs

enum {
	BLOCK,     // hold the loop's thread until the parent writes a byte
	ASK,       // call who does not answer
	STOP_TWICE // ask the app to end, and once more
};

struct child {
	const char *keys;                    // further lines of the server's section, or NULL
	void (*prepare)(struct kp_app *app); // called in the child before it runs, or NULL
	pid_t pid;
	int unblock;      // a pipe to it
	char object[256]; // its EchoObj
	char admin[256];  // its AdminObj
	int silent;       // a port where nobody answers
	char nobody[128];
};

static int block_fd;
static const char *nobody;

static inline int32_t on_hook(struct kp_call *call, int32_t what)
{
	struct kp_app *app = kp_call_user(call);
	char byte;
	int32_t ret = 0;
	switch (what) {
	case BLOCK:
		return (int32_t)read(block_fd, &byte, 1);
	case ASK:
		return (int32_t)RpcTest_Echo_add(RpcTest_Echo_proxy(kp_app_client(app), nobody),
		                                 call, 1, 2, &ret);
	default:
		kp_app_stop(app);
		kp_app_stop(app);
		return 0;
	}
}

static const struct RpcTest_Echo_ops echo_ops = {.hook = on_hook};

// run_child tells the parent where it listens, through `report`, and runs until it is stopped.
static inline int run_child(const struct child *child, int report)
{
	struct kp_app *app;
	char *argv[] = {(char *)"program", config_flag, NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kp_app_open(2, argv, &app) != KP_OK)
		return 10;
	if (child->prepare)
		child->prepare(app);
	RpcTest_Echo_serve(app, "EchoObj", &echo_ops, app);
	dprintf(report, "%s\n%s\n", kp_server_endpoint(app->server, 0),
	        kp_server_endpoint(app->admin, 0));
	close(report);
	return kp_app_run(app);
}

static inline void start_child(struct child *child, const char *node)
{
	int report[2], unblock[2];
	struct kp_address address;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &child->silent), KP_OK);
	assert_int_equal(kp_sock_local(child->silent, &address), KP_OK);
	snprintf(child->nobody, sizeof(child->nobody), "A.B.NoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&address));
	write_config("<tars>\n<application>\n<server>\napp=Test\nserver=EchoServer\n"
	             "local=tcp -h 127.0.0.1 -p 0 -t 60000\n%s%s\n%s\ndeactivating-timeout=60000\n"
	             "<EchoAdapter>\nservant=Test.EchoServer.EchoObj\n"
	             "endpoint=tcp -h 127.0.0.1 -p 0 -t 60000\n</EchoAdapter>\n</server>\n"
	             "<client>\nsync-invoke-timeout=60000\n</client>\n</application>\n</tars>\n",
	             node ? "node=tars.tarsnode.ServerObj@" : "", node ? node : "",
	             child->keys ? child->keys : "");
	assert_int_equal(pipe(report), 0);
	assert_int_equal(pipe(unblock), 0);
	child->pid = fork();
	if (child->pid == 0) {
		close(child->silent);
		close(report[0]);
		close(unblock[1]);
		block_fd = unblock[0];
		nobody = child->nobody;
		_exit(run_child(child, report[1]));
	}
	close(report[1]);
	close(unblock[0]);
	child->unblock = unblock[1];
	char endpoint[128], admin[128];
	FILE *file = fdopen(report[0], "r");
	assert_non_null(fgets(endpoint, sizeof(endpoint), file));
	assert_non_null(fgets(admin, sizeof(admin), file));
	fclose(file);
	snprintf(child->object, sizeof(child->object), "Test.EchoServer.EchoObj@%.*s",
	         (int)strcspn(endpoint, "\n"), endpoint);
	snprintf(child->admin, sizeof(child->admin), "AdminObj@%.*s", (int)strcspn(admin, "\n"),
	         admin);
}

// end_of waits for the child and returns its status; what it held on to is freed.
static inline int end_of(struct child *child)
{
	int status = 0;
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	close(child->unblock);
	if (child->silent >= 0)
		kp_sock_close(child->silent);
	return status;
}

static inline void expect_good_end(struct child *child)
{
	int status = end_of(child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

struct caller {
	struct kp_client *client;
	struct kp_call *call;
	int ended;
	kp_err err;
	int32_t ret;
};

static inline struct caller open_caller(void)
{
	struct caller caller = {0};
	const struct kp_client_options options = {.timeout_ms = 60000, .connect_timeout_ms = 60000};
	assert_int_equal(kp_client_open(&options, &caller.client, NULL), KP_OK);
	assert_int_equal(kp_call_open(caller.client, &caller.call), KP_OK);
	return caller;
}

static inline void close_caller(struct caller *caller)
{
	kp_call_close(caller->call);
	kp_client_close(caller->client);
	assert_int_equal(kp_mem_live(), 0);
}

static inline void on_end(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	struct caller *caller = arg;
	caller->ended++;
	caller->err = err;
	caller->ret = result ? result->ret : 0;
}

static inline void begin_hook(struct caller *caller, const struct child *child, int what)
{
	assert_int_equal(RpcTest_Echo_hook_async(RpcTest_Echo_proxy(caller->client, child->object),
	                                         what, on_end, caller),
	                 KP_OK);
	(void)kp_client_drive(caller->client, 1);
}

static inline void expect_notified(struct caller *caller, const struct child *child,
                                   const char *line, const char *answer)
{
	struct kp_str text = {0};
	assert_int_equal(tars_AdminF_notify(tars_AdminF_proxy(caller->client, child->admin),
	                                    caller->call, kp_str(line), &text),
	                 KP_OK);
	if (!memmem(text.ptr, text.len, answer, strlen(answer)))
		fail_msg("'%s' answers '%.*s'", line, KP_STR_ARG(text));
}
