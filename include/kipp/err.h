// err.h - the framework's outcome of an operation.
//
// A kp_err never carries an application's own result: what a service answers (its return value) is
// a separate output.
#pragma once

#include "kipp/api.h"

#include <stddef.h>

KP_BEGIN_DECLS

// One row per outcome: number, name, text. Numbers are stable.
#define KP_ERR_MAP(X)                                  \
	X(0, OK, "success")                            \
	X(1, NOMEM, "out of memory")                   \
	X(2, INVALID, "invalid argument or text")      \
	X(3, LIMIT, "over a limit")                    \
	X(4, TIMEOUT, "deadline passed")               \
	X(5, CANCELLED, "cancelled")                   \
	X(6, CLOSED, "connection closed by the peer")  \
	X(7, CONNECT, "cannot connect")                \
	X(8, NOTFOUND, "not found")                    \
	X(9, EXISTS, "exists already")                 \
	X(10, DENIED, "permission denied")             \
	X(11, BUSY, "in use")                          \
	X(12, IO, "input or output failed")            \
	X(13, NOSPACE, "no space left")                \
	X(14, DECODE, "malformed message")             \
	X(15, ENCODE, "value cannot be encoded")       \
	X(16, NOSERVANT, "no such servant")            \
	X(17, NOFUNC, "no such function")              \
	X(18, SERVER, "the server failed to answer")   \
	X(19, OVERLOAD, "refused: overloaded")         \
	X(20, NOENDPOINT, "no endpoint for this name") \
	X(21, CORRUPT, "stored data is damaged")       \
	X(22, CONFLICT, "changed by somebody else")    \
	X(23, UNSUPPORTED, "not supported here")       \
	X(24, STATE, "not possible in this state")     \
	X(25, AGAIN, "not ready yet")

typedef enum kp_err {
#define KP_ERR_ENUM(number, name, text) KP_ERR_##name = (number),
	KP_ERR_MAP(KP_ERR_ENUM)
#undef KP_ERR_ENUM
} kp_err;

#define KP_OK KP_ERR_OK

// kp_err_name returns "TIMEOUT" for KP_ERR_TIMEOUT; kp_err_text returns its sentence. Neither
// returns NULL.
KP_API const char *kp_err_name(kp_err err);
KP_API const char *kp_err_text(kp_err err);

// kp_why holds one sentence for a person, where a code is not enough (config, IDL, dial). Longer
// text is cut.
struct kp_why {
	char text[512];
};

// kp_why_set writes the sentence, if `why` is not NULL, and returns `err`, so that `return
// kp_why_set(...)` reads well.
KP_API kp_err kp_why_set(struct kp_why *why, kp_err err, const char *format, ...) KP_PRINTF(3, 4);

KP_END_DECLS
