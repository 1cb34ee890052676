// client_test.c - how calls end: closing, exits of threads, broken and retired connections.
#include "rpc/fixture.h"

#include "kipp/stub.h"
#include "tars/frame.h"

struct ends {
	struct RpcTest_Echo *echo;
	int calls;
	int cancelled;
	kp_err last;
	kp_err again;
};

static void on_end(void *arg, kp_err err, const struct RpcTest_Echo_sleepThenSay_result *result)
{
	struct ends *ends = arg;
	ends->calls++;
	ends->cancelled += err == KP_ERR_CANCELLED;
	ends->last = err;
	ends->again = RpcTest_Echo_ping_oneway(ends->echo);
}

static void start_sleeps(struct ends *ends, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(RpcTest_Echo_sleepThenSay_async(ends->echo, 60000, kp_str("x"),
		                                                 on_end, ends),
		                 KP_OK);
}

static struct kp_client *open_client(void)
{
	struct kp_client *client = NULL;
	assert_int_equal(kp_client_open(&patient, &client, NULL), KP_OK);
	return client;
}

// --- closing

static void closing_calls_back_once_with_cancelled(void **state)
{
	struct world world = open_world(1);
	struct kp_client *client = open_client();
	struct ends ends = {.echo = RpcTest_Echo_proxy(client, world.object)};
	start_sleeps(&ends, 50);
	while (stats_of(&world).requests < 50)
		(void)kp_client_drive(client, 1);
	start_sleeps(&ends, 50); // and some that are not yet sent
	kp_client_close(client);
	assert_int_equal(ends.calls, 100);
	assert_int_equal(ends.cancelled, 100);
	assert_int_equal(ends.again, KP_ERR_CANCELLED);
	close_world(&world);
}

static void *start_and_leave(void *arg)
{
	start_sleeps(arg, 20);
	return NULL;
}

static void a_thread_that_leaves_cancels_its_calls(void **state)
{
	struct world world = open_world(1);
	struct ends ends = {.echo = world.echo};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, start_and_leave, &ends), 0);
	pthread_join(thread, NULL);
	assert_int_equal(ends.calls, 20);
	assert_int_equal(ends.cancelled, 20);
	assert_int_equal(ends.again, KP_ERR_CANCELLED);
	close_world(&world);
}

static struct world *hooked;
static struct kp_client *hook_client;
static int hook_waits;
static struct ends hook_ends;

enum {
	WAIT_LONG,
	CLOSE,
	ASYNC,
};

static int32_t use_and_close(struct kp_call *call, int32_t what)
{
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(hook_client, hooked->object);
	struct kp_str said;
	switch (what) {
	case WAIT_LONG:
		__atomic_fetch_add(&hook_waits, 1, __ATOMIC_RELAXED);
		return (int32_t)RpcTest_Echo_sleepThenSay(echo, call, 60000, kp_str("x"), &said);
	case ASYNC:
		hook_ends.echo = echo;
		return (int32_t)RpcTest_Echo_sleepThenSay_async(echo, 60000, kp_str("x"), on_end,
		                                                &hook_ends);
	default:
		kp_client_close(hook_client);
		return 0;
	}
}

static void on_hooked(void *arg, kp_err err, const struct RpcTest_Echo_hook_result *result)
{
	struct ends *ends = arg;
	ends->calls++;
	ends->cancelled += err == KP_OK && result->ret == KP_ERR_CANCELLED;
}

