// travel.c - what a call carries to the next hop beside its arguments: deadline, priority, caller.
#include "guard/travel.h"

// A deadline in microseconds must survive being turned into nanoseconds.
#define LEFT_US_MAX     (INT64_MAX / 1000)
#define VERSION_MAX     999999
#define NUMBER_SIZE_MAX 19 // digits of INT64_MAX

// --- reading

static bool read_number(struct kp_str text, int64_t max, int64_t *ret)
{
	if (text.len == 0 || text.len >= NUMBER_SIZE_MAX)
		return false;
	int64_t number = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
		if (digit > 9)
			return false;
		number = number * 10 + (int64_t)digit;
	}
	if (number > max)
		return false;
	*ret = number;
	return true;
}

static bool is_one(struct kp_str text)
{
	return text.len == 1 && text.ptr[0] == '1';
}

// is_caller: a name is printable and has no blank; it ends up in logs and explanations.
static bool is_caller(struct kp_str text)
{
	if (text.len == 0 || text.len > KP_TRAVEL_CALLER_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == ',')
			return false;
	return true;
}

static void read_item(char letter, struct kp_str value, struct kp_travel *travel)
{
	int64_t number;
	switch (letter) {
	case 'd':
		if (read_number(value, LEFT_US_MAX, &number))
			travel->left_us = number;
		break;
	case 'p':
		if (read_number(value, KP_PRIORITY_MAX, &number))
			travel->priority = (int)number;
		break;
	case 'r':
		travel->is_retry |= is_one(value);
		break;
	case 'b':
		travel->is_busy |= is_one(value);
		break;
	case 'v':
		if (read_number(value, VERSION_MAX, &number))
			travel->version = (int)number;
		break;
	case 'c':
		if (is_caller(value))
			travel->caller = value;
		break;
	default:
		break;
	}
}

void kp_travel_parse(struct kp_str text, struct kp_travel *ret)
{
	*ret = kp_travel_none();
	for (size_t start = 0; start < text.len;) {
		size_t end = start;
		while (end < text.len && text.ptr[end] != ',')
			end++;
		if (end > start)
			read_item(text.ptr[start], kp_str_sub(text, start + 1, end), ret);
		start = end + 1;
	}
}

// --- writing

static char *put_letter(char *at, const char *text, char letter)
{
	if (at != text)
		*at++ = ',';
	*at++ = letter;
	return at;
}

static char *put_number(char *at, int64_t number)
{
	char digits[NUMBER_SIZE_MAX + 1];
	size_t start = sizeof(digits);
	do {
		digits[--start] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(at, digits + start, sizeof(digits) - start);
	return at + (sizeof(digits) - start);
}

static char *put_item(char *at, const char *text, char letter, int64_t number)
{
	return put_number(put_letter(at, text, letter), number);
}

size_t kp_travel_format(const struct kp_travel *travel, char *text)
{
	char *at = text;
	if (travel->left_us >= 0 && travel->left_us <= LEFT_US_MAX)
		at = put_item(at, text, 'd', travel->left_us);
	if (travel->priority >= 0 && travel->priority <= KP_PRIORITY_MAX)
		at = put_item(at, text, 'p', travel->priority);
	if (travel->is_retry)
		at = put_item(at, text, 'r', 1);
	if (travel->is_busy)
		at = put_item(at, text, 'b', 1);
	if (travel->version > 0 && travel->version <= VERSION_MAX)
		at = put_item(at, text, 'v', travel->version);
	if (is_caller(travel->caller)) {
		at = put_letter(at, text, 'c');
		memcpy(at, travel->caller.ptr, travel->caller.len);
		at += travel->caller.len;
	}
	return (size_t)(at - text);
}
