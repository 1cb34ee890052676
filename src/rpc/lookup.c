// lookup.c - which endpoints a name stands for, asked from the registry and remembered.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "interfaces/registry.h"
#include "os/clock.h"
#include "os/rand.h"

#include <stdio.h>

static const int64_t unknown_ns =
        100 * (int64_t)KP_NS_PER_MS; // between look-ups of a name nobody has
static const int64_t retry_ns =
        500 * (int64_t)KP_NS_PER_MS; // between look-ups, when one is wanted badly

static bool is_fixed(const struct route *route)
{
	return route->proxy->targets.len > 0;
}

static bool has_health(const struct route *route, const struct kp_health *health)
{
	for (size_t i = 0; i < route->healths.len; i++)
		if (route->healths.ptr[i] == health)
			return true;
	return false;
}

// add_peer makes a route lead to an endpoint.
static kp_err add_peer(struct route *route, const struct target *target)
{
	struct peer *peer = peer_find(route->loop, target);
	if (!peer)
		return KP_ERR_NOMEM;
	if (has_health(route, &peer->health))
		return KP_OK;
	peer->routes++;
	kp_err err = kp_vec_push(&route->healths, &peer->health);
	if (err != KP_OK)
		peer_leave(peer);
	return err;
}

static kp_err add_fixed(struct route *route)
{
	for (size_t i = 0; i < route->proxy->targets.len; i++)
		KP_TRY(add_peer(route, &route->proxy->targets.ptr[i]));
	return KP_OK;
}

static void remove_all(struct route *route)
{
	for (size_t i = 0; i < route->healths.len; i++)
		peer_leave(KP_CONTAINER(route->healths.ptr[i], struct peer, health));
	route->healths.len = 0;
}

static struct route *route_new(struct client_loop *loop, struct kp_proxy *proxy)
{
	struct route *route = kp_new(struct route);
	if (!route)
		return NULL;
	route->loop = loop;
	route->proxy = proxy;
	// Clients start their rounds at different places, or short-lived ones would all ask the
	// first.
	route->cursor = kp_rand_u64();
	kp_list_init(&route->waiting);
	if (add_fixed(route) != KP_OK) {
		route_free(route);
		return NULL;
	}
	return route;
}

void route_free(struct route *route)
{
	if (!route)
		return;
	remove_all(route);
	kp_vec_fini(&route->healths);
	kp_free(route);
}

struct route *client_route(struct client_loop *loop, struct kp_proxy *proxy, kp_err *ret_err)
{
	while (loop->routes.len <= proxy->index)
		if (kp_vec_push(&loop->routes, NULL) != KP_OK) {
			*ret_err = KP_ERR_NOMEM;
			return NULL;
		}
	struct route **slot = &loop->routes.ptr[proxy->index];
	if (!*slot)
		*slot = route_new(loop, proxy);
	if (!*slot)
		*ret_err = KP_ERR_NOMEM;
	return *slot;
}

// --- looking up

// target_of leaves out what cannot be called from here: TLS, and hosts too long to be any.
static bool target_of(const struct tars_EndpointF *found, struct target *ret)
{
	*ret = (struct target){.port = found->port, .is_udp = found->istcp == KP_PROTOCOL_UDP};
	if (found->host.len >= sizeof(ret->host) || found->istcp == KP_PROTOCOL_SSL)
		return false;
	memcpy(ret->host, found->host.ptr, found->host.len);
	return true;
}

static bool is_listed(const struct kp_health *health, const struct tars_EndpointF_list *list)
{
	const struct target *target = &KP_CONTAINER(health, struct peer, health)->target;
	for (size_t i = 0; i < list->len; i++) {
		struct target listed;
		if (target_of(&list->ptr[i], &listed) && target_equal(&listed, target))
			return true;
	}
	return false;
}

// take_list makes the route lead to exactly what was listed; what stays keeps its connection and
// its health.
static kp_err take_list(struct route *route, const struct tars_EndpointF_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		struct target target;
		if (target_of(&list->ptr[i], &target))
			KP_TRY(add_peer(route, &target));
	}
	for (size_t i = route->healths.len; i-- > 0;) {
		struct kp_health *health = route->healths.ptr[i];
		if (is_listed(health, list))
			continue;
		kp_vec_remove(&route->healths, i);
		peer_leave(KP_CONTAINER(health, struct peer, health));
	}
	return KP_OK;
}

