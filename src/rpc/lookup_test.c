// lookup_test.c - names, and the registry that knows where they are. The registry here is a small
// one of the test's own.
#include "interfaces/registry.h"
#include "src/rpc/test_echo.h"

#include "base/mem.h"
#include "kipp/kipp.h"
#include "os/sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	SERVERS = 3
};

struct shop {
	struct kp_server *server;
	int port;
	int id;
	bool pushes; // before it answers
};

struct world {
	struct kp_server *registry;
	int listed;           // bits of the servers that the registry lists; atomic
	int queries;          // atomic
	int weights[SERVERS]; // of what is listed; atomic
	int weight_type;      // atomic
	struct shop shops[SERVERS];
	char locator[128];
	struct kp_client *client;
	struct kp_call *call;
	struct RpcTest_Echo *echo;
	bool has_left; // an endpoint, in a callback
};

static int32_t on_find(struct kp_call *call, struct kp_str id, struct tars_EndpointF_list *active,
                       struct tars_EndpointF_list *inactive)
{
	struct world *world = kp_call_user(call);
	__atomic_fetch_add(&world->queries, 1, __ATOMIC_RELAXED);
	if (!kp_str_equal(id, kp_str("Test.EchoServer.EchoObj")))
		return 0;
	int listed = __atomic_load_n(&world->listed, __ATOMIC_RELAXED);
	active->ptr = kp_call_alloc(call, SERVERS * sizeof(*active->ptr));
	for (int i = 0; i < SERVERS; i++) {
		if (!(listed & 1 << i))
			continue;
		struct tars_EndpointF *endpoint = &active->ptr[active->len++];
		tars_EndpointF_init(endpoint);
		endpoint->host = kp_str("127.0.0.1");
		endpoint->port = world->shops[i].port;
		endpoint->istcp = 1;
		endpoint->weight = __atomic_load_n(&world->weights[i], __ATOMIC_RELAXED);
		endpoint->weightType = __atomic_load_n(&world->weight_type, __ATOMIC_RELAXED);
	}
	return 0;
}

static const struct tars_QueryF_ops registry_ops = {.findObjectByIdInSameGroup = on_find};

static int32_t on_add(struct kp_call *call, int32_t a, int32_t b)
{
	const struct shop *shop = kp_call_user(call);
	struct kp_push *back;
	if (shop->pushes && kp_push_open(call, &back) == KP_OK) {
		(void)kp_push_send(back, kp_str("news"), (struct kp_bytes){0});
		kp_push_close(back);
	}
	return shop->id;
}

static const struct RpcTest_Echo_ops shop_ops = {.add = on_add};

static int open_server(struct kp_server **server, const char *application, const char *name,
                       int port, const struct kp_interface *interface, const char *object,
                       const void *ops, void *user)
{
	char endpoint[64];
	int adapter;
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %d -t 60000", port);
	struct kp_server_options options = {.application = application, .server = name};
	assert_int_equal(kp_server_open(&options, server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(*server,
	                                  &(struct kp_adapter_options){.endpoint = endpoint},
	                                  &adapter, NULL),
	                 KP_OK);
	assert_int_equal(kp_server_serve(*server, adapter, object, interface, ops, user), KP_OK);
	assert_int_equal(kp_server_start(*server), KP_OK);
	assert_int_equal(sscanf(strstr(kp_server_endpoint(*server, 0), "-p "), "-p %d", &port), 1);
	return port;
}

static int open_registry(struct world *world, int port)
{
	return open_server(&world->registry, "tars", "tarsregistry", port, &tars_QueryF_interface,
	                   "QueryObj", &registry_ops, world);
}

static void open_shop(struct shop *shop)
{
	shop->port = open_server(&shop->server, "Test", "EchoServer", shop->port,
	                         &RpcTest_Echo_interface, "EchoObj", &shop_ops, shop);
}

static void open_world(struct world *world)
{
	*world = (struct world){0};
	int port = open_registry(world, 0);
	snprintf(world->locator, sizeof(world->locator),
	         "tars.tarsregistry.QueryObj@tcp -h 127.0.0.1 -p %d", port);
	for (int i = 0; i < SERVERS; i++) {
		world->shops[i].id = i;
		open_shop(&world->shops[i]);
	}
	struct kp_client_options options = {.locator = world->locator, .refresh_interval_ms = 20};
	assert_int_equal(kp_client_open(&options, &world->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(world->client, &world->call), KP_OK);
	world->echo = RpcTest_Echo_proxy(world->client, "Test.EchoServer.EchoObj");
}

static void close_world(struct world *world)
{
	kp_call_close(world->call);
	kp_client_close(world->client);
	for (int i = 0; i < SERVERS; i++)
		kp_server_close(world->shops[i].server);
	kp_server_close(world->registry);
	assert_int_equal(kp_mem_live(), 0);
}

static void list(struct world *world, int bits)
{
	__atomic_store_n(&world->listed, bits, __ATOMIC_RELAXED);
}

// seen returns the bits of the servers that answered `count` calls, and -1 when one failed.
static int seen(struct world *world, int count)
{
	int bits = 0;
	for (int i = 0; i < count; i++) {
		int32_t id = 0;
		if (RpcTest_Echo_add(world->echo, world->call, 0, 0, &id) != KP_OK)
			return -1;
		bits |= 1 << id;
		kp_call_reset(world->call);
	}
	return bits;
}

static void expect_seen(struct world *world, int bits)
{
	for (int tries = 0; seen(world, 12) != bits; tries++) {
		assert_true(tries < 5000);
		usleep(2000);
	}
}

static void calls_go_round_all_that_are_listed(void **state)
{
	struct world world;
	open_world(&world);
	list(&world, 7);
	int counts[SERVERS] = {0};
	for (int i = 0; i < 30; i++) {
		int32_t id = 0;
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 0, 0, &id), KP_OK);
		counts[id]++;
	}
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(counts[i], 10);
	close_world(&world);
}

