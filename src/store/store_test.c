// store_test.c - what the store promises: nothing acknowledged is lost, every failure says what to
// do.
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const migrations[] = {
        "CREATE TABLE fact (number INTEGER PRIMARY KEY, text TEXT NOT NULL, data BLOB)",
        "CREATE TABLE second (name TEXT PRIMARY KEY)",
};

struct fixture {
	char dir[64];
	char path[96];
	struct kp_store_options options;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/kp-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/kipp.db", f->dir);
	f->options = (struct kp_store_options){
	        .path = f->path,
	        .migrations = migrations,
	        .migration_count = 1,
	        .busy_timeout_ms = 10,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < 4; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static struct kp_store *open_store(struct fixture *f)
{
	struct kp_store *store = NULL;
	struct kp_why why = {""};
	if (kp_store_open(&f->options, &store, &why) != KP_OK)
		fail_msg("%s", why.text);
	return store;
}

static kp_err add_fact(struct kp_store *store, int64_t number, struct kp_str text,
                       struct kp_why *why)
{
	struct kp_query *query;
	kp_err err = kp_store_query(
	        store, "INSERT INTO fact (number, text, data) VALUES (?1, ?2, ?3)", &query, why);
	if (err != KP_OK)
		return err;
	kp_query_bind_i64(query, 1, number);
	kp_query_bind_str(query, 2, text);
	kp_query_bind_bytes(query, 3, (struct kp_bytes){(const uint8_t *)"\0\1", 2});
	return kp_query_run(query, why);
}

static int64_t count_facts(struct kp_store *store)
{
	struct kp_query *query;
	bool row = false;
	assert_int_equal(kp_store_query(store, "SELECT count(*) FROM fact", &query, NULL), KP_OK);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	assert_true(row);
	int64_t count = kp_query_i64(query, 0);
	kp_query_done(query);
	return count;
}

static void store_gives_back_what_was_put(void **state)
{
	struct kp_store *store = open_store(*state);
	assert_int_equal(add_fact(store, 7, kp_str("seven"), NULL), KP_OK);
	assert_int_equal(add_fact(store, INT64_MIN, (struct kp_str){0}, NULL), KP_OK);

	struct kp_query *query;
	bool row;
	assert_int_equal(kp_store_query(store,
	                                "SELECT number, text, data FROM fact ORDER BY number",
	                                &query, NULL),
	                 KP_OK);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	assert_true(row);
	assert_true(kp_query_i64(query, 0) == INT64_MIN);
	assert_int_equal(kp_query_str(query, 1).len, 0);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	assert_true(kp_str_equal(kp_query_str(query, 1), kp_str("seven")));
	assert_int_equal(kp_query_bytes(query, 2).len, 2);
	assert_int_equal(kp_query_bytes(query, 2).ptr[1], 1);
	assert_int_equal(kp_query_step(query, &row, NULL), KP_OK);
	assert_false(row);
	kp_store_close(store);
}

static void store_keeps_one_statement_per_text(void **state)
{
	struct kp_store *store = open_store(*state);
	struct kp_query *first, *second;
	assert_int_equal(kp_store_query(store, "SELECT 1", &first, NULL), KP_OK);
	assert_int_equal(kp_store_query(store, "SELECT 1", &second, NULL), KP_OK);
	assert_ptr_equal(first, second);
	kp_store_close(store);
	assert_int_equal(kp_mem_live(), 0);
}

static void store_undoes_a_transaction_as_a_whole(void **state)
{
	struct kp_store *store = open_store(*state);
	assert_int_equal(kp_store_begin(store, NULL), KP_OK);
	assert_int_equal(add_fact(store, 1, kp_str("a"), NULL), KP_OK);
	kp_store_rollback(store);
	kp_store_rollback(store);
	assert_int_equal(count_facts(store), 0);
	assert_int_equal(kp_store_begin(store, NULL), KP_OK);
	assert_int_equal(add_fact(store, 1, kp_str("a"), NULL), KP_OK);
	assert_int_equal(kp_store_commit(store, NULL), KP_OK);
	kp_store_close(store);

	store = open_store(*state);
	assert_int_equal(count_facts(store), 1);
	kp_store_close(store);
}

static void store_tells_a_bad_statement_and_a_bad_index(void **state)
{
	struct kp_store *store = open_store(*state);
	struct kp_query *query;
	struct kp_why why = {""};
	assert_int_equal(kp_store_query(store, "SELECT FROM WHERE", &query, &why), KP_ERR_IO);
	assert_non_null(strstr(why.text, "syntax"));
	assert_int_equal(kp_store_query(store, "SELECT ?1", &query, NULL), KP_OK);
	kp_query_bind_i64(query, 2, 1);
	kp_query_bind_i64(query, 1, 1);
	assert_int_equal(kp_query_run(query, &why), KP_ERR_IO);
	kp_store_close(store);
}

static void store_brings_the_schema_up_to_date_once(void **state)
{
	struct fixture *f = *state;
	struct kp_store *store = open_store(f);
	assert_int_equal(add_fact(store, 1, kp_str("kept"), NULL), KP_OK);
	kp_store_close(store);

	f->options.migration_count = 2;
	for (int round = 0; round < 2; round++) {
		store = open_store(f);
		struct kp_query *query;
		assert_int_equal(kp_store_query(store, "SELECT name FROM second", &query, NULL),
		                 KP_OK);
		assert_int_equal(count_facts(store), 1);
		kp_store_close(store);
	}

	f->options.migration_count = 1;
	struct kp_why why = {""};
	assert_int_equal(kp_store_open(&f->options, &store, &why), KP_ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "newer"));
}

static void store_refuses_a_second_owner(void **state)
{
	struct fixture *f = *state;
	struct kp_store *store = open_store(f), *second = NULL;
	struct kp_why why = {""};
	assert_int_equal(kp_store_open(&f->options, &second, &why), KP_ERR_BUSY);
	assert_non_null(strstr(why.text, "in use"));

	pid_t pid = fork();
	if (pid == 0)
		_exit(kp_store_open(&f->options, &second, NULL) == KP_ERR_BUSY ? 0 : 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	kp_store_close(store);

	store = open_store(f);
	kp_store_close(store);
}

static void store_leaves_a_damaged_file_as_it_is(void **state)
{
	struct fixture *f = *state;
	char garbage[5000], after[5000];
	memset(garbage, 'x', sizeof(garbage));
	int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	close(fd);

	struct kp_store *store = NULL;
	struct kp_why why = {""};
	assert_int_equal(kp_store_open(&f->options, &store, &why), KP_ERR_CORRUPT);
	assert_non_null(strstr(why.text, f->path));
	assert_non_null(strstr(why.text, "move it away"));

	fd = open(f->path, O_RDONLY);
	assert_int_equal(read(fd, after, sizeof(after)), sizeof(after));
	assert_memory_equal(garbage, after, sizeof(after));
	close(fd);
	assert_int_equal(kp_mem_live(), 0);
}

static void store_finds_damage_inside_a_file(void **state)
{
	struct fixture *f = *state;
	struct kp_store *store = open_store(f);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(add_fact(store, i, kp_str("a row that takes some room"), NULL),
		                 KP_OK);
	kp_store_close(store);

	int fd = open(f->path, O_WRONLY);
	char noise[4096];
	memset(noise, 0xa5, sizeof(noise));
	for (off_t page = 2; page < 12; page++)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), page * 4096), sizeof(noise));
	close(fd);
	struct kp_why why = {""};
	assert_int_equal(kp_store_open(&f->options, &store, &why), KP_ERR_CORRUPT);
	assert_non_null(strstr(why.text, "backup"));
}

