// err.c - names and texts of the framework's outcomes.
#include "kipp/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *kp_err_name(kp_err err)
{
	switch (err) {
#define KP_ERR_CASE(number, name, text) \
	case KP_ERR_##name:             \
		return #name;
		KP_ERR_MAP(KP_ERR_CASE)
#undef KP_ERR_CASE
	}
	return "UNKNOWN";
}

const char *kp_err_text(kp_err err)
{
	switch (err) {
#define KP_ERR_CASE(number, name, text) \
	case KP_ERR_##name:             \
		return text;
		KP_ERR_MAP(KP_ERR_CASE)
#undef KP_ERR_CASE
	}
	return "unknown error";
}

kp_err kp_why_set(struct kp_why *why, kp_err err, const char *format, ...)
{
	if (!why)
		return err;
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return err;
}
