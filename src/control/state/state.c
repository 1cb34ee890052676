// state.c - the tables, and how changes and reports move them.
#include "control/state/state.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/try.h"

#include <stdarg.h>
#include <stdio.h>

// A tick that comes this late means that the controller itself was stopped.
#define TICK_LATE_NS INT64_C(3000000000)

static void node_free(struct node *node)
{
	if (!node)
		return;
	kp_free(node->name);
	kp_free(node->host);
	kp_free(node->endpoint);
	kp_free(node->version);
	kp_free(node->boot_id);
	kp_free(node->refused);
	kp_vec_fini(&node->instances);
	kp_free(node);
}
KP_DEFINE_FREEP(struct node *, node_free);

static void server_free(struct server *server)
{
	if (!server)
		return;
	kp_list_remove(&server->changed);
	kp_free(server->name);
	kp_free(server->spec.ptr);
	kp_vec_fini(&server->instances);
	kp_free(server);
}
KP_DEFINE_FREEP(struct server *, server_free);

static void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	kp_list_remove(&instance->unsaved);
	kp_free(instance->id);
	kp_free(instance->status.ptr);
	kp_free(instance);
}
KP_DEFINE_FREEP(struct instance *, instance_free);

void state_init(struct state *state)
{
	*state = (struct state){0};
	kp_list_init(&state->changed);
	kp_list_init(&state->unsaved);
}

void state_fini(struct state *state)
{
	size_t index = 0;
	void *value;
	while (kp_map_next(&state->instances, &index, NULL, &value))
		instance_free(value);
	for (index = 0; kp_map_next(&state->servers, &index, NULL, &value);)
		server_free(value);
	for (index = 0; kp_map_next(&state->nodes, &index, NULL, &value);)
		node_free(value);
	kp_map_fini(&state->instances);
	kp_map_fini(&state->servers);
	kp_map_fini(&state->nodes);
	state_clear_notices(state);
	kp_vec_fini(&state->notices);
}

struct server *state_server(const struct state *state, struct kp_str name)
{
	return kp_map_get(&state->servers, name);
}

struct instance *state_instance(const struct state *state, struct kp_str id)
{
	return kp_map_get(&state->instances, id);
}

struct node *state_node(const struct state *state, struct kp_str name)
{
	return kp_map_get(&state->nodes, name);
}

static void notice_fini(struct notice *notice)
{
	kp_free(notice->subject);
	kp_free(notice->text);
	kp_free(notice->node);
}

void state_clear_notices(struct state *state)
{
	for (size_t i = 0; i < state->notices.len; i++)
		notice_fini(&state->notices.ptr[i]);
	state->notices.len = 0;
}

kp_err state_notice(struct state *state, const char *kind, struct kp_str subject,
                    struct kp_str node, int level, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	struct notice notice = {
	        .kind = kind,
	        .subject = kp_strndup(subject.ptr ? subject.ptr : "", subject.len),
	        .text = kp_strdup(text),
	        .node = kp_strndup(node.ptr ? node.ptr : "", node.len),
	        .level = level,
	};
	if (notice.subject && notice.text && notice.node &&
	    kp_vec_push(&state->notices, notice) == KP_OK)
		return KP_OK;
	notice_fini(&notice);
	return KP_ERR_NOMEM;
}

// blob_set copies `bytes`; on failure the old content stays.
static kp_err blob_set(struct blob *blob, struct kp_bytes bytes)
{
	uint8_t *copy = kp_alloc(bytes.len ? bytes.len : 1);
	if (!copy)
		return KP_ERR_NOMEM;
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	kp_free(blob->ptr);
	*blob = (struct blob){copy, bytes.len};
	return KP_OK;
}

static kp_err text_set(char **text, struct kp_str value)
{
	char *copy = kp_strndup(value.ptr ? value.ptr : "", value.len);
	if (!copy)
		return KP_ERR_NOMEM;
	kp_free(*text);
	*text = copy;
	return KP_OK;
}

static void mark_changed(struct state *state, struct server *server)
{
	if (!kp_link_is_in_list(&server->changed))
		kp_list_push(&state->changed, &server->changed);
}

// instance_digest covers all that its agent is told. A node's digest is the exclusive or of its
// instances', so it is kept up to date in one step and does not depend on their order.
static uint64_t instance_digest(const struct instance *instance)
{
	uint64_t digest = kp_hash(instance->id, strlen(instance->id), 1);
	digest = kp_hash(instance->server->spec.ptr, instance->server->spec.len, digest);
	digest = kp_hash(&instance->restart_count, sizeof(instance->restart_count), digest);
	// Hashed, not added: the wishes of two instances must not cancel each other out.
	return kp_hash(&instance->is_running, sizeof(instance->is_running), digest);
}

