// cancel.h - calls that nobody waits for any more.
//
// A handler's caller may say that it has given up (a one-way request `kipp_cancel` with the id of
// the one that it means), or its connection may end. Then what its handler waits for ends with
// CANCELLED: its sleep, and the calls that it made, whose servers are told in their turn.
#pragma once

#include "rpc/request.h"

struct server_conn;

// server_cancel ends the waiting of the call that came on `conn` with this id, if it is still under
// way. server_cancel_all does so for all that wait for an answer on a connection that has ended.
void server_cancel(struct server_conn *conn, int32_t request_id);
void server_cancel_all(struct server_conn *conn);

// server_greet answers a client's hello, if it says that it is one of ours, so that it knows that
// it may send kipp_cancel.
void server_greet(struct server_conn *conn, const struct kp_request_packet *hello);

bool call_is_given_up(const struct kp_call *call);

// call_add_pending has a request that waits on the loop of its handler end when the call is
// cancelled.
void call_add_pending(struct kp_call *call, struct kp_request *request);

// call_end_scope cancels what a handler has begun and forgot to end, when its call ends.
void call_end_scope(struct kp_call *call);

// call_drive says that the call waits on a loop that its own thread drives, so that a cancel from
// the server's loop wakes it; call_undrive, on that thread, that it does not any more.
void call_drive(struct kp_call *call, struct kp_loop *loop);
void call_undrive(struct kp_call *call, struct kp_loop *loop);
