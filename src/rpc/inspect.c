// inspect.c - asking each loop of a server what it has.
#include "rpc/inspect.h"

#include "base/mem.h"
#include "os/clock.h"
#include "rpc/server_internal.h"

#include <stdio.h>

struct inspection;

// share is one loop's part: its own until it has answered, then the asking loop's.
struct share {
	struct kp_task ask;    // to the server's loop
	struct kp_task answer; // and back
	struct inspection *inspection;
	struct server_loop *loop;
	struct kp_conn_view *views; // owned
	size_t count_max;
	size_t count;
	size_t left_out;
	bool is_answered;
};

// inspection lives until the last loop has answered, even when who asked has gone.
struct inspection {
	struct kp_loop *asker;
	struct kp_wait_list answered;
	int open;     // loops that have not answered
	bool is_left; // who asked has gone
	int share_count;
	struct share shares[]; // one per loop
};

static void inspection_free(struct inspection *inspection)
{
	for (int i = 0; i < inspection->share_count; i++)
		kp_free(inspection->shares[i].views);
	kp_free(inspection);
}

static void look(struct share *share, const struct server_conn *conn, int64_t now_ns)
{
	if (share->count == share->count_max) {
		share->left_out++;
		return;
	}
	struct kp_conn_view *view = &share->views[share->count++];
	*view = (struct kp_conn_view){
	        .adapter = conn->adapter->adapter->index,
	        .peer = conn->conn.peer,
	        .age_ns = now_ns - conn->opened_ns,
	        .silent_ns = now_ns - conn->active_ns,
	        .requests = conn->requests,
	        .calls = conn->calls,
	        .bytes_in = conn->conn.received,
	        .bytes_out = conn->conn.written,
	        .bytes_waiting = kp_conn_unsent(&conn->conn),
	};
	snprintf(view->caller, sizeof(view->caller), "%s", conn->caller ? conn->caller : "");
}

static void on_ask(struct kp_task *task)
{
	struct share *share = KP_CONTAINER(task, struct share, ask);
	int64_t now_ns = kp_clock_ns();
	KP_LIST_EACH (&share->loop->conns, link, next)
		look(share, KP_CONTAINER(link, struct server_conn, link), now_ns);
	kp_loop_post(share->inspection->asker, &share->answer);
}

static void on_answer(struct kp_task *task)
{
	struct share *share = KP_CONTAINER(task, struct share, answer);
	struct inspection *inspection = share->inspection;
	share->is_answered = true;
	inspection->open--;
	if (!inspection->is_left)
		kp_wake_all(&inspection->answered);
	else if (inspection->open == 0)
		inspection_free(inspection);
}

static struct inspection *inspection_new(struct kp_server *server, size_t count_max)
{
	struct inspection *inspection = kp_alloc_zero(
	        1, sizeof(*inspection) + (size_t)server->loop_count * sizeof(struct share));
	if (!inspection)
		return NULL;
	inspection->asker = kp_loop_current();
	inspection->share_count = server->loop_count;
	kp_wait_list_init(&inspection->answered);
	for (int i = 0; i < server->loop_count; i++) {
		struct share *share = &inspection->shares[i];
		*share = (struct share){
		        .ask = {.run = on_ask},
		        .answer = {.run = on_answer},
		        .inspection = inspection,
		        .loop = &server->loops[i],
		        .views = kp_alloc_zero(count_max + 1, sizeof(*share->views)),
		        .count_max = count_max,
		};
		if (share->views)
			continue;
		inspection_free(inspection);
		return NULL;
	}
	return inspection;
}

// gather puts together what the loops answered.
static kp_err gather(const struct inspection *inspection, size_t count_max,
                     struct kp_conn_views *ret)
{
	struct kp_conn_views views = {.ptr = kp_alloc_zero(count_max + 1, sizeof(*views.ptr))};
	if (!views.ptr)
		return KP_ERR_NOMEM;
	views.silent_loops = inspection->open;
	for (int i = 0; i < inspection->share_count; i++) {
		const struct share *share = &inspection->shares[i];
		if (!share->is_answered)
			continue;
		size_t room = count_max - views.count;
		size_t count = share->count < room ? share->count : room;
		memcpy(views.ptr + views.count, share->views, count * sizeof(*views.ptr));
		views.count += count;
		views.left_out += share->left_out + share->count - count;
	}
	*ret = views;
	return KP_OK;
}

kp_err kp_server_inspect(struct kp_server *server, size_t count_max, int wait_ms,
                         struct kp_conn_views *ret)
{
	if (!server->is_running)
		return KP_ERR_STATE;
	struct inspection *inspection = inspection_new(server, count_max);
	if (!inspection)
		return KP_ERR_NOMEM;
	inspection->open = inspection->share_count;
	for (int i = 0; i < inspection->share_count; i++)
		kp_loop_post(inspection->shares[i].loop->loop, &inspection->shares[i].ask);
	int64_t until_ns = kp_clock_ns() + wait_ms * (int64_t)KP_NS_PER_MS;
	kp_err err = KP_OK;
	while (inspection->open > 0 && err == KP_OK)
		err = kp_wait(inspection->asker, &inspection->answered, until_ns);
	if (err == KP_OK || err == KP_ERR_TIMEOUT)
		err = gather(inspection, count_max, ret);
	inspection->is_left = true;
	if (inspection->open == 0)
		inspection_free(inspection);
	return err;
}

void kp_conn_views_fini(struct kp_conn_views *views)
{
	kp_free(views->ptr);
	*views = (struct kp_conn_views){0};
}

int kp_server_calls(const struct kp_server *server, int adapter)
{
	int calls = 0;
	for (int i = 0; server->is_running && i < server->loop_count; i++)
		calls += __atomic_load_n(&server->loops[i].adapters[adapter].calls,
		                         __ATOMIC_RELAXED);
	return calls;
}

int kp_server_loops(const struct kp_server *server)
{
	return server->loop_count;
}
