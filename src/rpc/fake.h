// fake.h - servers that do what a test wants, packet by packet, on a thread of their own.
#pragma once

#include "rpc/fixture.h"

#include "kipp/stub.h"
#include "tars/frame.h"

enum {
	FAKE_CONNS_MAX = 64,
};

struct fake;

// fake_fn is asked about every request that is no hello; what it appends to `out` is sent. False:
// the connection is closed after that. On the fake's thread.
typedef bool (*fake_fn)(struct fake *fake, const struct kp_request_packet *packet,
                        struct kp_buf *out);

struct fake {
	fake_fn fn; // atomic
	void *user;
	bool says_hello; // as a server of ours
	int listener;
	int port;
	int stop[2]; // a pipe
	int fd;      // of the connection whose packet it is
	pthread_t thread;
	int requests;     // atomic; two-way ones
	int oneways;      // atomic; neither hellos nor cancels
	int cancels;      // atomic
	int hellos;       // atomic
	int closed;       // atomic; connections that the client ended
	int cancelled;    // atomic; the last id
	int last_id;      // atomic; of a two-way request
	int timeout_ms;   // atomic; of the last one
	char status[256]; // of the last one with KIPP; read it once the thread has ended or
	                  // answered
	char hello[256];  // the status of the last hello
	struct pollfd ready[FAKE_CONNS_MAX + 2];
	struct kp_buf in[FAKE_CONNS_MAX + 2];
	int count;
};

static inline void fake_answer(const struct kp_request_packet *packet, int ret,
                               const struct kp_buf *body, struct kp_buf *out)
{
	struct kp_response_packet answer = {
	        .version = KP_PACKET_TARS, .request_id = packet->request_id, .ret = ret};
	if (body)
		answer.body = kp_buf_bytes(body);
	assert_int_equal(kp_response_packet_encode(out, &answer), KP_OK);
}

// fake_answer_int answers as `int add(...)` does.
static inline void fake_answer_int(const struct kp_request_packet *packet, int value,
                                   struct kp_buf *out)
{
	struct kp_buf body = {0};
	kp_i32_encode(&body, 0, value);
	fake_answer(packet, 0, &body, out);
	kp_buf_fini(&body);
}

static inline bool fake_right(struct fake *fake, const struct kp_request_packet *packet,
                              struct kp_buf *out)
{
	fake_answer_int(packet, 42, out);
	return true;
}

static inline bool fake_silent(struct fake *fake, const struct kp_request_packet *packet,
                               struct kp_buf *out)
{
	return true;
}

static inline bool fake_overloaded(struct fake *fake, const struct kp_request_packet *packet,
                                   struct kp_buf *out)
{
	fake_answer(packet, KP_RET_OVERLOAD, NULL, out);
	return true;
}

static inline bool fake_hangs_up(struct fake *fake, const struct kp_request_packet *packet,
                                 struct kp_buf *out)
{
	return false;
}

static inline void fake_keep_status(const struct kp_request_packet *packet, char *text, size_t size)
{
	struct kp_str value = {0};
	kp_packet_map_find(&packet->status, kp_str("KIPP"), &value);
	snprintf(text, size, "%.*s", KP_STR_ARG(value));
}

static inline void fake_greet(struct fake *fake, const struct kp_request_packet *packet,
                              struct kp_buf *out)
{
	fake_keep_status(packet, fake->hello, sizeof(fake->hello));
	__atomic_fetch_add(&fake->hellos, 1, __ATOMIC_SEQ_CST);
	if (!fake->says_hello)
		return;
	struct kp_buf pairs = {0};
	kp_packet_pair_encode(&pairs, kp_str("KIPP"), kp_str("v1"));
	struct kp_response_packet answer = {.version = KP_PACKET_TARS,
	                                    .request_id = packet->request_id,
	                                    .status = {kp_buf_bytes(&pairs), 1}};
	assert_int_equal(kp_response_packet_encode(out, &answer), KP_OK);
	kp_buf_fini(&pairs);
}

static inline bool fake_take(struct fake *fake, const struct kp_request_packet *packet,
                             struct kp_buf *out)
{
	bool is_oneway = packet->packet_type == KP_PACKET_ONEWAY;
	if (is_oneway && kp_str_equal(packet->function, kp_str("tars_ping"))) {
		fake_greet(fake, packet, out);
		return true;
	}
	if (is_oneway && kp_str_equal(packet->function, kp_str("kipp_cancel"))) {
		__atomic_store_n(&fake->cancelled, packet->request_id, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&fake->cancels, 1, __ATOMIC_SEQ_CST);
		return true;
	}
	if (is_oneway) {
		__atomic_fetch_add(&fake->oneways, 1, __ATOMIC_SEQ_CST);
		return true;
	}
	fake_keep_status(packet, fake->status, sizeof(fake->status));
	__atomic_store_n(&fake->timeout_ms, packet->timeout_ms, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake->last_id, packet->request_id, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&fake->requests, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&fake->fn, __ATOMIC_SEQ_CST)(fake, packet, out);
}