static void begin_hooks(struct world *world, struct ends *ends)
{
	int32_t ret = 0;
	hook = use_and_close;
	hooked = world;
	hook_client = open_client();
	hook_waits = 0;
	hook_ends = (struct ends){0};
	assert_int_equal(RpcTest_Echo_hook(world->echo, world->call, ASYNC, &ret), KP_OK);
	assert_int_equal(ret, KP_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(RpcTest_Echo_hook_async(world->echo, WAIT_LONG, on_hooked, ends),
		                 KP_OK);
	while (__atomic_load_n(&hook_waits, __ATOMIC_RELAXED) < 10)
		(void)kp_client_drive(world->client, 1);
}

static void a_handler_may_close_a_client_that_others_wait_on(void **state)
{
	struct world world = open_world(1);
	struct ends ends = {0}, own = {0};
	begin_hooks(&world, &ends);
	own.echo = RpcTest_Echo_proxy(hook_client, world.object);
	start_sleeps(&own, 5); // on the private loop of this thread
	int32_t ret = -1;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, CLOSE, &ret), KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(ends.calls, 10);
	assert_int_equal(ends.cancelled, 10);
	assert_int_equal(hook_ends.calls, 1);
	assert_int_equal(hook_ends.cancelled, 1);
	assert_int_equal(own.cancelled, 5);
	close_world(&world);
}

static void a_client_of_handlers_may_be_closed_from_outside(void **state)
{
	struct world world = open_world(1);
	struct ends ends = {0};
	begin_hooks(&world, &ends);
	kp_client_close(hook_client);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(ends.cancelled, 10);
	assert_int_equal(hook_ends.cancelled, 1);
	close_world(&world);
}

// --- callbacks

struct foreign {
	struct RpcTest_Echo *other;
	struct kp_call *call;
	kp_err err;
};

static void on_ping_back(void *arg, kp_err err, const struct RpcTest_Echo_ping_result *result)
{
	struct foreign *foreign = arg;
	int32_t ret;
	foreign->err =
	        err == KP_OK ? RpcTest_Echo_add(foreign->other, foreign->call, 1, 2, &ret) : err;
}

static void a_callback_cannot_wait_where_nobody_would_wake_it(void **state)
{
	struct world world = open_world(1);
	for (int is_used_before = 0; is_used_before < 2; is_used_before++) {
		struct kp_client *client = open_client();
		struct foreign foreign = {.other = RpcTest_Echo_proxy(client, world.object)};
		int32_t ret;
		assert_int_equal(kp_call_open(client, &foreign.call), KP_OK);
		if (is_used_before)
			assert_int_equal(RpcTest_Echo_add(foreign.other, foreign.call, 1, 2, &ret),
			                 KP_OK);
		assert_int_equal(RpcTest_Echo_ping_async(world.echo, on_ping_back, &foreign),
		                 KP_OK);
		assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
		assert_int_equal(foreign.err, KP_ERR_STATE);
		assert_int_equal(RpcTest_Echo_add(foreign.other, foreign.call, 1, 2, &ret), KP_OK);
		kp_call_close(foreign.call);
		kp_client_close(client);
	}
	close_world(&world);
}

// --- connections

struct echoes {
	int right;
};

static void on_echo_back(void *arg, kp_err err, const struct RpcTest_Echo_echo_result *result)
{
	struct echoes *echoes = arg;
	echoes->right += err == KP_OK && result->response.len == 1 << 20;
}

static void large_calls_both_ways_do_not_block_each_other(void **state)
{
	struct world world = open_world(1);
	struct echoes echoes = {0};
	struct kp_bytes large = {kp_alloc_zero(1, 1 << 20), 1 << 20};
	for (int i = 0; i < 64; i++)
		assert_int_equal(RpcTest_Echo_echo_async(world.echo, large, on_echo_back, &echoes),
		                 KP_OK);
	assert_int_equal(kp_client_drive(world.client, 60000), KP_OK);
	assert_int_equal(echoes.right, 64);
	kp_free((void *)large.ptr);
	close_world(&world);
}

static int bind_silent(struct kp_address *address, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(kp_address_parse("127.0.0.1", 0, address), KP_OK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address->storage, address->len), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(kp_sock_local(fd, address), KP_OK);
	return fd;
}

