// output_test.c - logs that rotate and are read on.
#include "base/mem.h"
#include "node/output.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct place {
	char dir[64];
	char log[80];
};

static int make_place(void **state)
{
	struct place *place = kp_new(struct place);
	snprintf(place->dir, sizeof(place->dir), "/tmp/kipp-output-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->log, sizeof(place->log), "%s/log", place->dir);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	assert_int_equal(kp_file_remove_tree(place->dir, NULL), KP_OK);
	kp_free(place);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static void put(struct place *place, const char *text)
{
	struct kp_bytes bytes = {(const uint8_t *)text, strlen(text)};
	assert_int_equal(kp_file_replace(place->log, bytes, 0644, NULL), KP_OK);
}

static void reads(struct place *place, int64_t offset, const char *expected, int64_t next)
{
	struct kp_buf out = {0};
	int64_t real_next = -1;
	assert_int_equal(output_read(place->log, offset, &out, &real_next, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&out), kp_str(expected)));
	assert_int_equal(real_next, next);
	kp_buf_fini(&out);
}

static void output_is_read_from_anywhere(void **state)
{
	reads(*state, 0, "", 0);
	put(*state, "0123456789");
	reads(*state, 0, "0123456789", 10);
	reads(*state, 4, "456789", 10);
	reads(*state, 10, "", 10);
	reads(*state, -3, "789", 10);
	reads(*state, -300, "0123456789", 10);
	reads(*state, 11, "0123456789", 10);
}

static void output_keeps_five_old_files(void **state)
{
	struct place *place = *state;
	put(place, "small");
	assert_int_equal(output_rotate(place->log, 5, NULL), KP_OK);
	reads(place, 0, "small", 5);
	for (int round = 0; round < 8; round++) {
		char text[32];
		snprintf(text, sizeof(text), "round %d", round);
		put(place, text);
		assert_int_equal(output_rotate(place->log, 5, NULL), KP_OK);
		reads(place, 0, "", 0);
	}
	struct kp_file_list list;
	assert_int_equal(kp_file_list_dir(place->dir, &list, NULL), KP_OK);
	assert_int_equal(list.count, 1 + OUTPUT_OLD_MAX);
	kp_file_list_fini(&list);
	char old[96];
	struct kp_buf out = {0};
	snprintf(old, sizeof(old), "%s.5", place->log);
	assert_int_equal(kp_file_read(old, 100, &out, NULL), KP_OK);
	assert_true(kp_str_equal(kp_buf_str(&out), kp_str("round 3")));
	kp_buf_fini(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(output_is_read_from_anywhere),
	        CASE(output_keeps_five_old_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