// fake_serve handles what a connection brought. False: it is over.
static inline bool fake_serve(struct fake *fake, int i)
{
	struct kp_buf *in = &fake->in[i];
	uint8_t *to = kp_buf_reserve(in, 65536);
	ssize_t got = read(fake->ready[i].fd, to, 65536);
	if (got <= 0) {
		__atomic_fetch_add(&fake->closed, 1, __ATOMIC_SEQ_CST);
		return false;
	}
	in->len += (size_t)got;
	struct kp_bytes packet;
	size_t size;
	struct kp_buf out = {0};
	bool goes_on = true;
	fake->fd = fake->ready[i].fd;
	while (goes_on && kp_frame_find(kp_buf_bytes(in), 1 << 20, &packet, &size) == KP_OK) {
		struct kp_request_packet request;
		assert_int_equal(kp_request_packet_decode(packet, NULL, &request), KP_OK);
		goes_on = fake_take(fake, &request, &out);
		memmove(in->data, in->data + size, in->len - size);
		in->len -= size;
	}
	send_all(fake->ready[i].fd, out.data, out.len);
	kp_buf_fini(&out);
	return goes_on;
}

static inline void fake_drop(struct fake *fake, int i)
{
	close(fake->ready[i].fd);
	kp_buf_fini(&fake->in[i]);
	fake->count--;
	fake->ready[i] = fake->ready[fake->count];
	fake->in[i] = fake->in[fake->count];
	fake->in[fake->count] = (struct kp_buf){0};
}

static inline void *fake_main(void *arg)
{
	struct fake *fake = arg;
	fake->ready[0] = (struct pollfd){fake->stop[0], POLLIN, 0};
	fake->ready[1] = (struct pollfd){fake->listener, POLLIN, 0};
	fake->count = 2;
	for (;;) {
		if (poll(fake->ready, (nfds_t)fake->count, -1) < 0)
			continue;
		if (fake->ready[0].revents)
			break;
		for (int i = fake->count; --i >= 2;)
			if (fake->ready[i].revents && !fake_serve(fake, i))
				fake_drop(fake, i);
		if (fake->ready[1].revents && fake->count < FAKE_CONNS_MAX + 2)
			fake->ready[fake->count++] =
			        (struct pollfd){accept(fake->listener, NULL, NULL), POLLIN, 0};
	}
	while (fake->count > 2)
		fake_drop(fake, fake->count - 1);
	return NULL;
}

static inline void fake_open(struct fake *fake, fake_fn fn)
{
	struct kp_address address;
	*fake = (struct fake){.fn = fn, .user = fake->user, .says_hello = fake->says_hello};
	assert_int_equal(kp_address_parse("127.0.0.1", 0, &address), KP_OK);
	assert_int_equal(kp_sock_listen(&address, &fake->listener), KP_OK);
	assert_int_equal(kp_sock_local(fake->listener, &address), KP_OK);
	fake->port = kp_address_port(&address);
	assert_int_equal(pipe(fake->stop), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_main, fake), 0);
}

// fake_close ends the thread and all connections; the port then refuses.
static inline void fake_close(struct fake *fake)
{
	close(fake->stop[1]);
	pthread_join(fake->thread, NULL);
	close(fake->stop[0]);
	kp_sock_close(fake->listener);
}

static inline void fake_set(struct fake *fake, fake_fn fn)
{
	__atomic_store_n(&fake->fn, fn, __ATOMIC_SEQ_CST);
}

static inline int fake_count(const int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

// fake_object names one servant behind both fakes; `b` may be NULL.
static inline const char *fake_object(char *text, size_t size, const struct fake *a,
                                      const struct fake *b)
{
	int len = snprintf(text, size, "Test.EchoServer.EchoObj@tcp -h 127.0.0.1 -p %d", a->port);
	if (b)
		snprintf(text + len, size - (size_t)len, ":tcp -h 127.0.0.1 -p %d", b->port);
	return text;
}

// begin_add and end_add are what is generated for `int add(int a, int b)`.
static inline kp_err begin_add(struct RpcTest_Echo *echo, struct kp_call *call, int a, int b,
                               struct kp_request **ret)
{
	struct kp_request *request;
	kp_err err = kp_request_open((struct kp_proxy *)echo, call, kp_str("add"), &request);
	if (err != KP_OK)
		return err;
	kp_i32_encode(kp_request_body(request), 1, a);
	kp_i32_encode(kp_request_body(request), 2, b);
	return kp_request_begin(request, ret);
}

static inline kp_err begin_sleep(struct RpcTest_Echo *echo, struct kp_call *call, int ms,
                                 struct kp_request **ret)
{
	struct kp_request *request;
	kp_err err =
	        kp_request_open((struct kp_proxy *)echo, call, kp_str("sleepThenSay"), &request);
	if (err != KP_OK)
		return err;
	kp_i32_encode(kp_request_body(request), 1, ms);
	kp_str_encode(kp_request_body(request), 2, kp_str("x"));
	return kp_request_begin(request, ret);
}

static inline kp_err end_int(struct kp_request *request, int32_t *ret)
{
	struct kp_decoder in;
	kp_err err = kp_request_end(request, &in);
	if (err != KP_OK)
		return err;
	kp_i32_decode(&in, 0, true, ret);
	return in.err;
}
