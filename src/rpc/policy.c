// policy.c - what a proxy was told about its functions, by the program or by its configuration.
//
// Options are read by all threads and replaced by any. So they never change: a new set is put in
// place of the old one, which lives as long as the client, for calls under way look into it.
#include "rpc/client_internal.h"

#include "base/try.h"
#include "os/clock.h"
#include "rpc/adjust.h"

#include <limits.h>

enum {
	ONEWAY_QUEUE_DEFAULT = 10000,
	CHANGES_MAX = 1000,   // of one proxy
	PRESETS_MAX = 100000, // of one client, old ones included
	POLICIES_MAX = 4096,
	SHARE_DEFAULT = 50, // percent that may be isolated
};

struct settings {
	struct settings *older; // of the client's
	int oneway_queue_max;   // negative: there is no queue
	struct route_settings route;
	char *access_key; // owned or NULL
	char *secret_key; // owned or NULL
	size_t count;
	struct policy *policies; // owned, with the texts of their names
};

const struct policy policy_default = {.retries_max = 1};

static const struct route_settings route_default = {.isolated_share_max = SHARE_DEFAULT};

static void free_settings(struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		kp_free((char *)settings->policies[i].function.ptr);
	kp_free(settings->policies);
	kp_free(settings->access_key);
	kp_free(settings->secret_key);
	kp_free(settings);
}

void policies_free(struct kp_client *client)
{
	kp_map_fini(&client->presets);
	while (client->settings) {
		struct settings *settings = client->settings;
		client->settings = settings->older;
		free_settings(settings);
	}
}

static const struct settings *settings_of(const struct kp_proxy *proxy)
{
	return __atomic_load_n(&proxy->settings, __ATOMIC_ACQUIRE);
}

const struct policy *policy_of(const struct kp_proxy *proxy, struct kp_str function)
{
	const struct settings *settings = settings_of(proxy);
	if (KP_LIKELY(!settings))
		return &policy_default;
	const struct policy *others = &policy_default;
	for (size_t i = 0; i < settings->count; i++) {
		const struct policy *policy = &settings->policies[i];
		if (!policy->function.ptr)
			others = policy;
		else if (kp_str_equal(policy->function, function))
			return policy;
	}
	return others;
}

int policy_oneway_max(const struct kp_proxy *proxy)
{
	const struct settings *settings = settings_of(proxy);
	return settings ? settings->oneway_queue_max : ONEWAY_QUEUE_DEFAULT;
}

const struct route_settings *policy_route(const struct kp_proxy *proxy)
{
	const struct settings *settings = settings_of(proxy);
	return KP_LIKELY(!settings) ? &route_default : &settings->route;
}

bool policy_keys(const struct kp_proxy *proxy, struct kp_str *ret_access, struct kp_str *ret_secret)
{
	const struct settings *settings = settings_of(proxy);
	if (!settings || !settings->access_key || !settings->secret_key)
		return false;
	*ret_access = kp_str(settings->access_key);
	*ret_secret = kp_str(settings->secret_key);
	return true;
}

static bool is_valid_route(const struct kp_proxy_options *options)
{
	return (unsigned)options->balancer <= KP_BALANCE_LEAST_LATENCY &&
	       options->subset_size >= 0 && options->slow_start_ms >= 0 &&
	       options->isolated_share_max <= 100;
}

static bool is_valid(const struct kp_proxy_options *options)
{
	if (options->policy_count > POLICIES_MAX || !is_valid_route(options))
		return false;
	for (size_t i = 0; i < options->policy_count; i++) {
		const struct kp_function_policy *policy = &options->policies[i];
		if ((policy->function && !*policy->function) || policy->timeout_ms < 0 ||
		    policy->hedge_ms < 0 || (policy->hedge_ms > 0 && !policy->is_idempotent))
			return false;
	}
	return true;
}

static kp_err copy_policy(const struct kp_function_policy *from, struct policy *ret)
{
	*ret = (struct policy){
	        .is_idempotent = from->is_idempotent,
	        .retries_max = from->retries_max == 0 ? 1 : from->retries_max,
	        .hedge_ns = from->hedge_ms * (int64_t)KP_NS_PER_MS,
	        .timeout_ms = from->timeout_ms,
	};
	if (!from->function)
		return KP_OK;
	const char *name = kp_strdup(from->function);
	if (!name)
		return KP_ERR_NOMEM;
	ret->function = kp_str(name);
	return KP_OK;
}

