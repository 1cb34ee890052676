// plan.c - the edits, each as the list of rows that it changes.
#include "control/state/plan.h"

#include "base/try.h"
#include "control/state/names.h"
#include "control/state/place.h"
#include "control/state/spec.h"
#include "tars/endpoint.h"

#include <stdlib.h>

static kp_err out_of_memory(struct kp_why *why)
{
	return kp_why_set(why, KP_ERR_NOMEM, "the controller is out of memory: try again");
}

static kp_err copy(struct change *change, struct kp_str text, struct kp_str *ret)
{
	*ret = kp_arena_str(&change->arena, text);
	return ret->ptr || text.len == 0 ? KP_OK : KP_ERR_NOMEM;
}

static kp_err format_id(struct change *change, struct kp_str server, int32_t number,
                        struct kp_str *ret)
{
	*ret = kp_arena_format(&change->arena, "%.*s.%d", KP_STR_ARG(server), number);
	return ret->ptr ? KP_OK : KP_ERR_NOMEM;
}

// step_of is the row of an instance as it is, for a change to differ from.
static struct change_step step_of(const struct instance *instance)
{
	return (struct change_step){
	        .kind = CHANGE_PUT_INSTANCE,
	        .key = kp_str(instance->id),
	        .server = kp_str(instance->server->name),
	        .number = instance->number,
	        .node = kp_str(instance->node ? instance->node->name : NULL),
	        .is_running = instance->is_running,
	        .restart_count = instance->restart_count,
	};
}

static kp_err put_spec(struct change *change, struct kp_str name, const struct kipp_Server *spec)
{
	struct kp_buf encoded = {0};
	kp_err err = spec_encode(spec, &encoded);
	uint8_t *bytes = err == KP_OK ? kp_arena_alloc(&change->arena, encoded.len) : NULL;
	if (bytes)
		memcpy(bytes, encoded.data, encoded.len);
	size_t len = encoded.len;
	kp_buf_fini(&encoded);
	if (!bytes)
		return KP_ERR_NOMEM;
	return change_add(change, (struct change_step){
	                                  .kind = CHANGE_PUT_SERVER,
	                                  .key = name,
	                                  .spec = {bytes, len},
	                          });
}

static bool must_move(const struct instance *instance)
{
	return !instance->node || !instance->node->is_alive;
}

// keep_instance writes an instance's row if it changes: its node is gone, or the wish to run.
static kp_err keep_instance(struct change *change, struct place *place,
                            const struct instance *instance, bool is_wish_new, bool is_running)
{
	struct change_step step = step_of(instance);
	bool is_changed = false;
	if (is_wish_new && step.is_running != is_running) {
		step.is_running = is_running;
		is_changed = true;
	}
	struct node *node = must_move(instance) ? place_next(place) : NULL;
	if (node) {
		step.node = kp_str(node->name);
		is_changed = true;
	}
	KP_TRY(kp_vec_push(&change->instances, step.key));
	return is_changed ? change_add(change, step) : KP_OK;
}

static kp_err add_instance(struct change *change, struct place *place, struct kp_str server,
                           int32_t number, bool is_running)
{
	struct node *node = place_next(place);
	struct change_step step = {
	        .kind = CHANGE_PUT_INSTANCE,
	        .server = server,
	        .number = number,
	        .node = kp_str(node ? node->name : NULL),
	        .is_running = is_running,
	};
	KP_TRY(format_id(change, server, number, &step.key));
	KP_TRY(kp_vec_push(&change->instances, step.key));
	return change_add(change, step);
}

// Numbers run from 1 without a gap, so fewer instances means that the highest numbers go.
static kp_err plan_instances(const struct state *state, const struct server *known,
                             const struct kipp_Server *spec, bool is_wish_new,
                             struct change *change)
{
	struct place place;
	KP_TRY(place_init(&place, state));
	place_server(&place, known);
	kp_err err = KP_OK;
	int32_t number = 0;
	for (size_t i = 0; known && i < known->instances.len && err == KP_OK; i++) {
		const struct instance *instance = known->instances.ptr[i];
		if (++number <= spec->instances)
			err = keep_instance(change, &place, instance, is_wish_new, spec->isRunning);
		else
			err = change_add(change, (struct change_step){.kind = CHANGE_DROP_INSTANCE,
			                                              .key = kp_str(instance->id)});
	}
	while (err == KP_OK && number < spec->instances)
		err = add_instance(change, &place, change->subject, ++number, spec->isRunning);
	place_fini(&place);
	return err;
}

