// digest.c - SHA-256 of files.
#include "os/digest.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

enum {
	READ_STEP = 64 << 10,
	DIGEST_SIZE = 32,
};

static kp_err fail(struct kp_why *why, const char *what, const char *path)
{
	int number = errno;
	return kp_why_set(why, kp_file_error(number), "cannot %s %s: %s", what, path,
	                  strerror(number));
}

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void digest_freep(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static bool digest_file(int fd, EVP_MD_CTX *context, uint8_t *buffer, unsigned char *digest)
{
	if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		return false;
	for (;;) {
		ssize_t got = read(fd, buffer, READ_STEP);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			return EVP_DigestFinal_ex(context, digest, NULL) == 1;
		if (EVP_DigestUpdate(context, buffer, (size_t)got) != 1)
			return false;
	}
}

static void print_hex(const unsigned char digest[DIGEST_SIZE], char ret[KP_DIGEST_TEXT_SIZE])
{
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

kp_err kp_digest_file(const char *path, char ret[KP_DIGEST_TEXT_SIZE], struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	kp_cleanup(kp_freep) uint8_t *buffer = kp_alloc(READ_STEP);
	kp_cleanup(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!buffer || !context)
		return KP_ERR_NOMEM;
	unsigned char digest[DIGEST_SIZE];
	if (!digest_file(fd, context, buffer, digest))
		return fail(why, "read", path);
	print_hex(digest, ret);
	return KP_OK;
}

kp_err kp_digest_bytes(struct kp_bytes bytes, char ret[KP_DIGEST_TEXT_SIZE])
{
	unsigned char digest[DIGEST_SIZE];
	if (EVP_Digest(bytes.ptr, bytes.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return KP_ERR_NOMEM;
	print_hex(digest, ret);
	return KP_OK;
}
