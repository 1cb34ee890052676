// admit_test.c - requests over what a server takes: each is counted, refused at once, and told so.
#include "rpc/fixture.h"

#include "tars/frame.h"

static const char *const here = "tcp -h 127.0.0.1 -p 0 -t 60000";

enum {
	ANSWERS_MAX = 1000
};

// answers are what a plain connection got: iRet by request id.
struct answers {
	int32_t ret[ANSWERS_MAX];
	bool has[ANSWERS_MAX];
	int count, good;
	struct kp_buf bytes; // owned
};

static void take_answer(struct answers *answers, struct kp_bytes bytes)
{
	struct kp_response_packet packet;
	assert_int_equal(kp_response_packet_decode(bytes, NULL, &packet), KP_OK);
	assert_in_range(packet.request_id, 0, ANSWERS_MAX - 1);
	assert_false(answers->has[packet.request_id]);
	answers->has[packet.request_id] = true;
	answers->ret[packet.request_id] = packet.ret;
	answers->count++;
	answers->good += packet.ret == 0;
}

// await reads until there are `count` answers.
static void await(struct answers *answers, int fd, int count)
{
	while (answers->count < count) {
		char bytes[4096];
		struct pollfd ready = {fd, POLLIN, 0};
		size_t size = 0;
		assert_int_equal(poll(&ready, 1, 60000), 1);
		kp_err err = kp_sock_read(fd, bytes, sizeof(bytes), &size);
		assert_true(err == KP_OK || err == KP_ERR_AGAIN);
		kp_buf_append(&answers->bytes, bytes, size);
		struct kp_bytes rest = kp_buf_bytes(&answers->bytes), packet;
		while (kp_frame_find(rest, 1 << 20, &packet, &size) == KP_OK) {
			take_answer(answers, packet);
			rest.ptr += size;
			rest.len -= size;
		}
		struct kp_buf left = {0};
		kp_buf_append(&left, rest.ptr, rest.len);
		kp_buf_fini(&answers->bytes);
		answers->bytes = left;
	}
}

// gate is what handlers wait for.
static struct {
	pthread_mutex_t lock;
	int entered;
} gate = {PTHREAD_MUTEX_INITIALIZER, 0};

static int32_t pass_the_gate(struct kp_call *call, int32_t what)
{
	__atomic_fetch_add(&gate.entered, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&gate.lock);
	pthread_mutex_unlock(&gate.lock);
	return what;
}

static void send_calls(int fd, const char *function, struct kp_bytes body, int first, int count)
{
	struct kp_buf frames = {0};
	for (int i = 0; i < count; i++) {
		struct kp_request_packet packet = {
		        .version = 1,
		        .request_id = first + i,
		        .servant = kp_str("Test.EchoServer.EchoObj"),
		        .function = kp_str(function),
		        .body = body,
		};
		assert_int_equal(kp_request_packet_encode(&frames, &packet), KP_OK);
	}
	send_all(fd, frames.data, frames.len);
	kp_buf_fini(&frames);
}

static struct kp_bytes number(struct kp_buf *body, int32_t value)
{
	kp_i32_encode(body, 1, value);
	kp_str_encode(body, 2, kp_str("x"));
	return kp_buf_bytes(body);
}