static bool is_same_spec(const struct server *known, struct kp_bytes spec)
{
	return kp_bytes_equal((struct kp_bytes){known->spec.ptr, known->spec.len}, spec);
}

static kp_err plan_spec(const struct state *state, const struct server *known,
                        const struct kipp_Server *spec, bool is_wish_new, struct change *change)
{
	KP_TRY(put_spec(change, change->subject, spec));
	if (known && is_same_spec(known, change->steps.ptr[0].spec))
		change->steps.len = 0;
	return plan_instances(state, known, spec, is_wish_new, change);
}

static kp_err begin(struct change *change, const char *what, struct kp_str application,
                    struct kp_str server)
{
	change->what = kp_str(what);
	change->subject = kp_arena_format(&change->arena, "%.*s.%.*s", KP_STR_ARG(application),
	                                  KP_STR_ARG(server));
	return change->subject.ptr ? KP_OK : KP_ERR_NOMEM;
}

// decode_known reads what a server is now. It was checked before it was kept, so only memory can
// fail.
static kp_err decode_known(const struct server *known, struct change *change,
                           struct kipp_Server *ret, struct kp_why *why)
{
	struct kp_bytes bytes = {known->spec.ptr, known->spec.len};
	kp_err err = spec_decode(bytes, &change->arena, ret);
	if (err == KP_ERR_NOMEM)
		return out_of_memory(why);
	return err == KP_OK ? KP_OK
	                    : kp_why_set(why, KP_ERR_CORRUPT, "what is stored of %s cannot be read",
	                                 known->name);
}

kp_err plan_deploy(const struct state *state, const struct kipp_Server *wish, struct change *ret,
                   struct kp_why *why)
{
	struct kipp_Server spec = *wish;
	if (begin(ret, "deploy", spec.application, spec.name) != KP_OK)
		return out_of_memory(why);
	const struct server *known = state_server(state, ret->subject);
	spec.restartCount = 0;
	bool is_wish_new = false;
	if (known) {
		struct kipp_Server old;
		KP_TRY(decode_known(known, ret, &old, why));
		spec.restartCount = old.restartCount;
		is_wish_new = old.isRunning != spec.isRunning;
		if (spec.package.len == 0)
			spec.package = old.package;
	}
	if (spec.package.len == 0)
		return kp_why_set(why, KP_ERR_INVALID, "a new server needs a package");
	KP_TRY(spec_check(&spec, why));
	if (plan_spec(state, known, &spec, is_wish_new, ret) != KP_OK)
		return out_of_memory(why);
	return KP_OK;
}

static const struct server *find_server(const struct state *state, struct kp_str application,
                                        struct kp_str server)
{
	char name[2 * NAME_SIZE_MAX + 1];
	if (!name_is_valid(application) || !name_is_valid(server))
		return NULL;
	memcpy(name, application.ptr, application.len);
	name[application.len] = '.';
	memcpy(name + application.len + 1, server.ptr, server.len);
	return state_server(state, (struct kp_str){name, application.len + 1 + server.len});
}

kp_err plan_remove(const struct state *state, struct kp_str application, struct kp_str server,
                   struct change *ret, struct kp_why *why)
{
	const struct server *known = find_server(state, application, server);
	if (!known)
		return kp_why_set(why, KP_ERR_NOTFOUND, "there is no server %.*s.%.*s",
		                  (int)(application.len < 100 ? application.len : 100),
		                  application.len ? application.ptr : "",
		                  (int)(server.len < 100 ? server.len : 100),
		                  server.len ? server.ptr : "");
	if (begin(ret, "remove", application, server) != KP_OK)
		return out_of_memory(why);
	kp_err err = KP_OK;
	for (size_t i = 0; i < known->instances.len && err == KP_OK; i++)
		err = change_add(ret,
		                 (struct change_step){.kind = CHANGE_DROP_INSTANCE,
		                                      .key = kp_str(known->instances.ptr[i]->id)});
	if (err == KP_OK)
		err = change_add(ret, (struct change_step){.kind = CHANGE_DROP_SERVER,
		                                           .key = kp_str(known->name)});
	return err == KP_OK ? KP_OK : out_of_memory(why);
}

