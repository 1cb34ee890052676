// lookup.c - which endpoints a name stands for, asked from the registry and remembered.
#include "rpc/client_internal.h"

#include "base/assert.h"
#include "base/try.h"
#include "interfaces/registry.h"
#include "os/clock.h"

#include <stdio.h>

static const int64_t unknown_ns =
        100 * (int64_t)KP_NS_PER_MS; // between look-ups of a name nobody has
static const int64_t retry_ns =
        500 * (int64_t)KP_NS_PER_MS; // between look-ups, when one is wanted badly

// set_err keeps how the last look-up ended, which an explanation may be reading.
static void set_err(struct route *route, kp_err err, const char *text)
{
	pthread_mutex_lock(&route->loop->lock);
	route->err = err;
	kp_why_set(&route->why, err, "%s", text);
	pthread_mutex_unlock(&route->loop->lock);
}

static bool is_fixed(const struct route *route)
{
	return route->proxy->targets.len > 0;
}

// add_peer makes a route lead to an endpoint. `fresh_ns`: since when there is one; 0: always.
static kp_err add_peer(struct route *route, const struct target *target, int64_t fresh_ns)
{
	struct client_loop *loop = route->loop;
	struct peer *peer = peer_find(loop, target);
	if (!peer)
		return KP_ERR_NOMEM;
	struct kp_entry *entry = kp_table_find(&route->table, peer->record->name);
	kp_err err = KP_OK;
	pthread_mutex_lock(&loop->lock);
	if (entry)
		kp_table_set_weight(&route->table, entry, target->weight, target->is_weighed);
	else
		err = kp_table_add(&route->table, &(struct kp_entry_options){
		                                          .name = peer->record->name,
		                                          .evidence = &peer->record->evidence,
		                                          .arg = peer,
		                                          .weight = target->weight,
		                                          .is_weighed = target->is_weighed,
		                                          .fresh_ns = fresh_ns,
		                                  });
	pthread_mutex_unlock(&loop->lock);
	peer->routes += !entry;
	if (err != KP_OK)
		peer_leave(peer);
	return err;
}

static void remove_entry(struct route *route, struct kp_entry *entry)
{
	struct peer *peer = entry->arg;
	pthread_mutex_lock(&route->loop->lock);
	kp_table_remove(&route->table, entry);
	pthread_mutex_unlock(&route->loop->lock);
	peer_leave(peer);
}

static kp_err add_fixed(struct route *route)
{
	for (size_t i = 0; i < route->proxy->targets.len; i++)
		KP_TRY(add_peer(route, &route->proxy->targets.ptr[i], 0));
	return KP_OK;
}

static struct route *route_new(struct client_loop *loop, struct kp_proxy *proxy)
{
	struct route *route = kp_new(struct route);
	if (!route)
		return NULL;
	route->loop = loop;
	route->proxy = proxy;
	kp_list_init(&route->waiting);
	route_table_init(route);
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
	while (route->table.entries.len > 0)
		remove_entry(route, route->table.entries.ptr[route->table.entries.len - 1]);
	kp_table_fini(&route->table);
	kp_free(route->trouble);
	kp_free(route);
}

static kp_err make_room(struct client_loop *loop, size_t index)
{
	kp_err err = KP_OK;
	pthread_mutex_lock(&loop->lock);
	while (err == KP_OK && loop->routes.len <= index)
		err = kp_vec_push(&loop->routes, NULL);
	pthread_mutex_unlock(&loop->lock);
	return err;
}

static struct route *add_route(struct client_loop *loop, struct kp_proxy *proxy)
{
	struct route *route =
	        make_room(loop, proxy->index) == KP_OK ? route_new(loop, proxy) : NULL;
	if (!route)
		return NULL;
	pthread_mutex_lock(&loop->lock);
	loop->routes.ptr[proxy->index] = route;
	pthread_mutex_unlock(&loop->lock);
	return route;
}

