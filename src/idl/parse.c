// parse.c - a recursive descent over one file; after an error it goes on behind the next `;`.
#include "idl/parse.h"

#include "idl/error.h"
#include "idl/lex.h"

enum {
	NAME_PARTS_MAX = 3, // Module::Enum::value
};

struct parser {
	struct kp_idl *idl;
	struct idl_file *file;
	struct idl_lexer lexer;
	struct idl_token token; // at hand
	struct idl_place end;   // of the token before
	struct kp_str module;
};

static void advance(struct parser *p)
{
	p->end = (struct idl_place){p->file, p->lexer.at};
	p->token = idl_lex(&p->lexer);
}

static bool is_punct(const struct parser *p, char c)
{
	return p->token.kind == IDL_PUNCT && p->token.text.ptr[0] == c;
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token.kind == IDL_WORD && kp_str_equal(p->token.text, kp_str(word));
}

static bool accept_punct(struct parser *p, char c)
{
	if (!is_punct(p, c))
		return false;
	advance(p);
	return true;
}

static bool accept_word(struct parser *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	advance(p);
	return true;
}

// fail_expected reports what should have stood here; always false.
static bool fail_expected(struct parser *p, const char *what)
{
	if (p->token.kind == IDL_END)
		idl_error(p->idl, p->token.place, "expected %s, found the end of the file", what);
	else
		idl_error(p->idl, p->token.place, "expected %s, found '%.*s'", what,
		          KP_STR_ARG(p->token.text));
	return false;
}

static bool expect_punct(struct parser *p, char c)
{
	char what[4] = {'\'', c, '\'', '\0'};
	return accept_punct(p, c) || fail_expected(p, what);
}

static bool is_on_next_line(const struct parser *p)
{
	size_t len = p->token.place.offset - p->end.offset;
	return memchr(p->file->text.ptr + p->end.offset, '\n', len);
}

// expect_semicolon ends a statement. A forgotten one is shown where it should stand, and is no
// reason to skip what follows it on another line.
static bool expect_semicolon(struct parser *p)
{
	if (accept_punct(p, ';'))
		return true;
	idl_error(p->idl, p->end, "expected ';' here");
	return is_punct(p, '}') || is_on_next_line(p);
}

static bool expect_name(struct parser *p, const char *what, struct idl_name *ret)
{
	if (p->token.kind != IDL_WORD)
		return fail_expected(p, what);
	if (idl_is_keyword(p->token.text)) {
		idl_error(p->idl, p->token.place, "'%.*s' is a word of the language, not %s",
		          KP_STR_ARG(p->token.text), what);
		return false;
	}
	if (p->token.text.len > IDL_NAME_SIZE_MAX) {
		idl_error(p->idl, p->token.place, "a name has at most %d letters",
		          IDL_NAME_SIZE_MAX);
		return false;
	}
	*ret = (struct idl_name){p->token.text, p->token.place};
	advance(p);
	return true;
}

// skip_statement moves behind the next `;` of this level, or to its closing brace.
static void skip_statement(struct parser *p)
{
	for (int depth = 0; p->token.kind != IDL_END; advance(p)) {
		if (is_punct(p, '{')) {
			depth++;
		} else if (is_punct(p, '}')) {
			if (depth == 0)
				return;
			depth--;
		} else if (is_punct(p, ';') && depth == 0) {
			advance(p);
			return;
		}
	}
}

static bool parse_scoped_name(struct parser *p, const char *what, struct idl_name *ret)
{
	struct idl_place start = p->token.place;
	if (p->token.kind == IDL_SCOPE)
		advance(p);
	struct idl_name part;
	if (!expect_name(p, what, &part))
		return false;
	struct kp_str text = part.text;
	for (int count = 2; p->token.kind == IDL_SCOPE; count++) {
		advance(p);
		if (!expect_name(p, what, &part))
			return false;
		if (count > NAME_PARTS_MAX) {
			idl_error(p->idl, start, "a name has at most %d parts", NAME_PARTS_MAX);
			return false;
		}
		text = idl_format(p->idl, "%.*s::%.*s", KP_STR_ARG(text), KP_STR_ARG(part.text));
	}
	*ret = (struct idl_name){text, start};
	return true;
}

