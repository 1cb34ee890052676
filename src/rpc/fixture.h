// fixture.h - a server and clients of this library over loopback, for the tests of this folder.
#pragma once

#include "src/rpc/test_echo.h"

#include "base/mem.h"
#include "kipp/kipp.h"
#include "os/clock.h"
#include "os/sock.h"
#include "tars/packet.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

// --- the service

static int32_t on_echo(struct kp_call *call, struct kp_bytes request, struct kp_bytes *response)
{
	*response = request;
	return 0;
}

static int32_t on_add(struct kp_call *call, int32_t a, int32_t b)
{
	return (int32_t)((uint32_t)a + (uint32_t)b);
}

static int pings;

static inline void on_ping(struct kp_call *call)
{
	__atomic_fetch_add(&pings, 1, __ATOMIC_RELAXED);
}

static inline struct kp_str on_sleep_then_say(struct kp_call *call, int32_t ms, struct kp_str text)
{
	(void)kp_call_sleep(call, ms);
	return text;
}

static int32_t on_fail(struct kp_call *call, int32_t code, struct kp_str text)
{
	kp_call_fail(call, code, "%.*s", KP_STR_ARG(text));
	return 0;
}

static int32_t on_relay(struct kp_call *call, struct kp_str object, int32_t depth,
                        struct kp_str *path)
{
	if (depth == 0) {
		*path = kp_str("end");
		return 0;
	}
	struct kp_client *client = kp_call_user(call);
	struct kp_str name = kp_call_str(call, object);
	struct kp_str rest = {0};
	int32_t ret;
	kp_err err = RpcTest_Echo_relay(RpcTest_Echo_proxy(client, name.ptr), call, object,
	                                depth - 1, &rest, &ret);
	if (err != KP_OK)
		kp_call_fail(call, 1, "%s: %.*s", kp_err_name(err),
		             KP_STR_ARG(kp_call_reason(call)));
	*path = kp_call_format(call, "%d-%.*s", depth, KP_STR_ARG(rest));
	return ret;
}

static inline void on_fail_allocation(struct kp_call *call, int32_t nth)
{
	kp_mem_fail_at(nth);
}

// hook is what a test wants to happen inside a handler.
static int32_t (*hook)(struct kp_call *call, int32_t what);

static int32_t on_hook(struct kp_call *call, int32_t what)
{
	return hook(call, what);
}

static const struct RpcTest_Echo_ops ops = {
        .echo = on_echo,
        .add = on_add,
        .ping = on_ping,
        .sleepThenSay = on_sleep_then_say,
        .fail = on_fail,
        .failAllocation = on_fail_allocation,
        .relay = on_relay,
        .hook = on_hook,
};

// --- the fixture

struct world {
	struct kp_server *server;
	struct kp_client *client;
	struct kp_client *inner; // the handlers'
	struct kp_call *call;
	struct RpcTest_Echo *echo;
	char object[256];
};

// A test waits for what happens, however slow the machine is.
static const struct kp_client_options patient = {.timeout_ms = 60000, .connect_timeout_ms = 60000};

static inline struct world open_world_with(int threads, const struct kp_adapter_options *options)
{
	struct world world = {0};
	struct kp_why why = {""};
	int adapter;
	struct kp_server_options server_options = {
	        .threads = threads, .application = "Test", .server = "EchoServer"};
	assert_int_equal(kp_server_open(&server_options, &world.server, &why), KP_OK);
	// A slow machine is not to look like an overload.
	struct kp_adapter_options calm = *options;
	if (calm.delay_target_ms == 0)
		calm.delay_target_ms = -1;
	assert_int_equal(kp_server_listen(world.server, &calm, &adapter, &why), KP_OK);
	assert_int_equal(kp_client_open(&patient, &world.inner, &why), KP_OK);
	assert_int_equal(kp_server_serve(world.server, adapter, "EchoObj", &RpcTest_Echo_interface,
	                                 &ops, world.inner),
	                 KP_OK);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	assert_int_equal(kp_client_open(&patient, &world.client, &why), KP_OK);
	assert_int_equal(kp_call_open(world.client, &world.call), KP_OK);
	snprintf(world.object, sizeof(world.object), "Test.EchoServer.EchoObj@%s",
	         kp_server_endpoint(world.server, 0));
	world.echo = RpcTest_Echo_proxy(world.client, world.object);
	return world;
}

static inline struct world open_world(int threads)
{
	return open_world_with(threads, &(struct kp_adapter_options){
	                                        .endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000"});
}

static inline void close_world(struct world *world)
{
	kp_call_close(world->call);
	kp_client_close(world->client);
	kp_server_close(world->server);
	kp_client_close(world->inner);
	assert_int_equal(kp_mem_live(), 0);
}

static inline int port_of(const struct world *world)
{
	int port = 0;
	assert_int_equal(
	        sscanf(strstr(kp_server_endpoint(world->server, 0), "-p "), "-p %d", &port), 1);
	return port;
}

static inline struct kp_adapter_stats stats_of(const struct world *world)
{
	struct kp_adapter_stats stats;
	kp_server_stats(world->server, 0, &stats);
	return stats;
}

// wait_for polls a counter that another thread moves.
#define wait_for(condition)                          \
	for (int tries = 0; !(condition); tries++) { \
		assert_true(tries < 20000);          \
		usleep(500);                         \
	}

static inline int dial(const struct world *world)
{
	struct kp_address address;
	int fd;
	assert_int_equal(kp_address_parse("127.0.0.1", port_of(world), &address), KP_OK);
	assert_int_equal(kp_sock_connect(&address, false, &fd), KP_OK);
	struct pollfd ready = {fd, POLLOUT, 0};
	assert_int_equal(poll(&ready, 1, 10000), 1);
	return fd;
}

static inline void send_all(int fd, const void *data, size_t size)
{
	size_t sent = 0;
	while (sent < size) {
		size_t now = 0;
		kp_err err = kp_sock_write(fd, (const char *)data + sent, size - sent, &now);
		if (err == KP_ERR_AGAIN) {
			struct pollfd ready = {fd, POLLOUT, 0};
			poll(&ready, 1, 10000);
			continue;
		}
		if (err != KP_OK)
			return;
		sent += now;
	}
}

static inline size_t encode_echo(struct kp_buf *out, int32_t id, size_t size)
{
	struct kp_buf body = {0};
	uint8_t *data = kp_alloc_zero(1, size);
	kp_bytes_encode(&body, 1, (struct kp_bytes){data, size});
	struct kp_request_packet packet = {
	        .version = 1,
	        .request_id = id,
	        .servant = kp_str("Test.EchoServer.EchoObj"),
	        .function = kp_str("echo"),
	        .body = kp_buf_bytes(&body),
	};
	assert_int_equal(kp_request_packet_encode(out, &packet), KP_OK);
	kp_buf_fini(&body);
	kp_free(data);
	return out->len;
}
