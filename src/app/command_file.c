// command_file.c - tars.loadconfig: a file that the platform has for this server.
#include "app/command.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "interfaces/config.h"
#include "os/file.h"

#include <ctype.h>

enum {
	BACKUPS = 5, // FILE.1.bak is the newest
	NAME_LEN_MAX = 128,
	FILE_SIZE_MAX = 16 << 20,
};

// is_file_name keeps what comes from outside inside the folder.
static bool is_file_name(struct kp_str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '.' &&
		    name.ptr[i] != '_' && name.ptr[i] != '-')
			return false;
	return name.len > 0 && name.len <= NAME_LEN_MAX && name.ptr[0] != '.';
}

static struct kp_str server_key(const struct kp_app *app, const char *name)
{
	return app_config_get(app_config_section(app->config, KEY_OF_SERVER), KEY_OF_SERVER, name);
}

// fetch asks the platform; an empty text is a file that it does not have.
static kp_err fetch(struct kp_call *call, struct kp_app *app, struct kp_str name,
                    struct kp_str *ret, struct kp_why *why)
{
	struct kp_str object = kp_call_str(call, server_key(app, "config"));
	if (object.len == 0)
		return kp_why_set(why, KP_ERR_NOTFOUND,
		                  "the configuration does not say who has such files "
		                  "(/tars/application/server<config>)");
	struct kp_str host = server_key(app, "nodename");
	struct kp_str set = kp_str_trim(kp_app_config(app, "/tars/application<setdivision>"));
	struct tars_ConfigInfo info;
	tars_ConfigInfo_init(&info);
	info.appname = app->application;
	info.servername = app->server_name;
	info.filename = name;
	info.host = host.len > 0 ? host : server_key(app, "localip");
	if (app_config_word(app_config_section(app->config, KEY_OF_APPLICATION), KEY_OF_APPLICATION,
	                    "enableset") %
	    2)
		info.setdivision = set;
	struct tars_ConfigF *config = tars_ConfigF_proxy(app->client, object.ptr);
	int32_t outcome = 0;
	kp_err err = config ? tars_ConfigF_loadConfigByInfo(config, call, &info, ret, &outcome)
	                    : KP_ERR_NOMEM;
	if (err != KP_OK)
		return kp_why_set(why, err, "%s cannot be asked: %s%s%.*s", object.ptr,
		                  kp_err_text(err), kp_call_reason(call).len ? ": " : "",
		                  KP_STR_ARG(kp_call_reason(call)));
	if (outcome != 0)
		return kp_why_set(why, KP_ERR_SERVER, "%s refuses (%d): %.*s", object.ptr, outcome,
		                  KP_STR_ARG(*ret));
	if (ret->len == 0)
		return kp_why_set(why, KP_ERR_NOTFOUND, "%s has no such file for %s", object.ptr,
		                  app->name);
	return KP_OK;
}

// back_up moves the copies on by one number; the oldest goes. What is missing is skipped.
static kp_err back_up(const char *path, struct kp_why *why)
{
	for (int i = BACKUPS; i > 0; i--) {
		kp_cleanup(kp_freep) char *to = kp_file_path("%s.%d.bak", path, i);
		kp_cleanup(kp_freep) char *from =
		        i > 1 ? kp_file_path("%s.%d.bak", path, i - 1) : kp_file_path("%s", path);
		if (!to || !from)
			return KP_ERR_NOMEM;
		if (!kp_file_exists(from))
			continue;
		// The file itself stays until the new one takes its place.
		KP_TRY(i > 1 ? kp_file_rename(from, to, why) : kp_file_copy(from, to, why));
	}
	return KP_OK;
}

static bool is_same(const char *path, struct kp_str content)
{
	struct kp_buf old = {0};
	bool is_same = kp_file_read(path, FILE_SIZE_MAX, &old, NULL) == KP_OK &&
	               kp_str_equal(kp_buf_str(&old), content);
	kp_buf_fini(&old);
	return is_same;
}

static kp_err save(struct kp_call *call, const struct kp_app *app, struct kp_str name,
                   struct kp_str content, const char **ret_path, bool *ret_is_new,
                   struct kp_why *why)
{
	struct kp_str folder = server_key(app, "configpath");
	if (folder.len == 0)
		folder = server_key(app, "basepath");
	const char *dir = kp_call_str(call, folder).ptr;
	const char *path =
	        kp_call_format(call, "%.*s/%.*s", KP_STR_ARG(folder), KP_STR_ARG(name)).ptr;
	if (!dir || !path)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	*ret_path = path;
	*ret_is_new = !is_same(path, content);
	if (!*ret_is_new)
		return KP_OK;
	KP_TRY(kp_file_make_dirs(dir, 0755, why));
	KP_TRY(back_up(path, why));
	return kp_file_replace(path, (struct kp_bytes){(const uint8_t *)content.ptr, content.len},
	                       0644, why);
}

struct kp_str command_load_config(struct kp_call *call, struct kp_app *app, struct kp_str rest)
{
	struct kp_str content = {0};
	struct kp_why why = {""};
	const char *path = "";
	bool is_new = false;
	if (!is_file_name(rest))
		return kp_call_format(call,
		                      "'%.*s' is no name of a configuration file: letters, digits, "
		                      "'.', '_' and '-', at most %d",
		                      KP_STR_ARG(rest), NAME_LEN_MAX);
	kp_err err = fetch(call, app, rest, &content, &why);
	if (err == KP_OK)
		err = save(call, app, rest, content, &path, &is_new, &why);
	if (err != KP_OK)
		return kp_call_format(call, "[fail] %.*s is not fetched: %s", KP_STR_ARG(rest),
		                      why.text[0] ? why.text : kp_err_text(err));
	return kp_call_format(call, "[succ] get remote config:%.*s, %zu bytes%s %s",
	                      KP_STR_ARG(rest), content.len,
	                      is_new ? ", in" : ", the same as before in", path);
}
