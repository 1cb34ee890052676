// conf.h - the configuration grammar of TARS: nested sections of key=value lines.
//
//     <tars>
//       <application>
//         # a comment
//         key=value
//       </application>
//     </tars>
//
// One tag or key to a line; the first '=' splits; a key without '=' has an empty value; a section
// that comes again is continued, a key that comes again is replaced; \\ \r \n \t \= are escapes.
// The tree lives in an arena. Source: contract F.3.
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"

enum {
	KP_CONF_DEPTH_MAX = 32,
	KP_CONF_SIZE_MAX = 4 << 20, // of a text
};

enum kp_conf_kind {
	KP_CONF_SECTION,
	KP_CONF_KEY,
};

// kp_conf_node is a section or a key. A section and a key may have the same name.
struct kp_conf_node {
	enum kp_conf_kind kind;
	unsigned line; // where it was read first; 0: it was not read
	unsigned depth;
	struct kp_str name;
	struct kp_str value;          // of a key
	struct kp_conf_node *parent;  // NULL: the root
	struct kp_conf_node *next;    // in the same section, in order
	struct kp_conf_node *first;   // of a section
	struct kp_conf_node *last;    // of a section
	struct kp_conf_node *index;   // of a section: its members by hash
	struct kp_conf_node *slot[4]; // in the index of the parent
};

struct kp_conf {
	struct kp_arena *arena; // borrowed
	struct kp_conf_node root;
};

// kp_conf_init makes an empty tree, whose nodes and texts will live in `arena`. A tree must not be
// copied or moved.
void kp_conf_init(struct kp_conf *conf, struct kp_arena *arena);

// kp_conf_parse reads a text into the tree, over what is there. The text is copied. On failure what
// came before the fault has been added. INVALID: `why` says "LINE:COLUMN: expected ...". LIMIT: too
// large or too deeply nested.
kp_err kp_conf_parse(struct kp_conf *conf, struct kp_str text, struct kp_why *why);

// kp_conf_find finds a node by its path: "/tars/application/server" is a section,
// "/tars/application/server<key>" a key, "" or "/" the root. NULL: there is none.
struct kp_conf_node *kp_conf_find(const struct kp_conf *conf, struct kp_str path);

// kp_conf_member finds a node by its name in a section. NULL: there is none.
struct kp_conf_node *kp_conf_member(const struct kp_conf_node *section, enum kp_conf_kind kind,
                                    struct kp_str name);

// kp_conf_get finds the value of the key at a path. False: there is none, *ret is as it was.
bool kp_conf_get(const struct kp_conf *conf, const char *path, struct kp_str *ret);

// kp_conf_next walks the nodes of one kind in a section, in the order they first came: start with
// NULL; NULL at the end.
struct kp_conf_node *kp_conf_next(const struct kp_conf_node *section,
                                  const struct kp_conf_node *node, enum kp_conf_kind kind);

// kp_conf_set adds or replaces a key, and adds the sections that lead to it; both texts are copied.
// With a section's path the value is ignored. INVALID: the path is malformed. LIMIT: too deep.
kp_err kp_conf_set(struct kp_conf *conf, struct kp_str path, struct kp_str value);

// kp_conf_merge lays `over` on top of the tree: its sections continue, its keys replace.
kp_err kp_conf_merge(struct kp_conf *conf, const struct kp_conf *over);

// kp_conf_format appends the tree as text that the parsers of all the SDKs read alike. ENCODE: a
// name or a value that one of them could not read; `why` says which and what is wrong with it.
kp_err kp_conf_format(const struct kp_conf *conf, struct kp_buf *out, struct kp_why *why);
