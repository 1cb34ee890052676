// pipe_test.c - readers that go are noticed without a write.
#include "os/pipe.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void reader_that_closed_is_missed(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_true(kp_pipe_has_reader(fds[1]));
	close(fds[0]);
	assert_false(kp_pipe_has_reader(fds[1]));
	close(fds[1]);
}

static void files_always_have_a_reader(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(kp_pipe_has_reader(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reader_that_closed_is_missed),
	        cmocka_unit_test(files_always_have_a_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
