// names.c - finds names for C that clash with nothing.
#include "idl/names.h"

#include "base/text.h"
#include "idl/error.h"

// Words of C, C++ and their headers' macros that no field may be called.
static const char reserved_words[] =
        " alignas alignof and and_eq asm assert atomic_cancel atomic_commit atomic_noexcept auto "
        "bitand bitor bool break case catch char char8_t char16_t char32_t class co_await "
        "co_return co_yield compl concept const const_cast consteval constexpr constinit continue "
        "decltype default delete do double dynamic_cast else enum errno explicit export extern "
        "false float for friend goto i386 if inline int linux long mutable namespace new noexcept "
        "not not_eq nullptr offsetof operator or or_eq private protected public register "
        "reinterpret_cast requires restrict return short signed sizeof static static_assert "
        "static_cast stderr stdin stdout struct switch template this thread_local throw true try "
        "typedef typeid typename typeof union unix unsigned using virtual void volatile wchar_t "
        "while xor xor_eq NULL EOF BUFSIZ "
        "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t ";

// Names that the generated functions use themselves.
static const char stub_words[] =
        " arg body call context err function handlers in on_answer ops out proxy "
        "request result ret stub unused ";

static const char *const struct_suffixes[] = {
        "",       "_init",    "_encode", "_decode", "_encode_fields", "_decode_fields", "_equal",
        "_print", "_compare", "_type",   NULL};
static const char *const enum_suffixes[] = {"", "_encode", "_decode", "_name", "_type", NULL};
static const char *const interface_suffixes[] = {"",     "_proxy",     "_serve",
                                                 "_ops", "_interface", NULL};
static const char *const function_suffixes[] = {"",        "_async", "_oneway", "_begin", "_end",
                                                "_answer", "_fn",    "_result", NULL};
static const char *const no_suffixes[] = {"", NULL};

static bool is_listed(const char *list, struct kp_str word)
{
	for (const char *at = list; (at = strchr(at, ' ')) && at[1]; at++)
		if (strncmp(at + 1, word.ptr, word.len) == 0 && at[1 + word.len] == ' ')
			return true;
	return false;
}

// idl_is_reserved also knows the names that C keeps for its compilers, and those of our own
// library.
bool idl_is_reserved(struct kp_str word)
{
	if (word.len > 1 && word.ptr[0] == '_' && (word.ptr[1] == '_' || word.ptr[1] <= 'Z'))
		return true;
	return kp_str_starts_with(word, kp_str("kp_")) || kp_str_starts_with(word, kp_str("KP_")) ||
	       is_listed(reserved_words, word);
}

struct kp_str idl_c_word(struct kp_idl *idl, struct kp_str word)
{
	if (!idl_is_reserved(word))
		return word;
	bool is_compilers = word.len > 0 && word.ptr && word.ptr[0] == '_';
	return is_compilers ? idl_format(idl, "x%.*s", KP_STR_ARG(word))
	                    : idl_format(idl, "%.*s_", KP_STR_ARG(word));
}

// claim takes `c_name` with each of its suffixes, and reports the first one that is taken. Two
// things of one name were reported by the checker.
static void claim(struct kp_idl *idl, struct kp_map *seen, struct kp_str c_name,
                  const char *const *suffixes, const struct idl_name *name)
{
	for (; *suffixes && idl->err == KP_OK; suffixes++) {
		struct kp_str full = idl_format(idl, "%.*s%s", KP_STR_ARG(c_name), *suffixes);
		if (!full.ptr)
			return;
		const struct idl_name *other = kp_map_get(seen, full);
		if (!other && kp_map_set(seen, full, (void *)name) != KP_OK)
			idl->err = KP_ERR_NOMEM;
		if (!other)
			continue;
		if (!kp_str_equal(other->text, name->text))
			idl_error(idl, name->place, "'%.*s' and '%.*s' would both be '%s' in C",
			          KP_STR_ARG(other->text), KP_STR_ARG(name->text), full.ptr);
		return;
	}
}

