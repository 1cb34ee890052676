// manifest.c - reads kipp.conf by tables of its keys.
#include "cli/package/manifest.h"

#include "app/keys.h"
#include "base/nearest.h"
#include "base/text.h"
#include "tars/conf.h"
#include "tars/endpoint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

enum {
	NAME_LEN_MAX = 64,
	KEYS_MAX = 16
};

// One manifest being read.
struct reader {
	struct cli *cli;
	const char *path;
	struct kp_str text;
	struct manifest *manifest;
	int errors;
};

// column_of_value counts where the value of a line begins, from 1.
static size_t column_of_value(const struct reader *reader, unsigned line)
{
	struct kp_str rest = reader->text, at = {0};
	for (unsigned i = 0; i < line; i++) {
		if (!kp_str_split_next(&rest, '\n', &at))
			return 1;
	}
	size_t column = kp_str_find(at, '=');
	if (column < at.len)
		column++;
	else
		column = 0;
	while (column < at.len && (at.ptr[column] == ' ' || at.ptr[column] == '\t'))
		column++;
	return column + 1;
}

// fail remembers that something is wrong with a node, and says it. Without a node it is the file.
static void fail(struct reader *reader, const struct kp_conf_node *node, const char *format, ...)
        KP_PRINTF(3, 4);
static void fail(struct reader *reader, const struct kp_conf_node *node, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(reader->cli->arena, format, args);
	va_end(args);
	reader->errors++;
	unsigned line = node && node->line ? node->line : 1;
	cli_fail(reader->cli, CLI_USAGE, "%s:%u:%zu: %.*s", reader->path, line,
	         node ? column_of_value(reader, line) : 1, KP_STR_ARG(text));
}

static bool is_name(struct kp_str text)
{
	if (text.len == 0 || text.len > NAME_LEN_MAX || isdigit((unsigned char)text.ptr[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum((unsigned char)text.ptr[i]) && text.ptr[i] != '_')
			return false;
	}
	return true;
}

bool manifest_set_name(struct kipp_Server *server, struct kp_str name)
{
	size_t dot = kp_str_find(name, '.');
	struct kp_str application = kp_str_sub(name, 0, dot);
	if (dot == name.len || !is_name(application) ||
	    !is_name(kp_str_sub(name, dot + 1, name.len)))
		return false;
	server->application = application;
	server->name = kp_str_sub(name, dot + 1, name.len);
	return true;
}

static struct kipp_Adapter *push_adapter(struct cli *cli, struct kipp_Server *server)
{
	struct kipp_Adapter_list *list = &server->adapters;
	struct kipp_Adapter *adapters = cli_alloc(cli, list->len + 1, sizeof(*adapters));
	for (size_t i = 0; i < list->len; i++)
		adapters[i] = list->ptr[i];
	list->ptr = adapters;
	struct kipp_Adapter *adapter = &adapters[list->len++];
	kipp_Adapter_init(adapter);
	adapter->endpoint = kp_str("tcp -h 127.0.0.1 -p 0 -t 60000");
	return adapter;
}

// last_part is what stands behind the last dot: "PayObj" of "Book.PayServer.PayObj".
static struct kp_str last_part(struct kp_str name)
{
	size_t start = name.len;
	while (start > 0 && name.ptr[start - 1] != '.')
		start--;
	return kp_str_sub(name, start, name.len);
}

void manifest_add_servant(struct cli *cli, struct kipp_Server *server, struct kp_str servant)
{
	struct kipp_Adapter *adapter = push_adapter(cli, server);
	adapter->servant = last_part(servant);
	adapter->name = kp_str(cli_text(cli, "%.*sAdapter", KP_STR_ARG(adapter->servant)));
}

static bool is_kipp_server_type(struct kp_str type)
{
	static const char *const types[] = {"kipp",        "tars_cpp", "tars_go", "tars_java",
	                                    "tars_nodejs", "tars_php", "not_tars"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (kp_str_equal(type, kp_str(types[i])))
			return true;
	}
	return false;
}

static void read_name(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kipp_Server *server = target;
	if (!manifest_set_name(server, node->value))
		fail(reader, node,
		     "name is '%.*s'; expected two parts of letters, digits and _, as "
		     "Demo.HelloServer",
		     KP_STR_ARG(node->value));
}

static void read_type(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kipp_Server *server = target;
	server->type = node->value;
	if (!is_kipp_server_type(node->value))
		fail(reader, node,
		     "type is '%.*s'; expected kipp, tars_cpp, tars_go, tars_java, tars_nodejs, "
		     "tars_php or not_tars",
		     KP_STR_ARG(node->value));
}

static void read_executable(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kipp_Server *server = target;
	server->executable = node->value;
	if (kp_str_starts_with(node->value, kp_str("./")))
		server->executable = kp_str_sub(node->value, 2, node->value.len);
}

static void read_version(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Server *)target)->version = node->value;
}