static void an_unknown_name_is_told_in_words(void **state)
{
	struct world world;
	open_world(&world);
	int32_t id;
	struct RpcTest_Echo *nobody = RpcTest_Echo_proxy(world.client, "Test.NoServer.NoObj");
	assert_int_equal(RpcTest_Echo_add(nobody, world.call, 0, 0, &id), KP_ERR_NOENDPOINT);
	assert_true(kp_str_equal(kp_call_reason(world.call),
	                         kp_str("the registry knows no Test.NoServer.NoObj")));
	// It is asked again: the name may have come meanwhile.
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 0, 0, &id), KP_ERR_NOENDPOINT);
	list(&world, 1);
	expect_seen(&world, 1);
	close_world(&world);
}

static void a_name_nobody_has_is_not_looked_up_at_every_call(void **state)
{
	struct world world;
	open_world(&world);
	int32_t id;
	struct RpcTest_Echo *nobody = RpcTest_Echo_proxy(world.client, "Test.NoServer.NoObj");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(RpcTest_Echo_add(nobody, world.call, 0, 0, &id),
		                 KP_ERR_NOENDPOINT);
		assert_true(kp_call_reason(world.call).len > 0);
		kp_call_reset(world.call);
	}
	assert_true(__atomic_load_n(&world.queries, __ATOMIC_RELAXED) < 500);
	close_world(&world);
}

static void a_changed_list_is_followed(void **state)
{
	struct world world;
	open_world(&world);
	list(&world, 3);
	expect_seen(&world, 3);
	list(&world, 6);
	expect_seen(&world, 6);
	list(&world, 1);
	expect_seen(&world, 1);
	close_world(&world);
}

static void count(struct world *world, int calls, int counts[SERVERS])
{
	memset(counts, 0, SERVERS * sizeof(*counts));
	for (int i = 0; i < calls; i++) {
		int32_t id = 0;
		assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 0, 0, &id), KP_OK);
		counts[id]++;
		kp_call_reset(world->call);
	}
}

static void weights_of_the_registry_count_if_it_says_so(void **state)
{
	struct world world;
	int counts[SERVERS];
	open_world(&world);
	static const int weights[SERVERS] = {10, 20, 70};
	for (int i = 0; i < SERVERS; i++)
		__atomic_store_n(&world.weights[i], weights[i], __ATOMIC_RELAXED);
	list(&world, 7);
	count(&world, 90, counts);
	assert_int_equal(counts[0], 30);
	// A change of weights alone is heard of as well.
	__atomic_store_n(&world.weight_type, 1, __ATOMIC_RELAXED);
	for (int tries = 0; counts[2] < 70; tries++) {
		assert_true(tries < 5000);
		count(&world, 100, counts);
		usleep(1000);
	}
	count(&world, 100, counts);
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(counts[i], weights[i]);
	close_world(&world);
}

