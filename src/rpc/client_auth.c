// client_auth.c - a client's proof that it knows an access key, at the beginning of a connection.
#include "os/clock.h"
#include "rpc/auth.h"
#include "rpc/client_internal.h"

// owner_of is the proxy for whose object the connection proves itself.
static const struct kp_proxy *owner_of(const struct client_conn *conn)
{
	struct kp_client *client = conn->loop->client;
	pthread_mutex_lock(&client->lock);
	const struct kp_proxy *proxy = client->proxies.ptr[conn->owner - 1];
	pthread_mutex_unlock(&client->lock);
	return proxy;
}

// write_proof returns NULL, or why there is none.
static const char *write_proof(struct client_conn *conn)
{
	const struct kp_proxy *proxy = owner_of(conn);
	struct kp_str access_key, secret_key;
	struct kp_auth_crypto crypto;
	if (!policy_keys(proxy, &access_key, &secret_key))
		return "asks for AK/SK; set accesskey and secretkey for the object";
	if (auth_crypto(&crypto, NULL) != KP_OK)
		return "asks for AK/SK, which needs libkipp-tls; it is not installed";
	kp_err err =
	        auth_encode(&crypto, proxy->name, access_key, secret_key, kp_clock_wall_ms() / 1000,
	                    client_connect_timeout(conn->loop->client), kp_conn_out(&conn->conn));
	if (err == KP_ERR_INVALID)
		return "asks for AK/SK, for which the names of object and key are too long";
	return err == KP_OK ? NULL : "asks for AK/SK, for which there is no memory";
}

void client_auth_start(struct client_conn *conn)
{
	conn->denial = write_proof(conn);
	conn->is_proving = true;
	if (conn->denial)
		kp_conn_close(&conn->conn, KP_CLOSE_DENIED);
	else
		kp_conn_flush_soon(&conn->conn);
}
