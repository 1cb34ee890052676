// launch.c - finding a server's program and building its command line.
#include "node/launch.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/file.h"

enum {
	WORDS_MAX = 256,
	ENV_MAX = 4096,
	DEPTH_MAX = 8,
};

struct plan {
	const struct launch_input *input;
	struct kp_arena *arena;
	struct kp_why *why;
	const char *words[WORDS_MAX + 1];
	size_t word_count;
	bool has_overflow; // or no memory
};

static void add_word(struct plan *p, struct kp_str word)
{
	if (!word.ptr || p->word_count == WORDS_MAX)
		p->has_overflow = true;
	else
		p->words[p->word_count++] = word.ptr;
}

static void add_text(struct plan *p, const char *word)
{
	add_word(p, kp_arena_str(p->arena, kp_str(word)));
}

// add_split adds the blank-separated words of a setting.
static void add_split(struct plan *p, struct kp_str text)
{
	struct kp_str word;
	while (kp_str_split_next(&text, ' ', &word))
		if (word.len > 0)
			add_word(p, kp_arena_str(p->arena, word));
}

static struct kp_str setting(const struct plan *p, const char *key)
{
	for (size_t i = p->input->setting_count; i-- > 0;)
		if (kp_str_equal(p->input->settings[i].key, kp_str(key)))
			return p->input->settings[i].value;
	return (struct kp_str){0};
}

static struct kp_str setting_or(const struct plan *p, const char *key, const char *otherwise)
{
	struct kp_str value = setting(p, key);
	return value.len ? value : kp_str(otherwise);
}

static bool is_program(const char *path)
{
	struct kp_file_info info;
	return path && kp_file_stat(path, true, &info) == KP_OK && info.is_executable;
}

