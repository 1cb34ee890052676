// config.c - writing a server's configuration.
#include "node/config.h"

#include "base/text.h"
#include "base/try.h"

#include <stdio.h>

// A default and which section it stands in. A setting of the same key takes its place.
struct entry {
	const char *key;
	const char *value;
};

static const struct entry client_defaults[] = {
        {"sync-invoke-timeout", "3000"},
        {"async-invoke-timeout", "5000"},
        {"connect-timeout", "1500"},
        {"refresh-endpoint-interval", "10000"},
        // Empty is off: the controller takes no reports yet.
        {"stat", ""},
        {"property", ""},
        {"report-interval", "60000"},
        {"report-timeout", "5000"},
        {"max-report-size", "1400"},
        {"sample-rate", "1000"},
        {"max-sample-count", "100"},
        {"asyncthread", "3"},
        {"netthread", "1"},
        {"clientdialtimeout", "1500"},
        {"reqdefaulttimeout", "3000"},
        {"charsetname", "UTF-8"},
};

static const struct entry server_defaults[] = {
        {"logsize", "10M"},
        {"lognum", "10"},
        {"log", "tars.tarslog.LogObj"},
        {"config", "tars.tarsconfig.ConfigObj"},
        {"notify", "tars.tarsnotify.NotifyObj"},
        {"activating-timeout", "60000"},
        {"deactivating-timeout", "3000"},
        {"netthread", "1"},
        {"opencoroutine", "0"},
        {"coroutinememsize", "1G"},
        {"coroutinestack", "128K"},
        // What a C++ server prints belongs into its log.
        {"closecout", "0"},
        {"mainloopticker", "10000"},
        {"gracedowntimeout", "60000"},
        {"samplerate", "0"},
};

static const struct entry java_defaults[] = {
        {"jvmparams", ""},         {"sessiontimeout", "120000"}, {"sessioncheckinterval", "60000"},
        {"udpbuffersize", "8192"}, {"charsetname", "UTF-8"},
};

struct printer {
	const struct config_input *input;
	struct kp_buf *out;
	struct kp_why *why;
	int depth;
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *indent(const struct printer *p)
{
	static const char blanks[] = "                ";
	return blanks + sizeof(blanks) - 1 - 2 * p->depth;
}

static void open_section(struct printer *p, struct kp_str name)
{
	kp_buf_printf(p->out, "%s<%.*s>\n", indent(p), KP_STR_ARG(name));
	p->depth++;
}

static void close_section(struct printer *p, struct kp_str name)
{
	p->depth--;
	kp_buf_printf(p->out, "%s</%.*s>\n", indent(p), KP_STR_ARG(name));
}

static bool is_key(struct kp_str key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		               (c >= '0' && c <= '9') || (i > 0 && (c == '-' || c == '.')) ||
		               c == '_';
		if (!is_name)
			return false;
	}
	return key.len > 0;
}

// Characters that some parser of the five would not read as they are (contract F.3).
static bool find_bad_char(struct kp_str value, char *ret)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		*ret = c;
		if (c == '&' || c == '<' || c == '>' || c == '\\' || (c >= 0 && c < ' ') ||
		    c == 127)
			return true;
	}
	return false;
}

static kp_err put(struct printer *p, struct kp_str key, struct kp_str value)
{
	char bad;
	if (!is_key(key))
		return kp_why_set(p->why, KP_ERR_INVALID,
		                  "setting '%.*s': a key is made of letters, digits, '-', '_' and "
		                  "'.'",
		                  KP_STR_ARG(key));
	if (find_bad_char(value, &bad))
		return kp_why_set(p->why, KP_ERR_INVALID,
		                  bad >= ' ' && bad < 127
		                          ? "setting '%.*s': its value holds '%c', which not all "
		                            "servers can read"
		                          : "setting '%.*s': its value holds a control character",
		                  KP_STR_ARG(key), bad);
	kp_buf_printf(p->out, "%s%.*s=%.*s\n", indent(p), KP_STR_ARG(key), KP_STR_ARG(value));
	return KP_OK;
}

static kp_err put_text(struct printer *p, const char *key, struct kp_str value)
{
	return put(p, kp_str(key), value);
}

