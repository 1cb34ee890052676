// notice.c - what a client and a server tell each other beside calls: hello, and pushes.
//
// The hello is a one-way tars_ping that every server knows and none answers (contract B.11). Its
// status tells a server of ours who calls; such a server answers with the hello's id, and from then
// on may be sent what others would not understand.
#include "rpc/client_internal.h"

#include "guard/travel.h"

kp_err client_prepare_hello(struct kp_client *client, const char *caller)
{
	struct kp_travel travel = kp_travel_none();
	travel.version = KP_TRAVEL_VERSION;
	travel.caller = caller ? kp_str(caller) : (struct kp_str){0};
	char text[KP_TRAVEL_TEXT_MAX];
	struct kp_str value = {text, kp_travel_format(&travel, text)};
	return kp_pairs_add(&client->hello, kp_str(KP_TRAVEL_KEY), value);
}

void client_say_hello(struct client_conn *conn, struct kp_str servant)
{
	struct kp_buf *out = kp_conn_out(&conn->conn);
	struct kp_request_packet ping = {
	        .version = KP_PACKET_TARS,
	        .packet_type = KP_PACKET_ONEWAY,
	        .request_id = KP_HELLO_ID,
	        .servant = servant,
	        .function = kp_str("tars_ping"),
	        .status = kp_pairs_map(&conn->loop->client->hello),
	};
	if (kp_request_packet_encode(out, &ping) != KP_OK)
		out->err = KP_OK; // the requests do without
}

static void hear_hello(struct client_conn *conn, const struct kp_response_packet *packet)
{
	struct kp_str text;
	struct kp_travel travel;
	if (conn->conn.is_udp || !kp_packet_map_find(&packet->status, kp_str(KP_TRAVEL_KEY), &text))
		return;
	kp_travel_parse(text, &travel);
	conn->is_kipp = travel.version >= KP_TRAVEL_VERSION;
}

// --- pushes

struct delivery {
	struct client_loop *loop;
	char endpoint[KP_TARGET_NAME_MAX]; // by name: it may be gone when a callback has waited
	struct kp_pushed push;
	struct kp_block *block;
};

// next_listener finds the next proxy that wants to hear of the peer; a callback may have changed
// what there is.
static const struct kp_proxy *next_listener(const struct delivery *delivery, size_t *cursor)
{
	const struct client_loop *loop = delivery->loop;
	while (*cursor < loop->routes.len) {
		const struct route *route = loop->routes.ptr[(*cursor)++];
		if (route && route->proxy->on_push && route_leads_to(route, delivery->endpoint))
			return route->proxy;
	}
	return NULL;
}

static void run_push(void *arg)
{
	struct delivery delivery = *(struct delivery *)arg;
	struct client_loop *loop = delivery.loop;
	struct kp_block *block = kp_block_ref(delivery.block);
	const struct kp_proxy *proxy;
	loop->waits++; // the client is not closed under a callback
	for (size_t cursor = 0; (proxy = next_listener(&delivery, &cursor)) != NULL;)
		proxy->on_push(proxy->push_user, &delivery.push);
	kp_block_unref(block);
	loop->waits--;
	client_loop_let_go(loop);
}

static void count_dropped(struct kp_client *client)
{
	__atomic_fetch_add(&client->pushes_dropped, 1, __ATOMIC_RELAXED);
}

void client_on_notice(struct client_conn *conn, const struct kp_response_packet *packet,
                      struct kp_block *block)
{
	struct client_loop *loop = conn->loop;
	if (packet->request_id == KP_HELLO_ID) {
		hear_hello(conn, packet);
		return;
	}
	if (!conn->peer) {
		count_dropped(loop->client);
		return;
	}
	struct delivery delivery = {
	        .loop = loop,
	        .push = {.ret = packet->ret, .reason = packet->reason, .body = packet->body},
	        .block = block,
	};
	(void)kp_packet_map_find(&packet->status, kp_str("TARS_FUNC"), &delivery.push.function);
	target_name(&conn->peer->target, delivery.endpoint);
	size_t cursor = 0;
	bool is_wanted = next_listener(&delivery, &cursor) != NULL;
	if (is_wanted && loop->io.batch.is_on_fiber)
		run_push(&delivery);
	else if (!is_wanted || kp_loop_enter(loop->loop, run_push, &delivery) != KP_OK)
		count_dropped(loop->client);
}
