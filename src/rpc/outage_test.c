// outage_test.c - what callers notice when a server dies, freezes, refuses or comes back.
#include "rpc/fake.h"

#include <stdlib.h>

// load keeps a number of calls in flight until so many have ended.
struct load {
	struct RpcTest_Echo *echo;
	int to_start;
	int ended;
	int failed;
	int silent; // of the failed: timed out
};

static void on_end(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct load *load = arg;
	load->ended++;
	load->failed += err != KP_OK;
	load->silent += err == KP_ERR_TIMEOUT;
	if (load->to_start-- > 0)
		assert_int_equal(RpcTest_Echo_add_async(load->echo, 1, 2, on_end, load), KP_OK);
}

static void run_load(struct kp_client *client, struct load *load, int width, int count)
{
	load->to_start = count;
	load->ended = load->failed = load->silent = 0;
	for (int i = 0; i < width && load->to_start-- > 0; i++)
		assert_int_equal(RpcTest_Echo_add_async(load->echo, 1, 2, on_end, load), KP_OK);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	assert_int_equal(load->ended, count);
}

struct stage {
	struct fake a, b;
	struct kp_client *client;
	struct load load;
};

static void open_stage(struct stage *stage, fake_fn a, fake_fn b, int timeout_ms,
                       const struct kp_function_policy *policy)
{
	char text[256];
	fake_open(&stage->a, a);
	fake_open(&stage->b, b);
	struct kp_client_options options = patient;
	options.timeout_ms = timeout_ms;
	assert_int_equal(kp_client_open(&options, &stage->client, NULL), KP_OK);
	stage->load.echo = RpcTest_Echo_proxy(
	        stage->client, fake_object(text, sizeof(text), &stage->a, &stage->b));
	struct kp_proxy_options proxy = {.policies = policy, .policy_count = policy != NULL};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)stage->load.echo, &proxy), KP_OK);
}

static void close_stage(struct stage *stage)
{
	kp_client_close(stage->client);
	fake_close(&stage->a);
	fake_close(&stage->b);
	assert_int_equal(kp_mem_live(), 0);
}

// --- one of two dies

enum {
	IN_FLIGHT = 40,
	DIES_AFTER = 300,
};

// dies answers a number of calls, then its process is gone: all connections break at once and the
// port refuses.
static bool dies(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	if (fake_count(&fake->requests) <= DIES_AFTER)
		return fake_right(fake, packet, out);
	kp_buf_clear(out);
	if (fake->listener >= 0)
		shutdown(fake->listener, SHUT_RDWR);
	return false;
}

static void die_under_load(const struct kp_function_policy *policy, struct load *ret)
{
	struct stage stage = {0};
	open_stage(&stage, dies, fake_right, 60000, policy);
	run_load(stage.client, &stage.load, IN_FLIGHT, 4000);
	*ret = stage.load;
	assert_true(fake_count(&stage.a.requests) > DIES_AFTER);
	close_stage(&stage);
}

static void at_most_the_calls_in_flight_on_a_dead_server_fail(void **state)
{
	struct load load;
	die_under_load(NULL, &load);
	assert_in_range(load.failed, 1, IN_FLIGHT);
}

static void none_fails_that_may_be_sent_again(void **state)
{
	struct load load;
	const struct kp_function_policy policy = {.is_idempotent = true};
	die_under_load(&policy, &load);
	assert_int_equal(load.failed, 0);
}

// --- one of two freezes

static bool freezes(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	return fake_count(&fake->requests) > DIES_AFTER || fake_right(fake, packet, out);
}

static void callers_of_a_frozen_server_recover_within_one_timeout(void **state)
{
	int failed, tries = 0;
	do {
		struct stage stage = {0};
		open_stage(&stage, freezes, fake_right, 300, NULL);
		run_load(stage.client, &stage.load, IN_FLIGHT, 4000);
		assert_true(fake_count(&stage.a.requests) > DIES_AFTER);
		failed = stage.load.failed;
		assert_int_equal(failed, stage.load.silent);
		run_load(stage.client, &stage.load, IN_FLIGHT, 2000);
		assert_int_equal(stage.load.failed, 0);
		close_stage(&stage);
		// Those that were with it when it froze wait for one timeout, and nobody else does;
		// but a client that was itself held just then blames nobody.
		assert_in_range(failed, 1, 2 * IN_FLIGHT);
	} while (failed > IN_FLIGHT && ++tries < 20);
	assert_in_range(failed, 1, IN_FLIGHT);
}