static kp_err put_int(struct printer *p, const char *key, int value)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", value);
	return put(p, kp_str(key), kp_str(text));
}

// find_setting returns a setting by its key with its prefix, or NULL; the last one counts.
static const struct config_setting *find_setting(const struct config_input *input,
                                                 const char *prefix, const char *key)
{
	for (size_t i = input->setting_count; i-- > 0;) {
		struct kp_str name = input->settings[i].key;
		if (!kp_str_starts_with(name, kp_str(prefix)))
			continue;
		if (kp_str_equal(kp_str_sub(name, strlen(prefix), name.len), kp_str(key)))
			return &input->settings[i];
	}
	return NULL;
}

static kp_err put_defaults(struct printer *p, const char *prefix, const struct entry *entries,
                           size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!find_setting(p->input, prefix, entries[i].key))
			KP_TRY(put_text(p, entries[i].key, kp_str(entries[i].value)));
	return KP_OK;
}

// Keys that are the agent's to say, or written in their own place.
static bool is_reserved(struct kp_str key)
{
	static const char *const keys[] = {"app",       "server",    "localip",  "nodename",
	                                   "node_name", "local",     "node",     "basepath",
	                                   "datapath",  "logpath",   "logLevel", "loglevel",
	                                   "locator",   "modulename"};
	for (size_t i = 0; i < COUNT(keys); i++)
		if (kp_str_equal(key, kp_str(keys[i])))
			return true;
	return false;
}

// object_setting takes "client.App.Server.Obj.KEY" apart: what a server says of an object it calls.
static bool object_setting(struct kp_str key, struct kp_str *ret_object, struct kp_str *ret_name)
{
	static const char prefix[] = "client.";
	int dots = 0;
	size_t last = 0;
	if (!kp_str_starts_with(key, kp_str(prefix)))
		return false;
	key = kp_str_sub(key, sizeof(prefix) - 1, key.len);
	for (size_t i = 0; key.ptr && i < key.len; i++) {
		dots += key.ptr[i] == '.';
		last = key.ptr[i] == '.' ? i : last;
	}
	*ret_object = kp_str_sub(key, 0, last);
	*ret_name = kp_str_sub(key, last + (dots > 0), key.len);
	return dots == 3 && last > 0 && last + 1 < key.len;
}

// put_settings writes those of one section: the server's have no "client." before them.
static kp_err put_settings(struct printer *p, bool of_client)
{
	static const char prefix[] = "client.";
	for (size_t i = 0; i < p->input->setting_count; i++) {
		struct kp_str key = p->input->settings[i].key;
		bool is_client = kp_str_starts_with(key, kp_str(prefix));
		struct kp_str object, name;
		if (is_client != of_client || object_setting(key, &object, &name))
			continue;
		if (is_client)
			key = kp_str_sub(key, sizeof(prefix) - 1, key.len);
		if (!is_reserved(key))
			KP_TRY(put(p, key, p->input->settings[i].value));
	}
	return KP_OK;
}

static bool is_of_object(const struct printer *p, size_t index, struct kp_str object,
                         struct kp_str *ret_name)
{
	struct kp_str other;
	return object_setting(p->input->settings[index].key, &other, ret_name) &&
	       kp_str_equal(other, object);
}

// put_objects writes a section for each object that settings are about.
static kp_err put_objects(struct printer *p)
{
	for (size_t i = 0; i < p->input->setting_count; i++) {
		struct kp_str object, name;
		bool is_first = object_setting(p->input->settings[i].key, &object, &name);
		for (size_t k = 0; is_first && k < i; k++)
			is_first = !is_of_object(p, k, object, &name);
		if (!is_first)
			continue;
		open_section(p, object);
		for (size_t k = i; k < p->input->setting_count; k++)
			if (is_of_object(p, k, object, &name))
				KP_TRY(put(p, name, p->input->settings[k].value));
		close_section(p, object);
	}
	return KP_OK;
}

static struct kp_str log_level(const struct config_input *input)
{
	const struct config_setting *setting = find_setting(input, "", "logLevel");
	if (!setting)
		setting = find_setting(input, "", "loglevel");
	return setting ? setting->value : kp_str("INFO");
}

