// text.c - small operations on text views.
#include "base/text.h"

int kp_str_compare(struct kp_str a, struct kp_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct kp_str kp_str_trim(struct kp_str str)
{
	size_t start = 0, end = str.len;
	while (start < end && is_space(str.ptr[start]))
		start++;
	while (end > start && is_space(str.ptr[end - 1]))
		end--;
	return kp_str_sub(str, start, end);
}

bool kp_str_starts_with(struct kp_str str, struct kp_str prefix)
{
	return str.len >= prefix.len && kp_str_equal(kp_str_sub(str, 0, prefix.len), prefix);
}

bool kp_str_ends_with(struct kp_str str, struct kp_str suffix)
{
	return str.len >= suffix.len &&
	       kp_str_equal(kp_str_sub(str, str.len - suffix.len, str.len), suffix);
}

size_t kp_str_find(struct kp_str str, char c)
{
	const char *at = str.len ? memchr(str.ptr, c, str.len) : NULL;
	return at ? (size_t)(at - str.ptr) : str.len;
}

bool kp_str_split_next(struct kp_str *rest, char c, struct kp_str *ret_part)
{
	if (!rest->ptr)
		return false;
	size_t at = kp_str_find(*rest, c);
	*ret_part = kp_str_sub(*rest, 0, at);
	*rest = at < rest->len ? kp_str_sub(*rest, at + 1, rest->len) : (struct kp_str){0};
	return true;
}

kp_err kp_str_i64(struct kp_str str, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = str.len > 0 && str.ptr[0] == '-';
	size_t i = str.len > 0 && (str.ptr[0] == '-' || str.ptr[0] == '+');
	if (i == str.len)
		return KP_ERR_INVALID;
	int64_t value = 0;
	bool is_over = false;
	for (; i < str.len; i++) {
		if (str.ptr[i] < '0' || str.ptr[i] > '9')
			return KP_ERR_INVALID;
		int digit = str.ptr[i] - '0';
		is_over |= __builtin_mul_overflow(value, 10, &value);
		is_over |= __builtin_sub_overflow(value, digit, &value);
	}
	if (!negative)
		is_over |= __builtin_sub_overflow(0, value, &value);
	if (is_over || value < min || value > max)
		return KP_ERR_LIMIT;
	*ret = value;
	return KP_OK;
}
