// config.h - the configuration file that a server is started with, and the adapters' real ports.
//
// One text that five parsers read alike (contract F.3): one tag per line, raw values, no tags but
// adapters inside the server's section. Names that differ by SDK are written in both spellings.
#pragma once

#include "kipp/buf.h"

struct config_setting {
	struct kp_str key; // of the server's section; "client.KEY" is of the client's
	struct kp_str value;
};

struct config_adapter {
	struct kp_str name; // "PayObjAdapter"; the full name is made of it
	struct kp_str
	        servants; // "PayObj", or more, separated by blanks; full names are made of them
	struct kp_str endpoint; // with its real port
	struct kp_str protocol; // empty: tars
	int threads;
	int connections_max;
	int queue_max;
	int queue_timeout_ms;
	const struct config_setting *settings; // further keys of its section
	size_t setting_count;
};

struct config_input {
	struct kp_str application;
	struct kp_str server;
	struct kp_str type;      // as in contract F.1; "kipp" for ours
	struct kp_str node_name; // who we are
	struct kp_str host;      // where clients reach this node
	struct kp_str locator;   // of the registry, full form
	struct kp_str node;      // endpoint of the agent: "tcp -h 127.0.0.1 -p 17891"
	int admin_port;          // where the server listens for admin commands
	struct kp_str base_path; // all three end with '/'
	struct kp_str data_path;
	struct kp_str log_path;
	const struct config_adapter *adapters;
	size_t adapter_count;
	const struct config_setting *settings;
	size_t setting_count;
};

// config_print appends the file's text. INVALID: a value or a key cannot be written so that all
// parsers read it, said in `why`.
kp_err config_print(const struct config_input *input, struct kp_buf *out, struct kp_why *why);

// config_endpoint_port reads the port of an endpoint text; -1: it has none, or not a number.
int config_endpoint_port(struct kp_str endpoint);
// config_endpoint_print appends an endpoint text with this host (empty: its own) and port.
void config_endpoint_print(struct kp_str endpoint, struct kp_str host, int port,
                           struct kp_buf *out);
