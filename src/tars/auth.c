// auth.c - the AK/SK package, read and written.
#include "tars/auth.h"

enum {
	TAG_OBJECT = 1,
	TAG_ACCESS_KEY,
	TAG_TIME,
	TAG_HASH,
	TAG_SIGNATURE,
};

static const struct kp_str sha1 = KP_STR("sha1");

void kp_auth_package_encode(struct kp_buf *out, const struct kp_auth_package *package)
{
	kp_str_encode(out, TAG_OBJECT, package->object);
	kp_str_encode(out, TAG_ACCESS_KEY, package->access_key);
	kp_i64_encode(out, TAG_TIME, package->time_s);
	if (!kp_str_equal(package->hash, sha1))
		kp_str_encode(out, TAG_HASH, package->hash);
	kp_str_encode(
	        out, TAG_SIGNATURE,
	        (struct kp_str){(const char *)package->signature.ptr, package->signature.len});
}

kp_err kp_auth_package_decode(struct kp_bytes bytes, struct kp_auth_package *ret)
{
	struct kp_decoder in = kp_decoder(bytes, NULL);
	struct kp_auth_package package = {.hash = sha1};
	struct kp_str signature = {0};
	kp_str_decode(&in, TAG_OBJECT, KP_REQUIRED, &package.object);
	kp_str_decode(&in, TAG_ACCESS_KEY, KP_REQUIRED, &package.access_key);
	kp_i64_decode(&in, TAG_TIME, KP_REQUIRED, &package.time_s);
	kp_str_decode(&in, TAG_HASH, KP_OPTIONAL, &package.hash);
	kp_str_decode(&in, TAG_SIGNATURE, KP_OPTIONAL, &signature);
	if (in.err != KP_OK)
		return in.err;
	package.signature = (struct kp_bytes){(const uint8_t *)signature.ptr, signature.len};
	*ret = package;
	return KP_OK;
}
