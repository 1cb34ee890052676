// lex.c - cuts the text of a .tars file into tokens.
#include "idl/lex.h"

#include "idl/error.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>

static const char *const keywords[] = {
        "bool",      "byte",  "const",  "double", "enum",   "false",    "float",  "int",
        "interface", "key",   "long",   "map",    "module", "optional", "out",    "require",
        "routekey",  "short", "string", "struct", "true",   "unsigned", "vector", "void",
};

bool idl_is_keyword(struct kp_str word)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (kp_str_equal(word, kp_str(keywords[i])))
			return true;
	return false;
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct idl_lexer *lexer, size_t ahead)
{
	size_t at = lexer->at + ahead;
	return at < lexer->file->text.len ? lexer->file->text.ptr[at] : '\0';
}

static bool is_at_end(const struct idl_lexer *lexer)
{
	return lexer->at >= lexer->file->text.len;
}

static struct idl_place place_here(const struct idl_lexer *lexer)
{
	return (struct idl_place){lexer->file, lexer->at};
}

static void skip_line(struct idl_lexer *lexer)
{
	while (!is_at_end(lexer) && peek(lexer, 0) != '\n')
		lexer->at++;
}

static void skip_block_comment(struct idl_lexer *lexer)
{
	struct idl_place place = place_here(lexer);
	lexer->at += 2;
	while (!is_at_end(lexer)) {
		if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
			lexer->at += 2;
			return;
		}
		lexer->at++;
	}
	idl_error(lexer->idl, place, "this comment has no end");
}

// skip_blanks moves to the next token and keeps the comments that speak about its neighbours.
static void skip_blanks(struct idl_lexer *lexer, struct idl_token *token)
{
	size_t start = 0, end = 0, newlines = lexer->at == 0;
	bool has_own_line = lexer->at == 0;
	while (!is_at_end(lexer)) {
		char c = peek(lexer, 0);
		if (c == '/' && peek(lexer, 1) == '/') {
			size_t at = lexer->at;
			skip_line(lexer);
			if (!has_own_line)
				token->remark = kp_str_sub(lexer->file->text, at, lexer->at);
			else if (end == 0 || newlines != 1)
				start = at;
			end = has_own_line ? lexer->at : 0;
			newlines = 0;
		} else if (c == '/' && peek(lexer, 1) == '*') {
			skip_block_comment(lexer);
			end = 0;
		} else if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
			newlines += c == '\n';
			has_own_line |= c == '\n';
			lexer->at++;
		} else {
			break;
		}
	}
	if (end > 0 && newlines == 1)
		token->comment = kp_str_sub(lexer->file->text, start, end);
}

// skip_number moves behind a number and tells whether it has a fraction or an exponent.
static bool skip_number(struct idl_lexer *lexer)
{
	bool is_real = false;
	lexer->at += peek(lexer, 0) == '-' || peek(lexer, 0) == '+';
	bool is_hex = peek(lexer, 0) == '0' && (peek(lexer, 1) | 0x20) == 'x';
	for (char last = 0, c; (c = peek(lexer, 0)) != '\0'; last = c) {
		bool is_sign = (c == '-' || c == '+') && (last | 0x20) == 'e' && !is_hex;
		if (!is_word_start(c) && !is_digit(c) && c != '.' && !is_sign)
			break;
		is_real |= c == '.' || ((c | 0x20) == 'e' && !is_hex);
		lexer->at++;
	}
	return is_real;
}

