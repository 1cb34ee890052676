// keys.c - the table of configuration keys.
#include "app/keys.h"

#include "base/nearest.h"
#include "base/text.h"
#include "kipp/limits.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	NAME_SIZE = 64,
	DAY_MS = 86400000,
};

#define TEXT(section, effect, name, fallback, what)                                        \
	{                                                                                  \
		KEY_OF_##section, KEY_TEXT, KEY_##effect, name, 0, 0, fallback, NULL, what \
	}
#define NUMBER(section, effect, name, min, max, fallback, what)                                  \
	{                                                                                        \
		KEY_OF_##section, KEY_NUMBER, KEY_##effect, name, min, max, fallback, NULL, what \
	}
#define WORD(section, effect, name, words, fallback, what)                                  \
	{                                                                                   \
		KEY_OF_##section, KEY_WORD, KEY_##effect, name, 0, 0, fallback, words, what \
	}
#define FOREIGN(section, name)                                                            \
	{                                                                                 \
		KEY_OF_##section, KEY_FOREIGN, KEY_AT_START, name, 0, 0, NULL, NULL, NULL \
	}

static const struct key rows[] = {
        WORD(APPLICATION, AT_START, "enableset", "n y N Y", "n", "whether the server is in a set"),
        TEXT(APPLICATION, AT_START, "setdivision", NULL, "its set, name.area.group"),

        TEXT(CLIENT, WHILE_RUNNING, "locator", NULL,
             "the registry, as tcp -h HOST -p PORT, more of them separated by ':'"),
        NUMBER(CLIENT, WHILE_RUNNING, "sync-invoke-timeout", 0, 3600000, "3000",
               "how long a call may take, in ms; a caller's own time counts before it"),
        NUMBER(CLIENT, WHILE_RUNNING, "connect-timeout", 0, 60000, "1500",
               "how long connecting may take, in ms"),
        NUMBER(CLIENT, AT_START, "retry-percent", 0, 100, "10",
               "of the calls may be sent a second time, and a few a second more; 0: none"),
        NUMBER(CLIENT, AT_START, "refresh-endpoint-interval", 0, DAY_MS, "10000",
               "how long endpoints from the registry are kept, in ms"),
        TEXT(CLIENT, AT_START, "ca", NULL,
             "who vouches for servers, a PEM file; without it the system's authorities do"),
        TEXT(CLIENT, AT_START, "cert", NULL, "our certificate for servers that ask, a PEM file"),
        TEXT(CLIENT, AT_START, "key", NULL, "its private key; without it, in the same file"),
        TEXT(CLIENT, AT_START, "ciphers", NULL, "ciphers for TLS 1.2, as OpenSSL writes them"),
        WORD(CLIENT, AT_START, "verifyserver", "0 1", "1",
             "whether ssl endpoints must show a certificate that is valid for them"),
        FOREIGN(CLIENT, "async-invoke-timeout"),
        FOREIGN(CLIENT, "stat"),
        FOREIGN(CLIENT, "property"),
        FOREIGN(CLIENT, "report-interval"),
        FOREIGN(CLIENT, "report-timeout"),
        FOREIGN(CLIENT, "max-report-size"),
        FOREIGN(CLIENT, "sample-rate"),
        FOREIGN(CLIENT, "max-sample-count"),
        FOREIGN(CLIENT, "modulename"),
        FOREIGN(CLIENT, "localip"),
        FOREIGN(CLIENT, "logpath"),
        FOREIGN(CLIENT, "loglevel"),
        FOREIGN(CLIENT, "asyncthread"),
        FOREIGN(CLIENT, "netthread"),
        FOREIGN(CLIENT, "asyncqueuecap"),
        FOREIGN(CLIENT, "mergenetasync"),
        FOREIGN(CLIENT, "keep-alive-interval"),
        FOREIGN(CLIENT, "check-status-interval"),
        FOREIGN(CLIENT, "timeout-log-flag"),
        FOREIGN(CLIENT, "min-timeout"),
        FOREIGN(CLIENT, "trace_param_max_len"),
        FOREIGN(CLIENT, "ignore-signal"),
        FOREIGN(CLIENT, "clientqueuelen"),
        FOREIGN(CLIENT, "clientidletimeout"),
        FOREIGN(CLIENT, "clientreadtimeout"),
        FOREIGN(CLIENT, "clientwritetimeout"),
        FOREIGN(CLIENT, "clientdialtimeout"),
        FOREIGN(CLIENT, "reqdefaulttimeout"),
        FOREIGN(CLIENT, "objqueuemax"),
        FOREIGN(CLIENT, "cdatapath"),
        FOREIGN(CLIENT, "sendthread"),
        FOREIGN(CLIENT, "recvthread"),
        FOREIGN(CLIENT, "connections"),
        FOREIGN(CLIENT, "corepoolsize"),
        FOREIGN(CLIENT, "maxpoolsize"),
        FOREIGN(CLIENT, "keepalivetime"),
        FOREIGN(CLIENT, "queuesize"),
        FOREIGN(CLIENT, "charsetname"),

        TEXT(SERVER, AT_START, "app", NULL, "the application's name"),
        TEXT(SERVER, AT_START, "server", NULL, "the server's name"),
        TEXT(SERVER, AT_START, "local", NULL, "where admin commands are taken, on this machine"),
        TEXT(SERVER, AT_START, "node", NULL,
             "the agent, which gets heartbeats: tars.tarsnode.ServerObj@tcp -h HOST -p PORT"),
        TEXT(SERVER, AT_START, "nodename", NULL, "the machine's name, as the platform knows it"),
        TEXT(SERVER, AT_START, "localip", NULL,
             "the machine's address; names it without a nodename"),
        TEXT(SERVER, AT_START, "basepath", "./", "where the program lies"),
        TEXT(SERVER, AT_START, "datapath", "./", "where the server keeps its data"),
        TEXT(SERVER, AT_START, "configpath", NULL,
             "where tars.loadconfig puts its files; the basepath when it is missing"),
        TEXT(SERVER, AT_START, "config", NULL,
             "who has configuration files: tars.tarsconfig.ConfigObj"),
        WORD(SERVER, WHILE_RUNNING, "logLevel", "DEBUG INFO WARN ERROR NONE", "INFO",
             "the least that is logged"),
        NUMBER(SERVER, AT_START, "loops", 0, 256, "0",
               "threads that serve connections; 0: the largest `threads` of the adapters whose "
               "handlers run on fibers"),
        NUMBER(SERVER, WHILE_RUNNING, "deactivating-timeout", 0, 60000, "5000",
               "how long calls in progress may take when the server ends, in ms"),
        TEXT(SERVER, AT_START, "cert", NULL,
             "the certificate and those below its root, a PEM file, for adapters with ssl"),
        TEXT(SERVER, AT_START, "key", NULL, "its private key; without it, in the same file"),
        TEXT(SERVER, AT_START, "ca", NULL, "who vouches for clients, a PEM file"),
        TEXT(SERVER, AT_START, "ciphers", NULL, "ciphers for TLS 1.2, as OpenSSL writes them"),
        WORD(SERVER, AT_START, "verifyclient", "0 1", "0",
             "whether clients must show a certificate of ca"),
        FOREIGN(SERVER, "loglevel"),
        FOREIGN(SERVER, "node_name"),
        FOREIGN(SERVER, "logpath"),
        FOREIGN(SERVER, "logsize"),
        FOREIGN(SERVER, "lognum"),
        FOREIGN(SERVER, "log"),
        FOREIGN(SERVER, "notify"),
        FOREIGN(SERVER, "activating-timeout"),
        FOREIGN(SERVER, "hearttimeout"),
        FOREIGN(SERVER, "jvmparams"),
        FOREIGN(SERVER, "mainclass"),
        FOREIGN(SERVER, "classpath"),
        FOREIGN(SERVER, "java"),
        FOREIGN(SERVER, "nodejs"),
        FOREIGN(SERVER, "php"),
        FOREIGN(SERVER, "entrance"),
        FOREIGN(SERVER, "env"),
        FOREIGN(SERVER, "packageFormat"),
        FOREIGN(SERVER, "backupfiles"),
        FOREIGN(SERVER, "bakflag"),
        FOREIGN(SERVER, "baktype"),
        FOREIGN(SERVER, "ms-check-timeout"),
        FOREIGN(SERVER, "reportflow"),
        FOREIGN(SERVER, "checkset"),
        FOREIGN(SERVER, "opencoroutine"),
        FOREIGN(SERVER, "coroutinememsize"),
        FOREIGN(SERVER, "coroutinestack"),
        FOREIGN(SERVER, "manuallisten"),
        FOREIGN(SERVER, "netthread"),
        FOREIGN(SERVER, "closecout"),
        FOREIGN(SERVER, "backpacketlimit"),
        FOREIGN(SERVER, "backpacketmin"),
        FOREIGN(SERVER, "emptyconntimeout"),
        FOREIGN(SERVER, "logstatreport"),
        FOREIGN(SERVER, "start_output"),
        FOREIGN(SERVER, "accepttimeout"),
        FOREIGN(SERVER, "readtimeout"),
        FOREIGN(SERVER, "writetimeout"),
        FOREIGN(SERVER, "handletimeout"),
        FOREIGN(SERVER, "idletimeout"),
        FOREIGN(SERVER, "zombietimeout"),
        FOREIGN(SERVER, "queuecap"),
        FOREIGN(SERVER, "gracedowntimeout"),
        FOREIGN(SERVER, "tcpreadbuffer"),
        FOREIGN(SERVER, "tcpwritebuffer"),
        FOREIGN(SERVER, "tcpnodelay"),
        FOREIGN(SERVER, "maxroutine"),
        FOREIGN(SERVER, "propertyreportinterval"),
        FOREIGN(SERVER, "statreportinterval"),
        FOREIGN(SERVER, "mainloopticker"),
        FOREIGN(SERVER, "statreportchannelbuflen"),
        FOREIGN(SERVER, "maxPackageLength"),
        FOREIGN(SERVER, "lograte"),
        FOREIGN(SERVER, "sessiontimeout"),
        FOREIGN(SERVER, "sessioncheckinterval"),
        FOREIGN(SERVER, "udpbuffersize"),
        FOREIGN(SERVER, "charsetname"),
        FOREIGN(SERVER, "samplerate"),
        FOREIGN(SERVER, "sampletype"),
        FOREIGN(SERVER, "sampleaddress"),
        FOREIGN(SERVER, "sampleencoding"),
        FOREIGN(SERVER, "script-args"),

        TEXT(OBJECT, WHILE_RUNNING, "idempotent", NULL,
             "functions that may run twice, separated by blanks; * is all: only they are sent "
             "again "
             "after a failure that may have reached the server, and hedged"),
        NUMBER(OBJECT, WHILE_RUNNING, "retries", 0, 3, "1",
               "how often a call may be sent again; 0: never"),
        NUMBER(OBJECT, WHILE_RUNNING, "hedge", 0, 3600000, "0",
               "without an answer for so long a second endpoint is asked, in ms; 0: never"),
        NUMBER(OBJECT, WHILE_RUNNING, "timeout", 0, 3600000, "0",
               "how long a call may take, in ms; 0: as for all objects"),
        NUMBER(OBJECT, WHILE_RUNNING, "oneway-queue", 0, 1000000, "10000",
               "one-way calls that may wait for a connection; 0: none"),
        WORD(OBJECT, WHILE_RUNNING, "balancer",
             "round-robin weighted hash consistent-hash least-latency", "round-robin",
             "how an endpoint is chosen"),
        NUMBER(OBJECT, WHILE_RUNNING, "subset", 0, 100000, "0",
               "of the endpoints this server calls so many; 0: all"),
        NUMBER(OBJECT, WHILE_RUNNING, "slow-start", 0, 3600000, "0",
               "a new endpoint gets its full share after so long, in ms"),
        NUMBER(OBJECT, WHILE_RUNNING, "isolated-share", 0, 100, "50",
               "percent of the endpoints that may be left out because they are sick"),
        TEXT(OBJECT, WHILE_RUNNING, "accesskey", NULL,
             "who we are to its endpoints with -e 1; see docs/security.md"),
        TEXT(OBJECT, WHILE_RUNNING, "secretkey", NULL, "what proves it"),
        FOREIGN(OBJECT, "ca"),
        FOREIGN(OBJECT, "cert"),
        FOREIGN(OBJECT, "key"),
        FOREIGN(OBJECT, "ciphers"),

        TEXT(ADAPTER, AT_START, "endpoint", NULL,
             "where it listens, tcp -h HOST -p PORT -t IDLE-MS"),
        TEXT(ADAPTER, AT_START, "servant", NULL, "the objects it serves, separated by blanks"),
        WORD(ADAPTER, AT_START, "dispatch", "fiber pool", "fiber",
             "where handlers run: on fibers of the loops, or on threads of the adapter's own, for "
             "handlers that block or compute"),
        NUMBER(ADAPTER, AT_START, "threads", 1, 256, "1",
               "with dispatch=pool this adapter's own threads; else see `loops` of the server"),
        NUMBER(ADAPTER, WHILE_RUNNING, "maxconns", 0, INT32_MAX, "10240",
               "connections at a time; 0: the default"),
        NUMBER(ADAPTER, WHILE_RUNNING, "queuecap", 0, INT32_MAX, "10240",
               "requests in progress or waiting; one more is refused; 0: the default"),
        NUMBER(ADAPTER, AT_START, "queuetimeout", 0, INT32_MAX, "10000",
               "how long a request may wait for a thread of dispatch=pool, in ms; 0: the default"),
        WORD(ADAPTER, AT_START, "http", "on off", "on",
             "whether the port speaks HTTP/1.1 too; see docs/http.md"),
        TEXT(ADAPTER, AT_START, "allow", NULL,
             "who may connect, as 10.0.0.0/8, separated by commas or blanks; empty: everybody"),
        TEXT(ADAPTER, AT_START, "deny", NULL, "who may not; it beats allow"),
        TEXT(ADAPTER, AT_START, "cert", NULL,
             "its own certificate; here and below, without one the server's counts"),
        TEXT(ADAPTER, AT_START, "key", NULL, "its private key"),
        TEXT(ADAPTER, AT_START, "ca", NULL, "who vouches for clients"),
        TEXT(ADAPTER, AT_START, "ciphers", NULL, "ciphers for TLS 1.2"),
        WORD(ADAPTER, AT_START, "verifyclient", "server 0 1", "server",
             "whether clients must show a certificate of ca; server: as its section says"),
        WORD(ADAPTER, AT_START, "tlsoptional", "0 1", "0",
             "whether a tcp endpoint takes TLS beside plain connections"),
        TEXT(ADAPTER, AT_START, "accesskey", NULL,
             "whom an endpoint with -e 1 serves; see docs/security.md"),
        TEXT(ADAPTER, AT_START, "secretkey", NULL, "what proves it"),
        FOREIGN(ADAPTER, "protocol"),
        FOREIGN(ADAPTER, "handlegroup"),
        FOREIGN(ADAPTER, "order"),
// The other limits, by their names in kipp/limits.h; two of them have TARS's names above too.
#define LIMIT(field, normal, text) \
	NUMBER(ADAPTER, WHILE_RUNNING, #field, -1, INT64_C(1) << 53, #normal, text),
        KP_LIMIT_MAP(LIMIT)
#undef LIMIT
};

enum {
	ROW_COUNT = sizeof(rows) / sizeof(*rows)
};

const struct key *keys_rows(size_t *ret_count)
{
	*ret_count = ROW_COUNT;
	return rows;
}

const char *keys_section_title(enum key_section section)
{
	static const char *const titles[KEY_SECTION_COUNT] = {"application", "client", "server",
	                                                      "an object", "an adapter"};
	return titles[section];
}

const struct key *keys_find(enum key_section section, struct kp_str name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].section == section && kp_str_equal(kp_str(rows[i].name), name))
			return &rows[i];
	return NULL;
}