// matches tells whether a target means this server, or one of its instances.
static bool matches(const struct target *target, const struct server *server)
{
	struct kp_str rest = kp_str(server->name);
	if (target->application.len == 0)
		return true;
	if (rest.len <= target->application.len || rest.ptr[target->application.len] != '.' ||
	    memcmp(rest.ptr, target->application.ptr, target->application.len) != 0)
		return false;
	struct kp_str name = kp_str_sub(rest, target->application.len + 1, rest.len);
	return target->server.len == 0 || kp_str_equal(name, target->server);
}

struct server_list {
	KP_VEC(struct server *) all;
};

static int by_server_name(const void *a, const void *b)
{
	const struct server *const *left = a, *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

static kp_err find_servers(const struct state *state, const struct target *target,
                           struct server_list *ret)
{
	size_t index = 0;
	void *value;
	if (target->server.len) {
		struct server *server =
		        (struct server *)find_server(state, target->application, target->server);
		return server ? kp_vec_push(&ret->all, server) : KP_OK;
	}
	while (kp_map_next(&state->servers, &index, NULL, &value))
		if (matches(target, value))
			KP_TRY(kp_vec_push(&ret->all, (struct server *)value));
	if (ret->all.len)
		qsort(ret->all.ptr, ret->all.len, sizeof(*ret->all.ptr), by_server_name);
	return KP_OK;
}

static kp_err not_found(struct kp_str target, struct kp_why *why)
{
	return kp_why_set(why, KP_ERR_NOTFOUND, "nothing deployed is called %.*s",
	                  (int)(target.len < 200 ? target.len : 200), target.len ? target.ptr : "");
}

void instance_list_fini(struct instance_list *list)
{
	kp_vec_fini(&list->all);
}

static kp_err list_instances(const struct server_list *servers, int32_t number,
                             struct instance_list *ret)
{
	for (size_t i = 0; i < servers->all.len; i++) {
		const struct server *server = servers->all.ptr[i];
		for (size_t j = 0; j < server->instances.len; j++)
			if (number == 0 || server->instances.ptr[j]->number == number)
				KP_TRY(kp_vec_push(&ret->all, server->instances.ptr[j]));
	}
	return KP_OK;
}

kp_err plan_find(const struct state *state, struct kp_str text, struct instance_list *ret,
                 struct kp_why *why)
{
	struct target target;
	KP_TRY(target_parse(text, &target, why));
	struct server_list servers = {0};
	kp_err err = find_servers(state, &target, &servers);
	if (err == KP_OK)
		err = list_instances(&servers, target.number, ret);
	bool is_missing = text.len && (servers.all.len == 0 || (target.number && !ret->all.len));
	kp_vec_fini(&servers.all);
	if (err != KP_OK)
		return out_of_memory(why);
	return is_missing ? not_found(text, why) : KP_OK;
}

// run_one is what a verb does to one instance. When only one of a stopped server is started, the
// others stay stopped: the wish to run is each instance's own.
static kp_err run_one(struct change *change, enum plan_verb verb, bool is_own,
                      const struct instance *instance)
{
	struct change_step step = step_of(instance);
	KP_TRY(kp_vec_push(&change->instances, step.key));
	bool is_running = verb != PLAN_STOP;
	if (step.is_running == is_running && !(verb == PLAN_RESTART && is_own))
		return KP_OK;
	step.is_running = is_running;
	if (verb == PLAN_RESTART && is_own)
		step.restart_count++;
	return change_add(change, step);
}

static kp_err run_server(struct change *change, enum plan_verb verb, int32_t number,
                         const struct server *server, struct kp_why *why)
{
	struct kipp_Server spec;
	KP_TRY(decode_known(server, change, &spec, why));
	bool is_running = number && verb == PLAN_STOP ? spec.isRunning : verb != PLAN_STOP;
	bool is_counted = verb == PLAN_RESTART && number == 0;
	if (spec.isRunning != is_running || is_counted) {
		spec.isRunning = is_running;
		spec.restartCount += is_counted;
		KP_TRY(put_spec(change, kp_str(server->name), &spec));
	}
	for (size_t i = 0; i < server->instances.len; i++)
		if (number == 0 || server->instances.ptr[i]->number == number)
			KP_TRY(run_one(change, verb, number != 0, server->instances.ptr[i]));
	return KP_OK;
}

kp_err plan_run(const struct state *state, enum plan_verb verb, struct kp_str text,
                struct change *ret, struct kp_why *why)
{
	static const char *const names[] = {"start", "stop", "restart"};
	struct target target;
	KP_TRY(target_parse(text, &target, why));
	if (text.len == 0)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "say what to %s: App, App.Server or "
		                  "App.Server.1",
		                  names[verb]);
	ret->what = kp_str(names[verb]);
	if (copy(ret, text, &ret->subject) != KP_OK)
		return out_of_memory(why);
	struct server_list servers = {0};
	kp_err err = find_servers(state, &target, &servers);
	for (size_t i = 0; i < servers.all.len && err == KP_OK; i++)
		err = run_server(ret, verb, target.number, servers.all.ptr[i], why);
	bool is_missing = servers.all.len == 0 || (target.number && ret->instances.len == 0);
	kp_vec_fini(&servers.all);
	if (err == KP_ERR_NOMEM)
		return out_of_memory(why);
	KP_TRY(err);
	return is_missing ? not_found(text, why) : KP_OK;
}

