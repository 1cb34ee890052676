// base64.c - bytes as text.
#include "base/base64.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void kp_base64_encode(struct kp_bytes bytes, struct kp_buf *out)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = 0;
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < count ? bytes.ptr[i + k] : 0);
		char quad[4] = {'=', '=', '=', '='};
		for (size_t k = 0; k <= count; k++)
			quad[k] = digits[bits >> (18 - 6 * k) & 63];
		kp_buf_append(out, quad, 4);
	}
}

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct kp_str without_padding(struct kp_str text)
{
	if (text.len % 4 != 0)
		return text;
	for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++)
		text.len--;
	return text;
}

kp_err kp_base64_decode(struct kp_str text, struct kp_arena *arena, struct kp_bytes *ret)
{
	text = without_padding(text);
	if (text.len % 4 == 1)
		return KP_ERR_INVALID;
	uint8_t *data = kp_arena_alloc(arena, text.len / 4 * 3 + 3);
	if (!data)
		return KP_ERR_NOMEM;
	size_t len = 0;
	uint32_t bits = 0;
	unsigned bit_count = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = digit_of(text.ptr[i]);
		if (digit < 0)
			return KP_ERR_INVALID;
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			data[len++] = (uint8_t)(bits >> bit_count);
		}
	}
	if (bits & ((1u << bit_count) - 1))
		return KP_ERR_INVALID;
	*ret = (struct kp_bytes){data, len};
	return KP_OK;
}
