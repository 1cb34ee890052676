// udp.c - an adapter whose requests come as datagrams, each a frame.
#include "rpc/server_internal.h"

#include "base/mem.h"
#include "tars/frame.h"

enum {
	DATAGRAMS_PER_WAKE = 64
};

struct udp_port {
	struct adapter_loop *adapter;
	struct kp_buf out; // owned; one answer
};

static void take_datagram(struct udp_port *port, struct kp_bytes bytes, struct kp_block *block,
                          const struct kp_address *peer)
{
	struct adapter_loop *adapter = port->adapter;
	struct kp_bytes packet;
	size_t used = 0;
	KP_COUNT(adapter->stats.bytes_in, bytes.len);
	kp_err err = kp_frame_find(bytes, adapter->adapter->options.frame_size_max, &packet, &used);
	if (!server_sources_permits(adapter->adapter, peer))
		err = KP_ERR_DENIED;
	if (err != KP_OK || used != bytes.len) {
		KP_COUNT(adapter->stats.datagrams_dropped, 1);
		return;
	}
	server_dispatch(&(struct arrival){
	        .adapter = adapter, .udp = port, .peer = peer, .packet = packet, .block = block});
}

static void on_readable(void *arg, unsigned events)
{
	struct udp_port *port = arg;
	struct kp_io *io = &port->adapter->loop->io;
	(void)events;
	for (int i = 0; i < DATAGRAMS_PER_WAKE; i++) {
		struct kp_block *block = kp_io_receiver(io, KP_BLOCK_SIZE);
		if (!block)
			return;
		struct kp_bytes bytes = {block->data + block->len, 0};
		struct kp_address peer;
		size_t room = block->cap - block->len;
		kp_err err =
		        kp_sock_receive_from(port->adapter->adapter->fd, block->data + block->len,
		                             room, &bytes.len, &peer);
		if (err == KP_ERR_LIMIT)
			KP_COUNT(port->adapter->stats.datagrams_dropped, 1);
		else if (err != KP_OK)
			return;
		else
			take_datagram(port, bytes, block, &peer);
		kp_io_received(io, err == KP_OK ? bytes.len : 0);
	}
}

struct kp_buf *server_udp_out(struct udp_port *port)
{
	kp_buf_clear(&port->out);
	return &port->out;
}

void server_udp_answer(struct udp_port *port, const struct kp_address *peer)
{
	if (port->out.err == KP_OK && kp_sock_send_to(port->adapter->adapter->fd, port->out.data,
	                                              port->out.len, peer) == KP_OK) {
		KP_COUNT(port->adapter->stats.bytes_out, port->out.len);
		KP_COUNT(port->adapter->stats.answers, 1);
	} else {
		KP_COUNT(port->adapter->stats.datagrams_dropped, 1);
	}
}

kp_err server_udp_start(struct adapter_loop *adapter)
{
	struct udp_port *port = kp_new(struct udp_port);
	if (!port)
		return KP_ERR_NOMEM;
	port->adapter = adapter;
	adapter->udp = port;
	return kp_watch_new(adapter->loop->loop, adapter->adapter->fd, KP_READABLE, on_readable,
	                    port, &adapter->watch);
}

void server_udp_stop(struct adapter_loop *adapter)
{
	kp_watch_free(adapter->watch);
	adapter->watch = NULL;
}

void server_udp_free(struct adapter_loop *adapter)
{
	if (!adapter->udp)
		return;
	kp_buf_fini(&adapter->udp->out);
	kp_free(adapter->udp);
	adapter->udp = NULL;
}