static const struct {
	const char *word;
	enum kp_kind kind;
	enum kp_kind unsigned_kind; // VOID: has none
} builtin_types[] = {
        {"void", KP_KIND_VOID, KP_KIND_VOID},  {"bool", KP_KIND_BOOL, KP_KIND_VOID},
        {"byte", KP_KIND_I8, KP_KIND_U8},      {"short", KP_KIND_I16, KP_KIND_U16},
        {"int", KP_KIND_I32, KP_KIND_U32},     {"long", KP_KIND_I64, KP_KIND_VOID},
        {"float", KP_KIND_F32, KP_KIND_VOID},  {"double", KP_KIND_F64, KP_KIND_VOID},
        {"string", KP_KIND_STR, KP_KIND_VOID},
};

static bool parse_builtin_type(struct parser *p, struct idl_type *type)
{
	bool is_unsigned = accept_word(p, "unsigned");
	for (size_t i = 0; i < sizeof(builtin_types) / sizeof(builtin_types[0]); i++) {
		if (!is_word(p, builtin_types[i].word))
			continue;
		type->kind = builtin_types[i].kind;
		if (is_unsigned && builtin_types[i].unsigned_kind == KP_KIND_VOID)
			idl_error(p->idl, p->token.place, "there is no unsigned %s",
			          builtin_types[i].word);
		else if (is_unsigned)
			type->kind = builtin_types[i].unsigned_kind;
		advance(p);
		return true;
	}
	return is_unsigned ? fail_expected(p, "byte, short or int") : false;
}

static struct idl_type *parse_type(struct parser *p, int depth);

// list_of makes vector<element>; vector<byte> is a type of its own.
static struct idl_type *list_of(struct parser *p, struct idl_type *element)
{
	struct idl_type *type = idl_new(p->idl, struct idl_type);
	if (!type)
		return NULL;
	type->kind = element->kind == KP_KIND_I8 ? KP_KIND_BYTES : KP_KIND_LIST;
	type->name.place = element->name.place;
	type->element = element;
	return type;
}

static struct idl_type *parse_vector(struct parser *p, int depth)
{
	if (!expect_punct(p, '<'))
		return NULL;
	struct idl_type *element = parse_type(p, depth + 1);
	if (!element || !expect_punct(p, '>'))
		return NULL;
	return list_of(p, element);
}

static struct idl_type *parse_map(struct parser *p, int depth)
{
	struct idl_type *type = idl_new(p->idl, struct idl_type);
	if (!type || !expect_punct(p, '<'))
		return NULL;
	type->kind = KP_KIND_MAP;
	type->key = parse_type(p, depth + 1);
	if (!type->key || !expect_punct(p, ','))
		return NULL;
	type->element = parse_type(p, depth + 1);
	return type->element && expect_punct(p, '>') ? type : NULL;
}

// parse_type returns NULL after it has reported what is wrong. `depth` is 0 outside of any vector
// or map.
static struct idl_type *parse_type(struct parser *p, int depth)
{
	struct idl_place place = p->token.place;
	if (depth > IDL_DEPTH_MAX) {
		idl_error(p->idl, place, "vectors and maps are nested more than %d deep",
		          IDL_DEPTH_MAX);
		return NULL;
	}
	struct idl_type *type = NULL;
	if (accept_word(p, "vector")) {
		type = parse_vector(p, depth);
	} else if (accept_word(p, "map")) {
		type = parse_map(p, depth);
	} else {
		type = idl_new(p->idl, struct idl_type);
		bool is_builtin = is_word(p, "unsigned") ||
		                  (p->token.kind == IDL_WORD && idl_is_keyword(p->token.text));
		if (type && is_builtin && !parse_builtin_type(p, type)) {
			if (idl_is_keyword(p->token.text) && !is_word(p, "unsigned"))
				fail_expected(p, "a type");
			return NULL;
		}
		if (type && !is_builtin && !parse_scoped_name(p, "a type", &type->name))
			return NULL;
	}
	if (type)
		type->name.place = place;
	return type;
}