static kp_err put_client(struct printer *p)
{
	char module[256];
	snprintf(module, sizeof(module), "%.*s.%.*s", KP_STR_ARG(p->input->application),
	         KP_STR_ARG(p->input->server));
	open_section(p, kp_str("client"));
	KP_TRY(put_text(p, "locator", p->input->locator));
	KP_TRY(put_text(p, "modulename", kp_str(module)));
	KP_TRY(put_text(p, "localip", p->input->host));
	KP_TRY(put_text(p, "logpath", p->input->log_path));
	KP_TRY(put_text(p, "loglevel", log_level(p->input)));
	KP_TRY(put_defaults(p, "client.", client_defaults, COUNT(client_defaults)));
	KP_TRY(put_settings(p, true));
	KP_TRY(put_objects(p));
	close_section(p, kp_str("client"));
	return KP_OK;
}

// full_names appends "App.Server." before each blank-separated name that lacks it.
static void full_names(const struct config_input *input, struct kp_str names, struct kp_buf *out)
{
	char prefix[256];
	snprintf(prefix, sizeof(prefix), "%.*s.%.*s.", KP_STR_ARG(input->application),
	         KP_STR_ARG(input->server));
	struct kp_str name;
	bool is_first = true;
	while (kp_str_split_next(&names, ' ', &name)) {
		if (name.len == 0)
			continue;
		bool is_full = kp_str_starts_with(name, kp_str(prefix));
		kp_buf_printf(out, "%s%s%.*s", is_first ? "" : " ", is_full ? "" : prefix,
		              KP_STR_ARG(name));
		is_first = false;
	}
}

static bool has_setting(const struct config_adapter *adapter, const char *key)
{
	for (size_t i = 0; i < adapter->setting_count; i++)
		if (kp_str_equal(adapter->settings[i].key, kp_str(key)))
			return true;
	return false;
}

// Keys of an adapter that are written in their own place.
static bool is_of_adapter(struct kp_str key)
{
	static const char *const keys[] = {"endpoint", "servant",      "threads", "maxconns",
	                                   "queuecap", "queuetimeout", "protocol"};
	for (size_t i = 0; i < COUNT(keys); i++)
		if (kp_str_equal(key, kp_str(keys[i])))
			return true;
	return false;
}

static kp_err put_adapter_keys(struct printer *p, const struct config_adapter *adapter,
                               struct kp_str servants)
{
	if (!has_setting(adapter, "allow"))
		KP_TRY(put_text(p, "allow", kp_str("")));
	KP_TRY(put_text(p, "endpoint", adapter->endpoint));
	KP_TRY(put_text(p, "servant", servants));
	KP_TRY(put_int(p, "threads", adapter->threads));
	KP_TRY(put_int(p, "maxconns", adapter->connections_max));
	KP_TRY(put_int(p, "queuecap", adapter->queue_max));
	KP_TRY(put_int(p, "queuetimeout", adapter->queue_timeout_ms));
	KP_TRY(put_text(p, "protocol", adapter->protocol.len ? adapter->protocol : kp_str("tars")));
	for (size_t i = 0; i < adapter->setting_count; i++)
		if (!is_of_adapter(adapter->settings[i].key))
			KP_TRY(put(p, adapter->settings[i].key, adapter->settings[i].value));
	return KP_OK;
}

static kp_err put_adapter(struct printer *p, const struct config_adapter *adapter)
{
	struct kp_buf name = {0};
	struct kp_buf servants = {0};
	full_names(p->input, adapter->name, &name);
	full_names(p->input, adapter->servants, &servants);
	kp_err err = name.err != KP_OK ? name.err : servants.err;
	if (err == KP_OK && !is_key(kp_buf_str(&name)))
		err = kp_why_set(p->why, KP_ERR_INVALID, "adapter '%.*s' has no usable name",
		                 KP_STR_ARG(adapter->name));
	if (err == KP_OK) {
		open_section(p, kp_buf_str(&name));
		err = put_adapter_keys(p, adapter, kp_buf_str(&servants));
		close_section(p, kp_buf_str(&name));
	}
	kp_buf_fini(&name);
	kp_buf_fini(&servants);
	return err;
}

