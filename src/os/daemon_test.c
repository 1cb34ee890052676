// daemon_test.c - one holder of a lock, and messages that arrive.
#include "os/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[96];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/kipp-daemon-XXXXXX");
	snprintf(path, sizeof(path), "%s/file", mkdtemp(folder));
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void a_lock_has_one_holder(void **state)
{
	int lock, other;
	struct kp_why why;
	assert_int_equal(kp_daemon_lock(path, &lock, NULL), KP_OK);
	assert_int_equal(kp_daemon_lock(path, &other, &why), KP_ERR_BUSY);
	assert_non_null(strstr(why.text, path));
	kp_daemon_unlock(lock);
	assert_int_equal(kp_daemon_lock(path, &lock, NULL), KP_OK);
	kp_daemon_unlock(lock);
	kp_daemon_unlock(-1);
	assert_int_equal(kp_daemon_lock("/nowhere/at/all", &lock, &why), KP_ERR_NOTFOUND);
}

static void a_lock_ends_with_its_process(void **state)
{
	pid_t child = fork();
	int lock;
	if (child == 0)
		_exit(kp_daemon_lock(path, &lock, NULL) == KP_OK ? 0 : 1);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(kp_daemon_lock(path, &lock, NULL), KP_OK);
	kp_daemon_unlock(lock);
}

static void the_service_manager_hears_of_us(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	kp_daemon_notify("READY=1");

	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	kp_daemon_notify("READY=1");
	char text[32] = {0};
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "READY=1");
	close(fd);
	kp_daemon_notify("STOPPING=1"); // nobody listens any more
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_lock_has_one_holder, make_folder, remove_folder),
	        cmocka_unit_test_setup_teardown(a_lock_ends_with_its_process, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(the_service_manager_hears_of_us, make_folder,
	                                        remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