static void hedges_hide_a_frozen_server(void **state)
{
	struct stage stage = {0};
	const struct kp_function_policy policy = {.is_idempotent = true, .hedge_ms = 20};
	open_stage(&stage, freezes, fake_right, 60000, &policy);
	run_load(stage.client, &stage.load, IN_FLIGHT, 4000);
	assert_int_equal(stage.load.failed, 0);
	close_stage(&stage);
}

// --- refused

static void a_refused_connect_does_not_wait_out_the_connect_timeout(void **state)
{
	struct stage stage = {0};
	open_stage(&stage, fake_right, fake_right, 60000, NULL);
	fake_close(&stage.a);
	run_load(stage.client, &stage.load, 1, 20); // would take a minute each
	assert_int_equal(stage.load.failed, 0);
	fake_close(&stage.b);
	run_load(stage.client, &stage.load, 1, 20);
	assert_true(stage.load.failed > 0);
	fake_open(&stage.a, fake_right);
	fake_open(&stage.b, fake_right);
	close_stage(&stage);
}

// --- isolation

struct held {
	int32_t id;
	int fd;
};

// holds keeps its first call, is silent to the others, and answers the first at the first ping, on
// the connection that it came by.
static bool holds(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	struct held *held = fake->user;
	if (held->id == 0)
		*held = (struct held){packet->request_id, fake->fd};
	if (!kp_str_equal(packet->function, kp_str("tars_ping")))
		return true;
	struct kp_buf answer = {0};
	fake_answer_int(&(struct kp_request_packet){.request_id = held->id}, 42, &answer);
	send_all(held->fd, answer.data, answer.len);
	kp_buf_fini(&answer);
	return true;
}

// Only who is isolated is pinged, so the answer that comes with the ping shows that the connection
// has outlived the isolation.
static void isolation_closes_no_connection(void **state)
{
	struct held held = {0};
	struct stage stage = {.a = {.user = &held}};
	open_stage(&stage, holds, fake_right, 60000, NULL);
	struct kp_call *call;
	struct kp_request *innocent = NULL, *other = NULL;
	char text[256];
	int32_t sum = 0;
	assert_int_equal(kp_call_open(stage.client, &call), KP_OK);
	struct RpcTest_Echo *only =
	        RpcTest_Echo_proxy(stage.client, fake_object(text, sizeof(text), &stage.a, NULL));
	assert_int_equal(begin_add(only, call, 1, 2, &innocent), KP_OK);
	while (fake_count(&stage.a.requests) < 1)
		assert_int_equal(kp_client_listen(stage.client, 1), KP_OK);
	kp_call_set_timeout(call, 20);
	bool is_answered = false;
	while (!is_answered) {
		struct kp_request *both[2] = {innocent, NULL};
		size_t first = 0;
		assert_int_equal(begin_add(stage.load.echo, call, 1, 2, &other), KP_OK);
		both[1] = other;
		assert_int_equal(kp_join_any(call, both, 2, 0, &first), KP_OK);
		is_answered = first == 0;
		kp_request_cancel(other);
	}
	assert_int_equal(end_int(innocent, &sum), KP_OK);
	assert_int_equal(sum, 42);
	kp_call_close(call);
	close_stage(&stage);
}

// --- all of it at once

// moody answers well, late, badly, never, or with the end of the connection.
static bool moody(struct fake *fake, const struct kp_request_packet *packet, struct kp_buf *out)
{
	unsigned *dice = fake->user;
	int32_t *held = (int32_t *)&dice[1];
	switch (rand_r(&dice[0]) % 12) {
	case 0:
		return fake_overloaded(fake, packet, out);
	case 1:
		return fake_count(&fake->requests) % 5 != 0;
	case 2:
		return true; // never
	case 3:
		*held = packet->request_id; // later, if at all
		return true;
	case 4:
		fake_answer(packet, 77, NULL, out);
		return true;
	default: {
		struct kp_request_packet former = {.request_id = *held};
		if (*held)
			fake_answer_int(&former, 41, out);
		*held = 0;
		return fake_right(fake, packet, out);
	}
	}
}

struct storm {
	struct load load;
	struct kp_call *call;
	unsigned dice;
	int begun;
	int ended;
};