const struct key *keys_nearest(enum key_section section, struct kp_str name)
{
	char word[NAME_SIZE];
	const char *names[ROW_COUNT];
	size_t count = 0;
	if (name.len >= sizeof(word))
		return NULL;
	snprintf(word, sizeof(word), "%.*s", KP_STR_ARG(name));
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].section == section)
			names[count++] = rows[i].name;
	const char *near = kp_nearest_find(word, names, count);
	return near ? keys_find(section, kp_str(near)) : NULL;
}

// find_word returns which of the blank-separated words `value` is; -1: none.
static int find_word(struct kp_str words, struct kp_str value)
{
	struct kp_str word;
	for (int i = 0; kp_str_split_next(&words, ' ', &word); i++)
		if (kp_str_equal(word, value))
			return i;
	return -1;
}

kp_err keys_check(const struct key *key, struct kp_str value, struct kp_why *why)
{
	int64_t number;
	value = kp_str_trim(value);
	if (value.len == 0)
		return KP_OK;
	if (key->kind == KEY_NUMBER && kp_str_i64(value, key->min, key->max, &number) != KP_OK)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "%s is a number from %" PRId64 " to %" PRId64 ", not '%.*s'",
		                  key->name, key->min, key->max,
		                  (int)(value.len > 60 ? 60 : value.len), value.ptr);
	if (key->kind == KEY_WORD && find_word(kp_str(key->words), value) < 0)
		return kp_why_set(why, KP_ERR_INVALID, "%s is one of %s, not '%.*s'", key->name,
		                  key->words, (int)(value.len > 60 ? 60 : value.len), value.ptr);
	return KP_OK;
}

int64_t keys_number(const struct key *key, struct kp_str value)
{
	int64_t number = 0;
	value = kp_str_trim(value);
	if (value.len == 0 || kp_str_i64(value, key->min, key->max, &number) != KP_OK)
		(void)kp_str_i64(kp_str(key->fallback), INT64_MIN, INT64_MAX, &number);
	return number;
}

int keys_word(const struct key *key, struct kp_str value)
{
	int word = find_word(kp_str(key->words), kp_str_trim(value));
	return word >= 0 ? word : find_word(kp_str(key->words), kp_str(key->fallback));
}
