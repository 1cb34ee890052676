// number.c - floating point numbers as text: the C library's own conversions under the C locale.
#include "tars/number.h"

#include "base/mem.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Most numbers fit here; a longer text goes through the heap.
enum {
	TEXT_SIZE = 64
};

static bool looks_like_number(struct kp_str text)
{
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if ((c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' &&
		    c != 'E')
			return false;
	}
	return true;
}

// convert reads `text`, NUL at its end, as a double or, into *ret_f32, as a float.
static bool convert(const char *text, double *ret_f64, float *ret_f32)
{
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		return false;
	char *end;
	if (ret_f32)
		*ret_f32 = strtof_l(text, &end, c_locale);
	else
		*ret_f64 = strtod_l(text, &end, c_locale);
	freelocale(c_locale);
	return *end == '\0';
}

static kp_err read_number(struct kp_str text, double *ret_f64, float *ret_f32)
{
	if (!looks_like_number(text))
		return KP_ERR_INVALID;
	char small[TEXT_SIZE];
	kp_cleanup(kp_freep) char *large = NULL;
	char *copy = small;
	if (text.len >= sizeof(small)) {
		large = kp_strndup(text.ptr, text.len);
		if (!large)
			return KP_ERR_NOMEM;
		copy = large;
	} else {
		memcpy(small, text.ptr, text.len);
		small[text.len] = '\0';
	}
	return convert(copy, ret_f64, ret_f32) ? KP_OK : KP_ERR_INVALID;
}

kp_err kp_number_f64(struct kp_str text, double *ret)
{
	double value;
	kp_err err = read_number(text, &value, NULL);
	if (err == KP_OK && isinf(value))
		err = KP_ERR_LIMIT;
	if (err == KP_OK)
		*ret = value;
	return err;
}

kp_err kp_number_f32(struct kp_str text, float *ret)
{
	float value;
	kp_err err = read_number(text, NULL, &value);
	if (err == KP_OK && isinf(value))
		err = KP_ERR_LIMIT;
	if (err == KP_OK)
		*ret = value;
	return err;
}

static void format(double value, int digits, char text[KP_NUMBER_SIZE])
{
	snprintf(text, KP_NUMBER_SIZE, "%.*g", digits, value);
	// The program's locale may have another decimal point, of one byte or more.
	char *to = text;
	bool is_in_point = false;
	for (const char *from = text; *from; from++) {
		bool is_plain = (*from >= '0' && *from <= '9') || *from == '-' || *from == '+' ||
		                *from == 'e';
		if (is_plain)
			*to++ = *from;
		else if (!is_in_point)
			*to++ = '.';
		is_in_point = !is_plain;
	}
	*to = '\0';
}

void kp_number_format_f64(double value, char text[KP_NUMBER_SIZE])
{
	for (int digits = 15; digits <= 17; digits++) {
		double again = 0;
		format(value, digits, text);
		if (convert(text, &again, NULL) && again == value)
			return;
	}
}

void kp_number_format_f32(float value, char text[KP_NUMBER_SIZE])
{
	for (int digits = 6; digits <= 9; digits++) {
		float again = 0;
		format((double)value, digits, text);
		if (convert(text, NULL, &again) && again == value)
			return;
	}
}
