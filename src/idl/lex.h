// lex.h - the text of a .tars file as tokens.
#pragma once

#include "idl/ast.h"

enum idl_token_kind {
	IDL_END,
	IDL_WORD,    // a name or a word of the language
	IDL_INTEGER, // sign included
	IDL_REAL,
	IDL_STRING,
	IDL_SCOPE,   // ::
	IDL_INCLUDE, // #include
	IDL_PUNCT,   // one of { } ( ) [ ] < > , ; = : *
};

struct idl_token {
	enum idl_token_kind kind;
	struct kp_str text;
	struct idl_place place;
	int64_t integer;       // INTEGER
	double real;           // INTEGER, REAL
	struct kp_str string;  // STRING, escapes resolved
	struct kp_str comment; // the lines of // right before it
	struct kp_str remark;  // a // on the line of the token before
};

struct idl_lexer {
	struct kp_idl *idl;
	const struct idl_file *file;
	size_t at;
};

// idl_lex returns the next token. What is no token is reported and skipped. After an error of the
// compiler itself (no memory) it returns END.
struct idl_token idl_lex(struct idl_lexer *lexer);

// idl_is_keyword tells whether a word belongs to the language and cannot be a name.
bool idl_is_keyword(struct kp_str word);
