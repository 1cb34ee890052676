// chaos_test.c - clients that come and go at any moment, beside a server that does too.
//
// Whatever happens, each asynchronous call ends exactly once and nothing is left in memory.
#include "rpc/fixture.h"

#include <stdlib.h>

enum {
	CALLERS = 4,
	CLIENTS = 60, // of each caller
	STEPS = 30,   // of each client
};

static struct world world;
static char object[400];
static bool is_over;

struct caller {
	pthread_t thread;
	unsigned seed;
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *echo;
	int started;
	int ended;
};

static int dice(struct caller *caller, int sides)
{
	return rand_r(&caller->seed) % sides;
}

static void start_one(struct caller *caller);

static void on_said(void *arg, kp_err err, const struct RpcTest_Echo_sleepThenSay_result *result)
{
	struct caller *caller = arg;
	caller->ended++;
	if (dice(caller, 4) == 0)
		start_one(caller);
}

static void start_one(struct caller *caller)
{
	static const char text[3000];
	struct kp_str some = {text, (size_t)dice(caller, sizeof(text))};
	caller->started += RpcTest_Echo_sleepThenSay_async(caller->echo, dice(caller, 20), some,
	                                                   on_said, caller) == KP_OK;
}

static void step(struct caller *caller)
{
	int32_t ret;
	struct kp_str text;
	switch (dice(caller, 6)) {
	case 0:
		(void)RpcTest_Echo_add(caller->echo, caller->call, 1, 2, &ret);
		break;
	case 1:
		(void)RpcTest_Echo_sleepThenSay(caller->echo, caller->call, dice(caller, 10),
		                                kp_str("x"), &text);
		break;
	case 2:
		(void)RpcTest_Echo_ping_oneway(caller->echo);
		break;
	case 3:
		(void)RpcTest_Echo_relay(caller->echo, caller->call, kp_str(world.object), 3, &text,
		                         &ret);
		break;
	case 4:
		(void)kp_client_drive(caller->client, dice(caller, 10));
		break;
	default:
		start_one(caller);
	}
	kp_call_reset(caller->call);
}

static void *call_wildly(void *arg)
{
	struct caller *caller = arg;
	for (int i = 0; i < CLIENTS; i++) {
		const struct kp_client_options options = {.timeout_ms = 1 + dice(caller, 30),
		                                          .connect_timeout_ms =
		                                                  1 + dice(caller, 50)};
		if (kp_client_open(&options, &caller->client, NULL) != KP_OK)
			continue;
		caller->call = NULL;
		caller->echo = RpcTest_Echo_proxy(caller->client, object);
		if (kp_call_open(caller->client, &caller->call) == KP_OK)
			for (int n = 0; n < STEPS; n++)
				step(caller);
		kp_call_close(caller->call);
		kp_client_close(caller->client);
	}
	return NULL;
}

static void *restart(void *arg)
{
	unsigned seed = *(const unsigned *)arg;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		usleep(100000);
		kp_server_stop(world.server, rand_r(&seed) % 20);
		usleep((unsigned)rand_r(&seed) % 20000);
		while (kp_server_start(world.server) != KP_OK)
			usleep(1000);
	}
	return NULL;
}

static void each_call_ends_once_whatever_happens(void **state)
{
	const char *given = getenv("KIPP_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	print_message("KIPP_SEED=%u\n", seed);
	world = open_world(2);
	snprintf(object, sizeof(object), "%s:tcp -h 127.0.0.1 -p 1", world.object);
	struct caller callers[CALLERS] = {0};
	pthread_t restarter;
	assert_int_equal(pthread_create(&restarter, NULL, restart, &seed), 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i].seed = seed + (unsigned)i;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_wildly, &callers[i]),
		                 0);
	}
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_true(callers[i].started > 0);
		assert_int_equal(callers[i].ended, callers[i].started);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(restarter, NULL);
	kp_server_stop(world.server, 1000);
	assert_int_equal(stats_of(&world).connections_open, 0);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_call_ends_once_whatever_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
