// spec.c - one small check per field.
#include "control/state/spec.h"

#include "base/text.h"
#include "base/try.h"
#include "control/state/names.h"
#include "tars/endpoint.h"

#define PART(s) (int)((s).len < 100 ? (s).len : 100), (s).len ? (s).ptr : ""

static const char *const types[] = {
        "kipp", "tars_cpp", "tars_go", "tars_java", "tars_nodejs", "tars_php", "not_tars",
};

static kp_err check_type(struct kp_str type, struct kp_why *why)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (kp_str_equal(type, kp_str(types[i])))
			return KP_OK;
	return kp_why_set(why, KP_ERR_INVALID,
	                  "the type \"%.*s\" is unknown: use kipp, tars_cpp, tars_go, tars_java, "
	                  "tars_nodejs, tars_php or not_tars",
	                  PART(type));
}

// The configuration grammar is read by four parsers at once, one of which takes it for XML.
static bool fits_config(struct kp_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < ' ' || c == 0x7f || strchr("<>&\\", c))
			return false;
	}
	return true;
}

static kp_err check_executable(struct kp_str path, struct kp_why *why)
{
	struct kp_str rest = path, part;
	bool is_bad = path.len > 1024 || (path.len && path.ptr[0] == '/') || !fits_config(path);
	while (kp_str_split_next(&rest, '/', &part))
		is_bad = is_bad || kp_str_equal(part, kp_str(".."));
	if (!is_bad)
		return KP_OK;
	return kp_why_set(why, KP_ERR_INVALID,
	                  "the executable \"%.*s\" must be a path inside the package, without ..",
	                  PART(path));
}

static kp_err check_servants(const struct kipp_Adapter *adapter, struct kp_why *why)
{
	struct kp_str rest = kp_str_trim(adapter->servant), part;
	if (rest.len == 0)
		return kp_why_set(why, KP_ERR_INVALID, "the adapter %.*s has no servant",
		                  PART(adapter->name));
	while (kp_str_split_next(&rest, ' ', &part))
		if (part.len && !name_is_valid(part))
			return kp_why_set(why, KP_ERR_INVALID,
			                  "the servant \"%.*s\" of %.*s must be a name such as "
			                  "PayObj: letters, digits and _",
			                  PART(part), PART(adapter->name));
	return KP_OK;
}

static kp_err check_range(const char *what, int32_t value, int32_t min, int32_t max,
                          struct kp_str adapter, struct kp_why *why)
{
	if (value >= min && value <= max)
		return KP_OK;
	return kp_why_set(why, KP_ERR_INVALID, "%s of the adapter %.*s is %d, not from %d to %d",
	                  what, PART(adapter), value, min, max);
}

static kp_err check_adapter(const struct kipp_Adapter *adapter, struct kp_why *why)
{
	struct kp_str name = adapter->name;
	if (!name_is_valid(name))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the adapter name \"%.*s\" must be letters, digits and _",
		                  PART(name));
	KP_TRY(check_servants(adapter, why));
	struct kp_endpoint endpoint;
	struct kp_why detail = {""};
	if (!fits_config(adapter->endpoint) ||
	    kp_endpoint_parse(adapter->endpoint, &endpoint, &detail) != KP_OK)
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the endpoint \"%.*s\" of the adapter %.*s is not understood: "
		                  "write \"tcp -h 127.0.0.1 -p 0 -t 60000\"",
		                  PART(adapter->endpoint), PART(name));
	KP_TRY(check_range("threads", adapter->threads, 1, 1024, name, why));
	KP_TRY(check_range("maxConnections", adapter->maxConnections, 1, 10000000, name, why));
	KP_TRY(check_range("queueCap", adapter->queueCap, 1, 100000000, name, why));
	KP_TRY(check_range("queueTimeout", adapter->queueTimeout, 1, 86400000, name, why));
	if (!kp_str_equal(adapter->protocol, kp_str("tars")) &&
	    !kp_str_equal(adapter->protocol, kp_str("not_tars")))
		return kp_why_set(
		        why, KP_ERR_INVALID,
		        "the protocol \"%.*s\" of the adapter %.*s is not tars or not_tars",
		        PART(adapter->protocol), PART(name));
	return KP_OK;
}