static void name_fields(struct kp_idl *idl, struct idl_decl *decl)
{
	struct kp_map scope = {0};
	for (struct idl_field *field = decl->fields; field; field = field->next) {
		field->c_name = idl_c_word(idl, field->name.text);
		const struct idl_name *other = kp_map_get(&scope, field->c_name);
		if (other && !kp_str_equal(other->text, field->name.text))
			idl_error(idl, field->name.place,
			          "'%.*s' and '%.*s' would both be '%.*s' in C",
			          KP_STR_ARG(other->text), KP_STR_ARG(field->name.text),
			          KP_STR_ARG(field->c_name));
		else if (kp_map_set(&scope, field->c_name, &field->name) != KP_OK)
			idl->err = KP_ERR_NOMEM;
	}
	kp_map_fini(&scope);
}

// is_suffix tells whether the generated code gives the name `decl_name` to something else.
static bool is_suffix(const char *const *suffixes, struct kp_str name)
{
	for (suffixes++; *suffixes; suffixes++)
		if (kp_str_equal(name, kp_str(*suffixes + 1)))
			return true;
	return false;
}

static void name_values(struct kp_idl *idl, struct idl_decl *decl, struct kp_map *seen)
{
	for (struct idl_enum_value *value = decl->values; value; value = value->next) {
		struct kp_str name = value->name.text;
		value->c_name =
		        idl_format(idl, "%.*s_%.*s%s", KP_STR_ARG(decl->c_name), KP_STR_ARG(name),
		                   is_suffix(enum_suffixes, name) ? "_" : "");
		claim(idl, seen, value->c_name, no_suffixes, &value->name);
	}
}

static bool is_param_taken(const struct idl_function *function, const struct idl_param *param,
                           struct kp_str c_name)
{
	if (is_listed(stub_words, c_name))
		return true;
	for (const struct idl_param *other = function->params; other; other = other->next) {
		if (other == param)
			continue;
		if (kp_str_equal(other->name.text, c_name) || kp_str_equal(other->c_name, c_name))
			return true;
		if (kp_str_starts_with(c_name, kp_str("ret_")) &&
		    kp_str_equal(kp_str_sub(c_name, 4, c_name.len), other->name.text))
			return true;
	}
	return false;
}

static void name_params(struct kp_idl *idl, struct idl_function *function)
{
	for (struct idl_param *param = function->params; param; param = param->next) {
		struct kp_str c_name = idl_c_word(idl, param->name.text);
		while (c_name.ptr && is_param_taken(function, param, c_name))
			c_name = idl_format(idl, "%.*s_", KP_STR_ARG(c_name));
		param->c_name = c_name;
	}
}

// is_made_from tells whether `longer` is `name` with one of the suffixes, and perhaps another one
// less.
static bool is_made_from(struct kp_str name, struct kp_str longer)
{
	if (!kp_str_starts_with(longer, name))
		return false;
	struct kp_str rest = kp_str_sub(longer, name.len, longer.len);
	for (const char *const *suffix = function_suffixes; *suffix; suffix++) {
		if (!kp_str_starts_with(kp_str(*suffix), rest))
			continue;
		struct kp_str end = kp_str_sub(kp_str(*suffix), rest.len, strlen(*suffix));
		for (const char *const *other = function_suffixes; *other; other++)
			if (kp_str_equal(end, kp_str(*other)))
				return true;
	}
	return false;
}

// is_function_taken tells whether what is made from `function` would share a name with what is made
// from one above it, as those of `say` and `say_end` would.
static bool is_function_taken(const struct idl_decl *decl, const struct idl_function *function)
{
	for (const struct idl_function *other = decl->functions; other != function;
	     other = other->next)
		if (is_made_from(other->c_name, function->c_name) ||
		    is_made_from(function->c_name, other->c_name))
			return true;
	return false;
}

static bool is_member_taken(const struct idl_decl *decl, const struct idl_function *function)
{
	for (const struct idl_function *other = decl->functions; other != function;
	     other = other->next)
		if (kp_str_equal(other->c_member, function->c_member))
			return true;
	return false;
}

