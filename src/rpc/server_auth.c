// server_auth.c - adapters that serve only whoever knows a secret.
#include "rpc/server_internal.h"

#include "base/mem.h"
#include "base/try.h"
#include "os/clock.h"
#include "rpc/auth.h"

static bool is_set(const char *text)
{
	return text && *text;
}

kp_err server_auth_ready(struct adapter *adapter, const struct kp_adapter_options *options,
                         const struct kp_endpoint *endpoint, struct kp_why *why)
{
	bool has_keys = is_set(options->access_key) || is_set(options->secret_key);
	if (endpoint->auth == 0 && has_keys)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "there is an access key, but the endpoint does not ask for it "
		                  "with -e 1");
	if (endpoint->auth == 0)
		return KP_OK;
	if (adapter->is_udp)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "-e 1 is for connections; a udp endpoint has none");
	if (!is_set(options->access_key) || !is_set(options->secret_key))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "an endpoint with -e 1 needs an access key and a secret key");
	KP_TRY(auth_crypto(&adapter->crypto, why));
	adapter->access_key = kp_strdup(options->access_key);
	adapter->secret_key = kp_strdup(options->secret_key);
	if (!adapter->access_key || !adapter->secret_key)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	return KP_OK;
}

bool server_auth_accepts(struct server_conn *conn, struct kp_bytes packet)
{
	const struct adapter *adapter = conn->adapter->adapter;
	struct kp_request_packet request;
	struct kp_auth_package package;
	if (auth_read(packet, &request, &package) != KP_OK)
		return false;
	struct kp_auth_claim claim = {
	        .has_object = kp_map_get(&adapter->servants, package.object) != NULL,
	        .access_key = package.access_key,
	        .time_s = package.time_s,
	        .hash = package.hash,
	        .signature = package.signature,
	};
	if (kp_auth_check(&adapter->crypto, &claim, kp_str(adapter->access_key),
	                  kp_str(adapter->secret_key), kp_clock_wall_ms() / 1000) != KP_AUTH_OK ||
	    auth_answer(&request, kp_conn_out(&conn->conn)) != KP_OK)
		return false;
	kp_conn_flush_soon(&conn->conn);
	return true;
}
