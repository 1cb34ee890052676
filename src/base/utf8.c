// utf8.c - the table of RFC 3629, as code.
#include "base/utf8.h"

static uint32_t code_min(size_t size)
{
	return size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
}

size_t kp_utf8_next(struct kp_str text, uint32_t *ret_code)
{
	if (text.len == 0 || !text.ptr)
		return 0;
	const uint8_t *at = (const uint8_t *)text.ptr;
	if (at[0] < 0x80) {
		*ret_code = at[0];
		return 1;
	}
	size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || text.len < size)
		return 0;

	uint32_t code = at[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < code_min(size) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return size;
}

size_t kp_utf8_put(uint32_t code, char to[4])
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		to[i] = (char)(0x80 | (code & 0x3f));
	to[0] = (char)((0xf00u >> size & 0xff) | code);
	return size;
}

bool kp_utf8_is_valid(struct kp_str text)
{
	uint32_t code;
	for (size_t i = 0, size; i < text.len; i += size) {
		size = kp_utf8_next(kp_str_sub(text, i, text.len), &code);
		if (size == 0)
			return false;
	}
	return true;
}
