// retry.c - sending a call a second time: after a failure, or because the first takes long.
//
// All of it is paid for from the client's budget, and none of it happens for a call that is itself
// somebody's second try.
#include "rpc/client_internal.h"

static bool may_repeat(const struct kp_request *request, bool may_have_run)
{
	const struct policy *policy = request->policy;
	return (request->kind == REQUEST_WAITING || request->kind == REQUEST_ASYNC) &&
	       !request->is_final && request->retries < policy->retries_max &&
	       (!may_have_run || policy->is_idempotent);
}

bool request_rest(struct kp_request *request, kp_err err)
{
	if (request->kind == REQUEST_HEDGE || !request->other)
		return false;
	request_leave(request);
	request->is_lost = true;
	request->err = err;
	return true;
}

bool request_retry(struct kp_request *request, kp_err err, bool may_have_run)
{
	struct kp_budget *budget = &request->loop->budget;
	if (request_rest(request, err))
		return true;
	if (!may_repeat(request, may_have_run) ||
	    !kp_budget_take(budget, kp_loop_now(request->loop->loop)))
		return false;
	kp_list_remove(&request->link);
	request->conn = NULL;
	request->is_written = false;
	request->retries++;
	request->is_retry = true;
	request->is_plain = false;
	request->err = err;
	if (request_send_elsewhere(request))
		return true;
	kp_budget_give(budget);
	return false;
}

// --- hedges

static void free_hedge(struct kp_request *hedge)
{
	struct client_conn *conn = hedge->conn;
	hedge->other->other = NULL;
	hedge->other = NULL;
	kp_list_remove(&hedge->link);
	request_give(hedge);
	if (conn)
		client_conn_settle(conn);
}

static struct kp_request *new_hedge(struct kp_request *request)
{
	struct kp_request *hedge = request_take(request->loop);
	if (!hedge)
		return NULL;
	request_init(hedge, request->route, REQUEST_HEDGE, request->function);
	if (inflight_add(&request->loop->inflight, hedge, &hedge->id) != KP_OK) {
		request_give(hedge);
		return NULL;
	}
	hedge->deadline_ns = request->deadline_ns;
	hedge->is_retry = true;
	hedge->is_bounded = request->is_bounded;
	hedge->tells_deadline = request->tells_deadline;
	hedge->priority = request->priority;
	memcpy(hedge->tried, request->tried, sizeof(hedge->tried));
	hedge->attempts = request->attempts;
	hedge->other = request;
	request->other = hedge;
	return hedge;
}

void request_hedge(struct kp_request *request)
{
	struct kp_budget *budget = &request->loop->budget;
	if (request->is_final || !request->conn || request->other ||
	    !kp_budget_take(budget, kp_loop_now(request->loop->loop)))
		return;
	struct kp_request *hedge = new_hedge(request);
	if (hedge && request_send_elsewhere(hedge))
		return; // or it could not even be written, and is gone
	kp_budget_give(budget);
	if (hedge)
		free_hedge(hedge);
}

void request_hedge_over(struct kp_request *hedge)
{
	struct kp_request *request = hedge->other;
	free_hedge(hedge);
	if (request->is_lost)
		request_fail(request, request->err, "no endpoint of %s gave a good answer",
		             request->route->proxy->object);
}

void request_hedge_drop(struct kp_request *request)
{
	request_call_off(request->other);
	free_hedge(request->other);
}

// note_silence: that nothing at all came while another endpoint answered is a sign, if a weak one.
// Without it a frozen endpoint would go on to cost a hedge for each call that it gets.
static void note_silence(const struct kp_request *request)
{
	struct client_conn *conn = request->conn;
	if (conn && conn->peer && request->is_written && conn->conn.received == request->heard)
		peer_on_silence(conn, request->picked_ns, false);
}

struct kp_request *request_hedge_won(struct kp_request *hedge)
{
	struct kp_request *request = hedge->other;
	note_silence(request);
	request_call_off(request);
	request_leave(request);
	free_hedge(hedge);
	return request;
}
