// codec.h - values to TARS bytes and back; what generated code is made of.
//
// Every type T has T_encode(out, tag, value) and T_decode(in, tag, need, &value); generated structs
// follow the same form. Encoding appends to a buffer that remembers its first error. Decoding
// yields views into the decoder's bytes, never copies, and takes lists from the decoder's arena;
// the decoder remembers its first error too. Source: contract part A.
#pragma once

#include "kipp/arena.h"
#include "kipp/buf.h"

KP_BEGIN_DECLS

enum {
	KP_DEPTH_MAX = 64
}; // nested structs, lists and maps that a decoder follows

enum kp_need {
	KP_OPTIONAL,
	KP_REQUIRED,
};

// kp_bool_encode and its kin append one field with `tag` (0..255). Integers take the narrowest
// form, 0 the zero form; unsigned types travel as the next wider signed one; floats always take
// their own form.
static inline void kp_bool_encode(struct kp_buf *out, unsigned tag, bool value);
static inline void kp_i8_encode(struct kp_buf *out, unsigned tag, int8_t value);
static inline void kp_i16_encode(struct kp_buf *out, unsigned tag, int16_t value);
static inline void kp_i32_encode(struct kp_buf *out, unsigned tag, int32_t value);
static inline void kp_i64_encode(struct kp_buf *out, unsigned tag, int64_t value);
static inline void kp_u8_encode(struct kp_buf *out, unsigned tag, uint8_t value);
static inline void kp_u16_encode(struct kp_buf *out, unsigned tag, uint16_t value);
static inline void kp_u32_encode(struct kp_buf *out, unsigned tag, uint32_t value);
KP_API void kp_f32_encode(struct kp_buf *out, unsigned tag, float value);
KP_API void kp_f64_encode(struct kp_buf *out, unsigned tag, double value);
KP_API void kp_str_encode(struct kp_buf *out, unsigned tag, struct kp_str value);
KP_API void kp_bytes_encode(struct kp_buf *out, unsigned tag, struct kp_bytes value);

// kp_struct_begin opens a nested struct, whose fields follow in ascending order of their tags,
// until kp_struct_end.
KP_API void kp_struct_begin(struct kp_buf *out, unsigned tag);
KP_API void kp_struct_end(struct kp_buf *out);

// kp_list_begin announces `count` elements, each of which is then encoded with tag 0.
KP_API void kp_list_begin(struct kp_buf *out, unsigned tag, size_t count);

// kp_map_begin announces `count` pairs, each of which is a key with tag 0 and a value with tag 1.
KP_API void kp_map_begin(struct kp_buf *out, unsigned tag, size_t count);

struct kp_decoder {
	const uint8_t *ptr;
	const uint8_t *end;
	struct kp_arena *arena; // borrowed; where lists and maps go
	kp_err err;             // the first error: DECODE, NOMEM or LIMIT
	unsigned depth;
	unsigned tag; // of the field that the error is about
};

static inline struct kp_decoder kp_decoder(struct kp_bytes bytes, struct kp_arena *arena)
{
	struct kp_decoder in = {
	        bytes.ptr, bytes.ptr ? bytes.ptr + bytes.len : NULL, arena, KP_OK, 0, 0};
	return in;
}

// kp_bool_decode and its kin look for the field `tag` at the current level, skipping smaller tags.
// Returns true and writes *ret when it is there. Absent: false, *ret untouched, and an error if it
// is required. Malformed: false and an error. Any narrower integer is accepted for a wider type;
// floats accept the zero form, doubles floats too.
static inline bool kp_bool_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                  bool *ret);
static inline bool kp_i8_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                int8_t *ret);
static inline bool kp_i16_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 int16_t *ret);
static inline bool kp_i32_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 int32_t *ret);
static inline bool kp_i64_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 int64_t *ret);
static inline bool kp_u8_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                uint8_t *ret);
static inline bool kp_u16_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 uint16_t *ret);
static inline bool kp_u32_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 uint32_t *ret);
static inline bool kp_f32_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 float *ret);
static inline bool kp_f64_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 double *ret);
static inline bool kp_str_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                                 struct kp_str *ret);

// kp_bytes_decode accepts the simple list (a view) and a list of int8 (copied into the arena).
KP_API bool kp_bytes_decode(struct kp_decoder *in, unsigned tag, enum kp_need need,
                            struct kp_bytes *ret);

// kp_struct_enter steps into a nested struct; kp_struct_leave skips what is left of it, unknown
// fields included.
static inline bool kp_struct_enter(struct kp_decoder *in, unsigned tag, enum kp_need need);
static inline void kp_struct_leave(struct kp_decoder *in);

// kp_list_enter steps into a list and tells its length, which never exceeds the bytes left;
// elements have tag 0. kp_map_enter does the same for a map. Each is closed by kp_list_leave once
// its elements are decoded.
KP_API bool kp_list_enter(struct kp_decoder *in, unsigned tag, enum kp_need need,
                          size_t *ret_count);
KP_API bool kp_map_enter(struct kp_decoder *in, unsigned tag, enum kp_need need, size_t *ret_count);
static inline void kp_list_leave(struct kp_decoder *in);

// kp_decoder_alloc returns `count` × `size` cleared bytes from the arena, or NULL and an error.
KP_API void *kp_decoder_alloc(struct kp_decoder *in, size_t count, size_t size);

// kp_decoder_skip_rest checks what is left of the outermost level. Returns the decoder's error.
KP_API kp_err kp_decoder_skip_rest(struct kp_decoder *in);

KP_END_DECLS

#include "kipp/inline.h" // IWYU pragma: export