static bool is_same_node(const struct node *node, const struct kipp_NodeInfo *info)
{
	return kp_str_equal(kp_str(node->host), info->host) &&
	       kp_str_equal(kp_str(node->endpoint), info->endpoint) &&
	       kp_str_equal(kp_str(node->version), info->version);
}

static kp_err check_node(const struct kipp_NodeInfo *info, struct kp_why *why)
{
	struct kp_endpoint endpoint;
	if (!node_name_is_valid(info->name))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "a node's name is made of letters, digits and - _ . :");
	if (!node_name_is_valid(info->host))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the host of node %.*s is no host name or address",
		                  KP_STR_ARG(info->name));
	if (kp_endpoint_parse(info->endpoint, &endpoint, NULL) != KP_OK)
		return kp_why_set(
		        why, KP_ERR_INVALID,
		        "the endpoint of node %.*s is not understood: write \"tcp -h H -p "
		        "P\"",
		        KP_STR_ARG(info->name));
	if (info->version.len > 128)
		return kp_why_set(why, KP_ERR_INVALID, "the version of node %.*s is too long",
		                  KP_STR_ARG(info->name));
	return KP_OK;
}

kp_err plan_node(const struct state *state, const struct kipp_NodeInfo *info, struct change *ret,
                 struct kp_why *why)
{
	KP_TRY(check_node(info, why));
	const struct node *known = state_node(state, info->name);
	if (known && is_same_node(known, info))
		return KP_OK;
	ret->what = kp_str("node");
	struct change_step step = {.kind = CHANGE_PUT_NODE};
	if (copy(ret, info->name, &step.key) != KP_OK ||
	    copy(ret, info->host, &step.host) != KP_OK ||
	    copy(ret, info->endpoint, &step.endpoint) != KP_OK ||
	    copy(ret, info->version, &step.version) != KP_OK || change_add(ret, step) != KP_OK)
		return out_of_memory(why);
	ret->subject = step.key;
	return KP_OK;
}

static int by_id_rank(const void *a, const void *b)
{
	const struct instance *const *left = a, *const *right = b;
	int order = strcmp((*left)->server->name, (*right)->server->name);
	return order ? order : (*left)->number - (*right)->number;
}

static kp_err place_all(struct instance_list *waiting, struct place *place, struct change *change)
{
	for (size_t i = 0; i < waiting->all.len; i++) {
		const struct instance *instance = waiting->all.ptr[i];
		if (i == 0 || waiting->all.ptr[i - 1]->server != instance->server)
			place_server(place, instance->server);
		struct change_step step = step_of(instance);
		struct node *node = place_next(place);
		if (!node)
			return KP_OK;
		step.node = kp_str(node->name);
		KP_TRY(change_add(change, step));
		KP_TRY(kp_vec_push(&change->instances, step.key));
	}
	return KP_OK;
}

kp_err plan_place(const struct state *state, struct change *ret)
{
	if (state->unplaced == 0)
		return KP_OK;
	ret->what = kp_str("place");
	struct instance_list waiting = {0};
	struct place place;
	KP_TRY(place_init(&place, state));
	kp_err err = KP_OK;
	size_t index = 0;
	void *value;
	while (err == KP_OK && kp_map_next(&state->instances, &index, NULL, &value))
		if (!((struct instance *)value)->node)
			err = kp_vec_push(&waiting.all, (struct instance *)value);
	if (waiting.all.len)
		qsort(waiting.all.ptr, waiting.all.len, sizeof(*waiting.all.ptr), by_id_rank);
	if (err == KP_OK)
		err = place_all(&waiting, &place, ret);
	instance_list_fini(&waiting);
	place_fini(&place);
	return err;
}
