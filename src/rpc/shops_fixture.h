// shops_fixture.h - some servers with moods, and a client of all of them, for the tests of routes.
#pragma once

#include "src/rpc/test_echo.h"

#include "base/mem.h"
#include "kipp/kipp.h"
#include "rpc/explain.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	SHOPS_MAX = 10,
	WAITING_MAX = 1000,
};

enum mood {
	GOOD,
	FAILING, // answers an error of the application's
	BUSY,    // answers -9
	SLOW,
};

struct shop {
	struct kp_server *server;
	int port;
	int id;
	enum mood mood; // atomic
	int calls;      // atomic
	struct kp_call *waiting[WAITING_MAX];
	int waiting_count; // atomic
};

struct world {
	struct shop shops[SHOPS_MAX];
	int count;
	struct kp_client *client;
	struct kp_call *call;
	char object[1024]; // with all endpoints
	struct RpcTest_Echo *echo;
};

static int32_t on_add(struct kp_call *call, int32_t a, int32_t b)
{
	struct shop *shop = kp_call_user(call);
	__atomic_fetch_add(&shop->calls, 1, __ATOMIC_RELAXED);
	switch (__atomic_load_n(&shop->mood, __ATOMIC_RELAXED)) {
	case FAILING:
		kp_call_fail(call, 7, "no");
		break;
	case BUSY:
		kp_call_fail(call, KP_RET_OVERLOAD, "busy");
		break;
	case SLOW:
		(void)kp_call_sleep(call, 20);
		break;
	case GOOD:
		break;
	}
	return shop->id;
}

// on_wait leaves the call for end_waits to answer.
static struct kp_str on_wait(struct kp_call *call, int32_t ms, struct kp_str text)
{
	struct shop *shop = kp_call_user(call);
	int count = __atomic_load_n(&shop->waiting_count, __ATOMIC_RELAXED);
	assert_true(count < WAITING_MAX);
	kp_call_defer(call);
	shop->waiting[count] = call;
	__atomic_store_n(&shop->waiting_count, count + 1, __ATOMIC_RELEASE);
	return text;
}

static const struct RpcTest_Echo_ops ops = {.add = on_add, .sleepThenSay = on_wait};

static inline void open_shop(struct shop *shop)
{
	int adapter;
	const struct kp_server_options options = {.application = "Test", .server = "EchoServer"};
	const struct kp_adapter_options where = {.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"};
	assert_int_equal(kp_server_open(&options, &shop->server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(shop->server, &where, &adapter, NULL), KP_OK);
	assert_int_equal(kp_server_serve(shop->server, adapter, "EchoObj", &RpcTest_Echo_interface,
	                                 &ops, shop),
	                 KP_OK);
	assert_int_equal(kp_server_start(shop->server), KP_OK);
	assert_int_equal(
	        sscanf(strstr(kp_server_endpoint(shop->server, 0), "-p "), "-p %d", &shop->port),
	        1);
}

// object_of writes an object with some of the endpoints, each with `options`.
static inline void object_of(const struct world *world, int from, int to, const char *options,
                             char text[1024])
{
	int len = snprintf(text, 1024, "Test.EchoServer.EchoObj@");
	for (int i = from; i < to; i++)
		len += snprintf(text + len, 1024 - (size_t)len, "%stcp -h 127.0.0.1 -p %d%s",
		                i > from ? ":" : "", world->shops[i].port, options);
}

static inline void open_client(struct world *world)
{
	// A test waits for what happens, however slow the machine is.
	const struct kp_client_options patient = {.timeout_ms = 60000,
	                                          .connect_timeout_ms = 120000};
	assert_int_equal(kp_client_open(&patient, &world->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(world->client, &world->call), KP_OK);
	object_of(world, 0, world->count, "", world->object);
	world->echo = RpcTest_Echo_proxy(world->client, world->object);
}

static inline void open_world(struct world *world, int count)
{
	*world = (struct world){.count = count};
	for (int i = 0; i < count; i++) {
		world->shops[i].id = i;
		open_shop(&world->shops[i]);
	}
	open_client(world);
}

static inline void close_shop(struct shop *shop)
{
	kp_server_close(shop->server);
	shop->server = NULL;
}

static inline void close_world(struct world *world)
{
	kp_call_close(world->call);
	kp_client_close(world->client);
	for (int i = 0; i < world->count; i++)
		close_shop(&world->shops[i]);
	assert_int_equal(kp_mem_live(), 0);
}

static inline void set_mood(struct world *world, int i, enum mood mood)
{
	__atomic_store_n(&world->shops[i].mood, mood, __ATOMIC_RELAXED);
}

static inline int calls_of(const struct world *world, int i)
{
	return __atomic_load_n(&world->shops[i].calls, __ATOMIC_RELAXED);
}

static inline kp_err ask(struct world *world, struct RpcTest_Echo *echo, int *ret_id)
{
	int32_t id = -1;
	kp_err err = RpcTest_Echo_add(echo, world->call, 0, 0, &id);
	kp_call_reset(world->call);
	*ret_id = id;
	return err;
}

// count_calls makes calls and counts who was asked; returns how many failed.
static inline int count_calls(struct world *world, struct RpcTest_Echo *echo, int count,
                              int counts[SHOPS_MAX])
{
	int before[SHOPS_MAX], failed = 0, id;
	for (int i = 0; i < world->count; i++)
		before[i] = calls_of(world, i);
	for (int i = 0; i < count; i++)
		failed += ask(world, echo, &id) != KP_OK;
	for (int i = 0; i < world->count; i++)
		counts[i] = calls_of(world, i) - before[i];
	return failed;
}

static inline bool is_explained(struct world *world, const char *object, const char *text)
{
	struct kp_buf out = {0};
	assert_int_equal(kp_client_explain(world->client, object, &out), KP_OK);
	bool is_there = memmem(out.data, out.len, text, strlen(text)) != NULL;
	kp_buf_fini(&out);
	return is_there;
}
