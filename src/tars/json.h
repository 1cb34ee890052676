// json.h - JSON text to a tree and back, strictly by RFC 8259.
//
// Numbers stay as written until somebody asks for them as one type or another, so a 64-bit integer
// loses nothing.
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"

enum {
	KP_JSON_DEPTH_MAX = 64
}; // nested lists and objects that the reader follows

enum kp_json_kind {
	KP_JSON_NULL,
	KP_JSON_BOOL,
	KP_JSON_NUMBER,
	KP_JSON_STRING,
	KP_JSON_LIST,
	KP_JSON_OBJECT,
};

// kp_json is one value of a document. The values of a list or object are chained by `next`.
struct kp_json {
	enum kp_json_kind kind;
	bool boolean;         // BOOL
	struct kp_str name;   // of a member in its object
	struct kp_json *next; // in its list or object
	union {
		struct kp_str text; // STRING: unescaped UTF-8; NUMBER: as written
		struct {
			struct kp_json *first;
			size_t count;
		}; // LIST, OBJECT
	};
};

// kp_json_parse reads one document. The tree lives in the arena and views `text` too. INVALID: not
// JSON, said with line and column in `why`; a name given twice in one object counts as that.
kp_err kp_json_parse(struct kp_str text, struct kp_arena *arena, struct kp_json **ret,
                     struct kp_why *why);

// kp_json_find returns the member called `name`, or NULL if there is none or `json` is no object.
const struct kp_json *kp_json_find(const struct kp_json *json, struct kp_str name);

// kp_json_i64 reads a number without fraction or exponent. INVALID: it is something else, LIMIT:
// out of min..max.
kp_err kp_json_i64(const struct kp_json *json, int64_t min, int64_t max, int64_t *ret);

// kp_json_f64 and kp_json_f32 read the nearest value of a number, or the strings "NaN", "Infinity",
// "-Infinity" that the writer makes of what JSON has no number for. INVALID: something else, LIMIT:
// too large.
kp_err kp_json_f64(const struct kp_json *json, double *ret);
kp_err kp_json_f32(const struct kp_json *json, float *ret);

// kp_json_kind_text returns "a number" and the like, for messages.
const char *kp_json_kind_text(enum kp_json_kind kind);

enum kp_json_style {
	KP_JSON_COMPACT, // {"a":1,"b":[1,2]}
	KP_JSON_LINE,    // {"a": 1, "b": [1, 2]}
	KP_JSON_PRETTY,  // one value a line, two blanks a level
};

// kp_json_writer puts the commas, blanks and line ends. Values are put in order; inside an object
// each is preceded by its key. Errors stay in the buffer.
struct kp_json_writer {
	struct kp_buf *out; // borrowed
	enum kp_json_style style;
	unsigned depth;
	bool has_value; // the innermost list or object has one already
	bool has_key;   // a key waits for its value
};

static inline struct kp_json_writer kp_json_writer(struct kp_buf *out, enum kp_json_style style)
{
	struct kp_json_writer writer = {.out = out, .style = style};
	return writer;
}

void kp_json_object_begin(struct kp_json_writer *writer);
void kp_json_object_end(struct kp_json_writer *writer);
void kp_json_list_begin(struct kp_json_writer *writer);
void kp_json_list_end(struct kp_json_writer *writer);
void kp_json_key(struct kp_json_writer *writer, struct kp_str name);

// kp_json_put_str escapes what must be; bytes that are not UTF-8 become U+FFFD.
void kp_json_put_str(struct kp_json_writer *writer, struct kp_str text);
void kp_json_put_bytes(struct kp_json_writer *writer, struct kp_bytes bytes); // as base64
void kp_json_put_i64(struct kp_json_writer *writer, int64_t value);
// kp_json_put_f64 and kp_json_put_f32 write the shortest number that reads back the same, and NaN
// and the infinities as strings.
void kp_json_put_f64(struct kp_json_writer *writer, double value);
void kp_json_put_f32(struct kp_json_writer *writer, float value);
void kp_json_put_bool(struct kp_json_writer *writer, bool value);
void kp_json_put_null(struct kp_json_writer *writer);
// kp_json_put writes a tree.
void kp_json_put(struct kp_json_writer *writer, const struct kp_json *json);