static void when_no_endpoint_answers_the_call_fails_once(void **state)
{
	char object[512] = "Test.EchoServer.EchoObj@";
	int fds[6];
	for (int i = 0; i < 6; i++) {
		struct kp_address address;
		fds[i] = bind_silent(&address, -1); // bound, so that nobody else listens there
		size_t len = strlen(object);
		snprintf(object + len, sizeof(object) - len, "%stcp -h 127.0.0.1 -p %d",
		         i ? ":" : "", kp_address_port(&address));
	}
	struct kp_client *client = open_client();
	struct kp_call *call;
	struct ends ends = {.echo = RpcTest_Echo_proxy(client, object)};
	int32_t ret;
	assert_int_equal(kp_call_open(client, &call), KP_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(RpcTest_Echo_add(ends.echo, call, 1, 2, &ret), KP_ERR_CONNECT);
	start_sleeps(&ends, 20);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	assert_int_equal(ends.calls, 20);
	assert_int_equal(ends.last, KP_ERR_CONNECT);
	assert_int_equal(RpcTest_Echo_ping_oneway(ends.echo), KP_OK);
	kp_call_close(call);
	kp_client_close(client);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	assert_int_equal(kp_mem_live(), 0);
}

static void a_connection_that_never_opens_keeps_nothing(void **state)
{
	struct kp_address address;
	int listener = bind_silent(&address, 0), fds[8];
	for (int i = 0; i < 8; i++) // fills the queue of those that wait to be accepted
		assert_int_equal(kp_sock_connect(&address, false, &fds[i]), KP_OK);
	char object[256];
	snprintf(object, sizeof(object), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&address));
	struct kp_client *client = NULL;
	const struct kp_client_options hasty = {.timeout_ms = 20, .connect_timeout_ms = 60000};
	assert_int_equal(kp_client_open(&hasty, &client, NULL), KP_OK);
	struct ends ends = {.echo = RpcTest_Echo_proxy(client, object)};
	assert_int_equal(RpcTest_Echo_ping_oneway(ends.echo), KP_OK);
	start_sleeps(&ends, 5);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	assert_int_equal(ends.calls, 5);
	assert_int_equal(ends.last, KP_ERR_TIMEOUT);
	start_sleeps(&ends, 5);
	kp_client_close(client);
	assert_int_equal(ends.calls, 10);
	assert_int_equal(ends.cancelled, 5);
	for (int i = 0; i < 8; i++)
		kp_sock_close(fds[i]);
	close(listener);
	assert_int_equal(kp_mem_live(), 0);
}

// --- a server that retires its connection

struct fake {
	int listener;
	struct kp_address address;
	pthread_t thread;
	int oneways; // that came after the notice
	bool is_clean;
};

// next_request reads until there is a whole request. False: the client has hung up.
static bool next_request(int fd, struct kp_buf *in, struct kp_request_packet *ret, size_t *ret_size)
{
	for (;;) {
		struct kp_bytes packet;
		if (kp_frame_find(kp_buf_bytes(in), 1 << 20, &packet, ret_size) == KP_OK)
			return kp_request_packet_decode(packet, NULL, ret) == KP_OK;
		uint8_t *to = kp_buf_reserve(in, 4096);
		ssize_t got = read(fd, to, 4096);
		if (got <= 0)
			return false;
		in->len += (size_t)got;
	}
}

static void drop(struct kp_buf *in, size_t size)
{
	memmove(in->data, in->data + size, in->len - size);
	in->len -= size;
}

// serve_one answers the first call and says at once that it is going.
static void *serve_one(void *arg)
{
	struct fake *fake = arg;
	int fd = accept(fake->listener, NULL, NULL);
	struct kp_buf in = {0}, out = {0};
	struct kp_request_packet request;
	size_t size;
	while (next_request(fd, &in, &request, &size)) {
		if (request.packet_type == KP_PACKET_ONEWAY) {
			fake->oneways += out.len > 0;
		} else {
			struct kp_response_packet answer = {.version = KP_PACKET_TARS,
			                                    .request_id = request.request_id};
			struct kp_response_packet notice = {.version = KP_PACKET_TARS,
			                                    .reason = kp_str("_reconnect_")};
			kp_response_packet_encode(&out, &answer);
			kp_response_packet_encode(&out, &notice);
			fake->is_clean = write(fd, out.data, out.len) == (ssize_t)out.len;
		}
		drop(&in, size);
	}
	close(fd);
	kp_buf_fini(&in);
	kp_buf_fini(&out);
	return NULL;
}

