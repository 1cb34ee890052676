// fuzz_auth.c - any bytes as the first packet of a connection that has to prove an access key; what
// is read can be written, and reads the same again.
#include "base/assert.h"
#include "rpc/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static kp_err constant20(struct kp_bytes bytes, uint8_t ret[20])
{
	memset(ret, (int)bytes.len, 20);
	return KP_OK;
}

static kp_err constant16(struct kp_bytes bytes, uint8_t ret[16])
{
	memset(ret, (int)bytes.len, 16);
	return KP_OK;
}

static kp_err copy(const uint8_t key[24], bool encrypts, struct kp_bytes blocks, uint8_t *ret)
{
	(void)key;
	(void)encrypts;
	memcpy(ret, blocks.ptr, blocks.len);
	return KP_OK;
}

static const struct kp_auth_crypto crypto = {constant20, constant16, copy};

static void check_again(const struct kp_auth_package *package)
{
	struct kp_buf out = {0};
	struct kp_auth_package again;
	kp_auth_package_encode(&out, package);
	kp_assert(out.err == KP_OK);
	kp_assert(kp_auth_package_decode(kp_buf_bytes(&out), &again) == KP_OK);
	kp_assert(kp_str_equal(again.object, package->object));
	kp_assert(kp_str_equal(again.access_key, package->access_key));
	kp_assert(kp_str_equal(again.hash, package->hash));
	kp_assert(kp_bytes_equal(again.signature, package->signature));
	kp_assert(again.time_s == package->time_s);
	kp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_request_packet request;
	struct kp_auth_package package;
	if (auth_read((struct kp_bytes){data, size}, &request, &package) != KP_OK)
		return 0;
	kp_assert(size + KP_FRAME_HEAD_SIZE < KP_AUTH_FRAME_MAX);
	check_again(&package);
	struct kp_auth_claim claim = {.has_object = true,
	                              .access_key = package.access_key,
	                              .time_s = package.time_s,
	                              .hash = package.hash,
	                              .signature = package.signature};
	enum kp_auth_state state = kp_auth_check(&crypto, &claim, kp_str("ak"), kp_str("sk"), 0);
	kp_assert(state <= KP_AUTH_OK && state >= KP_AUTH_ERROR);
	return 0;
}
