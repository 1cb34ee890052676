// record_test.c - what is kept comes back.
#include "base/mem.h"
#include "node/record.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_path(void **state)
{
	snprintf(path, sizeof(path), "/tmp/kipp-record-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int remove_path(void **state)
{
	unlink(path);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static struct record sample(void)
{
	struct record record = {
	        .pid = 1234,
	        .start_time = UINT64_MAX - 5,
	        .boot = "b0-0t",
	        .token = "0123abcd",
	        .is_active = true,
	        .running = {.must_run = true,
	                    .package = "aa",
	                    .spec = UINT64_MAX,
	                    .restart_count = 3},
	        .version = "1.0=x",
	        .started_ms = 1700000000000,
	        .restarts = 2,
	        .admin_port = 30001,
	};
	assert_int_equal(record_set_port(&record, kp_str("PayObjAdapter"), 20001), KP_OK);
	assert_int_equal(record_set_port(&record, kp_str("OtherAdapter"), 20002), KP_OK);
	assert_int_equal(record_set_port(&record, kp_str("PayObjAdapter"), 20003), KP_OK);
	return record;
}

static void record_comes_back_as_it_was(void **state)
{
	struct record record = sample();
	struct record again = {0};
	assert_int_equal(record_write(path, &record, NULL), KP_OK);
	assert_int_equal(record_read(path, &again, NULL), KP_OK);
	assert_int_equal(again.pid, 1234);
	assert_true(again.start_time == record.start_time);
	assert_string_equal(again.boot, "b0-0t");
	assert_string_equal(again.token, "0123abcd");
	assert_true(again.is_active);
	assert_true(again.running.must_run);
	assert_true(again.running.spec == UINT64_MAX);
	assert_int_equal(again.running.restart_count, 3);
	assert_string_equal(again.running.package, "aa");
	assert_string_equal(again.version, "1.0=x");
	assert_int_equal(again.restarts, 2);
	assert_int_equal(again.admin_port, 30001);
	assert_int_equal(record_port(&again, kp_str("PayObjAdapter")), 20003);
	assert_int_equal(record_port(&again, kp_str("OtherAdapter")), 20002);
	assert_int_equal(record_port(&again, kp_str("None")), 0);
}

static void record_refuses_every_truncation(void **state)
{
	struct record record = sample();
	struct record again;
	struct kp_buf text = {0};
	assert_int_equal(record_write(path, &record, NULL), KP_OK);
	assert_int_equal(kp_file_read(path, 1 << 16, &text, NULL), KP_OK);
	for (size_t size = 0; size + 1 < text.len; size++) {
		struct kp_why why = {0};
		struct kp_bytes part = {text.data, size};
		assert_int_equal(kp_file_replace(path, part, 0644, NULL), KP_OK);
		assert_int_equal(record_read(path, &again, &why), KP_ERR_CORRUPT);
		assert_non_null(strstr(why.text, "is damaged"));
	}
	kp_buf_fini(&text);
	unlink(path);
	assert_int_equal(record_read(path, &again, NULL), KP_ERR_NOTFOUND);
}

static void record_bounds_its_ports(void **state)
{
	struct record record = {0};
	char name[200];
	for (int i = 0; i < RECORD_PORTS_MAX; i++) {
		snprintf(name, sizeof(name), "A%d", i);
		assert_int_equal(record_set_port(&record, kp_str(name), 1), KP_OK);
	}
	assert_int_equal(record_set_port(&record, kp_str("more"), 1), KP_ERR_LIMIT);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	record.port_count = 0;
	assert_int_equal(record_set_port(&record, kp_str(name), 1), KP_ERR_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(record_comes_back_as_it_was),
	        CASE(record_refuses_every_truncation),
	        CASE(record_bounds_its_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