static kp_err check_adapters(const struct kipp_Server *spec, struct kp_why *why)
{
	if (spec->adapters.len > ADAPTERS_MAX)
		return kp_why_set(why, KP_ERR_INVALID, "%zu adapters are more than %d",
		                  spec->adapters.len, ADAPTERS_MAX);
	for (size_t i = 0; i < spec->adapters.len; i++) {
		const struct kipp_Adapter *adapter = &spec->adapters.ptr[i];
		KP_TRY(check_adapter(adapter, why));
		for (size_t j = 0; j < i; j++)
			if (kp_str_equal(spec->adapters.ptr[j].name, adapter->name))
				return kp_why_set(why, KP_ERR_INVALID,
				                  "two adapters are called %.*s",
				                  PART(adapter->name));
	}
	return KP_OK;
}

static kp_err check_settings(const struct kipp_Server *spec, struct kp_why *why)
{
	if (spec->settings.len > SETTINGS_MAX)
		return kp_why_set(why, KP_ERR_INVALID, "%zu settings are more than %d",
		                  spec->settings.len, SETTINGS_MAX);
	for (size_t i = 0; i < spec->settings.len; i++) {
		struct kp_str key = spec->settings.ptr[i].key, value = spec->settings.ptr[i].value;
		if (key.len == 0 || key.len > 256 || !fits_config(key) ||
		    kp_str_find(key, '=') != key.len || kp_str_find(key, '#') == 0)
			return kp_why_set(why, KP_ERR_INVALID,
			                  "the setting \"%.*s\" cannot be a configuration key",
			                  PART(key));
		if (value.len > 65536 || !fits_config(value))
			return kp_why_set(
			        why, KP_ERR_INVALID,
			        "the value of the setting %.*s holds one of < > & \\ or a "
			        "control character, or is too long",
			        PART(key));
	}
	return KP_OK;
}

static kp_err check_names(const struct kipp_Server *spec, struct kp_why *why)
{
	if (!name_is_valid(spec->application) || !name_is_valid(spec->name))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "\"%.*s.%.*s\" is no server name: write App.Server in letters, "
		                  "digits and _, at most %d each",
		                  PART(spec->application), PART(spec->name), NAME_SIZE_MAX);
	if (kp_str_equal(spec->application, kp_str("kipp")))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the application name kipp is kept for the platform itself");
	if (kp_str_equal(spec->application, kp_str("tars")) &&
	    kp_str_equal(spec->name, kp_str("tarsregistry")))
		return kp_why_set(
		        why, KP_ERR_INVALID,
		        "the server name tars.tarsregistry is kept for the platform's own "
		        "registry");
	return KP_OK;
}

kp_err spec_check(const struct kipp_Server *spec, struct kp_why *why)
{
	KP_TRY(check_names(spec, why));
	KP_TRY(check_type(spec->type, why));
	if (!hash_is_valid(spec->package))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the package \"%.*s\" is no sha256 in 64 lower-case hex digits",
		                  PART(spec->package));
	if (spec->version.len > 128 || !fits_config(spec->version))
		return kp_why_set(why, KP_ERR_INVALID,
		                  "the version label is longer than 128 or holds odd characters");
	KP_TRY(check_executable(spec->executable, why));
	if (spec->instances < 0 || spec->instances > INSTANCES_MAX)
		return kp_why_set(why, KP_ERR_INVALID, "%d instances are not from 0 to %d",
		                  spec->instances, INSTANCES_MAX);
	KP_TRY(check_adapters(spec, why));
	return check_settings(spec, why);
}

kp_err spec_encode(const struct kipp_Server *spec, struct kp_buf *out)
{
	kipp_Server_encode(out, 0, spec);
	return out->err;
}

kp_err spec_decode(struct kp_bytes bytes, struct kp_arena *arena, struct kipp_Server *ret)
{
	struct kp_decoder in = kp_decoder(bytes, arena);
	struct kipp_Server spec;
	kipp_Server_init(&spec);
	if (!kipp_Server_decode(&in, 0, KP_REQUIRED, &spec))
		return in.err;
	*ret = spec;
	return KP_OK;
}
