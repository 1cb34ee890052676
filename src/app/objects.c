// objects.c - sections of the client's section become options of proxies.
#include "app/objects.h"

#include "base/text.h"
#include "base/try.h"
#include "rpc/adjust.h"

static int number(const struct kp_conf_node *section, const char *name)
{
	return (int)app_config_number(section, KEY_OF_OBJECT, name);
}

// number_or_none turns 0 into what the library calls none: there it is the default.
static int number_or_none(const struct kp_conf_node *section, const char *name)
{
	int value = number(section, name);
	return value > 0 ? value : -1;
}

static struct kp_function_policy policy_of(const struct kp_conf_node *section, const char *function,
                                           bool is_idempotent)
{
	return (struct kp_function_policy){
	        .function = function,
	        .is_idempotent = is_idempotent,
	        .retries_max = number_or_none(section, "retries"),
	        .hedge_ms = is_idempotent ? number(section, "hedge") : 0,
	        .timeout_ms = number(section, "timeout"),
	};
}

// make_policies makes one for each function that may run twice, and one for all others.
static struct kp_function_policy *make_policies(const struct kp_conf_node *section,
                                                struct kp_arena *arena, size_t *ret_count)
{
	struct kp_str rest = app_config_get(section, KEY_OF_OBJECT, "idempotent"), name;
	struct kp_function_policy *policies =
	        kp_arena_alloc_zero(arena, rest.len + 1, sizeof(*policies));
	bool is_all = false;
	size_t count = 0;
	while (policies && kp_str_split_next(&rest, ' ', &name)) {
		is_all = is_all || kp_str_equal(name, kp_str("*"));
		if (name.len == 0 || kp_str_equal(name, kp_str("*")))
			continue;
		struct kp_str copy = kp_arena_str(arena, name);
		if (!copy.ptr)
			return NULL;
		policies[count++] = policy_of(section, copy.ptr, true);
	}
	if (policies)
		policies[count++] = policy_of(section, NULL, is_all);
	*ret_count = count;
	return policies;
}

static const char *text(const struct kp_conf_node *section, struct kp_arena *arena,
                        const char *name)
{
	struct kp_str value = app_config_get(section, KEY_OF_OBJECT, name);
	return value.len > 0 ? kp_arena_str(arena, value).ptr : NULL;
}

static void take_keys(const struct kp_conf_node *section, struct kp_arena *arena,
                      struct kp_proxy_options *options)
{
	options->access_key = text(section, arena, "accesskey");
	options->secret_key = text(section, arena, "secretkey");
}

kp_err objects_configure(struct kp_app *app, struct kp_str object,
                         const struct kp_conf_node *section, struct kp_why *why)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_proxy_options options = {
	        .oneway_queue_max = number_or_none(section, "oneway-queue"),
	        .balancer = (enum kp_balancer)app_config_word(section, KEY_OF_OBJECT, "balancer"),
	        .subset_size = number(section, "subset"),
	        .slow_start_ms = number(section, "slow-start"),
	        .isolated_share_max = number_or_none(section, "isolated-share"),
	};
	if (arena)
		take_keys(section, arena, &options);
	if (arena)
		options.policies = make_policies(section, arena, &options.policy_count);
	kp_err err =
	        options.policies ? client_set_object(app->client, object, &options) : KP_ERR_NOMEM;
	if (err != KP_OK)
		kp_why_set(why, err, "what is said of %.*s cannot be applied: %s",
		           KP_STR_ARG(object), kp_err_text(err));
	kp_arena_free(arena);
	return err;
}

kp_err objects_configure_all(struct kp_app *app, struct kp_why *why)
{
	const struct kp_conf_node *client = app_config_section(app->config, KEY_OF_CLIENT);
	const struct kp_conf_node *section = NULL;
	while (client && (section = kp_conf_next(client, section, KP_CONF_SECTION)))
		KP_TRY(objects_configure(app, section->name, section, why));
	return KP_OK;
}
