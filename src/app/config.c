// config.c - reading a server's configuration file by the table of keys.
#include "app/config.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/file.h"

#include <stdio.h>

static kp_err read_text(struct app_config *config, struct kp_why *why)
{
	struct kp_buf text = {0};
	kp_err err = kp_file_read(config->path, KP_CONF_SIZE_MAX, &text, why);
	struct kp_why where = {""};
	if (err == KP_OK) {
		err = kp_conf_parse(&config->conf, kp_buf_str(&text), &where);
		if (err != KP_OK)
			kp_why_set(why, err, "%.200s:%.280s", config->path, where.text);
	}
	kp_buf_fini(&text);
	return err;
}

const struct kp_conf_node *app_config_section(const struct app_config *config,
                                              enum key_section section)
{
	static const char *const paths[] = {
	        [KEY_OF_APPLICATION] = "/tars/application",
	        [KEY_OF_CLIENT] = "/tars/application/client",
	        [KEY_OF_SERVER] = "/tars/application/server",
	};
	return kp_conf_find(&config->conf, kp_str(paths[section]));
}

static kp_err check_section(const struct app_config *config, const struct kp_conf_node *section,
                            enum key_section kind, struct kp_why *why)
{
	const struct kp_conf_node *node = NULL;
	while (section && (node = kp_conf_next(section, node, KP_CONF_KEY))) {
		const struct key *key = keys_find(kind, node->name);
		struct kp_why wrong;
		if (key && keys_check(key, node->value, &wrong) != KP_OK)
			return kp_why_set(why, KP_ERR_INVALID, "%.200s:%u: %.280s", config->path,
			                  node->line, wrong.text);
	}
	return KP_OK;
}

// inner tells which kind the sections inside a section are of; the section's own kind: it has none.
static enum key_section inner(enum key_section kind)
{
	return kind == KEY_OF_SERVER   ? KEY_OF_ADAPTER
	       : kind == KEY_OF_CLIENT ? KEY_OF_OBJECT
	                               : kind;
}

static kp_err check_values(const struct app_config *config, struct kp_why *why)
{
	for (int i = 0; i < KEY_OF_OBJECT; i++) {
		enum key_section kind = (enum key_section)i;
		const struct kp_conf_node *section = app_config_section(config, kind);
		const struct kp_conf_node *part = NULL;
		KP_TRY(check_section(config, section, kind, why));
		while (section && inner(kind) != kind &&
		       (part = kp_conf_next(section, part, KP_CONF_SECTION)))
			KP_TRY(check_section(config, part, inner(kind), why));
	}
	return KP_OK;
}

kp_err app_config_read(const char *path, struct app_config **ret, struct kp_why *why)
{
	struct app_config *config = kp_new(struct app_config);
	if (!config)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	config->path = path;
	config->arena = kp_arena_new(0);
	kp_err err = config->arena ? KP_OK : kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (err == KP_OK) {
		kp_conf_init(&config->conf, config->arena);
		if (path)
			err = read_text(config, why);
	}
	if (err == KP_OK)
		err = check_values(config, why);
	if (err != KP_OK) {
		app_config_free(config);
		return err;
	}
	*ret = config;
	return KP_OK;
}

void app_config_free(struct app_config *config)
{
	while (config) {
		struct app_config *older = config->older;
		kp_arena_free(config->arena);
		kp_free(config);
		config = older;
	}
}

struct kp_str app_config_text(const struct kp_conf_node *section, const struct key *key)
{
	const struct kp_conf_node *node =
	        section ? kp_conf_member(section, KP_CONF_KEY, kp_str(key->name)) : NULL;
	struct kp_str value = node ? kp_str_trim(node->value) : (struct kp_str){0};
	return value.len > 0 ? value : kp_str(key->fallback);
}

// key_of finds a key that the code names: it is in the table.
static const struct key *key_of(enum key_section kind, const char *name)
{
	const struct key *key = keys_find(kind, kp_str(name));
	kp_assert(key);
	return key;
}

int64_t app_config_number(const struct kp_conf_node *section, enum key_section kind,
                          const char *name)
{
	const struct key *key = key_of(kind, name);
	return keys_number(key, app_config_text(section, key));
}

int app_config_word(const struct kp_conf_node *section, enum key_section kind, const char *name)
{
	const struct key *key = key_of(kind, name);
	return keys_word(key, app_config_text(section, key));
}

struct kp_str app_config_get(const struct kp_conf_node *section, enum key_section kind,
                             const char *name)
{
	return app_config_text(section, key_of(kind, name));
}

// --- typing mistakes

struct doubts {
	const struct app_config *config;
	void (*doubt)(void *arg, const char *sentence);
	void *arg;
};

static void doubt_section(const struct doubts *doubts, const struct kp_conf_node *section,
                          enum key_section kind)
{
	const struct kp_conf_node *node = NULL;
	while (section && (node = kp_conf_next(section, node, KP_CONF_KEY))) {
		char sentence[600];
		if (keys_find(kind, node->name))
			continue;
		const struct key *near = keys_nearest(kind, node->name);
		if (!near && kind == KEY_OF_SERVER)
			continue;
		snprintf(sentence, sizeof(sentence),
		         "%.200s:%u: nobody reads the key '%.*s' of %s%s%s%s", doubts->config->path,
		         node->line, (int)(node->name.len > 100 ? 100 : node->name.len),
		         node->name.ptr, keys_section_title(kind), near ? "; did you mean '" : "",
		         near ? near->name : "", near ? "'?" : "");
		doubts->doubt(doubts->arg, sentence);
	}
}

void app_config_doubts(const struct app_config *config,
                       void (*doubt)(void *arg, const char *sentence), void *arg)
{
	const struct doubts doubts = {config, doubt, arg};
	for (int i = 0; i < KEY_OF_OBJECT; i++) {
		enum key_section kind = (enum key_section)i;
		const struct kp_conf_node *section = app_config_section(config, kind);
		const struct kp_conf_node *part = NULL;
		doubt_section(&doubts, section, kind);
		while (section && inner(kind) != kind &&
		       (part = kp_conf_next(section, part, KP_CONF_SECTION)))
			doubt_section(&doubts, part, inner(kind));
	}
}
