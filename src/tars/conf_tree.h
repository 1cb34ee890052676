// conf_tree.h - what the reader and the writer of configurations share with the tree.
#pragma once

#include "tars/conf.h"

// kp_conf_add finds a member of a section or adds it with `name` as it is, which must live as long
// as the tree. LIMIT: too deep.
kp_err kp_conf_add(struct kp_conf *conf, struct kp_conf_node *section, enum kp_conf_kind kind,
                   struct kp_str name, struct kp_conf_node **ret);