static bool contains(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

// find_named looks below `dir` for the first executable whose name has "Server" or "server" in it.
static const char *find_named(struct plan *p, const char *dir, int depth)
{
	struct kp_file_list list;
	const char *found = NULL;
	if (depth > DEPTH_MAX || kp_file_list_dir(dir, &list, NULL) != KP_OK)
		return NULL;
	for (size_t i = 0; !found && i < list.count; i++) {
		struct kp_file_info info;
		const char *path = kp_arena_format(p->arena, "%s/%s", dir, list.names[i]).ptr;
		if (!path || kp_file_stat(path, false, &info) != KP_OK)
			continue;
		if (info.kind == KP_FILE_DIRECTORY)
			found = find_named(p, path, depth + 1);
		else if (info.is_executable &&
		         (contains(list.names[i], "Server") || contains(list.names[i], "server")))
			found = path;
	}
	kp_file_list_fini(&list);
	return found;
}

// find_only returns the one executable at the top of the package, or NULL.
static const char *find_only(struct plan *p)
{
	struct kp_file_list list;
	const char *found = NULL;
	size_t count = 0;
	if (kp_file_list_dir(p->input->base_path, &list, NULL) != KP_OK)
		return NULL;
	for (size_t i = 0; i < list.count; i++) {
		const char *path =
		        kp_arena_format(p->arena, "%s/%s", p->input->base_path, list.names[i]).ptr;
		if (!is_program(path))
			continue;
		found = path;
		count++;
	}
	kp_file_list_fini(&list);
	return count == 1 ? found : NULL;
}

static kp_err find_executable(struct plan *p, const char **ret)
{
	const struct launch_input *input = p->input;
	struct kp_str name = input->executable.len ? input->executable : input->server;
	const char *path =
	        kp_arena_format(p->arena, "%s/%.*s", input->base_path, KP_STR_ARG(name)).ptr;
	if (!path)
		return KP_ERR_NOMEM;
	if (input->executable.len > 0 && !kp_file_exists(path))
		return kp_why_set(p->why, KP_ERR_NOTFOUND, "the package holds no '%.*s'",
		                  KP_STR_ARG(name));
	if (input->executable.len > 0 && !is_program(path))
		return kp_why_set(p->why, KP_ERR_INVALID, "'%.*s' of the package is not executable",
		                  KP_STR_ARG(name));
	if (!is_program(path))
		path = find_named(p, input->base_path, 0);
	if (!path)
		path = find_only(p);
	if (!path)
		return kp_why_set(p->why, KP_ERR_NOTFOUND,
		                  "the package holds no executable '%.*s', none with 'Server' in "
		                  "its name, and not exactly one executable",
		                  KP_STR_ARG(input->server));
	*ret = path;
	return KP_OK;
}

// find_tool finds a program by its path, or by its name in PATH.
static kp_err find_tool(struct plan *p, struct kp_str name, const char **ret)
{
	struct kp_str path = kp_str("/usr/local/bin:/usr/bin:/bin");
	for (const char *const *env = p->input->environment; env && *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			path = kp_str(*env + 5);
	if (kp_str_find(name, '/') < name.len) {
		*ret = kp_arena_str(p->arena, name).ptr;
		return *ret ? KP_OK : KP_ERR_NOMEM;
	}
	struct kp_str dir;
	while (kp_str_split_next(&path, ':', &dir)) {
		*ret = kp_arena_format(p->arena, "%.*s/%.*s", KP_STR_ARG(dir), KP_STR_ARG(name))
		               .ptr;
		if (dir.len > 0 && is_program(*ret))
			return KP_OK;
	}
	return kp_why_set(p->why, KP_ERR_NOTFOUND, "'%.*s' is not installed on this node",
	                  KP_STR_ARG(name));
}

static kp_err plan_program(struct plan *p, const char **ret_path)
{
	KP_TRY(find_executable(p, ret_path));
	add_text(p, *ret_path);
	add_word(p, kp_arena_format(p->arena, "--config=%s", p->input->config_path));
	return KP_OK;
}

// A script gets its arguments from its settings and finds the configuration by TARS_CONFIG.
static kp_err plan_script(struct plan *p, const char **ret_path)
{
	KP_TRY(find_executable(p, ret_path));
	add_text(p, *ret_path);
	add_split(p, setting(p, "script-args"));
	return KP_OK;
}

static kp_err plan_java(struct plan *p, const char **ret_path)
{
	const struct launch_input *input = p->input;
	bool is_jar = kp_str_equal(setting(p, "packageFormat"), kp_str("jar"));
	KP_TRY(find_tool(p, setting_or(p, "java", "java"), ret_path));
	add_text(p, *ret_path);
	add_word(p, kp_arena_format(p->arena, "-Dconfig=%s", input->config_path));
	add_split(p, setting(p, "jvmparams"));
	if (is_jar && setting(p, "mainclass").len == 0) {
		add_text(p, "-jar");
		add_word(p, kp_arena_format(p->arena, "%s/%.*s.%.*s.jar", input->base_path,
		                            KP_STR_ARG(input->application),
		                            KP_STR_ARG(input->server)));
		return KP_OK;
	}
	if (!is_jar) {
		struct kp_str classpath = setting(p, "classpath");
		const char *base = input->base_path;
		add_text(p, "-cp");
		add_word(p, classpath.len
		                    ? kp_arena_format(p->arena, "%.*s/*", KP_STR_ARG(classpath))
		                    : kp_arena_format(p->arena,
		                                      "%s/conf:%s/WEB-INF/classes:%s/WEB-INF/lib/*",
		                                      base, base, base));
	}
	add_split(p, setting_or(p, "mainclass", "com.qq.tars.server.startup.Main"));
	return KP_OK;
}

// find_package_json returns the first directory below `dir` that holds a package.json.
static const char *find_package_json(struct plan *p, const char *dir, int depth)
{
	struct kp_file_list list;
	const char *found = NULL;
	const char *json = kp_arena_format(p->arena, "%s/package.json", dir).ptr;
	if (!json || kp_file_exists(json))
		return json ? dir : NULL;
	if (depth > DEPTH_MAX || kp_file_list_dir(dir, &list, NULL) != KP_OK)
		return NULL;
	for (size_t i = 0; !found && i < list.count; i++) {
		struct kp_file_info info;
		const char *path = kp_arena_format(p->arena, "%s/%s", dir, list.names[i]).ptr;
		if (path && strcmp(list.names[i], "node_modules") != 0 &&
		    strcmp(list.names[i], "tars_nodejs") != 0 &&
		    kp_file_stat(path, false, &info) == KP_OK && info.kind == KP_FILE_DIRECTORY)
			found = find_package_json(p, path, depth + 1);
	}
	kp_file_list_fini(&list);
	return found;
}

static kp_err plan_nodejs(struct plan *p, const char **ret_path)
{
	const char *base = p->input->base_path;
	const char *agent =
	        kp_arena_format(p->arena, "%s/tars_nodejs/node-agent/bin/node-agent", base).ptr;
	const char *own = kp_arena_format(p->arena, "%s/tars_nodejs/node", base).ptr;
	const char *dir = find_package_json(p, base, 0);
	if (!agent || !own)
		return KP_ERR_NOMEM;
	if (!kp_file_exists(agent))
		return kp_why_set(p->why, KP_ERR_NOTFOUND,
		                  "the package holds no tars_nodejs/node-agent/bin/node-agent, "
		                  "which starts Node.js servers");
	if (!dir)
		return kp_why_set(p->why, KP_ERR_NOTFOUND, "the package holds no package.json");
	struct kp_str node = is_program(own) ? kp_str(own) : setting_or(p, "nodejs", "node");
	KP_TRY(find_tool(p, node, ret_path));
	add_text(p, *ret_path);
	add_text(p, agent);
	add_text(p, dir);
	add_text(p, "-c");
	add_text(p, p->input->config_path);
	return KP_OK;
}

static kp_err plan_php(struct plan *p, const char **ret_path)
{
	struct kp_str entrance = setting(p, "entrance");
	KP_TRY(find_tool(p, setting_or(p, "php", "php"), ret_path));
	add_text(p, *ret_path);
	if (entrance.len)
		add_word(p, kp_arena_str(p->arena, entrance));
	else
		add_word(p, kp_arena_format(p->arena, "%s/src/index.php", p->input->base_path));
	add_word(p, kp_arena_format(p->arena, "--config=%s", p->input->config_path));
	return KP_OK;
}

static const struct {
	const char *type;
	kp_err (*plan)(struct plan *p, const char **ret_path);
} types[] = {
        {"kipp", plan_program},    {"", plan_program},        {"tars_cpp", plan_program},
        {"tars_go", plan_program}, {"tars_java", plan_java},  {"tars_nodejs", plan_nodejs},
        {"tars_php", plan_php},    {"not_tars", plan_script},
};

static kp_err plan_command(struct plan *p, struct launch *ret)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!kp_str_equal(p->input->type, kp_str(types[i].type)))
			continue;
		KP_TRY(types[i].plan(p, &ret->path));
		const char **argv = kp_arena_alloc_zero(p->arena, p->word_count + 1, sizeof(*argv));
		if (!argv || p->has_overflow)
			return kp_why_set(p->why, argv ? KP_ERR_LIMIT : KP_ERR_NOMEM,
			                  "its command line is too long");
		memcpy(argv, p->words, p->word_count * sizeof(*argv));
		ret->argv = argv;
		return KP_OK;
	}
	return kp_why_set(p->why, KP_ERR_INVALID,
	                  "'%.*s' is no type of server: kipp, tars_cpp, tars_go, tars_java, "
	                  "tars_nodejs, tars_php or not_tars",
	                  KP_STR_ARG(p->input->type));
}

