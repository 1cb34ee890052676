// registry.c - one block of memory per object, rebuilt when its server changes.
#include "control/registry/registry.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "base/vec.h"

// Which objects a server has; names are owned.
struct registry_server {
	KP_VEC(char *) objects;
};

static void object_free(struct registry_object *object)
{
	if (!object)
		return;
	kp_free(object->endpoints);
	kp_free(object);
}

static void server_free(struct registry_server *server)
{
	for (size_t i = 0; i < server->objects.len; i++)
		kp_free(server->objects.ptr[i]);
	kp_vec_fini(&server->objects);
	kp_free(server);
}

void registry_fini(struct registry *registry)
{
	size_t index = 0;
	void *value;
	while (kp_map_next(&registry->objects, &index, NULL, &value))
		object_free(value);
	for (index = 0; kp_map_next(&registry->servers, &index, NULL, &value);)
		server_free(value);
	kp_map_fini(&registry->objects);
	kp_map_fini(&registry->servers);
}

// pack copies a text into *to and moves *to behind it.
static struct kp_str pack(char **to, struct kp_str text)
{
	struct kp_str copy = {*to, text.len};
	if (text.len)
		memcpy(*to, text.ptr, text.len);
	*to += text.len;
	return copy;
}

static size_t text_size(const struct route *route)
{
	return route->endpoint.host.len + route->endpoint.setId.len + route->endpoint.nodeName.len;
}

// tally is what a look at an object's routes gives.
struct tally {
	size_t count, up, was_up, text_size;
	bool has_sets;
};

static struct tally tally_routes(struct kp_str object, const struct route *routes, size_t count)
{
	struct tally tally = {0};
	for (size_t i = 0; i < count; i++) {
		if (!kp_str_equal(routes[i].object, object))
			continue;
		tally.count++;
		tally.up += routes[i].is_up;
		tally.was_up += routes[i].was_up;
		tally.text_size += text_size(&routes[i]);
		tally.has_sets = tally.has_sets || routes[i].endpoint.setId.len;
	}
	return tally;
}

static void add_endpoints(struct registry_object *object, struct kp_str name, char **text,
                          const struct route *routes, size_t count, bool is_active)
{
	for (size_t i = 0; i < count; i++) {
		bool is_listed = object->is_held ? routes[i].was_up : routes[i].is_up;
		if (is_listed != is_active || !kp_str_equal(routes[i].object, name))
			continue;
		struct tars_EndpointF *endpoint = &object->endpoints[object->count++];
		*endpoint = routes[i].endpoint;
		endpoint->host = pack(text, endpoint->host);
		endpoint->setId = pack(text, endpoint->setId);
		endpoint->nodeName = pack(text, endpoint->nodeName);
	}
}

static struct registry_object *object_new(struct kp_str name, const struct route *routes,
                                          size_t count)
{
	struct tally tally = tally_routes(name, routes, count);
	struct registry_object *object = kp_new(struct registry_object);
	size_t size = tally.count * sizeof(*object->endpoints);
	if (!object || !(object->endpoints = kp_alloc(size + tally.text_size))) {
		kp_free(object);
		return NULL;
	}
	object->is_held = tally.up == 0 && tally.was_up > 0;
	object->is_set_enabled = tally.has_sets;
	char *text = (char *)object->endpoints + size;
	add_endpoints(object, name, &text, routes, count, true);
	object->active_count = object->count;
	add_endpoints(object, name, &text, routes, count, false);
	return object;
}

static kp_err put_object(struct registry *registry, struct registry_server *server,
                         struct kp_str name, const struct route *routes, size_t count)
{
	struct registry_object *object = object_new(name, routes, count);
	char *key = kp_strndup(name.ptr, name.len);
	struct registry_object *old = kp_map_get(&registry->objects, name);
	if (!object || !key || kp_vec_push(&server->objects, key) != KP_OK) {
		object_free(object);
		kp_free(key);
		return KP_ERR_NOMEM;
	}
	object->is_newly_held = object->is_held && !(old && old->is_held);
	if (kp_map_set(&registry->objects, name, object) != KP_OK) {
		object_free(object);
		return KP_ERR_NOMEM;
	}
	object_free(old);
	return KP_OK;
}

static bool has_object(const struct registry_server *server, const char *name)
{
	for (size_t i = 0; i < server->objects.len; i++)
		if (strcmp(server->objects.ptr[i], name) == 0)
			return true;
	return false;
}

// drop_objects removes what the former server had and the new one has not.
static void drop_objects(struct registry *registry, struct registry_server *former,
                         const struct registry_server *now)
{
	for (size_t i = 0; i < former->objects.len; i++)
		if (!now || !has_object(now, former->objects.ptr[i]))
			object_free(
			        kp_map_remove(&registry->objects, kp_str(former->objects.ptr[i])));
	server_free(former);
}

static bool is_first(const struct route *routes, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (kp_str_equal(routes[i].object, routes[index].object))
			return false;
	return true;
}

kp_err registry_put(struct registry *registry, struct kp_str name, const struct route *routes,
                    size_t count)
{
	struct registry_server *former = kp_map_remove(&registry->servers, name);
	struct registry_server *server = count ? kp_new(struct registry_server) : NULL;
	kp_err err = count && !server ? KP_ERR_NOMEM : KP_OK;
	for (size_t i = 0; i < count && err == KP_OK; i++)
		if (is_first(routes, i))
			err = put_object(registry, server, routes[i].object, routes, count);
	if (err == KP_OK && server)
		err = kp_map_set(&registry->servers, name, server);
	if (former)
		drop_objects(registry, former, err == KP_OK ? server : NULL);
	if (err != KP_OK && server)
		drop_objects(registry, server, NULL);
	return err;
}