static bool parse_size(struct parser *p)
{
	if (p->token.kind != IDL_INTEGER)
		return fail_expected(p, "a number");
	advance(p);
	return true;
}

// parse_declarator reads `T name` and its old forms: `T name[]`, `T name[N]` and `T *name` are
// vector<T>; the N of `T:N name` and `T name:N` says nothing on the wire.
static bool parse_declarator(struct parser *p, const char *what, struct idl_type **ret_type,
                             struct idl_name *ret_name)
{
	struct idl_type *type = parse_type(p, 0);
	if (!type || (accept_punct(p, ':') && !parse_size(p)))
		return false;
	bool is_list = accept_punct(p, '*');
	if (!expect_name(p, what, ret_name) || (accept_punct(p, ':') && !parse_size(p)))
		return false;
	if (accept_punct(p, '[')) {
		is_list = true;
		if (!is_punct(p, ']') && !parse_size(p))
			return false;
		if (!expect_punct(p, ']'))
			return false;
	}
	*ret_type = is_list ? list_of(p, type) : type;
	return *ret_type;
}

static bool parse_value(struct parser *p, struct idl_value *value)
{
	struct idl_token token = p->token;
	*value = (struct idl_value){.text = token.text,
	                            .place = token.place,
	                            .integer = token.integer,
	                            .real = token.real,
	                            .string = token.string};
	if (token.kind == IDL_INTEGER) {
		value->kind = IDL_VALUE_INTEGER;
	} else if (token.kind == IDL_REAL) {
		value->kind = IDL_VALUE_REAL;
	} else if (token.kind == IDL_STRING) {
		value->kind = IDL_VALUE_STRING;
	} else if (is_word(p, "true") || is_word(p, "false")) {
		value->kind = IDL_VALUE_BOOL;
		value->integer = is_word(p, "true");
	} else {
		struct idl_name name;
		value->kind = IDL_VALUE_NAME;
		if (!parse_scoped_name(p, "a value", &name))
			return false;
		value->text = name.text;
		return true;
	}
	advance(p);
	return true;
}

static struct idl_field *parse_field(struct parser *p)
{
	struct idl_field *field = idl_new(p->idl, struct idl_field);
	if (!field)
		return NULL;
	field->comment = p->token.comment;
	field->place = p->token.place;
	field->tag = p->token.integer;
	if (p->token.kind != IDL_INTEGER) {
		fail_expected(p, "the tag of a field or '}'");
		return NULL;
	}
	advance(p);
	field->required = is_word(p, "require");
	if (!accept_word(p, "require") && !accept_word(p, "optional")) {
		fail_expected(p, "'require' or 'optional'");
		return NULL;
	}
	if (!parse_declarator(p, "the name of a field", &field->type, &field->name))
		return NULL;
	if (accept_punct(p, '=') && !parse_value(p, &field->value))
		return NULL;
	if (!expect_semicolon(p))
		return NULL;
	field->remark = p->token.remark;
	return field;
}

static void parse_struct_body(struct parser *p, struct idl_decl *decl)
{
	struct idl_field **last = &decl->fields;
	while (!is_punct(p, '}') && p->token.kind != IDL_END) {
		struct idl_field *field = parse_field(p);
		if (field) {
			*last = field;
			last = &field->next;
		} else {
			skip_statement(p);
		}
	}
}

static struct idl_enum_value *parse_enum_value(struct parser *p)
{
	struct idl_enum_value *value = idl_new(p->idl, struct idl_enum_value);
	if (!value)
		return NULL;
	value->comment = p->token.comment;
	if (!expect_name(p, "the name of a value or '}'", &value->name))
		return NULL;
	value->has_number = accept_punct(p, '=');
	if (value->has_number && !parse_value(p, &value->number_value))
		return NULL;
	return value;
}

