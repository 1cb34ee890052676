// conf.c - the tree of a configuration: finding, changing, walking.
#include "tars/conf.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/try.h"
#include "tars/conf_tree.h"

void kp_conf_init(struct kp_conf *conf, struct kp_arena *arena)
{
	*conf = (struct kp_conf){.arena = arena};
}

static uint64_t hash_of(enum kp_conf_kind kind, struct kp_str name)
{
	return kp_hash(name.ptr, name.len, kind);
}

// The index is a tree with four branches to a node, chosen by two bits of the hash after another.
static struct kp_conf_node **find_slot(struct kp_conf_node **slot, enum kp_conf_kind kind,
                                       struct kp_str name)
{
	for (uint64_t hash = hash_of(kind, name); *slot; hash <<= 2) {
		if ((*slot)->kind == kind && kp_str_equal((*slot)->name, name))
			break;
		slot = &(*slot)->slot[hash >> 62];
	}
	return slot;
}

struct kp_conf_node *kp_conf_member(const struct kp_conf_node *section, enum kp_conf_kind kind,
                                    struct kp_str name)
{
	struct kp_conf_node *top = section->index;
	return *find_slot(&top, kind, name);
}

kp_err kp_conf_add(struct kp_conf *conf, struct kp_conf_node *section, enum kp_conf_kind kind,
                   struct kp_str name, struct kp_conf_node **ret)
{
	struct kp_conf_node **slot = find_slot(&section->index, kind, name);
	if (*slot) {
		*ret = *slot;
		return KP_OK;
	}
	if (kind == KP_CONF_SECTION && section->depth >= KP_CONF_DEPTH_MAX)
		return KP_ERR_LIMIT;
	struct kp_conf_node *node = kp_arena_alloc_zero(conf->arena, 1, sizeof(*node));
	if (!node)
		return KP_ERR_NOMEM;
	*node = (struct kp_conf_node){
	        .kind = kind, .depth = section->depth + 1, .name = name, .parent = section};
	*slot = node;
	if (section->last)
		section->last->next = node;
	else
		section->first = node;
	section->last = node;
	*ret = node;
	return KP_OK;
}

// next_step takes the next section's name, or "<key>", from a path. False: nothing is left.
static bool next_step(struct kp_str *path, enum kp_conf_kind *ret_kind, struct kp_str *ret_name)
{
	while (path->len > 0 && path->ptr[0] == '/')
		*path = kp_str_sub(*path, 1, path->len);
	if (path->len == 0)
		return false;
	if (path->ptr[0] == '<') {
		size_t end = path->ptr[path->len - 1] == '>' ? path->len - 1 : path->len;
		*ret_kind = KP_CONF_KEY;
		*ret_name = kp_str_sub(*path, 1, end > 1 ? end : 1);
		*path = (struct kp_str){0};
		return true;
	}
	size_t end = 0;
	while (end < path->len && path->ptr[end] != '/' && path->ptr[end] != '<')
		end++;
	*ret_kind = KP_CONF_SECTION;
	*ret_name = kp_str_sub(*path, 0, end);
	*path = kp_str_sub(*path, end, path->len);
	return true;
}

struct kp_conf_node *kp_conf_find(const struct kp_conf *conf, struct kp_str path)
{
	const struct kp_conf_node *node = &conf->root;
	enum kp_conf_kind kind;
	struct kp_str name;
	while (node && next_step(&path, &kind, &name))
		node = kp_conf_member(node, kind, name);
	return (struct kp_conf_node *)node;
}

bool kp_conf_get(const struct kp_conf *conf, const char *path, struct kp_str *ret)
{
	const struct kp_conf_node *node = kp_conf_find(conf, kp_str(path));
	if (!node || node->kind != KP_CONF_KEY)
		return false;
	*ret = node->value;
	return true;
}

struct kp_conf_node *kp_conf_next(const struct kp_conf_node *section,
                                  const struct kp_conf_node *node, enum kp_conf_kind kind)
{
	struct kp_conf_node *next = node ? node->next : section->first;
	while (next && next->kind != kind)
		next = next->next;
	return next;
}

static kp_err copy(struct kp_conf *conf, struct kp_str text, struct kp_str *ret)
{
	struct kp_str copied = kp_arena_str(conf->arena, text);
	if (!copied.ptr)
		return KP_ERR_NOMEM;
	*ret = copied;
	return KP_OK;
}

// add_copy adds a node whose name may not live long enough.
static kp_err add_copy(struct kp_conf *conf, struct kp_conf_node *section, enum kp_conf_kind kind,
                       struct kp_str name, struct kp_conf_node **ret)
{
	*ret = kp_conf_member(section, kind, name);
	if (*ret)
		return KP_OK;
	KP_TRY(copy(conf, name, &name));
	return kp_conf_add(conf, section, kind, name, ret);
}

kp_err kp_conf_set(struct kp_conf *conf, struct kp_str path, struct kp_str value)
{
	struct kp_conf_node *node = &conf->root;
	enum kp_conf_kind kind = KP_CONF_SECTION;
	struct kp_str name;
	if (kp_str_find(path, '<') < path.len && path.ptr[path.len - 1] != '>')
		return KP_ERR_INVALID;
	while (next_step(&path, &kind, &name)) {
		if (name.len == 0)
			return KP_ERR_INVALID;
		KP_TRY(add_copy(conf, node, kind, name, &node));
	}
	return kind == KP_CONF_KEY ? copy(conf, value, &node->value) : KP_OK;
}

// merge recurses at most KP_CONF_DEPTH_MAX levels.
static kp_err merge(struct kp_conf *conf, struct kp_conf_node *to, const struct kp_conf_node *from)
{
	for (const struct kp_conf_node *node = from->first; node; node = node->next) {
		struct kp_conf_node *member;
		KP_TRY(add_copy(conf, to, node->kind, node->name, &member));
		if (node->kind == KP_CONF_KEY)
			KP_TRY(copy(conf, node->value, &member->value));
		else
			KP_TRY(merge(conf, member, node));
	}
	return KP_OK;
}

kp_err kp_conf_merge(struct kp_conf *conf, const struct kp_conf *over)
{
	return merge(conf, &conf->root, &over->root);
}
