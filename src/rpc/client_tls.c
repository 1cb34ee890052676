// client_tls.c - what a client knows of TLS: its files, tickets, and why it came to nothing.
#include "rpc/client_internal.h"
#include "rpc/conn_tls.h"

// get_source returns the client's source; without options it is made when it is first needed, so
// that OpenSSL is not loaded for nothing.
static kp_err get_source(struct kp_client *client, struct kp_tls_source **ret, struct kp_why *why)
{
	kp_err err = KP_OK;
	struct kp_tls_source *source = __atomic_load_n(&client->tls, __ATOMIC_ACQUIRE);
	if (!source) {
		pthread_mutex_lock(&client->lock);
		source = client->tls;
		if (!source)
			err = kp_tls_source_new(&(struct kp_tls_options){0}, false, &source, why);
		if (err == KP_OK)
			__atomic_store_n(&client->tls, source, __ATOMIC_RELEASE);
		pthread_mutex_unlock(&client->lock);
	}
	*ret = source;
	return err;
}

kp_err kp_client_reload_tls(struct kp_client *client, struct kp_why *why)
{
	struct kp_tls_source *source = __atomic_load_n(&client->tls, __ATOMIC_ACQUIRE);
	return source ? kp_tls_source_reload(source, why) : KP_OK;
}

kp_err client_tls_start(struct client_conn *conn)
{
	struct kp_why why = {""};
	const struct peer *peer = conn->peer;
	struct kp_tls_source *source = NULL;
	kp_err err = get_source(conn->loop->client, &source, &why);
	if (err == KP_OK)
		return kp_conn_tls_new(source, peer->target.host, peer->ticket, false,
		                       &conn->conn.tls);
	conn->conn.tls = kp_new(struct kp_conn_tls);
	if (!conn->conn.tls || !(conn->conn.tls->why = kp_new(struct kp_why)))
		return KP_ERR_NOMEM;
	*conn->conn.tls->why = why;
	return err;
}

void client_tls_keep_ticket(struct client_conn *conn)
{
	struct kp_conn_tls *tls = conn->conn.tls;
	struct kp_tls_ticket *ticket =
	        tls && tls->session && conn->peer ? kp_tls_take_ticket(tls->session) : NULL;
	if (!ticket)
		return;
	kp_tls_ticket_free(conn->peer->ticket);
	conn->peer->ticket = ticket;
}

void client_note_trouble(struct route *route, const struct client_conn *conn,
                         enum kp_close_reason reason)
{
	if (KP_LIKELY(reason != KP_CLOSE_TLS && reason != KP_CLOSE_DENIED)) {
		kp_free(route->trouble);
		route->trouble = NULL;
		return;
	}
	if (!route->trouble)
		route->trouble = kp_new(struct kp_why);
	if (!route->trouble)
		return;
	char peer[KP_ADDRESS_TEXT_MAX] = "";
	const struct kp_conn_tls *tls = conn->conn.tls;
	if (conn->conn.peer.len > 0)
		kp_address_format(&conn->conn.peer, peer);
	if (reason == KP_CLOSE_DENIED)
		kp_why_set(route->trouble, KP_OK, "%s %s", peer,
		           conn->denial ? conn->denial : "refuses the access key");
	else if (!tls)
		kp_why_set(route->trouble, KP_OK, "%s speaks TLS; call it by an ssl endpoint",
		           peer);
	else if (tls->why)
		kp_why_set(route->trouble, KP_OK, "%s%s%s", peer, *peer ? ": " : "",
		           tls->why->text);
	else
		kp_why_set(route->trouble, KP_OK,
		           "%s hung up during the TLS handshake; does it speak TLS?", peer);
}