static void a_server_that_is_new_to_the_list_starts_slowly(void **state)
{
	struct world world;
	int counts[SERVERS];
	open_world(&world);
	const struct kp_proxy_options slow = {.slow_start_ms = 3600000};
	assert_int_equal(kp_proxy_configure((struct kp_proxy *)world.echo, &slow), KP_OK);
	list(&world, 3);
	count(&world, 100, counts); // the first list is not new
	assert_int_equal(counts[0], 50);
	list(&world, 7);
	expect_seen(&world, 7);
	count(&world, 170, counts);
	assert_int_equal(counts[2], 10); // an eighth of the others' share
	close_world(&world);
}

static void an_empty_list_or_a_dead_registry_changes_nothing(void **state)
{
	struct world world;
	open_world(&world);
	list(&world, 3);
	expect_seen(&world, 3);
	list(&world, 0);
	int before = __atomic_load_n(&world.queries, __ATOMIC_RELAXED);
	while (__atomic_load_n(&world.queries, __ATOMIC_RELAXED) < before + 3) {
		assert_int_equal(seen(&world, 2), 3);
		usleep(5000);
	}
	kp_server_close(world.registry);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(seen(&world, 12), 3);
		usleep(5000);
	}
	int port;
	assert_int_equal(sscanf(strstr(world.locator, "-p "), "-p %d", &port), 1);
	open_registry(&world, port);
	list(&world, 4);
	expect_seen(&world, 4);
	close_world(&world);
}

static void a_dead_server_is_left_out_and_taken_back(void **state)
{
	struct world world;
	open_world(&world);
	list(&world, 7);
	expect_seen(&world, 7);
	kp_server_close(world.shops[1].server);
	world.shops[1].server = NULL;
	expect_seen(&world, 5);
	// Its place in the list costs the others' callers nothing.
	assert_int_equal(seen(&world, 100), 5);
	open_shop(&world.shops[1]);
	expect_seen(&world, 7);
	close_world(&world);
}

struct answers {
	int right;
	int all;
};

static void on_added(void *arg, kp_err err, const struct RpcTest_Echo_add_result *result)
{
	struct answers *answers = arg;
	answers->all++;
	answers->right += err == KP_OK && result->ret == 0;
}

// listen_deaf makes a port that connections to neither open nor fail.
static int listen_deaf(int *ret_port, int fds[8])
{
	struct kp_address address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address.storage, address.len), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(kp_sock_local(listener, &address), KP_OK);
	*ret_port = kp_address_port(&address);
	for (int i = 0; i < 8; i++)
		assert_int_equal(kp_sock_connect(&address, false, &fds[i]), KP_OK);
	return listener;
}

// A frozen process accepts connections, in the kernel's name, and says nothing: one caller finds
// that out, and from then on only probes do.
static void a_silent_server_costs_one_call(void **state)
{
	struct world world;
	open_world(&world);
	int port = world.shops[1].port;
	struct kp_address address;
	int listener;
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &listener), KP_OK);
	assert_int_equal(kp_sock_local(listener, &address), KP_OK);
	world.shops[1].port = kp_address_port(&address);
	list(&world, 7);
	kp_call_set_timeout(world.call, 1500);
	int failed = 0;
	for (int i = 0; i < 400; i++) {
		int32_t id = 0;
		failed += RpcTest_Echo_add(world.echo, world.call, 0, 0, &id) != KP_OK;
		usleep(2000);
	}
	assert_int_equal(failed, 1);
	// Awake again, it is taken back.
	world.shops[1].port = port;
	expect_seen(&world, 7);
	kp_sock_close(listener);
	close_world(&world);
}