static kp_err ask_registry(struct route *route, struct kp_call *call)
{
	struct kp_client *client = route->loop->client;
	struct tars_QueryF *registry = (struct tars_QueryF *)client_registry(client);
	struct kp_str object = kp_str(route->proxy->object);
	struct tars_EndpointF_list active = {0}, inactive = {0};
	int32_t ret = 0;
	kp_err err = client->set ? tars_QueryF_findObjectByIdInSameSet(registry, call, object,
	                                                               kp_str(client->set), &active,
	                                                               &inactive, &ret)
	                         : tars_QueryF_findObjectByIdInSameGroup(registry, call, object,
	                                                                 &active, &inactive, &ret);
	if (err != KP_OK)
		return kp_why_set(&route->why, err, "the registry cannot be asked for %s: %.*s",
		                  route->proxy->object, KP_STR_ARG(kp_call_reason(call)));
	if (ret != 0)
		return kp_why_set(&route->why, KP_ERR_NOENDPOINT,
		                  "the registry refuses to look up %s (%d)", route->proxy->object,
		                  ret);
	if (active.len == 0)
		return kp_why_set(&route->why, KP_ERR_NOENDPOINT,
		                  inactive.len ? "no instance of %s is active"
		                               : "the registry knows no %s",
		                  route->proxy->object);
	return take_list(route, &active);
}

static void release_waiting(struct route *route)
{
	struct kp_list waiting;
	kp_list_init(&waiting);
	for (struct kp_link *link; (link = kp_list_pop(&route->waiting)) != NULL;)
		kp_list_push(&waiting, link);
	for (struct kp_link *link; (link = kp_list_pop(&waiting)) != NULL;) {
		struct kp_request *request = KP_CONTAINER(link, struct kp_request, link);
		if (route->healths.len > 0 && !route->loop->is_ending)
			request_send(request);
		else
			request_fail(request, route->err == KP_OK ? KP_ERR_CANCELLED : route->err,
			             "%s", route->why.text);
	}
}

// look_up runs on a fiber of its own. A registry that is gone, or knows nothing, leaves the old
// list in force.
static void look_up(void *arg)
{
	struct route *route = arg;
	struct kp_call *call = NULL;
	kp_err err = kp_call_open(route->loop->client, &call);
	if (err == KP_OK)
		err = ask_registry(route, call);
	kp_call_close(call);
	route->err = err;
	route->looked_up_ns = kp_clock_ns();
	route->is_looking_up = false;
	release_waiting(route);
	struct client_loop *loop = route->loop;
	loop->waits--;
	client_loop_let_go(loop);
}

static void start_look_up(struct route *route)
{
	route->is_stale = false;
	route->is_looking_up = kp_loop_spawn(route->loop->loop, look_up, route) == KP_OK;
	route->loop->waits += route->is_looking_up;
	if (!route->is_looking_up)
		route->err = kp_why_set(&route->why, KP_ERR_NOMEM, "out of memory");
}

static bool is_due(const struct route *route, int64_t now_ns)
{
	if (route->looked_up_ns == 0)
		return true;
	int64_t age_ns = now_ns - route->looked_up_ns;
	if (route->healths.len == 0)
		return age_ns >= unknown_ns;
	bool is_wanted = route->is_stale || route->err != KP_OK;
	return age_ns >= (is_wanted ? retry_ns : route->loop->client->refresh_ns);
}

bool route_want(struct route *route, int64_t now_ns)
{
	if (is_fixed(route))
		return true;
	if (!client_registry(route->loop->client)) {
		route->err = kp_why_set(&route->why, KP_ERR_NOENDPOINT,
		                        "%s has no endpoint and there is no locator to ask",
		                        route->proxy->object);
		return false;
	}
	if (!route->is_looking_up && is_due(route, now_ns))
		start_look_up(route);
	return route->healths.len > 0;
}
