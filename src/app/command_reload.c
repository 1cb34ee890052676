// command_reload.c - reading the configuration file again: what changed, what of it counts at once.
#include "app/command.h"
#include "app/limits.h"
#include "app/objects.h"

#include "base/text.h"
#include "base/try.h"
#include "kipp/stub.h"
#include "rpc/adjust.h"
#include "rpc/background.h"

// reload is one comparison of two readings of the file.
struct reload {
	struct kp_app *app;
	struct app_config *was;
	struct app_config *is;
	struct kp_buf text;
	int changes;
	int errors;
	bool has_timeouts;  // one of them changed
	struct kp_str part; // the adapter's or object's section at hand
};

static void say(struct reload *reload, const char *how, const char *where, const char *name,
                struct kp_str was, struct kp_str is)
{
	reload->changes++;
	if (strcmp(name, "secretkey") == 0)
		was = is = kp_str("***");
	kp_buf_printf(&reload->text, "%s: %s<%s> from '%.*s' to '%.*s'\n", how, where, name,
	              KP_STR_ARG(was), KP_STR_ARG(is));
}

// --- applying

static kp_err apply_locator(struct reload *reload, struct kp_str value, struct kp_why *why)
{
	if (reload->app->options.locator)
		return kp_why_set(why, KP_ERR_STATE, "the command line says where the registry is");
	struct kp_str text = kp_arena_str(reload->is->arena, value);
	return text.ptr ? client_set_locator(reload->app->client, text.ptr, why) : KP_ERR_NOMEM;
}

static kp_err apply_timeout(struct reload *reload, struct kp_str value, struct kp_why *why)
{
	reload->has_timeouts = true;
	return KP_OK;
}

static kp_err apply_log_level(struct reload *reload, struct kp_str value, struct kp_why *why)
{
	int level;
	if (app_log_level_parse(value, &level))
		__atomic_store_n(&reload->app->log_level, level, __ATOMIC_RELAXED);
	return KP_OK;
}

static kp_err apply_grace(struct reload *reload, struct kp_str value, struct kp_why *why)
{
	const struct kp_conf_node *server = app_config_section(reload->is, KEY_OF_SERVER);
	__atomic_store_n(&reload->app->grace_ms,
	                 (int)app_config_number(server, KEY_OF_SERVER, "deactivating-timeout"),
	                 __ATOMIC_RELAXED);
	return KP_OK;
}

static const struct applier {
	enum key_section section;
	const char *name;
	kp_err (*apply)(struct reload *reload, struct kp_str value, struct kp_why *why);
} appliers[] = {
        {KEY_OF_CLIENT, "locator", apply_locator},
        {KEY_OF_CLIENT, "sync-invoke-timeout", apply_timeout},
        {KEY_OF_CLIENT, "connect-timeout", apply_timeout},
        {KEY_OF_SERVER, "logLevel", apply_log_level},
        {KEY_OF_SERVER, "deactivating-timeout", apply_grace},
};

static const struct applier *find_applier(const struct key *key)
{
	for (size_t i = 0; i < sizeof(appliers) / sizeof(*appliers); i++)
		if (appliers[i].section == key->section &&
		    kp_str_equal(kp_str(appliers[i].name), kp_str(key->name)))
			return &appliers[i];
	return NULL;
}

static kp_err apply(struct reload *reload, const struct key *key, struct kp_str value,
                    struct kp_why *why)
{
	const struct applier *applier = find_applier(key);
	if (applier)
		return applier->apply(reload, value, why);
	if (key->section == KEY_OF_ADAPTER)
		return limits_change(reload->app, reload->part, kp_str(key->name),
		                     keys_number(key, value), why);
	return KP_OK; // of an object, whose section is applied as a whole
}

static void change(struct reload *reload, const struct key *key, const char *where,
                   struct kp_str was, struct kp_str is)
{
	struct kp_why why = {""};
	if (key->effect == KEY_AT_START) {
		say(reload, "needs a restart", where, key->name, was, is);
		return;
	}
	kp_err err = apply(reload, key, is, &why);
	say(reload, err == KP_OK ? "changed" : "not changed", where, key->name, was, is);
	if (err == KP_OK)
		return;
	reload->errors++;
	kp_buf_printf(&reload->text, "  because %s\n", why.text[0] ? why.text : kp_err_text(err));
}

// --- comparing