// is_cpp_taken also knows that a member called as its class would be its constructor.
static bool is_cpp_taken(const struct idl_decl *decl, const struct idl_function *function)
{
	struct kp_str class_name = decl->name.text, name = function->cpp_name;
	if (kp_str_starts_with(name, class_name)) {
		struct kp_str rest = kp_str_sub(name, class_name.len, name.len);
		if (rest.len == 0 || kp_str_equal(rest, kp_str("Proxy")))
			return true;
	}
	for (const struct idl_function *other = decl->functions; other != function;
	     other = other->next)
		if (is_made_from(other->cpp_name, name) || is_made_from(name, other->cpp_name))
			return true;
	return false;
}

static void name_function(struct kp_idl *idl, struct idl_decl *decl, struct idl_function *function)
{
	struct kp_str name = function->name.text;
	bool is_taken = is_suffix(interface_suffixes, name);
	function->c_name = idl_format(idl, "%.*s_%.*s%s", KP_STR_ARG(decl->c_name),
	                              KP_STR_ARG(name), is_taken ? "_" : "");
	while (function->c_name.ptr && is_function_taken(decl, function))
		function->c_name = idl_format(idl, "%.*s_", KP_STR_ARG(function->c_name));
	function->c_member = idl_c_word(idl, name);
	while (function->c_member.ptr && is_member_taken(decl, function))
		function->c_member = idl_format(idl, "%.*s_", KP_STR_ARG(function->c_member));
	function->cpp_name = idl_c_word(idl, name);
	while (function->cpp_name.ptr && is_cpp_taken(decl, function))
		function->cpp_name = idl_format(idl, "%.*s_", KP_STR_ARG(function->cpp_name));
}

static void name_functions(struct kp_idl *idl, struct idl_decl *decl, struct kp_map *seen)
{
	for (struct idl_function *function = decl->functions; function; function = function->next) {
		name_function(idl, decl, function);
		if (function->c_name.ptr)
			claim(idl, seen, function->c_name, function_suffixes, &function->name);
		if (function->param_count <= IDL_PARAMS_MAX)
			name_params(idl, function);
	}
}

void idl_name_decl(struct kp_idl *idl, struct idl_decl *decl, struct kp_map *seen)
{
	static const char *const *const suffixes[] = {
	        [IDL_STRUCT] = struct_suffixes,
	        [IDL_ENUM] = enum_suffixes,
	        [IDL_CONST] = no_suffixes,
	        [IDL_INTERFACE] = interface_suffixes,
	};
	claim(idl, seen, decl->c_name, suffixes[decl->kind], &decl->name);
	name_fields(idl, decl);
	name_values(idl, decl, seen);
	name_functions(idl, decl, seen);
}

struct kp_str idl_type_name(const struct idl_type *type)
{
	static const char *const names[] = {
	        [KP_KIND_VOID] = "void",      [KP_KIND_BOOL] = "kp_bool", [KP_KIND_I8] = "kp_i8",
	        [KP_KIND_I16] = "kp_i16",     [KP_KIND_I32] = "kp_i32",   [KP_KIND_I64] = "kp_i64",
	        [KP_KIND_U8] = "kp_u8",       [KP_KIND_U16] = "kp_u16",   [KP_KIND_U32] = "kp_u32",
	        [KP_KIND_F32] = "kp_f32",     [KP_KIND_F64] = "kp_f64",   [KP_KIND_STR] = "kp_str",
	        [KP_KIND_BYTES] = "kp_bytes",
	};
	switch (type->kind) {
	case KP_KIND_LIST:
	case KP_KIND_MAP:
		return type->c_name;
	case KP_KIND_STRUCT:
	case KP_KIND_ENUM:
		return type->decl->c_name;
	default:
		return kp_str(names[type->kind]);
	}
}

void idl_name_type(struct kp_idl *idl, struct idl_type *type)
{
	if (type->kind != KP_KIND_LIST && type->kind != KP_KIND_MAP)
		return;
	idl_name_type(idl, type->element);
	struct kp_str element = idl_type_name(type->element);
	if (type->kind == KP_KIND_LIST) {
		type->c_name = idl_format(idl, "%.*s_list", KP_STR_ARG(element));
		return;
	}
	idl_name_type(idl, type->key);
	if (kp_str_starts_with(element, kp_str("kp_")))
		element = kp_str_sub(element, 3, element.len);
	type->c_name = idl_format(idl, "%.*s_%.*s_map", KP_STR_ARG(idl_type_name(type->key)),
	                          KP_STR_ARG(element));
}