// All of it is in one read. What is over the cap is refused, and whoever asked is told.
static void trap_overload_checked_once_per_read_batch(void **state)
{
	struct world world =
	        open_world_with(1, &(struct kp_adapter_options){.endpoint = here, .queue_max = 10});
	int fd = dial(&world);
	struct kp_buf body = {0};
	send_calls(fd, "sleepThenSay", number(&body, 2000), 0, 200);
	struct answers answers = {0};
	await(&answers, fd, 200);
	assert_int_equal(answers.good, 10);
	assert_int_equal(stats_of(&world).refused_overload, 190);
	kp_buf_fini(&answers.bytes);
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

static void trap_silent_drop_above_the_cap(void **state)
{
	struct world world =
	        open_world_with(1, &(struct kp_adapter_options){.endpoint = here, .queue_max = 1});
	int fd = dial(&world);
	struct kp_buf body = {0};
	send_calls(fd, "sleepThenSay", number(&body, 100), 0, 100);
	struct answers answers = {0};
	await(&answers, fd, 100);
	for (int i = 0; i < 100; i++) {
		assert_true(answers.has[i]);
		assert_true(answers.ret[i] == 0 || answers.ret[i] == KP_RET_OVERLOAD);
	}
	kp_buf_fini(&answers.bytes);
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

// The only thread is held; refusals come all the same.
static void trap_refused_only_after_dequeuing(void **state)
{
	hook = pass_the_gate;
	gate.entered = 0;
	pthread_mutex_lock(&gate.lock);
	struct world world = open_world_with(
	        1,
	        &(struct kp_adapter_options){.endpoint = here, .queue_max = 3, .pool_threads = 1});
	int fd = dial(&world);
	struct kp_buf body = {0};
	send_calls(fd, "hook", number(&body, 0), 0, 20);
	struct answers answers = {0};
	await(&answers, fd, 17);
	assert_int_equal(answers.good, 0);
	for (int i = 3; i < 20; i++)
		assert_int_equal(answers.ret[i], KP_RET_OVERLOAD);
	pthread_mutex_unlock(&gate.lock);
	await(&answers, fd, 20);
	assert_int_equal(answers.good, 3);
	kp_buf_fini(&answers.bytes);
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

// With a tiny target, calls that compute are refused by their delay; in the shadow they are served
// and counted.
static int32_t compute(struct kp_call *call, int32_t what)
{
	for (int64_t until_ns = kp_clock_ns() + 200000; kp_clock_ns() < until_ns;)
		continue;
	return what;
}

static void run_slow_batch(bool is_shadow, struct answers *answers, struct kp_adapter_stats *stats)
{
	hook = compute;
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){
	                   .endpoint = here,
	                   .limits = {.delay_target_ms = 1, .is_shadow = is_shadow ? 1 : -1}});
	int fd = dial(&world);
	struct kp_buf body = {0};
	for (int i = 0; i < 4; i++)
		send_calls(fd, "hook", number(&body, 0), 200 * i, 200);
	*answers = (struct answers){0};
	await(answers, fd, 800);
	*stats = stats_of(&world);
	kp_buf_fini(&answers->bytes);
	kp_buf_fini(&body);
	kp_sock_close(fd);
	close_world(&world);
}

static void a_shadow_serves_what_it_counts(void **state)
{
	struct answers answers;
	struct kp_adapter_stats stats;
	run_slow_batch(true, &answers, &stats);
	assert_int_equal(answers.good, 800);
	assert_int_equal(stats.refused_overload, 0);
	assert_true(stats.shadow_refused > 0);
	run_slow_batch(false, &answers, &stats);
	assert_true(answers.good < 800);
	assert_int_equal(stats.refused_overload, 800 - answers.good);
	assert_int_equal(stats.shadow_refused, 0);
}

// Many connections, each with a single request in its read, are as long a batch as one with many.
static int32_t hold_or_compute(struct kp_call *call, int32_t what)
{
	if (what != 0)
		return pass_the_gate(call, what);
	usleep(2000);
	return 0;
}

static void trap_delay_unseen_with_one_request_per_read(void **state)
{
	enum {
		COUNT = 64
	};
	hook = hold_or_compute;
	gate.entered = 0;
	struct world world =
	        open_world_with(1, &(struct kp_adapter_options){.endpoint = here,
	                                                        .limits = {.delay_target_ms = 20}});
	struct kp_buf body = {0}, holding = {0};
	struct answers answers = {0};
	int holder = dial(&world), fds[COUNT];
	send_calls(holder, "add", number(&body, 0), 100, 400); // so short that few are looked at
	await(&answers, holder, 400);
	for (int i = 0; i < COUNT; i++)
		fds[i] = dial(&world);
	wait_for(stats_of(&world).connections_open == COUNT + 1);
	pthread_mutex_lock(&gate.lock);
	send_calls(holder, "hook", number(&holding, 1), 99, 1);
	wait_for(__atomic_load_n(&gate.entered, __ATOMIC_RELAXED) == 1);
	for (int i = 0; i < COUNT; i++)
		send_calls(fds[i], "hook", kp_buf_bytes(&body), i, 1);
	pthread_mutex_unlock(&gate.lock);
	for (int i = 0; i < COUNT; i++) {
		await(&answers, fds[i], 401 + i);
		kp_sock_close(fds[i]);
	}
	assert_true(stats_of(&world).refused_overload > 0);
	kp_buf_fini(&answers.bytes);
	kp_buf_fini(&body);
	kp_buf_fini(&holding);
	kp_sock_close(holder);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(trap_overload_checked_once_per_read_batch),
	        cmocka_unit_test(trap_silent_drop_above_the_cap),
	        cmocka_unit_test(trap_refused_only_after_dequeuing),
	        cmocka_unit_test(a_shadow_serves_what_it_counts),
	        cmocka_unit_test(trap_delay_unseen_with_one_request_per_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