static void parse_enum_body(struct parser *p, struct idl_decl *decl)
{
	struct idl_enum_value **last = &decl->values;
	while (!is_punct(p, '}') && p->token.kind != IDL_END) {
		struct idl_enum_value *value = parse_enum_value(p);
		if (value) {
			*last = value;
			last = &value->next;
		}
		bool goes_on = value && accept_punct(p, ',');
		if (value)
			value->remark = p->token.remark;
		if (goes_on)
			continue;
		if (value && !is_punct(p, '}'))
			fail_expected(p, "',' or '}'");
		while (!is_punct(p, '}') && !is_punct(p, ',') && p->token.kind != IDL_END)
			advance(p);
		accept_punct(p, ',');
	}
}

static struct idl_param *parse_param(struct parser *p)
{
	struct idl_param *param = idl_new(p->idl, struct idl_param);
	if (!param)
		return NULL;
	param->is_out = accept_word(p, "out");
	if (!param->is_out)
		accept_word(p, "routekey");
	if (!parse_declarator(p, "the name of a parameter", &param->type, &param->name))
		return NULL;
	return param;
}

static bool parse_params(struct parser *p, struct idl_function *function)
{
	struct idl_param **last = &function->params;
	if (accept_punct(p, ')'))
		return true;
	do {
		struct idl_param *param = parse_param(p);
		if (!param)
			return false;
		param->tag = (unsigned)++function->param_count;
		*last = param;
		last = &param->next;
	} while (accept_punct(p, ','));
	return accept_punct(p, ')') || fail_expected(p, "',' or ')'");
}

// expect_function_name also takes a word of the language: the parenthesis tells what it is.
static bool expect_function_name(struct parser *p, struct idl_name *ret)
{
	if (p->token.kind != IDL_WORD || !idl_is_keyword(p->token.text))
		return expect_name(p, "the name of a function", ret);
	*ret = (struct idl_name){p->token.text, p->token.place};
	advance(p);
	return true;
}

static struct idl_function *parse_function(struct parser *p)
{
	struct idl_function *function = idl_new(p->idl, struct idl_function);
	if (!function)
		return NULL;
	function->comment = p->token.comment;
	function->result = parse_type(p, 0);
	if (!function->result || !expect_function_name(p, &function->name) ||
	    !expect_punct(p, '(') || !parse_params(p, function))
		return NULL;
	return expect_semicolon(p) ? function : NULL;
}

static void parse_interface_body(struct parser *p, struct idl_decl *decl)
{
	struct idl_function **last = &decl->functions;
	while (!is_punct(p, '}') && p->token.kind != IDL_END) {
		struct idl_function *function = parse_function(p);
		if (function) {
			*last = function;
			last = &function->next;
		} else {
			skip_statement(p);
		}
	}
}

static void add_decl(struct parser *p, struct idl_decl *decl)
{
	if (p->idl->last_decl)
		p->idl->last_decl->next = decl;
	else
		p->idl->decls = decl;
	p->idl->last_decl = decl;
}

static struct idl_decl *new_decl(struct parser *p, enum idl_decl_kind kind)
{
	struct idl_decl *decl = idl_new(p->idl, struct idl_decl);
	if (!decl)
		return NULL;
	decl->kind = kind;
	decl->file = p->file;
	decl->module = p->module;
	decl->comment = p->token.comment;
	return decl;
}

// parse_braced reads `word Name { body }`.
static bool parse_braced(struct parser *p, enum idl_decl_kind kind, const char *what,
                         void (*parse_body)(struct parser *p, struct idl_decl *decl))
{
	struct idl_decl *decl = new_decl(p, kind);
	if (!decl)
		return false;
	advance(p);
	if (!expect_name(p, what, &decl->name) || !expect_punct(p, '{'))
		return false;
	add_decl(p, decl);
	parse_body(p, decl);
	return expect_punct(p, '}');
}