static int32_t read_number(struct reader *reader, const struct kp_conf_node *node, int64_t min,
                           int64_t max)
{
	int64_t number = min;
	if (kp_str_i64(node->value, min, max, &number) != KP_OK)
		fail(reader, node, "%.*s is '%.*s'; expected a number from %d to %d",
		     KP_STR_ARG(node->name), KP_STR_ARG(node->value), (int)min, (int)max);
	return (int32_t)number;
}

static void read_instances(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Server *)target)->instances = read_number(reader, node, 1, 1000);
}

static void read_files(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kp_str_list *files = &reader->manifest->files;
	struct kp_str rest = node->value, part;
	files->ptr = cli_alloc(reader->cli, node->value.len + 1, sizeof(*files->ptr));
	while (kp_str_split_next(&rest, ' ', &part)) {
		if (kp_str_trim(part).len > 0)
			files->ptr[files->len++] = kp_str_trim(part);
	}
}

static void read_servant(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kipp_Adapter *adapter = target;
	struct kp_str rest = node->value, part;
	const char *names = "";
	while (kp_str_split_next(&rest, ' ', &part)) {
		struct kp_str name = last_part(kp_str_trim(part));
		if (name.len > 0)
			names = cli_text(reader->cli, "%s%s%.*s", names, *names ? " " : "",
			                 KP_STR_ARG(name));
		if (name.len > 0 && !is_name(name))
			fail(reader, node, "servant is '%.*s'; expected a name, as HelloObj",
			     KP_STR_ARG(part));
	}
	adapter->servant = kp_str(names);
}

static void read_endpoint(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	struct kp_endpoint endpoint;
	struct kp_why why = {0};
	((struct kipp_Adapter *)target)->endpoint = node->value;
	if (kp_endpoint_parse(node->value, &endpoint, &why) != KP_OK)
		fail(reader, node,
		     "endpoint is '%.*s'; expected \"tcp -h HOST -p PORT\", port 0 for any (%s)",
		     KP_STR_ARG(node->value), why.text);
}

static void read_threads(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Adapter *)target)->threads = read_number(reader, node, 1, 1024);
}

static void read_connections(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Adapter *)target)->maxConnections = read_number(reader, node, 1, 10000000);
}

static void read_queue(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Adapter *)target)->queueCap = read_number(reader, node, 1, 100000000);
}

static void read_queue_timeout(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Adapter *)target)->queueTimeout = read_number(reader, node, 1, 86400000);
}

static void read_protocol(struct reader *reader, const struct kp_conf_node *node, void *target)
{
	((struct kipp_Adapter *)target)->protocol = node->value;
	if (!kp_str_equal(node->value, kp_str("tars")) &&
	    !kp_str_equal(node->value, kp_str("not_tars")))
		fail(reader, node, "protocol is '%.*s'; expected tars or not_tars",
		     KP_STR_ARG(node->value));
}

struct manifest_key {
	const char *name;
	void (*read)(struct reader *reader, const struct kp_conf_node *node, void *target);
	bool is_required;
};

static const struct manifest_key server_keys[] = {
        {"name", read_name, true},
        {"executable", read_executable, false},
        {"type", read_type, false},
        {"version", read_version, false},
        {"instances", read_instances, false},
        {"files", read_files, false},
};
static const struct manifest_key adapter_keys[] = {
        {"servant", read_servant, true},    {"endpoint", read_endpoint, false},
        {"threads", read_threads, false},   {"maxconns", read_connections, false},
        {"queuecap", read_queue, false},    {"queuetimeout", read_queue_timeout, false},
        {"protocol", read_protocol, false},
};

