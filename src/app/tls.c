// tls.c - certificates and keys of the configuration.
#include "app/app_internal.h"

static const char *text_of(const struct kp_app *app, const struct kp_conf_node *section,
                           enum key_section kind, const char *name)
{
	struct kp_str text = app_config_get(section, kind, name);
	return text.len > 0 ? kp_arena_str(app->arena, text).ptr : NULL;
}

// text_of_adapter is a key of an adapter, or else the server's of the same name.
static const char *text_of_adapter(const struct kp_app *app, const struct kp_conf_node *adapter,
                                   const char *name)
{
	const char *text = text_of(app, adapter, KEY_OF_ADAPTER, name);
	const struct kp_conf_node *server = app_config_section(app->config, KEY_OF_SERVER);
	return text ? text : text_of(app, server, KEY_OF_SERVER, name);
}

static bool verifies_clients(const struct kp_app *app, const struct kp_conf_node *adapter)
{
	enum {
		AS_SERVER,
		NO,
		YES
	};
	const struct kp_conf_node *server = app_config_section(app->config, KEY_OF_SERVER);
	int word = app_config_word(adapter, KEY_OF_ADAPTER, "verifyclient");
	return word == YES ||
	       (word == AS_SERVER && app_config_word(server, KEY_OF_SERVER, "verifyclient") == 1);
}

bool app_tls_of_adapter(struct kp_app *app, const struct kp_conf_node *adapter,
                        struct kp_tls_options *ret)
{
	*ret = (struct kp_tls_options){
	        .cert = text_of_adapter(app, adapter, "cert"),
	        .key = text_of_adapter(app, adapter, "key"),
	        .ca = text_of_adapter(app, adapter, "ca"),
	        .ciphers = text_of_adapter(app, adapter, "ciphers"),
	        .verify_client = verifies_clients(app, adapter),
	        .is_optional = app_config_word(adapter, KEY_OF_ADAPTER, "tlsoptional") == 1,
	};
	app->has_tls = app->has_tls || ret->cert;
	return ret->cert || ret->is_optional;
}

bool app_tls_of_client(struct kp_app *app, struct kp_tls_options *ret)
{
	const struct kp_conf_node *client = app_config_section(app->config, KEY_OF_CLIENT);
	*ret = (struct kp_tls_options){
	        .cert = text_of(app, client, KEY_OF_CLIENT, "cert"),
	        .key = text_of(app, client, KEY_OF_CLIENT, "key"),
	        .ca = text_of(app, client, KEY_OF_CLIENT, "ca"),
	        .ciphers = text_of(app, client, KEY_OF_CLIENT, "ciphers"),
	        .trusts_anybody = app_config_word(client, KEY_OF_CLIENT, "verifyserver") == 0,
	};
	bool is_said = ret->cert || ret->ca || ret->ciphers || ret->trusts_anybody;
	app->has_tls = app->has_tls || is_said;
	return is_said;
}

kp_err app_tls_reload(struct kp_app *app, struct kp_why *why)
{
	struct kp_why other = {""};
	kp_err err = kp_server_reload_tls(app->server, why);
	kp_err client_err = kp_client_reload_tls(app->client, err == KP_OK ? why : &other);
	return err != KP_OK ? err : client_err;
}