static void lex_number(struct idl_lexer *lexer, struct idl_token *token)
{
	size_t start = lexer->at;
	token->kind = skip_number(lexer) ? IDL_REAL : IDL_INTEGER;
	token->text = kp_str_sub(lexer->file->text, start, lexer->at);
	char text[64];
	if (token->text.len >= sizeof(text)) {
		idl_error(lexer->idl, token->place, "this number is too long");
		return;
	}
	memcpy(text, token->text.ptr, token->text.len);
	text[token->text.len] = '\0';
	char *end;
	errno = 0;
	if (token->kind == IDL_REAL) {
		token->real = strtod(text, &end);
		end += *end == 'f' || *end == 'F';
	} else {
		token->integer = strtoll(text, &end, 0);
		token->real = (double)token->integer;
	}
	if (*end)
		idl_error(lexer->idl, token->place, "'%s' is not a number", text);
	else if (errno == ERANGE && (token->kind == IDL_INTEGER || token->real > DBL_MAX ||
	                             token->real < -DBL_MAX)) // too small a number is 0, or nearly
		idl_error(lexer->idl, token->place, "the number %s is out of range", text);
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// lex_digits reads up to `max` digits of an escape; -1 when there is none.
static int lex_digits(struct idl_lexer *lexer, int base, int max)
{
	int value = -1;
	for (int i = 0; i < max; i++) {
		int digit = hex_digit(peek(lexer, 0));
		if (digit < 0 || digit >= base)
			break;
		value = (value < 0 ? 0 : value * base) + digit;
		lexer->at++;
	}
	return value;
}

// lex_escape reads what follows a backslash.
static char lex_escape(struct idl_lexer *lexer)
{
	static const char from[] = "ntr\"'?\\abfv", to[] = "\n\t\r\"'?\\\a\b\f\v";
	struct idl_place place = {lexer->file, lexer->at - 1};
	char c = peek(lexer, 0);
	const char *known = c ? strchr(from, c) : NULL;
	if (known) {
		lexer->at++;
		return to[known - from];
	}
	lexer->at += c == 'x';
	int value = c == 'x' ? lex_digits(lexer, 16, 2) : lex_digits(lexer, 8, 3);
	if (value >= 0 && value <= 255)
		return (char)value;
	idl_error(lexer->idl, place, "unknown escape in a string");
	return '\\';
}

static void lex_string(struct idl_lexer *lexer, struct idl_token *token)
{
	struct kp_str text = lexer->file->text;
	size_t start = lexer->at++, end = lexer->at, len = 0;
	while (end < text.len && text.ptr[end] != '"' && text.ptr[end] != '\n')
		end += text.ptr[end] == '\\' ? 2 : 1;
	char *string = idl_alloc(lexer->idl, end - start);
	while (string && !is_at_end(lexer) && peek(lexer, 0) != '"' && peek(lexer, 0) != '\n') {
		char c = peek(lexer, 0);
		lexer->at++;
		string[len++] = c == '\\' ? lex_escape(lexer) : c;
	}
	if (peek(lexer, 0) == '"')
		lexer->at++;
	else
		idl_error(lexer->idl, token->place, "this string has no end on its line");
	token->kind = IDL_STRING;
	token->string = (struct kp_str){string, len};
	token->text = kp_str_sub(lexer->file->text, start, lexer->at);
}

static bool lex_directive(struct idl_lexer *lexer, struct idl_token *token)
{
	size_t start = lexer->at++;
	while (peek(lexer, 0) == ' ' || peek(lexer, 0) == '\t')
		lexer->at++;
	size_t word = lexer->at;
	while (is_word_start(peek(lexer, 0)))
		lexer->at++;
	if (kp_str_equal(kp_str_sub(lexer->file->text, word, lexer->at), kp_str("include"))) {
		token->kind = IDL_INCLUDE;
		token->text = kp_str_sub(lexer->file->text, start, lexer->at);
		return true;
	}
	idl_error(lexer->idl, token->place, "only #include may follow a '#'");
	skip_line(lexer);
	return false;
}

static bool is_number_start(const struct idl_lexer *lexer)
{
	size_t sign = peek(lexer, 0) == '-' || peek(lexer, 0) == '+';
	size_t point = peek(lexer, sign) == '.';
	return is_digit(peek(lexer, sign + point));
}

// lex_one reads the token at hand; false when there was only something to report.
static bool lex_one(struct idl_lexer *lexer, struct idl_token *token)
{
	char c = peek(lexer, 0);
	size_t start = lexer->at;
	if (is_word_start(c)) {
		while (is_word_start(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
			lexer->at++;
		token->kind = IDL_WORD;
	} else if (is_number_start(lexer)) {
		lex_number(lexer, token);
	} else if (c == '"') {
		lex_string(lexer, token);
	} else if (c == '#') {
		return lex_directive(lexer, token);
	} else if (c == ':' && peek(lexer, 1) == ':') {
		lexer->at += 2;
		token->kind = IDL_SCOPE;
	} else if (c && strchr("{}()[]<>,;=:*", c)) {
		lexer->at++;
		token->kind = IDL_PUNCT;
	} else {
		lexer->at++;
		if (c > ' ' && c < 0x7f)
			idl_error(lexer->idl, token->place, "unexpected character '%c'", c);
		else
			idl_error(lexer->idl, token->place, "unexpected byte 0x%02x", (uint8_t)c);
		while (!is_at_end(lexer) && (unsigned char)peek(lexer, 0) >= 0x80)
			lexer->at++;
		return false;
	}
	token->text = kp_str_sub(lexer->file->text, start, lexer->at);
	return true;
}

struct idl_token idl_lex(struct idl_lexer *lexer)
{
	for (;;) {
		struct idl_token token = {0};
		skip_blanks(lexer, &token);
		token.place = place_here(lexer);
		if (is_at_end(lexer) || lexer->idl->err != KP_OK)
			return token;
		if (lex_one(lexer, &token))
			return token;
	}
}