static void store_says_that_a_directory_is_missing_or_closed(void **state)
{
	struct fixture *f = *state;
	struct kp_store *store = NULL;
	struct kp_why why = {""};
	struct kp_store_options options = f->options;
	options.path = "/nonexistent/directory/kipp.db";
	assert_int_equal(kp_store_open(&options, &store, &why), KP_ERR_DENIED);
	assert_non_null(strstr(why.text, "/nonexistent/directory/kipp.db"));

	pid_t pid = fork();
	if (pid == 0) {
		chmod(f->dir, 0555);
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		_exit(kp_store_open(&f->options, &store, NULL) == KP_ERR_DENIED ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	chmod(f->dir, 0755);
	assert_int_equal(status, 0);
}

static kp_err fill(struct kp_store *store, struct kp_why *why, int64_t *ret_count)
{
	static char text[1000];
	memset(text, 'f', sizeof(text));
	for (int64_t i = 0; i < 100000; i++) {
		kp_err err = add_fact(store, i, (struct kp_str){text, sizeof(text)}, why);
		*ret_count = i;
		if (err != KP_OK)
			return err;
	}
	return KP_OK;
}

static void store_at_its_limit_refuses_and_keeps_what_it_has(void **state)
{
	struct fixture *f = *state;
	f->options.size_max = 256 << 10;
	struct kp_store *store = open_store(f);
	struct kp_why why = {""};
	int64_t count = 0;
	assert_int_equal(fill(store, &why, &count), KP_ERR_NOSPACE);
	assert_non_null(strstr(why.text, "free space"));
	assert_true(count > 100);
	assert_int_equal(count_facts(store), count);
	kp_store_close(store);

	f->options.size_max = 0;
	store = open_store(f);
	assert_int_equal(count_facts(store), count);
	assert_int_equal(add_fact(store, count, kp_str("more"), NULL), KP_OK);
	kp_store_close(store);
}

// The child may not write files larger than 200 KiB, which is what a full disk looks like.
static void fill_up_a_small_disk(struct fixture *f, int report_fd)
{
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit = {200 << 10, 200 << 10};
	setrlimit(RLIMIT_FSIZE, &limit);
	struct kp_store *store;
	struct kp_why why = {""};
	int64_t count = 0;
	if (kp_store_open(&f->options, &store, &why) != KP_OK)
		_exit(2);
	kp_err err = fill(store, &why, &count);
	if (write(report_fd, &count, sizeof(count)) != sizeof(count))
		_exit(3);
	_exit(err == KP_ERR_NOSPACE && strstr(why.text, "free space") ? 0 : 1);
}

static void store_on_a_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0)
		fill_up_a_small_disk(f, fds[1]);
	close(fds[1]);
	int64_t count = 0;
	assert_int_equal(read(fds[0], &count, sizeof(count)), sizeof(count));
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	struct kp_store *store = open_store(f);
	assert_int_equal(count_facts(store), count);
	kp_store_close(store);
}

