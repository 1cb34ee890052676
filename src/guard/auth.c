// auth.c - signatures of AK/SK, made and checked.
#include "guard/auth.h"

#include "base/try.h"

enum {
	SHA1_SIZE = 20,
	MD5_SIZE = 16,
	PAD = KP_AUTH_SIGNATURE_SIZE - KP_AUTH_SECRET_SIZE, // PKCS#5: as many bytes of this value
};

static void print_hex(const uint8_t *bytes, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static kp_err sha1_hex(const struct kp_auth_crypto *crypto, const void *data, size_t size,
                       char ret[KP_AUTH_SECRET_SIZE])
{
	uint8_t digest[SHA1_SIZE];
	KP_TRY(crypto->sha1((struct kp_bytes){data, size}, digest));
	print_hex(digest, SHA1_SIZE, ret);
	return KP_OK;
}

kp_err kp_auth_secret1(const struct kp_auth_crypto *crypto, struct kp_str secret_key,
                       char ret[KP_AUTH_SECRET_SIZE])
{
	return sha1_hex(crypto, secret_key.ptr, secret_key.len, ret);
}

kp_err kp_auth_key(const struct kp_auth_crypto *crypto, const char secret1[KP_AUTH_SECRET_SIZE],
                   int64_t time_s, char ret[KP_AUTH_KEY_SIZE])
{
	char secret2[KP_AUTH_SECRET_SIZE];
	uint8_t digest[MD5_SIZE];
	KP_TRY(sha1_hex(crypto, secret1, KP_AUTH_SECRET_SIZE, secret2));
	for (size_t i = 0; i < sizeof(time_s); i++)
		secret2[i] = (char)((uint8_t)secret2[i] | (uint8_t)((uint64_t)time_s >> (8 * i)));
	KP_TRY(crypto->md5((struct kp_bytes){(const uint8_t *)secret2, sizeof(secret2)}, digest));
	print_hex(digest, MD5_SIZE, ret);
	return KP_OK;
}

kp_err kp_auth_sign(const struct kp_auth_crypto *crypto, struct kp_str secret_key, int64_t time_s,
                    uint8_t ret[KP_AUTH_SIGNATURE_SIZE])
{
	char plain[KP_AUTH_SIGNATURE_SIZE], key[KP_AUTH_KEY_SIZE];
	KP_TRY(kp_auth_secret1(crypto, secret_key, plain));
	memset(plain + KP_AUTH_SECRET_SIZE, PAD, PAD);
	KP_TRY(kp_auth_key(crypto, plain, time_s, key));
	return crypto->des3((const uint8_t *)key, true,
	                    (struct kp_bytes){(const uint8_t *)plain, sizeof(plain)}, ret);
}

// differ compares without telling by its time where the difference is.
static bool differ(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t difference = 0;
	for (size_t i = 0; i < size; i++)
		difference |= left[i] ^ right[i];
	return difference != 0;
}

static bool is_wrong_key(struct kp_str claimed, struct kp_str expected)
{
	return claimed.len != expected.len || differ(claimed.ptr, expected.ptr, expected.len);
}

enum kp_auth_state kp_auth_check(const struct kp_auth_crypto *crypto,
                                 const struct kp_auth_claim *claim, struct kp_str access_key,
                                 struct kp_str secret_key, int64_t now_s)
{
	uint8_t expected[KP_AUTH_SIGNATURE_SIZE];
	if (!claim->has_object)
		return KP_AUTH_WRONG_OBJECT;
	if (access_key.len == 0 || is_wrong_key(claim->access_key, access_key))
		return KP_AUTH_WRONG_KEY;
	if (claim->time_s < now_s - KP_AUTH_SKEW_S || claim->time_s > now_s + KP_AUTH_SKEW_S)
		return KP_AUTH_WRONG_TIME;
	if (!kp_str_equal(claim->hash, kp_str("sha1")))
		return KP_AUTH_WRONG_HASH;
	if (kp_auth_sign(crypto, secret_key, claim->time_s, expected) != KP_OK)
		return KP_AUTH_ERROR;
	// 3DES is a permutation: the one signature that decrypts to the secret is this.
	if (claim->signature.len != sizeof(expected) ||
	    differ(claim->signature.ptr, expected, sizeof(expected)))
		return KP_AUTH_WRONG_SIGNATURE;
	return KP_AUTH_OK;
}