static bool parse_const(struct parser *p)
{
	struct idl_decl *decl = new_decl(p, IDL_CONST);
	if (!decl)
		return false;
	advance(p);
	decl->type = parse_type(p, 0);
	if (!decl->type || !expect_name(p, "the name of a constant", &decl->name) ||
	    !expect_punct(p, '=') || !parse_value(p, &decl->value))
		return false;
	add_decl(p, decl);
	return true;
}

static bool parse_key(struct parser *p)
{
	struct idl_decl *decl = new_decl(p, IDL_KEY);
	if (!decl)
		return false;
	advance(p);
	if (!expect_punct(p, '[') || !parse_scoped_name(p, "the name of a struct", &decl->name))
		return false;
	struct idl_key_part **last = &decl->key;
	while (accept_punct(p, ',')) {
		struct idl_key_part *part = idl_new(p->idl, struct idl_key_part);
		if (!part || !expect_name(p, "the name of a field", &part->name))
			return false;
		*last = part;
		last = &part->next;
	}
	if (!decl->key)
		return fail_expected(p, "','");
	add_decl(p, decl);
	return accept_punct(p, ']') || fail_expected(p, "',' or ']'");
}

static bool parse_definition(struct parser *p)
{
	if (is_word(p, "struct"))
		return parse_braced(p, IDL_STRUCT, "the name of a struct", parse_struct_body);
	if (is_word(p, "enum"))
		return parse_braced(p, IDL_ENUM, "the name of an enum", parse_enum_body);
	if (is_word(p, "interface"))
		return parse_braced(p, IDL_INTERFACE, "the name of an interface",
		                    parse_interface_body);
	if (is_word(p, "const"))
		return parse_const(p);
	if (is_word(p, "key"))
		return parse_key(p);
	if (is_word(p, "module")) {
		idl_error(p->idl, p->token.place, "a module cannot stand inside another");
		return false;
	}
	return fail_expected(p, "struct, enum, const, key, interface or '}'");
}

static void parse_module(struct parser *p)
{
	struct idl_name name;
	advance(p);
	if (!expect_name(p, "the name of a module", &name) || !expect_punct(p, '{')) {
		skip_statement(p);
		return;
	}
	p->module = name.text;
	while (!is_punct(p, '}') && p->token.kind != IDL_END) {
		bool is_braced = !is_word(p, "const") && !is_word(p, "key");
		if (!parse_definition(p))
			skip_statement(p);
		else if (is_braced)
			accept_punct(p, ';');
		else if (!expect_semicolon(p))
			skip_statement(p);
	}
	expect_punct(p, '}');
	accept_punct(p, ';');
}

static void parse_include(struct parser *p, struct idl_include ***last, idl_on_include on_include)
{
	struct idl_include *include = idl_new(p->idl, struct idl_include);
	advance(p);
	if (!include)
		return;
	if (p->token.kind != IDL_STRING) {
		fail_expected(p, "the path of a file in quotes");
		return;
	}
	include->path = p->token.string;
	include->place = p->token.place;
	**last = include;
	*last = &include->next;
	on_include(p->idl, p->file, include);
	advance(p);
	accept_punct(p, ';');
}

void idl_parse(struct kp_idl *idl, struct idl_file *file, idl_on_include on_include)
{
	struct parser parser = {.idl = idl, .file = file, .lexer = {.idl = idl, .file = file}};
	struct parser *p = &parser;
	struct idl_include **last = &file->includes;
	advance(p);
	while (p->token.kind != IDL_END) {
		if (p->token.kind == IDL_INCLUDE) {
			parse_include(p, &last, on_include);
		} else if (is_word(p, "module")) {
			parse_module(p);
		} else {
			fail_expected(p, "module or #include");
			skip_statement(p);
			accept_punct(p, '}');
			accept_punct(p, ';');
		}
	}
}
