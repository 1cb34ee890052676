// dribble.c - peers that send a few bytes at a time.
//
// A read costs as much for one byte as for a thousand, so two hundred such peers could keep a loop
// from its work. Who goes on like that is read from a hundred times a second; what it sends
// meanwhile gathers in the kernel.
#include "os/clock.h"
#include "rpc/server_internal.h"

enum {
	READS_MAX = 8, // of less than a packet, in a row
	PAUSE_MS = 10,
};

static void on_pause_end(struct kp_timer *timer)
{
	struct server_loop *loop = KP_CONTAINER(timer, struct server_loop, dribble_pause);
	for (struct kp_link *link; (link = kp_list_pop(&loop->dribblers)) != NULL;)
		kp_conn_hold(&KP_CONTAINER(link, struct server_conn, dribble_link)->conn, false);
}

void server_on_dribble(struct server_conn *conn)
{
	struct server_loop *loop = conn->loop;
	if (conn->tiny_reads < READS_MAX) {
		conn->tiny_reads++;
		return;
	}
	if (conn->http || kp_link_is_in_list(&conn->dribble_link))
		return; // HTTP pauses by its own rules
	if (loop->dribble_pause.place == 0) {
		loop->dribble_pause.on_timer = on_pause_end;
		int64_t until_ns = kp_loop_now(loop->loop) + PAUSE_MS * KP_NS_PER_MS;
		if (kp_timer_start(loop->loop, &loop->dribble_pause, until_ns) != KP_OK)
			return;
	}
	kp_list_push(&loop->dribblers, &conn->dribble_link);
	kp_conn_hold(&conn->conn, true);
}