int64_t node_revision(const struct node *node)
{
	return (int64_t)(node->digest >> 1 | 1);
}

static void digest_toggle(struct instance *instance)
{
	if (instance->node)
		instance->node->digest ^= instance_digest(instance);
}

static void leave_node(struct state *state, struct instance *instance)
{
	struct node *node = instance->node;
	if (!node)
		return;
	digest_toggle(instance);
	for (size_t i = 0; i < node->instances.len; i++)
		if (node->instances.ptr[i] == instance) {
			kp_vec_remove(&node->instances, i);
			break;
		}
	instance->node = NULL;
	state->unplaced++;
}

// A moved instance starts anew: what its former node said of it no longer counts.
static kp_err join_node(struct state *state, struct instance *instance, struct kp_str name)
{
	if (instance->node && kp_str_equal(kp_str(instance->node->name), name))
		return KP_OK;
	leave_node(state, instance);
	instance->reported = kipp_State_Pending;
	kp_free(kp_take(&instance->status.ptr));
	instance->status.len = 0;
	struct node *node = state_node(state, name);
	if (!node)
		return KP_OK;
	KP_TRY(kp_vec_push(&node->instances, instance));
	instance->node = node;
	state->unplaced--;
	digest_toggle(instance);
	return KP_OK;
}

static kp_err put_server(struct state *state, const struct change_step *step)
{
	struct server *known = state_server(state, step->key);
	if (known) {
		for (size_t i = 0; i < known->instances.len; i++)
			digest_toggle(known->instances.ptr[i]);
		kp_err err = blob_set(&known->spec, step->spec);
		for (size_t i = 0; i < known->instances.len; i++)
			digest_toggle(known->instances.ptr[i]);
		mark_changed(state, known);
		return err;
	}
	kp_cleanup(server_freep) struct server *server = kp_new(struct server);
	if (!server)
		return KP_ERR_NOMEM;
	KP_TRY(text_set(&server->name, step->key));
	KP_TRY(blob_set(&server->spec, step->spec));
	KP_TRY(kp_map_set(&state->servers, step->key, server));
	mark_changed(state, kp_take(&server));
	return KP_OK;
}

static void drop_instance(struct state *state, struct kp_str id)
{
	struct instance *instance = kp_map_remove(&state->instances, id);
	if (!instance)
		return;
	struct server *server = instance->server;
	leave_node(state, instance);
	state->unplaced--;
	for (size_t i = 0; i < server->instances.len; i++)
		if (server->instances.ptr[i] == instance) {
			kp_vec_remove(&server->instances, i);
			break;
		}
	mark_changed(state, server);
	instance_free(instance);
}

static void drop_server(struct state *state, struct kp_str name)
{
	struct server *server = kp_map_remove(&state->servers, name);
	if (!server)
		return;
	while (server->instances.len)
		drop_instance(state, kp_str(server->instances.ptr[0]->id));
	server_free(server);
}

static kp_err add_instance(struct state *state, struct server *server,
                           const struct change_step *step, struct instance **ret)
{
	kp_cleanup(instance_freep) struct instance *instance = kp_new(struct instance);
	if (!instance)
		return KP_ERR_NOMEM;
	instance->number = step->number;
	instance->server = server;
	KP_TRY(text_set(&instance->id, step->key));
	KP_TRY(kp_vec_push(&server->instances, instance));
	if (kp_map_set(&state->instances, step->key, instance) != KP_OK) {
		server->instances.len--;
		return KP_ERR_NOMEM;
	}
	size_t at = server->instances.len - 1;
	for (; at > 0 && server->instances.ptr[at - 1]->number > step->number; at--)
		server->instances.ptr[at] = server->instances.ptr[at - 1];
	server->instances.ptr[at] = instance;
	state->unplaced++;
	*ret = kp_take(&instance);
	return KP_OK;
}

static kp_err put_instance(struct state *state, const struct change_step *step, int64_t now_ns)
{
	struct server *server = state_server(state, step->server);
	if (!server)
		return KP_OK; // a row that outlived its server
	struct instance *instance = state_instance(state, step->key);
	if (!instance)
		KP_TRY(add_instance(state, server, step, &instance));

	digest_toggle(instance);
	instance->is_running = step->is_running;
	instance->restart_count = step->restart_count;
	instance->reported_ns = now_ns;
	digest_toggle(instance);
	mark_changed(state, server);
	return join_node(state, instance, step->node);
}

