// number.h - floating point numbers as text and back, whatever the program's locale.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

enum {
	KP_NUMBER_SIZE = 32
}; // holds any number's text and its NUL

// kp_number_f64 reads decimal text, rounding to the nearest value. INVALID: not all of it is a
// number, LIMIT: too large.
kp_err kp_number_f64(struct kp_str text, double *ret);
kp_err kp_number_f32(struct kp_str text, float *ret);

// kp_number_format_f64 writes the shortest decimal text that reads back as the same finite value.
void kp_number_format_f64(double value, char text[KP_NUMBER_SIZE]);
void kp_number_format_f32(float value, char text[KP_NUMBER_SIZE]);