static void then_tell_three_times(void *arg, kp_err err,
                                  const struct RpcTest_Echo_ping_result *result)
{
	assert_int_equal(err, KP_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(RpcTest_Echo_ping_oneway(arg), KP_OK);
}

static void what_was_sent_before_a_notice_still_leaves(void **state)
{
	struct fake fake = {0};
	fake.listener = bind_silent(&fake.address, 10);
	assert_int_equal(pthread_create(&fake.thread, NULL, serve_one, &fake), 0);
	char object[256];
	snprintf(object, sizeof(object), "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&fake.address));
	struct kp_client *client = open_client();
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, object);
	assert_int_equal(RpcTest_Echo_ping_async(echo, then_tell_three_times, echo), KP_OK);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	pthread_join(fake.thread, NULL); // the client hangs up by itself
	assert_true(fake.is_clean);
	assert_int_equal(fake.oneways, 3);
	kp_client_close(client);
	close(fake.listener);
	assert_int_equal(kp_mem_live(), 0);
}

// --- what peers should not do

struct thief {
	int listeners[2];
	pthread_t thread;
};

// steal answers, on the second connection, the call that was made on the first.
static void *steal(void *arg)
{
	struct thief *thief = arg;
	struct kp_buf in[2] = {0}, out = {0};
	int fds[2];
	int32_t ids[2];
	struct kp_request_packet request = {0};
	size_t size;
	for (int i = 0; i < 2; i++) {
		fds[i] = accept(thief->listeners[i], NULL, NULL);
		while (next_request(fds[i], &in[i], &request, &size) &&
		       request.packet_type == KP_PACKET_ONEWAY)
			drop(&in[i], size);
		ids[i] = request.request_id;
	}
	for (int i = 0; i < 3; i++) {
		struct kp_response_packet answer = {.version = KP_PACKET_TARS,
		                                    .request_id = i == 1 ? ids[1] : ids[0],
		                                    .ret = i == 0 ? 7 : 0};
		kp_buf_clear(&out);
		kp_response_packet_encode(&out, &answer);
		if (write(fds[i < 2], out.data, out.len) != (ssize_t)out.len)
			break;
	}
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		kp_buf_fini(&in[i]);
	}
	kp_buf_fini(&out);
	return NULL;
}

static void on_answered(void *arg, kp_err err, const struct RpcTest_Echo_ping_result *result)
{
	*(int *)arg += err == KP_OK ? 1 : 100;
}

static void an_answer_counts_only_on_the_connection_that_asked(void **state)
{
	struct thief thief;
	struct kp_address first, second;
	thief.listeners[0] = bind_silent(&first, 10);
	thief.listeners[1] = bind_silent(&second, 10);
	char object[256];
	snprintf(object, sizeof(object),
	         "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d:tcp -h 127.0.0.1 -p %d",
	         kp_address_port(&first), kp_address_port(&second));
	struct kp_client *client = open_client();
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, object);
	int answered = 0;
	assert_int_equal(pthread_create(&thief.thread, NULL, steal, &thief), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(RpcTest_Echo_ping_async(echo, on_answered, &answered), KP_OK);
	assert_int_equal(kp_client_drive(client, 60000), KP_OK);
	assert_int_equal(answered, 2);
	pthread_join(thief.thread, NULL);
	kp_client_close(client);
	close(thief.listeners[0]);
	close(thief.listeners[1]);
	assert_int_equal(kp_mem_live(), 0);
}