static kp_err put_node(struct state *state, const struct change_step *step, int64_t now_ns)
{
	struct node *node = state_node(state, step->key);
	if (!node) {
		kp_cleanup(node_freep) struct node *made = kp_new(struct node);
		if (!made)
			return KP_ERR_NOMEM;
		KP_TRY(text_set(&made->name, step->key));
		KP_TRY(kp_map_set(&state->nodes, step->key, made));
		made->is_alive = true;
		made->silent_at_ns = now_ns + NODE_RETURN_NS;
		node = kp_take(&made);
	}
	state->has_new_nodes = true;
	for (size_t i = 0; i < node->instances.len; i++)
		mark_changed(state, node->instances.ptr[i]->server);
	KP_TRY(text_set(&node->host, step->host));
	KP_TRY(text_set(&node->endpoint, step->endpoint));
	return text_set(&node->version, step->version);
}

kp_err state_apply(struct state *state, const struct change_step *steps, size_t count,
                   int64_t now_ns)
{
	for (size_t i = 0; i < count; i++) {
		const struct change_step *step = &steps[i];
		switch (step->kind) {
		case CHANGE_PUT_SERVER:
			KP_TRY(put_server(state, step));
			break;
		case CHANGE_DROP_SERVER:
			drop_server(state, step->key);
			break;
		case CHANGE_PUT_INSTANCE:
			KP_TRY(put_instance(state, step, now_ns));
			break;
		case CHANGE_DROP_INSTANCE:
			drop_instance(state, step->key);
			break;
		case CHANGE_PUT_NODE:
			KP_TRY(put_node(state, step, now_ns));
			break;
		}
	}
	return KP_OK;
}

bool instance_was_up(const struct instance *instance)
{
	return instance->is_running && instance->reported == kipp_State_Active;
}

bool instance_is_up(const struct instance *instance)
{
	return instance_was_up(instance) && instance->node && instance->node->is_alive;
}

static bool blob_equals(const struct blob *blob, struct kp_bytes bytes)
{
	return kp_bytes_equal((struct kp_bytes){blob->ptr, blob->len}, bytes);
}

static kp_err set_status(struct state *state, struct instance *instance, enum kipp_State reported,
                         struct kp_bytes status)
{
	KP_TRY(blob_set(&instance->status, status));
	instance->reported = reported;
	mark_changed(state, instance->server);
	return KP_OK;
}

kp_err state_restore_status(struct state *state, struct kp_str id, struct kp_bytes bytes,
                            int64_t now_ns)
{
	struct instance *instance = state_instance(state, id);
	if (!instance || !instance->node)
		return KP_OK;
	struct kp_arena arena = {0};
	struct kp_decoder in = kp_decoder(bytes, &arena);
	struct kipp_Status status;
	kipp_Status_init(&status);
	bool is_there = kipp_Status_decode(&in, 0, KP_REQUIRED, &status);
	kp_arena_fini(&arena);
	if (!is_there)
		return in.err == KP_ERR_NOMEM ? KP_ERR_NOMEM : KP_OK; // the node will say it again
	instance->reported_ns = now_ns;
	return set_status(state, instance, status.state, bytes);
}

static kp_err take_status(struct state *state, struct node *node, const struct kipp_Status *status,
                          struct kp_buf *scratch, int64_t now_ns)
{
	struct instance *instance = state_instance(state, status->id);
	if (!instance || instance->node != node)
		return KP_OK;
	instance->reported_ns = now_ns;
	kp_buf_clear(scratch);
	kipp_Status_encode(scratch, 0, status);
	if (scratch->err != KP_OK)
		return scratch->err;
	if (blob_equals(&instance->status, kp_buf_bytes(scratch)))
		return KP_OK;
	KP_TRY(set_status(state, instance, status->state, kp_buf_bytes(scratch)));
	if (!kp_link_is_in_list(&instance->unsaved))
		kp_list_push(&state->unsaved, &instance->unsaved);
	return KP_OK;
}

static kp_err hear_of(struct state *state, struct node *node, struct kp_str boot_id, int64_t now_ns,
                      int64_t now_ms)
{
	node->silent_at_ns = now_ns + NODE_SILENT_NS;
	node->seen_ms = now_ms;
	if (!node->boot_id || !kp_str_equal(kp_str(node->boot_id), boot_id))
		KP_TRY(text_set(&node->boot_id, boot_id));
	if (node->is_alive)
		return KP_OK;
	node->is_alive = true;
	state->has_new_nodes = true;
	for (size_t i = 0; i < node->instances.len; i++)
		mark_changed(state, node->instances.ptr[i]->server);
	return state_notice(state, "node.returned", kp_str(node->name), kp_str(node->name), 0,
	                    "node %s reports again", node->name);
}

