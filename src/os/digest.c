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

kp_err kp_digest_file(const char *path, char ret[KP_DIGEST_TEXT_SIZE], struct kp_why *why)
{
	kp_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	kp_cleanup(kp_freep) uint8_t *buffer = kp_alloc(READ_STEP);
	kp_cleanup(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!buffer || !context)
		return KP_ERR_NOMEM;
	unsigned char digest[32];
	if (!digest_file(fd, context, buffer, digest))
		return fail(why, "read", path);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return KP_OK;
}