// Each row is a transaction of two, and is reported only once its commit has returned.
static void commit_in_a_loop(struct fixture *f, int report_fd, int64_t first)
{
	struct kp_store *store;
	if (kp_store_open(&f->options, &store, NULL) != KP_OK)
		_exit(2);
	for (int64_t i = first;; i += 2) {
		if (kp_store_begin(store, NULL) != KP_OK ||
		    add_fact(store, i, kp_str("first"), NULL) != KP_OK ||
		    add_fact(store, i + 1, kp_str("second"), NULL) != KP_OK ||
		    kp_store_commit(store, NULL) != KP_OK)
			_exit(3);
		if (write(report_fd, &i, sizeof(i)) != sizeof(i))
			_exit(4);
	}
}

static int64_t kill_after(struct fixture *f, int64_t first, int acknowledged)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0)
		commit_in_a_loop(f, fds[1], first);
	close(fds[1]);
	int64_t last = -1;
	for (int i = 0; i < acknowledged; i++)
		assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (read(fds[0], &last, sizeof(last)) == sizeof(last))
		;
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return last;
}

static void store_has_every_acknowledged_commit_after_a_kill(void **state)
{
	struct fixture *f = *state;
	int64_t first = 0;
	for (int round = 1; round <= 5; round++) {
		int64_t last = kill_after(f, first, round * 7);
		struct kp_store *store = open_store(f);
		int64_t count = count_facts(store);
		assert_true(count >= last + 2);
		assert_int_equal(count % 2, 0);
		kp_store_close(store);
		first = count;
	}
}

static void store_survives_running_out_of_memory(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct fixture *f = *state;
		struct kp_store *store = NULL;
		kp_err err = kp_store_open(&f->options, &store, NULL);
		if (err == KP_OK)
			err = add_fact(store, fault, kp_str("x"), NULL);
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		kp_store_close(store);
		assert_int_equal(kp_mem_live(), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(store_gives_back_what_was_put),
	        TEST(store_keeps_one_statement_per_text),
	        TEST(store_undoes_a_transaction_as_a_whole),
	        TEST(store_tells_a_bad_statement_and_a_bad_index),
	        TEST(store_brings_the_schema_up_to_date_once),
	        TEST(store_refuses_a_second_owner),
	        TEST(store_leaves_a_damaged_file_as_it_is),
	        TEST(store_finds_damage_inside_a_file),
	        TEST(store_says_that_a_directory_is_missing_or_closed),
	        TEST(store_at_its_limit_refuses_and_keeps_what_it_has),
	        TEST(store_on_a_full_disk_loses_nothing),
	        TEST(store_has_every_acknowledged_commit_after_a_kill),
	        TEST(store_survives_running_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