static const struct manifest_key *find_key(const struct manifest_key *keys, size_t count,
                                           struct kp_str name)
{
	for (size_t i = 0; i < count; i++) {
		if (kp_str_equal(kp_str(keys[i].name), name))
			return &keys[i];
	}
	return NULL;
}

static void fail_unknown_key(struct reader *reader, const struct manifest_key *keys, size_t count,
                             const struct kp_conf_node *node)
{
	const char *names[KEYS_MAX];
	const char *known = "";
	for (size_t i = 0; i < count && i < KEYS_MAX; i++) {
		names[i] = keys[i].name;
		known = cli_text(reader->cli, "%s%s%s", known, i > 0 ? ", " : "", names[i]);
	}
	const char *near = kp_nearest_find(cli_terminated(reader->cli, node->name), names, count);
	const struct key *other =
	        keys == adapter_keys ? keys_nearest(KEY_OF_ADAPTER, node->name) : NULL;
	if (!near && other)
		near = other->name;
	if (near)
		fail(reader, node, "there is no key '%.*s' here; did you mean '%s'?",
		     KP_STR_ARG(node->name), near);
	else
		fail(reader, node, "there is no key '%.*s' here; expected one of %s",
		     KP_STR_ARG(node->name), known);
}

static void add_setting(struct reader *reader, struct kp_str_str_map *settings, const char *prefix,
                        const struct kp_conf_node *node)
{
	struct kp_str_str_map_entry *more =
	        cli_alloc(reader->cli, settings->len + 1, sizeof(*more));
	for (size_t i = 0; i < settings->len; i++)
		more[i] = settings->ptr[i];
	more[settings->len].key =
	        kp_str(cli_text(reader->cli, "%s%.*s", prefix, KP_STR_ARG(node->name)));
	more[settings->len].value = node->value;
	settings->ptr = more;
	settings->len++;
}

// read_setting takes a key that the server reads itself, by the table that the server has. False:
// there is no such key.
static bool read_setting(struct reader *reader, const struct kp_conf_node *node,
                         enum key_section kind, const char *prefix, struct kp_str_str_map *settings)
{
	const struct key *key = keys_find(kind, node->name);
	struct kp_why why;
	if (!key)
		return false;
	if (keys_check(key, node->value, &why) != KP_OK)
		fail(reader, node, "%s", why.text);
	add_setting(reader, settings, prefix, node);
	return true;
}

static void read_keys(struct reader *reader, const struct kp_conf_node *section,
                      const struct manifest_key *keys, size_t count, void *target,
                      struct kp_str_str_map *settings)
{
	const struct kp_conf_node *node = NULL;
	while ((node = kp_conf_next(section, node, KP_CONF_KEY))) {
		const struct manifest_key *key = find_key(keys, count, node->name);
		if (key)
			key->read(reader, node, target);
		else if (!settings || !read_setting(reader, node, KEY_OF_ADAPTER, "", settings))
			fail_unknown_key(reader, keys, count, node);
	}
	for (size_t i = 0; i < count; i++) {
		if (keys[i].is_required &&
		    !kp_conf_member(section, KP_CONF_KEY, kp_str(keys[i].name)))
			fail(reader, section, "<%.*s> has no key '%s', which it needs",
			     KP_STR_ARG(section->name), keys[i].name);
	}
}

static void read_settings(struct reader *reader, const struct kp_conf_node *section,
                          struct kp_str_str_map *settings)
{
	const struct kp_conf_node *node = NULL;
	while ((node = kp_conf_next(section, node, KP_CONF_KEY)))
		add_setting(reader, settings, "", node);
}

// read_calls reads a part of the section <client>: what the server says of its calls, of all or of
// those to one object.
static void read_calls(struct reader *reader, const struct kp_conf_node *section,
                       enum key_section kind, const char *prefix)
{
	struct kp_str_str_map *settings = &reader->manifest->server.settings;
	const struct kp_conf_node *node = NULL;
	while ((node = kp_conf_next(section, node, KP_CONF_KEY))) {
		const struct key *near;
		if (read_setting(reader, node, kind, prefix, settings))
			continue;
		near = keys_nearest(kind, node->name);
		fail(reader, node, "there is no key '%.*s' here%s%s%s", KP_STR_ARG(node->name),
		     near ? "; did you mean '" : "", near ? near->name : "", near ? "'?" : "");
	}
}