static void calls_that_wait_for_a_peer_that_leaves_go_elsewhere(void **state)
{
	struct world world;
	open_world(&world);
	int fds[8], port = world.shops[2].port;
	int listener = listen_deaf(&world.shops[2].port, fds);
	struct kp_client *client;
	struct kp_call *call;
	const struct kp_client_options options = {.locator = world.locator,
	                                          .refresh_interval_ms = 10,
	                                          .connect_timeout_ms = 300,
	                                          .timeout_ms = 60000};
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, "Test.EchoServer.EchoObj");
	struct answers answers = {0};
	list(&world, 4);
	for (int i = 0; i < 5; i++)
		assert_int_equal(RpcTest_Echo_add_async(echo, 0, 0, on_added, &answers), KP_OK);
	while (__atomic_load_n(&world.queries, __ATOMIC_RELAXED) == 0)
		(void)kp_client_drive(client, 1);
	list(&world, 1);
	(void)kp_client_drive(client, 30);
	int32_t id = -1;
	assert_int_equal(RpcTest_Echo_add(echo, call, 0, 0, &id), KP_OK); // has it look again
	assert_int_equal(id, 0);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	assert_int_equal(answers.all, 5);
	assert_int_equal(answers.right, 5);
	kp_call_close(call);
	kp_client_close(client);
	for (int i = 0; i < 8; i++)
		kp_sock_close(fds[i]);
	close(listener);
	world.shops[2].port = port;
	close_world(&world);
}

static void look_ups_survive_running_out_of_memory(void **state)
{
	struct world world;
	open_world(&world);
	list(&world, 7);
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_client *client = NULL;
		struct kp_call *call = NULL;
		int32_t id;
		kp_err err = kp_client_open(&(struct kp_client_options){.locator = world.locator},
		                            &client, NULL);
		if (err == KP_OK)
			err = kp_call_open(client, &call);
		if (err == KP_OK)
			err = RpcTest_Echo_add(
			        RpcTest_Echo_proxy(client, "Test.EchoServer.EchoObj"), call, 0, 0,
			        &id);
		kp_call_close(call);
		kp_client_close(client);
		if (!kp_mem_has_failed())
			assert_int_equal(err, KP_OK);
	}
	close_world(&world);
}

// leave waits, in a callback, until the endpoint that it heard from is listed no more.
static void leave(void *user, const struct kp_pushed *pushed)
{
	struct world *world = user;
	struct kp_call *call;
	if (!(__atomic_load_n(&world->listed, __ATOMIC_RELAXED) & 1))
		return;
	list(world, 2);
	assert_int_equal(kp_call_open(world->client, &call), KP_OK);
	for (int32_t id = 0; id == 0;) {
		assert_int_equal(RpcTest_Echo_add(world->echo, call, 0, 0, &id), KP_OK);
		usleep(2000);
	}
	kp_call_close(call);
	world->has_left = true;
}

static void never(void *user, const struct kp_pushed *pushed)
{
	fail();
}

static void an_endpoint_may_leave_while_its_push_is_heard(void **state)
{
	struct world world;
	char text[128];
	open_world(&world);
	world.shops[0].pushes = true;
	list(&world, 1);
	snprintf(text, sizeof(text), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         world.shops[2].port);
	struct RpcTest_Echo *other = RpcTest_Echo_proxy(world.client, text);
	kp_proxy_on_push((struct kp_proxy *)world.echo, leave, &world);
	kp_proxy_on_push((struct kp_proxy *)other, never, NULL);
	int32_t id = 0;
	assert_int_equal(RpcTest_Echo_add(other, world.call, 0, 0, &id), KP_OK);
	assert_int_equal(RpcTest_Echo_add(world.echo, world.call, 0, 0, &id), KP_OK);
	while (!world.has_left)
		assert_int_equal(kp_client_listen(world.client, 1), KP_OK);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(calls_go_round_all_that_are_listed),
	        cmocka_unit_test(an_unknown_name_is_told_in_words),
	        cmocka_unit_test(a_name_nobody_has_is_not_looked_up_at_every_call),
	        cmocka_unit_test(a_changed_list_is_followed),
	        cmocka_unit_test(weights_of_the_registry_count_if_it_says_so),
	        cmocka_unit_test(a_server_that_is_new_to_the_list_starts_slowly),
	        cmocka_unit_test(an_empty_list_or_a_dead_registry_changes_nothing),
	        cmocka_unit_test(a_dead_server_is_left_out_and_taken_back),
	        cmocka_unit_test(a_silent_server_costs_one_call),
	        cmocka_unit_test(calls_that_wait_for_a_peer_that_leaves_go_elsewhere),
	        cmocka_unit_test(look_ups_survive_running_out_of_memory),
	        cmocka_unit_test(an_endpoint_may_leave_while_its_push_is_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
