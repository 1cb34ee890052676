// server_push.c - the way back over a caller's connection.
//
// The lock orders senders against the connection's end: as long as a sender sees the loop, the loop
// takes what is posted.
#include "kipp/push.h"
#include "rpc/server_internal.h"

#include "base/mem.h"

enum {
	PENDING_MAX = 4 << 20, // bytes that the loop has not taken over
};

struct kp_push {
	pthread_mutex_t lock;     // of all but link
	struct server_loop *loop; // NULL once the connection is gone
	struct server_conn *conn; // the same
	struct kp_link link;      // in conn->pushes; loop thread only
	struct kp_task opening;
	struct kp_task closing;
	size_t pending;
	int refs;
};

struct message {
	struct kp_task task;
	struct kp_push *push; // referenced
	struct kp_buf frame;  // owned
};

static void unref(struct kp_push *push)
{
	pthread_mutex_lock(&push->lock);
	bool is_last = --push->refs == 0;
	pthread_mutex_unlock(&push->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&push->lock);
	kp_free(push);
}

static void detach(struct kp_push *push)
{
	pthread_mutex_lock(&push->lock);
	push->loop = NULL;
	push->conn = NULL;
	pthread_mutex_unlock(&push->lock);
}

static void attach(struct kp_push *push)
{
	if (push->conn->conn.state == KP_CONN_OPEN)
		kp_list_push(&push->conn->pushes, &push->link);
	else
		detach(push);
}

static void on_opening(struct kp_task *task)
{
	struct kp_push *push = KP_CONTAINER(task, struct kp_push, opening);
	attach(push);
	unref(push);
}

kp_err kp_push_open(struct kp_call *call, struct kp_push **ret)
{
	struct server_conn *conn = call->in.conn;
	if (!conn || call->in.packet.version != KP_PACKET_TARS)
		return KP_ERR_UNSUPPORTED;
	struct kp_push *push = kp_new(struct kp_push);
	if (!push)
		return KP_ERR_NOMEM;
	pthread_mutex_init(&push->lock, NULL);
	push->loop = call->in.loop;
	push->conn = conn;
	push->refs = 1;
	*ret = push;
	if (kp_loop_current() == push->loop->loop) {
		attach(push);
		return KP_OK;
	}
	// On a pool's thread: the call holds the connection until the loop gets to this.
	push->refs++;
	push->opening.run = on_opening;
	kp_loop_post(push->loop->loop, &push->opening);
	return KP_OK;
}

void server_end_pushes(struct server_conn *conn)
{
	for (struct kp_link *link; (link = kp_list_pop(&conn->pushes)) != NULL;) {
		detach(KP_CONTAINER(link, struct kp_push, link));
	}
}

// deliver runs on the loop; only there does the connection end.
static void deliver(struct kp_task *task)
{
	struct message *message = KP_CONTAINER(task, struct message, task);
	struct kp_push *push = message->push;
	pthread_mutex_lock(&push->lock);
	struct server_conn *conn = push->conn;
	push->pending -= message->frame.len;
	pthread_mutex_unlock(&push->lock);
	if (conn) {
		kp_buf_append(kp_conn_out(&conn->conn), message->frame.data, message->frame.len);
		kp_conn_flush_soon(&conn->conn);
	}
	kp_buf_fini(&message->frame);
	kp_free(message);
	unref(push);
}

static kp_err encode(struct kp_buf *out, struct kp_str function, struct kp_bytes body)
{
	struct kp_pairs status = {0};
	struct kp_response_packet packet = {.version = KP_PACKET_TARS, .body = body};
	kp_err err = KP_OK;
	if (function.len > 0)
		err = kp_pairs_add(&status, kp_str("TARS_FUNC"), function);
	packet.status = kp_pairs_map(&status);
	if (err == KP_OK)
		err = kp_response_packet_encode(out, &packet);
	kp_pairs_fini(&status);
	return err;
}

static kp_err post(struct kp_push *push, struct message *message)
{
	kp_err err = KP_OK;
	pthread_mutex_lock(&push->lock);
	if (!push->loop) {
		err = KP_ERR_CLOSED;
	} else if (push->pending > 0 && push->pending + message->frame.len > PENDING_MAX) {
		err = KP_ERR_OVERLOAD;
	} else {
		push->refs++;
		push->pending += message->frame.len;
		kp_loop_post(push->loop->loop, &message->task);
	}
	pthread_mutex_unlock(&push->lock);
	return err;
}

kp_err kp_push_send(struct kp_push *push, struct kp_str function, struct kp_bytes body)
{
	struct message *message = kp_new(struct message);
	if (!message)
		return KP_ERR_NOMEM;
	message->task.run = deliver;
	message->push = push;
	kp_err err = encode(&message->frame, function, body);
	if (err == KP_OK)
		err = post(push, message);
	if (err != KP_OK) {
		kp_buf_fini(&message->frame);
		kp_free(message);
	}
	return err;
}

bool kp_push_is_open(struct kp_push *push)
{
	pthread_mutex_lock(&push->lock);
	bool is_open = push->loop != NULL;
	pthread_mutex_unlock(&push->lock);
	return is_open;
}

static void on_closing(struct kp_task *task)
{
	struct kp_push *push = KP_CONTAINER(task, struct kp_push, closing);
	kp_list_remove(&push->link);
	unref(push);
}

void kp_push_close(struct kp_push *push)
{
	if (!push)
		return;
	push->closing.run = on_closing;
	pthread_mutex_lock(&push->lock);
	bool is_open = push->loop != NULL;
	if (is_open)
		kp_loop_post(push->loop->loop, &push->closing);
	pthread_mutex_unlock(&push->lock);
	if (!is_open)
		unref(push);
}