// An instance that its node leaves out of its reports for long enough does not run there.
static kp_err forget_unreported(struct state *state, struct node *node, int64_t now_ns)
{
	for (size_t i = 0; i < node->instances.len; i++) {
		struct instance *instance = node->instances.ptr[i];
		if (instance->reported == kipp_State_Pending ||
		    now_ns - instance->reported_ns < NODE_SILENT_NS)
			continue;
		instance->reported = kipp_State_Pending;
		kp_free(kp_take(&instance->status.ptr));
		instance->status.len = 0;
		mark_changed(state, instance->server);
		KP_TRY(state_notice(state, "instance.unreported", kp_str(instance->id),
		                    kp_str(node->name), 1, "node %s no longer reports %s",
		                    node->name, instance->id));
	}
	return KP_OK;
}

kp_err state_report(struct state *state, struct kp_str name, struct kp_str boot_id,
                    const struct kipp_Status *statuses, size_t count, int64_t now_ns,
                    int64_t now_ms)
{
	struct node *node = state_node(state, name);
	if (!node)
		return KP_ERR_NOTFOUND;
	struct kp_buf scratch = {0};
	kp_err err = KP_OK;
	for (size_t i = 0; i < count && err == KP_OK; i++)
		err = take_status(state, node, &statuses[i], &scratch, now_ns);
	kp_buf_fini(&scratch);
	KP_TRY(err);
	KP_TRY(hear_of(state, node, boot_id, now_ns, now_ms));
	return forget_unreported(state, node, now_ns);
}

// agent_of is the part of a boot id that an agent's restart does not change; empty if it has none.
static struct kp_str agent_of(struct kp_str boot_id)
{
	size_t dot = kp_str_find(boot_id, '.');
	return kp_str_sub(boot_id, 0, dot < boot_id.len ? dot : 0);
}

bool state_refuse(struct state *state, const struct kipp_NodeInfo *info, struct kp_str boot_id)
{
	struct node *node = state_node(state, info->name);
	if (!node || !node->is_alive || !node->boot_id)
		return false;
	struct kp_str known = agent_of(kp_str(node->boot_id)), agent = agent_of(boot_id);
	if (known.len == 0 || agent.len == 0 || kp_str_equal(known, agent))
		return false;
	bool is_told = node->refused && kp_str_equal(kp_str(node->refused), boot_id);
	// A notice that is lost for want of memory is made at the next report.
	if (!is_told && text_set(&node->refused, boot_id) == KP_OK)
		(void)state_notice(state, "node.refused", info->name, info->name, 2,
		                   "a second agent, on host %.*s at %.*s, calls itself %s, which "
		                   "the one at %s is: start one of them with another --node",
		                   (int)(info->host.len < 100 ? info->host.len : 100),
		                   info->host.len ? info->host.ptr : "",
		                   (int)(info->endpoint.len < 100 ? info->endpoint.len : 100),
		                   info->endpoint.len ? info->endpoint.ptr : "", node->name,
		                   node->endpoint);
	return true;
}

static kp_err lose_node(struct state *state, struct node *node)
{
	node->is_alive = false;
	state->has_new_nodes = true;
	for (size_t i = 0; i < node->instances.len; i++)
		mark_changed(state, node->instances.ptr[i]->server);
	return state_notice(state, "node.silent", kp_str(node->name), kp_str(node->name), 2,
	                    "node %s has not reported for %d s; its %zu instances count as lost",
	                    node->name, (int)(NODE_SILENT_NS / 1000000000), node->instances.len);
}

static void grant(struct state *state, int64_t extra_ns)
{
	size_t index = 0;
	void *value;
	while (kp_map_next(&state->nodes, &index, NULL, &value))
		((struct node *)value)->silent_at_ns += extra_ns;
	for (index = 0; kp_map_next(&state->instances, &index, NULL, &value);)
		((struct instance *)value)->reported_ns += extra_ns;
}

kp_err state_tick(struct state *state, int64_t now_ns)
{
	int64_t gap_ns = now_ns - state->tick_ns;
	if (state->tick_ns != 0 && gap_ns > TICK_LATE_NS)
		grant(state, gap_ns);
	state->tick_ns = now_ns;

	size_t index = 0;
	void *value;
	while (kp_map_next(&state->nodes, &index, NULL, &value)) {
		struct node *node = value;
		if (node->is_alive && now_ns >= node->silent_at_ns)
			KP_TRY(lose_node(state, node));
	}
	return KP_OK;
}