// is_private tells whether a variable of ours is not for servers.
static bool is_private(const char *pair)
{
	static const char *const prefixes[] = {
	        "KIPP_", "LD_LIBRARY_PATH=", "TARS_CONFIG=", "NOTIFY_SOCKET="};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(pair, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

// next_env takes the next "K=V" of the setting "env", whose items ';' or '|' separate.
static bool next_env(struct kp_str *rest, struct kp_str *ret)
{
	if (rest->len == 0)
		return false;
	size_t end = 0;
	while (end < rest->len && rest->ptr[end] != ';' && rest->ptr[end] != '|')
		end++;
	*ret = kp_str_trim(kp_str_sub(*rest, 0, end));
	*rest = kp_str_sub(*rest, end < rest->len ? end + 1 : end, rest->len);
	return true;
}

static kp_err plan_env(struct plan *p, struct launch *ret)
{
	const struct launch_input *input = p->input;
	const char **env = kp_arena_alloc_zero(p->arena, ENV_MAX + 1, sizeof(*env));
	const char *old_libraries = "";
	size_t count = 0;
	if (!env)
		return KP_ERR_NOMEM;
	for (const char *const *at = input->environment; at && *at && count < ENV_MAX / 2; at++) {
		if (strncmp(*at, "LD_LIBRARY_PATH=", 16) == 0)
			old_libraries = *at + 16;
		if (!is_private(*at))
			env[count++] = *at;
	}
	env[count++] = kp_arena_format(p->arena, "KIPP_INSTANCE=%s", input->token).ptr;
	env[count++] = kp_arena_format(p->arena, "TARS_CONFIG=%s", input->config_path).ptr;
	env[count++] = kp_arena_format(p->arena, "LD_LIBRARY_PATH=%s:%s/lib:%s%s%s",
	                               input->base_path, input->base_path, input->library_path,
	                               old_libraries[0] ? ":" : "", old_libraries)
	                       .ptr;
	struct kp_str rest = setting(p, "env");
	struct kp_str pair;
	while (count < ENV_MAX && next_env(&rest, &pair))
		if (kp_str_find(pair, '=') < pair.len)
			env[count++] = kp_arena_str(p->arena, pair).ptr;
	for (size_t i = 0; i < count; i++)
		if (!env[i])
			return KP_ERR_NOMEM;
	ret->env = env;
	return KP_OK;
}

kp_err launch_plan(const struct launch_input *input, struct kp_arena *arena, struct launch *ret,
                   struct kp_why *why)
{
	struct plan *plan = kp_new(struct plan);
	if (!plan)
		return KP_ERR_NOMEM;
	*plan = (struct plan){.input = input, .arena = arena, .why = why};
	struct launch launch = {0};
	kp_err err = plan_command(plan, &launch);
	if (err == KP_OK)
		err = plan_env(plan, &launch);
	kp_free(plan);
	if (err == KP_OK)
		*ret = launch;
	return err;
}