static void read_client(struct reader *reader, const struct kp_conf_node *section)
{
	const struct kp_conf_node *object = NULL;
	read_calls(reader, section, KEY_OF_CLIENT, "client.");
	while ((object = kp_conf_next(section, object, KP_CONF_SECTION))) {
		size_t dots = 0;
		for (size_t i = 0; i < object->name.len; i++)
			dots += object->name.ptr[i] == '.';
		if (dots != 2)
			fail(reader, object,
			     "'%.*s' is no object; write <Demo.HelloServer.HelloObj>",
			     KP_STR_ARG(object->name));
		read_calls(reader, object, KEY_OF_OBJECT,
		           cli_text(reader->cli, "client.%.*s.", KP_STR_ARG(object->name)));
	}
}

static void read_adapter(struct reader *reader, const struct kp_conf_node *section)
{
	struct kipp_Adapter *adapter = push_adapter(reader->cli, &reader->manifest->server);
	adapter->name = last_part(section->name);
	if (!is_name(adapter->name))
		fail(reader, section, "'%.*s' cannot be an adapter's name; write <HelloObjAdapter>",
		     KP_STR_ARG(section->name));
	read_keys(reader, section, adapter_keys, sizeof(adapter_keys) / sizeof(adapter_keys[0]),
	          adapter, &adapter->settings);
}

static void read_server(struct reader *reader, const struct kp_conf_node *section)
{
	struct kipp_Server *server = &reader->manifest->server;
	read_keys(reader, section, server_keys, sizeof(server_keys) / sizeof(server_keys[0]),
	          server, NULL);
	const struct kp_conf_node *node = NULL;
	while ((node = kp_conf_next(section, node, KP_CONF_SECTION))) {
		if (kp_str_equal(node->name, kp_str("settings")))
			read_settings(reader, node, &server->settings);
		else if (kp_str_equal(node->name, kp_str("client")))
			read_client(reader, node);
		else
			read_adapter(reader, node);
	}
	if (server->adapters.len == 0 && kp_str_equal(server->type, kp_str("kipp")))
		fail(reader, section,
		     "<server> has no adapter; expected a section as <HelloObjAdapter> with "
		     "servant=HelloObj");
	if (server->executable.len == 0 && kp_str_equal(server->type, kp_str("kipp")))
		fail(reader, section, "<server> has no key 'executable', which it needs");
}

static void read_root(struct reader *reader, const struct kp_conf *conf)
{
	const struct kp_conf_node *server =
	        kp_conf_member(&conf->root, KP_CONF_SECTION, kp_str("server"));
	if (!server) {
		fail(reader, NULL, "expected a section <server>");
		return;
	}
	for (const struct kp_conf_node *node = conf->root.first; node; node = node->next) {
		if (node != server)
			fail(reader, node, "'%.*s' does not belong here; expected <server> only",
			     KP_STR_ARG(node->name));
	}
	read_server(reader, server);
}

int manifest_parse(struct cli *cli, const char *path, struct kp_str text, struct manifest *ret)
{
	struct manifest *manifest = cli_alloc(cli, 1, sizeof(*manifest));
	kipp_Server_init(&manifest->server);
	struct kp_conf *conf = cli_alloc(cli, 1, sizeof(*conf));
	kp_conf_init(conf, cli->arena);
	struct kp_why why;
	kp_err err = kp_conf_parse(conf, text, &why);
	if (err == KP_ERR_INVALID)
		return cli_fail(cli, CLI_USAGE, "%s:%s", path, why.text);
	if (err != KP_OK)
		return cli_fail(cli, CLI_USAGE, "%s: %s", path, kp_err_text(err));
	struct reader reader = {.cli = cli, .path = path, .text = text, .manifest = manifest};
	read_root(&reader, conf);
	if (reader.errors > 0)
		return CLI_USAGE;
	*ret = *manifest;
	return CLI_OK;
}