struct route *client_route(struct client_loop *loop, struct kp_proxy *proxy, kp_err *ret_err)
{
	struct route *route =
	        proxy->index < loop->routes.len ? loop->routes.ptr[proxy->index] : NULL;
	if (KP_UNLIKELY(!route))
		route = add_route(loop, proxy);
	if (KP_UNLIKELY(!route))
		*ret_err = KP_ERR_NOMEM;
	return route;
}

// --- looking up

// target_of leaves out what cannot be called: hosts too long to be any.
static bool target_of(const struct route *route, const struct tars_EndpointF *found,
                      struct target *ret)
{
	*ret = (struct target){.port = found->port,
	                       .is_udp = found->istcp == KP_PROTOCOL_UDP,
	                       .is_tls = found->istcp == KP_PROTOCOL_SSL,
	                       .owner = found->authType == 1 ? route->proxy->index + 1 : 0,
	                       .weight = found->weight,
	                       .is_weighed = found->weightType == 1};
	if (found->host.len >= sizeof(ret->host))
		return false;
	memcpy(ret->host, found->host.ptr, found->host.len);
	return true;
}

// take_list makes the route lead to exactly what was listed; what stays keeps its connection and
// its averages. What comes later than the first list is fresh.
static kp_err take_list(struct route *route, const struct tars_EndpointF_list *list)
{
	int64_t fresh_ns = route->table.entries.len > 0 ? kp_clock_ns() : 0;
	uint32_t mark = ++route->lists;
	for (size_t i = 0; i < list->len; i++) {
		struct target target;
		char name[KP_TARGET_NAME_MAX];
		if (!target_of(route, &list->ptr[i], &target))
			continue;
		kp_err err = add_peer(route, &target, fresh_ns);
		if (err == KP_ERR_LIMIT)
			continue; // as many as a table takes are enough
		KP_TRY(err);
		target_name(&target, name);
		kp_table_find(&route->table, name)->mark = mark;
	}
	for (size_t i = route->table.entries.len; i-- > 0;)
		if (route->table.entries.ptr[i]->mark != mark)
			remove_entry(route, route->table.entries.ptr[i]);
	return KP_OK;
}

static kp_err ask_registry(struct route *route, struct kp_call *call, struct kp_why *why)
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
		return kp_why_set(why, err, "the registry cannot be asked for %s: %.*s",
		                  route->proxy->object, KP_STR_ARG(kp_call_reason(call)));
	if (ret != 0)
		return kp_why_set(why, KP_ERR_NOENDPOINT, "the registry refuses to look up %s (%d)",
		                  route->proxy->object, ret);
	if (active.len == 0)
		return kp_why_set(why, KP_ERR_NOENDPOINT,
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
		if (route->table.entries.len > 0 && !route->loop->is_ending)
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
	struct kp_why why = {""};
	kp_err err = kp_call_open(route->loop->client, &call);
	if (err == KP_OK)
		err = ask_registry(route, call, &why);
	kp_call_close(call);
	set_err(route, err, why.text);
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
		set_err(route, KP_ERR_NOMEM, "out of memory");
}

static bool is_due(const struct route *route, int64_t now_ns)
{
	if (route->looked_up_ns == 0)
		return true;
	int64_t age_ns = now_ns - route->looked_up_ns;
	if (route->table.entries.len == 0)
		return age_ns >= unknown_ns;
	bool is_wanted = route->is_stale || route->err != KP_OK;
	return age_ns >= (is_wanted ? retry_ns : route->loop->client->refresh_ns);
}

bool route_want(struct route *route, int64_t now_ns)
{
	if (is_fixed(route))
		return true;
	if (!client_registry(route->loop->client)) {
		struct kp_why why;
		kp_why_set(&why, KP_ERR_NOENDPOINT,
		           "%s has no endpoint and there is no locator to ask",
		           route->proxy->object);
		set_err(route, KP_ERR_NOENDPOINT, why.text);
		return false;
	}
	if (!route->is_looking_up && is_due(route, now_ns))
		start_look_up(route);
	return route->table.entries.len > 0;
}