static void too_large_requests_and_answers_fail_alone(void **state)
{
	struct world world = open_world(1);
	struct kp_client *client = NULL;
	struct kp_client_options options = patient;
	options.frame_size_max = 4000;
	assert_int_equal(kp_client_open(&options, &client, NULL), KP_OK);
	struct RpcTest_Echo *echo = RpcTest_Echo_proxy(client, world.object);
	struct kp_bytes large = {kp_alloc_zero(1, 11 << 20), 11 << 20}, response;
	struct kp_bytes small = {large.ptr, 100}, middle = {large.ptr, 5000};
	int32_t ret;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(RpcTest_Echo_echo(echo, world.call, middle, &response, &ret),
		                 KP_ERR_DECODE);
		assert_int_equal(RpcTest_Echo_echo(world.echo, world.call, large, &response, &ret),
		                 KP_ERR_CLOSED);
		assert_int_equal(RpcTest_Echo_echo(echo, world.call, small, &response, &ret),
		                 KP_OK);
		assert_int_equal(response.len, 100);
	}
	assert_int_equal(stats_of(&world).closed_oversized, 3);
	kp_free((void *)large.ptr);
	kp_client_close(client);
	close_world(&world);
}

// --- context

static int context_len;

enum {
	LOOK,
	TELL
};

// tell_and_forget makes a one-way call over a connection that is yet to be opened, in a scope that
// ends before.
static kp_err tell_and_forget(struct kp_client *client)
{
	struct kp_call *call = NULL;
	struct kp_request *request = NULL;
	kp_err err = kp_call_open(client, &call);
	if (err == KP_OK)
		err = kp_call_set_context(call, kp_str("who"), kp_str("alice"));
	if (err == KP_OK)
		err = kp_request_open(kp_client_proxy(client, hooked->object), call, kp_str("hook"),
		                      &request);
	if (err == KP_OK) {
		kp_i32_encode(kp_request_body(request), 1, LOOK);
		err = kp_request_oneway(request);
	}
	kp_call_close(call);
	return err;
}

static int32_t look_or_tell(struct kp_call *call, int32_t what)
{
	if (what == TELL)
		return (int32_t)tell_and_forget(kp_call_user(call));
	struct kp_str value = kp_call_context(call, kp_str("who"));
	__atomic_store_n(&context_len, (int)value.len, __ATOMIC_RELAXED);
	return 0;
}

static void a_scope_may_end_before_its_oneway_calls_are_sent(void **state)
{
	struct world world = open_world(1);
	hook = look_or_tell;
	hooked = &world;
	context_len = 0;
	int32_t ret = -1;
	assert_int_equal(RpcTest_Echo_hook(world.echo, world.call, TELL, &ret), KP_OK);
	assert_int_equal(ret, KP_OK);
	wait_for(__atomic_load_n(&context_len, __ATOMIC_RELAXED) == 5);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(closing_calls_back_once_with_cancelled),
	        cmocka_unit_test(a_thread_that_leaves_cancels_its_calls),
	        cmocka_unit_test(a_handler_may_close_a_client_that_others_wait_on),
	        cmocka_unit_test(a_client_of_handlers_may_be_closed_from_outside),
	        cmocka_unit_test(a_callback_cannot_wait_where_nobody_would_wake_it),
	        cmocka_unit_test(large_calls_both_ways_do_not_block_each_other),
	        cmocka_unit_test(when_no_endpoint_answers_the_call_fails_once),
	        cmocka_unit_test(a_connection_that_never_opens_keeps_nothing),
	        cmocka_unit_test(what_was_sent_before_a_notice_still_leaves),
	        cmocka_unit_test(an_answer_counts_only_on_the_connection_that_asked),
	        cmocka_unit_test(too_large_requests_and_answers_fail_alone),
	        cmocka_unit_test(a_scope_may_end_before_its_oneway_calls_are_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
