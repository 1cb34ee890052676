// api.h - marks of the public interface.
#pragma once

#if defined(__GNUC__)
#define KP_API                 __attribute__((visibility("default")))
#define KP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define KP_LIKELY(x)           __builtin_expect(!!(x), 1)
#define KP_UNLIKELY(x)         __builtin_expect(!!(x), 0)
#else
#define KP_API
#define KP_PRINTF(text, first)
#define KP_LIKELY(x)   (x)
#define KP_UNLIKELY(x) (x)
#endif

#ifdef __cplusplus
#define KP_BEGIN_DECLS extern "C" {
#define KP_END_DECLS   }
#else
#define KP_BEGIN_DECLS
#define KP_END_DECLS
#endif