const struct registry_object *registry_find(const struct registry *registry, struct kp_str id)
{
	id.len = kp_str_find(id, '#');
	return kp_map_get(&registry->objects, id);
}

static struct tars_EndpointF_list list_of(struct tars_EndpointF *endpoints, size_t count)
{
	return (struct tars_EndpointF_list){count ? endpoints : NULL, count};
}

struct registry_answer registry_all(const struct registry *registry, struct kp_str id)
{
	const struct registry_object *object = registry_find(registry, id);
	struct registry_answer answer = {0};
	if (!object)
		return answer;
	answer.active = list_of(object->endpoints, object->active_count);
	answer.inactive = list_of(object->endpoints + object->active_count,
	                          object->count - object->active_count);
	return answer;
}

struct registry_answer registry_in_station(const struct registry *registry, struct kp_str id,
                                           struct kp_str station)
{
	return (struct registry_answer){.ret = -1};
}

struct set_parts {
	struct kp_str area; // "name.area"
	struct kp_str group;
};

static bool parse_set(struct kp_str set, struct set_parts *ret)
{
	struct kp_str rest = set, name, area, group;
	if (!kp_str_split_next(&rest, '.', &name) || !kp_str_split_next(&rest, '.', &area) ||
	    !kp_str_split_next(&rest, '.', &group) || rest.ptr)
		return false;
	if (name.len == 0 || area.len == 0 || group.len == 0 || kp_str_equal(name, kp_str("*")) ||
	    kp_str_equal(area, kp_str("*")))
		return false;
	*ret = (struct set_parts){kp_str_sub(set, 0, name.len + 1 + area.len), group};
	return true;
}

// in_set_group tells whether an endpoint is in the area and, unless `group` is empty, in the group.
static bool in_set_group(const struct tars_EndpointF *endpoint, struct kp_str area,
                         struct kp_str group)
{
	struct set_parts parts;
	return parse_set(endpoint->setId, &parts) && kp_str_equal(parts.area, area) &&
	       (group.len == 0 || kp_str_equal(parts.group, group));
}

static bool filter(struct tars_EndpointF *from, size_t count, struct kp_str area,
                   struct kp_str group, struct kp_arena *arena, struct tars_EndpointF_list *ret)
{
	struct tars_EndpointF *kept = kp_arena_alloc_zero(arena, count, sizeof(*kept));
	size_t len = 0;
	for (size_t i = 0; kept && i < count; i++)
		if (in_set_group(&from[i], area, group))
			kept[len++] = from[i];
	*ret = list_of(kept, len);
	return kept || count == 0;
}

static bool filter_object(const struct registry_object *object, struct kp_str area,
                          struct kp_str group, struct kp_arena *arena, struct registry_answer *ret)
{
	return filter(object->endpoints, object->active_count, area, group, arena, &ret->active) &&
	       filter(object->endpoints + object->active_count,
	              object->count - object->active_count, area, group, arena, &ret->inactive);
}

struct registry_answer registry_in_set(const struct registry *registry, struct kp_str id,
                                       struct kp_str set, struct kp_arena *arena)
{
	const struct registry_answer refused = {.ret = -1};
	struct set_parts parts;
	if (!parse_set(set, &parts))
		return refused;
	const struct registry_object *object = registry_find(registry, id);
	if (!object || !object->is_set_enabled)
		return registry_all(registry, id);

	struct registry_answer answer = {0};
	bool is_any = kp_str_equal(parts.group, kp_str("*"));
	struct kp_str group = is_any ? kp_str("") : parts.group;
	if (!filter_object(object, parts.area, group, arena, &answer))
		return refused;
	if (answer.active.len + answer.inactive.len == 0 &&
	    !filter_object(object, parts.area, kp_str("*"), arena, &answer))
		return refused;
	return answer.active.len + answer.inactive.len ? answer : refused;
}

struct kp_str_list registry_nodes(const struct registry *registry, struct kp_str id,
                                  struct kp_arena *arena)
{
	const struct registry_object *object = registry_find(registry, id);
	size_t count = object ? object->active_count : 0;
	struct kp_str_list nodes = {kp_arena_alloc_zero(arena, count, sizeof(*nodes.ptr)), 0};
	for (size_t i = 0; nodes.ptr && i < count; i++) {
		struct kp_str name = object->endpoints[i].nodeName;
		bool is_known = name.len == 0;
		for (size_t j = 0; j < nodes.len && !is_known; j++)
			is_known = kp_str_equal(nodes.ptr[j], name);
		if (!is_known)
			nodes.ptr[nodes.len++] = name;
	}
	return nodes;
}

bool registry_next_held(const struct registry *registry, struct kp_str name, size_t *index,
                        struct kp_str *ret_object)
{
	const struct registry_server *server = kp_map_get(&registry->servers, name);
	for (; server && *index < server->objects.len; ++*index) {
		struct kp_str key = kp_str(server->objects.ptr[*index]);
		const struct registry_object *object = kp_map_get(&registry->objects, key);
		if (!object || !object->is_newly_held)
			continue;
		*ret_object = key;
		++*index;
		return true;
	}
	return false;
}