static void blow(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct storm *storm = arg;
	struct kp_request *requests[3] = {NULL};
	int32_t sum;
	storm->load.ended++;
	if (storm->load.to_start-- <= 0)
		return;
	if (rand_r(&storm->dice) % 4 == 0) {
		for (int i = 0; i < 3; i++)
			storm->begun += begin_add(storm->load.echo, storm->call, 1, 2,
			                          &requests[i]) == KP_OK;
		int timeout_ms = rand_r(&storm->dice) % 30;
		(void)(rand_r(&storm->dice) % 2
		               ? kp_join_good(storm->call, requests, 3, timeout_ms, NULL)
		               : kp_join_any(storm->call, requests, 3, timeout_ms, NULL));
		for (int i = 0; i < 3; i++) {
			if (rand_r(&storm->dice) % 2)
				kp_request_cancel(requests[i]);
			else
				(void)end_int(requests[i], &sum);
			storm->ended++;
		}
	}
	assert_int_equal(RpcTest_Echo_add_async(storm->load.echo, 1, 2, blow, storm), KP_OK);
}

static void in_a_storm_every_call_ends_once(void **state)
{
	for (unsigned seed = 1; seed <= 3; seed++) {
		unsigned a[2] = {seed, 0}, b[2] = {seed + 100, 0};
		struct stage stage = {.a = {.user = a, .says_hello = true}, .b = {.user = b}};
		const struct kp_function_policy policy = {
		        .is_idempotent = true, .retries_max = 2, .hedge_ms = 3};
		open_stage(&stage, moody, moody, 40, &policy);
		struct storm storm = {.dice = seed};
		storm.load = stage.load;
		storm.load.to_start = 1500;
		assert_int_equal(kp_call_open(stage.client, &storm.call), KP_OK);
		for (int i = 0; i < IN_FLIGHT; i++)
			assert_int_equal(
			        RpcTest_Echo_add_async(stage.load.echo, 1, 2, blow, &storm), KP_OK);
		assert_int_equal(kp_client_drive(stage.client, 60000), KP_OK);
		assert_int_equal(storm.load.ended, 1500 + IN_FLIGHT);
		assert_int_equal(storm.begun, storm.ended);
		kp_call_close(storm.call);
		close_stage(&stage);
	}
}

// --- wake-ups

struct chain {
	struct RpcTest_Echo *echo;
	struct kp_call *call;
	int left;
	int ended;
	int wrong;
};

// next_link makes the next call now in one way and now in another, from inside the callback of the
// one before.
static void next_link(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct chain *chain = arg;
	chain->ended++;
	chain->wrong += err != KP_OK || result->ret != 3;
	if (chain->left-- <= 0)
		return;
	int32_t sum = 0;
	struct kp_request *requests[2] = {0};
	switch (chain->left % 3) {
	case 0:
		chain->wrong += RpcTest_Echo_add(chain->echo, chain->call, 1, 2, &sum) != KP_OK;
		break;
	case 1:
		chain->wrong += RpcTest_Echo_ping_oneway(chain->echo) != KP_OK;
		break;
	default:
		for (int i = 0; i < 2; i++)
			chain->wrong +=
			        begin_add(chain->echo, chain->call, 1, 2, &requests[i]) != KP_OK;
		chain->wrong += kp_join_any(chain->call, requests, 2, 0, NULL) != KP_OK;
		kp_request_cancel(requests[0]);
		chain->wrong += end_int(requests[1], &sum) != KP_OK;
	}
	kp_call_reset(chain->call);
	chain->wrong += RpcTest_Echo_add_async(chain->echo, 1, 2, next_link, chain) != KP_OK;
}

static void no_wake_up_is_lost_that_would_stall_a_callback(void **state)
{
	enum {
		CHAINS = 16,
		LINKS = 300,
	};
	struct world world = open_world(2);
	struct chain chains[CHAINS];
	for (int i = 0; i < CHAINS; i++) {
		chains[i] = (struct chain){.echo = world.echo, .left = LINKS};
		assert_int_equal(kp_call_open(world.client, &chains[i].call), KP_OK);
		assert_int_equal(RpcTest_Echo_add_async(world.echo, 1, 2, next_link, &chains[i]),
		                 KP_OK);
	}
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	for (int i = 0; i < CHAINS; i++) {
		assert_int_equal(chains[i].ended, LINKS + 1);
		assert_int_equal(chains[i].wrong, 0);
		kp_call_close(chains[i].call);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(at_most_the_calls_in_flight_on_a_dead_server_fail),
	        cmocka_unit_test(none_fails_that_may_be_sent_again),
	        cmocka_unit_test(callers_of_a_frozen_server_recover_within_one_timeout),
	        cmocka_unit_test(hedges_hide_a_frozen_server),
	        cmocka_unit_test(a_refused_connect_does_not_wait_out_the_connect_timeout),
	        cmocka_unit_test(isolation_closes_no_connection),
	        cmocka_unit_test(in_a_storm_every_call_ends_once),
	        cmocka_unit_test(no_wake_up_is_lost_that_would_stall_a_callback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
