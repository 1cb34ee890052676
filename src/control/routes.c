// routes.c - adapters and their real endpoints become routes.
#include "control/routes.h"

#include "base/text.h"
#include "base/try.h"
#include "control/state/spec.h"
#include "tars/endpoint.h"

static bool is_everywhere(struct kp_str host)
{
	return host.len == 0 || kp_str_equal(host, kp_str("0.0.0.0")) ||
	       kp_str_equal(host, kp_str("*")) || kp_str_equal(host, kp_str("::"));
}

static struct tars_EndpointF endpoint_of(const struct kp_endpoint *parsed, struct kp_str host,
                                         struct kp_str node)
{
	struct tars_EndpointF endpoint;
	tars_EndpointF_init(&endpoint);
	endpoint.host = is_everywhere(parsed->host) ? host : parsed->host;
	endpoint.port = parsed->port;
	endpoint.timeout = parsed->timeout_ms;
	endpoint.istcp = parsed->protocol;
	endpoint.grid = parsed->grid;
	endpoint.groupworkid = -1;
	endpoint.grouprealid = -1;
	endpoint.qos = parsed->qos;
	endpoint.weight = parsed->weight;
	endpoint.weightType = parsed->weight_type;
	endpoint.authType = parsed->auth;
	endpoint.nodeName = node;
	return endpoint;
}

kp_err routes_of_endpoint(struct kp_str object, struct kp_str text, struct kp_str host,
                          struct kp_str node, bool is_up, struct route_list *ret)
{
	struct kp_endpoint parsed;
	if (kp_endpoint_parse(text, &parsed, NULL) != KP_OK || parsed.port == 0)
		return KP_OK;
	struct route route = {
	        .object = object,
	        .endpoint = endpoint_of(&parsed, host, node),
	        .is_up = is_up,
	        .was_up = is_up,
	};
	return kp_vec_push(&ret->all, route);
}

static kp_err add_adapter(const struct instance *instance, const struct kipp_Adapter *adapter,
                          struct kp_arena *arena, struct route_list *ret)
{
	struct kp_str rest = adapter->servant, servant;
	while (kp_str_split_next(&rest, ' ', &servant)) {
		if (servant.len == 0)
			continue;
		struct kp_str object = kp_arena_format(arena, "%s.%.*s", instance->server->name,
		                                       KP_STR_ARG(servant));
		if (!object.ptr)
			return KP_ERR_NOMEM;
		size_t before = ret->all.len;
		KP_TRY(routes_of_endpoint(object, adapter->endpoint, kp_str(instance->node->host),
		                          kp_str(instance->node->name),
		                          instance_is_up(instance) && adapter->suspended.len == 0,
		                          ret));
		if (ret->all.len > before)
			ret->all.ptr[before].was_up = instance_was_up(instance);
	}
	return KP_OK;
}

static kp_err add_instance(const struct instance *instance, struct kp_arena *arena,
                           struct route_list *ret)
{
	if (!instance->node || instance->status.len == 0)
		return KP_OK;
	struct kp_decoder in =
	        kp_decoder((struct kp_bytes){instance->status.ptr, instance->status.len}, arena);
	struct kipp_Status status;
	kipp_Status_init(&status);
	if (!kipp_Status_decode(&in, 0, KP_REQUIRED, &status))
		return in.err == KP_ERR_NOMEM ? KP_ERR_NOMEM : KP_OK;
	for (size_t i = 0; i < status.adapters.len; i++)
		KP_TRY(add_adapter(instance, &status.adapters.ptr[i], arena, ret));
	return KP_OK;
}

kp_err routes_of_server(const struct server *server, struct kp_arena *arena, struct route_list *ret)
{
	for (size_t i = 0; i < server->instances.len; i++)
		KP_TRY(add_instance(server->instances.ptr[i], arena, ret));
	return KP_OK;
}

static kp_err note_held(struct state *state, struct registry *registry, const char *server)
{
	size_t index = 0;
	struct kp_str object;
	while (registry_next_held(registry, kp_str(server), &index, &object))
		KP_TRY(state_notice(state, "registry.held", object, kp_str(""), 1,
		                    "no instance of %.*s is heard of and takes calls; its last "
		                    "known endpoints stay listed",
		                    KP_STR_ARG(object)));
	return KP_OK;
}

static kp_err refresh_server(struct state *state, struct registry *registry, struct server *server)
{
	struct kp_arena arena = {0};
	struct route_list routes = {0};
	kp_err err = routes_of_server(server, &arena, &routes);
	if (err == KP_OK)
		err = registry_put(registry, kp_str(server->name), routes.all.ptr, routes.all.len);
	kp_vec_fini(&routes.all);
	kp_arena_fini(&arena);
	KP_TRY(err);
	return note_held(state, registry, server->name);
}

kp_err routes_refresh(struct state *state, struct registry *registry)
{
	KP_LIST_EACH (&state->changed, link, next) {
		struct server *server = KP_CONTAINER(link, struct server, changed);
		KP_TRY(refresh_server(state, registry, server));
		kp_list_remove(link);
	}
	return KP_OK;
}