static void compare_keys(struct reload *reload, enum key_section kind, const char *where,
                         const struct kp_conf_node *was, const struct kp_conf_node *is)
{
	size_t count;
	const struct key *rows = keys_rows(&count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].section != kind || rows[i].kind == KEY_FOREIGN)
			continue;
		struct kp_str before = app_config_text(was, &rows[i]);
		struct kp_str after = app_config_text(is, &rows[i]);
		if (!kp_str_equal(before, after))
			change(reload, &rows[i], where, before, after);
	}
}

static struct kp_str member(const struct kp_conf_node *section, struct kp_str name)
{
	const struct kp_conf_node *node =
	        section ? kp_conf_member(section, KP_CONF_KEY, name) : NULL;
	return node ? kp_str_trim(node->value) : (struct kp_str){0};
}

// compare_own finds changed keys that are the application's own: kp_app_config gives the new value.
static void compare_own(struct reload *reload, const struct kp_conf_node *was,
                        const struct kp_conf_node *is, bool only_gone)
{
	const struct kp_conf_node *walked = only_gone ? was : is;
	const struct kp_conf_node *node = NULL;
	while (walked && (node = kp_conf_next(walked, node, KP_CONF_KEY))) {
		struct kp_str before = member(was, node->name), after = member(is, node->name);
		if (keys_find(KEY_OF_SERVER, node->name) || kp_str_equal(before, after) ||
		    (only_gone && after.ptr))
			continue;
		struct kp_str name = kp_arena_str(reload->is->arena, node->name);
		if (name.ptr)
			say(reload, "read anew by the application", "server", name.ptr, before,
			    after);
	}
}

static const struct kp_conf_node *part_of(const struct kp_conf_node *section, struct kp_str name)
{
	return section ? kp_conf_member(section, KP_CONF_SECTION, name) : NULL;
}

static void say_part(struct reload *reload, enum key_section kind, const char *what)
{
	bool is_adapter = kind == KEY_OF_ADAPTER;
	kp_buf_printf(&reload->text, "%s %s %.*s %s\n",
	              is_adapter ? "needs a restart:" : "changed:",
	              is_adapter ? "the adapter" : "the object", KP_STR_ARG(reload->part), what);
	reload->changes++;
}

// compare_part compares a section inside another; either may be missing.
static void compare_part(struct reload *reload, enum key_section kind,
                         const struct kp_conf_node *was, const struct kp_conf_node *is)
{
	struct kp_str name = kp_arena_str(reload->is->arena, is ? is->name : was->name);
	struct kp_why why = {""};
	int before = reload->changes;
	reload->part = name;
	if (!name.ptr)
		return;
	if (!was || !is)
		say_part(reload, kind, is ? "is new" : "is gone");
	else
		compare_keys(reload, kind, name.ptr, was, is);
	if (kind != KEY_OF_OBJECT || reload->changes == before)
		return;
	if (objects_configure(reload->app, name, is, &why) == KP_OK)
		return;
	reload->errors++;
	kp_buf_printf(&reload->text, "not changed: %s\n", why.text);
}

static void compare_parts(struct reload *reload, enum key_section kind,
                          const struct kp_conf_node *was, const struct kp_conf_node *is)
{
	const struct kp_conf_node *part = NULL;
	while (is && (part = kp_conf_next(is, part, KP_CONF_SECTION)))
		compare_part(reload, kind, part_of(was, part->name), part);
	while (was && (part = kp_conf_next(was, part, KP_CONF_SECTION)))
		if (!part_of(is, part->name))
			compare_part(reload, kind, part, NULL);
}

static void on_doubt(void *arg, const char *sentence)
{
	kp_buf_printf(arg, "%s\n", sentence);
}

static void compare(struct reload *reload)
{
	for (int kind = 0; kind < KEY_OF_OBJECT; kind++) {
		enum key_section section = (enum key_section)kind;
		compare_keys(reload, section, keys_section_title(section),
		             app_config_section(reload->was, section),
		             app_config_section(reload->is, section));
	}
	const struct kp_conf_node *was = app_config_section(reload->was, KEY_OF_SERVER);
	const struct kp_conf_node *is = app_config_section(reload->is, KEY_OF_SERVER);
	compare_own(reload, was, is, false);
	compare_own(reload, was, is, true);
	compare_parts(reload, KEY_OF_ADAPTER, was, is);
	compare_parts(reload, KEY_OF_OBJECT, app_config_section(reload->was, KEY_OF_CLIENT),
	              app_config_section(reload->is, KEY_OF_CLIENT));
	if (reload->changes > 0)
		app_config_doubts(reload->is, on_doubt, &reload->text);
	const struct kp_conf_node *client = app_config_section(reload->is, KEY_OF_CLIENT);
	if (reload->has_timeouts)
		client_set_timeouts(
		        reload->app->client,
		        (int)app_config_number(client, KEY_OF_CLIENT, "sync-invoke-timeout"),
		        (int)app_config_number(client, KEY_OF_CLIENT, "connect-timeout"));
}