static kp_err copy_keys(struct settings *settings, const struct kp_proxy_options *options)
{
	if (options->access_key && !(settings->access_key = kp_strdup(options->access_key)))
		return KP_ERR_NOMEM;
	if (options->secret_key && !(settings->secret_key = kp_strdup(options->secret_key)))
		return KP_ERR_NOMEM;
	return KP_OK;
}

static struct settings *settings_new(const struct kp_proxy_options *options)
{
	struct settings *settings = kp_new(struct settings);
	if (!settings)
		return NULL;
	int max = options->oneway_queue_max;
	settings->oneway_queue_max = max == 0 ? ONEWAY_QUEUE_DEFAULT : max;
	int share = options->isolated_share_max;
	settings->route = (struct route_settings){
	        .balancer = options->balancer,
	        .subset_size = (size_t)options->subset_size,
	        .slow_start_ns = options->slow_start_ms * (int64_t)KP_NS_PER_MS,
	        .isolated_share_max = share == 0  ? SHARE_DEFAULT
	                              : share < 0 ? 0
	                                          : share,
	};
	kp_err err = copy_keys(settings, options);
	if (err == KP_OK && options->policy_count > 0) {
		settings->policies = kp_alloc_zero(options->policy_count, sizeof(struct policy));
		if (!settings->policies)
			err = KP_ERR_NOMEM;
	}
	while (err == KP_OK && settings->count < options->policy_count) {
		err = copy_policy(&options->policies[settings->count],
		                  &settings->policies[settings->count]);
		settings->count += err == KP_OK;
	}
	if (err == KP_OK)
		return settings;
	free_settings(settings);
	return NULL;
}

// keep gives settings to their client. With the client's lock.
static void keep(struct kp_client *client, struct settings *settings)
{
	settings->older = client->settings;
	client->settings = settings;
}

static void use(struct kp_proxy *proxy, const struct settings *settings)
{
	__atomic_store_n(&proxy->settings, settings, __ATOMIC_RELEASE);
}

// put has a proxy use settings that a program made. With the client's lock.
static kp_err put(struct kp_proxy *proxy, struct settings *settings)
{
	if (proxy->changes >= CHANGES_MAX)
		return KP_ERR_LIMIT;
	proxy->changes++;
	keep(proxy->client, settings);
	if (!kp_map_get(&proxy->client->presets, proxy->name))
		use(proxy, settings);
	return KP_OK;
}

kp_err kp_proxy_configure(struct kp_proxy *proxy, const struct kp_proxy_options *options)
{
	if (!proxy)
		return KP_ERR_NOMEM;
	if (!is_valid(options))
		return KP_ERR_INVALID;
	struct settings *settings = settings_new(options);
	if (!settings)
		return KP_ERR_NOMEM;
	pthread_mutex_lock(&proxy->client->lock);
	kp_err err = put(proxy, settings);
	pthread_mutex_unlock(&proxy->client->lock);
	if (err != KP_OK)
		free_settings(settings);
	return err;
}

// --- by configuration

void policies_adopt(struct kp_proxy *proxy)
{
	use(proxy, kp_map_get(&proxy->client->presets, proxy->name));
}

// preset has all proxies of an object use the settings, those to come as well. With the client's
// lock.
static kp_err preset(struct kp_client *client, struct kp_str object, struct settings *settings)
{
	if (client->preset_count >= PRESETS_MAX)
		return KP_ERR_LIMIT;
	KP_TRY(kp_map_set(&client->presets, object, settings));
	client->preset_count++;
	keep(client, settings);
	for (size_t i = 0; i < client->proxies.len; i++)
		if (kp_str_equal(client->proxies.ptr[i]->name, object))
			use(client->proxies.ptr[i], settings);
	return KP_OK;
}

kp_err client_set_object(struct kp_client *client, struct kp_str object,
                         const struct kp_proxy_options *options)
{
	if (!is_valid(options))
		return KP_ERR_INVALID;
	struct settings *settings = settings_new(options);
	if (!settings)
		return KP_ERR_NOMEM;
	pthread_mutex_lock(&client->lock);
	kp_err err = preset(client, object, settings);
	pthread_mutex_unlock(&client->lock);
	if (err != KP_OK)
		free_settings(settings);
	return err;
}
