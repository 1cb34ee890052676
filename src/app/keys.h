// keys.h - the table of configuration keys.
//
// Parser, defaults, reloading, `kipp help config` and docs/configuration.md read it alike. Keys
// that only the SDKs of TARS know are in it too, so that none of them counts as a typing mistake.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include <stdint.h>

enum key_section {
	KEY_OF_APPLICATION, // /tars/application
	KEY_OF_CLIENT,      // /tars/application/client
	KEY_OF_SERVER,      // /tars/application/server
	KEY_OF_OBJECT,      // a section inside the client's, named after an object that is called
	KEY_OF_ADAPTER,     // a section inside the server's
	KEY_SECTION_COUNT
};

enum key_kind {
	KEY_TEXT,
	KEY_NUMBER,  // within min..max
	KEY_WORD,    // one of `words`
	KEY_FOREIGN, // read by other SDKs only
};

enum key_effect {
	KEY_AT_START,      // a change needs a restart
	KEY_WHILE_RUNNING, // tars.loadproperty and SIGHUP apply a change
};

struct key {
	enum key_section section;
	enum key_kind kind;
	enum key_effect effect;
	const char *name;
	int64_t min;
	int64_t max;
	const char *fallback; // what counts without the key; NULL: nothing does
	const char *words;    // "fiber pool"
	const char *what;     // for people, without a full stop
};

// keys_rows is the table; the keys of a section stand together.
const struct key *keys_rows(size_t *ret_count);

// keys_section_title names a section: "server", "an adapter".
const char *keys_section_title(enum key_section section);

// keys_find returns a key by its name, or NULL.
const struct key *keys_find(enum key_section section, struct kp_str name);

// keys_nearest returns the key that was probably meant, or NULL.
const struct key *keys_nearest(enum key_section section, struct kp_str name);

// keys_check tells whether a text can be the key's value. An empty one stands for the default.
// INVALID: `why` says what was expected.
kp_err keys_check(const struct key *key, struct kp_str value, struct kp_why *why);

// keys_number reads a number key's value, which keys_check accepts, or its default.
int64_t keys_number(const struct key *key, struct kp_str value);

// keys_word returns which of a word key's words the value is, counted from 0.
int keys_word(const struct key *key, struct kp_str value);
