// config.h - one reading of a server's configuration file.
//
// The file may be read again while the server runs. Views of an older reading stay valid until the
// app ends: somebody may hold them.
#pragma once

#include "app/keys.h"
#include "tars/conf.h"

struct app_config {
	struct kp_arena *arena; // owned
	struct kp_conf conf;
	const char *path;         // borrowed; NULL: there is no file
	struct app_config *older; // owned
};

// app_config_read reads a file and refuses what the table of keys refuses, said in `why` with file,
// line and what was expected. A NULL path gives an empty configuration.
kp_err app_config_read(const char *path, struct app_config **ret, struct kp_why *why);

// app_config_free frees a reading and the older ones. NULL is fine.
void app_config_free(struct app_config *config);

// app_config_section finds the section of the client, the server or the application; NULL: the file
// has none.
const struct kp_conf_node *app_config_section(const struct app_config *config,
                                              enum key_section section);

// app_config_text, _number and _word return a key's value, or its default. `section` may be NULL.
struct kp_str app_config_text(const struct kp_conf_node *section, const struct key *key);
int64_t app_config_number(const struct kp_conf_node *section, enum key_section kind,
                          const char *name);
int app_config_word(const struct kp_conf_node *section, enum key_section kind, const char *name);
struct kp_str app_config_get(const struct kp_conf_node *section, enum key_section kind,
                             const char *name);

// app_config_doubts calls `doubt` with a sentence for each key that is probably a typing mistake.
// Keys of the server's section that are near to none of ours are the application's own.
void app_config_doubts(const struct app_config *config,
                       void (*doubt)(void *arg, const char *sentence), void *arg);
