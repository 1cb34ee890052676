// crash_test.c - what is left of a controller that was killed, or whose disk is full or damaged.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/fixture.h"

static void damaged_store_is_left_as_it_is(void **test)
{
	struct fixture *f = *test;
	struct controller *controller = NULL;
	struct kp_why why = {""};
	char path[100];
	snprintf(path, sizeof(path), "%s/kipp.db", f->dir);
	const struct kp_bytes garbage = {(const uint8_t *)"this is no database at all, not one",
	                                 35};
	assert_int_equal(kp_file_replace(path, garbage, 0644, NULL), KP_OK);
	const struct controller_options options = {f->dir, "tcp -h 127.0.0.1 -p 0", NULL};
	assert_int_equal(controller_open(&options, &controller, &why), KP_ERR_CORRUPT);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "move it away"));
	struct kp_buf after = {0};
	assert_int_equal(kp_file_read(path, 1000, &after, NULL), KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&after), garbage));
	kp_buf_fini(&after);
}

// The child is a whole controller; the pipe tells its endpoint, and SIGKILL is its end.
static void run_child(struct fixture *f, int fd)
{
	open_controller(f);
	const char *endpoint = controller_endpoint(f->controller);
	if (write(fd, endpoint, strlen(endpoint)) < 0)
		_exit(2);
	close(fd);
	for (;;)
		pause();
}

static pid_t start_child(struct fixture *f, rlim_t disk_size)
{
	int fds[2];
	char endpoint[200];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		// A file that may not grow is what a full disk looks like.
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){disk_size, disk_size});
		run_child(f, fds[1]);
	}
	close(fds[1]);
	size_t len = 0;
	for (ssize_t n; (n = read(fds[0], endpoint + len, sizeof(endpoint) - 1 - len)) > 0;)
		len += (size_t)n;
	endpoint[len] = 0;
	close(fds[0]);
	assert_true(len > 0);
	connect_to(f, endpoint);
	return pid;
}

static void kill_child(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void on_deploy(void *arg, kp_err err, const struct kipp_Admin_deploy_result *result)
{
	int *acknowledged = arg;
	if (err == KP_OK && result->ret == kipp_Outcome_Done)
		++*acknowledged;
}

// A few deployments are under way when the controller is killed; each that was acknowledged is
// there afterwards, and each is there whole or not at all.
static int deploy_until_killed(struct fixture *f, int round)
{
	enum {
		COUNT = 12
	};
	int acknowledged[COUNT] = {0}, sum = 0;
	pid_t pid = start_child(f, RLIM_INFINITY);
	upload(f);
	for (int i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "R%dS%d", round, i);
		struct kipp_Server spec = world_spec(name, 3);
		spec.package = kp_str(f->hash);
		assert_int_equal(
		        kipp_Admin_deploy_async(f->admin, &spec, on_deploy, &acknowledged[i]),
		        KP_OK);
		if (i == round * 2)
			(void)last_event(f);
	}
	kill_child(pid);
	(void)kp_client_drive(f->client, 30000);
	disconnect(f);

	pid = start_child(f, RLIM_INFINITY);
	for (int i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "Book.R%dS%d", round, i);
		struct kipp_InstanceView_list found;
		int32_t ret;
		assert_int_equal(
		        kipp_Admin_listInstances(f->admin, f->call, kp_str(name), &found, &ret),
		        KP_OK);
		if (acknowledged[i])
			assert_int_equal(ret, kipp_Outcome_Done);
		if (ret == kipp_Outcome_Done)
			assert_int_equal(found.len, 3);
		sum += acknowledged[i];
	}
	kill_child(pid);
	disconnect(f);
	return sum;
}

static void killed_controller_loses_nothing_acknowledged(void **test)
{
	struct fixture *f = *test;
	int sum = 0;
	for (int round = 0; round < 4; round++)
		sum += deploy_until_killed(f, round);
	assert_true(sum > 0);
}

static void full_disk_is_said_and_loses_nothing(void **test)
{
	struct fixture *f = *test;
	pid_t pid = start_child(f, 512 << 10);
	upload(f);
	report_nothing(f, "node-a");
	int32_t ret = kipp_Outcome_Done;
	struct kp_str why = {0};
	int count = 0;
	for (; ret == kipp_Outcome_Done && count < 10000; count++) {
		char name[32];
		snprintf(name, sizeof(name), "S%d", count);
		struct kipp_Server spec = world_spec(name, 20);
		spec.package = kp_str(f->hash);
		ret = deploy_spec(f, &spec, &why);
	}
	assert_int_equal(ret, kipp_Outcome_Failed);
	assert_non_null(memmem(why.ptr, why.len, "free space", 10));
	count--;
	assert_true(count > 0);
	assert_int_equal(list(f, "").len, count * 20);
	kill_child(pid);
	disconnect(f);

	pid = start_child(f, RLIM_INFINITY);
	assert_int_equal(list(f, "").len, count * 20);
	deploy(f, "More", 1);
	kill_child(pid);
	disconnect(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_files, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(killed_controller_loses_nothing_acknowledged),
	        TEST(full_disk_is_said_and_loses_nothing),
	        TEST(damaged_store_is_left_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
