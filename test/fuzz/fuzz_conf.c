// fuzz_conf.c - any text as a configuration.
#include "base/arena.h"
#include "base/assert.h"
#include "tars/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct kp_conf *conf, const struct kp_buf *want)
{
	struct kp_buf out = {0};
	kp_assert(kp_conf_format(conf, &out, NULL) == KP_OK);
	kp_assert(kp_str_equal(kp_buf_str(&out), kp_buf_str(want)));
	kp_buf_fini(&out);
}

// What is read and written reads the same again, and so does a copy made by merging.
static void check_travel(const struct kp_conf *conf, struct kp_arena *arena)
{
	struct kp_buf text = {0};
	struct kp_why why = {0};
	struct kp_conf again, merged;
	kp_conf_init(&again, arena);
	kp_conf_init(&merged, arena);
	kp_err err = kp_conf_format(conf, &text, &why);
	kp_assert(err == KP_OK || (err == KP_ERR_ENCODE && why.text[0]));
	kp_assert(kp_conf_merge(&merged, conf) == KP_OK);
	if (err == KP_OK) {
		kp_assert(kp_conf_parse(&again, kp_buf_str(&text), NULL) == KP_OK);
		check_same(&again, &text);
		check_same(&merged, &text);
		kp_assert(kp_conf_merge(&again, conf) == KP_OK);
		check_same(&again, &text);
	}
	kp_buf_fini(&text);
}

static void check_members(const struct kp_conf_node *section)
{
	for (const struct kp_conf_node *node = section->first; node; node = node->next) {
		kp_assert(node->parent == section && node->depth == section->depth + 1);
		kp_assert(kp_conf_member(section, node->kind, node->name) == node);
		check_members(node);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_arena arena = {0};
	struct kp_conf conf;
	struct kp_why why = {0};
	kp_conf_init(&conf, &arena);
	struct kp_str text = {(const char *)data, size};
	kp_err err = kp_conf_parse(&conf, text, &why);
	kp_assert(err == KP_OK || why.text[0]);
	check_members(&conf.root);
	kp_conf_find(&conf, text);
	if (err == KP_OK)
		check_travel(&conf, &arena);
	kp_arena_fini(&arena);
	return 0;
}