// A package is never written to, so the files that a server of ours fetches have a folder of their
// own.
static kp_err put_config_path(struct printer *p)
{
	const struct config_input *input = p->input;
	char path[1024];
	if (find_setting(input, "", "configpath"))
		return KP_OK;
	snprintf(path, sizeof(path), "%.*sconfig/", KP_STR_ARG(input->data_path));
	return put_text(p, "configpath", kp_str(path));
}

static kp_err put_identity(struct printer *p)
{
	const struct config_input *input = p->input;
	char local[64];
	char node[256];
	snprintf(local, sizeof(local), "tcp -h 127.0.0.1 -p %d -t 10000", input->admin_port);
	snprintf(node, sizeof(node), "tars.tarsnode.ServerObj@%.*s", KP_STR_ARG(input->node));
	KP_TRY(put_text(p, "app", input->application));
	KP_TRY(put_text(p, "server", input->server));
	KP_TRY(put_text(p, "localip", input->host));
	KP_TRY(put_text(p, "nodename", input->node_name));
	KP_TRY(put_text(p, "node_name", input->node_name));
	KP_TRY(put_text(p, "local", kp_str(local)));
	KP_TRY(put_text(p, "node", kp_str(node)));
	KP_TRY(put_text(p, "basepath", input->base_path));
	KP_TRY(put_text(p, "datapath", input->data_path));
	KP_TRY(put_config_path(p));
	return put_text(p, "logpath", input->log_path);
}

static kp_err put_server(struct printer *p)
{
	const struct config_input *input = p->input;
	open_section(p, kp_str("server"));
	KP_TRY(put_identity(p));
	KP_TRY(put_text(p, "logLevel", log_level(input)));
	KP_TRY(put_text(p, "loglevel", log_level(input)));
	KP_TRY(put_defaults(p, "", server_defaults, COUNT(server_defaults)));
	if (kp_str_equal(input->type, kp_str("tars_java")))
		KP_TRY(put_defaults(p, "", java_defaults, COUNT(java_defaults)));
	KP_TRY(put_settings(p, false));
	for (size_t i = 0; i < input->adapter_count; i++)
		KP_TRY(put_adapter(p, &input->adapters[i]));
	close_section(p, kp_str("server"));
	return KP_OK;
}

kp_err config_print(const struct config_input *input, struct kp_buf *out, struct kp_why *why)
{
	struct printer p = {.input = input, .out = out, .why = why};
	open_section(&p, kp_str("tars"));
	open_section(&p, kp_str("application"));
	KP_TRY(put_text(&p, "enableset", kp_str("n")));
	KP_TRY(put_text(&p, "setdivision", kp_str("NULL")));
	KP_TRY(put_client(&p));
	KP_TRY(put_server(&p));
	close_section(&p, kp_str("application"));
	close_section(&p, kp_str("tars"));
	return out->err;
}

int config_endpoint_port(struct kp_str endpoint)
{
	struct kp_str word;
	bool is_port = false;
	while (kp_str_split_next(&endpoint, ' ', &word)) {
		int64_t port;
		if (word.len == 0)
			continue;
		if (is_port)
			return kp_str_i64(word, 0, 65535, &port) == KP_OK ? (int)port : -1;
		is_port = kp_str_equal(word, kp_str("-p"));
	}
	return -1;
}

void config_endpoint_print(struct kp_str endpoint, struct kp_str host, int port, struct kp_buf *out)
{
	struct kp_str word;
	char option = '\0';
	bool is_first = true;
	bool has_port = false;
	while (kp_str_split_next(&endpoint, ' ', &word)) {
		if (word.len == 0)
			continue;
		if (!is_first)
			kp_buf_append_byte(out, ' ');
		is_first = false;
		if (option == 'p')
			kp_buf_printf(out, "%d", port);
		else if (option == 'h' && host.len > 0)
			kp_buf_append_str(out, host);
		else
			kp_buf_append_str(out, word);
		has_port |= option == 'p';
		option = word.len == 2 && word.ptr[0] == '-' ? word.ptr[1] : '\0';
	}
	if (!has_port)
		kp_buf_printf(out, " -p %d", port);
}