// reload_tls reads the files that the configuration names, which change without it.
static bool reload_tls(struct kp_app *app, struct kp_buf *text)
{
	struct kp_why why = {""};
	kp_err err = app_tls_reload(app, &why);
	if (err == KP_OK)
		kp_buf_printf(text, "certificates and keys are read anew\n");
	else
		kp_buf_printf(text, "certificates and keys stay as they were: %s\n",
		              why.text[0] ? why.text : kp_err_text(err));
	return err == KP_OK;
}

// reload_file leaves in `text` what it did, a line each. What is refused changes nothing.
static kp_err reload_file(struct kp_app *app, struct kp_buf *text)
{
	struct kp_why why = {""};
	struct reload reload = {.app = app, .was = app->config};
	if (!app->options.config) {
		kp_buf_printf(text, "there is no configuration file: the server runs by its "
		                    "command line\n");
		return KP_ERR_STATE;
	}
	kp_err err = app_config_read(app->options.config, &reload.is, &why);
	if (err != KP_OK) {
		kp_buf_printf(text, "nothing is changed: %s\n",
		              why.text[0] ? why.text : kp_err_text(err));
		return err;
	}
	compare(&reload);
	if (reload.changes == 0) {
		app_config_free(reload.is);
		kp_buf_printf(text, "nothing has changed in %s\n", app->options.config);
	} else {
		reload.is->older = app->config;
		__atomic_store_n(&app->config, reload.is, __ATOMIC_RELEASE);
		kp_buf_append_str(text, kp_buf_str(&reload.text));
	}
	kp_buf_fini(&reload.text);
	if (app->has_tls)
		reload.errors += !reload_tls(app, text);
	return reload.errors ? KP_ERR_INVALID : KP_OK;
}

struct kp_str command_load_property(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_buf text = {0};
	(void)reload_file(app, &text);
	return command_text(call, &text);
}

struct kp_str command_reload_locator(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct app_config *config;
	struct kp_why why = {""};
	if (rest.len > 0 && !kp_str_equal(rest, kp_str("reload")))
		return kp_call_format(call,
		                      "'%.*s' is not understood; write tars.reloadlocator "
		                      "reload",
		                      KP_STR_ARG(rest));
	if (!app->options.config || app->options.locator)
		return kp_str("the command line says where the registry is, and that stays");
	kp_err err = app_config_read(app->options.config, &config, &why);
	if (err == KP_OK) {
		struct kp_str locator =
		        kp_call_str(call, app_config_get(app_config_section(config, KEY_OF_CLIENT),
		                                         KEY_OF_CLIENT, "locator"));
		app_config_free(config);
		err = locator.len > 0 ? client_set_locator(app->client, locator.ptr, &why)
		                      : kp_why_set(&why, KP_ERR_NOTFOUND, "%.300s names none",
		                                   app->options.config);
		if (err == KP_OK)
			return kp_call_format(call, "%.*s set succ.", KP_STR_ARG(locator));
	}
	return kp_call_format(call, "the registry stays as it was: %s",
	                      why.text[0] ? why.text : kp_err_text(err));
}

// --- SIGHUP

static void reload_main(void *arg)
{
	struct kp_app *app = arg;
	struct kp_buf text = {0};
	kp_err err = reload_file(app, &text);
	struct kp_str rest = kp_buf_str(&text), line;
	while (kp_str_split_next(&rest, '\n', &line))
		if (line.len > 0)
			kp_app_log(app, err == KP_OK ? KP_LOG_INFO : KP_LOG_WARN, "reload: %.*s",
			           KP_STR_ARG(line));
	kp_buf_fini(&text);
}

void app_reload(struct kp_app *app)
{
	if (kp_server_spawn(app->admin, reload_main, app) != KP_OK)
		kp_app_log(app, KP_LOG_ERROR, "reload: out of memory");
}
